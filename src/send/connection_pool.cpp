// SPDX-License-Identifier: MIT
#include "send/connection_pool.hpp"

#include <algorithm>
#include <utility>

#include "util/check.hpp"

namespace idmerge::send {

void PooledConnection::adapt_pipeline(std::size_t most) {
  pipelined_max = is_open() ? std::min(2 * pipelined_max, most) : 1;
}

void ConnectionPool::release(PooledConnection& connection) {
  IDMERGE_CHECK(!connection.is_idle);
  connection.is_idle = connection.is_open();
  (connection.is_idle ? idle_ : closed_).push_back(&connection);
}

PooledConnection* ConnectionPool::find_idle(PooledConnection* own) const {
  if (own != nullptr && own->is_idle) return own;
  return idle_.empty() ? nullptr : idle_.back();
}

PooledConnection& ConnectionPool::take(PooledConnection& idle) {
  IDMERGE_CHECK(idle.is_idle);
  idle.is_idle = false;
  idle_.erase(std::find(idle_.begin(), idle_.end(), &idle));
  return idle;
}

PooledConnection& ConnectionPool::take_closed() {
  if (closed_.empty()) {
    all_.push_back(std::make_unique<PooledConnection>());
    all_.back()->line = make_();
    return *all_.back();
  }
  PooledConnection& connection = *closed_.back();
  closed_.pop_back();
  connection.pipelined_max = 1;
  return connection;
}

SurplusAnswers ConnectionPool::look_for_surplus(const PooledConnection* found) {
  SurplusAnswers surplus;
  for (const auto& connection : all_) {
    const bool has_surplus = connection.get() == found || connection->line->look_for_surplus();
    if (!has_surplus) continue;
    if (connection->is_idle && !connection->is_open()) {
      closed_.push_back(&take(*connection));
    }
    if (connection->answered != connection->line->number()) continue;
    surplus.lines.push_back(std::exchange(connection->answered, 0));
    surplus.carried += connection->carried;
  }
  return surplus;
}

void ConnectionPool::close() {
  for (const auto& connection : all_) {
    connection->line->close();
    if (connection->is_idle) closed_.push_back(&take(*connection));
  }
}

}  // namespace idmerge::send
