// SPDX-License-Identifier: MIT
//
// Everything that is said on stderr goes through here, line by line, so that a terminal, a log
// collector (`--log-format json`) and a test see the same words. Text from outside - ids, file
// names, answers of the service - is untrusted: it passes `printable()`, or a row could rewrite
// the terminal that reports on it; ids of people pass an `IdMask` first, because logs travel.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace idmerge {

/// Make what could steer a terminal visible: control bytes as \n, \t or \x1b, C1 controls, line
/// separators and direction overrides as \u{202e}, bytes that are not UTF-8 as \xff.
std::string printable(std::string_view text);

/// `text` as a JSON string, with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

/// Units: seconds since 1970, rounded down.
std::int64_t unix_now_s();

/// "2026-11-23T18:00:00.123Z"
std::string rfc3339(std::chrono::system_clock::time_point time);

/// Shows ids or hides them.
class IdMask {
 public:
  explicit IdMask(bool show) : show_(show) {}

  /// The id made printable, or its masked form: at most two characters of each end and the class
  /// of its length, "3f…9c (17-32 bytes)".
  std::string operator()(std::string_view id) const;

  bool shows() const { return show_; }

 private:
  bool show_;
};

enum class Level : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

std::string_view name(Level level);

struct LogOptions {
  Level level = Level::info;           // lines below it are dropped. Flag: --log-level
  LogFormat format = LogFormat::text;  // Flag: --log-format
  bool deferred = false;               // keep lines until release(). Flag: --quiet
};

/// Lines on stderr, or wherever `write` puts them.
///
/// Shape: `write` gets whole lines with their line end, one call for each.
class Log {
 public:
  using Write = std::function<void(std::string_view)>;
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  explicit Log(LogOptions options, Write write = to_stderr(),
               Clock clock = std::chrono::system_clock::now);

  /// Say one line. Line ends inside `message` begin a new line of the same level (text) or stay in
  /// the message (json).
  void say(Level level, std::string_view message);
  void debug(std::string_view message) { say(Level::debug, message); }
  void info(std::string_view message) { say(Level::info, message); }
  void warning(std::string_view message) { say(Level::warning, message); }
  void error(std::string_view message) { say(Level::error, message); }

  /// Say a report: as `text`, line by line, or as one JSON line with `object` under the key `name`.
  void report(std::string_view name, std::string_view text, std::string_view object);

  /// Write what was kept back, and keep nothing back from now on.
  void release();

  /// Forget what was kept back.
  void discard() { kept_.clear(); }

  const LogOptions& options() const { return options_; }

  /// A writer for stderr. Bytes that cannot be written are lost: nobody is left to tell.
  static Write to_stderr();

 private:
  void write(std::string line);

  LogOptions options_;
  Write write_;
  Clock clock_;
  std::vector<std::string> kept_;
};

}  // namespace idmerge
