// SPDX-License-Identifier: MIT
#include "send/outcome_handler.hpp"

#include <fmt/format.h>

#include "plan/row_report.hpp"
#include "send/id_redaction.hpp"

namespace idmerge::send {
namespace {

/// Number of answers from which the share of refusals is meaningful.
constexpr std::uint64_t refused_answers_min = 1'000;

}  // namespace

// Consecutive ordinals are recorded together, up to the next refusal.
void OutcomeHandler::deliver(const Batch& batch, const Slice& slice, const Outcome& outcome,
                             unsigned status) {
  const auto& ordinals = batch.ordinals;
  const auto& refusals = outcome.refusals;
  auto refusal = refusals.begin();
  auto i = slice.first;
  const auto end = slice.first + slice.count;
  while (i < end) {
    const auto refused_at = refusal != refusals.end() ? slice.first + refusal->link : end;
    if (i == refused_at) {
      refuse_one(batch, i++, status, refusal->message, slice.tries);
      ++refusal;
      continue;
    }
    auto run_end = i + 1;
    while (run_end < refused_at && ordinals[run_end] == ordinals[run_end - 1] + 1)
      ++run_end;
    recorder_.deliver(ordinals[i], static_cast<std::uint32_t>(run_end - i), slice.tries.sent);
    i = run_end;
  }
}

void OutcomeHandler::refuse(const Batch& batch, const Slice& slice, const Outcome& outcome,
                            unsigned status) {
  for (std::size_t i = 0; i < slice.count; ++i) {
    refuse_one(batch, slice.first + i, status, outcome.message, slice.tries);
  }
}

void OutcomeHandler::refuse_one(const Batch& batch, std::size_t i, unsigned status,
                                std::string_view message, const Tries& tries) {
  const auto ordinal = batch.ordinals[i];
  const input::Link& link = batch.links[i];
  const auto letter = plan::refused_report(ordinal, link, inputs_, status, message, tries.sent);
  const bool in_doubt = tries.in_doubt || recorder_.log().was_in_doubt(ordinal);
  const auto may_mean_ours = service_.may_mean_ours;
  if (in_doubt && may_mean_ours != nullptr && may_mean_ours(message, link)) {
    recorder_.deliver_ambiguous(ordinal, tries.sent, letter);
    return;
  }
  recorder_.refuse(ordinal, tries.sent, letter);
  look_at_refusals(link, message);
}

void OutcomeHandler::look_at_refusals(const input::Link& link, std::string_view message) {
  if (too_many_) return;
  const auto refused = recorder_.refused();
  const auto settled = recorder_.settled();
  const bool too_many = max_.links && refused > *max_.links;
  const bool too_large_a_share =
      max_.percent && settled >= refused_answers_min &&
      static_cast<double>(refused) > *max_.percent / 100 * static_cast<double>(settled);
  if (!too_many && !too_large_a_share) return;
  too_many_ = Error{Errc::guard,
                    fmt::format("--max-refused: the service refused {} of {} links, the last one "
                                "with: {}: see {}",
                                refused, settled, mask_ids(message, {&link, 1}, mask_), letters_),
                    "max-refused"};
}

}  // namespace idmerge::send
