// SPDX-License-Identifier: MIT
#include "plan/fingerprint.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <sodium.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "util/check.hpp"

namespace idmerge::plan {
namespace {

static_assert(std::endian::native == std::endian::little, "SipHash reads little-endian words");

std::uint64_t load(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Returns the last word of a text of `size` bytes: its remaining bytes at `at`, and its size.
std::uint64_t tail_word(const char* at, std::size_t size) {
  std::uint64_t word = std::uint64_t{size} << 56U;
  const auto rest = size % 8;
  // The last eight bytes of the text contain the rest; in shorter ids it is assembled by byte.
  if (size >= 8) {
    if (rest > 0) word |= load(at + rest - 8) >> (8 * (8 - rest));
  } else {
    for (std::size_t i = 0; i < rest; ++i)
      word |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
  }
  return word;
}

/// Returns the initial state of SipHash.
std::array<std::uint64_t, 4> first_words(const std::array<std::uint64_t, 2>& key) {
  return {key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU ^ 0xee,
          key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
}

/// Combines both halves of the results into fingerprints.
template <std::size_t count>
std::array<Fingerprint, count> prints_of(const std::array<std::uint64_t, count>& low,
                                         const std::array<std::uint64_t, count>& high) {
  std::array<Fingerprint, count> prints;
  for (std::size_t i = 0; i < count; ++i)
    prints[i] = {low[i], static_cast<std::uint32_t>(high[i])};
  return prints;
}

/// The state of a SipHash-2-4-128. Own code, because libraries hash one id at a time, whose
/// dependent steps leave the CPU idle.
/// Source: Aumasson and Bernstein, and their siphash.c.
class SipHash {
 public:
  SipHash(const std::array<std::uint64_t, 2>& key, std::string_view text)
      : SipHash(first_words(key), text) {}

  std::size_t words() const { return words_; }

  void take_word() {
    absorb(load(at_));
    at_ += 8;
  }

  /// Requires: all words have been taken.
  void take_tail() {
    absorb(tail_word(at_, size_));
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

  /// Call it between the two halves of the result.
  void turn() { v1_ ^= 0xdd; }

 private:
  SipHash(const std::array<std::uint64_t, 4>& words, std::string_view text)
      : v0_(words[0]),
        v1_(words[1]),
        v2_(words[2]),
        v3_(words[3]),
        at_(text.data()),
        words_(text.size() / 8),
        size_(text.size()) {}

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

/// Finishes several hashes in lockstep.
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
  return prints_of(low, high);
}

#if defined(__x86_64__)
#define IDMERGE_AVX2 [[gnu::target("avx2"), gnu::always_inline]] static inline

/// Four SipHash states, one per element of a vector.
class SipHash4 {
 public:
  IDMERGE_AVX2 __m256i all(std::uint64_t value) {
    return _mm256_set1_epi64x(static_cast<long long>(value));
  }
  IDMERGE_AVX2 __m256i pack(const std::array<std::uint64_t, 4>& words) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words.data()));
  }

  template <int bits>
  IDMERGE_AVX2 __m256i rotl(__m256i x) {
    return _mm256_or_si256(_mm256_slli_epi64(x, bits), _mm256_srli_epi64(x, 64 - bits));
  }
  IDMERGE_AVX2 __m256i rotl32(__m256i x) { return _mm256_shuffle_epi32(x, 0xB1); }

  struct State {
    __m256i v0, v1, v2, v3;
  };

  IDMERGE_AVX2 void round(State& s) {
    s.v0 = _mm256_add_epi64(s.v0, s.v1);
    s.v2 = _mm256_add_epi64(s.v2, s.v3);
    s.v1 = _mm256_xor_si256(rotl<13>(s.v1), s.v0);
    s.v3 = _mm256_xor_si256(rotl<16>(s.v3), s.v2);
    s.v0 = _mm256_add_epi64(rotl32(s.v0), s.v3);
    s.v2 = _mm256_add_epi64(s.v2, s.v1);
    s.v3 = _mm256_xor_si256(rotl<21>(s.v3), s.v0);
    s.v1 = _mm256_xor_si256(rotl<17>(s.v1), s.v2);
    s.v2 = rotl32(s.v2);
  }

  IDMERGE_AVX2 void absorb(State& s, __m256i word) {
    s.v3 = _mm256_xor_si256(s.v3, word);
    round(s);
    round(s);
    s.v0 = _mm256_xor_si256(s.v0, word);
  }

  IDMERGE_AVX2 __m256i result(const State& s) {
    return _mm256_xor_si256(_mm256_xor_si256(s.v0, s.v1), _mm256_xor_si256(s.v2, s.v3));
  }
};

/// Requires: all ids have the same number of whole words.
[[gnu::target("avx2")]] std::array<Fingerprint, 4> hash_four(
    const std::array<std::uint64_t, 2>& key, const Fingerprinter::Four& ids) {
  using Sip = SipHash4;
  const auto first = first_words(key);
  Sip::State s{Sip::all(first[0]), Sip::all(first[1]), Sip::all(first[2]), Sip::all(first[3])};
  const auto whole = ids[0].size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) {
    Sip::absorb(s, Sip::pack({load(ids[0].data() + at), load(ids[1].data() + at),
                              load(ids[2].data() + at), load(ids[3].data() + at)}));
  }
  std::array<std::uint64_t, 4> tails;
  for (std::size_t i = 0; i < 4; ++i)
    tails[i] = tail_word(ids[i].data() + whole, ids[i].size());
  Sip::absorb(s, Sip::pack(tails));
  s.v2 = _mm256_xor_si256(s.v2, Sip::all(0xee));
  for (int i = 0; i < 4; ++i)
    Sip::round(s);
  std::array<std::uint64_t, 4> low, high;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(low.data()), Sip::result(s));
  s.v1 = _mm256_xor_si256(s.v1, Sip::all(0xdd));
  for (int i = 0; i < 4; ++i)
    Sip::round(s);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(high.data()), Sip::result(s));
  return prints_of(low, high);
}

#undef IDMERGE_AVX2

#define IDMERGE_AVX512 [[gnu::target("avx512f"), gnu::always_inline]] static inline

/// Eight SipHash states: twice as many elements per vector, and a rotation is one instruction.
class SipHash8 {
 public:
  IDMERGE_AVX512 __m512i all(std::uint64_t value) {
    return _mm512_set1_epi64(static_cast<long long>(value));
  }
  IDMERGE_AVX512 __m512i pack(const std::array<std::uint64_t, 8>& words) {
    return _mm512_loadu_si512(words.data());
  }

  // The form without a mask makes gcc 12 warn of an uninitialized value.
  template <int bits>
  IDMERGE_AVX512 __m512i rotl(__m512i x) {
    return _mm512_maskz_rol_epi64(0xFF, x, bits);
  }

  struct State {
    __m512i v0, v1, v2, v3;
  };

  IDMERGE_AVX512 void round(State& s) {
    s.v0 = _mm512_add_epi64(s.v0, s.v1);
    s.v2 = _mm512_add_epi64(s.v2, s.v3);
    s.v1 = _mm512_xor_si512(rotl<13>(s.v1), s.v0);
    s.v3 = _mm512_xor_si512(rotl<16>(s.v3), s.v2);
    s.v0 = _mm512_add_epi64(rotl<32>(s.v0), s.v3);
    s.v2 = _mm512_add_epi64(s.v2, s.v1);
    s.v3 = _mm512_xor_si512(rotl<21>(s.v3), s.v0);
    s.v1 = _mm512_xor_si512(rotl<17>(s.v1), s.v2);
    s.v2 = rotl<32>(s.v2);
  }

  IDMERGE_AVX512 void absorb(State& s, __m512i word) {
    s.v3 = _mm512_xor_si512(s.v3, word);
    round(s);
    round(s);
    s.v0 = _mm512_xor_si512(s.v0, word);
  }

  IDMERGE_AVX512 __m512i result(const State& s) {
    return _mm512_xor_si512(_mm512_xor_si512(s.v0, s.v1), _mm512_xor_si512(s.v2, s.v3));
  }
};

/// Requires: all ids have the same number of whole words.
[[gnu::target("avx512f")]] std::array<Fingerprint, 8> hash_eight(
    const std::array<std::uint64_t, 2>& key, const Fingerprinter::Eight& ids) {
  using Sip = SipHash8;
  const auto first = first_words(key);
  Sip::State s{Sip::all(first[0]), Sip::all(first[1]), Sip::all(first[2]), Sip::all(first[3])};
  const auto whole = ids[0].size() / 8 * 8;
  std::array<std::uint64_t, 8> words;
  for (std::size_t at = 0; at < whole; at += 8) {
    for (std::size_t i = 0; i < words.size(); ++i)
      words[i] = load(ids[i].data() + at);
    Sip::absorb(s, Sip::pack(words));
  }
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = tail_word(ids[i].data() + whole, ids[i].size());
  Sip::absorb(s, Sip::pack(words));
  s.v2 = _mm512_xor_si512(s.v2, Sip::all(0xee));
  for (int i = 0; i < 4; ++i)
    Sip::round(s);
  std::array<std::uint64_t, 8> low, high;
  _mm512_storeu_si512(low.data(), Sip::result(s));
  s.v1 = _mm512_xor_si512(s.v1, Sip::all(0xdd));
  for (int i = 0; i < 4; ++i)
    Sip::round(s);
  _mm512_storeu_si512(high.data(), Sip::result(s));
  return prints_of(low, high);
}

#undef IDMERGE_AVX512

const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
const bool has_avx512 = __builtin_cpu_supports("avx512f") != 0;
#endif

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

std::array<Fingerprint, 4> Fingerprinter::operator()(const Four& ids) const {
#if defined(__x86_64__)
  const auto words = ids[0].size() / 8;
  if (has_avx2 && ids[1].size() / 8 == words && ids[2].size() / 8 == words &&
      ids[3].size() / 8 == words) {
    return hash_four(key_, ids);
  }
#endif
  const auto first = (*this)(ids[0], ids[1]);
  const auto second = (*this)(ids[2], ids[3]);
  return {first[0], first[1], second[0], second[1]};
}

std::array<Fingerprint, 8> Fingerprinter::operator()(const Eight& ids) const {
#if defined(__x86_64__)
  const auto words = ids[0].size() / 8;
  if (has_avx512 && std::all_of(ids.begin(), ids.end(),
                                [words](std::string_view id) { return id.size() / 8 == words; })) {
    return hash_eight(key_, ids);
  }
#endif
  const auto first = (*this)(Four{ids[0], ids[1], ids[2], ids[3]});
  const auto second = (*this)(Four{ids[4], ids[5], ids[6], ids[7]});
  std::array<Fingerprint, 8> prints;
  std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), prints.begin()));
  return prints;
}

void FingerprintBatch::finish() {
  for (Group& group : groups_)
    finish(group);
}

void FingerprintBatch::finish(Group& group) const {
  if (group.count == group.ids.size()) {
    const auto prints = print_(group.ids);
    for (std::size_t i = 0; i < prints.size(); ++i)
      *group.into[i] = prints[i];
  } else {
    for (std::size_t i = 0; i < group.count; ++i)
      *group.into[i] = print_(group.ids[i]);
  }
  group.count = 0;
}

}  // namespace idmerge::plan
