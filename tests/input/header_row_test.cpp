// SPDX-License-Identifier: MIT
#include "input/header_row.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

namespace {

HeaderRows rows_of(const std::vector<std::string>& header, const FieldNames& names = {}) {
  const auto columns = choose_columns(names, header);
  REQUIRE_MESSAGE(columns, columns);
  return {*columns, header};
}

RowKind kind(const HeaderRows& rows, std::string_view first, std::string_view second,
             bool below = false, Op op = Op::create) {
  return rows.look(op, first, second, below);
}

}  // namespace

TEST_SUITE("input/header_row") {
  TEST_CASE("a header is known in any dress") {
    const auto rows = rows_of({"device_id", "identified_id", "ts"});
    for (const auto* first : {"device_id", "DEVICE_ID",
                              "\xEF\xBB\xBF"
                              "device_id",
                              " device_id\t", "\"device_id\"", "'Device_Id'", "`device_id`",
                              "\xEF\xBB\xBF\"device_id\""}) {
      for (const auto* second :
           {"identified_id", "identified_id ", "Identified_ID", "\"identified_id"}) {
        CAPTURE(first);
        CAPTURE(second);
        CHECK(kind(rows, first, second) == RowKind::header);
      }
    }
    // Of another export of the same table.
    CHECK(kind(rows, "anonymous_id", "user_id") == RowKind::header);
    CHECK(kind(rows, "$anon_id", "$identified_id") == RowKind::header);
  }

  TEST_CASE("an id that is called like a column is an id") {
    const auto rows = rows_of({"device_id", "identified_id", "ts"});
    for (const auto* other :
         {"u1", "", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "identified_id_7", "my identified_id",
          "identified_ids", "user", "id", "device", "identified_id::7", "identified_id:x",
          "identified_id.x", "-", ".", "::", "\xC2\xA0", "\xFF"}) {
      CHECK(kind(rows, "device_id", other) == RowKind::pair);
      CHECK(kind(rows, other, "identified_id") == RowKind::pair);
    }
    CHECK(kind(rows, "device_id", "device_id") == RowKind::pair);  // equal ids are no pair anyway
    CHECK(kind(rows, "", "") == RowKind::pair);
  }

  TEST_CASE("names are compared by their letters and digits, whatever tools put around them") {
    const auto rows = rows_of({"anon_id", "identified_id", "ts"});
    const std::vector<std::pair<std::string, std::string>> around{
        {"\xC2\xA0", ""},
        {"", "\xC2\xA0"},
        {"\xE2\x80\x8B", "\xE3\x80\x80"},
        {"\xEF\xBB\xBF\xEF\xBB\xBF\"", "\""},
        {"#", ""},
        {"# ", " "},
        {"[", "]"},
        {"`", "`"},
        {"\xE2\x80\x9C", "\xE2\x80\x9D"},
        {"\xE2\x80\x98", "\xE2\x80\x99"},
        {"pages.", ""},
        {"`t`.`", "`"},
        {"[dbo].[pages].[", "]"},
        {"Shop.public.pages.", "::varchar(36)"},
        {"", ":"},
        {"", "::text"},
        {"", ":STRING"},
        {"=\"", "\""},
        {"\\\"", "\\\""},
        {"$", ""},
        {"$device:", ""},
        {std::string(40, ' '), std::string(40, ' ')},
        {"\xE2\x80\xAE", ""},
    };
    for (const auto& both : around) {
      const auto dress = [&](const std::string& name) { return both.first + name + both.second; };
      CAPTURE(dress(""));
      for (const auto* anon : {"anon_id", "anon id", "anonId", "ANON-ID", "device_id"}) {
        CHECK(kind(rows, dress(anon), "identified_id") == RowKind::header);
        CHECK(kind(rows, dress(anon), dress("IdentifiedID")) == RowKind::header);
        CHECK(kind(rows, dress("user_id"), dress(anon)) == RowKind::other_columns);
        CHECK(kind(rows, dress("ts"), dress(anon)) == RowKind::other_columns);
        CHECK(kind(rows, dress(anon), "u1") == RowKind::pair);
        CHECK(kind(rows, "a1", dress(anon)) == RowKind::pair);
        CHECK(kind(rows, dress(anon), dress("identified_id") + "7") == RowKind::pair);
      }
    }
    CHECK(kind(rows, "\xEF\xBD\x81non_id", "identified_id") == RowKind::header);
    CHECK(kind(rows, "anon_id", "anonId") == RowKind::other_columns);
    FieldNames names;
    names.anon = "p.vid";
    names.user = "\xD0\xB8\xD0\xBC\xD1\x8F";
    const auto other = rows_of({names.anon, names.user}, names);
    CHECK(kind(other, "vid", "\xC2\xA0" + names.user) == RowKind::header);
    CHECK(kind(other, "q.VID", "t." + names.user) == RowKind::header);
    CHECK(kind(other, names.user + ":", "\"p\".\"vid\"") == RowKind::other_columns);
  }

  TEST_CASE("a name of digits is compared as it is") {
    FieldNames names;
    names.anon = "1";
    names.user = "2";
    const auto rows = rows_of({"1", "2"}, names);
    CHECK(kind(rows, " 1", "\"2\"") == RowKind::header);
    for (const auto* first : {"-1", "3.1", "#1", "1:"})
      CHECK(kind(rows, first, "2") == RowKind::pair);
  }

  TEST_CASE("a cell alone is asked for its side") {
    const auto rows = rows_of({"anon_id", "identified_id"});
    CHECK(rows.names_side(Op::create, 0, "`anon id`"));
    CHECK(rows.names_side(Op::create, 1, "user_id:"));
    CHECK_FALSE(rows.names_side(Op::create, 1, "anon_id"));
    CHECK_FALSE(rows.names_side(Op::create, 0, ""));
    CHECK_FALSE(rows.names_side(Op::create, 0, "a1"));
  }

  TEST_CASE("names in another order are another table") {
    const auto rows = rows_of({"device_id", "identified_id", "ts"});
    CHECK(kind(rows, "identified_id", "device_id") == RowKind::other_columns);
    CHECK(kind(rows, "user_id", "anonymous_id") == RowKind::other_columns);
    CHECK(kind(rows, "ts", "device_id") == RowKind::other_columns);
    CHECK(kind(rows, "identified_id", "TS") == RowKind::other_columns);
    CHECK(kind(rows, "email", "device_id") == RowKind::pair);  // no column of this table
  }

  TEST_CASE("named and numbered columns have the names of their header besides the usual ones") {
    FieldNames names;
    names.anon = "visitor";
    names.user = "#3";
    const auto rows = rows_of({"visitor", "ts", "login"}, names);
    CHECK(kind(rows, "Visitor", "LOGIN") == RowKind::header);
    CHECK(kind(rows, "login", "visitor") == RowKind::other_columns);
    CHECK(kind(rows, "visitor", "user_id") == RowKind::header);
    CHECK(kind(rows, "anonymous_id", "user_id") == RowKind::header);
    FieldNames numbers;
    numbers.anon = "#1";
    numbers.user = "#2";
    const auto columns = choose_columns(numbers, std::uint32_t{2});
    REQUIRE(columns);
    const HeaderRows without(*columns, {});
    CHECK(kind(without, "device_id", "user_id") == RowKind::header);
    CHECK(kind(without, "user_id", "device_id") == RowKind::other_columns);
    CHECK(kind(without, "visitor", "login") == RowKind::pair);
  }

  TEST_CASE("the names of every verb are names for all") {
    FieldNames names;
    names.op = Op::alias;
    const auto rows = rows_of({"alias", "distinct_id"}, names);
    CHECK(kind(rows, "Alias", "distinct_id", false, Op::alias) == RowKind::header);
    CHECK(kind(rows, "distinct_id", "alias", false, Op::alias) == RowKind::other_columns);
    // The header of another export is one for every verb.
    CHECK(kind(rows, "anonymous_id", "user_id", false, Op::alias) == RowKind::header);
    CHECK(kind(rows, "user_id", "device_id", false, Op::alias) == RowKind::other_columns);
  }

  TEST_CASE("types are known below a header, and only there") {
    const auto rows = rows_of({"anonymous_id", "user_id"});
    const std::vector<std::pair<std::string, std::string>> types{
        {"UUID", "Nullable(String)"},         {"String", "LowCardinality(String)"},
        {"FixedString(36)", "UInt64"},        {"VARCHAR(36)", "BIGINT"},
        {"character varying(255)", "int"},    {"STRING", "INT64"},
        {"uniqueidentifier", "nvarchar(64)"}, {"Array<String>", "text"}};
    for (const auto& both : types) {
      const auto& first = both.first;
      const auto& second = both.second;
      CAPTURE(first);
      CAPTURE(second);
      CHECK(kind(rows, first, second, true) == RowKind::types);
      CHECK(kind(rows, first, second, false) == RowKind::pair);
      CHECK(kind(rows, first, "u1", true) == RowKind::pair);
      CHECK(kind(rows, "a1", second, true) == RowKind::pair);
    }
    CHECK(kind(rows, "strings", "uuid-1", true) == RowKind::pair);
  }
}
