// SPDX-License-Identifier: MIT
#include "send/run_recorder.hpp"

#include <algorithm>
#include <utility>

namespace idmerge::send {
namespace {

/// Above this number of recorded answers a snapshot is due, which clears them.
constexpr std::size_t answered_max = 1 << 17;

/// Calls `act` with the first ordinal and the length of each run of consecutive ordinals.
template <class Act>
void each_run(std::span<const std::uint64_t> ordinals, Act act) {
  for (std::size_t i = 0; i < ordinals.size();) {
    auto end = i + 1;
    while (end < ordinals.size() && ordinals[end] == ordinals[end - 1] + 1)
      ++end;
    act(ordinals[i], static_cast<std::uint32_t>(end - i));
    i = end;
  }
}

}  // namespace

RunRecorder::RunRecorder(RunLog& log, std::unique_ptr<SnapshotSaver> saver, Post post,
                         std::function<void(const Error&)> broken)
    : log_(log), post_(std::move(post)), broken_(std::move(broken)), saver_(std::move(saver)) {
  saver_->notify([this] { post_([this] { collect(); }); });
}

void RunRecorder::deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts) {
  if (error_) return;
  log_.deliver(first, count, attempts);
  settled_ += count;
  schedule_flush();
}

void RunRecorder::deliver_ambiguous(std::uint64_t ordinal, std::uint32_t attempts,
                                    std::string_view letter) {
  if (error_) return;
  log_.deliver_ambiguous(ordinal, attempts, letter);
  ++settled_;
  schedule_flush();
}

void RunRecorder::refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter) {
  if (error_) return;
  log_.refuse(ordinal, attempts, letter);
  ++settled_;
  ++refused_;
  schedule_flush();
}

void RunRecorder::park(std::uint64_t ordinal, std::uint32_t attempts) {
  if (error_) return;
  log_.park(ordinal, attempts);
  schedule_flush();
}

void RunRecorder::attempt(std::span<const std::uint64_t> ordinals) {
  if (error_) return;
  each_run(ordinals, [&](std::uint64_t first, std::uint32_t count) { log_.attempt(first, count); });
}

void RunRecorder::withdraw(std::span<const std::uint64_t> ordinals) {
  if (error_) return;
  each_run(ordinals,
           [&](std::uint64_t first, std::uint32_t count) { log_.withdraw(first, count); });
  schedule_flush();
}

void RunRecorder::note_answer(std::uint64_t line, std::span<const std::uint64_t> ordinals) {
  if (error_) return;
  each_run(ordinals, [&](std::uint64_t first, std::uint32_t count) {
    answered_.push_back({line, first, count});
  });
}

Doubted RunRecorder::in_doubt(std::span<const std::uint64_t> lines) {
  if (error_) return {};
  LinkSet links;
  std::uint64_t answered = 0;
  for (const auto& [line, first, count] : answered_) {
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) continue;
    links.add(first, count);
    answered += count;
  }
  if (links.empty()) return {};
  auto back = log_.reopen(links);
  if (!back) {
    break_off(back.error());
    return {};
  }
  settled_ -= back->links.size();
  refused_ -= back->refused;
  if (!save_now()) return {};
  return {std::move(back->links), answered};
}

/// Saves a snapshot on the calling thread. Returns: false after a disk error.
bool RunRecorder::save_now() {
  const auto snapshot = log_.snapshot();
  const auto saved = snapshot ? saver_->save_now(*snapshot) : Result<void>(snapshot.error());
  if (!saved) {
    break_off(saved.error());
    return false;
  }
  answered_.clear();
  settled_when_saved_ = settled_;
  limit_is_new_ = false;
  log_.saved(snapshot->checkpoint.ceiling);
  return true;
}

bool RunRecorder::write_attempts() {
  if (error_) return false;
  if (auto flushed = log_.flush(); !flushed) break_off(flushed.error());
  return !error_;
}

// Posted after the work that is already queued, so it runs before any answer that has yet to
// arrive: per worker, a kill can lose only the outcomes of this turn and the requests sent since.
void RunRecorder::schedule_flush() {
  if (flush_posted_) return;
  flush_posted_ = true;
  post_([this] { flush(); });
}

void RunRecorder::flush() {
  flush_posted_ = false;
  if (error_) return;
  if (auto flushed = log_.flush(); !flushed) break_off(flushed.error());
}

bool RunRecorder::is_due(Instant now, std::chrono::milliseconds every) {
  if (saver_->busy()) collect();  // in case its notification failed for lack of memory
  const bool is_urgent = limit_is_new_ || log_.needs_ceiling() || answered_.size() > answered_max;
  const bool is_new = settled_ != settled_when_saved_ || is_urgent;
  return !error_ && !saver_->busy() && is_new && (now - saved_at_ >= every || is_urgent);
}

void RunRecorder::save_when_due(Instant now, std::chrono::milliseconds every) {
  if (!is_due(now, every)) return;
  auto snapshot = log_.snapshot();
  if (!snapshot) return break_off(snapshot.error());
  answered_.clear();
  saved_at_ = now;
  settled_when_saved_ = settled_;
  ceiling_under_way_ = snapshot->checkpoint.ceiling;
  limit_is_new_ = false;
  saver_->save(std::move(*snapshot));
}

void RunRecorder::collect() {
  const auto saved = saver_->collect();
  if (!saved) return;
  if (!*saved) return break_off(saved->error());
  log_.saved(ceiling_under_way_);
}

void RunRecorder::set_limit(const KnownLimit& limit) {
  limit_is_new_ = limit_is_new_ || limit != log_.facts().limit;
  log_.facts().limit = limit;
}

Result<std::uint64_t> RunRecorder::write_letters() {
  flush();
  if (error_) return *error_;
  return log_.letters_bytes();
}

Result<void> RunRecorder::begin_round(std::uint64_t round_links, std::uint64_t ceiling) {
  if (error_) return *error_;
  const auto snapshot = log_.begin_round(round_links, ceiling);
  auto begun = snapshot ? saver_->save_now(*snapshot) : Result<void>(snapshot.error());
  if (!begun) {
    break_off(begun.error());
    return begun;
  }
  answered_.clear();
  log_.saved(ceiling);
  return {};
}

Result<void> RunRecorder::finish(int exit_code, bool last_round) {
  if (error_) return *error_;
  const bool finished = last_round && log_.ledger().is_done();
  const auto snapshot = log_.last_snapshot(finished, exit_code);
  if (!snapshot) return snapshot.error();
  return saver_->finish(*snapshot);
}

void RunRecorder::break_off(const Error& error) {
  if (error_) return;
  error_ = error;
  broken_(error);
}

}  // namespace idmerge::send
