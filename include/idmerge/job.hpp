// SPDX-License-Identifier: MIT
//
// Plans, sends and reads jobs from another program, with the checks, guards and files of the
// command line: a job that was begun here can be continued and read by `idmerge`, and the other way
// round. Version 0.x: may change from release to release.
//
// Functions block until they are done. Different jobs may be worked on by different threads at the
// same time; a second call for the same job ends with ErrorCode::locked. The library installs no
// signal handler and writes nothing to stdout or stderr. Exceptions: std::bad_alloc only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "idmerge/listener.hpp"
#include "idmerge/options.hpp"
#include "idmerge/result.hpp"

namespace idmerge::api {

/// The outcome of every row that was read. They add up to `read`.
struct Account {
  std::uint64_t read = 0;
  std::uint64_t delivered = 0;  // the service accepted it
  std::uint64_t duplicate = 0;  // repeats an earlier row
  std::uint64_t skipped = 0;   // nothing to link: one side is blank, or a person decided against it
  std::uint64_t rejected = 0;  // unreadable, or with an id that must never be linked
  std::uint64_t held = 0;      // a person has to decide whether to send it
  std::uint64_t refused = 0;   // the service rejected it
  std::uint64_t pending = 0;   // no outcome yet
};

/// A job as it is on disk.
struct JobView {
  std::string directory;
  std::string plan_id;  // twelve hexadecimal digits
  Account account;
  std::uint64_t to_send = 0;    // links
  std::uint64_t delivered = 0;  // links
  std::uint64_t refused = 0;    // links
  bool finished = false;        // every link is delivered or refused
};

/// How a call ended that has a job to show for it.
struct Ended {
  /// As of the program: 0 done; 3 done, with rows that a person should look at; 5, 6, 7, 8, 10, 130
  /// as ErrorCode.
  int exit_code = 0;
  std::string stop;  // why it ended before all was done, as Error::text; empty if it did not
  JobView job;
};

/// Asks plan() and run() to stop. A run stops in order: requests in flight may end (option drain),
/// the checkpoint is saved, and another run continues. While a plan is made it takes effect when
/// the plan is there, before anything is sent.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// The first call asks to stop in order, the second at once. May be called by any thread and by a
  /// signal handler. A request once asked holds for all later calls with this object.
  void ask() noexcept;

 private:
  friend struct Access;
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads the inputs and makes the plan of a job. Sends nothing.
/// Errors: those that leave no plan. A plan that a guard stops is made: exit code 6.
Result<Ended> plan(const Options& options, Listener& listener);

/// Sends what a job has left to send; makes its plan first if there is none.
/// Lifetime: `stop` may be null and must otherwise outlive the call.
/// Errors: those that prevented the start, without consent for example; nothing was sent then.
Result<Ended> run(const Options& options, const Consent& consent, Listener& listener,
                  const StopRequest* stop = nullptr);

/// Reads a job without its lock, also while it is sent.
Result<JobView> read_job(const std::string& directory);

}  // namespace idmerge::api
