// SPDX-License-Identifier: MIT
//
// Options of a run, its report, and the request to stop it. They are separate from the sender, so
// that its components and the code that fills in options need not know each other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "net/tls.hpp"
#include "net/url.hpp"
#include "send/rate_schedule.hpp"
#include "send/service_registry.hpp"
#include "util/digest.hpp"
#include "util/key_values.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::send {

struct SendOptions {
  net::Target target;
  net::TlsOptions tls;
  std::optional<net::Proxy> proxy;

  /// What the requests are like, and what answers mean. Lifetime: outlives the run. Flag: --api
  const ServiceFacts* service = &default_service();
  ServiceApiOptions service_api;  // credentials and project; the job provides the pinned time

  RateSchedule rate = util::Rate{500, false};  // Flag: --rate

  /// Units: links. Empty: a tenth of a second at the rate, but at least one request. Flag: --burst
  std::optional<double> burst;

  /// Units: bytes per second, in addition to `rate`, at all hours; 0 = unlimited. Flag:
  /// --rate-bytes
  double rate_bytes = 0;

  /// A rate was given for this run; it replaces the one that `idmerge rate` gave to an earlier run.
  bool rate_is_given = false;

  /// Returns the time of the week. Empty: the local time of this machine.
  std::function<WeekTime()> week_clock;

  bool adaptive = true;            // lower the rate if the service asks. Flag: --no-adaptive
  std::uint32_t connections = 16;  // Flag: --connections
  std::uint32_t pipeline = 1;      // requests in flight on a connection. Flag: --pipeline
  std::uint32_t attempts = 10;     // before a link is parked. Flag: --attempts
  std::chrono::milliseconds backoff_min{2'000};
  std::chrono::milliseconds backoff_max{60'000};
  std::chrono::milliseconds give_up_after{900'000};  // without a success
  std::chrono::milliseconds timeout{30'000};         // per request
  std::chrono::milliseconds drain{10'000};           // after the first signal
  std::optional<std::chrono::milliseconds> max_duration;
  std::optional<std::uint64_t> max_requests;
  std::optional<std::uint64_t> canary;  // links settled in total, over all runs. Flag: --canary

  /// Refused links, in percent of the answers, that stop the job; checked after 1,000 answers.
  /// Flag: --max-refused
  std::optional<double> max_refused_percent = 1.0;
  std::optional<std::uint64_t> max_refused_links;

  std::chrono::milliseconds sync_every{1'000};  // interval of snapshots, saved by the sync thread
  std::uint64_t seed = 0;                       // of the jitter; 0 = random

  /// Source of the credentials. Called once when a service that accepted them before answers 401,
  /// because they may have been replaced meanwhile.
  std::function<Result<ServiceApiOptions>()> reread;

  /// Masks ids in messages of the service that are shown to people. Flag: --show-ids
  util::IdMask mask{true};

  /// Returns why a service in this process has ended, if it has; nothing will restart it.
  std::function<std::optional<Error>()> service_failure;

  /// Settings that the checkpoint records at the first real run, so that `run --job` alone resumes
  /// it.
  util::KeyValues words;

  /// Digest of the approved plan. If another plan has replaced it meanwhile, nothing is sent.
  std::optional<util::Digest> plan;

  /// A rehearsal stores its progress separately and leaves the job unchanged. Flag: --rehearse
  bool rehearsal = false;
};

/// Result of a run. `stop` is empty when every link is settled or parked.
struct SendReport {
  std::uint64_t to_send = 0;      // of the job, including spares that were sent
  std::uint64_t spares_sent = 0;  // of these, sent in place of refused links
  std::uint64_t delivered = 0;    // of the job, including earlier runs
  std::uint64_t ambiguous = 0;    // of these, reported as already linked after a retry
  std::uint64_t refused = 0;
  std::uint64_t pending = 0;
  std::uint64_t parked = 0;       // of the pending
  std::uint64_t refused_now = 0;  // by this run
  std::uint64_t requests_now = 0;
  std::uint64_t retries_now = 0;
  std::uint64_t rate_limited_now = 0;
  std::uint64_t resent_at_most = 0;  // links that an earlier, killed run may have delivered
  std::chrono::milliseconds elapsed{0};
  bool nothing_to_do = false;
  std::optional<Error> stop;

  /// The recorded option that caused the stop, if any: with this value the job cannot continue.
  std::string_view unfit = {};
};

/// Set from a signal handler or another thread. The first request drains the run, the second one
/// stops it at once.
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

}  // namespace idmerge::send
