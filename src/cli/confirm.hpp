// SPDX-License-Identifier: MIT
//
// Asks for consent before the first request to a real service, because links cannot be undone. A
// person has to read one sentence with the numbers, the project and the host, and to agree: on the
// terminal itself (stdin may be data), or in advance, with --approve and the id of the plan, or
// with --yes. Consent is never taken from the environment or a file.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/url.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// The facts that a person agrees to.
struct Consent {
  std::string plan_id;
  std::array<std::uint64_t, 3> links{};   // to be sent by this plan, by operation
  std::uint64_t clusters = 0;             // clusters that these links form; for create, the users
  std::uint64_t settled = 0;              // links already settled by earlier runs
  std::uint64_t billable_events = 0;      // one per link to send; 0: the mode bills none
  std::optional<std::uint64_t> canary{};  // number of settled links after which the run stops
  net::Target target;
  std::string_view region;  // title of the region of the service; empty for other hosts
  std::string project_id;   // may be empty
  std::string username;
  std::string token;  // masked
};

/// "This will link 98,412,003 anonymous ids to 31,020,551 users in project 2195193 (EU,
/// api-eu.example.com, as etl.12345, token …9f3c). It cannot be undone."
std::string sentence(const Consent& consent);

/// Returns whether an emulator could listen at `target`: plain HTTP on this machine. Whether one
/// does is checked by cli/emulator_probe.
bool may_be_emulator(const net::Target& target);

/// Shows the prompt to a person. Returns: the answer as typed, or nothing if there is no terminal.
/// Errors: interrupted.
using AskPerson = std::function<Result<std::optional<std::string>>(std::string_view prompt)>;

/// Asks on /dev/tty. `interrupted` is polled while waiting for the answer.
AskPerson ask_on_terminal(std::function<bool()> interrupted);

struct ConsentGiven {
  std::string approve = {};  // Flag: --approve
  bool yes = false;          // Flag: --yes
};

/// Returns once somebody has agreed. Errors: usage if nobody could be asked; guard if another plan
/// was approved or the answer was not `yes`; interrupted.
Result<void> confirm(const Consent& consent, const ConsentGiven& given, const AskPerson& ask);

}  // namespace idmerge::cli
