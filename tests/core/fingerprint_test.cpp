// SPDX-License-Identifier: MIT
#include "idmerge/core/fingerprint.hpp"

#include <numeric>
#include <string>

#include <doctest/doctest.h>

using namespace idmerge;

TEST_SUITE("core/fingerprint") {
  TEST_CASE("it is SipHash-2-4-128: the first vectors of its authors") {
    Secret16 key;
    std::iota(key.begin(), key.end(), std::uint8_t{0});
    const Fingerprinter print(key);
    // Source: vectors.h of the reference implementation, outputs for 0 and 1 bytes of input.
    CHECK(print("") == Fingerprint{0xe6a825ba047f81a3U, 0x1472f66dU});
    CHECK(print(std::string(1, '\0')) == Fingerprint{0x44af996bd8c187daU, 0x11597634U});
  }

  TEST_CASE("another key, another fingerprint") {
    const auto one = Fingerprinter::draw_secret();
    const auto two = Fingerprinter::draw_secret();
    CHECK(one != two);
    CHECK(Fingerprinter(one)("id") != Fingerprinter(two)("id"));
    CHECK(Fingerprinter(one)("id") == Fingerprinter(one)("id"));
  }
}
