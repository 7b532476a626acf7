// SPDX-License-Identifier: MIT
//
// The public collections that other parsers are tried on (tests/corpora), whole: that csv and
// ndjson read them as their authors say they are to be read.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <simdjson.h>

#include "input/csv.hpp"
#include "input/ndjson.hpp"

#include "support/rows.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

namespace {

const std::filesystem::path corpora = std::filesystem::path(IDMERGE_TEST_DATA) / "corpora";

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The values of the objects in a file of csv-spectrum: a list of them, or one alone.
std::vector<std::vector<std::string>> rows_of(const std::filesystem::path& path) {
  simdjson::dom::parser parser;
  const simdjson::dom::element all = parser.load(path.string());
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](simdjson::dom::object object) {
    auto& row = rows.emplace_back();
    for (const auto& field : object)
      row.emplace_back(std::string_view(field.value));
  };
  if (all.is_array()) {
    for (const auto& element : all.get_array())
      add(element);
  } else {
    add(all);
  }
  return rows;
}

/// The cells of two columns of a CSV file with a header, as CsvReader reads them.
ReadFile two_columns(std::string_view bytes, std::uint32_t first, std::uint32_t second,
                     std::uint32_t count, std::size_t slice) {
  Columns columns;
  columns.sides[0] = Sides{.first = first, .second = second};
  columns.count = count;
  const auto header_end = bytes.find('\n') + 1;
  const CsvOptions options{.allow_lazy_quotes = true,  // one file has bare quotes
                           .take_last_row = true};
  return read_all(CsvReader(options, columns, {}, {}), bytes.substr(header_end), slice);
}

/// What is made of one line: "x|y", a fault's name, or "blank".
std::string outcome(const std::string& line, std::size_t slice) {
  Fields fields;
  fields.pointers = {{"a"}, {"u"}};
  fields.columns.sides[0] = Sides{.first = 0, .second = 1};
  const std::string good = "{\"a\":\"g\",\"u\":\"h\"}\n";
  const auto file = read_all(NdjsonReader({}, fields, 0), good + line + "\n" + good, slice);
  REQUIRE(file.error.empty());
  if (file.rows.size() == 2 && file.blank_lines == 1) return "blank";
  REQUIRE(file.rows.size() == 3);  // the neighbours are never lost
  CHECK(file.rows[0].anon == "g");
  CHECK(file.rows[2].user == "h");
  const auto& row = file.rows[1];
  return row.fault == Fault::none ? row.anon + "|" + row.user : std::string(name(row.fault));
}

}  // namespace

TEST_SUITE("input/corpora") {
  TEST_CASE("csv-spectrum: every two columns of every file") {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(corpora / "csv-spectrum")) {
      if (entry.path().extension() != ".csv") continue;
      ++files;
      CAPTURE(entry.path());
      const auto bytes = bytes_of(entry.path());
      auto expected = rows_of(std::filesystem::path(entry.path()).replace_extension(".json"));
      // The one slip of the collection: a telephone number that is not the file's.
      if (entry.path().stem() == "location_coordinates") expected[0][0] = "2095257564";
      const auto count = static_cast<std::uint32_t>(expected.front().size());
      for (std::uint32_t first = 0; first < count; ++first) {
        for (std::uint32_t second = 0; second < count; ++second) {
          if (first == second) continue;
          for (const std::size_t slice : {0U, 1U, 3U}) {
            const auto file = two_columns(bytes, first, second, count, slice);
            REQUIRE(file.error.empty());
            REQUIRE(file.rows.size() == expected.size());
            for (std::size_t i = 0; i < expected.size(); ++i) {
              CHECK(file.rows[i].fault == Fault::none);
              CHECK(file.rows[i].anon == expected[i][first]);
              CHECK(file.rows[i].user == expected[i][second]);
            }
          }
        }
      }
    }
    CHECK(files == 12);
  }

  TEST_CASE("json-test-suite: each case as a line, and as a value within one") {
    // Of the cases that a parser may take or leave: a BOM is none in the middle of a file.
    const std::set<std::string> left{"i_structure_UTF-8_BOM_empty_object"};
    const std::set<std::string> no_json{"not-json", "trailing-bytes", "blank"};
    simdjson::dom::parser parser;
    std::size_t cases = 0;
    for (const simdjson::dom::element each :
         parser.load_many((corpora / "json-test-suite" / "line-sized.ndjson").string())) {
      ++cases;
      const std::string name{std::string_view(each["name"])};
      const std::string input{std::string_view(each["input"])};
      CAPTURE(name);
      CAPTURE(input);
      const bool good = name.front() == 'y' || (name.front() == 'i' && !left.contains(name));
      for (const std::size_t slice : {0U, 1U, 7U}) {
        const auto alone = outcome(input, slice);
        CHECK(no_json.contains(alone) != good);
        const auto within = outcome(R"({"a":"x","u":"y","z":)" + input + "}", slice);
        CHECK((within == "x|y") == good);
        if (!good) CHECK(no_json.contains(within));
      }
    }
    CHECK(cases == 283);
  }
}
