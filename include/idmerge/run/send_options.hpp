// SPDX-License-Identifier: MIT
//
// What a run is told before it starts, while it runs, and what it says at its end. Apart from the
// journey itself, so that its rooms and those who fill in options need not know each other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/dialect.hpp"
#include "idmerge/core/key_values.hpp"
#include "idmerge/core/timetable.hpp"
#include "idmerge/disk/digest.hpp"
#include "idmerge/net/tls.hpp"
#include "idmerge/net/url.hpp"

namespace idmerge {

struct SendOptions {
  Target target;
  TlsOptions tls;
  std::optional<Proxy> proxy;
  DialectOptions dialect;  // API, token, credentials; the pinned time is the job's own

  Timetable rate = Rate{500, false};  // Flag: --rate

  /// Units: links; empty: a tenth of a second's worth of the rate, a request's at least.
  /// Flag: --burst
  std::optional<double> burst;

  /// Units: bytes a second, beside that rate at all hours; 0 = unlimited. Flag: --rate-bytes
  double rate_bytes = 0;

  /// A rate was given for this run: what `idmerge rate` said to an earlier one is over.
  bool rate_is_given = false;

  /// What time of the week it is; empty: as this machine has it.
  std::function<WeekTime()> week_clock;

  bool adaptive = true;            // find a lower rate when the service asks. Flag: --no-adaptive
  std::uint32_t connections = 16;  // Flag: --connections
  std::uint32_t pipeline = 1;      // requests under way on a connection. Flag: --pipeline
  std::uint32_t attempts = 10;     // before a link is parked. Flag: --attempts
  std::chrono::milliseconds backoff_min{2'000};
  std::chrono::milliseconds backoff_max{60'000};
  std::chrono::milliseconds give_up_after{900'000};  // without one success
  std::chrono::milliseconds timeout{30'000};         // a request
  std::chrono::milliseconds drain{10'000};           // after the first signal
  std::optional<std::chrono::milliseconds> max_duration;
  std::optional<std::uint64_t> max_requests;
  std::optional<std::uint64_t> canary;  // links settled in all, over all runs. Flag: --canary

  /// Refused links, in percent of the answers, that stop the job; looked at after 1,000 answers.
  /// Flag: --max-refused
  std::optional<double> max_refused_percent = 1.0;
  std::optional<std::uint64_t> max_refused_links;

  std::chrono::milliseconds sync_every{1'000};  // journal, by the disk thread
  std::uint64_t seed = 0;                       // of the jitter; 0 = drawn at random

  /// Where credentials come from: asked once when a service that took them before says 401, since
  /// they may have been changed meanwhile.
  std::function<Result<DialectOptions>()> reread;

  /// Of ids in what the service says, where it is said to people. Flag: --show-ids
  IdMask mask{true};

  /// What has ended a service in this process, if anything has: nobody will start it again.
  std::function<std::optional<Error>()> service_failure;

  /// What the checkpoint records at the first real run, so that `run --job` alone resumes.
  KeyValues words;

  /// The plan that was agreed to: no other one is sent, should it have taken its place meanwhile.
  std::optional<Digest> plan;

  /// A rehearsal keeps its progress apart and spoils nothing. Flag: --rehearse
  bool rehearsal = false;
};

/// How a run ended. `stop` is empty when every link is settled or parked.
struct SendReport {
  std::uint64_t to_send = 0;      // of the job, spares that were sent included
  std::uint64_t spares_sent = 0;  // of these, in place of refused links
  std::uint64_t delivered = 0;    // of the job, earlier runs included
  std::uint64_t ambiguous = 0;    // of these, acknowledged as already linked after a repeat
  std::uint64_t refused = 0;
  std::uint64_t pending = 0;
  std::uint64_t parked = 0;       // of the pending
  std::uint64_t refused_now = 0;  // by this run
  std::uint64_t requests_now = 0;
  std::uint64_t retries_now = 0;
  std::uint64_t throttled_now = 0;
  std::uint64_t resent_at_most = 0;  // links that an earlier, killed run may have delivered
  std::chrono::milliseconds elapsed{0};
  bool nothing_to_do = false;
  std::optional<Error> stop;

  /// The option that the stop is about, of those that a job keeps: with this one it cannot go on.
  std::string_view unfit = {};
};

/// Set from a signal handler or another thread. First request: drain; second: stop at once.
class StopRequest {
 public:
  void ask(int signal_number) {
    signal_.store(signal_number);
    asked_.fetch_add(1);
  }
  int asked() const { return asked_.load(); }
  int signal_number() const { return signal_.load(); }

 private:
  std::atomic<int> asked_ = 0;
  std::atomic<int> signal_ = 0;
};

}  // namespace idmerge
