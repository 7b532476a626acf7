// SPDX-License-Identifier: MIT
//
// Signals become questions that the program asks when it suits: has somebody asked to stop, does
// somebody want to know. Handlers only set atomics. While a plan is made a stop ends the process at
// once, because a plan appears under its name when it is whole and there is nothing to save.
#pragma once

#include "idmerge/run/sender.hpp"

namespace idmerge {

/// The signals of this process. One at a time.
///
///   SIGINT, SIGTERM   stop: the first drains, the second stops at once
///   SIGUSR1           say how far it is
///   SIGHUP, SIGPIPE   ignored: a job outlives its terminal and its reader
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  const StopRequest& stop() const;

  /// Did somebody ask how far it is? Forgets it.
  bool take_status_request();

  /// From now on the first SIGINT or SIGTERM ends the process, or asks to stop.
  void end_at_once(bool at_once);
};

}  // namespace idmerge
