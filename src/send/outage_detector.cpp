// SPDX-License-Identifier: MIT
#include "send/outage_detector.hpp"

namespace idmerge::send {

void OutageDetector::success(Instant now) {
  ever_succeeded_ = true;
  ++successes_;
  foreign_ = 0;
  failing_since_.reset();
  last_success_ = now;
}

void OutageDetector::failure(Instant now, std::string_view what) {
  if (!failing_since_) failing_since_ = now;
  last_failure_ = what;
}

bool OutageDetector::bears_foreign(Instant left, Instant now, std::string_view what) {
  failure(now, what);
  if (!ever_succeeded_) return false;
  if (foreign_ > 0 && left < foreign_from_) return true;
  foreign_from_ = now + foreign_apart_;
  return ++foreign_ <= foreign_max;
}

std::chrono::milliseconds OutageDetector::failing_for(Instant now) const {
  if (!failing_since_) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - *failing_since_);
}

}  // namespace idmerge::send
