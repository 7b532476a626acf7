// SPDX-License-Identifier: MIT
//
// The seed of a random test: new every time and printed, or IDMERGE_SEED to repeat one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace idmerge::testing {

inline std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* text = std::getenv("IDMERGE_SEED");
    const std::uint64_t value =
        text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
    std::printf("IDMERGE_SEED=%llu\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return chosen;
}

/// How many random worlds: as many as usual, or IDMERGE_WORLDS.
inline std::uint64_t worlds(std::uint64_t usual) {
  const char* text = std::getenv("IDMERGE_WORLDS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

}  // namespace idmerge::testing
