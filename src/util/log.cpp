// SPDX-License-Identifier: MIT
#include "util/log.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "util/utf8.hpp"

namespace idmerge::util {
namespace {

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
    const auto [code, size] = read_utf8(text);
    if (size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (!steers_display(code)) {
      out += text.substr(0, size);
    } else if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (code < 0x80) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(code));
    } else {
      out += fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(code));
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [code, size] = read_utf8(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    switch (code) {
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
        if (steers_display(code)) {
          append_json_escape(code, out);
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

}  // namespace idmerge::util
