// SPDX-License-Identifier: MIT
//
// Dead letters: the links that the service refused, one JSON object per line, in a form that
// idmerge accepts as input. A letter is written before the journal entry that counts it, and the
// entry records where the letter ends. A resumed run cuts the file after the last counted letter,
// so that each letter is in the file exactly once. Ambiguous deliveries are listed in a second file
// of the same form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// The end of a file of dead letters: its length, and the checksum of all letters up to there. The
/// checksum is XXH3-64 of each letter, seeded with the checksum before it.
struct LettersEnd {
  std::uint64_t bytes = 0;
  std::uint64_t chain = 0;
  bool operator==(const LettersEnd&) const = default;
};

/// Appends dead letters. Thread safety: used by the io thread only; the sync thread syncs through a
/// separate handle.
class DeadLetters {
 public:
  /// Open the file, creating it if absent, and cut it to `end`.
  ///
  /// Errors: Errc::input if it is shorter.
  static Result<DeadLetters> open(io::Files& files, const std::string& path, LettersEnd end);

  /// Add a letter: one line of JSON without its newline. Written by flush(). Returns: the new end.
  LettersEnd add(std::string_view line);

  /// Write the added letters. Errors: Errc::outage; the file must not be used afterwards.
  Result<void> flush();

  /// Remove letters, given by where each begins, ascending: the file is cut before the first of
  /// them, and the letters to keep are written again. This invalidates the journal entries that
  /// count later letters, so a checkpoint must be saved. Errors: as flush().
  Result<void> take_back(const std::vector<LettersEnd>& begins);

  LettersEnd end() const { return end_; }

 private:
  DeadLetters(io::File file, LettersEnd end) : file_(std::move(file)), end_(end) {}

  io::File file_;
  LettersEnd end_;
  std::string buffer_;
};

/// Reads letters in order, to check how far a file matches the recorded ends.
class LettersCheck {
 public:
  /// An absent file is treated as empty.
  static Result<LettersCheck> open(io::Files& files, const std::string& path);

  /// Returns whether the file matches this end, reading on from at(). Moves at() to it if so.
  Result<bool> reaches(LettersEnd end);

  LettersEnd at() const { return at_; }
  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  io::File file_;
  std::uint64_t size_bytes_ = 0;
  LettersEnd at_;
  std::string buffer_;
};

}  // namespace idmerge::send
