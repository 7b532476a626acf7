// SPDX-License-Identifier: MIT
//
// `held.ndjson`: every held link of a plan, in order, with what it clashes with. What stands
// against a link is known by its anonymous id, so it is gathered by id, a few links for each. Where
// that is more than memory holds, the held links are parted by their id into files, and the lines
// of the parts are merged.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/census.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/spill.hpp"

namespace idmerge {

/// Ids that outlive the block or buffer they were read from.
class Texts {
 public:
  Texts() = default;
  Texts(const Texts&) = delete;  // the ids would stay behind
  Texts(Texts&&) = default;
  Texts& operator=(const Texts&) = delete;
  Texts& operator=(Texts&&) = default;

  std::string_view keep(std::string_view id);

 private:
  static constexpr std::size_t text_bytes = 64U << 10U;

  std::deque<std::string> texts_;  // none ever grows past what was reserved for it
};

/// Held links with their ids, in order.
struct HeldLinks {
  struct Held {
    Link link;
    Verdict verdict = Verdict::send;
  };
  std::vector<Held> links;
  Texts texts;

  void keep(const Link& link, Verdict verdict);
};

/// Memory for the lines about so many links of a plan. Units: bytes.
std::uint64_t held_bytes(std::uint64_t held, std::uint64_t bytes_a_link);

/// What claims alone hold, read from a plan whose links have ended, beside the rest of
/// Census::judge(). Errors: Errc::outage if the disk fails.
Result<HeldLinks> gather_claimed(const PlanWriter& plan, Files& files, const Census& census);

/// Write `held.ndjson`: first `rows`, the lines about rows that made no link, then those from the
/// plan; `gathered` are these, for a caller that has all of them.
///
/// Bounds: some 400 bytes and the ids of each held link, until these are more than half of
/// `memory_bytes` (0: without limit); without bound for what is `gathered`. Errors: Errc::outage
/// when the disk fails; there is no new file then.
Result<void> write_held(Files& files, const JobPaths& job, std::string_view rows,
                        const PlanReader& plan, SpillDir& dir, std::uint64_t memory_bytes,
                        std::optional<HeldLinks> gathered = {});

}  // namespace idmerge
