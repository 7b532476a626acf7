// SPDX-License-Identifier: MIT
//
// Scheduling of work that only its end is waited for: the kernel then lets a thread finish its turn
// instead of handing the processor to whoever has just been woken. Threads that pass blocks to each
// other wake each other all the time, and each change of hands costs them the caches.
#pragma once

namespace idmerge {

/// While it lives, this thread is scheduled as a batch (SCHED_BATCH), and so are the threads that
/// it starts meanwhile, to their end. A thread with a policy of its own, from chrt(1) say, keeps
/// it. Advice only: where the kernel refuses, everything works, a little slower.
class BatchScheduling {
 public:
  BatchScheduling() noexcept;
  BatchScheduling(const BatchScheduling&) = delete;
  BatchScheduling& operator=(const BatchScheduling&) = delete;
  ~BatchScheduling();

 private:
  bool changed_ = false;
};

}  // namespace idmerge
