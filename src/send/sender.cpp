// SPDX-License-Identifier: MIT
#include "send/sender.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "net/async.hpp"
#include "send/answer_handler.hpp"
#include "send/backoff.hpp"
#include "send/connection_pool.hpp"
#include "send/net_runtime.hpp"
#include "send/open_run.hpp"
#include "send/outage_detector.hpp"
#include "send/outcome_handler.hpp"
#include "send/pace.hpp"
#include "send/plan_cursor.hpp"
#include "send/rate_control.hpp"
#include "send/run_recorder.hpp"
#include "send/scheduler.hpp"
#include "send/service_session.hpp"
#include "send/spare_rounds.hpp"
#include "send/stop_conditions.hpp"
#include "send/surplus_guard.hpp"
#include "send/worker.hpp"
#include "util/exceptions.hpp"

namespace idmerge::send {
namespace {

using std::chrono::milliseconds;

/// Interval of checks of the clock, the stop request and the sync thread.
constexpr milliseconds tick_every{50};
constexpr milliseconds window_wait{20};

/// Minimum interval of checks that the job is still in its place.
constexpr milliseconds look_every{50};

enum class Source : std::uint8_t { plan, parked };

PaceOptions pace_options(const SendOptions& options, const Allowance& allowed,
                         const OpenRun& open_run, std::size_t links_max) {
  return {.allowed = allowed,
          .request_links = static_cast<double>(links_max),
          .adaptive = options.adaptive,
          .backoff = {options.backoff_min, options.backoff_max},
          .spent_before = open_run.state ? static_cast<double>(links_max) : 0};
}

/// The command `run`, once its job is open. Lifetime: the references must outlive the run.
struct RunCommand {
  const SendOptions& options;
  const OpenRun& open_run;
  io::Files& files;  // of the job
  plan::Progress& progress;
  const StopRequest& stop;
};

/// What the run starts from. Lifetime: as RunCommand.
struct RunStart {
  RunLog& log;
  RunSaver saver;
  ServiceSession session;
  RateControl& rate_control;
  std::uint64_t in_flight_max = 0;  // links
};

class Sender final : public RunControl {
 public:
  Sender(Runtime& runtime, const RunCommand& command, RunStart start)
      : options_(command.options),
        open_run_(command.open_run),
        progress_(command.progress),
        runtime_(runtime),
        clock_(runtime.clock()),
        session_(std::move(start.session)),
        rate_control_(start.rate_control),
        in_flight_max_(start.in_flight_max),
        pace_(pace_options(options_, rate_control_.look(), open_run_, session_.api().links_max()),
              clock_.now()),
        pool_([&runtime] { return runtime.connection(); }),
        scheduler_(runtime, pace_.rate_limiter(), pool_),
        cursor_(open_run_.plan, start.log),
        recorder_(
            start.log, runtime.snapshot_saver(std::move(start.saver)),
            [executor = runtime.executor()](std::function<void()> work) {
              asio::post(executor, std::move(work));
            },
            [this](const Error& error) { this->stop(error); }),
        outcome_handler_(*options_.service, open_run_.plan.facts().inputs, recorder_,
                         {options_.max_refused_percent, options_.max_refused_links},
                         open_run_.paths.refused(), options_.mask),
        surplus_guard_(pool_, recorder_, cursor_, progress_, options_.target.authority()),
        rounds_(options_, open_run_.plan, open_run_.paths, open_run_.spares, command.files,
                recorder_, cursor_, progress_, command.stop),
        outage_detector_(start.log.settled() > 0, options_.backoff_min),
        stop_conditions_(options_, command.stop, clock_.now()),
        tick_(runtime),
        chance_(options_.seed != 0 ? options_.seed : std::random_device{}()),
        answer_handler_(options_, {session_, recorder_, outcome_handler_, surplus_guard_,
                                   outage_detector_, progress_, chance_, *this}) {
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      workers_.push_back(std::make_unique<Worker>(runtime, options_.pipeline));
    }
    if (options_.canary) cursor_.settle_at_most(*options_.canary);
    cursor_.set_ahead(ahead_max(options_, rate_control_.look(), in_flight_max_));
    recall_limit(start.log.facts().limit, clock_.now());
  }

  /// Sends until no link is left or the run stops, and saves a checkpoint.
  void run() {
    if (const auto resumed = rounds_.resume(); !resumed) stop(resumed.error());
    do {
      runtime_.run(all());
    } while (begin_round());
    note_loss();
    // If the job was moved as a whole, the next run finds all outcomes in its new place.
    if (open_run_.hold->is_lost() && !open_run_.hold->is_whole()) return;
    const auto finished = recorder_.finish(exit_code_now(), rounds_.over());
    if (!finished) stop_ = finished.error();
    note_loss();
  }

  void fill(SendReport& report) const {
    report.refused_now = recorder_.refused();
    report.requests_now = stop_conditions_.requests();
    report.retries_now = retries_now_;
    report.rate_limited_now = pace_.rate_limited_count();
    report.elapsed = stop_conditions_.elapsed(clock_.now());
    report.stop = stop_;
    report.unfit = unfit_;
  }

 private:
  /// The exit code of the command, as far as sending decides it; the outcomes of other rows are not
  /// known here.
  int exit_code_now() const {
    if (stop_) return util::exit_code(stop_->code, stop_conditions_.signal_number());
    return recorder_.ledger().is_done() && rounds_.over() ? 0 : util::exit_code(Errc::outage);
  }

  net::Task<void> all() {
    std::vector<net::Task<void>> tasks;
    workers_active_ = workers_sending_ = workers_.size();
    for (auto& worker : workers_)
      tasks.push_back(run_worker(*worker));
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

  net::Task<void> run_worker(Worker& worker) {
    while (true) {
      co_await send_all(worker, Source::plan);
      // The last worker retries the parked links once, when all others are done.
      if (workers_sending_ == 1) co_await send_all(worker, Source::parked);
      surplus_guard_.look();
      if (!stop_ && cursor_.has_again()) continue;
      scheduler_.hand_over(worker);
      --workers_sending_;
      // Only after the end of a connection is it certain that it gave no surplus answer.
      if (worker.connection != nullptr) {
        const bool surplus = co_await worker.connection->line->finish();
        if (surplus) surplus_guard_.look(worker.connection);
        pool_.release(*std::exchange(worker.connection, nullptr));
      }
      if (stop_ || !cursor_.has_again()) break;
      ++workers_sending_;
    }
    if (--workers_active_ == 0) tick_.end();
  }

  /// Sends until the source has no more links or the run stops.
  net::Task<void> send_all(Worker& worker, Source source) {
    while (!stop_) {
      const Taken taken = fill(worker, source);
      if (worker.has_slices()) {
        if (worker.is_connected()) {
          co_await send_pipelined(worker);
        } else if (worker.holds_permit()) {
          co_await open(worker);
        } else {
          co_await wait_for_permit(worker, clock_.now());
        }
      } else if (taken == Taken::window_full) {
        co_await wait(worker, clock_.now() + window_wait);
      } else {
        break;
      }
    }
  }

  /// Takes a batch for every idle request in flight of a worker, up to the number of requests it
  /// may pipeline.
  Taken fill(Worker& worker, Source source) {
    for (std::size_t i = 0; i < worker.pipelined_max(); ++i) {
      RequestInFlight& in_flight = worker.requests_in_flight[i];
      if (in_flight.has_slices()) continue;
      Batch& batch = in_flight.batch;
      cursor_.release(batch);
      const auto taken = source == Source::plan ? cursor_.take(session_.api().links_max(), batch)
                                                : cursor_.take_parked(batch);
      if (!taken) {
        stop(taken.error());
        return Taken::end;
      }
      if (*taken == Taken::enough) stop(canary_reached(recorder_.log().settled()));
      if (*taken != Taken::links) return *taken;
      if (source == Source::plan) {
        in_flight.begin(false, options_.attempts);
      } else {
        in_flight.begin(recorder_.log().is_in_doubt(batch.ordinals.front()), 1);
      }
    }
    return Taken::links;
  }

  /// Sends the requests that are due and have a permit, with one write, and handles their answers.
  net::Task<void> send_pipelined(Worker& worker) {
    const Instant now = clock_.now();
    gather(worker, now);
    if (worker.pipelined.empty()) {
      co_await wait_for_permit(worker, now);
      co_return;
    }
    // Written before sending, so that after a kill the next run knows which requests were sent.
    if (!recorder_.write_attempts()) co_return;
    PooledConnection& connection = *worker.connection;
    if (worker.pipelined.size() == 1) {
      RequestInFlight& in_flight = *worker.pipelined.front();
      const net::Answer answer = co_await connection.line->exchange(in_flight.request);
      answer_handler_.take(worker, in_flight, answer, clock_.now());
      if (answer.surplus) surplus_guard_.look(&connection);
    } else {
      worker.requests.clear();
      for (const RequestInFlight* in_flight : worker.pipelined)
        worker.requests += in_flight->request;
      const auto unsent = co_await connection.line->send(worker.requests, worker.pipelined.size());
      Instant came = clock_.now();
      bool surplus = false;
      for (RequestInFlight* in_flight : worker.pipelined) {
        auto answer = unsent ? unsent : connection.line->received();
        if (!answer) {
          answer = co_await connection.line->receive();
          came = clock_.now();
        }
        answer_handler_.take(worker, *in_flight, *answer, came);
        surplus |= answer->surplus;
      }
      if (surplus) surplus_guard_.look(&connection);
    }
    worker.pipelined.clear();
    connection.adapt_pipeline(options_.pipeline);
  }

  /// Collects the requests that may be sent now.
  void gather(Worker& worker, Instant now) {
    worker.pipelined.clear();
    // A suspect is sent alone: if the connection ends again, only this request can be the cause,
    // and no other request is affected.
    if (worker.retry_first != nullptr) {
      join_pipelined(worker, *worker.retry_first, now);
      return;
    }
    while (worker.pipelined.size() < worker.pipelined_max()) {
      RequestInFlight* const in_flight = worker.next_to_send(now);
      if (in_flight == nullptr || !join_pipelined(worker, *in_flight, now)) return;
      worker.advance_past(*in_flight);
    }
  }

  /// Adds a request to the pipelined ones.
  /// Returns: false if it may not be sent now.
  bool join_pipelined(Worker& worker, RequestInFlight& in_flight, Instant now) {
    prepare(in_flight, now);
    if (!is_held(now)) return false;
    if (!in_flight.has_permit && !scheduler_.try_acquire(cost(in_flight), now)) return false;
    in_flight.has_permit = true;
    Tries& tries = in_flight.next().tries;
    if (const auto counted = stop_conditions_.count_request(); !counted) {
      stop(counted.error());
      return false;
    }
    if (tries.sent++ > 0) ++retries_now_;
    in_flight.left = now;
    recorder_.attempt(in_flight.ordinals(in_flight.next()));
    worker.pipelined.push_back(&in_flight);
    return true;
  }

  void prepare(RequestInFlight& in_flight, Instant now) {
    in_flight.prepare(session_.api(), session_.version(), request_links_max_);
    if (!std::exchange(has_begun_, true)) pace_.first_request(cost(in_flight).bytes, now);
  }

  /// Waits until a request may be sent: for the end of its backoff, or for a permit from the
  /// scheduler, which also provides a connection if the worker has none.
  net::Task<void> wait_for_permit(Worker& worker, Instant now) {
    if (stop_) co_return;
    RequestInFlight* const in_flight =
        worker.retry_first != nullptr ? worker.retry_first : worker.next_to_send(now);
    if (in_flight == nullptr) {
      co_await wait(worker, worker.earliest_due());
      co_return;
    }
    prepare(*in_flight, now);
    const auto has_permit = co_await scheduler_.acquire(worker, cost(*in_flight));
    in_flight->has_permit = has_permit && *has_permit;
    if (has_permit) {
      worker.failures = 0;
    } else {
      co_await bear_failed_open(worker, has_permit.error());
    }
  }

  static Cost cost(RequestInFlight& in_flight) {
    return {static_cast<double>(in_flight.next().count), 1,
            static_cast<double>(in_flight.request.size())};
  }

  /// Opens a connection for a permit whose connection has ended. On failure the permit is given up,
  /// so that the workers do not all send at once when the service is back.
  net::Task<void> open(Worker& worker) {
    const auto opened = co_await worker.connection->line->open();
    if (opened) {
      worker.failures = 0;
      // A pause that began meanwhile applies to permits acquired before it, too.
      if (pace_.rate_limiter().paused_until() > clock_.now()) worker.give_up_permits();
    } else {
      worker.give_up_permits();
      co_await bear_failed_open(worker, opened.error());
    }
  }

  net::Task<void> bear_failed_open(Worker& worker, Error error) {
    // An invalid certificate means that this may be the wrong service, unless another of its
    // machines was accepted before.
    if (error.code != Errc::outage && !outage_detector_.ever_succeeded()) {
      stop(std::move(error));
      co_return;
    }
    const Instant now = clock_.now();
    outage_detector_.failure(now, error.what);
    co_await wait(worker, now + backoff({options_.backoff_min, options_.backoff_max},
                                        ++worker.failures, chance_.next()));
  }

  net::Task<void> wait(Worker& worker, Instant until) {
    if (stop_) co_return;
    co_await worker.sleep.until(until);
  }

  // --- The rate ----------------------------------------------------------------------------------

  void accepted(std::size_t links, Instant now) override { pace_.accepted(links, now); }

  /// The limit applies to all workers at once, and is saved for the next run in case this one is
  /// killed.
  void rate_limited(Instant left, Instant now,
                    std::optional<std::chrono::seconds> retry_after) override {
    pace_.rate_limited(left, now, retry_after, chance_.next());
    follow_pace();
    recorder_.set_limit(pace_.known(clock_.wall_now(), now));
    save_when_due(now);
    give_up_in_pause(now);
  }

  /// Applies the present rate and request size to all waiting workers.
  void follow_pace() {
    if (const auto links = request_links_max(); links != request_links_max_) {
      request_links_max_ = links;
      scheduler_.send_back();
    } else {
      scheduler_.renew();
    }
  }

  std::size_t request_links_max() const {
    const auto most = session_.api().links_max();
    const double links = pace_.request_links_max();
    return links < static_cast<double>(most) ? static_cast<std::size_t>(links) : most;
  }

  void give_up_in_pause(Instant now) {
    const auto until = pace_.rate_limiter().paused_until();
    if (auto reason = stop_conditions_.look_at_pause(until, now, clock_.wall_now()))
      stop(std::move(*reason));
  }

  /// Applies the limit that the service gave to an earlier run.
  void recall_limit(const KnownLimit& known, Instant now) {
    pace_.recall(known, clock_.wall_now(), now);
    request_links_max_ = request_links_max();
    const auto rest = pace_.rate_limiter().paused_until() - now;
    if (rest <= rest.zero()) return;
    outage_detector_.failure(now, rate_limited_message);
    progress_.note(plan::Weight::info,
                   fmt::format("the service asked an earlier run to wait: {} are left",
                               util::rough_duration_text(std::chrono::ceil<milliseconds>(rest))));
    give_up_in_pause(now);
  }

  // --- The clock ---------------------------------------------------------------------------------

  /// Handles everything except requests: progress, durability, time limits, signals.
  net::Task<void> watch() {
    while (workers_active_ > 0) {
      co_await tick_.until(clock_.now() + tick_every);
      const auto now = clock_.now();
      report(now);
      if (workers_active_ == 0) co_return;  // run() saves at the end of each round and of the run
      is_held(now);
      foresee();
      save_when_due(now);
      follow_rates(now);
      if (const auto reason = stop_conditions_.look(now, outage_detector_)) stop(*reason);
      if (const auto note = stop_conditions_.outage_note(now, outage_detector_)) {
        progress_.note(plan::Weight::warning, *note);
      }
      // After the drain time, remaining requests are aborted; the next run sends them again.
      if (const auto note = stop_conditions_.drain_note(now))
        progress_.note(plan::Weight::info, *note);
      if (stop_ && stop_conditions_.drained(now)) pool_.close();
    }
  }

  /// Outcomes become durable only after their connections were checked for surplus answers.
  void save_when_due(Instant now) {
    if (!recorder_.is_due(now, options_.sync_every)) return;
    surplus_guard_.look();
    recorder_.save_when_due(now, options_.sync_every);
  }

  /// Returns whether the job is still in its place. If not, the run has stopped because of it.
  bool is_held(Instant now) {
    if (now - looked_at_ < look_every) return !open_run_.hold->is_lost();
    looked_at_ = now;
    const auto held = open_run_.hold->check();
    if (!held) stop(held.error());
    return held.has_value();
  }

  /// A lost job replaces any other reason for the stop, because it is the cause of the other
  /// failures.
  void note_loss() {
    const auto held = open_run_.hold->check();
    if (held) return;
    stop_ = held.error();
    unfit_ = {};
  }

  /// Raises the ceiling of the next checkpoint as far as the rate requires.
  void foresee() {
    if (const auto done = cursor_.foresee(); !done) stop(done.error());
  }

  void follow_rates(Instant now) {
    const Allowance allowed = rate_control_.look();
    const bool another = pace_.allow(allowed, now);
    if (another) cursor_.set_ahead(ahead_max(options_, allowed, in_flight_max_));
    if (pace_.follow(now) || another) {
      follow_pace();
      recorder_.update_limit(pace_.known(clock_.wall_now(), now));
    }
    if (pace_.is_paused()) outage_detector_.rest(now);
  }

  void stop(Error error, std::string_view unfit = {}) override {
    if (stop_) return;
    stop_ = std::move(error);
    unfit_ = unfit;
    stop_conditions_.begin_drain(clock_.now());
    scheduler_.close();
    for (auto& worker : workers_)
      worker->sleep.end();
    tick_.end();
  }

  void report(Instant now) {
    const RunLog& log = recorder_.log();
    const auto elapsed = stop_conditions_.elapsed(now);
    progress_.sending({.to_send = open_run_.to_send + log.facts().spares_sent(open_run_.to_send),
                       .delivered = log.delivered(),
                       .refused = log.settled() - log.delivered(),
                       .parked = log.ledger().parked().size(),
                       .settled_now = recorder_.settled(),
                       .retries_now = retries_now_,
                       .rate_limited_now = pace_.rate_limited_count(),
                       .rate_per_s = pace_.links_per_s(),
                       .paused_for = std::chrono::ceil<milliseconds>(std::max(
                           Instant::duration(), pace_.rate_limiter().paused_until() - now)),
                       .elapsed = elapsed,
                       .since_success = elapsed - stop_conditions_.elapsed(
                                                      std::max(stop_conditions_.began(),
                                                               outage_detector_.last_success()))});
  }

  const SendOptions& options_;
  const OpenRun& open_run_;
  plan::Progress& progress_;
  Runtime& runtime_;
  const util::Clock& clock_;
  ServiceSession session_;
  RateControl& rate_control_;
  std::uint64_t in_flight_max_;
  Pace pace_;
  ConnectionPool pool_;
  Scheduler scheduler_;
  PlanCursor cursor_;
  RunRecorder recorder_;
  OutcomeHandler outcome_handler_;
  SurplusGuard surplus_guard_;
  Rounds rounds_;
  OutageDetector outage_detector_;
  StopConditions stop_conditions_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Sleep tick_;
  Chance chance_;
  AnswerHandler answer_handler_;

  std::optional<Error> stop_;
  std::string_view unfit_;
  std::size_t workers_active_ = 0;
  std::size_t workers_sending_ = 0;  // without those that only wait for the end of their connection
  std::uint64_t retries_now_ = 0;
  std::size_t request_links_max_ = 0;  // at the present rate
  bool has_begun_ = false;
  Instant looked_at_{};
};

}  // namespace

Result<SendReport> send_plan(const SendOptions& options, const std::string& job, io::Files& files,
                             plan::Progress& progress, const StopRequest& stop,
                             std::shared_ptr<plan::JobLock>* keep) {
  NetRuntime runtime;
  return send_plan(options, job, files, progress, stop, runtime, keep);
}

Result<SendReport> send_plan(const SendOptions& options, const std::string& job, io::Files& files,
                             plan::Progress& progress, const StopRequest& stop, Runtime& runtime,
                             std::shared_ptr<plan::JobLock>* keep) {
  const util::Clock& clock = runtime.clock();
  auto open_run = read_open_run(options, job, files, progress, clock);
  if (!open_run) return open_run.error();
  SendReport report = open_run->report();
  if (keep != nullptr) *keep = open_run->hold;
  if (report.nothing_to_do) return report;
  io::Files& held = open_run->hold->files();

  auto session = ServiceSession::make(options, open_run->pinned_time_s);
  if (!session) return session.error();
  if (const auto prepared = runtime.prepare(options); !prepared) return prepared.error();

  const auto links_max = session->api().links_max();
  const auto in_flight_max = std::uint64_t{2} * options.connections * options.pipeline * links_max;
  RateControl rate_control(options, links_max, held, open_run->paths, progress, clock);
  auto log = begin_run(options, rate_control.look(), *open_run, in_flight_max, held, clock);
  if (!log) return open_run->hold->reason_of(log.error());
  auto saver = RunSaver::open(held, open_run->paths);
  if (!saver) return open_run->hold->reason_of(saver.error());

  Sender sender(runtime, {options, *open_run, held, progress, stop},
                {*log, std::move(*saver), std::move(*session), rate_control, in_flight_max});
  const auto ran = util::caught([&]() -> Result<void> {
    sender.run();
    return {};
  });
  if (!ran) {
    runtime.leak_io_context();
    return ran.error();
  }
  fill_counts(report, log->now(), open_run->to_send);
  sender.fill(report);
  return report;
}

}  // namespace idmerge::send
