// SPDX-License-Identifier: MIT
#include "idmerge/app/config.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "idmerge/base/log.hpp"

namespace idmerge {
namespace {

constexpr std::string_view blanks = " \t";

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// Reads one line from left to right.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) { skip_blanks(); }

  /// Nothing is left but a comment?
  bool at_end() const { return rest_.empty() || rest_[0] == '#'; }

  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  char front() const { return rest_.empty() ? '\0' : rest_[0]; }

  std::string_view word() {
    std::size_t n = 0;
    while (n < rest_.size() && is_key_char(rest_[n]))
      ++n;
    const auto out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    skip_blanks();
    return out;
  }

  std::optional<std::string> scalar() {
    if (front() == '"') return basic_string();
    if (front() == '\'') return literal_string();
    const bool negative = front() == '-';
    const auto text = std::string(word());
    const auto digits = std::string_view(text).substr(negative ? 1 : 0);
    const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
    if (text == "true" || text == "false" || number) return text;
    return {};
  }

 private:
  void skip_blanks() {
    const auto at = rest_.find_first_not_of(blanks);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at);
  }

  std::optional<std::string> literal_string() {
    const auto end = rest_.find('\'', 1);
    if (end == std::string_view::npos) return {};
    auto out = std::string(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    skip_blanks();
    return out;
  }

  std::optional<std::string> basic_string() {
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        skip_blanks();
        return out;
      }
      if (rest_[i] != '\\') {
        out += rest_[i];
        continue;
      }
      if (++i == rest_.size()) return {};
      switch (rest_[i]) {
        case '"':
        case '\\':
          out += rest_[i];
          break;
        case 't':
          out += '\t';
          break;
        case 'n':
          out += '\n';
          break;
        default:
          return {};  // TOML has more, options need none of them
      }
    }
    return {};
  }

  std::string_view rest_;
};

std::optional<std::vector<std::string>> values_of(LineReader& line) {
  std::vector<std::string> values;
  const bool list = line.take('[');
  while (!list || !line.take(']')) {
    auto value = line.scalar();
    if (!value) return {};
    values.push_back(std::move(*value));
    if (!list) break;
    if (line.take(',')) continue;  // one may follow the last member, too
    if (!line.take(']')) return {};
    break;
  }
  return values;
}

}  // namespace

Result<std::vector<ConfigLine>> parse_config(std::string_view text) {
  std::vector<ConfigLine> lines;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto raw = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), raw.size() + 1));
    if (raw.ends_with('\r')) raw.remove_suffix(1);
    const auto wrong = [&](std::string_view what) {
      return Error{Errc::usage, fmt::format("line {}: {}", number, what)};
    };
    LineReader line(raw);
    if (line.at_end()) continue;
    if (line.front() == '[') return wrong("tables are not used here: write the keys without one");
    auto key = std::string(line.word());
    if (key.empty() || !line.take('=')) {
      // What it says may be a secret, as "secret: hunter2", and is not repeated.
      return wrong("not a setting: write for example rate = \"500/s\"");
    }
    auto values = values_of(line);
    if (!values || !line.at_end()) {
      return wrong(
          fmt::format("{}: the value cannot be read: write a string in quotes, a whole "
                      "number, true or false",
                      key));
    }
    for (const auto& earlier : lines) {
      if (earlier.key == key) {
        return wrong(fmt::format("{}: is set on line {} too: keep one", key, earlier.line));
      }
    }
    lines.push_back({std::move(key), std::move(*values), number});
  }
  return lines;
}

}  // namespace idmerge
