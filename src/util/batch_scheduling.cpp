// SPDX-License-Identifier: MIT
#include "util/batch_scheduling.hpp"

#include <sched.h>

namespace idmerge::util {
namespace {

bool set_policy(int policy) {
  const sched_param none{};
  return sched_setscheduler(0, policy, &none) == 0;
}

}  // namespace

BatchScheduling::BatchScheduling() noexcept
    : changed_(sched_getscheduler(0) == SCHED_OTHER && set_policy(SCHED_BATCH)) {}

BatchScheduling::~BatchScheduling() {
  if (changed_) set_policy(SCHED_OTHER);
}

}  // namespace idmerge::util
