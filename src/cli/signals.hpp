// SPDX-License-Identifier: MIT
//
// Turns signals into state that the program polls: whether to stop, and whether to report the
// status. Handlers only set atomics, except that SIGINT and SIGTERM end the process at once while a
// plan is made: the plan file gets its name only when it is complete, so there is nothing to save.
#pragma once

#include "send/sender.hpp"

namespace idmerge::cli {

/// Where a command learns that it is to stop.
class StopSource {
 public:
  StopSource() = default;
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;
  virtual ~StopSource() = default;

  virtual const send::StopRequest& stop() const = 0;

  /// Sets whether the first request ends the process at once, because there is nothing to save.
  virtual void end_at_once(bool) {}
};

/// Installs the signal handlers of the process. Requires: at most one instance at a time.
///
///   SIGINT, SIGTERM   stop: the first drains, the second stops at once
///   SIGUSR1           reports the progress
///   SIGHUP, SIGPIPE   ignored: a job outlives its terminal and its reader
class Signals final : public StopSource {
 public:
  Signals();
  ~Signals() override;

  const send::StopRequest& stop() const override;

  /// Returns whether a status was requested, and clears the request.
  bool take_status_request();

  /// Sets whether the first SIGINT or SIGTERM ends the process at once or requests a stop.
  void end_at_once(bool at_once) override;
};

}  // namespace idmerge::cli
