// SPDX-License-Identifier: MIT
//
// Whole jobs in worlds where everything goes wrong: planned and sent over a disk that tears, fills,
// fails, is killed or loses power between any two steps, to a service that is slow, hangs up,
// answers twice or never and changes its mind. Some lives are told to end, once or twice. Each ends
// somehow; the last one, in calm weather, has to leave what the laws say, and no life may send what
// an earlier one knows to be settled, nor more than its rate. The sender is the one that ships, in
// a simulation: virtual time, one thread.
//
// IDMERGE_SEED=N IDMERGE_WORLDS=M: so many worlds, of the seeds N, N+1 ...; a finding names its
// own, and that alone replays it.
#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <libdeflate.h>

#include "io/process_identity.hpp"
#include "plan/plan_summary.hpp"
#include "plan/planner.hpp"
#include "plan/row_report.hpp"
#include "send/import_api.hpp"
#include "send/sender.hpp"
#include "send/simulation.hpp"
#include "send/simulation_job.hpp"
#include "send/spare_rounds.hpp"
#include "util/encoding.hpp"

#include "support/connected.hpp"
#include "support/flaky_files.hpp"
#include "support/scratch.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::connected;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;
using idmerge::testing::RateMeter;
using idmerge::testing::Scratch;
using idmerge::testing::SimulatedReaction;
using idmerge::testing::SimulatedRequest;
using idmerge::testing::Simulation;
using idmerge::testing::status;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t usual_worlds = 100;
#else
constexpr std::uint64_t usual_worlds = 500;
#endif

/// What was found wrong in a world.
struct Finding {
  std::string what;
};

void want(bool is_so, const std::string& what) {
  if (!is_so) throw Finding{what};
}

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// The links of a plan are known by both ids.
using Name = std::pair<std::string, std::string>;

enum class Kind : std::uint8_t { create, merge, import };
enum class Temper : std::uint8_t { takes, refuses, fickle, linked_elsewhere };

/// What is drawn for a world.
struct Weather {
  explicit Weather(std::uint64_t number) : seed(number) {
    std::mt19937_64 random(seed);
    const auto draw = [&](std::uint64_t from, std::uint64_t to) {
      return from + random() % (to - from + 1);
    };
    kind = static_cast<Kind>(random() % 3);
    rows = draw(1, 70);
    lives = draw(0, 5);
    mishaps = draw(0, 3) * 12;
    refusals = draw(0, 2) * 8;
    is_mild = random() % 4 == 0;
    is_patient = is_mild || random() % 3 != 0;
    options.connections = static_cast<std::uint32_t>(draw(1, 4));
    options.pipeline = static_cast<std::uint32_t>(draw(1, 3));
    options.attempts = static_cast<std::uint32_t>(draw(2, 12));
    options.service_api.batch_links_max = draw(1, 6);
    options.sync_every = std::chrono::milliseconds(draw(0, 40));
    options.backoff_min = 1ms;
    options.backoff_max = 4ms;
    options.timeout = is_patient ? 60s : 40ms;
    options.rate = Rate{random() % 3 == 0 ? static_cast<double>(rows) * 6 : 0, false};
    options.adaptive = false;
    has_surplus = random() % 2 == 0;
    options.max_refused_percent.reset();
    options.seed = seed | 1U;
    options.service_api.token = Secret("token-0123456789");
    options.service_api.secret = Secret("s3cret");
    if (kind == Kind::import) {
      options.service = &import_api;
      options.service_api.mode = ProjectMode::original;
      options.service_api.project_id = "12345";
    }
  }

  std::uint64_t seed;
  Kind kind{};
  std::uint64_t rows = 0;
  std::uint64_t lives = 0;
  std::uint64_t mishaps = 0;   // percent of the requests
  std::uint64_t refusals = 0;  // percent of the links
  bool is_patient = true;      // nothing is sent again because of time alone
  bool is_mild = false;        // no answer leaves a living process in doubt
  bool has_surplus = false;    // answers come twice; else a save is interleaved with the run
  SendOptions options;
};

/// The far side, and what it knows of each link.
class Service {
 public:
  explicit Service(const Weather& weather) : weather_(weather) {}

  using End = SimulatedReaction::End;

  struct Known {
    int accepted = 0;
    int refused = 0;
    std::set<std::uint64_t> asked_by;    // lives
    std::set<std::uint64_t> decided_by;  // of those, lives that had it accepted or refused
    std::uint64_t answered_in = 0;       // the last life that surely got an answer
    std::uint64_t kind = 0;
  };

  SimulatedReaction react(const SimulatedRequest& seen) {
    const auto life = life_of(seen);
    if (stop_ != nullptr && requests_before_stop_-- == 0) {
      for (int i = 0; i < signals_; ++i)
        stop_->ask(SIGTERM);
    }
    const auto names = names_of(seen);
    std::vector<Known*> links;
    for (const auto& name : names)
      links.push_back(&known_[name]);
    auto& on_line = on_line_[{life, seen.line}];
    for (std::size_t i = 0; i < links.size(); ++i) {
      on_line.links.emplace_back(links[i], names[i]);
      if (on_line.is_doubled) doubled_.insert(names[i]);
    }
    for (auto* link : links) {
      // In a pipe the end of a connection takes answers along that stood behind another one.
      const bool is_certain = weather_.is_patient && weather_.options.pipeline == 1;
      if (is_certain && link->answered_in == life) {
        found_ = fmt::format("{} was sent again by life {}, which had its answer (kind {})",
                             names.front().first, life, link->kind);
      }
      link->asked_by.insert(life);
    }
    const auto lot = mix(weather_.seed ^ mix(std::hash<std::string>()(names.front().first) +
                                             ++asked_[names.front()]));
    if (life == calm_life || lot % 100 >= weather_.mishaps) return decide(names, links, life, true);
    const auto kind = weather_.is_mild ? mild_kinds[(lot >> 20U) % 3] : (lot >> 20U) % 14;
    for (auto* link : links)
      link->kind = kind;
    switch (kind) {
      case 0:
        return status(503);
      case 1:
        return status(429, "", "0");
      case 2:
        return status(500, "<html>");
      case 3:
        return {.end = End::reset};
      case 4:
        decide(names, links, life, false);
        return {.end = End::reset};
      case 5:
        decide(names, links, life, false);
        return {.end = End::reset};
      case 6:
        decide(names, links, life, false);
        return {.end = End::cut};
      case 7:
        decide(names, links, life, false);
        return {.end = End::garbage};
      case 8: {  // the last answer of a line, which says so only by ending
        auto answer = decide(names, links, life, true);
        answer.hangs_up = true;
        return answer;
      }
      case 9: {  // in a pipe nobody could tell to which request the second one belongs
        auto answer = decide(names, links, life, true);
        if (weather_.options.pipeline == 1 && weather_.has_surplus) {
          answer.surplus = 1;
          // All that came on this line may be asked again.
          on_line.is_doubled = true;
          for (auto& [link, name] : on_line.links) {
            link->answered_in = 0;
            doubled_.insert(name);
          }
        }
        return answer;
      }
      case 10: {
        auto answer = decide(names, links, life, true);
        answer.takes = std::chrono::milliseconds(1 + (lot >> 40U) % 8);
        return answer;
      }
      case 11:
        if (weather_.is_patient) return status(408);
        decide(names, links, life, false);
        return {.end = End::hang};
      case 12: {
        auto answer = decide(names, links, life, weather_.is_patient);
        if (!weather_.is_patient) answer.takes = 60ms;
        return answer;
      }
      default:
        return status(404, "no such page");
    }
  }

  std::map<Name, Known> known() const { return known_; }

  std::string found() const { return found_; }

  /// When so many more requests have come, let somebody ask a life to end, politely or twice.
  /// Null: nobody.
  void interrupt(StopRequest* stop, std::uint64_t requests = 0, int signals = 0) {
    stop_ = stop;
    requests_before_stop_ = requests;
    signals_ = signals;
  }

  /// Is the link somebody else's, so that the service says "already" to whoever asks?
  bool is_linked_elsewhere(const Name& name) const {
    return temper_of(name) == Temper::linked_elsewhere;
  }

  /// May an answer about the link have been taken for another's?
  bool was_doubled(const Name& name) const { return doubled_.contains(name); }

  std::vector<Name> names_of(const SimulatedRequest& seen) const {
    std::string body(seen.body);
    if (weather_.kind == Kind::import) {
      body.assign(1 << 18, '\0');
      std::size_t size = 0;
      auto* const inflate = libdeflate_alloc_decompressor();
      const auto done = libdeflate_gzip_decompress(inflate, seen.body.data(), seen.body.size(),
                                                   body.data(), body.size(), &size);
      libdeflate_free_decompressor(inflate);
      if (done != LIBDEFLATE_SUCCESS) throw std::runtime_error("a body that does not inflate");
      body.resize(size);
    }
    const auto text_at = [&](std::size_t& at) {
      const auto end = body.find('"', at);
      auto text = body.substr(at, end - at);
      at = end + 1;
      return text;
    };
    std::vector<Name> names;
    const std::string key =
        weather_.kind == Kind::merge ? "\"$distinct_ids\":[\"" : "\"$identified_id\":\"";
    for (auto at = body.find(key); at != std::string::npos; at = body.find(key, at)) {
      at += key.size();
      auto first = text_at(at);
      at = body.find('"', weather_.kind == Kind::merge ? at : body.find(':', at)) + 1;
      auto second = text_at(at);
      if (weather_.kind == Kind::merge) {
        names.emplace_back(std::move(first), std::move(second));
      } else {
        names.emplace_back(std::move(second), std::move(first));
      }
    }
    if (names.empty()) throw std::runtime_error("a request without links: " + body);
    return names;
  }

  static constexpr std::uint64_t calm_life = 900;

  /// The life is told by the user name, since a request may come when its sender is long dead.
  static Secret user(std::uint64_t life) { return Secret(fmt::format("life.{:06}", life)); }

 private:
  static std::uint64_t life_of(const SimulatedRequest& seen) {
    for (std::uint64_t life = 0;; ++life) {
      std::string encoded;
      append_base64(fmt::format("life.{:06}:s3cret", life), encoded);
      if (seen.head.find(encoded) != std::string::npos) return life;
      if (life > calm_life)
        throw std::runtime_error("a request of nobody: " + std::string(seen.head));
    }
  }

  Temper temper_of(const Name& name) const {
    const auto lot = mix(weather_.seed + std::hash<std::string>()(name.first + "|" + name.second));
    if (lot % 100 >= weather_.refusals) return Temper::takes;
    switch ((lot >> 20U) % 4) {
      case 0:
        return Temper::fickle;
      case 1:
        return Temper::refuses;
      default:
        return Temper::linked_elsewhere;
    }
  }

  std::string_view refusal_of(const Name& name) const {
    return is_linked_elsewhere(name) ? "errAnonDistinctIdAssignedAlready" : "no";
  }

  /// Take or refuse links for good. `reaches`: the answer will be read whole, if anybody reads.
  SimulatedReaction decide(const std::vector<Name>& names, const std::vector<Known*>& links,
                           std::uint64_t life, bool reaches) {
    std::vector<std::size_t> refused;
    for (std::size_t i = 0; i < links.size(); ++i) {
      Known& link = *links[i];
      const auto temper = temper_of(names[i]);
      const bool refuses = temper == Temper::refuses || temper == Temper::linked_elsewhere ||
                           (temper == Temper::fickle && link.asked_by.size() % 2 == 1);
      ++(refuses ? link.refused : link.accepted);
      link.decided_by.insert(life);
      if (reaches) link.answered_in = life;
      if (refuses) refused.push_back(i);
    }
    if (weather_.kind != Kind::import) {
      if (refused.empty()) return {};
      return status(400, fmt::format(R"({{"status":0,"error":"{}"}})", refusal_of(names.front())));
    }
    const auto imported = names.size() - refused.size();
    if (refused.empty()) {
      return status(
          200, fmt::format(R"({{"code":200,"num_records_imported":{},"status":"OK"}})", imported));
    }
    std::string failed;
    for (const auto i : refused) {
      failed += fmt::format(R"({}{{"index":{},"message":"{}"}})", failed.empty() ? "" : ",", i,
                            refusal_of(names[i]));
    }
    return status(400, fmt::format(R"({{"code":400,"error":"some","failed_records":[{}],)"
                                   R"("num_records_imported":{},"status":"Bad Request"}})",
                                   failed, imported));
  }

  /// Of the mishaps below: 429, an answer twice, and a slow one.
  static constexpr std::array<std::uint64_t, 3> mild_kinds{1, 9, 10};

  const Weather& weather_;
  std::map<Name, Known> known_;
  std::map<Name, std::uint64_t> asked_;
  struct OnLine {
    std::vector<std::pair<Known*, Name>> links;
    bool is_doubled = false;
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, OnLine> on_line_;  // by life and line
  std::set<Name> doubled_;
  std::string found_;
  StopRequest* stop_ = nullptr;
  std::uint64_t requests_before_stop_ = 0;
  int signals_ = 0;
};

/// Counted over all worlds.
struct Totals {
  std::uint64_t worlds = 0, lives = 0, kills = 0, power_losses = 0, resent = 0, most_resent = 0,
                ambiguous = 0;
};

class World {
 public:
  World(std::uint64_t seed, Totals& totals)
      : weather_(seed), random_(mix(seed)), totals_(totals), service_(weather_) {
    weather_.options.target = parse_target("http://127.0.0.1:9").value();
    plan_options_.row_reader.inputs = {scratch_.write("rows.csv", rows())};
    if (weather_.kind == Kind::merge) {
      plan_options_.row_reader.op = Op::merge;
      plan_options_.row_reader.id_fields = "a,b";
    }
  }

  /// What happened, for whoever has to understand a finding.
  std::string story() const {
    const auto& options = weather_.options;
    return fmt::format("kind {}, {} connections, pipeline {}, batch {}, {}patient, {} {}mishaps{}",
                       static_cast<int>(weather_.kind), options.connections, options.pipeline,
                       *options.service_api.batch_links_max, weather_.is_patient ? "" : "im",
                       weather_.mishaps, weather_.is_mild ? "mild " : "", story_);
  }

  void live_all() {
    for (std::uint64_t life = 1; life <= weather_.lives; ++life)
      live(life);
    live_in_peace();
    check_end();
    totals_.lives += weather_.lives + 1;
    ++totals_.worlds;
  }

 private:
  static constexpr const char* job = "/w/job";

  std::string rows() {
    std::string text = weather_.kind == Kind::merge ? "a,b\n" : "anonymous_id,user_id\n";
    for (std::uint64_t i = 0; i < weather_.rows; ++i) {
      if (weather_.kind == Kind::merge) {
        const auto cluster = random_() % 5;
        text += fmt::format("c{}-{},c{}-{}\n", cluster, random_() % 7, cluster, random_() % 7);
      } else {
        text += fmt::format("a{},u{}\n", random_() % (2 * weather_.rows), random_() % 9);
      }
    }
    return text;
  }

  /// The plan, if there is one that can be read.
  std::optional<PlanReader> plan() {
    auto opened = PlanReader::open(files_, paths_.plan());
    if (opened) {
      if (const auto whole = opened->check_blocks(); !whole) opened = whole.error();
    }
    if (!opened) {
      want(service_.known().empty(),
           "links were sent, and the plan is gone: " + opened.error().what);
      return std::nullopt;
    }
    want(!digest_ || *digest_ == opened->facts().digest, "the same input has another plan");
    digest_ = opened->facts().digest;
    const auto plan_summary = parse_plan_summary(opened->facts().plan_summary);
    want(plan_summary.has_value(), "the census cannot be read");
    const auto held = files_.content(paths_.held());
    want(static_cast<std::uint64_t>(std::count(held.begin(), held.end(), '\n')) ==
             plan_summary->held(),
         "not every row that the plan holds is listed");
    return std::move(*opened);
  }

  void live(std::uint64_t life) {
    const auto harm = harms[random_() % std::size(harms)];
    const auto reader = plan();
    if (reader) note_in_doubt(life, *reader);
    // Some lives end before they begin, most on the way, some not at all.
    files_.harm(random_() % (reader ? 25 + weather_.rows : 50), harm,
                harm == Harm::full || harm == Harm::fail);
    // The network has steps, too.
    kill_at_ = random_() % 4 == 0 ? 1 + random_() % (4 * weather_.rows) : 0;
    if (reader) {
      send(life);
    } else {
      static_cast<void>(make_plan(plan_options_, job, files_, progress_));
    }
    const bool was_killed = files_.killed();
    const auto end = random_() % 5;
    story_ +=
        fmt::format("\n  life {}: harm {} after {} steps{}; end {}", life, static_cast<int>(harm),
                    files_.steps(), was_killed ? ", killed" : "", end);
    switch (end) {
      case 0:
        files_.lose_power(FlakyFiles::Keep::synced);
        break;
      case 1:
        files_.lose_power(FlakyFiles::Keep::some, random_());
        break;
      case 2:
        files_.lose_power(FlakyFiles::Keep::all);
        break;
      default:
        files_.revive();
        if (was_killed) ++totals_.kills;
        check_disk();
        return;
    }
    ++totals_.power_losses;
    boot_anew();
    check_disk();
  }

  /// After a power loss the machine has another boot than the checkpoint names. Here it is the
  /// checkpoint that changes.
  void boot_anew() {
    auto checkpoint = load_checkpoint(files_, paths_.run().checkpoint());
    want(checkpoint.has_value(), "a power loss has torn the checkpoint");
    if (!*checkpoint) return;
    (*checkpoint)->boot = "before";
    files_.put(paths_.run().checkpoint(), checkpoint_text(**checkpoint));
  }

  void live_in_peace() {
    files_.harm(0, Harm::none);
    for (int run = 0; run < 60; ++run) {
      if (!plan()) {
        const auto made = make_plan(plan_options_, job, files_, progress_);
        want(made.has_value(), "cannot plan in peace: " + (made ? "" : made.error().what));
      }
      note_in_doubt(Service::calm_life, *plan());
      const auto report = send(Service::calm_life);
      want(report.has_value(), "cannot send in peace");
      if (report->stop || report->pending > 0) continue;
      check_disk();
      want(send(Service::calm_life)->nothing_to_do, "finished, and yet there is something to do");
      return;
    }
    throw Finding{"does not come to an end in peace"};
  }

  std::optional<SendReport> send(std::uint64_t life) {
    auto options = weather_.options;
    options.service_api.username = Service::user(life);
    if (life != Service::calm_life) {
      if (random_() % 4 == 0) options.max_requests = 1 + random_() % weather_.rows;
      if (random_() % 4 == 0) options.canary = 1 + random_() % weather_.rows;
      options.give_up_after = 5s;
    } else {
      options.attempts = 50;
      options.timeout = 60s;  // a machine that is busy is no weather
    }
    StopRequest stop;
    if (life != Service::calm_life && random_() % 4 == 0) {
      service_.interrupt(&stop, random_() % weather_.rows, random_() % 3 == 0 ? 2 : 1);
    }
    const auto sent = run(options, stop, life);
    service_.interrupt(nullptr);
    if (!sent) {
      const auto code = sent.error().code;
      want(code == Errc::outage, "a run cannot start: " + sent.error().what);
      return std::nullopt;
    }
    story_ += fmt::format("\n  life {}: {} delivered, {} refused, {} pending, {} parked, stop: {}",
                          life, sent->delivered, sent->refused, sent->pending, sent->parked,
                          sent->stop ? sent->stop->what : "");
    want(sent->to_send == sent->delivered + sent->refused + sent->pending,
         "the account does not add up");
    return *sent;
  }

  Result<SendReport> run(const SendOptions& options, const StopRequest& stop, std::uint64_t life) {
    Simulation simulation(random_(), now_);
    simulation.step_wall_clock(now_ - begin);
    simulation.latency = 1ms;
    simulation.handshake = 2ms;
    simulation.save_time = 3ms;
    if (!weather_.has_surplus) simulation.interleaved = &files_;
    const bool is_calm = life == Service::calm_life;
    std::uint64_t steps = 0;
    simulation.step = [&] {
      if (!is_calm && ++steps == kill_at_) files_.kill();
    };
    simulation.is_dead = [&] { return files_.killed(); };
    simulation.leaves = [&](const SimulatedRequest& request) {
      meter_.left(request.left, static_cast<double>(service_.names_of(request).size()));
    };
    simulation.service = [&](const SimulatedRequest& request) { return service_.react(request); };
    auto sent = send_plan(options, job, files_, progress_, stop, simulation);
    simulation.settle();
    now_ = simulation.now();
    const double per_s = options.rate.at({}).rate.per_s;
    if (per_s > 0) {
      // A permit stays valid where an idle connection turns out to be closed, so that its request
      // may leave together with the one behind it.
      const auto batch = static_cast<double>(batch_links());
      const auto kept = batch * options.connections * options.pipeline;
      want(meter_.most() <= std::max(batch, per_s / 10) + kept + 1e-6, "the rate is not kept");
    }
    return sent;
  }

  std::uint64_t batch_links() const {
    return weather_.kind == Kind::import ? *weather_.options.service_api.batch_links_max : 1;
  }

  /// Before a life: which links it may send although an earlier one has sent them.
  void note_in_doubt(std::uint64_t life, const PlanReader& plan) {
    const auto run = read_run(files_, paths_.run(), plan.facts().digest);
    want(run.has_value(), "what an earlier life left cannot be read");
    auto& names = in_doubt_[life];
    if (!*run) return;
    const auto& state = **run;
    const auto found = find_in_doubt(files_, paths_.run(), plan, state);
    want(found.has_value(), "the links in doubt are not known");
    const auto& checkpoint = state.checkpoint;
    const auto batch = batch_links();
    const auto promised = 2 * batch * weather_.options.connections * weather_.options.pipeline;
    want(checkpoint.in_flight_max <= promised, "more may be under way than is promised");
    const bool only_bounded = is_only_bounded(state, boot_here());
    auto most = in_doubt_before_ + promised + checkpoint.ledger.parked.size() +
                LinkSet(checkpoint.ledger.reopened).size();
    if (only_bounded)
      most += checkpoint.ceiling - std::min(checkpoint.ceiling, checkpoint.ledger.watermark);
    want(found->links.size() <= most, "more links are in doubt than were under way");
    in_doubt_before_ = found->links.size();
    const auto all = links_of(plan);
    for (std::uint64_t i = 0; i < all.size(); ++i) {
      if (!found->links.contains(i)) continue;
      names.insert(all[i].first);
      const bool is_new = ever_in_doubt_.insert(all[i].first).second;
      if (is_new && !only_bounded) left_before_[life].insert(all[i].first);
    }
  }

  /// What is in doubt after a kill had left: but for the requests that were about to when the disk
  /// failed, and those that had not left after all, their connections having ended meanwhile.
  void check_left(const std::map<Name, Service::Known>& known) const {
    const auto& options = weather_.options;
    const auto batch = batch_links();
    for (const auto& [life, names] : left_before_) {
      if (life == Service::calm_life) continue;
      std::uint64_t never_asked = 0;
      for (const auto& name : names) {
        const auto found = known.find(name);
        const bool was_asked = found != known.end() && *found->second.asked_by.begin() < life;
        if (!was_asked) ++never_asked;
      }
      want(never_asked <= batch * options.pipeline * options.connections,
           "in doubt, and nobody was ever asked");
    }
  }

  /// A link of somebody else's counts as ours only after doubt, and is listed then.
  void check_ambiguous(const Checkpoint& checkpoint,
                       const std::vector<std::pair<Name, Verdict>>& links,
                       const std::set<std::uint64_t>& refused) {
    const auto letters = read_refused(files_, paths_.run().ambiguous(), checkpoint.ambiguous_bytes);
    want(letters.has_value(), "the list of ambiguous links cannot be read");
    want(letters->size() == checkpoint.ambiguous(), "not every ambiguous link is listed");
    const std::set<std::uint64_t> listed(letters->begin(), letters->end());
    want(listed.size() == letters->size(), "an ambiguous link is listed twice");
    for (const auto ordinal : listed) {
      want(!refused.contains(ordinal), "refused, and yet ambiguous");
      const auto& name = links[ordinal].first;
      const bool may_be =
          !weather_.is_mild || ever_in_doubt_.contains(name) || service_.was_doubled(name);
      want(may_be, "ambiguous without a doubt: " + links[ordinal].first.first);
    }
    totals_.ambiguous += listed.size();
  }

  static std::vector<std::pair<Name, Verdict>> links_of(const PlanReader& plan) {
    std::vector<std::pair<Name, Verdict>> links;
    PlanBlock block;
    for (std::size_t i = 0; i < plan.blocks(); ++i) {
      want(plan.read_block(i, block).has_value(), "a block of the plan cannot be read");
      for (std::size_t n = 0; n < block.links.size(); ++n) {
        links.emplace_back(Name(block.links[n].anon, block.links[n].user), block.verdicts[n]);
      }
    }
    return links;
  }

  /// Law 3: what stands as settled was settled by the service.
  void check_disk() {
    if (const auto found = service_.found(); !found.empty()) throw Finding{found};
    const auto reader = plan();
    if (!reader) return;
    const auto run = read_run(files_, paths_.run(), reader->facts().digest);
    want(run.has_value(), "what a life left cannot be read: " + (run ? "" : run.error().what));
    if (!*run) return;
    const auto& checkpoint = (*run)->checkpoint;
    const auto refused = read_refused(files_, paths_.run().refused(), checkpoint.letters_bytes);
    want(refused.has_value(), "the dead letters cannot be read");
    want(refused->size() == checkpoint.refused(), "not every refusal has its letter");
    const auto ledger = Ledger::restore(checkpoint.ledger);
    want(ledger.has_value(), "the ledger contradicts itself");
    const auto links = links_of(*reader);
    const auto known = service_.known();
    for (std::uint64_t i = 0; i < links.size(); ++i) {
      const auto& [name, verdict] = links[i];
      const auto found = known.find(name);
      const bool is_refused = std::binary_search(refused->begin(), refused->end(), i);
      if (is_refused) {
        want(found != known.end() && found->second.refused > 0, "refused by nobody");
      }
      // In a round only its own spares are told from those that it does not send.
      if (is_refused || checkpoint.round > 0 || verdict != Verdict::send) continue;
      if (ledger->is_settled(i)) {
        const bool is_ambiguous = service_.is_linked_elsewhere(name);
        want(found != known.end() && (found->second.accepted > 0 || is_ambiguous),
             "delivered to nobody");
      }
    }
  }

  void check_end() {
    if (const auto found = service_.found(); !found.empty()) throw Finding{found};
    const auto reader = plan();
    want(reader.has_value(), "the plan is gone");
    const auto run = read_run(files_, paths_.run(), reader->facts().digest);
    want(run && *run, "the run is gone");
    const auto& checkpoint = (*run)->checkpoint;
    want(checkpoint.finished && checkpoint.in_doubt.empty(), "finished, and yet in doubt");
    const auto letters = read_refused(files_, paths_.run().refused(), checkpoint.letters_bytes);
    want(letters.has_value(), "the dead letters cannot be read");
    want(files_.content(paths_.run().refused()).size() == checkpoint.letters_bytes,
         "there are dead letters that nobody counts");
    const std::set<std::uint64_t> refused(letters->begin(), letters->end());
    want(refused.size() == letters->size(), "a link has two dead letters");

    const auto known = service_.known();
    const auto links = links_of(*reader);
    check_ambiguous(checkpoint, links, refused);
    check_left(known);
    const auto ambiguous =
        read_refused(files_, paths_.run().ambiguous(), checkpoint.ambiguous_bytes);
    std::set<Name> planned, delivered, acceptable;
    for (std::uint64_t i = 0; i < links.size(); ++i) {
      const auto& [name, verdict] = links[i];
      const auto found = known.find(name);
      const bool was_asked = found != known.end();
      if (verdict == Verdict::send || verdict == Verdict::spare) planned.insert(name);
      if (verdict == Verdict::send) want(was_asked, "a link of the plan was never sent");
      if (!planned.contains(name)) continue;
      if (!refused.contains(i)) acceptable.insert(name);
      if (!was_asked) continue;
      if (refused.contains(i)) {
        want(found->second.refused > 0, "refused by nobody");
      } else {
        const bool is_ambiguous = std::binary_search(ambiguous->begin(), ambiguous->end(), i);
        want(is_ambiguous || found->second.accepted > 0, "delivered to nobody");
        delivered.insert(name);
      }
    }
    for (const auto& [name, link] : known)
      want(planned.contains(name), "sent, and not in the plan: " + name.first);
    want(checkpoint.delivered() == delivered.size(), "not as many delivered as counted");
    want(checkpoint.refused() == refused.size(), "not as many refused as counted");
    want(connected(delivered, delivered) == connected(acceptable, acceptable),
         "a cluster is not what it could be");
    check_repeats(known);
  }

  /// What an earlier life had decided was sent again only if it was in doubt.
  void check_repeats(const std::map<Name, Service::Known>& known) {
    std::map<std::uint64_t, std::uint64_t> resent;
    for (const auto& [name, link] : known) {
      if (link.decided_by.empty()) continue;
      for (const auto life : link.asked_by) {
        if (life <= *link.decided_by.begin()) continue;
        want(in_doubt_[life].contains(name),
             fmt::format("{} was settled in life {}, and life {} sent it again without a doubt",
                         name.first, *link.decided_by.begin(), life));
        ++resent[life];
      }
    }
    for (const auto& [life, links] : resent) {
      totals_.resent += links;
      totals_.most_resent = std::max(totals_.most_resent, links);
    }
  }

  static constexpr Harm harms[] = {Harm::kill, Harm::kill, Harm::tear,      Harm::tear,
                                   Harm::full, Harm::fail, Harm::interrupt, Harm::shorten};

  Weather weather_;
  std::mt19937_64 random_;
  Totals& totals_;
  Service service_;
  Scratch scratch_;
  FlakyFiles files_;
  JobPaths paths_{job};
  PlanOptions plan_options_;
  Progress progress_;
  std::optional<Digest> digest_;
  std::string story_;
  std::map<std::uint64_t, std::set<Name>> in_doubt_;     // by the life that may send them again
  std::map<std::uint64_t, std::set<Name>> left_before_;  // of these, new after a kill
  std::set<Name> ever_in_doubt_;
  std::uint64_t in_doubt_before_ = 0;  // the life before this one
  std::uint64_t kill_at_ = 0;          // step of the network; 0: none
  static constexpr Instant begin = Instant{} + 1000h;
  Instant now_ = begin;
  RateMeter meter_{weather_.options.rate.at({}).rate.per_s, 0};
};

}  // namespace

TEST_SUITE("send/worlds") {
  TEST_CASE("whatever befalls disk, program and service, the laws hold in the end") {
    const auto base = idmerge::testing::seed();
    const auto worlds = idmerge::testing::worlds(usual_worlds);
    Totals totals;
    std::vector<std::string> findings;
    for (std::uint64_t seed = base; seed < base + worlds; ++seed) {
      std::string what;
      try {
        World here(seed, totals);
        try {
          here.live_all();
          continue;
        } catch (const Finding& finding) {
          what = finding.what + "\n  " + here.story();
        }
      } catch (const std::exception& error) {
        what = error.what();
      }
      findings.push_back(fmt::format("IDMERGE_SEED={} IDMERGE_WORLDS=1: {}", seed, what));
    }
    for (const auto& finding : findings)
      FAIL_CHECK(finding);
    std::printf(
        "%llu worlds, %llu lives, %llu kills, %llu power losses; %llu links sent again, "
        "at most %llu of a life; %llu ambiguous\n",
        static_cast<unsigned long long>(totals.worlds),
        static_cast<unsigned long long>(totals.lives),
        static_cast<unsigned long long>(totals.kills),
        static_cast<unsigned long long>(totals.power_losses),
        static_cast<unsigned long long>(totals.resent),
        static_cast<unsigned long long>(totals.most_resent),
        static_cast<unsigned long long>(totals.ambiguous));
    CHECK(totals.worlds + findings.size() == worlds);
  }
}
