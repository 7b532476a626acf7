// SPDX-License-Identifier: MIT
//
// One keep-alive line to the service, with the links that travel on it. While it waits for its
// turn, a lane may lend its connection to one whose turn comes first: see Gate. A lane has as many
// flights as requests may be under way on it at once; a flight carries one batch, in parts: whole
// at first, in halves when the service does not take it whole. What is known about links (how often
// they were sent, whether they may be delivered already) stays with the part and is inherited by
// its halves. Buffers are kept from batch to batch, so that the steady path allocates nothing.
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

/// How often a request was tried.
struct Tries {
  std::uint32_t sent = 0;
  std::uint32_t failed = 0;  // without 429, which says nothing about the links
  bool in_doubt = false;     // may an earlier try, of this run, have delivered one of its links?

  bool operator==(const Tries&) const = default;
};

/// Links of a batch that travel in one request.
struct Part {
  std::size_t first = 0;
  std::size_t count = 0;
  Tries tries = {};
  bool is_cut = false;  // from the one behind it, only because the service takes few at the moment
};

/// A batch on its way. Shape: the next part to be sent is the last of `parts`.
struct Flight {
  Batch batch;
  std::vector<Part> parts;
  std::string request;             // for the next part; empty while it is not prepared
  std::uint32_t credentials = 0;   // which ones the request was made with
  std::size_t links_max = 0;       // what it was cut to
  std::uint32_t failures_max = 1;  // before a part is given up
  bool passed = false;             // is its turn at the gate still unused?
  Instant left{};                  // when it was sent last
  Instant due{};                   // not to be sent before

  bool has_parts() const { return !parts.empty(); }
  Part& next() { return parts.back(); }

  std::span<const Link> links(const Part& part) const {
    return std::span(batch.links).subspan(part.first, part.count);
  }

  std::span<const std::uint64_t> ordinals(const Part& part) const {
    return std::span(batch.ordinals).subspan(part.first, part.count);
  }

  /// The whole batch is to be sent. `in_doubt`: as Tries.
  void begin(bool in_doubt, std::uint32_t failures_max);

  /// Make the request for the next part, unless it stands there already. What does not fit into it
  /// becomes a part of its own, and so does what is beyond `links_at_most`. One that has its turn
  /// keeps the links that it has it for.
  void prepare(Dialect& dialect, std::uint32_t credentials, std::size_t links_at_most);

  /// The next part is settled, or given up.
  void finish_next();

  /// The next part is to be sent in two halves. Bug if it has one link.
  void split_next();

  /// The first `count` links of the next part become a part of their own, to be sent first.
  void cut_next(std::size_t count);

  /// What was cut off because of the rate, and not sent since, is joined with the rest again.
  void undo_cut();
};

struct Lane {
  /// Units: at most `pipeline` requests under way.
  Lane(asio::io_context& io, Endpoint& endpoint, std::size_t pipeline)
      : connection(endpoint), timer(io), flights(pipeline) {}

  Connection connection;
  Timer timer;  // of its waits
  std::vector<Flight> flights;
  std::size_t first = 0;      // which of them goes first: none waits for what came after it
  std::vector<Flight*> pipe;  // under way, in the order of their answers
  std::string requests;       // of the pipe, when there are several
  std::size_t pipe_max = 1;   // until the service has shown that it keeps the connection
  Flight* suspect = nullptr;  // the connection ended upon its request: it goes first, alone
  Outcome outcome;
  std::uint32_t failures = 0;  // in a row, of opening the connection
  std::uint64_t line = 0;      // number of the connection that it had its last answer on
  std::uint64_t carried = 0;   // links that were answered on that

  /// Is there anything left to be sent?
  bool has_parts() const;

  /// Does a flight have its turn, still unused?
  bool has_passed() const;

  /// May it send on a connection that another lane has used? Not after an end of which its request
  /// is suspected: on a connection of its own it is seen whether that is to blame.
  bool may_take_connection() const { return !connection.is_open() && suspect == nullptr; }

  /// Change connections, with what is known about them, while neither is at work.
  void swap_connection(Lane& other) noexcept;

  /// The first flight that waits for nothing but its turn at the gate.
  Flight* first_due(Instant now);

  /// The flight leaves: the one behind it goes first now.
  void advance_past(const Flight& flight);

  /// The turns that are still unused are given up.
  void give_up_turns();

  /// When the backoff of the first one ends. Bug if there is nothing left to be sent.
  Instant earliest_due() const;

  /// The pipe was answered, or broke: let it be longer, or begin again with one.
  void adapt_pipe(bool answered);
};

}  // namespace idmerge
