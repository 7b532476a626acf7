// SPDX-License-Identifier: MIT
//
// Collects everything that a job knows about some ids. A plan keeps distinct pairs, not rows, so
// links and clusters come from the plan, and rows from reading the inputs again with the options of
// the plan. An input is used only if its content is the one that was planned; others are reported
// as unread. The deny list is not read again, because it may have changed. It is the last check of
// a row, so a valid pair that is missing from a plan with a deny list was denied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "input/row.hpp"
#include "input/row_fault.hpp"
#include "plan/plan_file.hpp"
#include "plan/planner.hpp"
#include "plan/verdict.hpp"
#include "util/key_values.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// A link that owns its ids.
struct KeptLink {
  std::uint64_t ordinal = 0;
  std::string anon;
  std::string user;
  input::Op op = input::Op::create;
  bool sided = true;
  Verdict verdict = Verdict::send;
  std::uint32_t component = 0;
  std::uint32_t file = 0;  // input of its first row
  std::uint64_t line = 0;
};

/// Classification of a row when the plan was made.
enum class RowIs : std::uint8_t {
  first,      // the link was made from this row
  duplicate,  // repeats a link
  skipped,    // one side is blank
  rejected,   // because of `fault`; Fault::none: unknown, the plan lacks the row's pair
};

struct KeptRow {
  std::uint32_t file = 0;
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  std::string anon{};  // both empty if the row is unreadable; then its text contains the id
  std::string user{};
  RowIs is = RowIs::rejected;
  input::Fault fault = input::Fault::none;
  std::optional<std::size_t> link{};  // index into the links of the id
};

/// All lists are in the order of the inputs.
struct Explained {
  std::string id;
  std::vector<KeptLink> links{};         // links that name the id
  std::vector<std::string> cluster{};    // all ids of the cluster that is sent, including this one
  std::vector<std::string> too_large{};  // all ids of the cluster that is held for its size
  std::vector<KeptLink> clashes{};       // links that conflict with its held links
  std::vector<KeptRow> rows{};
};

/// An input that cannot be read again, with the reason.
struct UnreadInput {
  std::uint32_t file = 0;
  std::string why;
};

struct Explanation {
  std::vector<Explained> ids;
  std::vector<UnreadInput> unread;
};

/// Finds ids in a plan and in its inputs.
///
/// Bounds: memory for the results, and for the links that are held for the size of their cluster if
/// one of the ids is among them. Time: a few passes over the plan and one over the inputs, for any
/// number of ids; only unreadable rows are searched once for each id.
/// Errors: input for a damaged plan.
Result<Explanation> explain(const PlanReader& plan, const std::vector<std::string>& ids);

/// Returns: the options that a plan was made with, as far as they affect how inputs are read.
/// Errors: input for a value that no plan has.
Result<PlanOptions> reading_options(const util::KeyValues& planned);

}  // namespace idmerge::plan
