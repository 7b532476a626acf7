// SPDX-License-Identifier: MIT
//
// Batch scheduling for throughput-bound threads: the kernel lets a thread use up its time slice
// instead of preempting it for a thread that has just been woken. Threads that pass blocks to each
// other wake each other constantly, and each context switch costs them their caches.
#pragma once

namespace idmerge::util {

/// Sets the scheduling policy of the calling thread to SCHED_BATCH for the lifetime of the object.
/// Threads started meanwhile inherit the policy and keep it until they end. A thread with another
/// policy, for example from chrt(1), keeps that. If the kernel refuses, nothing happens but a small
/// loss of speed.
class BatchScheduling {
 public:
  BatchScheduling() noexcept;
  BatchScheduling(const BatchScheduling&) = delete;
  BatchScheduling& operator=(const BatchScheduling&) = delete;
  ~BatchScheduling();

 private:
  bool changed_ = false;
};

}  // namespace idmerge::util
