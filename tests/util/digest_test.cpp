// SPDX-License-Identifier: MIT
#include "util/digest.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/digest") {
  TEST_CASE("values are those that xxhsum prints, so that formats stay readable to others") {
    // printf '' | xxhsum -H2, printf abc | xxhsum -H2, printf abc | xxhsum -H3
    CHECK(hex(digest("")) == "99aa06d3014798d86001c324468d497f");
    CHECK(hex(digest("abc")) == "06b05ab6733a618578af5f94892f3950");
    CHECK(checksum("abc") == 0x78af5f94892f3950);
    CHECK(checksum("abc", 1) != checksum("abc"));
  }

  TEST_CASE("pieces give the digest of the whole, at any moment") {
    std::string text;
    for (int i = 0; i < 5000; ++i)
      text += static_cast<char>(i * 7);
    Digester digester;
    std::size_t at = 0;
    for (std::size_t size = 1; at < text.size(); size = size * 3 % 1009 + 1) {
      const auto piece = std::string_view(text).substr(at, size);
      digester.update(piece);
      at += piece.size();
      REQUIRE(digester.digest() == digest(std::string_view(text).substr(0, at)));
    }
  }

  TEST_CASE("32 lower-case digits and nothing else are a digest") {
    Digest parsed{};
    CHECK(parse_hex("99aa06d3014798d86001c324468d497f", parsed));
    CHECK(parsed == digest(""));
    CHECK_FALSE(parse_hex("99AA06d3014798d86001c324468d497f", parsed));
    CHECK_FALSE(parse_hex("99aa06d3014798d86001c324468d497", parsed));
    CHECK_FALSE(parse_hex("99aa06d3014798d86001c324468d497ff", parsed));
    CHECK_FALSE(parse_hex("", parsed));
  }
}
