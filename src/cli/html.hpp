// SPDX-License-Identifier: MIT
//
// An HTML writer that is safe from markup injection. The compiler separates markup from text:
// markup is a string literal, known at compile time. Everything else (ids, file names, messages,
// numbers) can enter a page only through text(), which escapes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace idmerge::cli {

/// Trusted markup. Can be made from string literals only; a value known only at run time does not
/// compile.
class Markup {
 public:
  template <std::size_t Size>
  consteval Markup(const char (&literal)[Size]) : text_(literal, Size - 1) {}

  std::string_view view() const { return text_; }

 private:
  std::string_view text_;
};

/// A page under construction.
class Html {
 public:
  Html& markup(Markup literal);

  /// Appends text between tags or within a quoted attribute, escaped. Control characters, direction
  /// overrides and invalid UTF-8 are made visible by printable() (util/log); all other text is
  /// displayed unchanged.
  Html& text(std::string_view outside);

  /// "98,412,003"
  Html& count(std::uint64_t count);

  std::string take() && { return std::move(page_); }

 private:
  std::string page_;
};

}  // namespace idmerge::cli
