// SPDX-License-Identifier: MIT
#include "idmerge/core/fingerprint.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <sodium.h>

#include "idmerge/base/check.hpp"

namespace idmerge {
namespace {

static_assert(std::endian::native == std::endian::little, "SipHash reads little-endian words");

/// SipHash-2-4-128 under way. Source: Aumasson and Bernstein, and their siphash.c; our own because
/// a library hashes one id at a time, and that waits for itself.
class SipHash {
 public:
  SipHash(const std::array<std::uint64_t, 2>& key, std::string_view text)
      : v0_(key[0] ^ 0x736f6d6570736575U),
        v1_(key[1] ^ 0x646f72616e646f6dU ^ 0xee),
        v2_(key[0] ^ 0x6c7967656e657261U),
        v3_(key[1] ^ 0x7465646279746573U),
        at_(text.data()),
        words_(text.size() / 8),
        size_(text.size()) {}

  std::size_t words() const { return words_; }

  void take_word() {
    std::uint64_t word = 0;
    std::memcpy(&word, at_, sizeof word);
    at_ += sizeof word;
    absorb(word);
  }

  /// After all words.
  void take_tail() {
    std::uint64_t word = std::uint64_t{size_} << 56U;
    const auto rest = size_ % 8;
    // The eight bytes that end here hold the tail; shorter ids are put together.
    if (size_ >= 8) {
      std::uint64_t last = 0;
      std::memcpy(&last, at_ + rest - 8, sizeof last);
      if (rest > 0) word |= last >> (8 * (8 - rest));
    } else {
      for (std::size_t i = 0; i < rest; ++i)
        word |= std::uint64_t{static_cast<unsigned char>(at_[i])} << (8 * i);
    }
    absorb(word);
    v2_ ^= 0xee;
  }

  void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32) + v3_;
    v2_ += v1_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t result() const { return v0_ ^ v1_ ^ v2_ ^ v3_; }

  /// Between the two halves of the result.
  void turn() { v1_ ^= 0xdd; }

 private:
  void absorb(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }

  std::uint64_t v0_, v1_, v2_, v3_;
  const char* at_;
  std::size_t words_;
  std::size_t size_;
};

/// Finish all of them, step by step together.
template <class... Hashes>
std::array<Fingerprint, sizeof...(Hashes)> finish(Hashes&... hashes) {
  (hashes.take_tail(), ...);
  for (int i = 0; i < 4; ++i)
    (hashes.round(), ...);
  const std::array low{hashes.result()...};
  (hashes.turn(), ...);
  for (int i = 0; i < 4; ++i)
    (hashes.round(), ...);
  const std::array high{hashes.result()...};
  std::array<Fingerprint, sizeof...(Hashes)> prints;
  for (std::size_t i = 0; i < prints.size(); ++i)
    prints[i] = {low[i], static_cast<std::uint32_t>(high[i])};
  return prints;
}

}  // namespace

Fingerprinter::Fingerprinter(const Secret16& secret)
    : key_(std::bit_cast<decltype(key_)>(secret)) {}

Secret16 Fingerprinter::draw_secret() {
  IDMERGE_CHECK(sodium_init() >= 0);
  Secret16 secret;
  randombytes_buf(secret.data(), secret.size());
  return secret;
}

Fingerprint Fingerprinter::operator()(std::string_view id) const {
  SipHash hash(key_, id);
  for (std::size_t i = 0; i < hash.words(); ++i)
    hash.take_word();
  return finish(hash)[0];
}

std::array<Fingerprint, 2> Fingerprinter::operator()(std::string_view one,
                                                     std::string_view other) const {
  SipHash first(key_, one);
  SipHash second(key_, other);
  const auto both = std::min(first.words(), second.words());
  for (std::size_t i = 0; i < both; ++i) {
    first.take_word();
    second.take_word();
  }
  for (auto i = both; i < first.words(); ++i)
    first.take_word();
  for (auto i = both; i < second.words(); ++i)
    second.take_word();
  return finish(first, second);
}

}  // namespace idmerge
