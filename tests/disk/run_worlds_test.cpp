// SPDX-License-Identifier: MIT
//
// A run in worlds where everything goes wrong: killed between any two steps, torn writes, full and
// failing disks, power cuts; and a disk thread whose save is interleaved with what the io thread
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

#include "idmerge/disk/run_log.hpp"

#include "support/flaky_files.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;

namespace {

const Digest plan = digest("plan");
const RunPaths paths{"/w"};
constexpr std::uint64_t links = 70;
constexpr std::uint64_t lanes = 4;

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
      CHECK(fates_.contains(i) == !is_passed(i));
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
      fates_.clear();
      return;
    }
    const auto ledger = Ledger::restore(state->checkpoint.ledger);
    REQUIRE(ledger);
    std::uint64_t lost = 0;
    for (const auto& [ordinal, fate] : fates_) {
      const bool is_known = ledger->is_settled(ordinal);
      if (was_kill && flushed_.contains(ordinal) && !is_known) FAIL("forgot flushed ", ordinal);
      if (saved_.contains(ordinal) && !is_known) FAIL("forgot saved ", ordinal);
      if (!is_known) ++lost;
    }
    if (was_kill) {
      CHECK(lost <= lanes);
    }
    std::uint64_t delivered = 0;
    std::uint64_t refused = 0;
    for (std::uint64_t i = 0; i < links; ++i) {
      if (!ledger->is_settled(i) || is_passed(i)) continue;
      const auto found = fates_.find(i);
      if (found == fates_.end()) FAIL("invented ", i);
      ++(found->second == Fate::delivered ? delivered : refused);
    }
    CHECK(ledger->delivered() == delivered);
    CHECK(ledger->refused() == refused);
    // From here on this is the truth; what a power loss has left is on the disk for good.
    std::erase_if(fates_, [&](const auto& entry) { return !ledger->is_settled(entry.first); });
    flushed_.clear();
    for (const auto& [ordinal, fate] : fates_)
      flushed_.insert(ordinal);
    if (!was_kill) saved_ = flushed_;
  }

  /// The file has exactly the letters of the refused links.
  void check_letters() {
    std::multiset<std::uint64_t> found;
    std::istringstream lines(files_.content(paths.refused()));
    for (std::string line; std::getline(lines, line);)
      found.insert(std::stoull(line.substr(5)));
    std::multiset<std::uint64_t> counted;
    for (const auto& [ordinal, fate] : fates_) {
      if (fate == Fate::refused) counted.insert(ordinal);
    }
    CHECK(found == counted);
  }

  bool start() {
    auto state = read_run(files_, paths, plan);
    if (!state) return false;
    Checkpoint first;
    first.plan = plan;
    first.target = "emulator";
    first.in_flight_max = lanes;
    first.ledger.links = links;
    if (*state) (*state)->checkpoint.in_flight_max = lanes;
    auto log = *state ? RunLog::resume(files_, paths, std::move(**state))
                      : RunLog::begin(files_, paths, std::move(first));
    if (!log) return false;
    log_ = std::move(*log);
    auto saver = RunSaver::open(files_, paths);
    if (!saver) return false;
    saver_ = std::move(*saver);
    // What the ledger does not know was lost, as the laws allow; what it knows is durable now.
    std::erase_if(fates_,
                  [&](const auto& entry) { return !log_->ledger().is_settled(entry.first); });
    saved_.clear();
    for (const auto& [ordinal, fate] : fates_)
      saved_.insert(ordinal);
    flushed_ = saved_;
    check_letters();
    next_ = 0;
    in_flight_.clear();
    return true;
  }

  /// Give links to the lanes, as far as there are any.
  void fill() {
    const auto& ledger = log_->ledger();
    for (next_ = std::max(next_, ledger.watermark()); next_ < links; ++next_) {
      if (is_passed(next_)) {
        log_->pass(next_);
      } else if (!ledger.is_settled(next_) && !ledger.is_parked(next_)) {
        if (in_flight_.size() == lanes) return;
        in_flight_.push_back(next_);
      }
    }
    for (const auto& [ordinal, attempts] : ledger.parked()) {
      if (in_flight_.size() == lanes) return;
      if (std::find(in_flight_.begin(), in_flight_.end(), ordinal) == in_flight_.end()) {
        in_flight_.push_back(ordinal);
      }
    }
  }

  /// One turn of the io thread: some answers come, then all is flushed. False if it failed.
  bool turn() {
    fill();
    for (auto answers = random_() % (lanes + 1); answers > 0 && !in_flight_.empty(); --answers) {
      const auto at = static_cast<std::ptrdiff_t>(random_() % in_flight_.size());
      const auto ordinal = in_flight_[static_cast<std::size_t>(at)];
      in_flight_.erase(in_flight_.begin() + at);
      const auto kind = random_() % 8;
      if (kind == 0) {
        log_->park(ordinal, 10);
        continue;
      }
      if (kind < 4) {
        log_->refuse(ordinal, 1, "{\"o\":" + std::to_string(ordinal) + "}");
      } else {
        log_->deliver(ordinal, 1, 1, kind == 4);
      }
      fates_[ordinal] = kind < 4 ? Fate::refused : Fate::delivered;
    }
    if (!log_->flush()) return false;
    for (const auto& [ordinal, fate] : fates_)
      flushed_.insert(ordinal);
    return true;
  }

  /// Save a snapshot while the io thread goes on. False if either failed.
  bool save(const Snapshot& snapshot, bool goes_on) {
    std::set<std::uint64_t> covered = flushed_;
    bool is_fine = true;
    if (goes_on) {
      files_.meanwhile = [&] {
        if (is_fine && random_() % 2 == 0) is_fine = turn();
      };
    }
    const auto done = saver_->save(snapshot);
    files_.meanwhile = nullptr;
    if (done) saved_ = std::move(covered);
    return done && is_fine;
  }

  void work() {
    is_finished_ = false;
    if (!start()) return;
    for (;;) {
      if (!turn()) return;
      const auto& ledger = log_->ledger();
      if (ledger.at_end() && ledger.parked().empty()) break;
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
  std::map<std::uint64_t, Fate> fates_;  // what the service said, as far as it was heard
  std::set<std::uint64_t> flushed_;      // must survive a kill
  std::set<std::uint64_t> saved_;        // must survive a power loss
  std::vector<std::uint64_t> in_flight_;
  std::uint64_t next_ = 0;
  bool is_finished_ = false;
};

constexpr Harm harms[] = {Harm::full, Harm::fail,      Harm::kill,
                          Harm::tear, Harm::interrupt, Harm::shorten};
constexpr After afters[] = {After::kill, After::power_synced, After::power_some, After::power_all};

}  // namespace

TEST_SUITE("disk/run_worlds") {
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
