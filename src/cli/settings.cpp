// SPDX-License-Identifier: MIT
#include "cli/settings.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "cli/confirm.hpp"
#include "util/memory_limit.hpp"

namespace idmerge::cli {
namespace {

Error usage(std::string what) {
  return {Errc::usage, std::move(what)};
}

/// Part files have no inherent order, so only a field can tell which claim is older.
Result<void> check_order(const Settings& s) {
  const auto on_conflict = s.plan.resolver.on_conflict;
  const bool by_order =
      on_conflict == plan::OnConflict::earliest || on_conflict == plan::OnConflict::latest;
  if (!by_order || s.plan.row_reader.inputs.empty() || !s.plan.row_reader.order_field.empty())
    return {};
  return usage(
      fmt::format("--on-conflict: {} needs --order-field: name the field with the order "
                  "of the rows",
                  name(on_conflict)));
}

Result<void> check_inputs(const Settings& s) {
  const auto& row_reader = s.plan.row_reader;
  const bool from_pipe =
      std::any_of(row_reader.inputs.begin(), row_reader.inputs.end(), [](const std::string& input) {
        std::error_code ignored;
        return input == "-" || std::filesystem::is_fifo(input, ignored);
      });
  if (s.command == Command::plan && row_reader.inputs.empty()) {
    return usage("plan: no input: name a file, a directory, a glob or -");
  }
  if (s.command == Command::run && row_reader.inputs.empty() && s.job.empty()) {
    return usage("run: neither INPUT nor --job: name what to send, or the job to go on with");
  }
  if (s.command == Command::rate && s.request_rate.empty()) {
    return usage("rate: no RATE: write for example 20/s, 0 for no limit, or pause");
  }
  if (s.command == Command::explain && s.explain.empty()) {
    return usage("explain: no id: name one or more, or - for lines of stdin");
  }
  const bool looks = s.command == Command::show || s.command == Command::status ||
                     s.command == Command::explain || s.command == Command::rate;
  if (looks && s.job.empty()) {
    return usage("--job: is missing: name the directory of the job");
  }
  if (s.command == Command::run && from_pipe && !row_reader.expect_rows &&
      !row_reader.expect_rows_any) {
    return usage(
        "--expect-rows: is required to run from a pipe, where a query that failed looks like one "
        "that ended: give the number of rows, or any");
  }
  if (!row_reader.id_fields.empty() && row_reader.op != input::Op::merge &&
      row_reader.op_field.empty()) {
    return usage("--id-fields: is for --op merge: name --anon-field and --user-field");
  }
  return check_order(s);
}

Result<void> check_sending(const Settings& s) {
  if (s.send.backoff_min > s.send.backoff_max) {
    return usage(fmt::format("--backoff-min: {} is more than --backoff-max {}: lower it",
                             util::duration_text(s.send.backoff_min),
                             util::duration_text(s.send.backoff_max)));
  }
  if (!s.approve.empty() && s.yes) {
    return usage("--yes: --approve is given too: keep one of them");
  }
  if (!s.send.tls.client_key.empty() && s.send.tls.client_cert.empty()) {
    return usage("--client-key: needs --client-cert: name the certificate too");
  }
  if (!s.credentials.file.empty() && !s.credentials.command.empty()) {
    return usage("--credentials: --credentials-command is given too: keep one of them");
  }
  if (s.rehearse && s.dry_run) {
    return usage("--rehearse: --dry-run sends nothing, not even to an emulator: keep one of them");
  }
  if (s.rehearse && !s.to.empty() && !s.own_emulator() && !may_be_emulator(s.send.target)) {
    return usage(fmt::format("--rehearse: --to {} is no emulator on this machine: leave --to out",
                             util::printable(s.to)));
  }
  const auto& service = *s.send.service;
  if (service.needs_project && s.send.service_api.mode == plan::ProjectMode::none) {
    return usage(
        fmt::format("--project-mode: is needed for --api {}: write original, simplified or legacy",
                    service.name));
  }
  // Without inputs the operation is that of the plan, which is not known yet.
  if (s.plan.row_reader.inputs.empty()) return {};
  return service.check_op(s.send.service_api.mode, s.plan.row_reader.op);
}

/// A percentage needs the job it relates to, and --last-job without a guard would only look like
/// one.
Result<void> check_last_job(const Settings& s, const RawOptions& typed) {
  if (s.max_links.kind == util::Limit::Kind::percent && s.last_job.empty()) {
    return usage(
        fmt::format("--max-links: {} refers to the links of the last finished job: name it with "
                    "--last-job DIR, or write --last-job {} while there is none",
                    util::limit_text(s.max_links), no_previous_job));
  }
  if (!s.last_job.empty() && typed.find("max-links") == nullptr) {
    return usage(
        "--last-job: has no effect without --max-links P%: add for example --max-links 150%");
  }
  return {};
}

/// Configures the project that the emulator plays: in the planned mode, with the service's own
/// cluster limit unless another one is configured.
void derive_emulator(Settings& s) {
  emulator::ServiceOptions& service = s.emulator.service;
  service.graph.mode = emulator::IdentityMode::original;
  if (s.send.service_api.mode == plan::ProjectMode::simplified)
    service.graph.mode = emulator::IdentityMode::simplified;
  if (s.send.service_api.mode == plan::ProjectMode::legacy)
    service.graph.mode = emulator::IdentityMode::legacy;
  if (s.command != Command::emulator) return;
  service.project_id = s.send.service_api.project_id;
  if (!s.max_cluster) return;
  service.graph.cluster_max.reset();
  if (*s.max_cluster > 0) service.graph.cluster_max = static_cast<std::uint32_t>(*s.max_cluster);
}

/// Derives the settings that depend on several options.
void derive(Settings& s) {
  if (s.plan.memory_bytes == 0) s.plan.memory_bytes = util::memory_to_use();
  derive_emulator(s);
  if (s.rehearse && s.to.empty()) s.to = "emulator";
  if (s.own_emulator()) s.rehearse = true;
  const bool capless = s.send.service_api.mode == plan::ProjectMode::simplified;
  s.plan.resolver.max_cluster =
      s.max_cluster.value_or(capless ? 0 : plan::ResolverOptions{}.max_cluster);
  s.plan.row_reader.verbs = plan::verbs_of(s.send.service_api.mode);
  s.plan.validate.simplified = s.send.service_api.mode == plan::ProjectMode::simplified;
  const send::ServiceFacts& service = *s.send.service;
  s.plan.api = service.name;
  s.credentials.names = service.credentials;
  if (const auto* region = service.find_region(s.to)) {
    s.send.target = {.host = std::string(region->host), .base = {}};
  }
  s.send.rate = s.typed_rate.value_or(util::Rate{service.rate_per_s, false});
  s.send.rehearsal = s.rehearse;
  s.output.log.deferred = s.output.quiet;
}

/// Returns whether a run records the option, so that `run --job` alone continues in the same way.
bool is_recorded(const OptionEntry& entry) {
  return steers_run(entry) && !entry.has(role::once);
}

}  // namespace

Result<Settings> parse_settings(const RawOptions& typed) {
  Settings s;
  s.command = typed.command.value_or(Command::run);
  s.emulator.listen = "127.0.0.1:8080";
  s.typed = typed.options;
  for (const auto& input : typed.inputs) {
    if (s.command == Command::explain) {
      if (input.empty()) return usage("ID: is empty: name one, or - for lines of stdin");
      s.explain.push_back(input);
      continue;
    }
    if (s.command == Command::rate) {
      if (!s.request_rate.empty()) s.request_rate += ' ';  // a timetable without quotes
      s.request_rate += input;
      continue;
    }
    if (input.empty()) return usage("INPUT: is empty: name a file, a directory, a glob or -");
    s.plan.row_reader.inputs.push_back(input);
  }
  for (const auto& option : typed.options) {
    const auto* other = typed.find(option.entry->opposite_of);
    if (other != nullptr && other->origin == option.origin) {
      return usage(fmt::format("--{}: --{} is given too: keep one of them", other->entry->name,
                               option.entry->name));
    }
  }
  // The origin with the highest precedence is applied last.
  for (const auto origin : {Origin::file, Origin::environment, Origin::flag}) {
    for (const auto& option : typed.options) {
      if (option.origin != origin) continue;
      if (auto applied = option.entry->apply(option.text, s); !applied) {
        return Error{applied.error().code,
                     fmt::format("{}: {}", option.where, applied.error().what),
                     std::string(option.entry->name)};
      }
    }
  }
  s.send.rate_is_given = s.typed_rate.has_value();
  derive(s);
  if (auto right = check_inputs(s); !right) return right.error();
  if (auto right = check_sending(s); !right) return right.error();
  if (auto right = check_last_job(s, typed); !right) return right.error();
  return s;
}

bool steers_run(const OptionEntry& entry) {
  return entry.has(role::run);
}

util::KeyValues values_to_record(const Settings& settings) {
  util::KeyValues words;
  for (const auto& option : settings.typed) {
    if (!is_recorded(*option.entry)) continue;
    const auto kind = option.entry->kind;
    const bool is_path = kind == Kind::file || kind == Kind::directory ||
                         (kind == Kind::directory_or_none && option.text != no_previous_job);
    words.set(option.entry->name,
              is_path ? std::filesystem::absolute(option.text).string() : option.text);
  }
  return words;
}

Result<void> recall(Settings& settings, const util::KeyValues& words) {
  for (const auto& [key, text] : words) {
    const auto& word = key;
    const auto* found = find_option(word);
    if (found == nullptr || !is_recorded(*found)) continue;  // recorded for people only
    const bool typed_now = std::any_of(
        settings.typed.begin(), settings.typed.end(),
        [&](const auto& option) { return option.entry->setting() == found->setting(); });
    if (typed_now) continue;
    if (auto applied = found->apply(text, settings); !applied) {
      return Error{Errc::usage, fmt::format("recorded {}: {}", word, applied.error().what),
                   std::string(word)};
    }
    settings.typed.push_back({found, text, Origin::file, fmt::format("recorded {}", word)});
  }
  derive(settings);
  return check_sending(settings);
}

Result<void> adopt_plan(Settings& settings, const util::KeyValues& planned) {
  const auto mode = planned.get("project_mode");
  if (const auto known = plan::parse_project_mode(mode)) settings.send.service_api.mode = *known;
  settings.plan.project_mode = mode;
  settings.plan.row_reader.op =
      input::parse_op(planned.get("op")).value_or(settings.plan.row_reader.op);
  const auto api = planned.get("api");
  const auto* service = api.empty() ? &send::default_service() : send::find_service(api);
  if (service == nullptr) {
    return Error{Errc::input, fmt::format("the plan is for --api {}, which this idmerge does not "
                                          "have: run it with the version that planned it",
                                          util::printable(api))};
  }
  settings.send.service = service;
  // Target, rate and limits depend on the API.
  derive(settings);
  return check_sending(settings);
}

Result<void> check_typed_against(const Settings& settings, const util::KeyValues& planned) {
  const auto words = plan::plan_values(settings.plan);
  for (const auto& option : settings.typed) {
    const auto& entry = *option.entry;
    if (option.origin != Origin::flag || !is_plan_option(entry)) continue;
    for (const auto& key : plan_keys(entry)) {
      const auto* now = words.find(key);
      const auto* then = planned.find(key);
      if (now == nullptr) {
        return usage(fmt::format(
            "--{}: is a planning option, and there is a plan already: leave it out", entry.name));
      }
      if (then == nullptr || *then != *now) {
        return usage(fmt::format("--{}: differs from the plan: leave it out, or plan a new job",
                                 entry.name));
      }
    }
  }
  return {};
}

}  // namespace idmerge::cli
