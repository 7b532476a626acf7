// SPDX-License-Identifier: MIT
#include "util/page_array.hpp"

#include <cstdint>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/page_array") {
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
    array.release();
    CHECK(array.bytes() == 0);
    array.grow_to_hold(3);
    CHECK(array[2] == 0);
  }

  TEST_CASE_TEMPLATE("an array that is appended to keeps what it holds", Array,
                     PageArray<std::uint64_t>, PageArray<std::uint64_t, PageSize::huge>,
                     PageArray<std::uint8_t>) {
    Array array;
    constexpr std::size_t size = 3'000'000;
    bool new_ones_are_zero = true;
    for (std::size_t i = 0; i < size; ++i) {
      array.grow_to_hold(i + 1);
      new_ones_are_zero = new_ones_are_zero && array[i] == 0;
      array[i] = static_cast<std::uint8_t>(i * 7 + 1);
    }
    CHECK(new_ones_are_zero);
    CHECK(array.size() >= size);
    CHECK(array.size() <= size + size / 2 + 1024);
    bool kept = true;
    for (std::size_t i = 0; i < size; ++i)
      kept = kept && array[i] == static_cast<std::uint8_t>(i * 7 + 1);
    CHECK(kept);
  }
}
