// SPDX-License-Identifier: MIT
#include "idmerge/core/deny_list.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include "idmerge/base/check.hpp"
#include "idmerge/core/screen.hpp"

namespace idmerge {
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
  if (id.size() > id_bytes_max) return "is longer than any id that is sent: shorten it";
  if (find_control(id) != std::string_view::npos) {
    return "contains a control character: write one id a line";
  }
  // A white-space character has one to three bytes.
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, id.size()); ++n) {
    if (!is_blank(id.substr(0, n)) && !is_blank(id.substr(id.size() - n))) continue;
    return "begins or ends with white space: remove it, or write it as /^...$/";
  }
  if (id.size() > 1 && id.front() == '"' && id.back() == '"') {
    return "stands in quotes: remove them, or write it as /^\"...\"$/";
  }
  return {};
}

/// Does an expression mean the prefix of a device, in whatever spelling: /^\$Device\:/?
bool speaks_of_prefix(std::string_view expression) {
  std::string plain;
  for (const char c : expression) {
    if (c != '\\' && c != '[' && c != ']') plain += c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  }
  return plain.find("device:") != std::string::npos || plain.find("$device") != std::string::npos;
}

}  // namespace

struct DenyList::Rules {
  std::unordered_set<std::string, Hash, std::equal_to<>> ids;
  std::vector<std::unique_ptr<RE2>> expressions;
  std::unique_ptr<RE2::Set> all;        // the expressions in one
  bool names_prefixed = false;          // an id starts with $device:
  std::vector<const RE2*> of_prefixed;  // expressions that speak of the prefix and see it

  Result<void> add(std::string_view line) {
    if (!line.starts_with('/')) {
      if (const auto wrong = unlikely(line); !wrong.empty()) {
        return Error{Errc::usage, std::string(wrong)};
      }
      ids.emplace(line);
      names_prefixed = names_prefixed || has_device_prefix(line);
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
                   fmt::format("is no regular expression: {}: see the syntax of RE2", why)};
    }
    if (RE2::PartialMatch("", *expression)) {
      return Error{Errc::usage,
                   "matches the empty text and so may deny every id: say what an id must have"};
    }
    // Any other expression would see a prefix that no id has: /[$]/ would deny every device.
    if (speaks_of_prefix(text)) of_prefixed.push_back(expression.get());
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
                   "the expressions are too large together: write fewer or simpler "
                   "ones"};
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
    auto added = find_bad_utf8(line) == std::string_view::npos
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
  if (!rules_->names_prefixed && rules_->of_prefixed.empty()) return false;
  std::array<char, device_prefix.size() + id_bytes_max> text;
  IDMERGE_CHECK(device.size() <= id_bytes_max);
  const auto end = std::copy(device.begin(), device.end(),
                             std::copy(device_prefix.begin(), device_prefix.end(), text.begin()));
  const std::string_view prefixed(text.data(), static_cast<std::size_t>(end - text.begin()));
  return rules_->ids.find(prefixed) != rules_->ids.end() ||
         std::any_of(rules_->of_prefixed.begin(), rules_->of_prefixed.end(),
                     [&](const RE2* expression) {
                       return RE2::PartialMatch(piece(prefixed), *expression);
                     });
}

std::size_t DenyList::size() const {
  return rules_->ids.size() + rules_->expressions.size();
}

}  // namespace idmerge
