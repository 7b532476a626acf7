// SPDX-License-Identifier: MIT
//
// The links that the service refused, one JSON object a line, which idmerge reads as input. The
// letter is written before the journal entry that counts it, and both name where it ends; a resumed
// run cuts the file to the last letter that is counted, so that each stands there exactly once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// How far the file goes: its length and the checksum of all letters up to there, XXH3-64 of each
/// letter seeded with the checksum before it.
struct LettersEnd {
  std::uint64_t bytes = 0;
  std::uint64_t chain = 0;
  bool operator==(const LettersEnd&) const = default;
};

/// Appends dead letters. Belongs to the io thread; the disk thread syncs through a handle of its
/// own.
class DeadLetters {
 public:
  /// Open the file, made if absent, cut it to `end` and go on from there.
  ///
  /// Errors: Errc::input if it is shorter.
  static Result<DeadLetters> open(Files& files, const std::string& path, LettersEnd end);

  /// Add a letter: one line of JSON, without its newline. Written by flush().
  LettersEnd add(std::string_view line);

  /// Write what was added since. Errors: Errc::outage; the file is then of no further use.
  Result<void> flush();

  /// Take letters out again, given by where each begins, ascending: the file is cut before the
  /// first of them, and those that stay are written again. What counted them holds no more: a
  /// checkpoint must follow. Errors: as flush().
  Result<void> take_back(const std::vector<LettersEnd>& begins);

  LettersEnd end() const { return end_; }

 private:
  DeadLetters(File file, LettersEnd end) : file_(std::move(file)), end_(end) {}

  File file_;
  LettersEnd end_;
  std::string buffer_;
};

/// Reads letters in order, to see how far a file agrees with what was counted.
class LettersCheck {
 public:
  /// An absent file counts as an empty one.
  static Result<LettersCheck> open(Files& files, const std::string& path);

  /// Does the file go on from where it last agreed to exactly this end? If not, nothing is moved.
  Result<bool> reaches(LettersEnd end);

  LettersEnd at() const { return at_; }
  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  File file_;
  std::uint64_t size_bytes_ = 0;
  LettersEnd at_;
  std::string buffer_;
};

}  // namespace idmerge
