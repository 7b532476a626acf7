// SPDX-License-Identifier: MIT
#include "plan/packed_rows.hpp"

#include <deque>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

const std::string uuid = "8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11";

std::size_t packed_bytes(const std::string& anon, const std::string& user) {
  RowPacker packer(false);
  packer.add({.anon = anon, .user = user});
  return packer.bytes().size();
}

}  // namespace

TEST_SUITE("plan/packed_rows") {
  TEST_CASE("UUIDs and numbers take the bytes of their bits") {
    CHECK(packed_bytes(uuid, "1000000") == 3 + 16 + 3);
    CHECK(packed_bytes("$device:" + uuid, "9007199254740993") == 3 + 16 + 8);
    CHECK(packed_bytes("a", uuid) == 3 + 2 + 16);
  }

  TEST_CASE("every row comes back as it was, whatever its ids look like") {
    std::mt19937_64 random(idmerge::testing::seed());
    std::deque<std::string> ids{uuid,
                                "8F14E45F-CEEA-467F-A9D5-3C2E5B1A7C11",
                                "8f14e45f-ceea-467f-a9d5-3c2e5b1a7cg1",
                                "8f14e45f-ceea-467f_a9d5-3c2e5b1a7c11",
                                "$device:" + uuid,
                                "$Device:" + uuid,
                                "0",
                                "00",
                                "01",
                                "1",
                                "9",
                                "10",
                                "1e5",
                                "-1",
                                "+1",
                                "9223372036854775808",
                                "9999999999999999999",
                                "18446744073709551615",
                                "18446744073709551616",
                                "123 ",
                                "a",
                                std::string(255, 'x'),
                                std::string(300'000, '7')};
    // One byte of a UUID replaced by any other, in every place.
    for (int i = 0; i < 2000; ++i) {
      auto id = (i % 2 == 0 ? "$device:" : "") + uuid;
      id[random() % id.size()] = static_cast<char>(random());
      ids.push_back(std::move(id));
    }
    for (const bool has_orders : {false, true}) {
      RowPacker packer(has_orders);
      for (int block = 0; block < 3; ++block) {
        std::vector<Link> rows;
        for (std::size_t i = 0; i < 3000; ++i) {
          Link row{.anon = ids[i < ids.size() ? i : random() % ids.size()],
                   .user = ids[random() % ids.size()],
                   .line = random() % 4 == 0 ? random() : rows.size() * 3,
                   .offset = random() >> random() % 64,
                   .file = static_cast<std::uint32_t>(random() % 20 == 0 ? random() : 7)};
          row.op = static_cast<Op>(random() % 3);
          row.sided = random() % 2 == 0;
          if (has_orders) row.order = static_cast<std::int64_t>(random());
          packer.add(row);
          rows.push_back(row);
        }
        CHECK(packer.count() == rows.size());
        RowCursor cursor(packer.bytes(), has_orders);
        Link read;
        for (const auto& row : rows) {
          REQUIRE(cursor.next(read));
          CHECK((read.anon == row.anon && read.user == row.user && read.line == row.line &&
                 read.offset == row.offset && read.file == row.file && read.op == row.op &&
                 read.sided == row.sided && read.order == row.order));
        }
        CHECK(!cursor.next(read));
        packer.clear();
      }
    }
  }

  TEST_CASE("rows that were cut are not read beyond their end") {
    RowPacker packer(true);
    packer.add({.anon = uuid, .user = "12345678901", .line = 3, .offset = 99, .file = 2});
    packer.add({.anon = "$device:" + uuid, .user = "u", .line = 4, .offset = 150, .file = 2});
    for (std::size_t size = 0; size < packer.bytes().size(); ++size) {
      const std::string cut(packer.bytes().substr(0, size));
      RowCursor cursor(cut, true);
      Link row;
      int rows = 0;
      while (cursor.next(row))
        ++rows;
      CHECK(rows < 2);
    }
  }
}
