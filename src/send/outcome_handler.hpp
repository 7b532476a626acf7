// SPDX-License-Identifier: MIT
//
// Turns the service's answers into outcomes of links, and stops the job after too many refusals. If
// the service reports a link as already linked and an earlier attempt may have delivered it, the
// link counts as delivered, is marked as ambiguous, and is listed. For any other link the same
// answer is a refusal.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "plan/plan_file.hpp"
#include "send/run_recorder.hpp"
#include "send/service_api.hpp"
#include "send/worker.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Refusals that stop the job. Flag: --max-refused
struct RefusedMax {
  std::optional<double> percent;  // of the answers; checked after 1,000 of them
  std::optional<std::uint64_t> links;
};

class OutcomeHandler {
 public:
  /// Lifetime: `service`, `inputs` and `recorder` must outlive this object. `letters` is the path
  /// of the list of refused links, for errors; `mask` applies to the ids in errors.
  OutcomeHandler(const ServiceFacts& service, const std::vector<plan::PlanInput>& inputs,
                 RunRecorder& recorder, RefusedMax max, std::string letters, util::IdMask mask)
      : service_(service),
        inputs_(inputs),
        recorder_(recorder),
        max_(max),
        letters_(std::move(letters)),
        mask_(mask) {}

  /// Records a slice as delivered, except for the refusals in the outcome.
  void deliver(const Batch& batch, const Slice& slice, const Outcome& outcome, unsigned status);

  /// Records a slice as refused.
  void refuse(const Batch& batch, const Slice& slice, const Outcome& outcome, unsigned status);

  /// Returns: Errc::guard once too many links were refused.
  const std::optional<Error>& too_many_refused() const { return too_many_; }

 private:
  void refuse_one(const Batch& batch, std::size_t i, unsigned status, std::string_view message,
                  const Tries& tries);
  void look_at_refusals(const input::Link& link, std::string_view message);

  const ServiceFacts& service_;
  const std::vector<plan::PlanInput>& inputs_;
  RunRecorder& recorder_;
  RefusedMax max_;
  std::string letters_;
  util::IdMask mask_;
  std::optional<Error> too_many_;
};

}  // namespace idmerge::send
