// SPDX-License-Identifier: MIT
#include "plan/decision_report.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "plan/plan_file.hpp"
#include "plan/row_validator.hpp"
#include "plan/verdict.hpp"

namespace idmerge::plan {
namespace {

/// Number of ineffective decisions of one kind that are named; the rest are counted.
constexpr std::size_t decisions_named_max = 5;

struct Kind {
  DecisionEffect answer;
  std::string_view sentence;
};

/// All kinds except `yes`; those that leave rows held come first.
constexpr std::array<Kind, 5> kinds{{
    {DecisionEffect::unclaimed, "this user does not claim the anonymous id: its rows are held"},
    {DecisionEffect::both_sides,
     "the anonymous id is a user id elsewhere: its row stays held, also for this user; write never "
     "if it must not be sent"},
    {DecisionEffect::oversize,
     "the cluster of this user would have more ids than --max-cluster: the row stays held; write "
     "never if it must not be sent"},
    {DecisionEffect::not_anonymous,
     "no pair with sides has this anonymous id, and only such pairs can be decided: the decision "
     "has no effect"},
    {DecisionEffect::unknown_id, "no row has this anonymous id: the decision has no effect"},
}};

}  // namespace

Result<DecisionFile> in_wire_form(const DecisionFile& file, bool simplified) {
  if (!simplified) return file;
  DecisionFile out{.path = file.path, .digest = file.digest, .decisions = {}};
  std::unordered_map<std::string_view, std::size_t> known;
  for (const auto& decision : file.decisions) {
    const auto anon = input::wire_anon(decision.anon, simplified);
    const auto [at, is_new] = known.try_emplace(anon, out.decisions.size());
    if (is_new) {
      out.decisions.push_back(decision);
      out.decisions.back().anon = anon;
      continue;
    }
    const auto& before = out.decisions[at->second];
    if (before.kind == decision.kind && before.user == decision.user) continue;
    return Error{Errc::usage,
                 fmt::format("--decisions: {}: line {}: contradicts line {}, and in a simplified "
                             "project X and $device:X are one anonymous id: keep one of the two",
                             file.path, decision.line, before.line)};
  }
  return out;
}

std::vector<Decided> decided_by(const DecisionFile& file, const Fingerprinter& print) {
  std::vector<Decided> decided;
  decided.reserve(file.decisions.size());
  for (const auto& decision : file.decisions)
    decided.push_back({print(decision.anon), print(decision.user), decision.kind});
  return decided;
}

Result<void> find_oversize(io::Files& files, const std::string& path, const DecisionFile& file,
                           std::vector<DecisionEffect>& answers) {
  std::unordered_map<std::string_view, std::size_t> named;  // by anonymous id: its decision
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto& decision = file.decisions[i];
    if (answers[i] == DecisionEffect::yes && decision.kind == Decision::Kind::user) {
      named.emplace(decision.anon, i);
    }
  }
  if (named.empty()) return {};
  const auto plan = PlanReader::open(files, path);
  if (!plan) return plan.error();
  PlanBlock block;
  for (std::size_t n = 0; n < plan->blocks(); ++n) {
    if (auto read = plan->read_columns(n, block); !read) return read;
    const auto& verdicts = block.verdicts;
    if (std::find(verdicts.begin(), verdicts.end(), Verdict::oversize) == verdicts.end()) continue;
    if (auto read = plan->read_block(n, block); !read) return read;
    for (std::size_t i = 0; i < block.links.size(); ++i) {
      const auto& link = block.links[i];
      if (block.verdicts[i] != Verdict::oversize || !link.sided) continue;
      const auto found = named.find(link.anon);
      if (found == named.end() || file.decisions[found->second].user != link.user) continue;
      answers[found->second] = DecisionEffect::oversize;
    }
  }
  return {};
}

void name_ineffective(const DecisionFile& file, std::span<const DecisionEffect> answers,
                      Progress& progress) {
  for (const auto& [kind, sentence] : kinds) {
    std::size_t said = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i] != kind || ++said > decisions_named_max) continue;
      progress.note(Weight::warning,
                    fmt::format("{}: line {}: {}", file.path, file.decisions[i].line, sentence));
    }
    if (said > decisions_named_max) {
      progress.note(Weight::warning, fmt::format("{}: and {} more decisions like these", file.path,
                                                 said - decisions_named_max));
    }
  }
}

}  // namespace idmerge::plan
