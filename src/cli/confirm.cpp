// SPDX-License-Identifier: MIT
#include "cli/confirm.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "input/row.hpp"
#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::cli {
namespace {

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", util::count_text(count), count == 1 ? one : many);
}

/// Describes the destination: project, region, host, user and token.
std::string destination_text(const Consent& consent) {
  const auto where = consent.region;
  const auto project = consent.project_id.empty()
                           ? std::string("the project of this token")
                           : fmt::format("project {}", util::printable(consent.project_id));
  return fmt::format("{} ({}{}{}, as {}, token {})", project, where, where.empty() ? "" : ", ",
                     util::printable(consent.target.authority()), util::printable(consent.username),
                     util::printable(consent.token));
}

std::string action_text(const Consent& consent) {
  const auto& [create, alias, merge] = consent.links;
  const auto total = create + alias + merge;
  if (create == total) {
    return fmt::format("link {} to {} in", counted(create, "anonymous id", "anonymous ids"),
                       counted(consent.clusters, "user", "users"));
  }
  if (alias == total) {
    return fmt::format("make {} of distinct ids in", counted(alias, "alias", "aliases"));
  }
  if (merge == total) {
    return fmt::format("merge {} of distinct ids, into {}, in", counted(merge, "pair", "pairs"),
                       counted(consent.clusters, "user", "users"));
  }
  return fmt::format("send {} links ({} create, {} alias, {} merge) to", util::count_text(total),
                     util::count_text(create), util::count_text(alias), util::count_text(merge));
}

}  // namespace

std::string sentence(const Consent& consent) {
  const auto total = consent.links[0] + consent.links[1] + consent.links[2];
  auto text = fmt::format("This will {} {}. ", action_text(consent), destination_text(consent));
  if (consent.billable_events > 0) {
    text += fmt::format("Each link is an event: {} billable {}. ",
                        util::count_text(consent.billable_events),
                        consent.billable_events == 1 ? "event" : "events");
  }
  if (consent.settled > 0) {
    text += fmt::format("{} of {} are sent already. ", counted(consent.settled, "link", "links"),
                        util::count_text(total));
  }
  if (consent.canary) {
    text += fmt::format("It stops when {} in all are settled (--canary). ",
                        counted(*consent.canary, "link", "links"));
  }
  return text + "It cannot be undone.";
}

bool may_be_emulator(const net::Target& target) {
  return !target.tls && target.loopback();
}

AskPerson ask_on_terminal(std::function<bool()> interrupted) {
  return [interrupted = std::move(interrupted)](
             std::string_view prompt) -> Result<std::optional<std::string>> {
    const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) return std::optional<std::string>();
    std::string line;
    bool whole = false;
    bool stopped = false;
    for (std::string_view rest = prompt; !rest.empty();) {
      const auto n = ::write(tty, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    while (!whole && line.size() < 1'000) {
      // Polls with a timeout, because a signal just before the wait would not interrupt it.
      pollfd typed{tty, POLLIN, 0};
      const int ready = ::poll(&typed, 1, 100);
      stopped = interrupted();
      if (stopped) break;
      if (ready <= 0) continue;
      char c = 0;
      const auto n = ::read(tty, &c, 1);
      stopped = interrupted();
      if (stopped || n == 0 || (n < 0 && errno != EINTR)) break;
      if (n < 0) continue;
      whole = c == '\n';
      if (!whole) line += c;
    }
    ::close(tty);
    if (stopped) return Error{Errc::interrupted, "interrupted: nothing was sent"};
    return std::optional(whole ? line : std::string());
  };
}

Result<void> confirm(const Consent& consent, const ConsentGiven& given, const AskPerson& ask) {
  if (given.yes) return {};
  if (!given.approve.empty()) {
    if (given.approve == consent.plan_id) return {};
    return Error{
        Errc::guard,
        fmt::format("--approve: this is plan {}, not {}: look at it first, then approve it",
                    consent.plan_id, given.approve)};
  }
  const auto answer =
      ask(fmt::format("{}\nType yes to go on, anything else to stop: ", sentence(consent)));
  if (!answer) return answer.error();
  if (!*answer) {
    return Error{Errc::usage,
                 fmt::format("consent: there is no terminal to ask on: look at the plan, then "
                             "add --approve {}, or --yes",
                             consent.plan_id)};
  }
  if (**answer != "yes") {
    return Error{Errc::guard, "consent: the answer was not yes: nothing was sent"};
  }
  return {};
}

}  // namespace idmerge::cli
