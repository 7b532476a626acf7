// SPDX-License-Identifier: MIT
//
// Everything that a job knows about some ids. A plan keeps distinct pairs, not rows, so links and
// clusters come from the plan and the rows from reading the inputs once more, as they were read
// then. Only an input whose content is still what was planned may speak about the plan; of the
// others it is said that they cannot. The deny list is not read again, as it may be another one by
// now: it is asked last of all, so a good pair that a plan with such a list lacks was denied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/fault.hpp"
#include "idmerge/core/key_values.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/run/planner.hpp"

namespace idmerge {

/// A link with bytes of its own.
struct KeptLink {
  std::uint64_t ordinal = 0;
  std::string anon;
  std::string user;
  Op op = Op::create;
  bool sided = true;
  Verdict verdict = Verdict::send;
  std::uint32_t component = 0;
  std::uint32_t file = 0;  // of its first row
  std::uint64_t line = 0;
};

/// What a row that names an id was when the plan was made.
enum class RowIs : std::uint8_t {
  first,      // the row that the link was made from
  duplicate,  // repeats a link
  skipped,    // one side is blank
  rejected,   // `fault` says why; none: nobody knows, as the row is a pair that the plan lacks
};

struct KeptRow {
  std::uint32_t file = 0;
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  std::string anon{};  // both empty when the row cannot be read: then its text has the id
  std::string user{};
  RowIs is = RowIs::rejected;
  Fault fault = Fault::none;
  std::optional<std::size_t> link{};  // index into the links of the id
};

/// Shape: all in the order of the inputs.
struct Explained {
  std::string id;
  std::vector<KeptLink> links{};         // that name it
  std::vector<std::string> cluster{};    // all ids of the cluster that is sent, itself included
  std::vector<std::string> too_large{};  // all ids of the cluster that is held for its size
  std::vector<KeptLink> clashes{};       // what its held links stand against
  std::vector<KeptRow> rows{};
};

/// An input that cannot be read again, and why.
struct UnreadInput {
  std::uint32_t file = 0;
  std::string why;
};

struct Explanation {
  std::vector<Explained> ids;
  std::vector<UnreadInput> unread;
};

/// Look for ids in a plan and in its inputs.
///
/// Bounds: memory for what is found, and for the links that are held for the size of their cluster
/// if an id is among them. Time: some passes over the plan and one over the inputs, however many
/// ids; only rows that cannot be read are looked through for each of them.
/// Errors: input for a plan that is damaged.
Result<Explanation> explain(const PlanReader& plan, const std::vector<std::string>& ids);

/// The options that a plan was made with, as far as they say how inputs are read.
/// Errors: input for a word that no plan has.
Result<PlanOptions> reading_options(const KeyValues& planned);

}  // namespace idmerge
