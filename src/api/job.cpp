// SPDX-License-Identifier: MIT
#include "idmerge/job.hpp"

#include <algorithm>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/job_summary.hpp"
#include "cli/plan_command.hpp"
#include "cli/raw_options.hpp"
#include "cli/settings.hpp"
#include "io/files.hpp"
#include "plan/progress_fan_out.hpp"
#include "util/exceptions.hpp"
#include "util/log.hpp"

#include "api/access.hpp"

namespace idmerge::api {
namespace {

constexpr std::uint64_t config_bytes_max = 1U << 20U;

Error public_error(const util::Error& error) {
  return {static_cast<ErrorCode>(util::exit_code(error.code)), util::printable(error.what),
          error.subject};
}

util::Error usage(std::string option, std::string_view what) {
  return {util::Errc::usage, fmt::format("--{}: {}", util::printable(option), what),
          std::move(option)};
}

/// Passes the reports of a command on, one at a time.
class Relay final : public plan::Progress {
 public:
  explicit Relay(Listener& listener) : listener_(listener) {}

  void planning(const plan::PlanningNow& now) override {
    const std::lock_guard lock(mutex_);
    listener_.planning({now.rows, now.links, now.bytes_read, now.bytes_total});
  }

  void sending(const plan::SendingNow& now) override {
    const std::lock_guard lock(mutex_);
    listener_.sending({now.to_send, now.delivered, now.refused, now.rate_per_s, now.paused_for});
  }

  void request_ended(const plan::RequestEnded& request) override {
    const std::lock_guard lock(mutex_);
    listener_.request({request.status, request.links, request.latency, request.request_bytes,
                       request.answer_body_bytes});
  }

  void message(Severity severity, std::string_view text) {
    const std::lock_guard lock(mutex_);
    listener_.message(severity, text);
  }

 private:
  Listener& listener_;
  std::mutex mutex_;
};

/// The log of a command, as messages of its listener.
class RelayLog final : public util::Log {
 public:
  RelayLog(const util::LogOptions& options, Relay& relay) : Log(options), relay_(relay) {}

  void say(util::Level level, std::string_view message) override {
    if (level == util::Level::error) error_ = util::printable(message);
    if (level < options().level) return;
    for (bool more = true; more;) {
      const auto end = message.find('\n');
      relay_.message(severity(level), util::printable(message.substr(0, end)));
      more = end != std::string_view::npos;
      if (more) message.remove_prefix(end + 1);
    }
  }

  /// The caller gets the account as JobView.
  void report(std::string_view, std::string_view, std::string_view) override {}

  const std::string& last_error() const { return error_; }

 private:
  static Severity severity(util::Level level) {
    switch (level) {
      case util::Level::debug:
        return Severity::debug;
      case util::Level::info:
        return Severity::info;
      case util::Level::warning:
        return Severity::warning;
      case util::Level::error:
        break;
    }
    return Severity::error;
  }

  Relay& relay_;
  std::string error_;
};

class Stop final : public cli::StopSource {
 public:
  explicit Stop(const send::StopRequest& request) : request_(request) {}
  const send::StopRequest& stop() const override { return request_; }

 private:
  const send::StopRequest& request_;
};

/// Returns: the option of that name. Errors: usage if there is none, or if it is not for options.
util::Result<const cli::OptionEntry*> option_of(const std::string& name) {
  const auto* const entry = cli::find_option(name);
  if (entry == nullptr) return usage(name, "unknown option: see src/OPTIONS.md");
  if (entry->has(cli::role::consent)) return usage(name, "consent is an argument of run()");
  return entry;
}

/// Returns: what would be typed for these options. Those of sending are left out of a plan.
util::Result<std::vector<std::string>> arguments_of(cli::Command command, const Options& options,
                                                    const Consent* consent) {
  std::vector<std::string> arguments{command == cli::Command::plan ? "plan" : "run"};
  const auto& values = Access::values(options);
  for (auto at = values.begin(); at != values.end(); ++at) {
    const auto& [name, value] = *at;
    const auto entry = option_of(name);
    if (!entry) return entry.error();
    if (name == "summary" && value == "-")
      return usage(name, "a library does not write to stdout: name a file");
    const bool replaced = !(*entry)->repeatable &&
                          std::any_of(at + 1, values.end(),
                                      [&](const auto& later) { return later.first == at->first; });
    if (!replaced && ((*entry)->commands & cli::only(command)) != 0)
      arguments.push_back(fmt::format("--{}={}", name, value));
  }
  for (const auto& name : Access::switches(options)) {
    const auto entry = option_of(name);
    if (!entry) return entry.error();
    if (((*entry)->commands & cli::only(command)) != 0) arguments.push_back("--" + name);
  }
  if (consent != nullptr) {
    const auto& id = Access::plan_id(*consent);
    arguments.push_back(id.empty() ? "--yes" : "--approve=" + id);
  }
  arguments.emplace_back("--");
  const auto& inputs = Access::inputs(options);
  arguments.insert(arguments.end(), inputs.begin(), inputs.end());
  return arguments;
}

/// Returns: the credentials under the names of all services; nothing else is set.
cli::Environment environment_of(const Options& options) {
  const Credentials* const credentials = Access::credentials(options);
  return [credentials](const std::string& name) -> std::optional<std::string> {
    if (credentials == nullptr) return {};
    const auto& secrets = Access::secrets(*credentials);
    for (const auto* service : send::services()) {
      const auto& names = service->credentials;
      if (name == names.token.name) return std::string(secrets.token.reveal());
      if (name == names.username.name) return std::string(secrets.username.reveal());
      if (name == names.secret.name) return std::string(secrets.secret.reveal());
    }
    return {};
  };
}

JobView public_view(const cli::JobSummary& view) {
  const auto tally = cli::tally_of(view);
  return {.directory = view.job,
          .plan_id = view.plan.id(),
          .account = {tally.read, tally.delivered, tally.duplicate, tally.skipped, tally.rejected,
                      tally.held, tally.refused, tally.pending},
          .to_send = view.to_send(),
          .delivered = view.delivered(),
          .refused = view.refused(),
          .finished = view.finished()};
}

util::Result<Ended> call(const std::vector<std::string>& arguments, const Options& options,
                         Listener& listener, const send::StopRequest& stop) {
  io::RealFiles files;
  const auto environment = environment_of(options);
  const auto typed = cli::parse_raw_options(
      cli::command_table(), cli::option_table(), arguments,
      [](const std::string&) { return std::optional<std::string>(); },
      [&](const std::string& path) { return files.read_all(path, config_bytes_max); });
  if (!typed) return typed.error();
  auto settings = cli::parse_settings(*typed);
  if (!settings) return settings.error();
  const util::IdMask mask(settings->output.show_ids == cli::When::always);
  settings->plan.row_reader.mask = mask;
  settings->send.mask = mask;

  Relay relay(listener);
  RelayLog log({.level = settings->output.log.level}, relay);
  cli::StatusLine line([](std::string_view) {}, [] { return std::size_t{80}; });
  cli::ProgressListener notes({.line = false, .stats = {}}, log, line, [] { return false; });
  plan::ProgressFanOut listeners{&notes, &relay};
  Stop source(stop);
  cli::CommandContext context{.files = files,
                              .log = log,
                              .progress = notes,
                              .listeners = listeners,
                              .signals = source,
                              .environment = environment,
                              .ask = [](std::string_view) { return std::optional<std::string>(); },
                              .output = [](std::string_view) { return true; },
                              .mask = mask,
                              .arguments = arguments};
  const auto code = settings->command == cli::Command::plan ? cli::do_plan(*settings, context)
                                                            : cli::do_run(*settings, context);
  if (!code) return code.error();
  const auto view = settings->rehearse ? cli::view_rehearsal(files, settings->job)
                                       : cli::view_job(files, settings->job);
  if (!view) return view.error();
  return Ended{*code, *code == 0 || *code == 3 ? std::string() : log.last_error(),
               public_view(*view)};
}

Result<Ended> call(cli::Command command, const Options& options, const Consent* consent,
                   Listener& listener, const send::StopRequest& stop) {
  const auto ended = util::caught([&]() -> util::Result<Ended> {
    const auto arguments = arguments_of(command, options, consent);
    if (!arguments) return arguments.error();
    return call(*arguments, options, listener, stop);
  });
  if (!ended) return public_error(ended.error());
  return *ended;
}

}  // namespace

StopRequest::StopRequest() : state_(std::make_unique<State>()) {}

StopRequest::~StopRequest() = default;

void StopRequest::ask() noexcept {
  state_->request.ask(SIGINT);
}

Result<Ended> plan(const Options& options, Listener& listener) {
  const send::StopRequest never;
  return call(cli::Command::plan, options, nullptr, listener, never);
}

Result<Ended> run(const Options& options, const Consent& consent, Listener& listener,
                  const StopRequest* stop) {
  const send::StopRequest never;
  return call(cli::Command::run, options, &consent, listener,
              stop != nullptr ? Access::request(*stop) : never);
}

Result<JobView> read_job(const std::string& directory) {
  const auto view = util::caught([&]() -> util::Result<JobView> {
    io::RealFiles files;
    const auto read = cli::view_job(files, directory);
    if (!read) return read.error();
    return public_view(*read);
  });
  if (!view) return public_error(view.error());
  return *view;
}

}  // namespace idmerge::api
