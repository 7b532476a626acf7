// SPDX-License-Identifier: MIT
//
// The last moment at which nothing has happened yet. Links cannot be undone, so before the first
// request to a real service a person has read one sentence with the numbers, the project and the
// host in it, and has agreed: here and now on the terminal itself (stdin may be data), or before,
// by naming this very plan. Consent never comes from an environment or a file.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "idmerge/base/result.hpp"
#include "idmerge/net/url.hpp"

namespace idmerge {

/// What there is to agree to.
struct Consent {
  std::string plan_id;
  std::array<std::uint64_t, 3> links{};   // to be sent by this plan, by operation
  std::uint64_t clusters = 0;             // that these links make: the users, for create
  std::uint64_t settled = 0;              // of the links, by earlier runs
  std::uint64_t billable_events = 0;      // of them; 0: the project's mode bills none
  std::optional<std::uint64_t> canary{};  // settled links after which it stops
  Target target;
  std::string project_id;  // may be empty
  std::string username;
  std::string token;  // masked
};

/// "This will link 98,412,003 anonymous ids to 31,020,551 users in project 2195193 (EU,
/// api-eu.mixpanel.com, as etl.12345, token …9f3c). It cannot be undone."
std::string sentence(const Consent& consent);

/// Could an emulator listen there: plain HTTP on this machine? Whether one does, app/probe asks.
bool may_be_emulator(const Target& target);

/// Show the prompt to a person and return what was typed; nothing when there is no terminal.
/// Errors: interrupted.
using AskPerson = std::function<Result<std::optional<std::string>>(std::string_view prompt)>;

/// Asks on /dev/tty. `interrupted` is looked at whenever a signal arrives.
AskPerson ask_on_terminal(std::function<bool()> interrupted);

struct ConsentGiven {
  std::string approve = {};  // Flag: --approve
  bool yes = false;          // Flag: --yes
};

/// Return when somebody agreed.
/// Errors: usage when nobody could be asked; guard when another plan was approved or the answer was
/// not `yes`; interrupted.
Result<void> confirm(const Consent& consent, const ConsentGiven& given, const AskPerson& ask);

}  // namespace idmerge
