// SPDX-License-Identifier: MIT
//
// Passes progress reports on to several listeners. A command has one listener to report to; what
// draws a line and what counts metrics need not know each other.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "plan/progress.hpp"

namespace idmerge::plan {

/// Thread safety: as the listeners, because the list of them does not change.
class ProgressFanOut final : public Progress {
 public:
  /// Lifetime: the listeners must outlive this object.
  explicit ProgressFanOut(std::initializer_list<Progress*> listeners) : listeners_(listeners) {}

  /// Each report reaches all listeners, in their order.
  void planning(const PlanningNow& now) override;
  void sending(const SendingNow& now) override;
  void request_ended(const RequestEnded& request) override;
  void note(Weight weight, std::string_view text) override;

 private:
  std::vector<Progress*> listeners_;
};

}  // namespace idmerge::plan
