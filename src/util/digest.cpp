// SPDX-License-Identifier: MIT
#include "util/digest.hpp"

#include <cstring>

#include <xxhash.h>

#include "util/check.hpp"
#include "util/exceptions.hpp"

namespace idmerge::util {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

Digest canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest digest;
  std::memcpy(digest.data(), bytes.digest, digest.size());
  return digest;
}

}  // namespace

struct Digester::State {
  XXH3_state_t* xxh3 = made(XXH3_createState());

  State() { IDMERGE_CHECK(XXH3_128bits_reset(xxh3) == XXH_OK); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh3); }
};

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Digest digest(std::string_view bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string hex(const Digest& digest) {
  std::string text;
  for (const auto byte : digest) {
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

bool parse_hex(std::string_view text, Digest& digest) {
  if (text.size() != 2 * digest.size()) return false;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = hex_digits.find(text[2 * i]);
    const auto low = hex_digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

Digester::Digester() : state_(std::make_unique<State>()) {}
Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;
Digester::~Digester() = default;

void Digester::update(std::string_view bytes) {
  IDMERGE_CHECK(XXH3_128bits_update(state_->xxh3, bytes.data(), bytes.size()) == XXH_OK);
}

Digest Digester::digest() const {
  return canonical(XXH3_128bits_digest(state_->xxh3));
}

}  // namespace idmerge::util
