// SPDX-License-Identifier: MIT
//
// Gives links their fates by the service's word, and says when it said no too often. A link that
// the service knows already may be known because of us: then it is delivered, not refused, and
// marked as ambiguous.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/dialect.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/run/lane.hpp"
#include "idmerge/run/recorder.hpp"

namespace idmerge {

/// Refused links that stop the job. Flag: --max-refused
struct RefusedMax {
  std::optional<double> percent;  // of the answers; looked at after 1,000 of them
  std::optional<std::uint64_t> links;
};

class Settler {
 public:
  /// Shape: `inputs` and `recorder` must outlive the settler; `letters` is where the refused links
  /// are listed, to be named in errors; `mask` is of the ids in these.
  Settler(const std::vector<PlanInput>& inputs, Recorder& recorder, RefusedMax max,
          std::string letters, IdMask mask)
      : inputs_(inputs),
        recorder_(recorder),
        max_(max),
        letters_(std::move(letters)),
        mask_(mask) {}

  /// The service took a part, but for the refusals of the outcome.
  void deliver(const Batch& batch, const Part& part, const Outcome& outcome, unsigned status);

  /// The service said no to a part.
  void refuse(const Batch& batch, const Part& part, const Outcome& outcome, unsigned status);

  /// Errors: Errc::guard since too many were refused.
  const std::optional<Error>& too_many_refused() const { return too_many_; }

 private:
  void refuse_one(const Batch& batch, std::size_t i, unsigned status, std::string_view message,
                  const Tries& tries);
  void look_at_refusals(const Link& link, std::string_view message);

  const std::vector<PlanInput>& inputs_;
  Recorder& recorder_;
  RefusedMax max_;
  std::string letters_;
  IdMask mask_;
  std::optional<Error> too_many_;
};

}  // namespace idmerge
