// SPDX-License-Identifier: MIT
#include "plan/fingerprint.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sodium.h>

using namespace idmerge;
using namespace idmerge::plan;

TEST_SUITE("plan/fingerprint") {
  TEST_CASE("it is SipHash-2-4-128: the first vectors of its authors") {
    Secret16 key;
    std::iota(key.begin(), key.end(), std::uint8_t{0});
    const Fingerprinter print(key);
    // Source: vectors.h of the reference implementation, outputs for 0 and 1 bytes of input.
    CHECK(print("") == Fingerprint{0xe6a825ba047f81a3U, 0x1472f66dU});
    CHECK(print(std::string(1, '\0')) == Fingerprint{0x44af996bd8c187daU, 0x11597634U});
  }

  TEST_CASE("ids of every length have the hash that libsodium gives, alone and together") {
    const auto secret = Fingerprinter::draw_secret();
    const Fingerprinter print(secret);
    std::string text;
    for (int i = 0; i < 70; ++i)
      text += static_cast<char>(i * 37 + 200);
    const auto wanted = [&](std::string_view id) {
      std::array<unsigned char, 16> hash;
      crypto_shorthash_siphashx24(hash.data(), reinterpret_cast<const unsigned char*>(id.data()),
                                  id.size(), secret.data());
      Fingerprint out;
      std::memcpy(&out.low, hash.data(), sizeof out.low);
      std::memcpy(&out.high, hash.data() + 8, sizeof out.high);
      return out;
    };
    for (std::size_t one = 0; one <= 70; ++one) {
      const auto first = std::string_view(text).substr(70 - one);
      CHECK(print(first) == wanted(first));
      for (std::size_t other = 0; other <= 70; ++other) {
        const auto second = std::string_view(text).substr(0, other);
        const auto both = print(first, second);
        CHECK((both[0] == wanted(first) && both[1] == wanted(second)));
        // Of as many words and of others.
        const auto third = std::string_view(text).substr(1, one);
        const auto fourth = std::string_view(text).substr(2, one / 8 * 8 + other % 8);
        const auto four = print(Fingerprinter::Four{first, third, fourth, first});
        const auto mixed = print(Fingerprinter::Four{first, second, third, fourth});
        CHECK((four[0] == wanted(first) && four[1] == wanted(third) && four[2] == wanted(fourth) &&
               four[3] == four[0]));
        CHECK((mixed[0] == wanted(first) && mixed[1] == wanted(second) &&
               mixed[2] == wanted(third) && mixed[3] == wanted(fourth)));
        const Fingerprinter::Eight alike{first, third, fourth, first, fourth, first, third, fourth};
        const Fingerprinter::Eight unlike{first,  second, third, fourth,
                                          second, third,  first, third};
        for (const auto& ids : {alike, unlike}) {
          const auto eight = print(ids);
          bool all = true;
          for (std::size_t i = 0; i < ids.size(); ++i)
            all = all && eight[i] == wanted(ids[i]);
          CHECK(all);
        }
      }
    }
  }

  TEST_CASE("all 96 bits are of the hash, and so many make a mistake as rare as promised") {
    const Fingerprinter print(Secret16{5});
    constexpr int ids = 4'096;
    std::array<int, 96> set{};
    for (int i = 0; i < ids; ++i) {
      const auto found = print("id-" + std::to_string(i));
      for (unsigned bit = 0; bit < 96; ++bit)
        set[bit] += bit < 64 ? static_cast<int>(found.low >> bit & 1u)
                             : static_cast<int>(found.high >> (bit - 64) & 1u);
    }
    for (const int count : set) {
      CHECK(count > ids * 2 / 5);
      CHECK(count < ids * 3 / 5);
    }
    // The birthday bound that the README promises: pairs of 10 million ids, each equal by chance.
    const double pairs = 1e7 * 1e7 / 2;
    CHECK(pairs / std::pow(2.0, 96) < 1e-15);
  }

  TEST_CASE("a batch of any ids has the fingerprints of each") {
    const Fingerprinter print(Secret16{5});
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < 400; ++i)
      ids.emplace_back(i * i % 91, static_cast<char>('a' + i % 26));
    std::vector<Fingerprint> prints(ids.size());
    FingerprintBatch batch(print);
    for (int twice = 0; twice < 2; ++twice) {
      for (std::size_t i = 0; i < ids.size(); ++i)
        batch.add(ids[i], prints[i]);
      batch.finish();
      for (std::size_t i = 0; i < ids.size(); ++i) {
        CHECK(prints[i] == print(ids[i]));
        prints[i] = {};
      }
    }
  }

  TEST_CASE("another key, another fingerprint") {
    const auto one = Fingerprinter::draw_secret();
    const auto two = Fingerprinter::draw_secret();
    CHECK(one != two);
    CHECK(Fingerprinter(one)("id") != Fingerprinter(two)("id"));
    CHECK(Fingerprinter(one)("id") == Fingerprinter(one)("id"));
  }
}
