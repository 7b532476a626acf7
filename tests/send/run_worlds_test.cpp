// SPDX-License-Identifier: MIT
//
// A run in worlds where everything goes wrong: killed between any two steps, torn writes, full and
// failing disks, power cuts; and a sync thread whose save is interleaved with what the io thread
// writes. A model keeps what was promised, and after each restart the laws are checked against it.
//
// IDMERGE_SEED=N IDMERGE_WORLDS=M: so many random worlds, of the seeds N, N+1 ...; a finding names
// its own, and that alone replays it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "send/in_doubt.hpp"
#include "send/run_log.hpp"

#include "support/flaky_files.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;

namespace {

const Digest plan = digest("plan");
const RunPaths paths{"/w"};
constexpr std::uint64_t links = 70;
constexpr std::uint64_t workers = 4;
constexpr std::uint64_t ahead = 9;

enum class After : std::uint8_t { kill, power_synced, power_some, power_all };

/// The links that the plan says not to send.
bool is_passed(std::uint64_t ordinal) {
  return ordinal % 9 == 4 || (ordinal >= 30 && ordinal < 36);
}

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  /// Live once: start, work until harm comes or nothing is left, and end as told.
  void live(std::uint64_t harm_step, Harm harm, After after) {
    files_.harm(harm_step, harm, harm == Harm::full || harm == Harm::fail);
    work();
    files_.meanwhile = nullptr;
    log_.reset();
    saver_.reset();
    switch (after) {
      case After::kill:
        files_.revive();
        break;
      case After::power_synced:
        files_.lose_power(FlakyFiles::Keep::synced);
        break;
      case After::power_some:
        files_.lose_power(FlakyFiles::Keep::some, random_());
        break;
      case After::power_all:
        files_.lose_power(FlakyFiles::Keep::all);
        break;
    }
    if (after != After::kill) ++boot_;
    check_disk(after == After::kill);
  }

  /// Live without harm until all is settled.
  void finish() {
    files_.harm(0, Harm::none);
    for (int i = 0; i < 50 && !is_finished_; ++i)
      work();
    REQUIRE(is_finished_);
    const auto state = read();
    REQUIRE(state);
    const auto& ledger = state->checkpoint.ledger;
    CHECK(state->checkpoint.finished);
    CHECK(ledger.watermark == links);
    CHECK(ledger.parked.empty());
    CHECK(ledger.delivered + ledger.refused + ledger.passed == links);
    for (std::uint64_t i = 0; i < links; ++i)
      CHECK(outcomes_.contains(i) == !is_passed(i));
    check_letters();
  }

 private:
  std::optional<RunState> read() {
    auto state = read_run(files_, paths, plan);
    REQUIRE_MESSAGE(state, state);
    return std::move(*state);
  }

  /// What is on disk after the end of a life: nothing promised is missing, nothing is invented.
  void check_disk(bool was_kill) {
    const auto state = read();
    if (!state) {
      CHECK(saved_.empty());
      if (was_kill) CHECK(flushed_.empty());
      flushed_.clear();
      outcomes_.clear();
      return;
    }
    const auto ledger = Ledger::restore(state->checkpoint.ledger);
    REQUIRE(ledger);
    std::uint64_t lost = 0;
    for (const auto& [ordinal, outcome] : outcomes_) {
      const bool is_known = ledger->is_settled(ordinal);
      if (was_kill && flushed_.contains(ordinal) && !is_known) FAIL("forgot flushed ", ordinal);
      if (saved_.contains(ordinal) && !is_known) FAIL("forgot saved ", ordinal);
      if (!is_known) ++lost;
    }
    if (was_kill) {
      CHECK(lost <= workers);
    }
    check_in_doubt(*state, *ledger);
    std::uint64_t delivered = 0;
    std::uint64_t refused = 0;
    for (std::uint64_t i = 0; i < links; ++i) {
      if (!ledger->is_settled(i) || is_passed(i)) continue;
      const auto found = outcomes_.find(i);
      if (found == outcomes_.end()) FAIL("invented ", i);
      ++(found->second == RowOutcome::delivered ? delivered : refused);
    }
    CHECK(ledger->delivered() == delivered);
    CHECK(ledger->refused() == refused);
    // From here on this is the truth; what a power loss has left is on the disk for good.
    std::erase_if(outcomes_, [&](const auto& entry) { return !ledger->is_settled(entry.first); });
    flushed_.clear();
    for (const auto& [ordinal, outcome] : outcomes_)
      flushed_.insert(ordinal);
    if (!was_kill) saved_ = flushed_;
  }

  /// Every pending link that had left may be delivered, and the next run knows; nothing else is
  /// taken for it, but for what was about to leave when the disk failed.
  void check_in_doubt(const RunState& state, const Ledger& ledger) {
    const bool only_bounded = is_only_bounded(state, boot());
    const auto in_doubt = pending_of(state.checkpoint.in_doubt, ledger);
    for (const auto ordinal : left_) {
      if (ledger.is_settled(ordinal) || in_doubt.contains(ordinal)) continue;
      if (!only_bounded) FAIL("forgot that it had left: ", ordinal);
      const bool is_within = ordinal < state.checkpoint.ceiling;
      if (!is_within && !ledger.is_parked(ordinal)) FAIL("left past the ceiling: ", ordinal);
    }
    for (const auto& [first, count] : in_doubt.ranges()) {
      for (auto ordinal = first; !only_bounded && ordinal < first + count; ++ordinal) {
        if (!left_.contains(ordinal) && !unwritten_.contains(ordinal)) {
          FAIL("in doubt without having left: ", ordinal);
        }
      }
    }
  }

  std::string boot() const { return std::to_string(boot_); }

  /// As links_in_doubt(), for a plan that needs no file.
  LinkSet links_in_doubt(const RunState& state) const {
    const auto ledger = Ledger::restore(state.checkpoint.ledger);
    REQUIRE(ledger);
    auto in_doubt = pending_of(state.checkpoint.in_doubt, *ledger);
    if (!is_only_bounded(state, boot())) return in_doubt;
    for (std::uint64_t i = 0; i < links; ++i) {
      const bool may_have_left = i < state.checkpoint.ceiling && !is_passed(i);
      if (!ledger->is_settled(i) && (may_have_left || ledger->is_parked(i))) in_doubt.add(i);
    }
    return in_doubt;
  }

  /// The files have exactly the letters of the refused and of the ambiguous links.
  void check_letters() {
    const auto listed = [&](const std::string& path) {
      std::multiset<std::uint64_t> found;
      std::istringstream lines(files_.content(path));
      for (std::string line; std::getline(lines, line);)
        found.insert(std::stoull(line.substr(5)));
      return found;
    };
    std::multiset<std::uint64_t> refused, ambiguous;
    for (const auto& [ordinal, outcome] : outcomes_) {
      if (outcome == RowOutcome::refused) refused.insert(ordinal);
      if (ambiguous_.contains(ordinal)) ambiguous.insert(ordinal);
    }
    CHECK(listed(paths.refused()) == refused);
    CHECK(listed(paths.ambiguous()) == ambiguous);
  }

  bool start() {
    auto state = read_run(files_, paths, plan);
    if (!state) return false;
    Checkpoint first;
    first.plan = plan;
    first.target = "emulator";
    first.in_flight_max = workers;
    first.ceiling = ahead;
    first.boot = boot();
    first.ledger.links = links;
    if (*state) {
      auto& checkpoint = (*state)->checkpoint;
      checkpoint.in_doubt = links_in_doubt(**state);
      checkpoint.in_flight_max = workers;
      checkpoint.boot = boot();
      checkpoint.ceiling = std::min(links, checkpoint.ledger.watermark + ahead);
      for (const auto& [from, count] : checkpoint.in_doubt.ranges()) {
        for (auto ordinal = from; ordinal < from + count; ++ordinal)
          left_.insert(ordinal);
      }
    }
    auto log = *state ? RunLog::resume(files_, paths, std::move(**state))
                      : RunLog::begin(files_, paths, std::move(first));
    if (!log) return false;
    log_ = std::move(*log);
    auto saver = RunSaver::open(files_, paths);
    if (!saver) return false;
    saver_ = std::move(*saver);
    under_way_.clear();
    unwritten_.clear();
    doubtful_.clear();
    // What the ledger does not know was lost, as the laws allow; what it knows is durable now.
    std::erase_if(outcomes_,
                  [&](const auto& entry) { return !log_->ledger().is_settled(entry.first); });
    saved_.clear();
    for (const auto& [ordinal, outcome] : outcomes_)
      saved_.insert(ordinal);
    flushed_ = saved_;
    check_letters();
    next_ = 0;
    in_flight_.clear();
    return true;
  }

  /// Give links to the workers, as far as there are any.
  void fill() {
    const auto& ledger = log_->ledger();
    for (next_ = std::max(next_, ledger.watermark()); next_ < links; ++next_) {
      if (is_passed(next_)) {
        log_->pass(next_);
      } else if (!ledger.is_settled(next_) && !ledger.is_parked(next_)) {
        if (in_flight_.size() == workers || !log_->may_hand_out(next_)) return;
        log_->hand_out(next_);
        in_flight_.push_back(next_);
      }
    }
    for (const auto& [ordinal, attempts] : ledger.parked()) {
      if (in_flight_.size() == workers) return;
      if (std::find(in_flight_.begin(), in_flight_.end(), ordinal) == in_flight_.end()) {
        in_flight_.push_back(ordinal);
      }
    }
  }

  /// Some of the links leave, once it is written that they do. False if that failed.
  bool leave() {
    for (const auto ordinal : in_flight_) {
      if (random_() % 3 == 0) continue;
      log_->attempt(ordinal, 1);
      under_way_.insert(ordinal);
      unwritten_.insert(ordinal);
    }
    if (!log_->flush()) return false;
    unwritten_.clear();
    left_.insert(under_way_.begin(), under_way_.end());
    return true;
  }

  /// The service took nothing: the link has not left after all, unless it had before.
  void take_back(std::uint64_t ordinal) {
    if (doubtful_.contains(ordinal)) return;
    log_->withdraw(ordinal, 1);
    under_way_.erase(ordinal);
    unwritten_.insert(ordinal);
    if (!log_->was_in_doubt(ordinal)) left_.erase(ordinal);
  }

  /// One turn of the io thread: some links leave, some answers come, then all is flushed. False if
  /// it failed.
  bool turn() {
    fill();
    if (!leave()) return false;
    for (auto answers = random_() % (workers + 1); answers > 0 && !in_flight_.empty(); --answers) {
      const auto at = static_cast<std::ptrdiff_t>(random_() % in_flight_.size());
      const auto ordinal = in_flight_[static_cast<std::size_t>(at)];
      if (!under_way_.contains(ordinal)) continue;
      const auto kind = random_() % 10;
      if (kind == 9) {  // no answer, and it will be sent again
        doubtful_.insert(ordinal);
        continue;
      }
      if (kind == 8) {
        take_back(ordinal);
        continue;
      }
      in_flight_.erase(in_flight_.begin() + at);
      under_way_.erase(ordinal);
      if (kind == 0) {
        log_->park(ordinal, 10);
        doubtful_.insert(ordinal);
        continue;
      }
      answer(ordinal, kind);
    }
    if (!log_->flush()) return false;
    for (const auto& [ordinal, outcome] : outcomes_)
      flushed_.insert(ordinal);
    unwritten_.clear();
    return true;
  }

  void answer(std::uint64_t ordinal, std::uint64_t kind) {
    const auto letter = "{\"o\":" + std::to_string(ordinal) + "}";
    ambiguous_.erase(ordinal);
    if (kind < 4) {
      log_->refuse(ordinal, 1, letter);
    } else if (kind == 4 && log_->is_in_doubt(ordinal)) {
      log_->deliver_ambiguous(ordinal, 1, letter);
      ambiguous_.insert(ordinal);
    } else {
      log_->deliver(ordinal, 1, 1);
    }
    outcomes_[ordinal] = kind < 4 ? RowOutcome::refused : RowOutcome::delivered;
  }

  /// Save a snapshot while the io thread goes on. False if either failed.
  bool save(const Snapshot& snapshot, bool goes_on) {
    std::set<std::uint64_t> covered = flushed_;
    const auto ceiling = snapshot.checkpoint.ceiling;
    bool is_fine = true;
    if (goes_on) {
      files_.meanwhile = [&] {
        if (is_fine && random_() % 2 == 0) is_fine = turn();
      };
    }
    const auto done = saver_->save(snapshot);
    files_.meanwhile = nullptr;
    if (done) saved_ = std::move(covered);
    if (done) log_->saved(ceiling);
    return done && is_fine;
  }

  void work() {
    is_finished_ = false;
    if (!start()) return;
    for (;;) {
      if (!turn()) return;
      const auto& ledger = log_->ledger();
      if (ledger.at_end() && ledger.parked().empty()) break;
      log_->raise_ceiling(std::min(links, next_ + ahead));
      if (random_() % 3 != 0) continue;
      const auto snapshot = log_->snapshot();
      if (!snapshot || !save(*snapshot, true)) return;
    }
    const auto last = log_->last_snapshot(true, 0);
    is_finished_ = last && save(*last, false);
  }

  std::mt19937_64 random_;
  FlakyFiles files_;
  std::optional<RunLog> log_;
  std::optional<RunSaver> saver_;
  std::map<std::uint64_t, RowOutcome> outcomes_;  // what the service said, as far as it was heard
  std::set<std::uint64_t> flushed_;               // must survive a kill
  std::set<std::uint64_t> saved_;                 // must survive a power loss
  std::set<std::uint64_t> left_;       // of the pending ones, those that may be delivered
  std::set<std::uint64_t> under_way_;  // without an answer, in this life
  std::set<std::uint64_t> unwritten_;  // of which something was noted that is not flushed
  std::set<std::uint64_t> doubtful_;   // of this life, left once without an answer
  std::set<std::uint64_t> ambiguous_;  // of the fates
  std::uint64_t boot_ = 0;             // a power loss begins another one
  std::vector<std::uint64_t> in_flight_;
  std::uint64_t next_ = 0;
  bool is_finished_ = false;
};

constexpr Harm harms[] = {Harm::full, Harm::fail,      Harm::kill,
                          Harm::tear, Harm::interrupt, Harm::shorten};
constexpr After afters[] = {After::kill, After::power_synced, After::power_some, After::power_all};

}  // namespace

TEST_SUITE("send/run_worlds") {
  TEST_CASE("harm at every step of a run, and of the run that resumes it") {
    for (const auto harm : harms) {
      for (const auto after : afters) {
        for (std::uint64_t step = 0; step < 60; ++step) {
          CAPTURE(static_cast<int>(harm));
          CAPTURE(static_cast<int>(after));
          CAPTURE(step);
          World world(step % 5);
          world.live(step, harm, after);
          world.live(step % 11, harm, after);
          world.finish();
        }
      }
    }
  }

  TEST_CASE("random worlds of several lives") {
    const auto base = testing::seed();
    const auto worlds = testing::worlds(1500);
    std::uint64_t lives = 0;
    std::uint64_t kills = 0;
    std::uint64_t power_losses = 0;
    for (std::uint64_t i = 0; i < worlds; ++i) {
      INFO("IDMERGE_SEED=", base + i, " IDMERGE_WORLDS=1");
      std::mt19937_64 random(base + i);
      World world(random());
      for (auto more = random() % 6; more > 0; --more) {
        const auto step = random() % 90;
        const auto harm = harms[random() % std::size(harms)];
        const auto after = afters[random() % std::size(afters)];
        world.live(step, harm, after);
        ++lives;
        const bool is_kill = harm == Harm::kill || harm == Harm::tear;
        if (after != After::kill) {
          ++power_losses;
        } else if (is_kill) {
          ++kills;
        }
      }
      world.finish();
    }
    std::printf("%llu worlds, %llu lives, %llu kills, %llu power losses\n",
                static_cast<unsigned long long>(worlds), static_cast<unsigned long long>(lives),
                static_cast<unsigned long long>(kills),
                static_cast<unsigned long long>(power_losses));
  }
}
