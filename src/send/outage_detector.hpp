// SPDX-License-Identifier: MIT
//
// Is the service there, and is it the one we think it is? Single failures are nothing; what counts
// is how long nothing has succeeded, and whether anything ever has. A refusal is a success here:
// the service did its work.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "util/clock.hpp"

namespace idmerge::send {

class OutageDetector {
 public:
  /// Foreign answers in a row, without a success between, that a job with successes survives.
  static constexpr std::uint32_t foreign_max = 2;

  /// `foreign_apart`: see bears_foreign.
  explicit OutageDetector(bool succeeded_before, std::chrono::milliseconds foreign_apart = {})
      : foreign_apart_(foreign_apart), ever_succeeded_(succeeded_before) {}

  void success(Instant now);
  void failure(Instant now, std::string_view what);

  /// A well-formed answer that this service would not give. False when the job must stop: at once
  /// while nothing has succeeded yet, later after more than `foreign_max` in a row. Those of one
  /// bad instant are one: the next that counts is the answer to a request that `left` when the one
  /// before it had come, and `foreign_apart` was over.
  bool bears_foreign(Instant left, Instant now, std::string_view what);

  /// Nothing was tried of late, by the user's will: that time does not count.
  void rest(Instant now) {
    if (failing_since_) failing_since_ = now;
  }

  bool ever_succeeded() const { return ever_succeeded_; }
  std::uint64_t successes() const { return successes_; }

  /// How long has nothing succeeded, counted from the first failure; zero while all is well.
  std::chrono::milliseconds failing_for(Instant now) const;

  Instant last_success() const { return last_success_; }
  const std::string& last_failure() const { return last_failure_; }

 private:
  std::chrono::milliseconds foreign_apart_;
  bool ever_succeeded_;
  std::uint64_t successes_ = 0;
  std::uint32_t foreign_ = 0;
  Instant foreign_from_{};  // none counts whose request left before
  std::optional<Instant> failing_since_;
  Instant last_success_{};
  std::string last_failure_;
};

}  // namespace idmerge::send
