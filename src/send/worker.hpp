// SPDX-License-Identifier: MIT
//
// A worker: one kept-alive connection to the service and its in-request in flight requests. While
// it waits for a permit, a worker may lend its connection to one whose permit comes first; see
// Scheduler. A worker has as many requests in flight as it may have requests in flight; a request
// in flight carries one batch as a list of slices: at first one slice, and halves if the service
// does not take the batch as a whole. The state of the links (number of attempts, whether they may
// have been delivered) is kept per slice and inherited by its halves. Buffers are reused from batch
// to batch, so that the steady state allocates no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/client.hpp"
#include "send/plan_cursor.hpp"
#include "send/service_api.hpp"

namespace idmerge::send {

/// Attempts of a request.
struct Tries {
  std::uint32_t sent = 0;
  std::uint32_t failed = 0;  // not counting 429, which says nothing about the links
  bool in_doubt = false;     // an earlier attempt of this run may have delivered a link of it

  bool operator==(const Tries&) const = default;
};

/// Slice: links of a batch that are sent in one request.
struct Slice {
  std::size_t first = 0;
  std::size_t count = 0;
  Tries tries = {};
  bool is_cut = false;  // cut from the slice after it, only because of the present rate
};

/// A batch that is being sent. The last element of `slices` is sent next.
struct RequestInFlight {
  Batch batch;
  std::vector<Slice> slices;
  std::string request;             // for the next slice; empty until it is prepared
  std::uint32_t credentials = 0;   // version of the credentials in the request
  std::size_t links_max = 0;       // maximum with which it was prepared
  std::uint32_t failures_max = 1;  // before a slice is given up
  bool has_permit = false;         // has a permit that is not yet used
  Instant left{};                  // time of the last attempt
  Instant due{};                   // earliest time of the next attempt

  bool has_slices() const { return !slices.empty(); }
  Slice& next() { return slices.back(); }

  std::span<const input::Link> links(const Slice& slice) const {
    return std::span(batch.links).subspan(slice.first, slice.count);
  }

  std::span<const std::uint64_t> ordinals(const Slice& slice) const {
    return std::span(batch.ordinals).subspan(slice.first, slice.count);
  }

  /// Starts a batch as one slice. `in_doubt`: as in Tries.
  void begin(bool in_doubt, std::uint32_t failures_max);

  /// Prepares the request of the next slice, unless it is already prepared. Links that do not fit
  /// into it, or exceed `links_at_most`, become a slice of their own. A request that has a permit
  /// keeps the links for which it was acquired.
  void prepare(ServiceApi& service_api, std::uint32_t credentials, std::size_t links_at_most);

  /// Removes the next slice: it is settled or given up.
  void finish_next();

  /// Splits the next slice into halves. Bug if it has one link.
  void split_next();

  /// Makes the first `count` links of the next slice a slice of their own, which is sent first.
  void cut_next(std::size_t count);

  /// Joins slices that were cut because of the rate and not sent since with the rest again.
  void undo_cut();
};

struct Worker {
  /// Units: `pipeline` is the maximum of requests in flight on the connection.
  Worker(asio::io_context& io, net::Endpoint& endpoint, std::size_t pipeline)
      : connection(endpoint), timer(io), requests_in_flight(pipeline) {}

  net::Connection connection;
  net::Timer timer;  // for backoff and other waits
  std::vector<RequestInFlight> requests_in_flight;
  std::size_t first =
      0;  // index of the request in flight that is sent first; rotates, so that none starves
  std::vector<RequestInFlight*>
      pipelined;                  // in-request in flight requests, in the order of their answers
  std::string requests;           // the concatenated requests of `pipelined`, if there are several
  std::size_t pipelined_max = 1;  // grows once the service keeps the connection alive
  RequestInFlight* retry_first =
      nullptr;  // the connection ended at its request: it is sent first and alone
  Outcome outcome;
  std::uint32_t failures = 0;  // consecutive failures to open the connection
  std::uint64_t line = 0;      // number of the connection that gave the last answer
  std::uint64_t carried = 0;   // links answered on that connection

  /// Returns whether a request in flight has a slice to send.
  bool has_slices() const;

  /// Returns whether a request in flight has an unused permit.
  bool holds_permit() const;

  /// Returns whether it may take the connection of another worker: it has none of its own, and no
  /// suspect. For a suspect, a new connection shows whether the request caused the end of the
  /// previous one.
  bool may_take_connection() const { return !connection.is_open() && retry_first == nullptr; }

  /// Swaps connections and their state. Requires: neither worker has requests in flight.
  void swap_connection(Worker& other) noexcept;

  /// Returns: the first request in flight whose backoff is over; null if there is none.
  RequestInFlight* first_due(Instant now);

  /// Moves the request in flight to the end of the order, because it is being sent.
  void advance_past(const RequestInFlight& in_flight);

  /// Gives up all unused permits.
  void give_up_permits();

  /// Returns: the earliest end of a backoff. Bug if no request in flight has a slice.
  Instant earliest_due() const;

  /// Adapts the maximum of pipelined requests: doubles it when the connection was kept alive,
  /// resets it to one when the connection ended.
  void adapt_pipeline(bool answered);
};

}  // namespace idmerge::send
