// SPDX-License-Identifier: MIT
#include "idmerge/disk/run_log.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "idmerge/base/check.hpp"
#include "idmerge/base/fault_point.hpp"
#include "idmerge/base/log.hpp"

namespace idmerge {
namespace {

constexpr std::string_view journal_prefix = "journal.";
constexpr std::size_t journal_bytes_max = std::size_t{4} << 30;
constexpr int read_attempts = 20;

/// The generations of the journals in a run's directory, ascending.
Result<std::vector<std::uint64_t>> list_journals(Files& files, const RunPaths& paths) {
  const auto names = files.list(paths.dir);
  if (!names) return names.error();
  std::vector<std::uint64_t> generations;
  for (const std::string_view name : *names) {
    std::uint64_t generation = 0;
    if (name.substr(0, journal_prefix.size()) == journal_prefix &&
        parse_number(name.substr(journal_prefix.size()), generation)) {
      generations.push_back(generation);
    }
  }
  std::sort(generations.begin(), generations.end());
  return generations;
}

LettersEnd letters_end(const Checkpoint& checkpoint) {
  return {checkpoint.letters_bytes, checkpoint.letters_chain};
}

/// May this entry be applied without breaking a rule of the ledger?
bool fits(const Ledger& ledger, const JournalEntry& entry) {
  if (entry.count == 0 || entry.count > ledger.links() ||
      entry.first > ledger.links() - entry.count || entry.watermark > ledger.links()) {
    return false;
  }
  if (entry.fate != Fate::delivered && entry.count != 1) return false;
  if (entry.fate == Fate::pending && !ledger.is_parked(entry.first) && !ledger.can_park()) {
    return false;
  }
  for (auto ordinal = entry.first; ordinal < entry.first + entry.count; ++ordinal) {
    if (ledger.is_parked(ordinal)) continue;
    const auto watermark = std::max(ledger.watermark(), entry.watermark);
    if (ordinal < watermark || ordinal - watermark >= Ledger::window_max ||
        ledger.is_settled(ordinal)) {
      return false;
    }
  }
  return true;
}

/// Applies journals to a checkpoint, as far as they fit together.
class Replay {
 public:
  Replay(RunState& state, Ledger& ledger, LettersCheck& letters)
      : state_(state), ledger_(ledger), letters_(letters), chain_(state.checkpoint.journal_chain) {}

  /// Apply one generation. False if the journals end here.
  Result<bool> next(const JournalText& text, const std::string& path) {
    if (text.chain_before != chain_) {
      if (text.entries.empty() && text.lost_bytes == 0) return false;  // a run that never began
      state_.notes.push_back(path +
                             ": does not follow what is left of the journal before it; its "
                             "links are sent again");
      return false;
    }
    for (const auto& entry : text.entries) {
      const auto agrees = letters_agree(entry);
      if (!agrees) return agrees.error();
      if (!*agrees) {
        state_.notes.push_back(path +
                               ": a dead letter that it counts did not reach the disk; this "
                               "link and those after it are sent again");
        return false;
      }
      if (!replay(ledger_, entry)) {
        return Error{Errc::input, fmt::format("{}: contradicts the checkpoint at link {}: restore "
                                              "both, or remove this file to send its links again",
                                              path, entry.first)};
      }
      ++state_.replayed;
    }
    chain_ = text.chain;
    if (text.lost_bytes != 0) {
      state_.notes.push_back(
          fmt::format("{}: the last {} bytes were not written whole; what they "
                      "said is sent again",
                      path, text.lost_bytes));
    }
    return true;
  }

 private:
  /// Does the file of dead letters hold what this entry counts? A refusal adds one letter, any
  /// other entry none.
  Result<bool> letters_agree(const JournalEntry& entry) {
    const LettersEnd end{entry.letters_bytes, entry.letters_chain};
    if (entry.fate != Fate::refused) return end == letters_.at();
    if (end.bytes <= letters_.at().bytes) return false;
    return letters_.reaches(end);
  }

  RunState& state_;
  Ledger& ledger_;
  LettersCheck& letters_;
  std::uint64_t chain_;
};

Error no_checkpoint(const RunPaths& paths, std::string_view witness) {
  return {Errc::input, fmt::format("{}: is gone, while {} shows that links were sent: restore it, "
                                   "or start a new job",
                                   paths.checkpoint(), witness)};
}

/// Without a checkpoint nothing may have been sent: it was durable before the first link left.
Result<void> check_unbegun(Files& files, const RunPaths& paths, const Digest& plan) {
  const auto letters = files.stat(paths.refused());
  if (!letters) return letters.error();
  if (*letters && (*letters)->size_bytes != 0) return no_checkpoint(paths, paths.refused());
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  // Each begin that was killed leaves one, from 1 on; only a checkpoint lets any of them go.
  if (!journals->empty() && journals->front() != 1) {
    return no_checkpoint(paths, paths.journal(journals->front()));
  }
  for (const auto generation : *journals) {
    const auto path = paths.journal(generation);
    const auto bytes = files.read_all(path, journal_bytes_max);
    if (!bytes) return bytes.error();
    const auto text = parse_journal(*bytes, path, plan);
    if (!text) return text.error();
    if (!text->entries.empty()) return no_checkpoint(paths, path);
  }
  return {};
}

/// Read everything once; what is read may be torn between two moments if a process works here.
Result<RunState> read_once(Files& files, const RunPaths& paths, Checkpoint checkpoint) {
  RunState state;
  state.checkpoint = std::move(checkpoint);
  auto ledger = Ledger::restore(state.checkpoint.ledger);
  if (!ledger) return ledger.error();
  auto letters = LettersCheck::open(files, paths.refused());
  if (!letters) return letters.error();
  const auto whole = letters->reaches(letters_end(state.checkpoint));
  if (!whole) return whole.error();
  if (!*whole) {
    return Error{Errc::input, paths.refused() +
                                  ": is not what the checkpoint counts: restore it "
                                  "(to edit dead letters, work on a copy)"};
  }
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  Replay replay(state, *ledger, *letters);
  state.generation_top = state.checkpoint.generation;
  bool goes_on = true;
  for (const auto generation : *journals) {
    state.generation_top = std::max(state.generation_top, generation);
    if (!goes_on || generation < state.checkpoint.generation) continue;
    const auto path = paths.journal(generation);
    const auto bytes = files.read_all(path, journal_bytes_max);
    if (!bytes) return bytes.error();
    const auto text = parse_journal(*bytes, path, state.checkpoint.plan);
    if (!text) return text.error();
    const auto done = replay.next(*text, path);
    if (!done) return done.error();
    goes_on = *done;
  }
  state.checkpoint.ledger = ledger->state();
  state.checkpoint.letters_bytes = letters->at().bytes;
  state.checkpoint.letters_chain = letters->at().chain;
  return state;
}

Result<void> remove_journals(Files& files, const RunPaths& paths, std::uint64_t below) {
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  for (const auto generation : *journals) {
    if (generation >= below) continue;
    if (auto done = files.remove(paths.journal(generation)); !done) return done.error();
  }
  return {};
}

}  // namespace

bool replay(Ledger& ledger, const JournalEntry& entry) {
  if (!fits(ledger, entry)) return false;
  // What lies below the watermark without an entry was passed: the plan says not to send it.
  const auto watermark = ledger.watermark();
  if (entry.watermark > watermark) ledger.pass(watermark, entry.watermark - watermark);
  switch (entry.fate) {
    case Fate::refused:
      ledger.refuse(entry.first);
      return true;
    case Fate::pending:
      ledger.park(entry.first, entry.attempts);
      return true;
    default:
      ledger.deliver(entry.first, entry.count, entry.ambiguous);
      return true;
  }
}

std::vector<std::uint64_t> pending_of(const std::vector<LinkRange>& ranges, const Ledger& ledger) {
  std::vector<std::uint64_t> ordinals;
  for (const auto& [first, count] : ranges) {
    for (auto ordinal = first; ordinal < first + count; ++ordinal) {
      if (!ledger.is_settled(ordinal)) ordinals.push_back(ordinal);
    }
  }
  return ordinals;
}

std::vector<LinkRange> ranges_of(std::vector<std::uint64_t> ordinals) {
  std::sort(ordinals.begin(), ordinals.end());
  std::vector<LinkRange> ranges;
  for (const auto ordinal : ordinals) {
    const auto end = ranges.empty() ? 0 : ranges.back().first + ranges.back().count;
    if (ranges.empty() || ordinal > end) {
      ranges.push_back({ordinal, 1});
    } else if (ordinal == end) {
      ++ranges.back().count;
    }
  }
  return ranges;
}

Result<std::optional<RunState>> read_run(Files& files, const RunPaths& paths, const Digest& plan) {
  for (int attempt = 1;; ++attempt) {
    auto before = load_checkpoint(files, paths.checkpoint());
    if (!before) return before.error();
    if (!*before) {
      const auto unbegun = check_unbegun(files, paths, plan);
      if (unbegun) return std::optional<RunState>();
      const auto now = files.stat(paths.checkpoint());
      if (now && *now && attempt < read_attempts) continue;  // it has just begun
      return unbegun.error();
    }
    if ((*before)->plan != plan) {
      return Error{Errc::input, fmt::format("{}: belongs to plan {}, and the plan here is {}: "
                                            "restore both, or start a new job",
                                            paths.checkpoint(), hex((*before)->plan).substr(0, 12),
                                            hex(plan).substr(0, 12))};
    }
    const auto generation = (*before)->generation;
    auto state = read_once(files, paths, std::move(**before));
    // A process that works here may have replaced the checkpoint and dropped journals meanwhile.
    const auto after = load_checkpoint(files, paths.checkpoint());
    if (!after) return after.error();
    const bool is_steady = *after && (*after)->generation == generation;
    if (!is_steady && attempt < read_attempts) continue;
    if (!state) return state.error();
    return std::optional<RunState>(std::move(*state));
  }
}

// RunSaver --------------------------------------------------------------------------------------

RunSaver::RunSaver(Files& files, RunPaths paths, File letters)
    : files_(&files),
      paths_(std::move(paths)),
      letters_(std::move(letters)),
      timeline_(files, paths_.timeline()) {}

Result<RunSaver> RunSaver::open(Files& files, const RunPaths& paths) {
  auto letters = files.open_append(paths.refused());
  if (!letters) return letters.error();
  return RunSaver(files, paths, std::move(*letters));
}

Result<void> RunSaver::save(const Snapshot& snapshot) {
  if (auto done = letters_.sync(); !done) return done.error();
  fault_point("letters_sync");
  if (auto done = save_checkpoint(*files_, paths_.checkpoint(), snapshot.checkpoint); !done) {
    return done.error();
  }
  for (auto old = snapshot.journal_before; old < snapshot.checkpoint.generation; ++old) {
    if (auto done = files_->remove(paths_.journal(old)); !done) return done.error();
    fault_point("journal_remove");
  }
  timeline_.note(snapshot.checkpoint, snapshot.taken_s);
  return {};
}

// RunLog ----------------------------------------------------------------------------------------

RunLog::RunLog(Files& files, RunPaths paths, Checkpoint facts, Ledger ledger, DeadLetters letters,
               Journal journal)
    : files_(&files),
      paths_(std::move(paths)),
      facts_(std::move(facts)),
      ledger_(std::move(ledger)),
      letters_(std::move(letters)),
      journal_(std::move(journal)),
      handed_out_max_(facts_.ahead_max) {}

/// Bring the directory in line with a checkpoint that is not saved yet, then save it.
Result<RunLog> RunLog::start(Files& files, const RunPaths& paths, Checkpoint checkpoint) {
  auto ledger = Ledger::restore(checkpoint.ledger);
  if (!ledger) return ledger.error();
  auto letters = DeadLetters::open(files, paths.refused(), letters_end(checkpoint));
  if (!letters) return letters.error();
  auto saver = RunSaver::open(files, paths);
  if (!saver) return saver.error();
  auto journal = Journal::create(files, paths.journal(checkpoint.generation), checkpoint.plan,
                                 checkpoint.generation, checkpoint.journal_chain);
  if (!journal) return journal.error();
  // Nothing is dropped by the saver; stale journals of any number are removed below.
  const Snapshot snapshot{checkpoint, checkpoint.generation, 0, unix_now_s()};
  if (auto done = saver->save(snapshot); !done) return done.error();
  if (auto done = remove_journals(files, paths, checkpoint.generation); !done) {
    return done.error();
  }
  return RunLog(files, paths, std::move(checkpoint), std::move(*ledger), std::move(*letters),
                std::move(*journal));
}

Result<RunLog> RunLog::begin(Files& files, const RunPaths& paths, Checkpoint first) {
  const auto there = read_run(files, paths, first.plan);
  if (!there) return there.error();
  if (*there) {
    return Error{Errc::usage, paths.checkpoint() + ": this run has begun already: resume it"};
  }
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  first.generation = journals->empty() ? 1 : journals->back() + 1;
  first.journal_chain =
      checksum(first.target, static_cast<std::uint64_t>(first.pinned_time_s) + first.generation);
  first.letters_bytes = first.letters_chain = 0;
  return start(files, paths, std::move(first));
}

Result<RunLog> RunLog::resume(Files& files, const RunPaths& paths, RunState state) {
  auto& checkpoint = state.checkpoint;
  checkpoint.finished = false;
  checkpoint.exit_code = 0;
  checkpoint.generation = state.generation_top + 1;
  checkpoint.journal_chain = checksum(hex(checkpoint.plan), checkpoint.journal_chain);
  return start(files, paths, std::move(checkpoint));
}

void RunLog::note(std::uint64_t first, std::uint32_t count, Fate fate, std::uint32_t attempts,
                  bool ambiguous) {
  IDMERGE_CHECK(!broken_);
  put_away_ += count;
  journal_.add({.first = first,
                .count = count,
                .fate = fate,
                .ambiguous = ambiguous,
                .attempts = static_cast<std::uint16_t>(std::min(attempts, 65'535U)),
                .watermark = ledger_.watermark(),
                .letters_bytes = letters_.end().bytes,
                .letters_chain = letters_.end().chain});
}

void RunLog::deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts,
                     bool ambiguous) {
  note(first, count, Fate::delivered, attempts, ambiguous);
  ledger_.deliver(first, count, ambiguous);
}

void RunLog::refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter) {
  letters_.add(letter);
  note(ordinal, 1, Fate::refused, attempts, false);
  ledger_.refuse(ordinal);
}

void RunLog::park(std::uint64_t ordinal, std::uint32_t attempts) {
  note(ordinal, 1, Fate::pending, attempts, false);
  ledger_.park(ordinal, attempts);
}

void RunLog::hand_out() {
  IDMERGE_CHECK(may_hand_out());
  ++handed_out_;
}

Checkpoint RunLog::now() const {
  auto now = facts_;
  now.ledger = ledger_.state();
  now.letters_bytes = letters_.end().bytes;
  now.letters_chain = letters_.end().chain;
  return now;
}

Result<void> RunLog::flush() {
  IDMERGE_CHECK(!broken_);
  broken_ = true;  // until proven otherwise
  if (auto done = letters_.flush(); !done) return done.error();
  if (auto done = journal_.flush(); !done) return done.error();
  broken_ = false;
  return {};
}

Result<Snapshot> RunLog::snapshot() {
  if (auto done = flush(); !done) return done.error();
  const auto before = journal_.generation();
  const auto next = before + 1;
  auto journal =
      Journal::create(*files_, paths_.journal(next), facts_.plan, next, journal_.chain());
  if (!journal) {
    broken_ = true;
    return journal.error();
  }
  journal_ = std::move(*journal);
  facts_.generation = next;
  facts_.journal_chain = journal_.chain();
  facts_ = now();
  return Snapshot{facts_, before, handed_out_, unix_now_s()};
}

Result<Snapshot> RunLog::begin_round(std::uint64_t round_links) {
  IDMERGE_CHECK(ledger_.is_done() && round_links > 0);
  facts_.delivered_before += ledger_.delivered();
  facts_.refused_before += ledger_.refused();
  facts_.ambiguous_before += ledger_.ambiguous();
  ++facts_.round;
  facts_.round_links = round_links;
  facts_.in_doubt.clear();  // all of the round before is settled
  ledger_ = Ledger(ledger_.links());
  return snapshot();
}

Result<Snapshot> RunLog::last_snapshot(bool finished, int exit_code,
                                       const std::vector<std::uint64_t>& unanswered) {
  auto in_doubt = pending_of(facts_.in_doubt, ledger_);
  in_doubt.insert(in_doubt.end(), unanswered.begin(), unanswered.end());
  facts_.in_doubt = ranges_of(std::move(in_doubt));
  facts_.in_flight_max = 0;
  facts_.finished = finished;
  facts_.exit_code = exit_code;
  return snapshot();
}

}  // namespace idmerge
