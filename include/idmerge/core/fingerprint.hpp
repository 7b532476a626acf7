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

  /// The same for four or eight, side by side in vector registers where the CPU has them and the
  /// ids have as many whole words of eight bytes.
  using Four = std::array<std::string_view, 4>;
  std::array<Fingerprint, 4> operator()(const Four& ids) const;
  using Eight = std::array<std::string_view, 8>;
  std::array<Fingerprint, 8> operator()(const Eight& ids) const;

 private:
  std::array<std::uint64_t, 2> key_;
};

/// Fingerprints many ids, those together that can be.
class FingerprintBatch {
 public:
  explicit FingerprintBatch(const Fingerprinter& print) : print_(print) {}

  /// Shape: the id and the place of its fingerprint last until finish().
  void add(std::string_view id, Fingerprint& into) {
    const auto words = id.size() / 8;
    if (words >= groups_.size()) {
      into = print_(id);
      return;
    }
    Group& group = groups_[words];
    group.ids[group.count] = id;
    group.into[group.count] = &into;
    if (++group.count == group.ids.size()) finish(group);
  }

  /// After it all places are filled.
  void finish();

 private:
  struct Group {
    Fingerprinter::Eight ids;
    std::array<Fingerprint*, 8> into;
    std::size_t count = 0;
  };
  void finish(Group& group) const;

  Fingerprinter print_;
  std::array<Group, 8> groups_{};  // by whole words
};

}  // namespace idmerge
