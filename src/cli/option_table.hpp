// SPDX-License-Identifier: MIT
//
// The table of all options, and the Settings that they fill. Settings consist of the option structs
// of the layers below, so that each default and its unit are defined once, by the component that
// uses them. Options are parsed one by one; no file is opened and nobody is asked here.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/credentials.hpp"
#include "cli/raw_options.hpp"
#include "emulator/server.hpp"
#include "plan/planner.hpp"
#include "send/sender.hpp"
#include "send/tally.hpp"
#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::cli {

enum class When : std::uint8_t { automatic, always, never };

/// The output of `show`. Flags: --links, --held, --rejected, --refused, --in-doubt
enum class ShowWhat : std::uint8_t { plan_summary, links, held, rejected, refused, in_doubt };

enum class ShowFormat : std::uint8_t { csv, ndjson };

struct OutputSettings {
  When progress = When::automatic;           // Flag: --progress
  std::chrono::milliseconds stats{300'000};  // 0: no statistics. Flag: --stats
  util::LogOptions log;                      // Flags: --log-level, --log-format
  std::string summary;              // besides the one in the job; "-": stdout. Flag: --summary
  When show_ids = When::automatic;  // Flag: --show-ids
  std::vector<send::RowOutcome> fail_on{send::RowOutcome::rejected, send::RowOutcome::held,
                                        send::RowOutcome::refused};  // Flag: --fail-on
  bool quiet = false;                                                // Flag: --quiet
};

/// The value of --last-job if there is no previous job yet.
inline constexpr std::string_view no_previous_job = "none";

struct Settings {
  Command command = Command::run;
  std::string job;  // Flag: --job

  plan::PlanOptions plan;      // with the inputs
  std::string deny_file;       // not read yet. Flag: --deny-file
  std::string decisions_file;  // not read yet. Flag: --decisions
  util::Limit max_rejected{util::Limit::Kind::percent, 0,
                           5};  // of the rows that name a pair. Flag: --max-rejected
  util::Limit max_held{util::Limit::Kind::percent, 0, 5};  // of the links. Flag: --max-held
  util::Limit max_links;  // to be sent; percent: of those of the previous job. Flag: --max-links
  std::string last_job;   // as typed, or no_previous_job. Flag: --last-job
  util::Limit max_user_share{
      util::Limit::Kind::percent, 0,
      1};  // of all anonymous ids, claimed by one user. Flag: --max-user-share
  util::Limit max_decimals{util::Limit::Kind::percent, 0,
                           50};  // of the rows, on either side. Flag: --max-decimals
  util::Limit max_uuid_lead{util::Limit::Kind::percent, 0,
                            25};  // in percentage points; none or percent. Flag: --max-uuid-lead
  std::optional<std::uint32_t> max_cluster;  // as typed; 0: none. Flag: --max-cluster

  std::string to;          // as typed: us, eu, in, emulator or a URL. Flag: --to
  send::SendOptions send;  // target: set if `to` names one; secrets: never set here
  std::optional<send::RateSchedule> typed_rate;  // empty: the default of the service. Flag: --rate
  std::string request_rate;                      // the argument of the command `rate`
  CredentialSources credentials;
  std::string approve;    // Flag: --approve
  bool yes = false;       // Flag: --yes
  bool dry_run = false;   // Flag: --dry-run
  bool rehearse = false;  // Flag: --rehearse, or --to emulator

  OutputSettings output;
  ShowWhat show = ShowWhat::plan_summary;
  ShowFormat show_format = ShowFormat::csv;
  std::vector<std::string> explain;  // ids; `-` for those on stdin
  bool explain_as_json = false;      // Flag: --format
  emulator::EmulatorOptions emulator;

  /// All options given, from any origin.
  std::vector<RawOption> typed;

  /// Returns whether the target is an emulator in this process.
  bool own_emulator() const { return to == "emulator"; }
};

std::span<const CommandEntry> command_table();
std::span<const OptionEntry> option_table();

/// The groups of --help: options for what is done come before those for how fast.
std::span<const std::string_view> option_groups();

/// Returns whether the option is one that a plan is made with.
bool is_plan_option(const OptionEntry& entry);

/// Returns: the first option of that name; null if there is none.
const OptionEntry* find_option(std::string_view name);

/// Returns the keys of an option in a plan; see plan_values().
std::vector<std::string> plan_keys(const OptionEntry& entry);

/// Returns the texts with which the option would be typed for a plan with these values; none if it
/// had its default. A file has its placeholder, because plans do not record its name.
std::vector<std::string> planned_texts(const OptionEntry& entry, const util::KeyValues& planned);

}  // namespace idmerge::cli
