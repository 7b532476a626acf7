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
enum class Next : std::uint8_t { done, at_the_scheduler, in_halves, after_a_wait };

enum class Source : std::uint8_t { plan, parked };

PaceOptions pace_options(const SendOptions& options, const Allowance& allowed,
                         const OpenRun& open_run, std::size_t links_max) {
  return {.allowed = allowed,
          .request_links = static_cast<double>(links_max),
          .adaptive = options.adaptive,
          .backoff = {options.backoff_min, options.backoff_max},
          .spent_before = open_run.state ? static_cast<double>(links_max) : 0};
}

/// Logins to mask in answers, in addition to those in the requests.
std::vector<std::pair<util::Secret, util::Secret>> logins_to_hide(const SendOptions& options) {
  if (!options.proxy) return {};
  return {{util::Secret(options.proxy->username), options.proxy->password}};
}

class Sender {
 public:
  Sender(asio::io_context& io, const SendOptions& options, const OpenRun& open_run, RunLog& log,
         RunSaver saver, std::unique_ptr<ServiceApi> service_api, net::Endpoint endpoint,
         RateControl& rate_control, std::uint64_t in_flight_max, io::Files& files,
         plan::Progress& progress, const StopRequest& stop)
      : options_(options),
        open_run_(open_run),
        service_api_(std::move(service_api)),
        endpoint_(std::move(endpoint)),
        rate_control_(rate_control),
        in_flight_max_(in_flight_max),
        pace_(pace_options(options, rate_control.look(), open_run, service_api_->links_max()),
              Clock::now()),
        scheduler_(io, pace_.rate_limiter()),
        cursor_(open_run.plan, log),
        recorder_(
            log, std::move(saver),
            [&io](std::function<void()> work) { asio::post(io, std::move(work)); },
            [this](const Error& error) { this->stop(error); }),
        outcome_handler_(*options.service, open_run.plan.facts().inputs, recorder_,
                         {options.max_refused_percent, options.max_refused_links},
                         open_run.paths.refused(), options.mask),
        rounds_(options, open_run.plan, open_run.paths, open_run.spares, files, recorder_, cursor_,
                progress, stop),
        outage_detector_(log.settled() > 0, options.backoff_min),
        stop_conditions_(options, stop, Clock::now()),
        tick_(io),
        chance_(options.seed != 0 ? options.seed : std::random_device{}()),
        progress_(progress) {
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      workers_.push_back(std::make_unique<Worker>(io, endpoint_, options_.pipeline));
    }
    if (options_.canary) cursor_.settle_at_most(*options_.canary);
    cursor_.set_ahead(ahead_max(options_, rate_control_.look(), in_flight_max_));
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
    report.elapsed = stop_conditions_.elapsed(Clock::now());
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
      look_at_lines();
      if (!stop_ && cursor_.has_again()) continue;
      scheduler_.hand_over(worker);
      --workers_sending_;
      // Only after the end of a connection is it certain that it gave no surplus answer.
      const bool surplus = co_await worker.connection.finish();
      if (surplus) look_at_lines(&worker);
      if (stop_ || !cursor_.has_again()) break;
      ++workers_sending_;
    }
    if (--workers_active_ == 0) tick_.cancel();
  }

  /// Sends until the source has no more links or the run stops.
  net::Task<void> send_all(Worker& worker, Source source) {
    while (!stop_) {
      const Taken taken = fill(worker, source);
      if (worker.has_slices()) {
        if (worker.connection.is_open()) {
          co_await send_pipelined(worker);
        } else if (worker.holds_permit()) {
          co_await open(worker);
        } else {
          co_await wait_for_permit(worker, Clock::now());
        }
      } else if (taken == Taken::window_full) {
        co_await wait(worker, window_wait);
      } else {
        break;
      }
    }
  }

  /// Takes a batch for every idle request in flight of a worker, up to the number of requests it
  /// may pipeline.
  Taken fill(Worker& worker, Source source) {
    for (std::size_t i = 0; i < worker.pipelined_max; ++i) {
      RequestInFlight& in_flight = worker.requests_in_flight[i];
      if (in_flight.has_slices()) continue;
      Batch& batch = in_flight.batch;
      cursor_.release(batch);
      const auto taken = source == Source::plan ? cursor_.take(service_api_->links_max(), batch)
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
    const Instant now = Clock::now();
    gather(worker, now);
    if (worker.pipelined.empty()) {
      co_await wait_for_permit(worker, now);
      co_return;
    }
    // Written before sending, so that after a kill the next run knows which requests were sent.
    if (!recorder_.write_attempts()) co_return;
    if (worker.pipelined.size() == 1) {
      RequestInFlight& in_flight = *worker.pipelined.front();
      const net::Answer answer = co_await worker.connection.exchange(in_flight.request);
      take_answer(worker, in_flight, answer, Clock::now());
      if (answer.surplus) look_at_lines(&worker);
    } else {
      worker.requests.clear();
      for (const RequestInFlight* in_flight : worker.pipelined)
        worker.requests += in_flight->request;
      const auto unsent = co_await worker.connection.send(worker.requests, worker.pipelined.size());
      Instant came = Clock::now();
      bool surplus = false;
      for (RequestInFlight* in_flight : worker.pipelined) {
        auto answer = unsent ? unsent : worker.connection.received();
        if (!answer) {
          answer = co_await worker.connection.receive();
          came = Clock::now();
        }
        take_answer(worker, *in_flight, *answer, came);
        surplus |= answer->surplus;
      }
      if (surplus) look_at_lines(&worker);
    }
    worker.adapt_pipeline(worker.connection.is_open());
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
    while (worker.pipelined.size() < worker.pipelined_max) {
      RequestInFlight* const in_flight = worker.first_due(now);
      const bool is_around = !worker.pipelined.empty() && in_flight == worker.pipelined.front();
      if (in_flight == nullptr || is_around || !join_pipelined(worker, *in_flight, now)) return;
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
    in_flight.prepare(*service_api_, credentials_, request_links_max_);
    if (!std::exchange(has_begun_, true)) pace_.first_request(cost(in_flight).bytes, now);
  }

  /// Waits until a request may be sent: for the end of its backoff, or for a permit from the
  /// scheduler, which also provides a connection if the worker has none.
  net::Task<void> wait_for_permit(Worker& worker, Instant now) {
    if (stop_) co_return;
    RequestInFlight* const in_flight =
        worker.retry_first != nullptr ? worker.retry_first : worker.first_due(now);
    if (in_flight == nullptr) {
      co_await wait(worker, worker.earliest_due() - now);
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
    const auto opened = co_await worker.connection.open();
    if (opened) {
      worker.failures = 0;
      // A pause that began meanwhile applies to permits acquired before it, too.
      if (pace_.rate_limiter().paused_until() > Clock::now()) worker.give_up_permits();
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
    outage_detector_.failure(Clock::now(), error.what);
    co_await wait(worker, next_backoff(++worker.failures));
  }

  net::Task<void> wait(Worker& worker, std::chrono::nanoseconds time) {
    if (stop_) co_return;
    worker.timer.expires_after(time);
    co_await worker.timer.async_wait(net::use_tuple);
  }

  std::chrono::nanoseconds next_backoff(std::uint32_t failures) {
    return backoff({options_.backoff_min, options_.backoff_max}, failures, chance_.next());
  }

  // --- Answers -----------------------------------------------------------------------------------

  /// Records the outcomes of a request's links, or determines how the request continues.
  void take_answer(Worker& worker, RequestInFlight& in_flight, const net::Answer& answer,
                   Instant now) {
    const bool answered = answer.end == net::ResponseEnd::answered;
    // If the connection was closed while idle, nothing was sent and the permit remains valid.
    in_flight.has_permit = answer.stale && !answer.sent;
    if (&in_flight == worker.retry_first) worker.retry_first = nullptr;
    Tries& tries = in_flight.next().tries;
    if (answer.stale) {
      // The end of a kept-alive connection is no fault of the request, but what was sent may still
      // have arrived. The first request that met the end is sent first on the next connection.
      note_in_doubt(in_flight, answer.sent);
      if (answer.sent) report_request(in_flight, answer, now);
      if (worker.retry_first == nullptr) worker.retry_first = &in_flight;
      return;
    }
    if (answered) note_answer(worker, in_flight);
    report_request(in_flight, answer, now);
    const Next next =
        answered ? judge(worker, in_flight, answer.response, now) : Next::after_a_wait;
    if (next == Next::done) {
      in_flight.finish_next();
      return;
    }
    note_in_doubt(in_flight, answer.sent && !(answered && worker.outcome.took_nothing));
    if (next == Next::at_the_scheduler) return;
    if (next == Next::in_halves) {
      in_flight.split_next();
      return;
    }
    // With TLS 1.2, open() would have reported this; treat it in the same way.
    if (answer.end == net::ResponseEnd::refused && !outage_detector_.ever_succeeded()) {
      stop({Errc::service, std::string(answer.what)});
      return;
    }
    ++tries.failed;
    if (!answered) outage_detector_.failure(now, named(answer.what));
    if (tries.failed >= in_flight.failures_max && give_up(in_flight)) return;
    in_flight.due = now + next_backoff(tries.failed);
  }

  void report_request(RequestInFlight& in_flight, const net::Answer& answer, Instant now) {
    const bool answered = answer.end == net::ResponseEnd::answered;
    progress_.request_ended({.status = answered ? answer.response.status : 0,
                             .links = in_flight.next().count,
                             .latency = now - in_flight.left,
                             .request_bytes = in_flight.request.size(),
                             .answer_body_bytes = answered ? answer.response.body.size() : 0});
  }

  /// Records which links are answered on which connection, in case the answers turn out to belong
  /// to other requests. The first answer on a connection is very unlikely to be another request's.
  /// So it is accepted without a record if all its links were in doubt before this run; thus every
  /// link is settled eventually even if the service answers every request twice.
  void note_answer(Worker& worker, RequestInFlight& in_flight) {
    const auto ordinals = in_flight.ordinals(in_flight.next());
    const bool is_first =
        std::exchange(worker.line, worker.connection.number()) != worker.connection.number();
    if (is_first) worker.carried = 0;
    const auto was_in_doubt = [&](auto it) { return recorder_.log().was_in_doubt(it); };
    if (is_first && std::all_of(ordinals.begin(), ordinals.end(), was_in_doubt)) return;
    worker.carried += ordinals.size();
    recorder_.note_answer(worker.line, ordinals);
  }

  /// Checks for surplus answers: on all idle connections, and on that of the worker where one was
  /// `found`. Links settled through such a connection that are not yet durable are sent again.
  void look_at_lines(Worker* found = nullptr) {
    std::vector<std::uint64_t> lines;
    std::uint64_t carried = 0;
    for (auto& worker : workers_) {
      const bool has_surplus = worker.get() == found || worker->connection.look_for_surplus();
      if (!has_surplus || worker->line != worker->connection.number()) continue;
      lines.push_back(std::exchange(worker->line, 0));
      carried += worker->carried;
    }
    if (lines.empty()) return;
    const Doubted doubted = recorder_.in_doubt(lines);
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
  void note_in_doubt(RequestInFlight& in_flight, bool may_be_taken) {
    const Slice& slice = in_flight.next();
    in_flight.next().tries.in_doubt |= may_be_taken;
    if (!slice.tries.in_doubt) recorder_.withdraw(in_flight.ordinals(slice));
  }

  /// Returns: a connection's error with the target in front, unless it names the host.
  std::string named(std::string_view what) const {
    const auto& target = endpoint_.options().target;
    if (what.find(target.host) != std::string_view::npos) return std::string(what);
    return fmt::format("{}: {}", target.authority(), what);
  }

  /// Source: the answer table of design section 6.
  Next judge(Worker& worker, RequestInFlight& in_flight, const net::Response& response,
             Instant now) {
    const Slice& slice = in_flight.next();
    Outcome& outcome = worker.outcome;
    service_api_->decode(response, in_flight.links(slice), outcome);
    const auto said = [&] {
      return mask_ids(outcome.message, in_flight.links(slice), options_.mask);
    };
    switch (outcome.kind) {
      case OutcomeKind::delivered:
        note_success(slice, now);
        outcome_handler_.deliver(in_flight.batch, slice, outcome, response.status);
        guard_refusals();
        return Next::done;
      case OutcomeKind::refused:
        note_success(slice, now);
        outcome_handler_.refuse(in_flight.batch, slice, outcome, response.status);
        guard_refusals();
        return Next::done;
      case OutcomeKind::split:
        return Next::in_halves;
      case OutcomeKind::rate_limited:
        outage_detector_.failure(now, limited_words);
        if (outcome.retry_after_is_unreadable) note_unreadable_retry_after();
        limit(in_flight.left, now, outcome.retry_after);
        return Next::at_the_scheduler;
      case OutcomeKind::retry:
        outage_detector_.failure(now, said());
        return Next::after_a_wait;
      case OutcomeKind::foreign:
        if (!outage_detector_.bears_foreign(in_flight.left, now, said())) {
          stop({Errc::service, said()}, outage_detector_.ever_succeeded() ? "" : "to");
        }
        return Next::after_a_wait;
      case OutcomeKind::unauthorized:
        if (in_flight.credentials == credentials_ && !renew_credentials()) {
          stop({Errc::service, fmt::format("{}: status {}: {}: check {}, {} and {}, then go on",
                                           options_.target.url(), response.status, said(),
                                           options_.service->credentials.username.name,
                                           options_.service->credentials.secret.name,
                                           options_.service->credentials.token.name)});
        }
        return Next::at_the_scheduler;
      case OutcomeKind::wrong_project:
        stop({Errc::service, said()}, outage_detector_.ever_succeeded() ? "" : "project-id");
        return Next::at_the_scheduler;
      case OutcomeKind::wrong_mode:
        break;
    }
    stop({Errc::service, said()}, "project-mode");
    return Next::at_the_scheduler;
  }

  void note_success(const Slice& slice, Instant now) {
    outage_detector_.success(now);
    pace_.accepted(slice.count, now);
  }

  /// The service answered that the rate is limited. This applies to all workers at once, and is
  /// saved for the next run in case this one is killed.
  void limit(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after) {
    pace_.rate_limited(left, now, retry_after, chance_.next());
    follow_pace();
    recorder_.set_limit(pace_.known(WallClock::now(), now));
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
    const auto most = service_api_->links_max();
    const double links = pace_.request_links_max();
    return links < static_cast<double>(most) ? static_cast<std::size_t>(links) : most;
  }

  void give_up_in_pause(Instant now) {
    const auto until = pace_.rate_limiter().paused_until();
    if (auto reason = stop_conditions_.look_at_pause(until, now, WallClock::now()))
      stop(std::move(*reason));
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
    const auto rest = pace_.rate_limiter().paused_until() - now;
    if (rest <= rest.zero()) return;
    outage_detector_.failure(now, limited_words);
    progress_.note(plan::Weight::info,
                   fmt::format("the service asked an earlier run to wait: {} are left",
                               util::rough_duration_text(std::chrono::ceil<milliseconds>(rest))));
    give_up_in_pause(now);
  }

  void guard_refusals() {
    if (outcome_handler_.too_many_refused()) stop(*outcome_handler_.too_many_refused());
  }

  /// Reads the credentials again, at most once. Returns: true if there are new ones.
  bool renew_credentials() {
    if (!outage_detector_.ever_succeeded() || !options_.reread || credentials_ > 0) return false;
    auto fresh = options_.reread();
    if (!fresh) return false;
    if (!(fresh->token == options_.service_api.token)) {
      stop({Errc::usage,
            fmt::format(
                "the service no longer takes the credentials, and those that were read again are "
                "of another project ({} is not the one that this job was begun with): nothing was "
                "sent with them; give the credentials of this project, then go on",
                options_.service->credentials.token.name)});
      return false;
    }
    fresh->pinned_time_s = open_run_.pinned_time_s;
    // Answers to requests with the old credentials are still to come.
    fresh->other_logins = logins_to_hide(options_);
    fresh->other_logins.emplace_back(util::Secret(), options_.service_api.token);
    fresh->other_logins.emplace_back(options_.service_api.username, options_.service_api.secret);
    auto service_api =
        options_.service->make(*fresh, options_.target.authority(), options_.target.base);
    if (!service_api) return false;
    service_api_ = std::move(*service_api);
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
  bool give_up(RequestInFlight& in_flight) {
    const Slice& slice = in_flight.next();
    if (slice.count > 1) {
      in_flight.split_next();
      return true;
    }
    if (outage_detector_.successes() == 0 && in_flight.failures_max > 1) return false;
    const auto ordinal = in_flight.batch.ordinals[slice.first];
    const Ledger& ledger = recorder_.ledger();
    if (!ledger.is_parked(ordinal) && !ledger.can_park()) return false;
    recorder_.park(ordinal, slice.tries.sent);
    in_flight.finish_next();
    return true;
  }

  // --- The clock ---------------------------------------------------------------------------------

  /// Handles everything except requests: progress, durability, time limits, signals.
  net::Task<void> watch() {
    while (workers_active_ > 0) {
      tick_.expires_after(tick_every);
      co_await tick_.async_wait(net::use_tuple);
      const auto now = Clock::now();
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
      if (stop_ && stop_conditions_.drained(now)) {
        for (auto& worker : workers_)
          worker->connection.close();
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
      recorder_.update_limit(pace_.known(WallClock::now(), now));
    }
    if (pace_.is_paused()) outage_detector_.rest(now);
  }

  /// `unfit`: see SendReport.
  void stop(Error error, std::string_view unfit = {}) {
    if (stop_) return;
    stop_ = std::move(error);
    unfit_ = unfit;
    stop_conditions_.begin_drain(Clock::now());
    scheduler_.close();
    for (auto& worker : workers_)
      worker->timer.cancel();
    tick_.cancel();
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
  std::unique_ptr<ServiceApi> service_api_;
  net::Endpoint endpoint_;
  RateControl& rate_control_;
  std::uint64_t in_flight_max_;
  Pace pace_;
  Scheduler scheduler_;
  PlanCursor cursor_;
  RunRecorder recorder_;
  OutcomeHandler outcome_handler_;
  Rounds rounds_;
  OutageDetector outage_detector_;
  StopConditions stop_conditions_;
  std::vector<std::unique_ptr<Worker>> workers_;
  net::Timer tick_;
  Chance chance_;
  plan::Progress& progress_;

  std::optional<Error> stop_;
  std::string_view unfit_;
  std::uint32_t credentials_ = 0;  // number of times they were read again
  std::size_t workers_active_ = 0;
  std::size_t workers_sending_ = 0;  // without those that only wait for the end of their connection
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
                             std::shared_ptr<plan::JobLock>* keep) {
  auto open_run = read_open_run(options, job, files, progress);
  if (!open_run) return open_run.error();
  SendReport report = open_run->report();
  if (keep != nullptr) *keep = open_run->hold;
  if (report.nothing_to_do) return report;
  io::Files& held = open_run->hold->files();

  auto service_api_options = options.service_api;
  service_api_options.pinned_time_s = open_run->pinned_time_s;
  service_api_options.other_logins = logins_to_hide(options);
  auto service_api =
      options.service->make(service_api_options, options.target.authority(), options.target.base);
  if (!service_api) return service_api.error();
  auto io = std::make_unique<asio::io_context>(1);
  net::EndpointOptions endpoint_options;
  endpoint_options.target = options.target;
  endpoint_options.tls = options.tls;
  endpoint_options.proxy = options.proxy;
  endpoint_options.timeout = options.timeout;
  auto endpoint = net::Endpoint::make(*io, std::move(endpoint_options));
  if (!endpoint) return endpoint.error();

  const auto in_flight_max =
      std::uint64_t{2} * options.connections * options.pipeline * (*service_api)->links_max();
  RateControl rate_control(options, (*service_api)->links_max(), held, open_run->paths, progress);
  auto log = begin_run(options, rate_control.look(), *open_run, in_flight_max, held);
  if (!log) return open_run->hold->reason_of(log.error());
  auto saver = RunSaver::open(held, open_run->paths);
  if (!saver) return open_run->hold->reason_of(saver.error());

  Sender sender(*io, options, *open_run, *log, std::move(*saver), std::move(*service_api),
                std::move(*endpoint), rate_control, in_flight_max, held, progress, stop);
  const auto ran = util::caught([&]() -> Result<void> {
    sender.run(*io);
    return {};
  });
  if (!ran) {
    net::leak_io_context(std::move(io));
    return ran.error();
  }
  fill_counts(report, log->now(), open_run->to_send);
  sender.fill(report);
  return report;
}

}  // namespace idmerge::send
