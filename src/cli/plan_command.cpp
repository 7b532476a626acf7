// SPDX-License-Identifier: MIT
#include "cli/plan_command.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "cli/canary_samples.hpp"
#include "cli/emulator_probe.hpp"
#include "cli/report_page.hpp"
#include "cli/summary_file.hpp"
#include "emulator/server.hpp"
#include "plan/job_paths.hpp"
#include "plan/planner.hpp"
#include "send/open_run.hpp"
#include "send/sender.hpp"

namespace idmerge::cli {
namespace {

namespace fs = std::filesystem;

Error usage(std::string what) {
  return {Errc::usage, std::move(what)};
}

bool has_glob(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

/// Returns the first of `pairs.csv.2.idmerge`, `.3`, ... that does not exist.
std::string other_job(const std::string& job) {
  constexpr std::string_view suffix = ".idmerge";
  const auto stem = job.ends_with(suffix) ? job.substr(0, job.size() - suffix.size()) : job;
  for (int n = 2;; ++n) {
    auto name = fmt::format("{}.{}{}", stem, n, suffix);
    std::error_code failed;
    if (!fs::exists(name, failed)) return name;
  }
}

using OptionTexts = std::vector<std::pair<std::string_view, std::string>>;

/// Returns the command line as typed, but for another job and with other values of some options.
/// --yes is left out, because consent was not given to this command.
std::string same_command_for(const CommandContext& context, const std::string& job,
                             const OptionTexts& others = {}) {
  std::vector<std::string> words;
  std::vector<std::string> more{"--job", job};
  for (const auto& [option, value] : others) {
    more.push_back(fmt::format("--{}", option));
    more.push_back(value);
  }
  const auto is_other = [&](std::string_view name) {
    return std::any_of(others.begin(), others.end(),
                       [&](const auto& other) { return other.first == name; });
  };
  for (std::size_t i = 0; i < context.arguments.size(); ++i) {
    const std::string_view word = context.arguments[i];
    const auto end = std::min(word.find('='), word.size());
    const auto name = word.starts_with("--") ? word.substr(2, end - 2) : std::string_view();
    if (word == "--") {  // options come before it
      more.insert(more.end(), context.arguments.begin() + static_cast<std::ptrdiff_t>(i),
                  context.arguments.end());
      break;
    }
    if (name == "yes") continue;
    if (name.empty() || (name != "job" && name != "approve" && !is_other(name))) {
      words.emplace_back(word);
    } else if (end == word.size()) {
      ++i;  // its value
    }
  }
  words.insert(words.end(), more.begin(), more.end());
  return command_line(words);
}

bool is_typed(const Settings& settings, std::string_view name) {
  return std::any_of(settings.typed.begin(), settings.typed.end(),
                     [&](const auto& option) { return option.entry->name == name; });
}

/// Returns the options that the plan was made with, except defaults. The plan does not record the
/// file names of --deny-file and --decisions. Fields that this call sets are left out.
OptionTexts planned_options(const Settings& settings, const util::KeyValues& plan) {
  OptionTexts options;
  for (const OptionEntry& entry : option_table()) {
    if (!is_plan_option(entry)) continue;
    if (entry.kind == Kind::column && is_typed(settings, entry.name)) continue;
    for (auto& text : planned_texts(entry, plan))
      options.emplace_back(entry.name, std::move(text));
  }
  return options;
}

/// Returns those of them that name a field.
OptionTexts planned_fields(const Settings& settings, const util::KeyValues& plan) {
  auto options = planned_options(settings, plan);
  std::erase_if(options,
                [](const auto& option) { return find_option(option.first)->kind != Kind::column; });
  return options;
}

/// Logs both ways to continue if the job has a different plan.
Error another_plan(const Settings& settings, CommandContext& context, const Error& why,
                   const JobSummary& view) {
  context.log.info(
      (view.finished() ? "see the old plan, which is finished: " : "finish the old plan: ") +
      (view.run ? next_command(settings) : first_command(settings)));
  context.log.info("or start a new job: " +
                   same_command_for(context, other_job(settings.job),
                                    planned_fields(settings, view.plan.options)));
  return {why.code,
          fmt::format("{}: {}: the job has another plan: choose one of the two commands above",
                      util::printable(settings.job), why.what)};
}

/// Checks the state of the job before any work. Returns: its view, if it has a plan.
Result<std::optional<JobSummary>> existing_plan(const Settings& settings, CommandContext& context) {
  const auto there = context.files.stat(settings.job);
  if (!there) return there.error();
  if (!*there) return std::optional<JobSummary>();
  const auto paths = plan::open_job(context.files, settings.job);
  if (!paths) return paths.error();
  const auto plan = context.files.stat(paths->plan());
  if (!plan) return plan.error();
  const auto begun = context.files.stat(paths->run().checkpoint());
  if (!begun) return begun.error();
  if (!*plan && !*begun) return std::optional<JobSummary>();
  if (!*plan) {
    // A new plan would have a different secret, so the links already sent could not be recognized
    // in it.
    return Error{Errc::input,
                 fmt::format("{}: is missing, though its run has begun: restore it, or start a new "
                             "job with another --job, which sends all links again",
                             util::printable(paths->plan()))};
  }
  auto view = view_job(context.files, settings.job);
  if (!view) return view.error();
  // Empty directories may be missing in a copy of the job.
  const auto has_run = context.files.stat(paths->run().dir);
  if (!has_run) return has_run.error();
  if (!*has_run) {
    if (const auto made = plan::make_job(context.files, settings.job); !made) return made.error();
  }
  return std::optional(std::move(*view));
}

void report_summary(const JobSummary& view, const Settings& settings, CommandContext& context) {
  context.log.report("census",
                     plan_summary_text(view, context.mask, settings.send.rate,
                                       settings.send.service_api.batch_links_max),
                     plan_summary_json(view, context.mask));
}

void report_account(const JobSummary& view, CommandContext& context) {
  context.log.report("account", account_text(view), account_json(tally_of(view)));
}

/// Returns how the last call that sent links ended, from its summary. If it was killed before it
/// could write one, returns how it would have ended.
CommandResult last_result(const JobSummary& view, const plan::JobPaths& place,
                          const Settings& settings, CommandContext& context) {
  if (auto result = recorded_result(context.files, place.summary())) return std::move(*result);
  CommandResult result;
  result.exit_code = exit_code_of(view, settings.output.fail_on);
  if (view.pending() > 0) result.next = next_command(settings);
  return result;
}

enum class Sent : std::uint8_t { no, yes };

/// Writes summary.json and report.html to `place`, and the summary also to --summary. In the job, a
/// call that sent nothing keeps the result of the last call that sent links; its own result is
/// written to --summary only. `files` is null if the job's directory is no longer ours; then
/// nothing is written to it.
Result<void> write_reports(const JobSummary& view, const CommandResult& result, io::Files* files,
                           const plan::JobPaths& place, const Settings& settings,
                           CommandContext& context, Sent sent) {
  if (files != nullptr) {
    const bool keeps = sent == Sent::no && view.run && !result.rehearsal;
    const auto kept = keeps ? last_result(view, place, settings, context) : result;
    const auto kept_text = summary_json(view, kept, context.mask);
    if (auto written = files->replace(place.summary(), kept_text); !written) return written;
    const auto page = report_page(view, kept, context.mask);
    if (auto written = files->replace(place.report(), page); !written) return written;
  }
  if (settings.output.summary.empty()) return {};
  const auto text = summary_json(view, result, context.mask);
  if (settings.output.summary == "-") {
    const auto written = context.output(text);
    return written ? Result<void>() : written.error();
  }
  return write_summary_file(context.files, settings.output.summary, text);
}

Result<JobSummary> plan_now(const Settings& settings, CommandContext& context) {
  context.signals.end_at_once(true);
  const auto made = plan::make_plan(settings.plan, settings.job, context.files, context.listeners);
  context.signals.end_at_once(false);
  context.progress.end();
  if (!made) return made.error();
  return view_job(context.files, settings.job);
}

/// Reads the files named by planning options.
Result<void> read_rule_files(Settings& settings, CommandContext& context) {
  if (!settings.deny_file.empty()) {
    auto deny = plan::read_deny_file(context.files, settings.deny_file);
    if (!deny) return deny.error();
    if (deny->list->size() == 0) {
      context.log.warning(
          fmt::format("--deny-file: {}: has no line that denies an id: is it complete?",
                      util::printable(settings.deny_file)));
    }
    settings.plan.validate.deny = std::move(deny->list);
    settings.plan.deny_digest = std::move(deny->digest);
  }
  if (!settings.decisions_file.empty()) {
    auto decisions = plan::read_decision_file(context.files, settings.decisions_file);
    if (!decisions) return decisions.error();
    settings.plan.decisions = std::move(*decisions);
  }
  return {};
}

/// Returns whether the named inputs can be read again. Stdin and FIFOs cannot: opening a FIFO again
/// would wait for another writer.
bool is_readable_again(const Settings& settings) {
  const auto& inputs = settings.plan.row_reader.inputs;
  const auto is_read_once = [](const std::string& input) {
    std::error_code failed;
    return input == "-" || fs::is_fifo(input, failed);
  };
  return !inputs.empty() && std::none_of(inputs.begin(), inputs.end(), is_read_once);
}

/// Returns the next command after a stop by a guard, if there is one: the corrected command if it
/// is certain, otherwise one that shows what the guard counted. `job` is the directory in which the
/// inputs may be planned again.
std::string corrected_command(std::string_view guard, const std::string& job,
                              const Settings& settings, const CommandContext& context,
                              const JobSummary& view) {
  if (guard == "max-held") {
    return command_line({"show", "--job", settings.job, "--held", "--format", "csv"});
  }
  if (guard == "max-rejected" && view.plan_summary.rejected() > 0) {
    return command_line({"show", "--job", settings.job, "--rejected", "--format", "csv"});
  }
  if (guard == "max-user-share") {
    return command_line({"show", "--job", settings.job, "--show-ids", "always"});
  }
  if (guard != "max-uuid-lead") return command_line({"show", "--job", settings.job});
  if (!is_readable_again(settings)) return {};
  const auto row_reader = input::RowReader::open(settings.plan.row_reader);
  if (!row_reader || row_reader->files().empty()) return {};
  const auto& [anon, user] = row_reader->files().front().side_names;
  if (anon.empty() || user.empty()) return {};
  return same_command_for(context, job, {{"anon-field", user}, {"user-field", anon}});
}

/// Logs the command to run after the user has acted on the output of the `go on:` command.
void log_command_after_fix(std::string_view guard, const std::string& job, const Settings& settings,
                           const CommandContext& context) {
  if (!is_readable_again(settings)) return;
  if (guard == "max-held") {
    context.log.info("once they are decided: " +
                     same_command_for(context, job, {{"decisions", "FILE"}}));
  }
  if (guard == "max-rejected" || guard == "max-decimals") {
    context.log.info("once the input is fixed: " + same_command_for(context, job));
  }
}

/// Returns whether an option is to be left out: `left_out` itself, or other consent than it.
bool is_left_out(const OptionEntry& entry, std::string_view left_out) {
  const auto* const other = find_option(left_out);
  return entry.name == left_out ||
         (other != nullptr && other->has(role::consent) && entry.has(role::consent));
}

/// Returns `run` of the job with those typed flags for which `kept` returns true.
template <class Kept>
std::string command_with(const Settings& settings, Kept kept) {
  std::vector<std::string> words{"run", "--job", settings.job};
  for (const auto& option : settings.typed) {
    const auto& entry = *option.entry;
    if (option.origin != Origin::flag || !kept(entry)) continue;
    words.push_back("--" + std::string(entry.name));
    if (!entry.is_switch()) words.push_back(option.text);
  }
  return command_line(words);
}

// --- run ---------------------------------------------------------------------------------------

/// One call of `run`.
class Run {
 public:
  Run(Settings& settings, CommandContext& context) : settings_(settings), context_(context) {}

  Result<int> go() {
    if (auto found = find_job(); !found) return found.error();
    if (auto same = check_project(); !same) return same.error();
    if (is_over()) return nothing_to_do();
    if (auto ready = prepare(); !ready) return ready.error();
    if (auto found = find_last_job(); !found) return found.error();
    if (auto planned = plan_if_needed(); !planned) return planned.error();
    if (resumes()) {
      report_progress();
    } else {
      report_summary(*view_, settings_, context_);
      const auto guarded = check_guards(settings_, *view_, last_);
      if (!guarded) return stop_at_guard(guarded.error());
    }
    if (settings_.dry_run) return end_of_dry_run();
    if (auto agreed = ask_consent(); !agreed) {
      // Nobody could be asked, or another plan was approved: the same command would stop again.
      const bool unasked = agreed.error().code == Errc::usage && !settings_.rehearse;
      const bool other = !settings_.approve.empty() && settings_.approve != view_->plan.id();
      if (!unasked && !other) return stop_before_sending(agreed.error());
      return stop_before_sending(agreed.error(), "approve", view_->plan.id());
    }
    return send();
  }

 private:
  bool has_begun() const { return view_ && view_->run.has_value(); }
  bool resumes() const { return has_begun() && !settings_.rehearse; }  // its guards were passed
  bool is_over() const { return view_ && view_->finished() && !settings_.rehearse; }

  /// Determines the job and checks that its plan matches this call.
  Result<void> find_job() {
    auto job = job_directory(settings_);
    if (!job) return job.error();
    settings_.job = std::move(*job);
    if (auto allowed = check_summary_place(settings_); !allowed) return allowed;
    if (auto read = read_rule_files(settings_, context_); !read) return read;
    if (auto noted = remember_directory(); !noted) return noted;
    auto view = existing_plan(settings_, context_);
    if (!view) return view.error();
    view_ = std::move(*view);
    const bool has_inputs = !settings_.plan.row_reader.inputs.empty();
    if (!view_) {
      if (has_inputs) return {};
      return usage(fmt::format("--job: {}: has no plan: name the INPUT to plan",
                               util::printable(settings_.job)));
    }
    if (auto right = plan::check_sendable(view_->plan, view_->plan_summary); !right && !is_over()) {
      if (has_inputs) {
        context_.log.info("start a new job: " +
                          same_command_for(context_, other_job(settings_.job)));
      }
      return Error{right.error().code,
                   fmt::format("{}: {}", util::printable(settings_.job), right.error().what)};
    }
    if (has_inputs) {
      if (auto same = plan::match_plan(view_->plan, settings_.plan); !same) {
        return another_plan(settings_, context_, same.error(), *view_);
      }
    } else if (auto same = check_typed_against(settings_, view_->plan.options); !same) {
      return same;
    }
    return remember();
  }

  /// Restores target and pace as recorded by an earlier run, and the settings that the plan fixes.
  Result<void> remember() {
    if (resumes()) {
      given_.project_id = settings_.send.service_api.project_id;
      if (!settings_.to.empty()) given_.target = settings_.send.target;
      if (auto same = check_mode_and_api(); !same) return same;
      if (auto recalled = recall(settings_, recorded_values()); !recalled) return recalled;
    }
    return adopt_plan(settings_, view_->plan.options);
  }

  const util::KeyValues& recorded_values() const { return view_->run->checkpoint.words; }

  /// Flags are compared with the plan elsewhere. Values from environment and file are shared by
  /// many jobs and do not override the plan, but a difference shows that this job belongs to
  /// another project.
  Result<void> check_mode_and_api() const {
    for (const auto& option : settings_.typed) {
      const auto name = option.entry->name;
      if (!option.entry->has(role::project)) continue;
      const auto planned = view_->plan.options.get(plan_keys(*option.entry).front());
      if (option.text == planned) continue;
      return usage(
          fmt::format("{}: --{} is {}, and {} was planned with {}: leave it out, or plan "
                      "a new job",
                      option.where, name, util::printable(option.text),
                      util::printable(settings_.job), util::printable(planned)));
    }
    return {};
  }

  /// Checks that the project named now is the one that the job was begun for. Missing values,
  /// including a missing token, are not compared: a finished job needs no credentials.
  Result<void> check_project() {
    if (!resumes()) return {};
    auto found = find_credentials(settings_.credentials, context_.environment);
    if (!found) return found.error();
    credentials_ = std::move(*found);
    const auto differences = differing_parts(credentials_->token);
    if (differences.empty()) return {};
    context_.log.info("for the other project: " + command_for_other_project());
    return usage(
        fmt::format("{}: the job was begun with {}: leave that out to continue it, or start "
                    "another job for the other project",
                    util::printable(settings_.job), fmt::join(differences, " and ")));
  }

  /// Returns the given ones of target, project and token that differ from those the job was begun
  /// with, as text for people. The checkpoint has one fingerprint of all three, and the first two
  /// also in clear text. With the recorded values of these, the fingerprint can differ only because
  /// of the token.
  std::vector<std::string> differing_parts(const util::Secret& token) const {
    std::vector<std::string> parts;
    Settings then;
    if (!recall(then, recorded_values()) || then.to.empty()) {
      then.send.target = settings_.send.target;
      then.send.service_api.project_id = settings_.send.service_api.project_id;
    }
    auto& service_api = then.send.service_api;
    if (given_.target && !(*given_.target == then.send.target)) {
      parts.push_back(
          fmt::format("target {}, not {}", then.send.target.url(), given_.target->url()));
    }
    const auto& project = given_.project_id;
    if (!project.empty() && project != service_api.project_id) {
      parts.push_back(fmt::format(
          "{}, not {}",
          service_api.project_id.empty() ? "no --project-id" : "project " + service_api.project_id,
          util::printable(project)));
    }
    if (token.empty()) return parts;
    then.send.service = settings_.send.service;
    service_api.mode = settings_.send.service_api.mode;
    service_api.token = token;
    if (send::target_fingerprint(then.send, view_->plan) != view_->run->checkpoint.target) {
      parts.push_back(fmt::format("token {}, not {}",
                                  util::printable(recorded_values().get("token", "…")),
                                  token.masked()));
    }
    return parts;
  }

  /// Returns the command as typed, for a new job. If the call named only the job, the inputs are
  /// taken from its plan, and the text refers to the options of the plan.
  std::string command_for_other_project() const {
    const auto job = other_job(settings_.job);
    if (!settings_.plan.row_reader.inputs.empty()) return same_command_for(context_, job);
    std::vector<std::string> words{"plan"};
    for (const auto& input : view_->plan.inputs)
      words.push_back(input.path);
    words.insert(words.end(), {"--job", job});
    return command_line(words) + ", with the options of the first plan, then run it";
  }

  /// Performs all checks that are possible before a row is read.
  Result<void> prepare() {
    if (settings_.to.empty()) {
      if (settings_.dry_run) return {};
      return usage("--to: is missing, and there is no default: name us, eu, in, emulator or a URL");
    }
    if (settings_.own_emulator()) return start_emulator();
    if (!credentials_) {
      auto found = find_credentials(settings_.credentials, context_.environment);
      if (!found) return found.error();
      credentials_ = std::move(*found);
    }
    if (auto complete = check_complete(*credentials_, settings_.credentials.names); !complete)
      return complete;
    auto& service_api = settings_.send.service_api;
    service_api.token = credentials_->token;
    service_api.username = credentials_->username;
    service_api.secret = credentials_->secret;
    settings_.send.reread = [this]() -> Result<send::ServiceApiOptions> {
      auto again = load_credentials(settings_.credentials, context_.environment);
      if (!again) return again.error();
      auto fresh = settings_.send.service_api;
      fresh.token = std::move(again->token);
      fresh.username = std::move(again->username);
      fresh.secret = std::move(again->secret);
      return fresh;
    };
    const auto& target = settings_.send.target;
    if (auto found = find_proxy(); !found) return found;
    const auto requests =
        settings_.send.service->make(service_api, target.authority(), target.base);
    if (!requests) return requests.error();
    if (target.tls) {
      if (const auto usable = net::TlsContext::make(settings_.send.tls); !usable)
        return usable.error();
    }
    return {};
  }

  /// Determines the proxy from --proxy or the environment, unless the target is exempt.
  Result<void> find_proxy() {
    auto& send = settings_.send;
    std::optional<std::string> variable;
    for (const auto* key : {"HTTPS_PROXY", "https_proxy"}) {
      if (!variable || variable->empty()) variable = context_.environment(key);
    }
    std::optional<std::string> no_proxy;
    for (const auto* key : {"NO_PROXY", "no_proxy"}) {
      if (!no_proxy || no_proxy->empty()) no_proxy = context_.environment(key);
    }
    if (!send.proxy && send.target.tls && variable && !variable->empty()) {
      auto proxy = net::parse_proxy(*variable, true);
      if (!proxy) return usage("HTTPS_PROXY: " + proxy.error().what);
      if (!net::exempt_from_proxy(send.target, no_proxy.value_or("")))
        send.proxy = std::move(*proxy);
    }
    if (send.proxy && net::exempt_from_proxy(send.target, "")) send.proxy.reset();
    return {};
  }

  Result<void> start_emulator() {
    emulator::EmulatorOptions options;
    options.listen = "127.0.0.1:0";
    if (settings_.send.service_api.mode == plan::ProjectMode::simplified) {
      options.service.graph.mode = emulator::IdentityMode::simplified;
    } else if (settings_.send.service_api.mode == plan::ProjectMode::legacy) {
      options.service.graph.mode = emulator::IdentityMode::legacy;
    }
    auto started = emulator::Emulator::start(std::move(options));
    if (!started) return started.error();
    emulator_ = std::move(*started);
    settings_.send.service_failure = [this] { return emulator_->failure(); };
    auto target = net::parse_target(emulator_->url());
    if (!target) return target.error();
    settings_.send.target = std::move(*target);
    auto& service_api = settings_.send.service_api;
    service_api.token = util::Secret("emulator");
    service_api.username = util::Secret("emulator");
    service_api.secret = util::Secret("emulator");
    return {};
  }

  Result<void> find_last_job() {
    if (resumes()) return {};
    const auto planned = view_ ? view_->plan.options : plan::plan_values(settings_.plan);
    auto last = read_previous_job(settings_, planned, context_.files, context_.log);
    if (!last) return last.error();
    last_ = std::move(*last);
    return {};
  }

  Result<void> plan_if_needed() {
    if (view_) return {};
    auto view = plan_now(settings_, context_);
    if (!view) return view.error();
    view_ = std::move(*view);
    return remember_directory();
  }

  Consent consent() const {
    const auto& service_api = settings_.send.service_api;
    return {.plan_id = view_->plan.id(),
            .links = view_->plan_summary.to_send,
            .clusters = view_->plan_summary.clusters,
            .settled = view_->delivered() + view_->refused(),
            .billable_events = view_->billable_events(),
            .canary = settings_.send.canary,
            .target = settings_.send.target,
            .region = settings_.send.service->region_of(settings_.send.target.host),
            .project_id = service_api.project_id,
            .username = std::string(service_api.username.reveal()),
            .token = service_api.token.masked()};
  }

  Result<void> ask_consent() {
    if (!settings_.approve.empty() && settings_.approve != view_->plan.id()) {
      return confirm(consent(), {.approve = settings_.approve}, context_.ask);
    }
    rehearses_ = emulator_ != nullptr || answers_as_emulator(settings_.send.target);
    if (settings_.rehearse && !rehearses_) {
      // A rehearsal does not record what it sends, so it must never reach a real service.
      return usage(
          fmt::format("--rehearse: {} does not answer as an emulator: start one with "
                      "idmerge emulator, or leave --to out",
                      settings_.send.target.url()));
    }
    if (rehearses_ || view_->pending() == 0) return {};
    // With consent given in advance the prompt is not shown, so the sentence is logged.
    if (settings_.yes || !settings_.approve.empty()) context_.log.info(sentence(consent()));
    return confirm(consent(), {.approve = settings_.approve, .yes = settings_.yes}, context_.ask);
  }

  Result<int> send() {
    settings_.send.words = values_to_record(settings_);
    settings_.send.words.set("username", std::string(settings_.send.service_api.username.reveal()));
    settings_.send.words.set("token", settings_.send.service_api.token.masked());
    settings_.send.plan = view_->plan.digest;
    const auto sent = send::send_plan(settings_.send, settings_.job, context_.files,
                                      context_.listeners, context_.signals.stop(), &job_lock_);
    context_.progress.end();
    if (emulator_) emulator_->stop();
    if (!sent) return sent.error();
    auto view = settings_.rehearse ? view_rehearsal(job_lock_->files(), settings_.job)
                                   : view_job(job_lock_->files(), settings_.job);
    if (!view && job_lock_->is_lost()) return end_after_loss(*sent->stop);
    if (!view) return view.error();
    view_ = std::move(*view);
    return end_of_sending(*sent);
  }

  /// Ends a call whose job can no longer be read.
  Result<int> end_after_loss(const Error& stop) {
    context_.log.error(stop.what);
    context_.log.info("go on: " + command_after_loss());
    return util::exit_code(stop.code);
  }

  /// Returns the command to continue if the job was moved, removed or replaced during the run.
  std::string command_after_loss() {
    if (job_lock_->is_in_place())
      return next_command(settings_);  // only a part of the job was lost
    if (const auto place = job_lock_->current_path(); !place.empty()) {
      auto moved = settings_;
      moved.job = place;
      return next_command(moved);
    }
    // Consent was not given for the job that is there now.
    if (const auto now = context_.files.stat(settings_.job); now && *now) {
      return command_line({"status", "--job", settings_.job});
    }
    return next_command(settings_);  // after the job is restored
  }

  Result<int> end_of_sending(const send::SendReport& sent) {
    CommandResult result;
    result.rehearsal = settings_.rehearse;
    result.exit_code = sent.stop ? exit_code_of(*sent.stop, context_.signals.stop().signal_number())
                                 : exit_code_of(*view_, settings_.output.fail_on);
    if (sent.stop) result.stop = sent.stop->what;
    if (!sent.stop && view_->pending() > 0) {
      result.stop = fmt::format("{} links failed repeatedly while others succeeded",
                                util::count_text(view_->pending()));
    }
    if (job_lock_->is_lost()) {
      result.next = command_after_loss();
    } else if (!result.stop.empty() && !settings_.rehearse) {
      result.next = sent.unfit.empty() ? next_command(settings_) : command_of_new_job(sent.unfit);
    }
    const bool is_refused = sent.stop && sent.stop->code == Errc::guard && !settings_.rehearse;
    if (is_refused) {
      result.next = command_line({"show", "--job", settings_.job, "--refused", "--format", "csv"});
    }

    if (settings_.rehearse) context_.log.info("rehearsal: the job itself has not changed");
    report_account(*view_, context_);
    if (sent.delivered > 0 && !rehearses_) {
      context_.log.info(accepted_text());
    }
    if (!result.stop.empty()) context_.log.error(result.stop);
    if (is_canary(sent)) {
      if (auto said = report_canary_samples(); !said) return said.error();
    }
    if (!result.next.empty()) context_.log.info("go on: " + result.next);
    if (!result.next.empty() && !sent.unfit.empty()) report_new_job(sent.unfit);
    if (is_refused) {
      context_.log.info("once the cause is fixed: " + next_command(settings_));
      context_.log.info(fmt::format("to override: {} --max-refused none",
                                    next_command(settings_, "max-refused")));
    }
    if (result.exit_code == exit_outcomes) context_.log.warning(reason_of_exit_outcomes());
    context_.log.info("job: " + util::printable(settings_.job));
    return finish(result, Sent::yes);
  }

  /// Returns the command for a new job with another value of `option`, which is fixed for this job.
  /// Empty if the inputs cannot be read again; then the error message says what to do.
  std::string command_of_new_job(std::string_view option) const {
    std::string_view value = any_target;
    if (option == "project-id") value = "N";
    if (option == "project-mode") {
      const bool is_simplified = settings_.send.service_api.mode == plan::ProjectMode::simplified;
      value = is_simplified ? "original|legacy" : "simplified";
    }
    return command_of_new_job(OptionTexts{{option, std::string(value)}});
  }

  /// Uses the command as typed, or, if it named only the job, the options of the plan.
  std::string command_of_new_job(const OptionTexts& others) const {
    const auto job = other_job(settings_.job);
    const auto& inputs = settings_.plan.row_reader.inputs;
    if (!inputs.empty()) {
      return is_readable_again(settings_) ? same_command_for(context_, job, others) : std::string();
    }
    const auto is_other = [&](std::string_view name) {
      return std::any_of(others.begin(), others.end(),
                         [&](const auto& other) { return other.first == name; });
    };
    const auto is_flag = [&](std::string_view name) {
      return std::any_of(settings_.typed.begin(), settings_.typed.end(), [&](const auto& option) {
        return option.origin == Origin::flag && option.entry->name == name;
      });
    };
    OptionTexts options;
    const auto add = [&](std::string_view name, std::string value) {
      if (!is_other(name)) options.emplace_back(name, std::move(value));
    };
    for (const auto& option : settings_.typed) {
      const OptionEntry& entry = *option.entry;
      if (option.origin != Origin::flag || entry.name == "job" || entry.has(role::consent))
        continue;
      add(entry.name, entry.is_switch() ? std::string() : option.text);
    }
    for (auto& [name, value] : planned_options(settings_, view_->plan.options)) {
      if (!is_flag(name)) add(name, std::move(value));
    }
    if (!is_flag("to")) add("to", settings_.to);
    const auto& project = settings_.send.service_api.project_id;
    if (!is_flag("project-id") && !project.empty()) add("project-id", project);
    options.emplace_back("job", job);
    options.insert(options.end(), others.begin(), others.end());
    std::vector<std::string> words{"run"};
    for (const auto& input : view_->plan.inputs) {
      std::error_code failed;
      if (input.path == "-" || fs::is_fifo(input.path, failed)) return {};
      words.push_back(input.path);
    }
    for (const auto& [name, value] : options) {
      words.push_back(fmt::format("--{}", name));
      if (!value.empty()) words.push_back(value);
    }
    return command_line(words);
  }

  /// Returns the project modes that support all operations of this plan.
  std::string modes_to_choose() const {
    std::string modes;
    for (const auto mode :
         {plan::ProjectMode::original, plan::ProjectMode::simplified, plan::ProjectMode::legacy}) {
      bool takes_all = true;
      for (std::size_t op = 0; op < view_->plan_summary.to_send.size(); ++op) {
        takes_all = takes_all && (view_->plan_summary.to_send[op] == 0 ||
                                  plan::check_op(mode, static_cast<input::Op>(op)));
      }
      if (!takes_all) continue;
      modes += modes.empty() ? "" : "|";
      modes += name(mode);
    }
    return modes;
  }

  void report_new_job(std::string_view option) {
    if (view_->delivered() > 0) {
      context_.log.warning("another job sends all links again, including those already delivered");
    }
    if (option != "to") return;
    if (const auto* other = send::find_service(settings_.send.service->alternative)) {
      // All missing options at once.
      OptionTexts options{{"api", std::string(other->name)}};
      if (other->needs_project && settings_.plan.project_mode.empty()) {
        options.emplace_back("project-mode", modes_to_choose());
      }
      if (other->needs_project && settings_.send.service_api.project_id.empty()) {
        options.emplace_back("project-id", "N");
      }
      context_.log.info(fmt::format("or, with {}: {}", other->title, command_of_new_job(options)));
    }
    context_.log.info("or, if the address is right: " + next_command(settings_));
  }

  bool is_canary(const send::SendReport& sent) const {
    return sent.stop && sent.stop->code == Errc::budget && settings_.send.canary &&
           sent.delivered + sent.refused >= *settings_.send.canary;
  }

  Result<void> report_canary_samples() {
    const auto links = links_to_sample(context_.files, *view_, settings_.rehearse);
    if (!links) return links.error();
    for (const auto& [link, place] : *links) {
      context_.log.info(fmt::format("look up: {} ({})", example_sentence(link, context_.mask),
                                    util::printable(place)));
    }
    return {};
  }

  Result<int> nothing_to_do() {
    CommandResult result;
    result.exit_code = exit_code_of(*view_, settings_.output.fail_on);
    context_.log.info(fmt::format("nothing to do: plan {} is finished", view_->plan.id()));
    report_account(*view_, context_);
    if (result.exit_code == exit_outcomes) context_.log.warning(reason_of_exit_outcomes());
    return finish(result);
  }

  Result<int> end_of_dry_run() {
    CommandResult result;
    result.next = command("approve");
    result.next +=
        fmt::format(" --approve {}{}", view_->plan.id(),
                    settings_.to.empty() ? fmt::format(" --to {}", shell_word(any_target)) : "");
    context_.log.info("dry run: nothing was sent; " + result.next);
    return finish(result);
  }

  /// Returns the command to continue after a stop before sending.
  std::string command(std::string_view left_out) const {
    return resumes() ? next_command(settings_, left_out) : first_command(settings_, left_out);
  }

  Result<int> stop_at_guard(const Error& error) {
    CommandResult result;
    result.exit_code = util::exit_code(error.code);
    result.stop = error.what;
    const auto& guard = error.subject;
    const auto job = other_job(settings_.job);
    result.next = corrected_command(guard, job, settings_, context_, *view_);
    context_.log.error(error.what);
    if (!result.next.empty()) context_.log.info("go on: " + result.next);
    log_command_after_fix(guard, job, settings_, context_);
    if (view_->pending() > 0) {
      context_.log.info(fmt::format("to override: {} --{} none", command(guard), guard));
    }
    return finish(result);
  }

  /// Ends a call that has sent nothing. The command to continue also needs `option` with `value`,
  /// if given.
  Result<int> stop_before_sending(const Error& error, std::string_view option = {},
                                  std::string_view value = {}) {
    CommandResult result;
    result.exit_code = exit_code_of(error, context_.signals.stop().signal_number());
    result.stop = error.what;
    result.next = command(option);
    if (!option.empty()) result.next += fmt::format(" --{} {}", option, value);
    context_.log.error(error.what);
    context_.log.info("go on: " + result.next);
    return finish(result);
  }

  Result<int> finish(const CommandResult& result, Sent sent = Sent::no) {
    const plan::JobPaths paths{settings_.job};
    // A rehearsal must not change the reports of the job itself.
    const plan::JobPaths place =
        result.rehearsal ? plan::JobPaths{paths.run("rehearsal").dir} : paths;
    io::Files* files = &context_.files;
    if (job_lock_) {
      const bool in_place = job_lock_->check().has_value();
      files = in_place || job_lock_->is_whole() ? &job_lock_->files() : nullptr;
    } else if (auto same = check_directory(); !same) {
      return same.error();
    }
    const auto written = write_reports(*view_, result, files, place, settings_, context_, sent);
    if (!written) return written.error();
    return result.exit_code;
  }

  /// Remembers the identity of the directory that the view was read from.
  Result<void> remember_directory() {
    const auto stat = context_.files.stat(settings_.job);
    if (!stat) return stat.error();
    directory_ = *stat;
    return {};
  }

  /// Checks that the directory is still the same, because waiting for consent may take long.
  Result<void> check_directory() const {
    const auto now = context_.files.stat(settings_.job);
    if (now && *now && directory_ && directory_->is(**now)) return {};
    return Error{Errc::input, fmt::format("{}: was moved, removed or replaced meanwhile: nothing "
                                          "was sent; look at it first",
                                          util::printable(settings_.job))};
  }

  void report_progress() {
    const auto settled = view_->delivered() + view_->refused();
    context_.log.info(fmt::format("plan {} in {}: {} of {} links settled ({})", view_->plan.id(),
                                  util::printable(settings_.job), util::count_text(settled),
                                  util::count_text(view_->to_send()),
                                  util::share_text(settled, view_->to_send())));
  }

  std::string reason_of_exit_outcomes() const {
    return fmt::format("finished, but with rows that need a person: {} (exit 3, see --fail-on)",
                       outcomes_text(doubtful_of(*view_), settings_.output.fail_on));
  }

  static constexpr int exit_outcomes = 3;

  Settings& settings_;
  CommandContext& context_;
  std::optional<JobSummary> view_;
  std::optional<io::FileStat> directory_;    // of the job's directory when it was read
  std::shared_ptr<plan::JobLock> job_lock_;  // during and after sending
  std::optional<PreviousJob> last_;
  std::optional<Credentials> credentials_;  // those that are given
  struct {
    std::optional<net::Target> target;
    std::string project_id;
  } given_;  // by this call, without recorded values
  std::unique_ptr<emulator::Emulator> emulator_;
  bool rehearses_ = false;  // the target is an emulator
};

}  // namespace

Result<std::string> job_directory(const Settings& settings) {
  const auto& inputs = settings.plan.row_reader.inputs;
  std::error_code failed;
  if (settings.job.empty()) {
    const auto ask_for_job = [](std::string_view why) {
      return usage(fmt::format("--job: is needed for {}: name a directory for the job", why));
    };
    if (inputs.size() != 1) return ask_for_job("several inputs");
    const auto& input = inputs[0];
    if (input == "-") return ask_for_job("stdin");
    const auto status = fs::status(input, failed);
    if (fs::is_directory(status)) return ask_for_job("an input directory");
    if (!fs::exists(status)) {
      if (has_glob(input)) return ask_for_job("a glob");
      return Error{Errc::input,
                   fmt::format("{}: no such file: check the name", util::printable(input))};
    }
    if (!fs::is_regular_file(status)) return ask_for_job("an input that is not a regular file");
    return input + ".idmerge";
  }
  const auto job = fs::weakly_canonical(settings.job, failed);
  for (const auto& input : inputs) {
    if (!fs::is_directory(input, failed)) continue;
    const auto directory = fs::weakly_canonical(input, failed);
    const auto [at, unused] =
        std::mismatch(directory.begin(), directory.end(), job.begin(), job.end());
    if (at == directory.end()) {
      return usage(fmt::format("--job: {}: lies inside the input {}: name a directory outside",
                               util::printable(settings.job), util::printable(input)));
    }
  }
  return settings.job;
}

Result<void> check_guards(const Settings& settings, const JobSummary& view,
                          const std::optional<PreviousJob>& last) {
  const auto& plan_summary = view.plan_summary;
  const auto& lead_max = settings.max_uuid_lead;
  if (lead_max.kind == util::Limit::Kind::percent &&
      plan_summary.uuid_lead() * 100 > lead_max.percent) {
    return stopped_by(
        "max-uuid-lead",
        fmt::format("{} of the user ids are UUIDs, and {} of the anonymous ids: "
                    "the columns look swapped: check --anon-field and --user-field, or raise the "
                    "guard",
                    util::share_text(plan_summary.user.uuids, plan_summary.user.distinct),
                    util::share_text(plan_summary.anon.uuids, plan_summary.anon.distinct)));
  }
  const auto& share_max = settings.max_user_share;
  if (share_max.kind == util::Limit::Kind::percent && !view.hubs.empty() &&
      plan_summary.user_share() * 100 > share_max.percent) {
    const auto& hub = view.hubs.front();
    return stopped_by(
        "max-user-share",
        fmt::format("one user, {}, claims {} of {} anonymous ids ({}), over {}: "
                    "is that a person, or a word for \"no id\"? see the rows with idmerge explain, "
                    "name the word with --null-word or --deny-file, or raise the guard",
                    settings.plan.row_reader.mask(hub.user), util::count_text(hub.ids),
                    util::count_text(plan_summary.anon.distinct),
                    util::share_text(hub.ids, plan_summary.anon.distinct),
                    util::limit_text(share_max)));
  }
  const auto& decimals_max = settings.max_decimals;
  if (decimals_max.kind == util::Limit::Kind::percent &&
      plan_summary.decimal_share() * 100 > decimals_max.percent) {
    const bool is_user = plan_summary.warnings.user_decimals >= plan_summary.warnings.anon_decimals;
    return stopped_by(
        "max-decimals",
        fmt::format("{} of {} rows have a number such as 12345.0 as their {} id, "
                    "over {}: it was 12345 before a tool read the column as decimals (pandas does "
                    "when one is missing): export it as integers or text, or raise the guard",
                    util::count_text(is_user ? plan_summary.warnings.user_decimals
                                             : plan_summary.warnings.anon_decimals),
                    util::count_text(plan_summary.links + plan_summary.duplicates),
                    is_user ? "user" : "anonymous", util::limit_text(decimals_max)));
  }
  const auto rejected =  // a repeated header is not a row that was meant to be linked
      plan_summary.rejected() -
      plan_summary.faults[static_cast<std::size_t>(input::Fault::repeated_header)];
  const auto unreadable = plan_summary.unreadable_orders.rows;
  const auto naming =
      plan_summary.read - plan_summary.skipped();  // rows that name a pair or try to
  if (unreadable > 0 && settings.max_rejected.exceeded(rejected + unreadable, naming)) {
    return stopped_by(
        "max-rejected",
        fmt::format("{} of {} rows have an order that cannot be read{}, over {}: "
                    "the first {}; fix the input, check --order-field, or raise the guard",
                    util::count_text(unreadable), util::count_text(naming),
                    rejected == 0
                        ? ""
                        : fmt::format(", and {} are rejected (see {})", util::count_text(rejected),
                                      shell_word(view.job + "/rejected.ndjson")),
                    util::limit_text(settings.max_rejected), first_unreadable_order(view)));
  }
  if (settings.max_rejected.exceeded(rejected, naming)) {
    return stopped_by("max-rejected",
                      fmt::format("{} of {} rows are rejected, over {}: see {}, fix the "
                                  "input, or raise the guard",
                                  util::count_text(rejected), util::count_text(naming),
                                  util::limit_text(settings.max_rejected),
                                  shell_word(view.job + "/rejected.ndjson")));
  }
  const auto doubtful = plan_summary.held_links() - plan_summary.outranked();
  if (settings.max_held.exceeded(doubtful, plan_summary.links)) {
    return stopped_by(
        "max-held",
        fmt::format("{} of {} links are held, over {}: see {}, decide them, or "
                    "raise the guard",
                    util::count_text(doubtful), util::count_text(plan_summary.links),
                    util::limit_text(settings.max_held), shell_word(view.job + "/held.ndjson")));
  }
  return check_links(settings, plan_summary.sendable(), last);
}

int exit_code_of(const JobSummary& view, const std::vector<send::RowOutcome>& fail_on) {
  if (view.pending() > 0) return util::exit_code(Errc::outage);
  const auto tally = doubtful_of(view);
  const bool failed = std::any_of(fail_on.begin(), fail_on.end(),
                                  [&](send::RowOutcome outcome) { return tally[outcome] > 0; });
  return failed ? 3 : 0;
}

int exit_code_of(const Error& error, int signal_number) {
  return util::exit_code(error.code, signal_number);
}

std::string next_command(const Settings& settings, std::string_view left_out) {
  return command_with(settings, [&](const OptionEntry& entry) {
    return entry.has(role::again) && !is_left_out(entry, left_out);
  });
}

std::string first_command(const Settings& settings, std::string_view left_out) {
  return command_with(settings, [&](const OptionEntry& entry) {
    return (entry.has(role::again) || steers_run(entry)) && !is_left_out(entry, left_out);
  });
}

Result<int> do_plan(Settings& settings, CommandContext& context) {
  auto job = job_directory(settings);
  if (!job) return job.error();
  settings.job = std::move(*job);
  if (auto allowed = check_summary_place(settings); !allowed) return allowed.error();
  if (auto read = read_rule_files(settings, context); !read) return read.error();
  auto before = existing_plan(settings, context);
  if (!before) return before.error();
  std::optional<JobSummary> view = std::move(*before);
  OptionTexts fields;
  if (view) {
    const auto same = plan::match_plan(view->plan, settings.plan);
    if (!same && view->run) return another_plan(settings, context, same.error(), *view);
    if (!same) {
      context.log.info(fmt::format("plan {} was never sent: planning again", view->plan.id()));
      fields = planned_fields(settings, view->plan.options);
      view.reset();
    }
  }
  std::optional<PreviousJob> last;
  if (!view || !view->run) {
    auto read =
        read_previous_job(settings, plan::plan_values(settings.plan), context.files, context.log);
    if (!read) return read.error();
    last = std::move(*read);
  }
  if (!view) {
    auto made = plan_now(settings, context);
    if (!made && !fields.empty()) {
      context.log.info("with the columns of the previous plan: " +
                       same_command_for(context, settings.job, fields));
    }
    if (!made) return made.error();
    view = std::move(*made);
  }
  report_summary(*view, settings, context);

  CommandResult result;
  if (view->finished()) {
    context.log.info(fmt::format("nothing to send: plan {} is finished", view->plan.id()));
  } else if (view->run) {
    result.next = next_command(settings);  // its guards were passed
    context.log.info("go on: " + result.next);
  } else if (const auto guarded = check_guards(settings, *view, last); !guarded) {
    result.exit_code = util::exit_code(guarded.error().code);
    result.stop = guarded.error().what;
    const auto& guard = guarded.error().subject;
    result.next = corrected_command(guard, settings.job, settings, context, *view);
    context.log.error(result.stop);
    if (!result.next.empty()) context.log.info("go on: " + result.next);
    log_command_after_fix(guard, settings.job, settings, context);
    if (view->pending() > 0) {
      context.log.info(fmt::format("to override: {} --to {} --approve {} --{} none",
                                   first_command(settings, guard), shell_word(any_target),
                                   view->plan.id(), guard));
    }
  } else {
    result.next = fmt::format("{} --to {} --approve {}", first_command(settings),
                              shell_word(any_target), view->plan.id());
    context.log.info("send it: " + result.next);
  }
  const auto written = write_reports(*view, result, &context.files, plan::JobPaths{settings.job},
                                     settings, context, Sent::no);
  if (!written) return written.error();
  return result.exit_code;
}

Result<int> do_run(Settings& settings, CommandContext& context) {
  return Run(settings, context).go();
}

}  // namespace idmerge::cli
