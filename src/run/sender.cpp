// SPDX-License-Identifier: MIT
#include "idmerge/run/sender.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "idmerge/base/check.hpp"
#include "idmerge/core/backoff.hpp"
#include "idmerge/core/health.hpp"
#include "idmerge/net/async.hpp"
#include "idmerge/net/client.hpp"
#include "idmerge/run/cursor.hpp"
#include "idmerge/run/lane.hpp"
#include "idmerge/run/limits.hpp"
#include "idmerge/run/outset.hpp"
#include "idmerge/run/pace.hpp"
#include "idmerge/run/recorder.hpp"
#include "idmerge/run/settler.hpp"

namespace idmerge {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How often the run looks at its clock, its stop request and its disk thread.
constexpr milliseconds tick_every{50};
constexpr milliseconds window_wait{20};

/// What to do with a request after its answer.
enum class Next : std::uint8_t { done, at_the_gate, after_a_wait };

PaceOptions pace_options(const SendOptions& options) {
  return {.links_per_s = options.rate_per_s,
          .requests_per_s = options.requests_per_s,
          .burst = options.burst,
          .adaptive = options.adaptive,
          .backoff = {options.backoff_min, options.backoff_max}};
}

class Sender {
 public:
  Sender(asio::io_context& io, const SendOptions& options, const Outset& outset, RunLog& log,
         RunSaver saver, Dialect dialect, Endpoint endpoint, Progress& progress,
         const StopRequest& stop)
      : options_(options),
        outset_(outset),
        dialect_(std::move(dialect)),
        endpoint_(std::move(endpoint)),
        pace_(io, pace_options(options), Clock::now()),
        cursor_(outset.plan, log),
        recorder_(
            log, std::move(saver),
            [&io](std::function<void()> work) { asio::post(io, std::move(work)); },
            [this](const Error& error) { this->stop(error); }),
        settler_(outset.plan.facts().inputs, recorder_,
                 {options.max_refused_percent, options.max_refused_links}),
        health_(log.ledger().delivered() + log.ledger().refused() > 0),
        limits_(options, stop, Clock::now()),
        tick_(io),
        chance_(options.seed != 0 ? options.seed : std::random_device{}()),
        progress_(progress) {
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      lanes_.push_back(std::make_unique<Lane>(io, endpoint_));
    }
  }

  /// Send until nothing is left or something stops the run, and leave a checkpoint.
  void run(asio::io_context& io) {
    run_task(io, all());
    const auto finished = recorder_.finish(stop_ ? exit_code(stop_->code) : 0, unanswered_);
    if (!finished) stop_ = finished.error();
  }

  void fill(SendReport& report) const {
    report.refused_now = recorder_.refused();
    report.requests_now = limits_.requests();
    report.retries_now = retries_now_;
    report.throttled_now = pace_.limited_count();
    report.elapsed = limits_.elapsed(Clock::now());
    report.stop = stop_;
  }

 private:
  Task<void> all() {
    std::vector<Task<void>> tasks;
    lanes_active_ = lanes_.size();
    for (auto& lane : lanes_)
      tasks.push_back(run_lane(*lane));
    tasks.push_back(watch());
    co_await join(std::move(tasks));
  }

  // --- Lanes -------------------------------------------------------------------------------------

  Task<void> run_lane(Lane& lane) {
    while (!stop_) {
      const auto taken = cursor_.take(dialect_.links_max(), lane.batch);
      if (!taken) {
        stop(taken.error());
      } else if (*taken == Taken::window_full) {
        co_await wait(lane, window_wait);
      } else if (*taken == Taken::links) {
        co_await send_batch(lane, options_.attempts);
        cursor_.release(lane.batch);
      } else {
        break;
      }
    }
    // The lane that ends last tries the parked links once more, when its neighbours are done.
    if (lanes_active_ == 1) co_await retry_parked(lane);
    lane.connection.close();
    if (--lanes_active_ == 0) tick_.cancel();
  }

  Task<void> retry_parked(Lane& lane) {
    while (!stop_) {
      const auto taken = cursor_.take_parked(lane.batch);
      if (!taken) {
        stop(taken.error());
      } else if (*taken == Taken::end) {
        break;
      } else {
        co_await send_batch(lane, 1);
        cursor_.release(lane.batch);
      }
    }
  }

  Task<void> send_batch(Lane& lane, std::uint32_t failures_max) {
    lane.begin();
    while (lane.has_parts() && !stop_) {
      const Part part = lane.take();
      const auto carried = encode(lane, part);
      co_await send_part(lane, lane.keep_rest(part, carried), failures_max);
    }
  }

  /// Prepare the request for the first links of a part; how many it carries.
  std::size_t encode(Lane& lane, Part part) {
    lane.request.clear();
    lane.credentials = credentials_;
    return dialect_.encode(lane.links(part), lane.request);
  }

  /// Repeat one request until its links have a fate, are parked or split, or the run stops.
  Task<void> send_part(Lane& lane, Part part, std::uint32_t failures_max) {
    const auto successes_before = health_.successes();
    const Cost cost{static_cast<double>(part.count), 1, static_cast<double>(lane.request.size())};
    const auto ordinal = lane.batch.ordinals[part.first];
    Tries tries{.resent = ordinal < outset_.resend_below || recorder_.ledger().is_parked(ordinal)};
    bool passed = false;
    while (!stop_) {
      if (!lane.connection.is_open() && !co_await open(lane)) continue;
      if (!passed && !pace_.try_pass(cost) && !co_await pace_.pass(cost)) break;
      if (!count_request(tries)) break;
      if (lane.credentials != credentials_) encode(lane, part);

      lane.left = Clock::now();
      const Answer answer = co_await lane.connection.exchange(lane.request);
      // A line that was closed while idle has sent nothing, and the turn is still ours.
      passed = answer.stale;
      if (answer.stale) continue;
      const Next next = take_answer(lane, part, answer, tries);
      if (next == Next::done) co_return;
      tries.resent = tries.resent || answer.sent;
      tries.unanswered = tries.unanswered || (answer.sent && answer.end != ReplyEnd::answered);
      if (next == Next::at_the_gate) continue;
      if (tries.failed >= failures_max && park(lane, part, tries, successes_before, failures_max)) {
        co_return;
      }
      co_await wait(lane, next_backoff(tries.failed));
    }
    if (tries.unanswered) unanswered_ += part.count;
  }

  /// False when the connection could not be opened; the wait for the next try is over then.
  Task<bool> open(Lane& lane) {
    const auto opened = co_await lane.connection.open();
    if (opened) {
      lane.failures = 0;
      co_return true;
    }
    // A certificate that does not hold puts the service itself in doubt, unless other machines of
    // it were fine.
    if (opened.error().code != Errc::outage && !health_.ever_succeeded()) {
      stop(opened.error());
      co_return false;
    }
    health_.failure(Clock::now(), opened.error().what);
    co_await wait(lane, next_backoff(++lane.failures));
    co_return false;
  }

  Task<void> wait(Lane& lane, std::chrono::nanoseconds time) {
    if (stop_) co_return;
    lane.timer.expires_after(time);
    co_await lane.timer.async_wait(use_tuple);
  }

  std::chrono::nanoseconds next_backoff(std::uint32_t failures) {
    return backoff({options_.backoff_min, options_.backoff_max}, failures, chance_.next());
  }

  /// False when the budget of requests is spent.
  bool count_request(Tries& tries) {
    if (const auto counted = limits_.count_request(); !counted) {
      stop(counted.error());
      return false;
    }
    if (tries.sent++ > 0) ++retries_now_;
    return true;
  }

  // --- Answers -----------------------------------------------------------------------------------

  /// Give the links of a request their fates, or say how it is repeated.
  /// Source: the answer table of design section 6.
  Next take_answer(Lane& lane, Part part, const Answer& answer, Tries& tries) {
    const auto now = Clock::now();
    if (answer.end != ReplyEnd::answered) {
      ++tries.failed;
      health_.failure(now, answer.what);
      return Next::after_a_wait;
    }
    dialect_.decode(answer.reply, lane.links(part), lane.outcome);
    const Outcome& outcome = lane.outcome;
    switch (outcome.kind) {
      case OutcomeKind::delivered:
        note_success(part, now);
        settler_.deliver(lane.batch, part, outcome, answer.reply.status, tries);
        guard_refusals();
        return Next::done;
      case OutcomeKind::refused:
        note_success(part, now);
        settler_.refuse(lane.batch, part, outcome, answer.reply.status, tries);
        guard_refusals();
        return Next::done;
      case OutcomeKind::split:
        lane.split(part);
        return Next::done;
      case OutcomeKind::throttled:
        health_.failure(now, "the service limits the rate (429)");
        pace_.limited(lane.left, now, outcome.retry_after, chance_.next());
        return Next::at_the_gate;
      case OutcomeKind::retry:
        ++tries.failed;
        health_.failure(now, outcome.message);
        return Next::after_a_wait;
      case OutcomeKind::foreign:
        ++tries.failed;
        if (!health_.bears_foreign(now, outcome.message)) stop({Errc::service, outcome.message});
        return Next::after_a_wait;
      case OutcomeKind::unauthorized:
        if (lane.credentials != credentials_ || renew_credentials()) return Next::at_the_gate;
        stop({Errc::service,
              fmt::format("{}: status {}: {}: check MIXPANEL_USERNAME, MIXPANEL_SECRET and "
                          "MIXPANEL_TOKEN, then go on",
                          options_.target.url(), answer.reply.status, outcome.message)});
        return Next::done;
      case OutcomeKind::wrong_project:
        stop({Errc::service, outcome.message});
        return Next::done;
      case OutcomeKind::count:
        break;
    }
    IDMERGE_CHECK(false);
    return Next::done;
  }

  void note_success(Part part, Instant now) {
    health_.success(now);
    pace_.accepted(part.count, now);
  }

  void guard_refusals() {
    if (settler_.too_many_refused()) stop(*settler_.too_many_refused());
  }

  /// Read the credentials again, once; true when there are new ones.
  bool renew_credentials() {
    if (!health_.ever_succeeded() || !options_.reread || credentials_ > 0) return false;
    auto fresh = options_.reread();
    if (!fresh) return false;
    fresh->pinned_time_s = outset_.pinned_time_s;
    auto dialect = Dialect::make(*fresh, options_.target.authority(), options_.target.base);
    if (!dialect) return false;
    dialect_ = std::move(*dialect);
    ++credentials_;
    progress_.note(Weight::info,
                   "the service no longer takes the credentials: they were read again");
    return true;
  }

  /// Put aside what keeps failing while others succeed; while nothing succeeds it is an outage, and
  /// is tried on. A request with several links is split to find the bad one.
  bool park(Lane& lane, Part part, const Tries& tries, std::uint64_t successes_before,
            std::uint32_t failures_max) {
    if (health_.successes() == successes_before && failures_max > 1) return false;
    if (part.count > 1) {
      lane.split(part);
      return true;
    }
    const auto ordinal = lane.batch.ordinals[part.first];
    const Ledger& ledger = recorder_.ledger();
    if (!ledger.is_parked(ordinal) && !ledger.can_park()) return false;
    recorder_.park(ordinal, tries.sent);
    return true;
  }

  // --- The clock ---------------------------------------------------------------------------------

  /// Look after everything that is not a request: progress, durability, limits of time, signals.
  Task<void> watch() {
    while (lanes_active_ > 0) {
      tick_.expires_after(tick_every);
      co_await tick_.async_wait(use_tuple);
      const auto now = Clock::now();
      report(now);
      recorder_.save_when_due(now, options_.sync_every);
      pace_.follow(now);
      if (const auto reason = limits_.look(now, health_)) stop(*reason);
      if (const auto note = limits_.outage_note(now, health_)) {
        progress_.note(Weight::warning, *note);
      }
      // Who was asked to end and has not, ends now; the next run sends again what is under way.
      if (stop_ && limits_.drained(now)) {
        for (auto& lane : lanes_)
          lane->connection.close();
      }
    }
  }

  void stop(Error error) {
    if (stop_) return;
    stop_ = std::move(error);
    limits_.begin_drain(Clock::now());
    pace_.close();
    for (auto& lane : lanes_)
      lane->timer.cancel();
    tick_.cancel();
  }

  void report(Instant now) {
    const Ledger& ledger = recorder_.ledger();
    const auto elapsed = limits_.elapsed(now);
    progress_.sending({.to_send = outset_.to_send,
                       .delivered = ledger.delivered(),
                       .refused = ledger.refused(),
                       .parked = ledger.parked().size(),
                       .settled_now = recorder_.settled(),
                       .retries_now = retries_now_,
                       .throttled_now = pace_.limited_count(),
                       .rate_per_s = pace_.links_per_s(),
                       .elapsed = elapsed,
                       .since_success = elapsed - limits_.elapsed(std::max(
                                                      limits_.began(), health_.last_success()))});
  }

  const SendOptions& options_;
  const Outset& outset_;
  Dialect dialect_;
  Endpoint endpoint_;
  Pace pace_;
  PlanCursor cursor_;
  Recorder recorder_;
  Settler settler_;
  Health health_;
  Limits limits_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Timer tick_;
  Chance chance_;
  Progress& progress_;

  std::optional<Error> stop_;
  std::uint32_t credentials_ = 0;  // how often they were read again
  std::size_t lanes_active_ = 0;
  std::uint64_t unanswered_ = 0;  // links that were sent, and are pending
  std::uint64_t retries_now_ = 0;
};

}  // namespace

Result<SendReport> send_plan(const SendOptions& options, const std::string& job, Files& files,
                             Progress& progress, const StopRequest& stop) {
  auto outset = read_outset(options, job, files, progress);
  if (!outset) return outset.error();
  SendReport report = outset->report();
  if (report.nothing_to_do) return report;

  auto dialect_options = options.dialect;
  dialect_options.pinned_time_s = outset->pinned_time_s;
  auto dialect = Dialect::make(dialect_options, options.target.authority(), options.target.base);
  if (!dialect) return dialect.error();
  asio::io_context io(1);
  EndpointOptions endpoint_options;
  endpoint_options.target = options.target;
  endpoint_options.tls = options.tls;
  endpoint_options.proxy = options.proxy;
  endpoint_options.timeout = options.timeout;
  auto endpoint = Endpoint::make(io, std::move(endpoint_options));
  if (!endpoint) return endpoint.error();

  const auto in_flight_max = std::uint64_t{2} * options.connections * dialect->links_max();
  auto log = begin_run(options, *outset, in_flight_max, files);
  if (!log) return log.error();
  auto saver = RunSaver::open(files, outset->paths);
  if (!saver) return saver.error();

  Sender sender(io, options, *outset, *log, std::move(*saver), std::move(*dialect),
                std::move(*endpoint), progress, stop);
  sender.run(io);
  fill_counts(report, log->ledger().state(), outset->to_send);
  sender.fill(report);
  return report;
}

}  // namespace idmerge
