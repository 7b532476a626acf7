// SPDX-License-Identifier: MIT
#include "util/varint.hpp"

#include <array>
#include <string_view>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

namespace {

bool reads(std::string_view bytes, std::uint64_t& value) {
  const auto* at = bytes.data();
  const auto* const end = at + bytes.size();
  return get_varint(at, end, value) && at == end;
}

}  // namespace

TEST_SUITE("util/varint") {
  TEST_CASE("a number comes back from as few bytes as hold it, and from no others") {
    for (unsigned bits = 0; bits < 64; ++bits) {
      for (const auto off : {~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1}}) {
        const auto value = (std::uint64_t{1} << bits) + off;
        std::array<char, varint_bytes_max> bytes{};
        const auto size = static_cast<std::size_t>(put_varint(bytes.data(), value) - bytes.data());
        unsigned needed = 1;
        while (needed < 10 && value >> 7 * needed != 0)
          ++needed;
        CHECK(size == needed);
        std::uint64_t again = 0;
        CHECK(reads({bytes.data(), size}, again));
        CHECK(again == value);
        CHECK(!reads({bytes.data(), size - 1}, again));
      }
    }
  }

  TEST_CASE("what is longer than it need be, or over 64 bits, is no number") {
    std::uint64_t value = 0;
    CHECK(reads(std::string_view("\x00", 1), value));
    CHECK(!reads(std::string_view("\x80\x00", 2), value));
    CHECK(reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", value));
    CHECK(value == ~std::uint64_t{0});
    CHECK(!reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", value));
    CHECK(!reads("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", value));
  }

  TEST_CASE("small differences are small numbers, of either sign") {
    static_assert(zigzag(0) == 0 && zigzag(~std::uint64_t{0}) == 1 && zigzag(1) == 2);
    static_assert(unzigzag(zigzag(std::uint64_t{1} << 63)) == std::uint64_t{1} << 63);
  }
}
