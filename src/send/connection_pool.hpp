// SPDX-License-Identifier: MIT
//
// All connections of a run. A worker holds a connection only while it may send: before it waits for
// a permit it returns its connection, and with the permit it gets an idle one, or one to open. So
// no component touches the connection of another worker, and while few requests may be sent, few
// connections are used and the others stay idle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "net/connection.hpp"

namespace idmerge::send {

/// A connection and what is known about it.
struct PooledConnection {
  std::unique_ptr<net::Connection> line;
  std::size_t pipelined_max = 1;  // grows once the service keeps the connection alive
  std::uint64_t answered = 0;     // number of the line that gave the last answer
  std::uint64_t carried = 0;      // links answered on that line
  bool is_idle = false;           // open, and held by no worker

  bool is_open() const { return line->is_open(); }

  /// Adapts the maximum of pipelined requests: doubles it, up to `most`, when the connection was
  /// kept alive, resets it to one when the connection ended.
  void adapt_pipeline(std::size_t most);
};

/// Connections that gave more answers than they had requests.
struct SurplusAnswers {
  std::vector<std::uint64_t> lines;  // their numbers
  std::uint64_t carried = 0;         // links that were answered on them
};

class ConnectionPool {
 public:
  explicit ConnectionPool(std::function<std::unique_ptr<net::Connection>()> make)
      : make_(std::move(make)) {}

  /// Returns a connection to the pool.
  void release(PooledConnection& connection);

  /// Returns: `own` if it is idle, otherwise the idle connection that was used last, so that
  /// surplus connections stay idle; null if there is none. It stays in the pool until take().
  PooledConnection* find_idle(PooledConnection* own) const;

  /// Takes an idle connection out of the pool. Requires: it is idle.
  PooledConnection& take(PooledConnection& idle);

  /// Takes a connection that is not open. Makes one if all are in use.
  PooledConnection& take_closed();

  std::size_t idle() const { return idle_.size(); }
  std::size_t size() const { return all_.size(); }

  /// Checks all connections for surplus answers, and counts `found`, where one was seen already.
  SurplusAnswers look_for_surplus(const PooledConnection* found);

  /// Closes all connections, also those that are in use.
  void close();

 private:
  std::function<std::unique_ptr<net::Connection>()> make_;
  std::vector<std::unique_ptr<PooledConnection>> all_;
  std::vector<PooledConnection*> idle_;    // the one used last at the back
  std::vector<PooledConnection*> closed_;  // held by no worker
};

}  // namespace idmerge::send
