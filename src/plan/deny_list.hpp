// SPDX-License-Identifier: MIT
//
// Ids that must never be linked: test accounts, shared devices, what a person knows and no rule
// can. One id or /regular expression/ a line. A list that quietly misses is worse than none, so
// whatever could not match as its author means it is an error with its line: an id in quotes or
// white space, a slash too few, an expression that matches everything. Ids are looked up in a hash
// set, and all expressions are one automaton (RE2), so that a row costs the same for one expression
// and for a thousand, and no expression can take exponential time.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "util/result.hpp"

namespace idmerge::plan {

class DenyList {
 public:
  /// Read a list. Shape: UTF-8, lines ending in LF or CRLF; blank lines say nothing. An expression
  /// is of RE2's syntax and matches anywhere in an id, case-sensitively, unless it says otherwise.
  /// Errors: usage, with the line: `line 7: ...`.
  static Result<DenyList> parse(std::string_view text);

  DenyList(DenyList&&) noexcept;
  DenyList& operator=(DenyList&&) noexcept;
  ~DenyList();

  /// Must this id not be linked? May be asked by several threads. Shape: of UTF-8.
  bool denies(std::string_view id) const;

  /// The same for a device of a simplified project, in its wire form: a line of the list may spell
  /// it with `$device:` too. Bounds: `device` is not longer than any id.
  bool denies_device(std::string_view device) const;

  /// Ids and expressions in it.
  std::size_t size() const;

 private:
  struct Rules;
  explicit DenyList(std::unique_ptr<Rules> rules);

  std::unique_ptr<Rules> rules_;
};

}  // namespace idmerge::plan
