// SPDX-License-Identifier: MIT
//
// Hypertext into which nothing from outside can bring markup. What is markup and what is text is
// told apart by the compiler: markup is a literal in the source, known when it is compiled, and
// everything else - ids, file names, messages, numbers - has no way into a page but text(), which
// escapes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace idmerge {

/// Markup that a programmer wrote. Made of string literals alone: whatever is known only when the
/// program runs does not compile.
class Markup {
 public:
  template <std::size_t Size>
  consteval Markup(const char (&literal)[Size]) : text_(literal, Size - 1) {}

  std::string_view view() const { return text_; }

 private:
  std::string_view text_;
};

/// A page that is being written.
class Html {
 public:
  Html& markup(Markup literal);

  /// Text between tags, or within the quotes of an attribute. It reads as it is, but for what
  /// printable() (base/log) makes visible: control characters, direction overrides, bad UTF-8.
  Html& text(std::string_view outside);

  /// "98,412,003"
  Html& count(std::uint64_t count);

  std::string take() && { return std::move(page_); }

 private:
  std::string page_;
};

}  // namespace idmerge
