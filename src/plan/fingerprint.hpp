// SPDX-License-Identifier: MIT
//
// The fingerprint by which the resolver identifies an id: the first 96 bits of SipHash-2-4-128
// under a key known only to the job. Two different ids with the same fingerprint would be taken for
// one id, so "exact deduplication" depends on the width and the key. For n distinct ids the
// probability that any two collide is below n^2 / 2^97, that is 6e-16 for ten million and 6e-12 for
// a billion, and since the key is random nobody can prepare ids that collide.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace idmerge::plan {

using Secret16 = std::array<std::uint8_t, 16>;

struct Fingerprint {
  std::uint64_t low = 0;
  std::uint32_t high = 0;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

class Fingerprinter {
 public:
  explicit Fingerprinter(const Secret16& secret);

  /// Draws a key from the system's generator. Errors: none; aborts if the system has no entropy.
  static Secret16 draw_secret();

  Fingerprint operator()(std::string_view id) const;

  /// Hashes two ids in little more time than one: the steps of a hash depend on each other, and a
  /// second, independent hash uses the idle execution units.
  std::array<Fingerprint, 2> operator()(std::string_view one, std::string_view other) const;

  /// Hashes four or eight ids, in parallel in vector registers if the CPU has them and all ids have
  /// the same number of whole eight-byte words.
  using Four = std::array<std::string_view, 4>;
  std::array<Fingerprint, 4> operator()(const Four& ids) const;
  using Eight = std::array<std::string_view, 8>;
  std::array<Fingerprint, 8> operator()(const Eight& ids) const;

 private:
  std::array<std::uint64_t, 2> key_;
};

/// Hashes many ids, in parallel where possible.
class FingerprintBatch {
 public:
  explicit FingerprintBatch(const Fingerprinter& print) : print_(print) {}

  /// Lifetime: the id and `into` must stay valid until finish().
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

  /// Hashes the remaining ids; afterwards every `into` is filled.
  void finish();

 private:
  struct Group {
    Fingerprinter::Eight ids;
    std::array<Fingerprint*, 8> into;
    std::size_t count = 0;
  };
  void finish(Group& group) const;

  Fingerprinter print_;
  std::array<Group, 8> groups_{};  // by number of whole words
};

}  // namespace idmerge::plan
