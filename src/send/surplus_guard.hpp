// SPDX-License-Identifier: MIT
//
// Watches for connections that give more answers than they had requests: something on the way
// answers requests twice, or for others, so each of their answers may belong to another link. What
// such a connection settled and is not yet durable is taken back and sent again; outcomes therefore
// become durable only after all connections were checked.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "plan/progress.hpp"
#include "send/connection_pool.hpp"
#include "send/plan_cursor.hpp"
#include "send/run_recorder.hpp"

namespace idmerge::send {

class SurplusGuard {
 public:
  /// Lifetime: the references must outlive this object. `service` names it in a warning.
  SurplusGuard(ConnectionPool& pool, RunRecorder& recorder, PlanCursor& cursor,
               plan::Progress& progress, std::string service)
      : pool_(pool),
        recorder_(recorder),
        cursor_(cursor),
        progress_(progress),
        service_(std::move(service)) {}

  /// Records which links are answered on which connection. The first answer on a connection is very
  /// unlikely to be another request's. So it is accepted without a record if all its links were in
  /// doubt before this run; thus every link is settled eventually even if the service answers every
  /// request twice. Requires: called before the answer is evaluated; ordinals ascending.
  void note_answer(PooledConnection& connection, std::span<const std::uint64_t> ordinals);

  /// Checks for surplus answers: on all idle connections, and on the one where one was `found`.
  /// Links settled through such a connection that are not yet durable are sent again.
  void look(const PooledConnection* found = nullptr);

 private:
  void warn(std::uint64_t again, std::uint64_t settled_for_good);

  ConnectionPool& pool_;
  RunRecorder& recorder_;
  PlanCursor& cursor_;
  plan::Progress& progress_;
  std::string service_;
  bool warned_ = false;
  bool warned_late_ = false;
};

}  // namespace idmerge::send
