// SPDX-License-Identifier: MIT
#include "plan/deny_list.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include "input/id_text.hpp"
#include "util/check.hpp"

namespace idmerge::plan {
namespace {

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>{}(id); }
};

RE2::Options expression_options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(64 << 20);
  return options;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

/// What is wrong with an id that no row could have; empty if nothing is.
std::string_view unlikely(std::string_view id) {
  if (id.size() > input::id_bytes_max) return "is longer than any id that is sent: shorten it";
  if (input::find_control(id) != std::string_view::npos) {
    return "contains a control character: write one id a line";
  }
  // A white-space character has one to three bytes.
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, id.size()); ++n) {
    if (!input::is_blank(id.substr(0, n)) && !input::is_blank(id.substr(id.size() - n))) continue;
    return "begins or ends with white space: remove it, or write it as /^...$/";
  }
  if (id.size() > 1 && id.front() == '"' && id.back() == '"') {
    return "is in quotes: remove them, or write it as /^\"...\"$/";
  }
  return {};
}

/// A text that no id has, in place of one.
constexpr std::string_view no_id = "\x7F";

/// What an expression that finds a device behind its prefix has to do with that prefix. Asked of
/// the expression itself, with other texts in place of the prefix, since `$device:` is written in
/// many ways: /^\x24device:/, /^.device[:]/. Letters stand for letters, signs for signs, so that
/// /^\W/ and /.{40}/ do not see a prefix of which they say nothing.
class Probe {
 public:
  Probe(const RE2& expression, std::string_view id) : expression_(expression), id_(id) {}

  /// Does it mean devices with this prefix, or some of them?
  bool means_prefix(bool finds_any_device) const {
    const bool needs_sign =
        needs("#device:", "%device:", "~device:") || needs("$device;", "$device=", "$device!");
    const bool is_anchored = !matches("\x7F$device:");
    if (is_anchored) return needs_sign || needs_word();
    // Somewhere in an id, /[$]/ or /device/ would deny every device, of which it does not speak.
    return finds_any_device ? needs_sign && needs_word() : needs_sign || needs_word();
  }

 private:
  bool matches(std::string_view prefix) const {
    std::string text(prefix);
    text += id_;
    return RE2::PartialMatch(piece(text), expression_);
  }

  /// Of these, /^[$#]/ finds one and does mean the dollar; /^[^#]/ finds two and does not.
  bool needs(std::string_view a, std::string_view b, std::string_view c) const {
    return matches(a) + matches(b) + matches(c) < 2;
  }

  bool needs_word() const {
    for (std::size_t i = 1; i + 1 < input::device_prefix.size(); ++i) {
      std::string other(input::device_prefix);
      other[i] = 'q';
      if (matches(other)) return false;
    }
    return true;
  }

  const RE2& expression_;
  std::string_view id_;
};

/// Of an expression: which devices does it see behind their prefix?
enum class Sight : std::uint8_t {
  none,
  all,    // that it finds there
  asked,  // each is to be asked for
};

/// Does what it finds begin with a letter or a digit, at the start of an id? Most do, and so cost
/// nothing more: /^bot[0-9]+$/.
bool begins_with_word(std::string_view expression) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return expression.size() > 1 && expression[0] == '^' && is_word(expression[1]) &&
         expression.find('|') == std::string_view::npos &&
         (expression.size() == 2 ||
          std::string_view("?*{").find(expression[2]) == std::string_view::npos);
}

Sight sight_of(const RE2& expression) {
  if (begins_with_word(expression.pattern())) return Sight::none;
  std::string any(input::device_prefix);
  any += no_id;
  if (!RE2::PartialMatch(any, expression)) return Sight::asked;
  return Probe(expression, no_id).means_prefix(true) ? Sight::all : Sight::none;
}

}  // namespace

struct DenyList::Rules {
  std::unordered_set<std::string, Hash, std::equal_to<>> ids;
  std::vector<std::unique_ptr<RE2>> expressions;
  std::unique_ptr<RE2::Set> all;  // the expressions in one
  std::vector<Sight> sights;      // of each expression
  bool names_prefixed = false;    // an id starts with $device:
  bool sees_prefixed = false;     // an expression may see one

  Result<void> add(std::string_view line) {
    if (!line.starts_with('/')) {
      if (const auto wrong = unlikely(line); !wrong.empty()) {
        return Error{Errc::usage, std::string(wrong)};
      }
      ids.emplace(line);
      names_prefixed = names_prefixed || input::has_device_prefix(line);
      return {};
    }
    if (line.size() < 2 || !line.ends_with('/')) {
      return Error{Errc::usage,
                   "begins with a slash and does not end with one: write /expression/, "
                   "and an id that begins with a slash as /^\\/...$/"};
    }
    return add_expression(line.substr(1, line.size() - 2));
  }

  Result<void> add_expression(std::string_view text) {
    auto expression = std::make_unique<RE2>(piece(text), expression_options());
    if (!expression->ok()) {
      // RE2 ends its message with the place in the expression, which may be somebody's id.
      std::string_view why = expression->error();
      if (const auto& place = expression->error_arg(); why.ends_with(": " + place)) {
        why.remove_suffix(place.size() + 2);
      }
      return Error{Errc::usage,
                   fmt::format("is not a regular expression: {}: see the syntax of RE2", why)};
    }
    if (RE2::PartialMatch("", *expression)) {
      return Error{Errc::usage,
                   "matches the empty text and so may deny every id: say what an id must have"};
    }
    sights.push_back(sight_of(*expression));
    sees_prefixed = sees_prefixed || sights.back() != Sight::none;
    expressions.push_back(std::move(expression));
    return {};
  }

  Result<void> compile() {
    if (expressions.empty()) return {};
    all = std::make_unique<RE2::Set>(expression_options(), RE2::UNANCHORED);
    for (const auto& expression : expressions)
      all->Add(expression->pattern(), nullptr);
    if (!all->Compile()) {
      return Error{Errc::usage,
                   "the expressions together are too large: write fewer or simpler ones"};
    }
    return {};
  }

  bool any_matches(std::string_view id) const {
    RE2::Set::ErrorInfo why{RE2::Set::kNoError};
    std::vector<int> which;
    if (all->Match(piece(id), &which, &why)) return true;
    if (why.kind == RE2::Set::kNoError) return false;
    // The automaton grew over its memory; each expression alone can do without one.
    return std::any_of(expressions.begin(), expressions.end(), [&](const auto& expression) {
      return RE2::PartialMatch(piece(id), *expression);
    });
  }

  bool any_sees(std::string_view prefixed, std::string_view device) const {
    const auto sees = [&](std::size_t i) {
      return sights[i] == Sight::all ||
             (sights[i] == Sight::asked && Probe(*expressions[i], device).means_prefix(false));
    };
    RE2::Set::ErrorInfo why{RE2::Set::kNoError};
    std::vector<int> which;
    if (all->Match(piece(prefixed), &which, &why)) {
      return std::any_of(which.begin(), which.end(),
                         [&](int i) { return sees(static_cast<std::size_t>(i)); });
    }
    if (why.kind == RE2::Set::kNoError) return false;
    for (std::size_t i = 0; i < expressions.size(); ++i) {
      if (RE2::PartialMatch(piece(prefixed), *expressions[i]) && sees(i)) return true;
    }
    return false;
  }
};

DenyList::DenyList(std::unique_ptr<Rules> rules) : rules_(std::move(rules)) {}
DenyList::DenyList(DenyList&&) noexcept = default;
DenyList& DenyList::operator=(DenyList&&) noexcept = default;
DenyList::~DenyList() = default;

Result<DenyList> DenyList::parse(std::string_view text) {
  auto rules = std::make_unique<Rules>();
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto added = input::find_bad_utf8(line) == std::string_view::npos
                     ? rules->add(line)
                     : Error{Errc::usage, "is not UTF-8: save the file as UTF-8"};
    if (!added) {
      return Error{added.error().code, fmt::format("line {}: {}", number, added.error().what)};
    }
  }
  if (auto compiled = rules->compile(); !compiled) return compiled.error();
  return DenyList(std::move(rules));
}

bool DenyList::denies(std::string_view id) const {
  return rules_->ids.find(id) != rules_->ids.end() ||
         (!rules_->expressions.empty() && rules_->any_matches(id));
}

bool DenyList::denies_device(std::string_view device) const {
  if (denies(device)) return true;
  if (!rules_->names_prefixed && !rules_->sees_prefixed) return false;
  std::array<char, input::device_prefix.size() + input::id_bytes_max> text;
  IDMERGE_CHECK(device.size() <= input::id_bytes_max);
  const auto end =
      std::copy(device.begin(), device.end(),
                std::copy(input::device_prefix.begin(), input::device_prefix.end(), text.begin()));
  const std::string_view prefixed(text.data(), static_cast<std::size_t>(end - text.begin()));
  return rules_->ids.find(prefixed) != rules_->ids.end() ||
         (rules_->sees_prefixed && rules_->any_sees(prefixed, device));
}

std::size_t DenyList::size() const {
  return rules_->ids.size() + rules_->expressions.size();
}

}  // namespace idmerge::plan
