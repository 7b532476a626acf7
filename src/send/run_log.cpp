// SPDX-License-Identifier: MIT
#include "send/run_log.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/fault_point.hpp"
#include "util/log.hpp"

namespace idmerge::send {
namespace {

constexpr std::string_view journal_prefix = "journal.";
constexpr std::size_t journal_bytes_max = std::size_t{4} << 30;
constexpr int read_attempts = 20;

/// The generations of the journals in a run's directory, ascending.
Result<std::vector<std::uint64_t>> list_journals(io::Files& files, const plan::RunPaths& paths) {
  std::vector<std::uint64_t> generations;
  const auto there = files.stat(paths.dir);
  if (!there) return there.error();
  if (!*there) return generations;  // a copy may omit an empty directory
  const auto names = files.list(paths.dir);
  if (!names) return names.error();
  for (const std::string_view name : *names) {
    std::uint64_t generation = 0;
    if (name.substr(0, journal_prefix.size()) == journal_prefix &&
        util::parse_number(name.substr(journal_prefix.size()), generation)) {
      generations.push_back(generation);
    }
  }
  std::sort(generations.begin(), generations.end());
  return generations;
}

LettersEnd letters_end(const Checkpoint& checkpoint) {
  return {checkpoint.letters_bytes, checkpoint.letters_chain};
}

LettersEnd ambiguous_end(const Checkpoint& checkpoint) {
  return {checkpoint.ambiguous_bytes, checkpoint.ambiguous_chain};
}

std::uint16_t journal_attempts(std::uint32_t attempts) {
  return static_cast<std::uint16_t>(std::min(attempts, 65'535U));
}

bool is_one_link(EntryKind kind) {
  return kind == EntryKind::refused || kind == EntryKind::parked;
}

/// Returns whether the entry can be applied without violating a rule of the ledger.
bool fits(const Ledger& ledger, const JournalEntry& entry) {
  if (entry.count == 0 || entry.count > ledger.links() ||
      entry.first > ledger.links() - entry.count || entry.watermark > ledger.links()) {
    return false;
  }
  if (is_one_link(entry.kind) && entry.count != 1) return false;
  if (entry.kind == EntryKind::parked && !ledger.is_parked(entry.first) && !ledger.can_park()) {
    return false;
  }
  for (auto ordinal = entry.first; ordinal < entry.first + entry.count; ++ordinal) {
    if (ledger.is_parked(ordinal) || ledger.is_reopened(ordinal)) continue;
    const auto watermark = std::max(ledger.watermark(), entry.watermark);
    if (ordinal < watermark || ordinal - watermark >= Ledger::window_max ||
        ledger.is_settled(ordinal)) {
      return false;
    }
  }
  return true;
}

/// Applies journals to a checkpoint, as long as they are consistent.
class Replay {
 public:
  Replay(RunState& state, Ledger& ledger, LettersCheck& letters, LettersCheck& ambiguous)
      : state_(state),
        ledger_(ledger),
        letters_(letters),
        ambiguous_(ambiguous),
        chain_(state.checkpoint.journal_chain) {}

  /// Apply one generation. Returns: false if no later generation can be applied.
  Result<bool> next(const JournalText& text, const std::string& path) {
    if (text.chain_before != chain_) {
      if (text.entries.empty() && text.lost_bytes == 0)
        return false;  // from a start that was killed before its checkpoint
      state_.journal_lost = true;
      state_.notes.push_back(path +
                             ": does not follow what is left of the journal before it; its "
                             "links are sent again");
      return false;
    }
    for (const auto& entry : text.entries) {
      const auto agrees = letters_agree(entry, text.version);
      if (!agrees) return agrees.error();
      if (!*agrees) {
        state_.journal_lost = true;
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
      follow_in_doubt(entry);
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
  /// Returns whether the files of dead letters match this entry. A refusal and an ambiguous
  /// delivery add one letter each, any other entry none.
  Result<bool> letters_agree(const JournalEntry& entry, std::uint32_t version) {
    const LettersEnd end{entry.letters_bytes, entry.letters_chain};
    const bool is_ambiguous = entry.ambiguous && version >= 2;
    auto& file = is_ambiguous ? ambiguous_ : letters_;
    if (!is_ambiguous && entry.kind != EntryKind::refused) return end == file.at();
    if (end.bytes <= file.at().bytes) return false;
    return file.reaches(end);
  }

  void follow_in_doubt(const JournalEntry& entry) {
    auto& in_doubt = state_.checkpoint.in_doubt;
    switch (entry.kind) {
      case EntryKind::attempted:
        return in_doubt.add(entry.first, entry.count);
      case EntryKind::parked:
        return;
      default:
        return in_doubt.remove(entry.first, entry.count);
    }
  }

  RunState& state_;
  Ledger& ledger_;
  LettersCheck& letters_;
  LettersCheck& ambiguous_;
  std::uint64_t chain_;
};

Error no_checkpoint(const plan::RunPaths& paths, std::string_view witness) {
  return {Errc::input, fmt::format("{}: is gone, while {} shows that links were sent: restore it, "
                                   "or start a new job",
                                   paths.checkpoint(), witness)};
}

/// Check that nothing was sent, although there is no checkpoint: the first one is durable before
/// the first link is sent.
Result<void> check_unbegun(io::Files& files, const plan::RunPaths& paths,
                           const util::Digest& plan) {
  for (const auto& path : {paths.refused(), paths.ambiguous()}) {
    const auto letters = files.stat(path);
    if (!letters) return letters.error();
    if (*letters && (*letters)->size_bytes != 0) return no_checkpoint(paths, path);
  }
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  // Each begin() that was killed leaves a journal, numbered from 1 on. Journals are only removed
  // once there is a checkpoint.
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

/// Open a file of dead letters and verify it up to the end that the checkpoint records.
/// Errors: Errc::input if it does not match.
Result<LettersCheck> open_letters(io::Files& files, const std::string& path, LettersEnd end) {
  auto letters = LettersCheck::open(files, path);
  if (!letters) return letters;
  const auto whole = letters->reaches(end);
  if (!whole) return whole.error();
  if (!*whole) {
    return Error{Errc::input, path +
                                  ": is not what the checkpoint counts: restore it "
                                  "(to edit dead letters, work on a copy)"};
  }
  return letters;
}

/// Read everything once. If another process works on the run, the result may mix two states.
Result<RunState> read_once(io::Files& files, const plan::RunPaths& paths, Checkpoint checkpoint) {
  RunState state;
  state.checkpoint = std::move(checkpoint);
  auto ledger = Ledger::restore(state.checkpoint.ledger);
  if (!ledger) return ledger.error();
  auto letters = open_letters(files, paths.refused(), letters_end(state.checkpoint));
  if (!letters) return letters.error();
  auto ambiguous = open_letters(files, paths.ambiguous(), ambiguous_end(state.checkpoint));
  if (!ambiguous) return ambiguous.error();
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  Replay replay(state, *ledger, *letters, *ambiguous);
  state.generation_top = state.checkpoint.generation;
  state.journal_lost =
      !std::binary_search(journals->begin(), journals->end(), state.checkpoint.generation);
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
  state.checkpoint.ambiguous_bytes = ambiguous->at().bytes;
  state.checkpoint.ambiguous_chain = ambiguous->at().chain;
  return state;
}

Result<void> remove_journals(io::Files& files, const plan::RunPaths& paths, std::uint64_t below) {
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
  // Links below the watermark without an entry were passed: according to the plan they are not
  // sent.
  const auto watermark = ledger.watermark();
  if (entry.watermark > watermark) ledger.pass(watermark, entry.watermark - watermark);
  switch (entry.kind) {
    case EntryKind::delivered:
      ledger.deliver(entry.first, entry.count, entry.ambiguous);
      break;
    case EntryKind::refused:
      ledger.refuse(entry.first);
      break;
    case EntryKind::parked:
      ledger.park(entry.first, entry.attempts);
      break;
    case EntryKind::attempted:
    case EntryKind::withdrawn:
      break;
  }
  return true;
}

LinkSet pending_of(const LinkSet& links, const Ledger& ledger) {
  LinkSet pending;
  for (const auto& [first, count] : links.ranges()) {
    for (auto ordinal = first; ordinal < first + count; ++ordinal) {
      if (!ledger.is_settled(ordinal)) pending.add(ordinal);
    }
  }
  return pending;
}

Result<std::optional<RunState>> read_run(io::Files& files, const plan::RunPaths& paths,
                                         const util::Digest& plan) {
  for (int attempt = 1;; ++attempt) {
    auto before = load_checkpoint(files, paths.checkpoint());
    if (!before) return before.error();
    if (!*before) {
      const auto unbegun = check_unbegun(files, paths, plan);
      if (unbegun) return std::optional<RunState>();
      const auto now = files.stat(paths.checkpoint());
      if (now && *now && attempt < read_attempts) continue;  // a run has just begun
      return unbegun.error();
    }
    if ((*before)->plan != plan) {
      return Error{Errc::input,
                   fmt::format("{}: belongs to plan {}, and the plan here is {}: "
                               "restore both, or start a new job",
                               paths.checkpoint(), util::hex((*before)->plan).substr(0, 12),
                               util::hex(plan).substr(0, 12))};
    }
    const auto generation = (*before)->generation;
    auto state = read_once(files, paths, std::move(**before));
    // Another process may have replaced the checkpoint and removed journals meanwhile.
    const auto after = load_checkpoint(files, paths.checkpoint());
    if (!after) return after.error();
    const bool is_steady = *after && (*after)->generation == generation;
    if (!is_steady && attempt < read_attempts) continue;
    if (!state) return state.error();
    return std::optional<RunState>(std::move(*state));
  }
}

// RunSaver --------------------------------------------------------------------------------------

RunSaver::RunSaver(io::Files& files, plan::RunPaths paths, io::File letters, io::File ambiguous)
    : files_(&files),
      paths_(std::move(paths)),
      letters_(std::move(letters)),
      ambiguous_(std::move(ambiguous)),
      progress_log_(files, paths_.progress_log()) {}

Result<RunSaver> RunSaver::open(io::Files& files, const plan::RunPaths& paths) {
  auto letters = files.open_append(paths.refused());
  if (!letters) return letters.error();
  auto ambiguous = files.open_append(paths.ambiguous());
  if (!ambiguous) return ambiguous.error();
  return RunSaver(files, paths, std::move(*letters), std::move(*ambiguous));
}

Result<void> RunSaver::save(const Snapshot& snapshot) {
  if (auto done = letters_.sync(); !done) return done.error();
  util::fault_point("letters_sync");
  if (const auto bytes = snapshot.checkpoint.ambiguous_bytes; bytes != ambiguous_synced_) {
    if (auto done = ambiguous_.sync(); !done) return done.error();
    ambiguous_synced_ = bytes;
    util::fault_point("ambiguous_sync");
  }
  if (auto done = save_checkpoint(*files_, paths_.checkpoint(), snapshot.checkpoint); !done) {
    return done.error();
  }
  for (auto old = snapshot.journal_before; old < snapshot.checkpoint.generation; ++old) {
    if (auto done = files_->remove(paths_.journal(old)); !done) return done.error();
    util::fault_point("journal_remove");
  }
  progress_log_.note(snapshot.checkpoint, snapshot.taken_s);
  return {};
}

// RunLog ----------------------------------------------------------------------------------------

RunLog::RunLog(io::Files& files, plan::RunPaths paths, Checkpoint facts, Ledger ledger,
               DeadLetters letters, DeadLetters ambiguous, Journal journal,
               const util::Clock& clock)
    : files_(&files),
      clock_(&clock),
      paths_(std::move(paths)),
      facts_(std::move(facts)),
      ledger_(std::move(ledger)),
      letters_(std::move(letters)),
      ambiguous_(std::move(ambiguous)),
      journal_(std::move(journal)),
      handed_out_end_(ledger_.watermark()),
      durable_ceiling_(facts_.ceiling) {}

/// Prepare all files of the run for a new checkpoint, then save it.
Result<RunLog> RunLog::start(io::Files& files, const plan::RunPaths& paths, Checkpoint checkpoint,
                             const util::Clock& clock) {
  auto ledger = Ledger::restore(checkpoint.ledger);
  if (!ledger) return ledger.error();
  auto letters = DeadLetters::open(files, paths.refused(), letters_end(checkpoint));
  if (!letters) return letters.error();
  auto ambiguous = DeadLetters::open(files, paths.ambiguous(), ambiguous_end(checkpoint));
  if (!ambiguous) return ambiguous.error();
  auto saver = RunSaver::open(files, paths);
  if (!saver) return saver.error();
  auto journal = Journal::create(files, paths.journal(checkpoint.generation), checkpoint.plan,
                                 checkpoint.generation, checkpoint.journal_chain);
  if (!journal) return journal.error();
  // The saver removes nothing here; stale journals of any number are removed below.
  const Snapshot snapshot{checkpoint, checkpoint.generation, clock.unix_now_s()};
  if (auto done = saver->save(snapshot); !done) return done.error();
  if (auto done = remove_journals(files, paths, checkpoint.generation); !done) {
    return done.error();
  }
  return RunLog(files, paths, std::move(checkpoint), std::move(*ledger), std::move(*letters),
                std::move(*ambiguous), std::move(*journal), clock);
}

Result<RunLog> RunLog::begin(io::Files& files, const plan::RunPaths& paths, Checkpoint first,
                             const util::Clock& clock) {
  const auto there = read_run(files, paths, first.plan);
  if (!there) return there.error();
  if (*there) {
    return Error{Errc::usage, paths.checkpoint() + ": this run has begun already: resume it"};
  }
  const auto journals = list_journals(files, paths);
  if (!journals) return journals.error();
  first.generation = journals->empty() ? 1 : journals->back() + 1;
  first.journal_chain = util::checksum(
      first.target, static_cast<std::uint64_t>(first.pinned_time_s) + first.generation);
  first.letters_bytes = first.letters_chain = 0;
  first.ambiguous_bytes = first.ambiguous_chain = 0;
  return start(files, paths, std::move(first), clock);
}

Result<RunLog> RunLog::resume(io::Files& files, const plan::RunPaths& paths, RunState state,
                              const util::Clock& clock) {
  auto& checkpoint = state.checkpoint;
  checkpoint.old_window.reset();
  checkpoint.finished = false;
  checkpoint.exit_code = 0;
  checkpoint.generation = state.generation_top + 1;
  checkpoint.journal_chain = util::checksum(util::hex(checkpoint.plan), checkpoint.journal_chain);
  return start(files, paths, std::move(checkpoint), clock);
}

void RunLog::add_entry(JournalEntry entry, LettersEnd end) {
  IDMERGE_CHECK(!broken_);
  entry.watermark = ledger_.watermark();
  entry.letters_bytes = end.bytes;
  entry.letters_chain = end.chain;
  journal_.add(entry);
}

void RunLog::attempt(std::uint64_t first, std::uint32_t count) {
  if (attempted_.covers(first, count)) return;
  attempted_.add(first, count);
  if (facts_.in_doubt.covers(first, count)) return;
  add_entry({.first = first, .count = count, .kind = EntryKind::attempted, .attempts = 0},
            letters_.end());
}

void RunLog::withdraw(std::uint64_t first, std::uint32_t count) {
  attempted_.remove(first, count);
  const auto end = first + count;
  while (first < end) {
    if (facts_.in_doubt.contains(first)) {
      ++first;
      continue;
    }
    std::uint32_t run = 1;
    while (first + run < end && !facts_.in_doubt.contains(first + run))
      ++run;
    add_entry({.first = first, .count = run, .kind = EntryKind::withdrawn, .attempts = 0},
              letters_.end());
    first += run;
  }
}

void RunLog::settle(std::uint64_t first, std::uint32_t count) {
  put_away_ += count;
  attempted_.remove(first, count);
}

void RunLog::deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts) {
  add_entry({.first = first, .count = count, .attempts = journal_attempts(attempts)},
            letters_.end());
  settle(first, count);
  ledger_.deliver(first, count);
}

void RunLog::deliver_ambiguous(std::uint64_t ordinal, std::uint32_t attempts,
                               std::string_view letter) {
  recent_ambiguous_.push_back({ordinal, ambiguous_.end()});
  ambiguous_.add(letter);
  add_entry({.first = ordinal, .ambiguous = true, .attempts = journal_attempts(attempts)},
            ambiguous_.end());
  settle(ordinal, 1);
  ledger_.deliver(ordinal, 1, true);
}

void RunLog::refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter) {
  recent_letters_.push_back({ordinal, letters_.end()});
  letters_.add(letter);
  add_entry({.first = ordinal, .kind = EntryKind::refused, .attempts = journal_attempts(attempts)},
            letters_.end());
  settle(ordinal, 1);
  ledger_.refuse(ordinal);
}

// Parking a link does not change whether it is in doubt.
void RunLog::park(std::uint64_t ordinal, std::uint32_t attempts) {
  add_entry({.first = ordinal, .kind = EntryKind::parked, .attempts = journal_attempts(attempts)},
            letters_.end());
  ++put_away_;
  ledger_.park(ordinal, attempts);
}

/// Reopen those of the answered links that have a dead letter. Returns: where these letters begin.
std::vector<LettersEnd> RunLog::reopen_listed(const std::vector<RecentLetter>& letters,
                                              const LinkSet& answered, Settled as, LinkSet& links) {
  std::vector<LettersEnd> begins;
  for (const auto& [ordinal, begin] : letters) {
    if (!answered.contains(ordinal)) continue;
    ledger_.reopen(ordinal, as);
    links.add(ordinal);
    begins.push_back(begin);
  }
  return begins;
}

Result<TakenBack> RunLog::reopen(const LinkSet& answered) {
  TakenBack back;
  const auto refused = reopen_listed(recent_letters_, answered, Settled::refused, back.links);
  const auto ambiguous = reopen_listed(recent_ambiguous_, answered, Settled::ambiguous, back.links);
  back.refused = refused.size();
  for (const auto& [first, count] : answered.ranges()) {
    facts_.in_doubt.add(first, count);
    for (auto ordinal = first; ordinal < first + count; ++ordinal) {
      if (!ledger_.is_settled(ordinal)) continue;
      ledger_.reopen(ordinal, Settled::delivered);
      back.links.add(ordinal);
    }
  }
  if (auto done = flush(); !done) return done.error();
  broken_ = true;  // until proven otherwise
  if (auto done = letters_.take_back(refused); !done) return done.error();
  if (auto done = ambiguous_.take_back(ambiguous); !done) return done.error();
  broken_ = false;
  return back;
}

void RunLog::hand_out(std::uint64_t ordinal) {
  IDMERGE_CHECK(may_hand_out(ordinal));
  handed_out_end_ = std::max(handed_out_end_, ordinal + 1);
}

bool RunLog::needs_ceiling() const {
  const auto left = [&](std::uint64_t ceiling) {
    return ceiling > handed_out_end_ ? ceiling - handed_out_end_ : 0;
  };
  return 2 * left(durable_ceiling_) < left(facts_.ceiling);
}

Checkpoint RunLog::now() const {
  auto now = facts_;
  now.ledger = ledger_.state();
  now.letters_bytes = letters_.end().bytes;
  now.letters_chain = letters_.end().chain;
  now.ambiguous_bytes = ambiguous_.end().bytes;
  now.ambiguous_chain = ambiguous_.end().chain;
  for (const auto& [first, count] : attempted_.ranges())
    now.in_doubt.add(first, count);
  return now;
}

Result<void> RunLog::flush() {
  IDMERGE_CHECK(!broken_);
  broken_ = true;  // until proven otherwise
  if (auto done = letters_.flush(); !done) return done.error();
  if (auto done = ambiguous_.flush(); !done) return done.error();
  if (auto done = journal_.flush(); !done) return done.error();
  broken_ = false;
  return {};
}

Result<Snapshot> RunLog::snapshot() {
  if (auto done = flush(); !done) return done.error();
  // Settled links are no longer in doubt, but removing them is only worth the search if there are
  // many ranges.
  constexpr std::size_t ranges_many = 1'000;
  if (facts_.in_doubt.ranges().size() > ranges_many) {
    facts_.in_doubt = pending_of(facts_.in_doubt, ledger_);
  }
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
  recent_letters_.clear();
  recent_ambiguous_.clear();
  return Snapshot{now(), before, clock_->unix_now_s()};
}

Result<Snapshot> RunLog::begin_round(std::uint64_t round_links, std::uint64_t ceiling) {
  IDMERGE_CHECK(ledger_.is_done() && round_links > 0);
  facts_.delivered_before += ledger_.delivered();
  facts_.refused_before += ledger_.refused();
  facts_.ambiguous_before += ledger_.ambiguous();
  ++facts_.round;
  facts_.round_links = round_links;
  facts_.in_doubt.clear();  // all links of the previous round are settled
  facts_.ceiling = ceiling;
  handed_out_end_ = 0;
  durable_ceiling_ = 0;
  ledger_ = Ledger(ledger_.links());
  return snapshot();
}

Result<Snapshot> RunLog::last_snapshot(bool finished, int exit_code) {
  facts_.in_doubt = pending_of(facts_.in_doubt, ledger_);
  facts_.in_flight_max = 0;
  facts_.finished = finished;
  facts_.exit_code = exit_code;
  return snapshot();
}

}  // namespace idmerge::send
