// SPDX-License-Identifier: MIT
//
// What every option means: the one table, and the Settings that it fills. Settings consist of the
// aggregates that the rooms below define for themselves, so a default and its unit stand once, in
// the room that uses them. Nothing is opened or asked here, and each option is looked at by itself.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/app/credentials.hpp"
#include "idmerge/app/typed.hpp"
#include "idmerge/base/log.hpp"
#include "idmerge/base/quantity.hpp"
#include "idmerge/core/tally.hpp"
#include "idmerge/emulator/server.hpp"
#include "idmerge/run/planner.hpp"
#include "idmerge/run/sender.hpp"

namespace idmerge {

enum class When : std::uint8_t { automatic, always, never };

/// What `show` prints. Flags: --links, --held, --rejected, --refused, --in-doubt
enum class ShowWhat : std::uint8_t { census, links, held, rejected, refused, in_doubt };

enum class ShowFormat : std::uint8_t { csv, ndjson };

struct OutputSettings {
  When progress = When::automatic;           // Flag: --progress
  std::chrono::milliseconds stats{300'000};  // 0: none. Flag: --stats
  LogOptions log;                            // Flags: --log-level, --log-format
  std::string summary;              // besides that of the job; "-": stdout. Flag: --summary
  When show_ids = When::automatic;  // Flag: --show-ids
  std::vector<Fate> fail_on{Fate::rejected, Fate::held, Fate::refused};  // Flag: --fail-on
  bool quiet = false;                                                    // Flag: --quiet
};

/// Takes the place of the last job's directory where there is none yet.
inline constexpr std::string_view no_last_job = "none";

struct Settings {
  Command command = Command::run;
  std::string job;  // Flag: --job

  PlanOptions plan;            // with the inputs
  std::string deny_file;       // not read yet. Flag: --deny-file
  std::string decisions_file;  // not read yet. Flag: --decisions
  Limit max_rejected{Limit::Kind::percent, 0,
                     5};                       // of the rows that name a pair. Flag: --max-rejected
  Limit max_held{Limit::Kind::percent, 0, 5};  // of the links. Flag: --max-held
  Limit max_links;       // to be sent; percent: of those of the last job. Flag: --max-links
  std::string last_job;  // as typed, or no_last_job. Flag: --last-job
  Limit max_user_share{Limit::Kind::percent, 0,
                       1};  // of all anonymous ids, by one user. Flag: --max-user-share
  Limit max_decimals{Limit::Kind::percent, 0,
                     50};  // of the rows, on one side. Flag: --max-decimals
  Limit max_uuid_lead{Limit::Kind::percent, 0,
                      25};  // of the user side, in points; none or percent. Flag: --max-uuid-lead
  std::optional<std::uint32_t> max_cluster;  // as typed; 0: none. Flag: --max-cluster

  std::string to;                       // as typed: us, eu, in, emulator or a URL. Flag: --to
  SendOptions send;                     // its target is set when `to` names one; its secrets never
  std::optional<Timetable> typed_rate;  // else it is that of the API. Flag: --rate
  std::string say_rate;                 // of the command `rate`
  CredentialSources credentials;
  std::string approve;    // Flag: --approve
  bool yes = false;       // Flag: --yes
  bool dry_run = false;   // Flag: --dry-run
  bool rehearse = false;  // Flag: --rehearse, or --to emulator

  OutputSettings output;
  ShowWhat show = ShowWhat::census;
  ShowFormat show_format = ShowFormat::csv;
  std::vector<std::string> explain;  // ids, `-` for those on stdin
  bool explain_as_json = false;      // Flag: --format
  EmulatorOptions emulator;

  /// Everything that was typed, wherever.
  std::vector<TypedOption> typed;

  /// Does the target stand inside this process?
  bool own_emulator() const { return to == "emulator"; }
};

std::span<const CommandEntry> command_table();
std::span<const OptionEntry> option_table();

/// The groups of --help: what it does first, how fast second.
std::span<const std::string_view> option_groups();

/// Is this one of the options that a plan is made with?
bool is_plan_option(const OptionEntry& entry);

}  // namespace idmerge
