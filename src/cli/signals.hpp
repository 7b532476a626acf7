// SPDX-License-Identifier: MIT
//
// Turns signals into state that the program polls: whether to stop, and whether to report the
// status. Handlers only set atomics, except that SIGINT and SIGTERM end the process at once while a
// plan is made: the plan file gets its name only when it is complete, so there is nothing to save.
#pragma once

#include "send/sender.hpp"

namespace idmerge::cli {

/// Installs the signal handlers of the process. Requires: at most one instance at a time.
///
///   SIGINT, SIGTERM   stop: the first drains, the second stops at once
///   SIGUSR1           reports the progress
///   SIGHUP, SIGPIPE   ignored: a job outlives its terminal and its reader
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  const send::StopRequest& stop() const;

  /// Returns whether a status was requested, and clears the request.
  bool take_status_request();

  /// Sets whether the first SIGINT or SIGTERM ends the process at once or requests a stop.
  void end_at_once(bool at_once);
};

}  // namespace idmerge::cli
