// SPDX-License-Identifier: MIT
//
// What the census knows an id by: the first 96 bits of SipHash-2-4-128 under a key that nobody
// outside the job knows. Two different ids with one fingerprint would be taken for one id, so the
// width and the key are what "exact deduplication" rests on: for n distinct ids the chance that
// any two collide is below n^2 / 2^97, that is 6e-16 for ten million and 6e-12 for a billion, and
// since the key is drawn at random nobody can prepare ids that collide.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace idmerge {

using Secret16 = std::array<std::uint8_t, 16>;

struct Fingerprint {
  std::uint64_t low = 0;
  std::uint32_t high = 0;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

class Fingerprinter {
 public:
  explicit Fingerprinter(const Secret16& secret);

  /// A key from the system's generator. Errors: none; aborts if the system has no entropy.
  static Secret16 draw_secret();

  Fingerprint operator()(std::string_view id) const;

  /// The fingerprints of two ids in little more than the time of one: each hash is a chain of steps
  /// that wait for each other, and two chains fill the gaps of one.
  std::array<Fingerprint, 2> operator()(std::string_view one, std::string_view other) const;

 private:
  std::array<std::uint64_t, 2> key_;
};

}  // namespace idmerge
