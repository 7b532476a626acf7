// SPDX-License-Identifier: MIT
#include "input/cell.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

namespace {

std::optional<std::int64_t> order(std::string_view cell) {
  auto kind = OrderKind::unknown;
  return parse_order(cell, kind);
}

}  // namespace

TEST_SUITE("input/cell") {
  TEST_CASE("\\N is no id, and so are the words the user names, byte for byte") {
    const NullWords words({"null", "n/a"});
    CHECK(words.contains("\\N"));
    CHECK(words.contains("null"));
    CHECK(words.contains("n/a"));
    CHECK(!words.contains("NULL"));
    CHECK(!words.contains("null "));
    CHECK(!words.contains(""));
    CHECK(!NullWords().contains("null"));
  }

  TEST_CASE("a verb is named by its own name or by Mixpanel's event, and by nothing else") {
    CHECK(parse_op("create") == Op::create);
    CHECK(parse_op("$create_alias") == Op::alias);
    CHECK(parse_op("$merge") == Op::merge);
    CHECK(!parse_op("Create"));
    CHECK(!parse_op("merge "));
    CHECK(!parse_op(""));
  }

  TEST_CASE("an integer order stands for itself") {
    CHECK(order("0") == 0);
    CHECK(order("-5") == -5);
    CHECK(order("9223372036854775807") == 9223372036854775807);
    for (const auto* cell : {"", " 1", "1 ", "+1", "1.0", "1e3", "9223372036854775808", "0x1",
                             "-9223372036854775808"}) {
      CAPTURE(cell);
      CHECK(!order(cell));
    }
  }

  // Expected values by Python: int(datetime.fromisoformat(t).timestamp() * 10**9).
  TEST_CASE("a time is nanoseconds since 1970, wherever its zone is") {
    CHECK(order("1970-01-01T00:00:00Z") == 0);
    CHECK(order("2026-11-23T18:00:00Z") == 1795456800000000000);
    CHECK(order("2026-11-23t18:00:00z") == 1795456800000000000);
    CHECK(order("2026-11-23 18:00:00Z") == 1795456800000000000);
    CHECK(order("2026-11-23T20:00:00+02:00") == 1795456800000000000);
    CHECK(order("2026-11-23T12:30:00-05:30") == 1795456800000000000);
    CHECK(order("2026-11-23T18:00:00.5Z") == 1795456800500000000);
    CHECK(order("2026-11-23T18:00:00.123456789Z") == 1795456800123456789);
    CHECK(order("1969-12-31T23:59:59Z") == -1000000000);
    CHECK(order("2024-02-29T00:00:00Z") == 1709164800000000000);
    CHECK(order("2016-12-31T23:59:60Z") == 1483228800000000000);
  }

  TEST_CASE("what is not quite RFC 3339 is no order") {
    for (const auto* cell :
         {"2026-11-23", "2026-11-23T18:00Z", "2026-13-01T00:00:00Z", "2023-02-29T00:00:00Z",
          "2026-11-23T24:00:00Z", "2026-11-23T18:00:00.Z", "2026-11-23T18:00:00.1234567890Z",
          "2026-11-23T18:00:00Z ", "2026-11-23T18:00:00+2",
          "2026-11-23T18:00:00+02:", "2026-11-23T18:00:00+020", "2026-11-23T18:00:00+24:00",
          "2026-11-23T18:00:00 ", "2026-11-23T18:00:00 UTC+1", "2026-11-23T18:00:00 CET",
          "2026-11-23T18:00:00 +02:00:00", "1500-01-01T00:00:00Z", "23.11.2026"}) {
      CAPTURE(cell);
      CHECK(!order(cell));
    }
  }

  TEST_CASE("zones are read as warehouses write them") {
    CHECK(order("2026-11-23 18:00:00 UTC") == 1795456800000000000);  // BigQuery
    CHECK(order("2026-11-23 18:00:00.000001 UTC") == 1795456800000001000);
    CHECK(order("2026-11-23 18:00:00+00") == 1795456800000000000);  // PostgreSQL
    CHECK(order("2026-11-23 10:00:00.5-08") == 1795456800500000000);
    CHECK(order("2026-11-23 23:30:00+05:30") == 1795456800000000000);
    CHECK(order("2026-11-23 10:00:00.000 -0800") == 1795456800000000000);  // Snowflake
    CHECK(order("2026-11-23T10:00:00-0800") == 1795456800000000000);       // Python's %z
    CHECK(order("2026-11-23 18:00:00 Z") == 1795456800000000000);          // Trino
    CHECK(order("2026-11-23 18:00:00") == 1795456800000000000);            // Redshift
  }

  TEST_CASE("times with a zone and times without one are not compared") {
    for (const auto& cells : {std::array{"2026-11-23 18:00:00", "2026-11-23 18:00:00Z"},
                              std::array{"2026-11-23 18:00:00 UTC", "2026-11-23T18:00:00.5"}}) {
      auto kind = OrderKind::unknown;
      CHECK(parse_order(cells[0], kind));
      CHECK(!parse_order(cells[1], kind));
      CHECK(parse_order(cells[0], kind));
    }
  }

  TEST_CASE("counts of unlike units are not compared") {
    const std::array counts{"1704168246", "1704164645123", "1704164645123456",
                            "1704164645123456789"};
    for (const auto* first : counts) {
      for (const auto* second : counts) {
        CAPTURE(first);
        CAPTURE(second);
        auto kind = OrderKind::unknown;
        CHECK(parse_order("17", kind));  // says nothing about a unit
        CHECK(parse_order(first, kind));
        CHECK(parse_order(second, kind).has_value() == (first == second));
        CHECK(parse_order("17", kind));
        CHECK(parse_order("-1704164645123", kind));
        CHECK(parse_order("170416824699", kind));  // 12 digits: of no unit
        CHECK(!parse_order("2026-11-23T18:00:00Z", kind));
      }
    }
  }

  TEST_CASE("a column of integers takes no times, and the reverse") {
    auto kind = OrderKind::unknown;
    CHECK(parse_order("5", kind));
    CHECK(!parse_order("2026-11-23T18:00:00Z", kind));
    kind = OrderKind::unknown;
    CHECK(parse_order("2026-11-23T18:00:00Z", kind));
    CHECK(!parse_order("5", kind));
  }
}
