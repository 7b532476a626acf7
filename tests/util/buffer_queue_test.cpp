// SPDX-License-Identifier: MIT
#include "util/buffer_queue.hpp"

#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/buffer_queue") {
  TEST_CASE("everything arrives once and in order") {
    Belt<int, 3> belt;
    std::thread filler([&] {
      for (int i = 0; i < 100'000; ++i) {
        int* item = belt.take_empty();
        *item = i;
        belt.put_full(item);
      }
      belt.end();
    });
    int expected = 0;
    bool right = true;
    while (int* item = belt.take_full()) {
      right = right && *item == expected++;
      belt.put_empty(item);
    }
    filler.join();
    CHECK(right);
    CHECK(expected == 100'000);
  }

  TEST_CASE("a filler that waits is sent home when the other side ends") {
    Belt<int, 2> belt;
    int filled = 0;
    std::thread filler([&] {
      while (int* item = belt.take_empty()) {
        ++filled;
        belt.put_full(item);
      }
    });
    int* item = belt.take_full();
    CHECK(item != nullptr);
    belt.end();
    filler.join();
    CHECK(filled <= 2);
  }
}
