// SPDX-License-Identifier: MIT
#include "send/sender.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "net/async.hpp"
#include "net/client.hpp"
#include "send/backoff.hpp"
#include "send/id_redaction.hpp"
#include "send/open_run.hpp"
#include "send/outage_detector.hpp"
#include "send/outcome_handler.hpp"
#include "send/pace.hpp"
#include "send/plan_cursor.hpp"
#include "send/rate_control.hpp"
#include "send/run_recorder.hpp"
#include "send/scheduler.hpp"
#include "send/spare_rounds.hpp"
#include "send/stop_conditions.hpp"
#include "send/worker.hpp"
#include "util/exceptions.hpp"

namespace idmerge::send {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

/// Interval of checks of the clock, the stop request and the sync thread.
constexpr milliseconds tick_every{50};
constexpr milliseconds window_wait{20};

/// Minimum interval of checks that the job is still in its place.
constexpr milliseconds look_every{50};

constexpr std::string_view limited_words = "the service limits the rate";

/// How a request continues after its answer.
enum class Next : std::uint8_t { done, at_the_gate, in_halves, after_a_wait };

enum class Source : std::uint8_t { plan, parked };

PaceOptions pace_options(const SendOptions& options, const Allowance& allowed, const Outset& outset,
                         std::size_t links_max) {
  return {.allowed = allowed,
          .request_links = static_cast<double>(links_max),
          .adaptive = options.adaptive,
          .backoff = {options.backoff_min, options.backoff_max},
          .spent_before = outset.state ? static_cast<double>(links_max) : 0};
}

/// Logins to mask in answers, in addition to those in the requests.
std::vector<std::pair<util::Secret, util::Secret>> logins_to_hide(const SendOptions& options) {
  if (!options.proxy) return {};
  return {{util::Secret(options.proxy->username), options.proxy->password}};
}

class Sender {
 public:
  Sender(asio::io_context& io, const SendOptions& options, const Outset& outset, RunLog& log,
         RunSaver saver, Dialect dialect, net::Endpoint endpoint, Rates& rates,
         std::uint64_t in_flight_max, io::Files& files, plan::Progress& progress,
         const StopRequest& stop)
      : options_(options),
        outset_(outset),
        dialect_(std::move(dialect)),
        endpoint_(std::move(endpoint)),
        rates_(rates),
        in_flight_max_(in_flight_max),
        pace_(pace_options(options, rates.look(), outset, dialect_.links_max()), Clock::now()),
        gate_(io, pace_.turnstile()),
        cursor_(outset.plan, log),
        recorder_(
            log, std::move(saver),
            [&io](std::function<void()> work) { asio::post(io, std::move(work)); },
            [this](const Error& error) { this->stop(error); }),
        settler_(outset.plan.facts().inputs, recorder_,
                 {options.max_refused_percent, options.max_refused_links}, outset.paths.refused(),
                 options.mask),
        rounds_(options, outset.plan, outset.paths, outset.spares, files, recorder_, cursor_,
                progress, stop),
        health_(log.settled() > 0, options.backoff_min),
        limits_(options, stop, Clock::now()),
        tick_(io),
        chance_(options.seed != 0 ? options.seed : std::random_device{}()),
        progress_(progress) {
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      lanes_.push_back(std::make_unique<Lane>(io, endpoint_, options_.pipeline));
    }
    if (options_.canary) cursor_.settle_at_most(*options_.canary);
    cursor_.set_ahead(ahead_max(options_, rates_.look(), in_flight_max_));
    recall_limit(log.facts().limit, Clock::now());
  }

  /// Sends until no link is left or the run stops, and saves a checkpoint.
  void run(asio::io_context& io) {
    if (const auto resumed = rounds_.resume(); !resumed) stop(resumed.error());
    do {
      net::run_task(io, all());
    } while (begin_round());
    note_loss();
    // If the job was moved as a whole, the next run finds all outcomes in its new place.
    if (outset_.hold->is_lost() && !outset_.hold->is_whole()) return;
    const auto finished = recorder_.finish(exit_code_now(), rounds_.over());
    if (!finished) stop_ = finished.error();
    note_loss();
  }

  void fill(SendReport& report) const {
    report.refused_now = recorder_.refused();
    report.requests_now = limits_.requests();
    report.retries_now = retries_now_;
    report.throttled_now = pace_.limited_count();
    report.elapsed = limits_.elapsed(Clock::now());
    report.stop = stop_;
    report.unfit = unfit_;
  }

 private:
  /// The exit code of the command, as far as sending decides it; the outcomes of other rows are not
  /// known here.
  int exit_code_now() const {
    if (stop_) return util::exit_code(stop_->code, limits_.signal_number());
    return recorder_.ledger().is_done() && rounds_.over() ? 0 : util::exit_code(Errc::outage);
  }

  net::Task<void> all() {
    std::vector<net::Task<void>> tasks;
    lanes_active_ = lanes_sending_ = lanes_.size();
    for (auto& lane : lanes_)
      tasks.push_back(run_lane(*lane));
    tasks.push_back(watch());
    co_await net::join(std::move(tasks));
  }

  /// Begins the next round of spares, after all links of the previous round are settled.
  /// Returns: false if there is none.
  bool begin_round() {
    const auto begun = rounds_.begin_next(stop_.has_value());
    if (!begun) stop(begun.error());
    return begun && *begun;
  }

  // --- Workers -----------------------------------------------------------------------------------

  net::Task<void> run_lane(Lane& lane) {
    while (true) {
      co_await send_all(lane, Source::plan);
      // The last worker retries the parked links once, when all others are done.
      if (lanes_sending_ == 1) co_await send_all(lane, Source::parked);
      look_at_lines();
      if (!stop_ && cursor_.has_again()) continue;
      gate_.hand_over(lane);
      --lanes_sending_;
      // Only after the end of a connection is it certain that it gave no surplus answer.
      const bool surplus = co_await lane.connection.finish();
      if (surplus) look_at_lines(&lane);
      if (stop_ || !cursor_.has_again()) break;
      ++lanes_sending_;
    }
    if (--lanes_active_ == 0) tick_.cancel();
  }

  /// Sends until the source has no more links or the run stops.
  net::Task<void> send_all(Lane& lane, Source source) {
    while (!stop_) {
      const Taken taken = fill(lane, source);
      if (lane.has_parts()) {
        if (lane.connection.is_open()) {
          co_await send_pipe(lane);
        } else if (lane.has_passed()) {
          co_await open(lane);
        } else {
          co_await wait_for_turn(lane, Clock::now());
        }
      } else if (taken == Taken::window_full) {
        co_await wait(lane, window_wait);
      } else {
        break;
      }
    }
  }

  /// Takes a batch for every idle flight of a worker, up to the number of requests it may pipeline.
  Taken fill(Lane& lane, Source source) {
    for (std::size_t i = 0; i < lane.pipe_max; ++i) {
      Flight& flight = lane.flights[i];
      if (flight.has_parts()) continue;
      Batch& batch = flight.batch;
      cursor_.release(batch);
      const auto taken = source == Source::plan ? cursor_.take(dialect_.links_max(), batch)
                                                : cursor_.take_parked(batch);
      if (!taken) {
        stop(taken.error());
        return Taken::end;
      }
      if (*taken == Taken::enough) stop(canary_reached(recorder_.log().settled()));
      if (*taken != Taken::links) return *taken;
      if (source == Source::plan) {
        flight.begin(false, options_.attempts);
      } else {
        flight.begin(recorder_.log().is_in_doubt(batch.ordinals.front()), 1);
      }
    }
    return Taken::links;
  }

  /// Sends the requests that are due and have a permit, with one write, and handles their answers.
  net::Task<void> send_pipe(Lane& lane) {
    const Instant now = Clock::now();
    gather(lane, now);
    if (lane.pipe.empty()) {
      co_await wait_for_turn(lane, now);
      co_return;
    }
    // Written before sending, so that after a kill the next run knows which requests were sent.
    if (!recorder_.write_attempts()) co_return;
    if (lane.pipe.size() == 1) {
      Flight& flight = *lane.pipe.front();
      const net::Answer answer = co_await lane.connection.exchange(flight.request);
      take_answer(lane, flight, answer, Clock::now());
      if (answer.surplus) look_at_lines(&lane);
    } else {
      lane.requests.clear();
      for (const Flight* flight : lane.pipe)
        lane.requests += flight->request;
      const auto unsent = co_await lane.connection.send(lane.requests, lane.pipe.size());
      Instant came = Clock::now();
      bool surplus = false;
      for (Flight* flight : lane.pipe) {
        auto answer = unsent ? unsent : lane.connection.received();
        if (!answer) {
          answer = co_await lane.connection.receive();
          came = Clock::now();
        }
        take_answer(lane, *flight, *answer, came);
        surplus |= answer->surplus;
      }
      if (surplus) look_at_lines(&lane);
    }
    lane.adapt_pipe(lane.connection.is_open());
  }

  /// Collects the requests that may be sent now.
  void gather(Lane& lane, Instant now) {
    lane.pipe.clear();
    // A suspect is sent alone: if the connection ends again, only this request can be the cause,
    // and no other request is affected.
    if (lane.suspect != nullptr) {
      join_pipe(lane, *lane.suspect, now);
      return;
    }
    while (lane.pipe.size() < lane.pipe_max) {
      Flight* const flight = lane.first_due(now);
      const bool is_around = !lane.pipe.empty() && flight == lane.pipe.front();
      if (flight == nullptr || is_around || !join_pipe(lane, *flight, now)) return;
      lane.advance_past(*flight);
    }
  }

  /// Adds a request to the pipelined ones.
  /// Returns: false if it may not be sent now.
  bool join_pipe(Lane& lane, Flight& flight, Instant now) {
    prepare(flight, now);
    if (!is_held(now)) return false;
    if (!flight.passed && !gate_.try_pass(cost(flight), now)) return false;
    flight.passed = true;
    Tries& tries = flight.next().tries;
    if (const auto counted = limits_.count_request(); !counted) {
      stop(counted.error());
      return false;
    }
    if (tries.sent++ > 0) ++retries_now_;
    flight.left = now;
    recorder_.attempt(flight.ordinals(flight.next()));
    lane.pipe.push_back(&flight);
    return true;
  }

  void prepare(Flight& flight, Instant now) {
    flight.prepare(dialect_, credentials_, request_links_max_);
    if (!std::exchange(has_begun_, true)) pace_.first_request(cost(flight).bytes, now);
  }

  /// Waits until a request may be sent: for the end of its backoff, or for a permit from the
  /// scheduler, which also provides a connection if the worker has none.
  net::Task<void> wait_for_turn(Lane& lane, Instant now) {
    if (stop_) co_return;
    Flight* const flight = lane.suspect != nullptr ? lane.suspect : lane.first_due(now);
    if (flight == nullptr) {
      co_await wait(lane, lane.earliest_due() - now);
      co_return;
    }
    prepare(*flight, now);
    const auto passed = co_await gate_.pass(lane, cost(*flight));
    flight->passed = passed && *passed;
    if (passed) {
      lane.failures = 0;
    } else {
      co_await bear_failed_open(lane, passed.error());
    }
  }

  static Cost cost(Flight& flight) {
    return {static_cast<double>(flight.next().count), 1,
            static_cast<double>(flight.request.size())};
  }

  /// Opens a connection for a permit whose connection has ended. On failure the permit is given up,
  /// so that the workers do not all send at once when the service is back.
  net::Task<void> open(Lane& lane) {
    const auto opened = co_await lane.connection.open();
    if (opened) {
      lane.failures = 0;
      // A pause that began meanwhile applies to permits acquired before it, too.
      if (pace_.turnstile().paused_until() > Clock::now()) lane.give_up_turns();
    } else {
      lane.give_up_turns();
      co_await bear_failed_open(lane, opened.error());
    }
  }

  net::Task<void> bear_failed_open(Lane& lane, Error error) {
    // An invalid certificate means that this may be the wrong service, unless another of its
    // machines was accepted before.
    if (error.code != Errc::outage && !health_.ever_succeeded()) {
      stop(std::move(error));
      co_return;
    }
    health_.failure(Clock::now(), error.what);
    co_await wait(lane, next_backoff(++lane.failures));
  }

  net::Task<void> wait(Lane& lane, std::chrono::nanoseconds time) {
    if (stop_) co_return;
    lane.timer.expires_after(time);
    co_await lane.timer.async_wait(net::use_tuple);
  }

  std::chrono::nanoseconds next_backoff(std::uint32_t failures) {
    return backoff({options_.backoff_min, options_.backoff_max}, failures, chance_.next());
  }

  // --- Answers -----------------------------------------------------------------------------------

  /// Records the outcomes of a request's links, or determines how the request continues.
  void take_answer(Lane& lane, Flight& flight, const net::Answer& answer, Instant now) {
    const bool answered = answer.end == net::ReplyEnd::answered;
    // If the connection was closed while idle, nothing was sent and the permit remains valid.
    flight.passed = answer.stale && !answer.sent;
    if (&flight == lane.suspect) lane.suspect = nullptr;
    Tries& tries = flight.next().tries;
    if (answer.stale) {
      // The end of a kept-alive connection is no fault of the request, but what was sent may still
      // have arrived. The first request that met the end is sent first on the next connection.
      note_doubt(flight, answer.sent);
      if (lane.suspect == nullptr) lane.suspect = &flight;
      return;
    }
    if (answered) note_answer(lane, flight);
    const Next next = answered ? judge(lane, flight, answer.reply, now) : Next::after_a_wait;
    if (next == Next::done) {
      flight.finish_next();
      return;
    }
    note_doubt(flight, answer.sent && !(answered && lane.outcome.took_nothing));
    if (next == Next::at_the_gate) return;
    if (next == Next::in_halves) {
      flight.split_next();
      return;
    }
    // With TLS 1.2, open() would have reported this; treat it in the same way.
    if (answer.end == net::ReplyEnd::refused && !health_.ever_succeeded()) {
      stop({Errc::service, std::string(answer.what)});
      return;
    }
    ++tries.failed;
    if (!answered) health_.failure(now, named(answer.what));
    if (tries.failed >= flight.failures_max && give_up(flight)) return;
    flight.due = now + next_backoff(tries.failed);
  }

  /// Records which links are answered on which connection, in case the answers turn out to belong
  /// to other requests. The first answer on a connection is very unlikely to be another request's.
  /// So it is accepted without a record if all its links were in doubt before this run; thus every
  /// link is settled eventually even if the service answers every request twice.
  void note_answer(Lane& lane, Flight& flight) {
    const auto ordinals = flight.ordinals(flight.next());
    const bool is_first =
        std::exchange(lane.line, lane.connection.number()) != lane.connection.number();
    if (is_first) lane.carried = 0;
    const auto was_in_doubt = [&](auto it) { return recorder_.log().was_in_doubt(it); };
    if (is_first && std::all_of(ordinals.begin(), ordinals.end(), was_in_doubt)) return;
    lane.carried += ordinals.size();
    recorder_.note_answer(lane.line, ordinals);
  }

  /// Checks for surplus answers: on all idle connections, and on that of the worker where one was
  /// `found`. Links settled through such a connection that are not yet durable are sent again.
  void look_at_lines(Lane* found = nullptr) {
    std::vector<std::uint64_t> lines;
    std::uint64_t carried = 0;
    for (auto& lane : lanes_) {
      const bool has_surplus = lane.get() == found || lane->connection.look_for_surplus();
      if (!has_surplus || lane->line != lane->connection.number()) continue;
      lines.push_back(std::exchange(lane->line, 0));
      carried += lane->carried;
    }
    if (lines.empty()) return;
    const Doubted doubted = recorder_.doubt(lines);
    cursor_.send_again(doubted.again);
    note_surplus(doubted.again.size(), carried - doubted.answered);
  }

  /// Warns about surplus answers once, and once more if some outcomes are already durable.
  void note_surplus(std::uint64_t again, std::uint64_t settled_for_good) {
    const bool is_late = settled_for_good > 0 && !std::exchange(late_surplus_noted_, true);
    if (std::exchange(surplus_noted_, true) && !is_late) return;
    std::string note = fmt::format(
        "{}: an answer came that nobody had asked for: something on the way answers requests twice "
        "or for others, so that answers may have been taken for those of other links",
        endpoint_.options().target.authority());
    if (again > 0) note += fmt::format("; {} of its connection are sent again", again);
    if (is_late) {
      note += fmt::format("; {} that it answered before are on disk and stay as they are",
                          settled_for_good);
    }
    progress_.note(plan::Weight::warning, note);
  }

  /// Called when an attempt has not settled the next slice. If it may have been delivered all the
  /// same, the slice is in doubt; otherwise the attempt is withdrawn.
  void note_doubt(Flight& flight, bool may_be_taken) {
    const Part& part = flight.next();
    flight.next().tries.in_doubt |= may_be_taken;
    if (!part.tries.in_doubt) recorder_.withdraw(flight.ordinals(part));
  }

  /// Returns: a connection's error with the target in front, unless it names the host.
  std::string named(std::string_view what) const {
    const auto& target = endpoint_.options().target;
    if (what.find(target.host) != std::string_view::npos) return std::string(what);
    return fmt::format("{}: {}", target.authority(), what);
  }

  /// Source: the answer table of design section 6.
  Next judge(Lane& lane, Flight& flight, const net::Reply& reply, Instant now) {
    const Part& part = flight.next();
    Outcome& outcome = lane.outcome;
    dialect_.decode(reply, flight.links(part), outcome);
    const auto said = [&] { return mask_ids(outcome.message, flight.links(part), options_.mask); };
    switch (outcome.kind) {
      case OutcomeKind::delivered:
        note_success(part, now);
        settler_.deliver(flight.batch, part, outcome, reply.status);
        guard_refusals();
        return Next::done;
      case OutcomeKind::refused:
        note_success(part, now);
        settler_.refuse(flight.batch, part, outcome, reply.status);
        guard_refusals();
        return Next::done;
      case OutcomeKind::split:
        return Next::in_halves;
      case OutcomeKind::throttled:
        health_.failure(now, limited_words);
        if (outcome.retry_after_is_unreadable) note_unreadable_retry_after();
        limit(flight.left, now, outcome.retry_after);
        return Next::at_the_gate;
      case OutcomeKind::retry:
        health_.failure(now, said());
        return Next::after_a_wait;
      case OutcomeKind::foreign:
        if (!health_.bears_foreign(flight.left, now, said())) {
          stop({Errc::service, said()}, health_.ever_succeeded() ? "" : "to");
        }
        return Next::after_a_wait;
      case OutcomeKind::unauthorized:
        if (flight.credentials == credentials_ && !renew_credentials()) {
          stop({Errc::service,
                fmt::format("{}: status {}: {}: check MIXPANEL_USERNAME, MIXPANEL_SECRET and "
                            "MIXPANEL_TOKEN, then go on",
                            options_.target.url(), reply.status, said())});
        }
        return Next::at_the_gate;
      case OutcomeKind::wrong_project:
        stop({Errc::service, said()}, health_.ever_succeeded() ? "" : "project-id");
        return Next::at_the_gate;
      case OutcomeKind::wrong_mode:
        break;
    }
    stop({Errc::service, said()}, "project-mode");
    return Next::at_the_gate;
  }

  void note_success(const Part& part, Instant now) {
    health_.success(now);
    pace_.accepted(part.count, now);
  }

  /// The service answered that the rate is limited. This applies to all workers at once, and is
  /// saved for the next run in case this one is killed.
  void limit(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after) {
    pace_.limited(left, now, retry_after, chance_.next());
    follow_pace();
    recorder_.set_limit(pace_.known(WallClock::now(), now));
    save_when_due(now);
    give_up_in_pause(now);
  }

  /// Applies the present rate and request size to all waiting workers.
  void follow_pace() {
    if (const auto links = request_links_max(); links != request_links_max_) {
      request_links_max_ = links;
      gate_.send_back();
    } else {
      gate_.renew();
    }
  }

  std::size_t request_links_max() const {
    const auto most = dialect_.links_max();
    const double links = pace_.request_links_max();
    return links < static_cast<double>(most) ? static_cast<std::size_t>(links) : most;
  }

  void give_up_in_pause(Instant now) {
    const auto until = pace_.turnstile().paused_until();
    if (auto reason = limits_.look_at_pause(until, now, WallClock::now())) stop(std::move(*reason));
  }

  /// The note omits the value, because anything from the service may contain a secret.
  void note_unreadable_retry_after() {
    if (std::exchange(unreadable_noted_, true)) return;
    progress_.note(plan::Weight::warning,
                   "the service sends a Retry-After that is neither seconds nor a date: waiting by "
                   "--backoff-min and --backoff-max");
  }

  /// Applies the limit that the service gave to an earlier run.
  void recall_limit(const KnownLimit& known, Instant now) {
    pace_.recall(known, WallClock::now(), now);
    request_links_max_ = request_links_max();
    const auto rest = pace_.turnstile().paused_until() - now;
    if (rest <= rest.zero()) return;
    health_.failure(now, limited_words);
    progress_.note(plan::Weight::info,
                   fmt::format("the service asked an earlier run to wait: {} are left",
                               util::rough_duration_text(std::chrono::ceil<milliseconds>(rest))));
    give_up_in_pause(now);
  }

  void guard_refusals() {
    if (settler_.too_many_refused()) stop(*settler_.too_many_refused());
  }

  /// Reads the credentials again, at most once. Returns: true if there are new ones.
  bool renew_credentials() {
    if (!health_.ever_succeeded() || !options_.reread || credentials_ > 0) return false;
    auto fresh = options_.reread();
    if (!fresh) return false;
    if (!(fresh->token == options_.dialect.token)) {
      stop({Errc::usage,
            "the service no longer takes the credentials, and those that were read again are of "
            "another project (MIXPANEL_TOKEN is not the one that this job was begun with): nothing "
            "was sent with them; give the credentials of this project, then go on"});
      return false;
    }
    fresh->pinned_time_s = outset_.pinned_time_s;
    // Answers to requests with the old credentials are still to come.
    fresh->other_logins = logins_to_hide(options_);
    fresh->other_logins.emplace_back(util::Secret(), options_.dialect.token);
    fresh->other_logins.emplace_back(options_.dialect.username, options_.dialect.secret);
    auto dialect = Dialect::make(*fresh, options_.target.authority(), options_.target.base);
    if (!dialect) return false;
    dialect_ = std::move(*dialect);
    ++credentials_;
    progress_.note(plan::Weight::info,
                   "the service no longer takes the credentials: they were read again");
    return true;
  }

  /// Parks a link that keeps failing. While nothing has succeeded in this run, the failures count
  /// as an outage and the link is retried instead. Whether other links succeed at the same time
  /// does not matter: if every worker held such a link (with one worker: if its first link is one),
  /// the run would never progress. If it is an outage after all, each worker parks a few links
  /// before --give-up-after, and they are retried later. A request with several links is split to
  /// find the failing one, which costs little.
  bool give_up(Flight& flight) {
    const Part& part = flight.next();
    if (part.count > 1) {
      flight.split_next();
      return true;
    }
    if (health_.successes() == 0 && flight.failures_max > 1) return false;
    const auto ordinal = flight.batch.ordinals[part.first];
    const Ledger& ledger = recorder_.ledger();
    if (!ledger.is_parked(ordinal) && !ledger.can_park()) return false;
    recorder_.park(ordinal, part.tries.sent);
    flight.finish_next();
    return true;
  }

  // --- The clock ---------------------------------------------------------------------------------

  /// Handles everything except requests: progress, durability, time limits, signals.
  net::Task<void> watch() {
    while (lanes_active_ > 0) {
      tick_.expires_after(tick_every);
      co_await tick_.async_wait(net::use_tuple);
      const auto now = Clock::now();
      report(now);
      if (lanes_active_ == 0) co_return;  // run() saves at the end of each round and of the run
      is_held(now);
      foresee();
      save_when_due(now);
      follow_rates(now);
      if (const auto reason = limits_.look(now, health_)) stop(*reason);
      if (const auto note = limits_.outage_note(now, health_)) {
        progress_.note(plan::Weight::warning, *note);
      }
      // After the drain time, remaining requests are aborted; the next run sends them again.
      if (const auto note = limits_.drain_note(now)) progress_.note(plan::Weight::info, *note);
      if (stop_ && limits_.drained(now)) {
        for (auto& lane : lanes_)
          lane->connection.close();
      }
    }
  }

  /// Outcomes become durable only after their connections were checked for surplus answers.
  void save_when_due(Instant now) {
    if (!recorder_.is_due(now, options_.sync_every)) return;
    look_at_lines();
    recorder_.save_when_due(now, options_.sync_every);
  }

  /// Returns whether the job is still in its place. If not, the run has stopped because of it.
  bool is_held(Instant now) {
    if (now - looked_at_ < look_every) return !outset_.hold->is_lost();
    looked_at_ = now;
    const auto held = outset_.hold->check();
    if (!held) stop(held.error());
    return held.has_value();
  }

  /// A lost job replaces any other reason for the stop, because it is the cause of the other
  /// failures.
  void note_loss() {
    const auto held = outset_.hold->check();
    if (held) return;
    stop_ = held.error();
    unfit_ = {};
  }

  /// Raises the ceiling of the next checkpoint as far as the rate requires.
  void foresee() {
    if (const auto done = cursor_.foresee(); !done) stop(done.error());
  }

  void follow_rates(Instant now) {
    const Allowance allowed = rates_.look();
    const bool another = pace_.allow(allowed, now);
    if (another) cursor_.set_ahead(ahead_max(options_, allowed, in_flight_max_));
    if (pace_.follow(now) || another) {
      follow_pace();
      recorder_.update_limit(pace_.known(WallClock::now(), now));
    }
    if (pace_.is_paused()) health_.rest(now);
  }

  /// `unfit`: see SendReport.
  void stop(Error error, std::string_view unfit = {}) {
    if (stop_) return;
    stop_ = std::move(error);
    unfit_ = unfit;
    limits_.begin_drain(Clock::now());
    gate_.close();
    for (auto& lane : lanes_)
      lane->timer.cancel();
    tick_.cancel();
  }

  void report(Instant now) {
    const RunLog& log = recorder_.log();
    const auto elapsed = limits_.elapsed(now);
    progress_.sending({.to_send = outset_.to_send + log.facts().spares_sent(outset_.to_send),
                       .delivered = log.delivered(),
                       .refused = log.settled() - log.delivered(),
                       .parked = log.ledger().parked().size(),
                       .settled_now = recorder_.settled(),
                       .retries_now = retries_now_,
                       .throttled_now = pace_.limited_count(),
                       .rate_per_s = pace_.links_per_s(),
                       .paused_for = std::chrono::ceil<milliseconds>(
                           std::max(Instant::duration(), pace_.turnstile().paused_until() - now)),
                       .elapsed = elapsed,
                       .since_success = elapsed - limits_.elapsed(std::max(
                                                      limits_.began(), health_.last_success()))});
  }

  const SendOptions& options_;
  const Outset& outset_;
  Dialect dialect_;
  net::Endpoint endpoint_;
  Rates& rates_;
  std::uint64_t in_flight_max_;
  Pace pace_;
  Gate gate_;
  PlanCursor cursor_;
  Recorder recorder_;
  Settler settler_;
  Rounds rounds_;
  Health health_;
  Limits limits_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  net::Timer tick_;
  Chance chance_;
  plan::Progress& progress_;

  std::optional<Error> stop_;
  std::string_view unfit_;
  std::uint32_t credentials_ = 0;  // number of times they were read again
  std::size_t lanes_active_ = 0;
  std::size_t lanes_sending_ = 0;  // without those that only wait for the end of their connection
  std::uint64_t retries_now_ = 0;
  std::size_t request_links_max_ = 0;  // at the present rate
  bool unreadable_noted_ = false;
  bool surplus_noted_ = false;
  bool late_surplus_noted_ = false;
  bool has_begun_ = false;
  Instant looked_at_{};
};

}  // namespace

Result<SendReport> send_plan(const SendOptions& options, const std::string& job, io::Files& files,
                             plan::Progress& progress, const StopRequest& stop,
                             std::shared_ptr<plan::Hold>* keep) {
  auto outset = read_outset(options, job, files, progress);
  if (!outset) return outset.error();
  SendReport report = outset->report();
  if (keep != nullptr) *keep = outset->hold;
  if (report.nothing_to_do) return report;
  io::Files& held = outset->hold->files();

  auto dialect_options = options.dialect;
  dialect_options.pinned_time_s = outset->pinned_time_s;
  dialect_options.other_logins = logins_to_hide(options);
  auto dialect = Dialect::make(dialect_options, options.target.authority(), options.target.base);
  if (!dialect) return dialect.error();
  auto io = std::make_unique<asio::io_context>(1);
  net::EndpointOptions endpoint_options;
  endpoint_options.target = options.target;
  endpoint_options.tls = options.tls;
  endpoint_options.proxy = options.proxy;
  endpoint_options.timeout = options.timeout;
  auto endpoint = net::Endpoint::make(*io, std::move(endpoint_options));
  if (!endpoint) return endpoint.error();

  const auto in_flight_max =
      std::uint64_t{2} * options.connections * options.pipeline * dialect->links_max();
  Rates rates(options, dialect->links_max(), held, outset->paths, progress);
  auto log = begin_run(options, rates.look(), *outset, in_flight_max, held);
  if (!log) return outset->hold->reason_of(log.error());
  auto saver = RunSaver::open(held, outset->paths);
  if (!saver) return outset->hold->reason_of(saver.error());

  Sender sender(*io, options, *outset, *log, std::move(*saver), std::move(*dialect),
                std::move(*endpoint), rates, in_flight_max, held, progress, stop);
  const auto ran = util::caught([&]() -> Result<void> {
    sender.run(*io);
    return {};
  });
  if (!ran) {
    net::leave_standing(std::move(io));
    return ran.error();
  }
  fill_counts(report, log->now(), outset->to_send);
  sender.fill(report);
  return report;
}

}  // namespace idmerge::send
