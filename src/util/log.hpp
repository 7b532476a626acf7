// SPDX-License-Identifier: MIT
//
// Logging to stderr. All messages are written line by line through `Log`, so that a terminal, a log
// collector (`--log-format json`) and a test see the same text. Text from outside - ids, file
// names, answers of the service - is untrusted and is escaped by `printable()`, because a row could
// otherwise rewrite the terminal that reports on it. Personal ids are masked by an `IdMask` first,
// because logs are passed on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace idmerge::util {

/// Escapes everything that could control a terminal: control bytes as \n, \t or \x1b; C1 controls,
/// line separators and direction overrides as \u{202e}; bytes that are not UTF-8 as \xff.
std::string printable(std::string_view text);

/// Returns `text` as a JSON string, with quotes. Bytes that are not UTF-8 become U+FFFD; characters
/// that could control a terminal are escaped.
std::string json_quoted(std::string_view text);

/// Returns the current time. Units: seconds since 1970, rounded down.
std::int64_t unix_now_s();

/// "2026-11-23T18:00:00.123Z"
std::string rfc3339(std::chrono::system_clock::time_point time);

/// Formats ids for messages, in full or masked. Flag: --show-ids
class IdMask {
 public:
  explicit IdMask(bool show) : show_(show) {}

  /// Returns the printable id, or its masked form: at most two characters from each end and a
  /// length range, "3f…9c (17-32 bytes)". Ids below 17 bytes show no characters.
  std::string operator()(std::string_view id) const;

  bool shows() const { return show_; }

 private:
  bool show_;
};

enum class Level : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

std::string_view name(Level level);

struct LogOptions {
  Level level = Level::info;           // lines below this level are dropped. Flag: --log-level
  LogFormat format = LogFormat::text;  // Flag: --log-format
  bool deferred = false;               // buffer lines until release(). Flag: --quiet
};

/// Writes log lines to stderr, or to another `write` function, which is called once for each
/// complete line, including its line end.
class Log {
 public:
  using Write = std::function<void(std::string_view)>;
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  explicit Log(LogOptions options, Write write = to_stderr(),
               Clock clock = std::chrono::system_clock::now);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  virtual ~Log() = default;

  /// Logs a message. Line ends inside `message` start a new line of the same level (text) or stay
  /// in the message (json).
  virtual void say(Level level, std::string_view message);
  void debug(std::string_view message) { say(Level::debug, message); }
  void info(std::string_view message) { say(Level::info, message); }
  void warning(std::string_view message) { say(Level::warning, message); }
  void error(std::string_view message) { say(Level::error, message); }

  /// Logs a report at level info: `text`, line by line, or one JSON line with `object`, which is
  /// JSON, under the key `name`.
  virtual void report(std::string_view name, std::string_view text, std::string_view object);

  /// Writes the buffered lines, and writes all further lines at once.
  void release();

  /// Drops the buffered lines.
  void discard() { kept_.clear(); }

  const LogOptions& options() const { return options_; }

  /// Returns a writer for stderr. Write errors are ignored: there is nowhere to report them.
  static Write to_stderr();

 private:
  void write(std::string line);

  LogOptions options_;
  Write write_;
  Clock clock_;
  std::vector<std::string> kept_;
};

}  // namespace idmerge::util
