// SPDX-License-Identifier: MIT
#include "cli/app.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <exception>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/config.hpp"
#include "cli/explain.hpp"
#include "cli/plan_command.hpp"
#include "cli/raw_options.hpp"
#include "cli/report_text.hpp"
#include "cli/settings.hpp"
#include "cli/show.hpp"
#include "cli/status.hpp"
#include "plan/job_paths.hpp"
#include "plan/progress_fan_out.hpp"
#include "send/local_time.hpp"
#include "send/rate_control.hpp"
#include "util/exceptions.hpp"
#include "util/version.hpp"

namespace idmerge::cli {
namespace {

bool is_on(When when, int fd) {
  if (when == When::automatic) return ::isatty(fd) == 1;
  return when == When::always;
}

std::vector<std::string> variable_names() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

ReadFile config_reader(io::Files& files) {
  return [&files](const std::string& path) -> Result<std::string> {
    auto text = files.read_all(path, 1U << 20U);
    if (text) return text;
    // The caller adds the path.
    auto what = text.error().what;
    if (what.starts_with(path + ": ")) what.erase(0, path.size() + 2);
    return Error{Errc::usage, std::move(what)};
  };
}

/// Returns the value of an option before the options are parsed: from the flag, or else from the
/// variable.
std::string early_value(std::string_view flag, const std::string& variable,
                        const std::vector<std::string>& arguments, const Environment& environment) {
  auto value = environment(variable).value_or("");
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string_view word = arguments[i];
    if (word == flag && i + 1 < arguments.size()) value = arguments[i + 1];
    if (word.starts_with(flag) && word.substr(flag.size()).starts_with('=')) {
      value = word.substr(flag.size() + 1);
    }
  }
  return value;
}

/// The log options until the options are parsed.
util::LogOptions early_log_options(const std::vector<std::string>& arguments,
                                   const Environment& environment) {
  util::LogOptions options;
  const auto format = early_value("--log-format", "IDMERGE_LOG_FORMAT", arguments, environment);
  if (format == "json") options.format = util::LogFormat::json;
  return options;
}

/// The log options if the options cannot be parsed: from flag or variable, or else from the
/// configuration file. The file is read again only here, because a pipe can be read only once.
util::LogOptions log_options_of_failure(const std::vector<std::string>& arguments,
                                        const Environment& environment, const ReadFile& read_file) {
  auto options = early_log_options(arguments, environment);
  const auto config = early_value("--config", "IDMERGE_CONFIG", arguments, environment);
  if (config.empty() ||
      !early_value("--log-format", "IDMERGE_LOG_FORMAT", arguments, environment).empty()) {
    return options;
  }
  const auto text = read_file(config);
  if (!text) return options;
  const auto lines = parse_config(*text);
  if (!lines) return options;
  for (const auto& line : *lines) {
    const bool is_json = line.values == std::vector<std::string>{"json"};
    if (line.key == "log-format" && is_json) options.format = util::LogFormat::json;
  }
  return options;
}

/// Returns whether the same command may succeed later, once the circumstances have changed.
bool passes(const Error& error) {
  if (error.code == Errc::outage || error.code == Errc::locked || error.code == Errc::interrupted) {
    return true;
  }
  // A guard against incomplete inputs: the export may be complete by then.
  const auto* const option = find_option(error.subject);
  return error.code == Errc::input && option != nullptr && option->has(role::guard);
}

/// Prevents core files, because a crash must not leave the secrets of a run in one. To get a core
/// file, remove this from the source and use test credentials.
///
/// The limit alone has no effect if cores go to a program (core_pattern). Clearing the dumpable
/// attribute covers that case, and also denies other processes of the user access to the memory.
void forbid_core_files() {
  ::prctl(PR_SET_DUMPABLE, 0);
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  ::setrlimit(RLIMIT_CORE, &limit);
}

constexpr std::size_t explain_bytes_max = 64U << 20U;

/// Errors: usage if there are more than `bytes_max` bytes.
Result<std::string> read_stdin(std::size_t bytes_max) {
  std::string text;
  std::array<char, 1U << 16U> piece{};
  for (;;) {
    const auto count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return util::system_error("stdin", errno);
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > bytes_max) {
      return Error{Errc::usage, fmt::format("-: stdin has more than {}: ask in several calls",
                                            util::size_text(bytes_max))};
    }
  }
}

class App {
 public:
  explicit App(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  int run() {
    const auto environment = process_environment();
    log_ = early_log_options(arguments_, environment);
    const auto typed = parse_raw_options(command_table(), option_table(), arguments_, environment,
                                         config_reader(files_));
    if (typed && typed->version) return print(fmt::format("idmerge {}\n", util::version()));
    if (typed && typed->help) return print(help(*typed));
    auto settings = typed ? parse_settings(*typed) : Result<Settings>(typed.error());
    log_ = settings ? settings->output.log
                    : log_options_of_failure(arguments_, environment, config_reader(files_));
    // Done even if parsing has failed, because an ignored variable may be the cause.
    const auto guard_lost = name_unknown_variables();
    if (!settings) return fail(settings.error());
    if (guard_lost && has_guards(settings->command)) return fail(*guard_lost);
    return execute(*settings);
  }

 private:
  /// Returns whether guards apply to this command.
  static bool has_guards(Command command) {
    return command == Command::plan || command == Command::run;
  }

  /// Warns of variables that set nothing. Returns: an error for the first one that was probably
  /// meant to be a guard.
  std::optional<Error> name_unknown_variables() const {
    std::optional<Error> guard_lost;
    for (const auto& variable : unknown_variables(variable_names(), option_table())) {
      util::Log(immediate_log_options())
          .warning(fmt::format("{}: {}", util::printable(variable.name), variable.what));
      if (!variable.is_guard || guard_lost) continue;
      guard_lost = Error{
          Errc::usage,
          fmt::format(
              "{}: unknown variable, probably a misspelt guard: correct its name, or unset it",
              util::printable(variable.name))};
    }
    return guard_lost;
  }

  /// The log options of commands other than plan and run, which need not defer messages until the
  /// exit code is known.
  util::LogOptions immediate_log_options() const {
    auto options = log_;
    options.deferred = false;
    return options;
  }

  static std::string help(const RawOptions& typed) {
    for (const auto& command : command_table()) {
      if (typed.command == command.command) {
        return help_text(command, option_table(), option_groups());
      }
    }
    if (typed.help_all) return help_all_text(command_table(), option_table(), option_groups());
    return help_text(command_table());
  }

  int print(std::string_view text) const {
    ::signal(SIGPIPE, SIG_IGN);  // `| head` ends the output, not the program
    const auto printed = to_reader()(text);
    return printed ? 0 : fail(printed.error());
  }

  int fail(const Error& error) const {
    util::Log(immediate_log_options()).error(error.what);
    return util::exit_code(error.code);
  }

  int execute(Settings& settings) {
    switch (settings.command) {
      case Command::plan:
      case Command::run:
        return dispatch(settings);
      case Command::show:
        return show_job(settings);
      case Command::status:
        return show_status(settings);
      case Command::explain:
        return explain_job(settings);
      case Command::rate:
        return change_rate(settings);
      case Command::emulator:
        return emulate(settings);
      case Command::count:
        break;
    }
    return 1;
  }

  int dispatch(Settings& settings) {
    forbid_core_files();
    Signals signals;
    StatusLine line(util::Log::to_stderr(), terminal_width);
    util::Log log(settings.output.log, line.above());
    const bool draws = is_on(settings.output.progress, STDERR_FILENO) && !settings.output.quiet;
    ProgressListener progress({.line = draws, .stats = settings.output.stats}, log, line,
                              [&] { return signals.take_status_request(); });
    plan::ProgressFanOut listeners{&progress};
    const util::IdMask mask(is_on(settings.output.show_ids, STDERR_FILENO));
    settings.plan.row_reader.mask = mask;
    settings.send.mask = mask;
    CommandContext context{.files = files_,
                           .log = log,
                           .progress = progress,
                           .listeners = listeners,
                           .signals = signals,
                           .environment = process_environment(),
                           .ask = ask_on_terminal([&] { return signals.stop().asked() > 0; }),
                           .output = to_stdout(),
                           .mask = mask,
                           .arguments = arguments_};
    const auto ended =
        settings.command == Command::plan ? do_plan(settings, context) : do_run(settings, context);
    progress.end();
    if (!ended) {
      log.error(ended.error().what);
      if (passes(ended.error())) log.info("go on: " + command_line(arguments_));
    }
    const int code = ended ? *ended : exit_code_of(ended.error(), signals.stop().signal_number());
    if (code == 0 && settings.output.quiet) log.discard();
    log.release();
    return code;
  }

  int show_job(const Settings& settings) {
    const util::IdMask mask(is_on(settings.output.show_ids, STDOUT_FILENO));
    ::signal(SIGPIPE, SIG_IGN);  // `| head` ends the output, not the program
    const auto besides = show(files_, settings, mask, to_reader());
    if (!besides) return fail(besides.error());
    if (!besides->empty()) util::Log(settings.output.log).warning(*besides);
    return 0;
  }

  int explain_job(const Settings& settings) {
    ::signal(SIGPIPE, SIG_IGN);
    std::string input;
    if (std::find(settings.explain.begin(), settings.explain.end(), "-") !=
        settings.explain.end()) {
      auto text = read_stdin(explain_bytes_max);
      if (!text) return fail(text.error());
      input = std::move(*text);
    }
    const auto ids = asked_ids(settings.explain, input);
    if (!ids) return fail(ids.error());
    const util::IdMask mask(is_on(settings.output.show_ids, STDOUT_FILENO));
    const auto explained = explain_ids(files_, settings, *ids, mask, to_reader());
    return explained ? 0 : fail(explained.error());
  }

  int show_status(const Settings& settings) {
    const auto text = status_text(files_, settings.job);
    return text ? print(*text) : fail(text.error());
  }

  int change_rate(const Settings& settings) {
    const auto view = view_job(files_, settings.job);
    if (!view) return fail(view.error());
    if (view->finished()) {
      return fail({Errc::usage, fmt::format("{}: is finished: there is nothing to send",
                                            util::printable(settings.job))});
    }
    const auto said =
        send::request_rate(files_, plan::JobPaths{settings.job}.run(), settings.request_rate);
    if (!said) return fail({said.error().code, fmt::format("RATE: {}", said.error().what)});
    auto text = fmt::format("{}: {} from now on, until it is run with another --rate\n",
                            util::printable(settings.job), settings.request_rate);
    if (const auto table = send::RateSchedule::parse(settings.request_rate);
        table && table->next_change({})) {
      const auto zone = send::local_zone();
      if (!zone.problem.empty()) util::Log({}).warning(zone.problem);
      text += send::local_time_text(std::time(nullptr), zone) + "\n";
    }
    return print(text);
  }

  int emulate(const Settings& settings) const {
    const auto ended = emulator::run_emulator(settings.emulator, stdout);
    return ended ? 0 : fail(ended.error());
  }

  io::RealFiles files_;
  const std::vector<std::string>& arguments_;
  util::LogOptions log_;
};

}  // namespace

int run_app(const std::vector<std::string>& arguments) {
  try {
    return App(arguments).run();
  } catch (const std::exception& e) {
    const auto error = util::thrown(e);
    const auto said = util::caught([&]() -> Result<void> {
      util::Log({}).error(error.what);
      return {};
    });
    if (!said) util::Log::to_stderr()("idmerge: out of memory\n");
    return util::exit_code(error.code);
  }
}

}  // namespace idmerge::cli
