// SPDX-License-Identifier: MIT
#include "idmerge/base/pages.hpp"

#include <cstdint>

#include <doctest/doctest.h>

using namespace idmerge;

TEST_SUITE("base/pages") {
  TEST_CASE("an array keeps what it holds when it grows, and new elements are zero") {
    PageArray<std::uint32_t> array;
    CHECK(array.size() == 0);
    array.grow(1000);
    for (std::uint32_t i = 0; i < 1000; ++i)
      array[i] = i + 1;
    array.grow(5'000'000);
    CHECK(array.bytes() == 20'000'000);
    bool kept = true;
    for (std::uint32_t i = 0; i < 1000; ++i)
      kept = kept && array[i] == i + 1;
    CHECK(kept);
    CHECK(array[1000] == 0);
    CHECK(array[4'999'999] == 0);
    array.grow(10);
    CHECK(array.size() == 5'000'000);
  }
}
