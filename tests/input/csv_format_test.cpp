// SPDX-License-Identifier: MIT
#include "input/csv_format.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

TEST_SUITE("input/csv_format") {
  TEST_CASE("the layout of a table follows from its first row") {
    const auto layout =
        examine_csv({.bytes = "\xEF\xBB\xBFx,user_id,anon_id\na,b,c\n", .whole = true}, {});
    REQUIRE(layout);
    CHECK(layout->format == Format::csv);
    CHECK(layout->columns == 3);
    CHECK(layout->start == 21);
    CHECK(layout->side_names == std::array<std::string, 2>{"anon_id", "user_id"});
    CHECK(layout->first_row.empty());
    REQUIRE(layout->reader);
    RowBlock block;
    CHECK(layout->reader->feed("a,b,c\n", true, block).value() == 6);
    REQUIRE(block.rows.size() == 1);
    CHECK(block.rows[0].anon == "c");
    CHECK(block.rows[0].user == "b");
    CHECK(block.rows[0].line == 2);
    CHECK(layout->reader->line() == 3);
    CHECK(!layout->reader->seen_sides());
  }

  TEST_CASE("columns selected by number have their header shown, and a first row is one") {
    const RowReaderOptions numbers{.anon_field = "#1", .user_field = "#2"};
    const auto header = examine_csv({.bytes = "p,q\na,b\n", .whole = true}, numbers);
    REQUIRE(header);
    CHECK(header->numbered == std::vector<std::string>{"p", "q"});
    CHECK(header->first_row == std::vector<std::string>{"p", "q"});
    CHECK(header->start == 4);
    auto none = numbers;
    none.no_header = true;
    const auto row = examine_csv({.bytes = "\np,q\na,b\n", .whole = true}, none);
    REQUIRE(row);
    CHECK(row->numbered.empty());
    CHECK(row->first_row == std::vector<std::string>{"p", "q"});
    CHECK(row->start == 1);
  }

  TEST_CASE("TSV differs by its separator alone, and --delimiter goes before it") {
    CHECK(examine_tsv({.bytes = "anon_id\tuser_id\n", .whole = true}, {})->columns == 2);
    CHECK(examine_tsv({.bytes = "anon_id\tuser_id\n", .whole = true}, {})->format == Format::tsv);
    CHECK(examine_tsv({.bytes = "anon_id;user_id\n", .whole = true}, {.delimiter = ';'})->columns ==
          2);
    CHECK(examine_csv({.bytes = "sep=;\nanon_id;user_id\n", .whole = true}, {})->columns == 2);
    CHECK(examine_csv({.bytes = "sep=;\nanon_id;user_id\n", .whole = true}, {.delimiter = ','})
              .has_error());
  }

  TEST_CASE("a first row that has not ended is undecided, until it is too long") {
    const RowReaderOptions options{.row_max = 64};
    CHECK(examine_csv({.bytes = "anon_id,user"}, options)->undecided);
    const std::string long_row = "anon_id,user_id," + std::string(80, 'x');
    CHECK(examine_csv({.bytes = long_row}, options).has_error());
    const auto empty = examine_csv({.bytes = "\n\n", .whole = true}, options);
    REQUIRE(empty);
    CHECK(!empty->reader);
    CHECK_FALSE(empty->undecided);
  }
}
