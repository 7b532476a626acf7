// SPDX-License-Identifier: MIT
#include "idmerge/run/sender.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "idmerge/base/check.hpp"
#include "idmerge/core/backoff.hpp"
#include "idmerge/core/census_report.hpp"
#include "idmerge/core/fingerprint.hpp"
#include "idmerge/core/health.hpp"
#include "idmerge/core/throttle.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/lock.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"
#include "idmerge/net/async.hpp"
#include "idmerge/net/client.hpp"
#include "idmerge/run/cursor.hpp"
#include "idmerge/run/gate.hpp"
#include "idmerge/run/letters.hpp"
#include "idmerge/run/owner.hpp"
#include "idmerge/run/recorder.hpp"

namespace idmerge {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How often the run looks at its clock, its stop request and its disk thread.
constexpr milliseconds tick_every{50};
constexpr milliseconds window_wait{20};
constexpr milliseconds outage_noted_after{10'000};

/// Answers before a share of refusals means anything.
constexpr std::uint64_t refused_answers_min = 1'000;

/// Links of a batch that travel in one request.
struct Part {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// How often a request was tried.
struct Tries {
  std::uint32_t sent = 0;
  std::uint32_t failed = 0;  // without 429, which says nothing about the links
  bool resent = false;       // may the service have seen one of its links before?
  bool unanswered = false;   // did a request go out that nothing came back for?
};

/// What to do with a request after its answer.
enum class Next : std::uint8_t { done, at_the_gate, after_a_wait };

/// One keep-alive line to the service, with the buffers that its requests reuse.
struct Lane {
  Lane(asio::io_context& io, Endpoint& endpoint) : connection(endpoint), timer(io) {}

  Connection connection;
  Timer timer;  // of its waits
  Batch batch;
  std::vector<Part> parts;  // of the batch, still to be sent; the next one last
  std::string request;
  Outcome outcome;
  std::uint32_t credentials = 0;  // which ones the request was made with
  Instant left{};                 // when the request was sent last
  std::uint32_t failures = 0;     // in a row, of opening the connection

  std::span<const Link> links(Part part) const {
    return std::span(batch.links).subspan(part.first, part.count);
  }

  void split(Part part) {
    const auto half = part.count / 2;
    parts.push_back({part.first + half, part.count - half});
    parts.push_back({part.first, half});
  }
};

class Sender {
 public:
  Sender(asio::io_context& io, const SendOptions& options, const PlanReader& plan, RunLog& log,
         RunSaver saver, Dialect dialect, Endpoint endpoint, std::int64_t pinned_time_s,
         std::uint64_t resend_below, std::uint64_t to_send, Progress& progress,
         const StopRequest& stop)
      : options_(options),
        plan_(plan),
        dialect_(std::move(dialect)),
        endpoint_(std::move(endpoint)),
        gate_(io, pace(options.rate_per_s)),
        throttle_({.ceiling_per_s = options.rate_per_s,
                   .backoff = {options.backoff_min, options.backoff_max}},
                  Clock::now()),
        cursor_(plan, log),
        recorder_(
            log, std::move(saver),
            [&io](std::function<void()> work) { asio::post(io, std::move(work)); },
            [this](const Error& error) { this->stop(error); }),
        health_(log.ledger().delivered() + log.ledger().refused() > 0),
        tick_(io),
        chance_(options.seed != 0 ? options.seed : std::random_device{}()),
        resend_below_(resend_below),
        to_send_(to_send),
        progress_(progress),
        stop_request_(stop),
        pinned_time_s_(pinned_time_s) {
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
    report.requests_now = requests_now_;
    report.retries_now = retries_now_;
    report.throttled_now = throttled_now_;
    report.elapsed = elapsed(Clock::now());
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
    lane.parts.assign(1, {0, lane.batch.links.size()});
    while (!lane.parts.empty() && !stop_) {
      const Part part = lane.parts.back();
      lane.parts.pop_back();
      const auto carried = encode(lane, part);
      if (carried < part.count) {
        lane.parts.push_back({part.first + carried, part.count - carried});
      }
      co_await send_part(lane, {part.first, carried}, failures_max);
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
    Tries tries{.resent = ordinal < resend_below_ || recorder_.ledger().is_parked(ordinal)};
    bool passed = false;
    while (!stop_) {
      if (!lane.connection.is_open() && !co_await open(lane)) continue;
      if (!passed && !gate_.try_pass(cost) && !co_await gate_.pass(cost)) break;
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
    if (options_.max_requests && requests_now_ >= *options_.max_requests) {
      stop({Errc::budget, fmt::format("--max-requests: {} requests were sent", requests_now_)});
      return false;
    }
    ++requests_now_;
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
        settle_delivered(lane, part, answer.reply.status, tries);
        return Next::done;
      case OutcomeKind::refused:
        note_success(part, now);
        for (std::size_t i = 0; i < part.count; ++i) {
          settle_refused(lane, part.first + i, answer.reply.status, outcome.message, tries);
        }
        return Next::done;
      case OutcomeKind::split:
        lane.split(part);
        return Next::done;
      case OutcomeKind::throttled:
        throttle(lane.left, now, outcome.retry_after);
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

  /// Read the credentials again, once; true when there are new ones.
  bool renew_credentials() {
    if (!health_.ever_succeeded() || !options_.reread || credentials_ > 0) return false;
    auto fresh = options_.reread();
    if (!fresh) return false;
    fresh->pinned_time_s = pinned_time_s_;
    auto dialect = Dialect::make(*fresh, options_.target.authority(), options_.target.base);
    if (!dialect) return false;
    dialect_ = std::move(*dialect);
    ++credentials_;
    progress_.note(Weight::info,
                   "the service no longer takes the credentials: they were read again");
    return true;
  }

  /// Consecutive ordinals are settled together; refusals stand between them.
  void settle_delivered(const Lane& lane, Part part, unsigned status, const Tries& tries) {
    const auto& ordinals = lane.batch.ordinals;
    const auto& refusals = lane.outcome.refusals;
    auto refusal = refusals.begin();
    auto i = part.first;
    const auto end = part.first + part.count;
    while (i < end) {
      const auto refused_at = refusal != refusals.end() ? part.first + refusal->link : end;
      if (i == refused_at) {
        settle_refused(lane, i++, status, refusal->message, tries);
        ++refusal;
        continue;
      }
      auto run_end = i + 1;
      while (run_end < refused_at && ordinals[run_end] == ordinals[run_end - 1] + 1)
        ++run_end;
      recorder_.deliver(ordinals[i], static_cast<std::uint32_t>(run_end - i), tries.sent);
      i = run_end;
    }
  }

  void settle_refused(const Lane& lane, std::size_t i, unsigned status, std::string_view message,
                      const Tries& tries) {
    const auto ordinal = lane.batch.ordinals[i];
    // What was sent before may be why the service knows the link already.
    if (tries.resent && means_already_linked(message)) {
      recorder_.deliver(ordinal, 1, tries.sent, true);
      return;
    }
    recorder_.refuse(
        ordinal, tries.sent,
        refused_letter(lane.batch.links[i], plan_.facts().inputs, status, message, tries.sent));
    guard_refusals(message);
  }

  void guard_refusals(std::string_view message) {
    const auto refused = recorder_.refused();
    const auto settled = recorder_.settled();
    const bool too_many = options_.max_refused_links && refused > *options_.max_refused_links;
    const bool too_large_a_share =
        options_.max_refused_percent && settled >= refused_answers_min &&
        static_cast<double>(refused) >
            *options_.max_refused_percent / 100 * static_cast<double>(settled);
    if (!too_many && !too_large_a_share) return;
    stop({Errc::guard,
          fmt::format("--max-refused: the service refused {} of {} links, the last one with: {}: "
                      "see refused.ndjson",
                      refused, settled, message)});
  }

  /// 429 pauses all lanes together and lowers the rate. A service that asks for no wait at all has
  /// had a mishap, not a limit.
  void throttle(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after) {
    ++throttled_now_;
    health_.failure(now, "the service limits the rate (429)");
    if (retry_after == std::chrono::seconds(0)) return;
    throttle_.throttled(left, now, retry_after, chance_.next());
    gate_.pause_until(throttle_.paused_until());
    follow_throttle(now);
  }

  void follow_throttle(Instant now) {
    if (!options_.adaptive) return;
    const auto rate = throttle_.rate_per_s(now);
    if (rate == rate_per_s_) return;
    rate_per_s_ = rate;
    gate_.set_rate(pace(rate));
  }

  /// The pace at `rate` links a second; a lower rate than the user's has a lower burst too.
  GateOptions pace(double rate) const {
    const auto lowered = options_.rate_per_s > 0 ? rate / options_.rate_per_s : 1;
    return {.links = {rate, std::max(1.0, options_.burst * lowered)},
            .requests = {options_.requests_per_s, 1},
            .bytes = {}};
  }

  void note_success(Part part, Instant now) {
    health_.success(now);
    throttle_.accepted(static_cast<double>(part.count), now);
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
      follow_throttle(now);
      look_at_limits(now);
    }
  }

  void look_at_limits(Instant now) {
    if (stop_request_.asked() > 0) {
      stop({Errc::interrupted, "interrupted: what was settled is saved"});
    }
    if (options_.max_duration && elapsed(now) >= *options_.max_duration) {
      stop({Errc::duration, "--max-duration: the time is up"});
    }
    const auto failing_for = health_.failing_for(now);
    if (failing_for >= options_.give_up_after) {
      stop({Errc::outage, fmt::format("nothing succeeded for {} s (--give-up-after), last: {}",
                                      failing_for.count() / 1000, health_.last_failure())});
    }
    if (failing_for < outage_noted_after) {
      outage_noted_ = false;
    } else if (!std::exchange(outage_noted_, true)) {
      progress_.note(Weight::warning,
                     fmt::format("nothing succeeds, trying on; last: {}", health_.last_failure()));
    }
    // Who was asked to end and has not, ends now; what is under way is sent again by the next run.
    if (stop_ && (stop_request_.asked() > 1 || now >= drain_until_)) {
      for (auto& lane : lanes_)
        lane->connection.close();
    }
  }

  void stop(Error error) {
    if (stop_) return;
    stop_ = std::move(error);
    drain_until_ = Clock::now() + options_.drain;
    gate_.close();
    for (auto& lane : lanes_)
      lane->timer.cancel();
    tick_.cancel();
  }

  milliseconds elapsed(Instant now) const {
    return std::chrono::duration_cast<milliseconds>(now - began_);
  }

  void report(Instant now) {
    const Ledger& ledger = recorder_.ledger();
    progress_.sending(
        {.to_send = to_send_,
         .delivered = ledger.delivered(),
         .refused = ledger.refused(),
         .parked = ledger.parked().size(),
         .settled_now = recorder_.settled(),
         .retries_now = retries_now_,
         .throttled_now = throttled_now_,
         .rate_per_s = rate_per_s_,
         .elapsed = elapsed(now),
         .since_success = elapsed(now) - elapsed(std::max(began_, health_.last_success()))});
  }

  const SendOptions& options_;
  const PlanReader& plan_;
  Dialect dialect_;
  Endpoint endpoint_;
  Gate gate_;
  Throttle throttle_;
  PlanCursor cursor_;
  Recorder recorder_;
  Health health_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Timer tick_;
  Chance chance_;
  std::uint64_t resend_below_;  // first attempts on links below it may be repeats
  std::uint64_t to_send_;
  Progress& progress_;
  const StopRequest& stop_request_;

  std::optional<Error> stop_;
  bool outage_noted_ = false;
  double rate_per_s_ = options_.rate_per_s;  // in force
  std::uint32_t credentials_ = 0;            // how often they were read again
  std::int64_t pinned_time_s_;
  std::size_t lanes_active_ = 0;
  std::uint64_t unanswered_ = 0;  // links that were sent, and are pending
  std::uint64_t requests_now_ = 0;
  std::uint64_t retries_now_ = 0;
  std::uint64_t throttled_now_ = 0;
  Instant began_ = Clock::now();
  Instant drain_until_ = Instant::max();
};

// --- Before the first request
// ----------------------------------------------------------------------

/// The target as the checkpoint knows it: no secret can be read from it, and the same target has
/// another one in another job.
std::string target_fingerprint(const SendOptions& options, const PlanFacts& plan) {
  const auto text = fmt::format("{}\n{}\n{}\n{}\n{}", options.target.url(),
                                name(options.dialect.api), name(options.dialect.mode),
                                options.dialect.project_id, options.dialect.token.reveal());
  const auto print = Fingerprinter(plan.preamble.secret)(text);
  return fmt::format("{:016x}{:08x}", print.low, print.high);
}

/// One past the highest link that may have been under way when the run before died.
std::uint64_t resend_end(const RunState& state) {
  if (state.resend_max == 0) return 0;
  const LedgerState& ledger = state.checkpoint.ledger;
  auto top = ledger.watermark;
  if (!ledger.above.empty()) top = ledger.above.back().first + ledger.above.back().count;
  return top + state.resend_max;
}

std::int64_t unix_now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<RunLog> open_log(const SendOptions& options, const PlanFacts& plan, const RunPaths& paths,
                        std::int64_t pinned_time_s, std::uint64_t in_flight_max,
                        std::optional<RunState> state, Files& files) {
  const auto target = target_fingerprint(options, plan);
  if (!state) {
    Checkpoint first;
    first.plan = plan.digest;
    first.target = target;
    first.pinned_time_s = pinned_time_s;
    first.in_flight_max = in_flight_max;
    first.words = options.words;
    first.ledger.links = plan.links;
    return RunLog::begin(files, paths, std::move(first));
  }
  if (state->checkpoint.target != target) {
    return Error{Errc::usage,
                 fmt::format("{}: the job was begun with another target, project or token than {}: "
                             "send it there, or start a new job",
                             paths.dir, options.target.url())};
  }
  // What the run before may have delivered stays unknown until this one has settled it.
  state->checkpoint.in_flight_max = in_flight_max + state->resend_max;
  for (const auto& [key, value] : options.words)
    state->checkpoint.words.set(key, value);
  return RunLog::resume(files, paths, std::move(*state));
}

Result<RunPaths> run_paths(Files& files, const JobPaths& job, bool rehearsal) {
  if (rehearsal) return make_rehearsal(files, job);
  return job.run();
}

void fill_counts(SendReport& report, const LedgerState& ledger, std::uint64_t to_send) {
  report.to_send = to_send;
  report.delivered = ledger.delivered;
  report.ambiguous = ledger.ambiguous;
  report.refused = ledger.refused;
  report.parked = ledger.parked.size();
  report.pending = to_send - ledger.delivered - ledger.refused;
}

/// Say what an earlier run left behind.
void note_resume(const RunState& state, SendReport& report, Progress& progress) {
  for (const auto& sentence : state.notes)
    progress.note(Weight::warning, sentence);
  report.resent_at_most = state.resend_max;
  if (state.resend_max == 0) return;
  progress.note(Weight::info,
                fmt::format("re-sending at most {} links that may already have been delivered",
                            state.resend_max));
}

}  // namespace

Result<SendReport> send_plan(const SendOptions& options, const std::string& job, Files& files,
                             Progress& progress, const StopRequest& stop) {
  const auto job_paths = open_job(files, job);
  if (!job_paths) return job_paths.error();
  auto plan = PlanReader::open(files, job_paths->plan());
  if (!plan) return plan.error();
  const auto census = parse_census_report(plan->facts().census);
  if (!census) return census.error();
  const auto paths = run_paths(files, *job_paths, options.rehearsal);
  if (!paths) return paths.error();
  const auto lock = Lock::take(files, paths->lock(), lock_owner_here());
  if (!lock) return lock.error();
  if (!lock->died().empty()) {
    progress.note(Weight::info, fmt::format("taking over from {}, which died", lock->died()));
  }

  auto state = read_run(files, *paths, plan->facts().digest);
  if (!state) return state.error();
  SendReport report;
  report.to_send = report.pending = census->sendable();
  auto pinned_time_s = unix_now_s();
  std::uint64_t resend_below = 0;
  if (const auto& before = *state; before) {
    fill_counts(report, before->checkpoint.ledger, census->sendable());
    report.nothing_to_do = before->checkpoint.finished;
    if (report.nothing_to_do) return report;
    note_resume(*before, report, progress);
    pinned_time_s = before->checkpoint.pinned_time_s;
    resend_below = resend_end(*before);
  }

  auto dialect_options = options.dialect;
  dialect_options.pinned_time_s = pinned_time_s;
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

  // A checkpoint is worth nothing without the plan that it counts in.
  if (auto durable = plan->make_durable(files); !durable) return durable.error();
  const auto in_flight_max = std::uint64_t{2} * options.connections * dialect->links_max();
  auto log = open_log(options, plan->facts(), *paths, pinned_time_s, in_flight_max,
                      std::move(*state), files);
  if (!log) return log.error();
  auto saver = RunSaver::open(files, *paths);
  if (!saver) return saver.error();

  Sender sender(io, options, *plan, *log, std::move(*saver), std::move(*dialect),
                std::move(*endpoint), pinned_time_s, resend_below, census->sendable(), progress,
                stop);
  sender.run(io);
  fill_counts(report, log->ledger().state(), census->sendable());
  sender.fill(report);
  return report;
}

}  // namespace idmerge
