// SPDX-License-Identifier: MIT
//
// A worker: its requests in flight, and the connection on which it sends them while it has a permit
// (see ConnectionPool). A worker has as many requests in flight as it may pipeline; each carries
// one batch as a list of slices: at first one slice, and halves if the service does not take the
// batch as a whole. The state of the links (number of attempts, whether they may have been
// delivered) is kept per slice and inherited by its halves. Buffers are reused from batch to batch,
// so that the steady state allocates no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "send/connection_pool.hpp"
#include "send/plan_cursor.hpp"
#include "send/runtime.hpp"
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
  Worker(Runtime& runtime, std::size_t pipeline) : sleep(runtime), requests_in_flight(pipeline) {}

  PooledConnection* connection = nullptr;  // none while it waits for a permit
  Sleep sleep;                             // for backoff and other waits
  std::vector<RequestInFlight> requests_in_flight;

  /// Index of the request in flight that is sent first; rotates, so that none starves.
  std::size_t first = 0;

  std::vector<RequestInFlight*> pipelined;  // sent together, in the order of their answers
  std::string requests;  // the concatenated requests of `pipelined`, if there are several

  /// The connection ended at its request: it is sent first and alone.
  RequestInFlight* retry_first = nullptr;

  Outcome outcome;
  std::uint32_t failures = 0;  // consecutive failures to open a connection

  /// Returns whether it holds an open connection.
  bool is_connected() const { return connection != nullptr && connection->is_open(); }

  /// Returns: the number of requests that it may send together now.
  std::size_t pipelined_max() const {
    return connection != nullptr ? connection->pipelined_max : 1;
  }

  /// Returns whether a request in flight has a slice to send.
  bool has_slices() const;

  /// Returns whether a request in flight has an unused permit.
  bool holds_permit() const;

  /// Returns whether it may be given a connection that was used before: not for a request at which
  /// a connection ended, because only a new one shows whether that request was the cause.
  bool may_take_used() const { return retry_first == nullptr; }

  /// Returns: a request whose backoff is over and that is not among the pipelined ones; null if
  /// there is none. One with a permit comes first, because a permit is for now: used later, it
  /// would be used together with others.
  RequestInFlight* next_to_send(Instant now);

  /// Moves the request in flight to the end of the order, because it is being sent.
  void advance_past(const RequestInFlight& in_flight);

  /// Gives up all unused permits.
  void give_up_permits();

  /// Returns: the earliest end of a backoff. Bug if no request in flight has a slice.
  Instant earliest_due() const;
};

}  // namespace idmerge::send
