// SPDX-License-Identifier: MIT
//
// One keep-alive line to the service, with the links that travel on it. A batch travels in parts:
// whole at first, in halves when the service does not take it whole. Buffers are kept from batch to
// batch, so that the steady path allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "idmerge/core/dialect.hpp"
#include "idmerge/net/client.hpp"
#include "idmerge/run/cursor.hpp"

namespace idmerge {

/// Links of a batch that travel in one request.
struct Part {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// How often a request was tried.
struct Tries {
  std::uint32_t sent = 0;
  std::uint32_t failed = 0;  // without 429, which says nothing about the links
  bool resent = false;       // may the service have seen one of its links before?
  bool unanswered = false;   // did a request go out that nothing came back for?
};

struct Lane {
  Lane(asio::io_context& io, Endpoint& endpoint) : connection(endpoint), timer(io) {}

  Connection connection;
  Timer timer;  // of its waits
  Batch batch;
  std::vector<Part> parts;  // of the batch, still to be sent; the next one last
  std::string request;
  Outcome outcome;
  std::uint32_t credentials = 0;  // which ones the request was made with
  Instant left{};                 // when the request was sent last
  std::uint32_t failures = 0;     // in a row, of opening the connection

  std::span<const Link> links(Part part) const {
    return std::span(batch.links).subspan(part.first, part.count);
  }

  /// The whole batch is to be sent.
  void begin() { parts.assign(1, {0, batch.links.size()}); }

  bool has_parts() const { return !parts.empty(); }

  /// The next part to be sent.
  Part take();

  /// The request carries only so many links of a part: the rest comes next.
  Part keep_rest(Part part, std::size_t carried);

  /// A part is to be sent again in two halves. Bug if it has one link.
  void split(Part part);
};

}  // namespace idmerge
