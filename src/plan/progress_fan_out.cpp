// SPDX-License-Identifier: MIT
#include "plan/progress_fan_out.hpp"

namespace idmerge::plan {

void ProgressFanOut::planning(const PlanningNow& now) {
  for (Progress* listener : listeners_)
    listener->planning(now);
}

void ProgressFanOut::sending(const SendingNow& now) {
  for (Progress* listener : listeners_)
    listener->sending(now);
}

void ProgressFanOut::request_ended(const RequestEnded& request) {
  for (Progress* listener : listeners_)
    listener->request_ended(request);
}

void ProgressFanOut::note(Weight weight, std::string_view text) {
  for (Progress* listener : listeners_)
    listener->note(weight, text);
}

}  // namespace idmerge::plan
