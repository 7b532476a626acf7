// SPDX-License-Identifier: MIT
#include "idmerge/core/fingerprint.hpp"

#include <cstring>

#include <sodium.h>

#include "idmerge/base/check.hpp"

namespace idmerge {

static_assert(crypto_shorthash_siphashx24_KEYBYTES == std::tuple_size_v<Secret16>);
static_assert(crypto_shorthash_siphashx24_BYTES == 16);

Secret16 Fingerprinter::draw_secret() {
  IDMERGE_CHECK(sodium_init() >= 0);
  Secret16 secret;
  randombytes_buf(secret.data(), secret.size());
  return secret;
}

Fingerprint Fingerprinter::operator()(std::string_view id) const {
  std::array<std::uint8_t, crypto_shorthash_siphashx24_BYTES> hash;
  crypto_shorthash_siphashx24(hash.data(), reinterpret_cast<const unsigned char*>(id.data()),
                              id.size(), secret_.data());
  Fingerprint print;
  std::memcpy(&print.low, hash.data(), sizeof print.low);
  std::memcpy(&print.high, hash.data() + sizeof print.low, sizeof print.high);
  return print;
}

}  // namespace idmerge
