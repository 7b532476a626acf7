// SPDX-License-Identifier: MIT
#include "util/buffer_queue.hpp"

#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/buffer_queue") {
  TEST_CASE("everything arrives once and in order") {
    BufferQueue<int, 3> queue;
    std::thread filler([&] {
      for (int i = 0; i < 100'000; ++i) {
        int* item = queue.take_empty();
        *item = i;
        queue.put_full(item);
      }
      queue.end();
    });
    int expected = 0;
    bool right = true;
    while (int* item = queue.take_full()) {
      right = right && *item == expected++;
      queue.put_empty(item);
    }
    filler.join();
    CHECK(right);
    CHECK(expected == 100'000);
  }

  TEST_CASE("a filler that waits is sent home when the other side ends") {
    BufferQueue<int, 2> queue;
    int filled = 0;
    std::thread filler([&] {
      while (int* item = queue.take_empty()) {
        ++filled;
        queue.put_full(item);
      }
    });
    int* item = queue.take_full();
    CHECK(item != nullptr);
    queue.end();
    filler.join();
    CHECK(filled <= 2);
  }
}
