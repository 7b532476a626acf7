// SPDX-License-Identifier: MIT
#include "cli/canary_samples.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "plan/job_paths.hpp"
#include "plan/plan_file.hpp"
#include "plan/row_report.hpp"
#include "plan/verdict.hpp"
#include "send/ledger.hpp"

namespace idmerge::cli {
namespace {

constexpr std::size_t wanted = 5;

/// Tests whether a link with the verdict `send` was delivered.
class Delivered {
 public:
  static Result<Delivered> of(io::Files& files, const plan::RunPaths& paths,
                              const send::Checkpoint& now) {
    auto ledger = send::Ledger::restore(now.ledger);
    if (!ledger) return ledger.error();
    auto refused = plan::read_refused(files, paths.refused(), now.letters_bytes);
    if (!refused) return refused.error();
    return Delivered{now.round, std::move(*ledger), std::move(*refused)};
  }

  bool operator()(std::uint64_t ordinal) const {
    const bool is_settled = round > 0 || ledger.is_settled(ordinal);
    return is_settled && !std::binary_search(refused.begin(), refused.end(), ordinal);
  }

  /// Returns whether no link from this ordinal on is delivered.
  bool ends_before(std::uint64_t ordinal) const { return round == 0 && !ledger.admits(ordinal); }

  std::uint64_t round;
  send::Ledger ledger;
  std::vector<std::uint64_t> refused;
};

}  // namespace

Result<std::vector<DeliveredLink>> links_to_sample(io::Files& files, const JobSummary& view,
                                                   bool rehearsal) {
  std::vector<DeliveredLink> chosen;
  if (!view.run) return chosen;
  const plan::JobPaths paths{view.job};
  const auto plan = plan::PlanReader::open(files, paths.plan());
  if (!plan) return plan.error();
  const auto delivered =
      Delivered::of(files, rehearsal ? paths.run("rehearsal") : paths.run(), view.run->checkpoint);
  if (!delivered) return delivered.error();

  const auto& inputs = plan->facts().inputs;
  std::vector<DeliveredLink> others;  // further links of clusters that already have one
  std::set<std::uint32_t> clusters;
  plan::PlanBlock block;
  for (std::size_t i = 0; i < plan->blocks() && chosen.size() < wanted; ++i) {
    if (delivered->ends_before(plan->entry(i).first)) break;
    if (auto read = plan->read_block(i, block); !read) return read.error();
    for (std::size_t n = 0; n < block.links.size() && chosen.size() < wanted; ++n) {
      if (block.verdicts[n] != plan::Verdict::send || !(*delivered)(block.first + n)) continue;
      const bool is_new = clusters.insert(block.components[n]).second;
      auto& into = is_new ? chosen : others;
      if (into.size() == wanted) continue;
      const auto& link = block.links[n];
      const std::string path = link.file < inputs.size() ? inputs[link.file].path : "";
      into.push_back({{link.op, std::string(link.anon), std::string(link.user), 0},
                      fmt::format("{}, line {}", path, link.line)});
    }
  }
  for (auto& other : others) {
    if (chosen.size() < wanted) chosen.push_back(std::move(other));
  }
  return chosen;
}

}  // namespace idmerge::cli
