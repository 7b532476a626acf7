// SPDX-License-Identifier: MIT
#include "cli/credentials.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/credential_rules.hpp"
#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::cli {
namespace {

constexpr std::size_t output_bytes_max = 64 * 1024;

struct Field {
  send::VariableName variable;
  util::Secret Credentials::*member;
  std::string_view (*problem)(std::string_view value);
};

std::array<Field, 3> fields_of(const send::CredentialNames& names) {
  return {Field{names.token, &Credentials::token, net::token_problem},
          Field{names.username, &Credentials::username, net::user_name_problem},
          Field{names.secret, &Credentials::secret, net::secret_problem}};
}

struct Descriptor {
  int fd = -1;
  Descriptor() = default;
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
};

Error usage(std::string what) {
  return {Errc::usage, std::move(what)};
}

/// Returns whether a name was probably meant as a variable. Any other text may be a secret with an
/// = in it and must not be printed.
bool is_misspelt(std::string_view name, const send::CredentialNames& names) {
  const auto prefix_of = [](std::string_view variable) {
    return variable.substr(0, variable.find('_') + 1);
  };
  std::string prefix(prefix_of(names.token.name));
  if (prefix.ends_with('_')) prefix.pop_back();
  std::string lower = prefix;
  for (char& c : lower)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  const auto old_prefix = prefix_of(names.token.old_name);
  return (!old_prefix.empty() && name.starts_with(old_prefix)) ||
         (!prefix.empty() && (name.find(prefix) != std::string_view::npos ||
                              name.find(lower) != std::string_view::npos));
}

/// Stores the value of `name` in the field it names. Errors: usage, without the value.
Result<void> take(const send::CredentialNames& names, Credentials& found, std::string_view name,
                  const util::Secret& value, std::string_view where) {
  for (const auto& field : fields_of(names)) {
    if (name != field.variable.name && name != field.variable.old_name) continue;
    auto& place = found.*field.member;
    if (!place.empty() && !(place == value)) {
      return usage(fmt::format("{}: {} and {} are both set and differ: unset one of them", where,
                               field.variable.name, field.variable.old_name));
    }
    place = value;
    return {};
  }
  return usage(fmt::format("{}: {} is none of {}, {} and {}: write one NAME=value a line", where,
                           is_misspelt(name, names) ? fmt::format("\"{}\"", util::printable(name))
                                                    : "the text before its =",
                           names.token.name, names.username.name, names.secret.name));
}

Result<Credentials> parse_lines(const send::CredentialNames& names, std::string_view text,
                                const std::string& where) {
  Credentials found;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      // The line is not printed, because it may be a secret.
      return usage(
          fmt::format("{}: line {} is not NAME=value: write for example "
                      "{}=0123456789abcdef",
                      where, number, names.token.name));
    }
    if (auto taken =
            take(names, found, line.substr(0, equals), util::Secret(line.substr(equals + 1)),
                 fmt::format("{}: line {}", where, number));
        !taken) {
      return taken.error();
    }
  }
  return found;
}

/// Returns whether only the owner can read the file. Group access is allowed if root owns the file,
/// because Kubernetes mounts secrets this way for a pod that does not run as root.
bool is_private(const struct stat& info) {
  const auto others = info.st_mode & (S_IRWXO | S_IWGRP);
  const bool group_reads = (info.st_mode & S_IRGRP) != 0;
  return others == 0 && (!group_reads || info.st_uid == 0);
}

Result<std::string> read_private_file(const std::string& path, const send::CredentialNames& names) {
  const auto subject = fmt::format("--credentials: {}", util::printable(path));
  // With O_NONBLOCK a FIFO without a writer cannot block the program. Symbolic links are followed.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0) {
    return usage(fmt::format("{}: {}: name a file with lines such as {}=...", subject,
                             std::generic_category().message(errno), names.token.name));
  }
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return util::system_error(subject, errno);
  if (!S_ISREG(info.st_mode)) return usage(subject + ": not a regular file: name a file");
  if (!is_private(info)) {
    return usage(fmt::format("{}: other users can read it: run chmod 600 on it", subject));
  }
  if (info.st_size > static_cast<off_t>(output_bytes_max)) {
    return usage(fmt::format("{}: larger than {}: this is not a credentials file", subject,
                             util::size_text(output_bytes_max)));
  }
  std::string text(output_bytes_max, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto n = ::read(file.fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error_number = errno;
      util::wipe(text);
      return util::system_error(subject, error_number);
    }
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  return text;
}

Result<Credentials> from_file_or_command(const CredentialSources& sources) {
  if (!sources.file.empty() && !sources.command.empty()) {
    return usage("--credentials: --credentials-command is given too: keep one of them");
  }
  Result<std::string> text = std::string();
  std::string where;
  if (!sources.file.empty()) {
    where = fmt::format("--credentials: {}", util::printable(sources.file));
    text = read_private_file(sources.file, sources.names);
  } else if (!sources.command.empty()) {
    where = "--credentials-command";
    const auto words = split_words(sources.command);
    if (!words) return Error{words.error().code, where + ": " + words.error().what};
    text = output_of(*words, sources.command_timeout);
    if (!text) text = Error{text.error().code, where + ": " + text.error().what};
  }
  if (!text) return text.error();
  auto found = parse_lines(sources.names, *text, where);
  util::wipe(*text);
  return found;
}

/// Errors: usage, without the value.
Result<void> check_usable(const Credentials& found, const send::CredentialNames& names) {
  for (const auto& field : fields_of(names)) {
    const auto problem = field.problem((found.*field.member).reveal());
    if (!problem.empty()) return usage(fmt::format("{}: {}", field.variable.name, problem));
  }
  return {};
}

Result<pid_t> spawn(const std::vector<std::string>& words, int out_fd) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const auto& word : words)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  for (const int s : {SIGPIPE, SIGHUP, SIGINT, SIGTERM})
    ::sigaddset(&defaults, s);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);

  pid_t pid = 0;
  const int failed =
      ::posix_spawnp(&pid, words[0].c_str(), &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return usage(fmt::format("{}: {}: name a program that prints NAME=value lines",
                             util::printable(words[0]), std::generic_category().message(failed)));
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// Waits for the process. Returns: its wait status, or nothing if it has not ended by the deadline.
std::optional<int> wait_until(pid_t pid, std::chrono::steady_clock::time_point deadline) {
  constexpr auto look_every = std::chrono::milliseconds(10);
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) != pid) {
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(look_every);
  }
  return status;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return {};
    return std::string(value);
  };
}

Result<Credentials> find_credentials(const CredentialSources& sources,
                                     const Environment& environment) {
  auto found = from_file_or_command(sources);
  if (!found) return found;
  Credentials environmental;
  for (const auto& field : fields_of(sources.names)) {
    for (const auto name : {field.variable.name, field.variable.old_name}) {
      if (name.empty()) continue;
      auto value = environment(std::string(name));
      if (!value || value->empty()) continue;
      const auto taken =
          take(sources.names, environmental, name, util::Secret(*value), "environment");
      util::wipe(*value);
      if (!taken) return taken.error();
    }
    auto& place = *found.*field.member;
    if (place.empty()) place = environmental.*field.member;
  }
  return found;
}

Result<void> check_complete(const Credentials& found, const send::CredentialNames& names) {
  std::string missing;
  for (const auto& field : fields_of(names)) {
    if (!(found.*field.member).empty()) continue;
    missing += missing.empty() ? "" : ", ";
    missing += field.variable.name;
  }
  if (!missing.empty()) {
    return usage(
        fmt::format("credentials: {} not set: set {} in the environment, or use "
                    "--credentials FILE or --credentials-command CMD",
                    missing, missing.find(',') == std::string::npos ? "it" : "them"));
  }
  return check_usable(found, names);
}

Result<Credentials> load_credentials(const CredentialSources& sources,
                                     const Environment& environment) {
  auto found = find_credentials(sources, environment);
  if (!found) return found;
  if (auto complete = check_complete(*found, sources.names); !complete) return complete.error();
  return found;
}

Result<std::vector<std::string>> split_words(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const bool escapes = c == '\\' && quote != '\'';
    if (escapes) {
      if (i + 1 == command.size()) return usage("ends in a backslash: write \\\\ to mean one");
      const char next = command[++i];
      if (quote == '"' && next != '"' && next != '\\') word += c;
      word += next;
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return usage("a quote is opened and never closed: close it");
  if (in_word) words.push_back(word);
  if (words.empty() || words[0].empty())
    return usage("names no program: write for example \"pass show tokens/idmerge\"");
  return words;
}

Result<std::string> output_of(const std::vector<std::string>& words,
                              std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto subject = util::printable(words[0]);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return util::system_error(subject, errno);
  Descriptor out(ends[0]);
  Descriptor in(ends[1]);
  const auto pid = spawn(words, in.fd);
  in.reset();
  if (!pid) return pid.error();

  const auto deadline = Clock::now() + timeout;
  std::string text;
  text.reserve(output_bytes_max + 1);
  const Error late{Errc::outage,
                   fmt::format("{}: still running after {}: run it by hand to see why", subject,
                               util::duration_text(timeout))};
  std::optional<Error> failed;
  while (!failed) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      failed = late;
      break;
    }
    pollfd ready{out.fd, POLLIN, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (n <= 0) continue;
    std::array<char, 4096> piece{};
    const auto got = ::read(out.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > output_bytes_max) {
      failed = Error{Errc::usage, fmt::format("{}: prints more than {}: it should print "
                                              "NAME=value lines",
                                              subject, util::size_text(output_bytes_max))};
    }
  }
  // The command may close its output and continue to run.
  const auto ended = failed ? std::nullopt : wait_until(*pid, deadline);
  if (!failed && !ended) failed = late;
  if (failed) ::kill(-*pid, SIGKILL);
  const int status = ended ? *ended : wait_for(*pid);
  if (!failed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
    const auto how = WIFEXITED(status) ? fmt::format("exit {}", WEXITSTATUS(status))
                                       : fmt::format("signal {}", WTERMSIG(status));
    failed = Error{Errc::outage,
                   fmt::format("{}: ended with {}: run it by hand to see why", subject, how)};
  }
  if (failed) {
    util::wipe(text);
    return *failed;
  }
  return text;
}

}  // namespace idmerge::cli
