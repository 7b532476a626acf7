// SPDX-License-Identifier: MIT
#include "idmerge/base/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

namespace idmerge {
namespace {

struct Decoded {
  char32_t point = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

/// The character at the start of `text`, which is not empty.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {static_cast<char32_t>(lead), 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t point = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return {};
    point = (point << 6u) | (byte(i) & 0x3fu);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return {};
  return {point, size};
}

/// Characters that move the cursor, end a line or turn the direction of text around.
bool steers(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

std::string_view length_class(std::size_t bytes) {
  if (bytes < 8) return "1-7 bytes";
  if (bytes < 17) return "8-16 bytes";
  if (bytes < 33) return "17-32 bytes";
  if (bytes < 65) return "33-64 bytes";
  return "over 64 bytes";
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [point, size] = decode(text);
    if (size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (!steers(point)) {
      out += text.substr(0, size);
    } else if (point == '\n') {
      out += "\\n";
    } else if (point == '\r') {
      out += "\\r";
    } else if (point == '\t') {
      out += "\\t";
    } else if (point < 0x80) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(point));
    } else {
      out += fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(point));
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [point, size] = decode(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    switch (point) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (steers(point)) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(point));
        } else {
          out += text.substr(0, size);
        }
    }
    text.remove_prefix(size);
  }
  return out += '"';
}

std::int64_t unix_now_s() {
  using namespace std::chrono;
  return floor<seconds>(system_clock::now().time_since_epoch()).count();
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto whole = floor<seconds>(time);
  const auto ms = duration_cast<milliseconds>(time - whole).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(system_clock::to_time_t(whole)),
                     ms);
}

std::string IdMask::operator()(std::string_view id) const {
  if (show_) return printable(id);
  if (id.empty()) return "(blank)";
  const std::size_t shown = id.size() < 17 ? 0 : 2;
  const auto head = id.substr(0, shown);
  const auto tail = id.substr(id.size() - shown);
  return fmt::format("{}…{} ({})", is_plain(head) ? head : "", is_plain(tail) ? tail : "",
                     length_class(id.size()));
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      break;
  }
  return "error";
}

Log::Log(LogOptions options, Write write, Clock clock)
    : options_(options), write_(std::move(write)), clock_(std::move(clock)) {}

void Log::say(Level level, std::string_view message) {
  if (level < options_.level) return;
  if (options_.format == LogFormat::json) {
    write(fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"msg\":{}}}\n", rfc3339(clock_()),
                      name(level), json_quoted(message)));
    return;
  }
  while (true) {
    const auto end = message.find('\n');
    const auto line = printable(message.substr(0, end));
    switch (level) {
      case Level::info:
        write(line + "\n");
        break;
      case Level::error:
        write("idmerge: " + line + "\n");
        break;
      case Level::debug:
      case Level::warning:
        write(fmt::format("idmerge: {}: {}\n", name(level), line));
        break;
    }
    if (end == std::string_view::npos) return;
    message.remove_prefix(end + 1);
  }
}

void Log::report(std::string_view title, std::string_view text, std::string_view object) {
  if (options_.format == LogFormat::text) {
    while (text.ends_with('\n'))
      text.remove_suffix(1);
    say(Level::info, text);
    return;
  }
  if (Level::info < options_.level) return;
  write(fmt::format("{{\"time\":\"{}\",\"level\":\"info\",\"msg\":{},{}:{}}}\n", rfc3339(clock_()),
                    json_quoted(title), json_quoted(title), object));
}

void Log::write(std::string line) {
  if (options_.deferred) {
    kept_.push_back(std::move(line));
  } else {
    write_(line);
  }
}

void Log::release() {
  options_.deferred = false;
  for (const auto& line : std::exchange(kept_, {}))
    write_(line);
}

Log::Write Log::to_stderr() {
  return [](std::string_view line) {
    while (!line.empty()) {
      const auto n = ::write(STDERR_FILENO, line.data(), line.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      line.remove_prefix(static_cast<std::size_t>(n));
    }
  };
}

}  // namespace idmerge
