// SPDX-License-Identifier: MIT
#include "input/csv.hpp"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rows.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

namespace {

/// Columns "anon,user", or as many more as there are.
Columns columns(std::uint32_t count = 2) {
  Columns columns;
  columns.sides[0] = Sides{.first = 0, .second = 1};
  columns.count = count;
  return columns;
}

ReadFile read(std::string_view bytes, const CsvOptions& options = {}, std::uint32_t count = 2) {
  const auto whole = read_all(CsvReader(options, columns(count), {"anon", "user"}, {}), bytes);
  // However the file is cut, nothing changes.
  for (const std::size_t slice : {1U, 2U, 3U, 5U, 7U, 16U, 63U, 64U, 65U}) {
    CAPTURE(slice);
    CHECK(read_all(CsvReader(options, columns(count), {"anon", "user"}, {}), bytes, slice) ==
          whole);
  }
  return whole;
}

std::string crlf(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c == '\n') text += '\r';
    text += c;
  }
  return text;
}

/// "anon|user" of each good row, "fault@line:column" of each bad one, one after the other.
std::string outcome(const ReadFile& file) {
  std::string text;
  for (const auto& row : file.rows) {
    if (!text.empty()) text += ' ';
    if (row.fault == Fault::none) {
      text += row.anon + "|" + row.user;
    } else {
      text += std::string(name(row.fault)) + "@" + std::to_string(row.line) + ":" +
              std::to_string(row.fault_at + 1);
    }
  }
  return file.error.empty() ? text : text + " error: " + file.error;
}

std::string outcome(std::string_view bytes, const CsvOptions& options = {},
                    std::uint32_t count = 2) {
  return outcome(read(bytes, options, count));
}

}  // namespace

TEST_SUITE("input/csv") {
  TEST_CASE("a row is its fields between delimiters, up to the line end") {
    const auto file = read("a1,u1\nb2,u22\n");
    REQUIRE(file.rows.size() == 2);
    CHECK(file.rows[0] ==
          ReadRow{.anon = "a1", .user = "u1", .text = "a1,u1", .line = 1, .user_at = 3});
    CHECK(file.rows[1] ==
          ReadRow{
              .anon = "b2", .user = "u22", .text = "b2,u22", .line = 2, .offset = 6, .user_at = 3});
  }

  TEST_CASE("CRLF is one line end, and empty lines are counted apart") {
    CHECK(outcome("a,b\r\nc,d\r\n") == "a|b c|d");
    const auto file = read("\na,b\n\r\n\nc,d\n\n");
    CHECK(outcome(file) == "a|b c|d");
    CHECK(file.blank_lines == 4);
    CHECK(file.rows[1].line == 5);
    CHECK(file.rows[1].offset == 8);
  }

  TEST_CASE("quotes are taken off, doubled ones become one, delimiters and newlines stay inside") {
    CHECK(outcome("\"a\",\"b\"\n") == "a|b");
    CHECK(outcome("\"a,1\",\"b \"\"x\"\" c\"\n") == "a,1|b \"x\" c");
    CHECK(outcome("\"a\nb\",c\nd,e\n") == "a\nb|c d|e");
    CHECK(outcome("\"\"\"\",\"\"\"a\"\n") == "\"|\"a");
    CHECK(outcome("\"\",b\n") == "|b");
    CHECK(outcome("\"a\",\"\"") == "a|");
    const auto file = read("\"a\r\nb\",c\r\nd,e\r\n");
    CHECK(outcome(file) == "a\r\nb|c d|e");
    CHECK(file.rows[1].line == 3);
    CHECK(file.rows[1].offset == 10);
  }

  // The shapes of the public collection csv-spectrum, each in two columns.
  TEST_CASE("the shapes that other readers are tried on") {
    struct Shape {
      std::string_view name;
      std::string_view bytes;
      std::string_view rows;
    };
    const Shape shapes[] = {
        {"comma in quotes", "John,\"120 any st., Anytown\"\n", "John|120 any st., Anytown"},
        {"empty", "1,\"\"\n\"\",\"\"\n2,3\n", "1| | 2|3"},
        {"empty, CRLF", "1,\"\"\r\n\"\",\"\"\r\n2,3\r\n", "1| | 2|3"},
        {"escaped quotes", "1,\"ha \"\"ha\"\" ha\"\n3,4\n", "1|ha \"ha\" ha 3|4"},
        {"json", "1,\"{\"\"type\"\": \"\"Point\"\", \"\"at\"\": [1.5, 2]}\"\n",
         "1|{\"type\": \"Point\", \"at\": [1.5, 2]}"},
        {"newlines", "\"Once upon \na time\",5\n7,8\n", "Once upon \na time|5 7|8"},
        {"newlines, CRLF", "\"Once upon \r\na time\",5\r\n7,8\r\n", "Once upon \r\na time|5 7|8"},
        {"quotes and newlines", "1,\"ha \n\"\"ha\"\" \nha\"\n3,4\n", "1|ha \n\"ha\" \nha 3|4"},
        {"simple", "1,2\n", "1|2"},
        {"UTF-8", "2,3\n4,\xCA\xA4\n", "2|3 4|\xCA\xA4"},
    };
    for (const auto& shape : shapes) {
      CAPTURE(shape.name);
      CHECK(outcome(shape.bytes) == shape.rows);
    }
  }

  TEST_CASE("ids are not trimmed, folded or understood") {
    CHECK(outcome(" A , \t\n007,1e3\n") == " A | \t 007|1e3");
  }

  TEST_CASE("\\N and the null words are blank, quoted or not") {
    CHECK(outcome("\\N,u\na,\"\\N\"\nnull,NULL\n", {.null_words = {"null"}}) == "|u a| |NULL");
  }

  // Each fault: where it is, in LF and CRLF files, alone, first, in the middle and last.
  TEST_CASE("a fault costs its row and no other, and says where it is") {
    struct Case {
      std::string_view row;
      std::string_view fault;
      std::uint32_t column;
    };
    const Case cases[] = {
        {"a", "ragged-row", 2},
        {"a,b,c", "ragged-row", 5},
        {"a,b,", "ragged-row", 5},
        {"\"x,y\"", "ragged-row", 6},
        {"a,b\"c", "bare-quote", 4},
        {"ab\"\"c,d", "bare-quote", 3},
        {"a, \"b\"", "bare-quote", 4},
        {"\"a\"x,b", "text-after-quote", 4},
        {"a,\"b\" ", "text-after-quote", 6},
        {"\"He said \"hi\", ok\",x", "text-after-quote", 11},
        {"a\rb,c", "lone-cr", 2},
        {"\"a\"\rb,c", "lone-cr", 4},
        {"anon,user", "repeated-header", 1},
    };
    for (const auto& c : cases) {
      for (const bool windows : {false, true}) {
        for (const std::size_t before : {0U, 1U, 700U, 5000U}) {
          CAPTURE(c.row);
          CAPTURE(windows);
          CAPTURE(before);
          std::string bytes;
          for (std::size_t i = 0; i < before; ++i)
            bytes += "good,row\n";
          auto offset = bytes.size();
          bytes += std::string(c.row) + "\nnext,row\n";
          if (windows) {
            bytes = crlf(bytes);
            offset += before;
          }
          const auto file = read_all(CsvReader({}, columns(), {"anon", "user"}, {}), bytes);
          CHECK(read_all(CsvReader({}, columns(), {"anon", "user"}, {}), bytes, 64) == file);
          REQUIRE(file.rows.size() == before + 2);
          const auto& row = file.rows[before];
          CHECK(name(row.fault) == c.fault);
          CHECK(row.fault_at + 1 == c.column);
          CHECK(row.line == before + 1);
          CHECK(row.offset == offset);
          CHECK(row.text == c.row);
          CHECK(row.anon.empty());
          CHECK(row.user.empty());
          CHECK(!hint(row.fault).empty());
          CHECK(file.rows[before + 1].anon == "next");
          CHECK(file.rows[before + 1].line == before + 2);
        }
      }
    }
  }

  TEST_CASE("a quote never closed rejects its line and all behind it, one by one") {
    for (const auto& bytes : {std::string("a,b\nc,\"d\ne,f\n\ng,h\n")}) {
      CHECK(outcome(bytes) ==
            "a|b unclosed-quote@2:3 after-unclosed-quote@3:1 after-unclosed-quote@5:1");
      CHECK(outcome(crlf(bytes)) ==
            "a|b unclosed-quote@2:3 after-unclosed-quote@3:1 after-unclosed-quote@5:1");
    }
    const auto file = read("a,\"b\r\n\r\nc,d");
    REQUIRE(file.rows.size() == 2);
    CHECK(file.rows[0].text == "a,\"b");
    CHECK(file.rows[1].text == "c,d");
    CHECK(file.rows[1].offset == 8);
    CHECK(file.blank_lines == 1);
    CHECK(outcome("a,\"b") == "unclosed-quote@1:3");
    CHECK(outcome("a,\"") == "unclosed-quote@1:3");
    CHECK(outcome("a,\"b\"\"") == "unclosed-quote@1:3");
  }

  TEST_CASE("a stray quote that is closed by the next one rejects the lines between") {
    CHECK(outcome("a,b\n\"c,d\n\"e\",\"f\"\ng,h\n") ==
          "a|b unclosed-quote@2:1 after-unclosed-quote@3:1 g|h");
    CHECK(outcome("a,\"b\nc,d\ne,\"f\"\ng,h\n") ==
          "unclosed-quote@1:3 after-unclosed-quote@2:1 after-unclosed-quote@3:1 g|h");
    // A fault on the first line is named as what it is.
    CHECK(outcome("\"a\"x,\"b\nc\"\ng,h\n") == "text-after-quote@1:4 after-unclosed-quote@2:1 g|h");
  }

  TEST_CASE("a well-quoted row over several lines is one row, with or without a fault") {
    CHECK(outcome("\"a\nb\",c,d\ne,f\n") == "ragged-row@1:9 e|f");
    CHECK(outcome("\"a\nb\",c\rd\ne,f\n") == "lone-cr@1:8 e|f");
  }

  TEST_CASE("with lazy quotes a quote that opens or closes nothing stands for itself") {
    const CsvOptions lazy{.allow_lazy_quotes = true};
    CHECK(outcome("a,b\"c\n", lazy) == "a|b\"c");
    CHECK(outcome("\"a \"b\" c\",d\n", lazy) == "a \"b\" c|d");
    CHECK(outcome("\"a\"\"b\",\"c\"\n", lazy) == "a\"b|c");
    // But not over lines: which of them belong together would be a guess.
    CHECK(outcome("\"a\"b,c\nd,\"e\"\n", lazy) == "text-after-quote@1:4 d|e");
    CHECK(outcome("a,\"b\nc\"d,e\nf,g\n", lazy) ==
          "unclosed-quote@1:3 after-unclosed-quote@2:1 f|g");
    CHECK(outcome("a,\"b\nc\"d\"\nf,g\n", lazy) ==
          "unclosed-quote@1:3 after-unclosed-quote@2:1 f|g");
  }

  TEST_CASE("allowed ragged rows lack fields or have surplus ones") {
    const CsvOptions ragged{.allow_ragged = true};
    CHECK(outcome("a\na,b,c\na,b\n", ragged) == "a| a|b a|b");
  }

  TEST_CASE("a last row that alone has no line end may be cut off, unless a quote proves its end") {
    CHECK(outcome("a,b\nc,d") == "a|b partial-row@2:4");
    CHECK(outcome("a,b\r\nc,d\r\ne,f") == "a|b c|d partial-row@3:4");
    CHECK(outcome("a,b\n\nc,") == "a|b partial-row@3:3");
    CHECK(outcome("a,b\n\"c\",d") == "a|b partial-row@2:6");
    CHECK(outcome("a\nc,d") == "ragged-row@1:2 partial-row@2:4");
    CHECK(outcome("a,b\nc,\"d\"") == "a|b c|d");
    CHECK(outcome("a,b\nc,\"d\"\"\"") == "a|b c|d\"");
    // One row says nothing about the others.
    CHECK(outcome("a,b") == "a|b");
    CHECK(outcome("\n\na,b") == "a|b");
    const CsvOptions take{.take_last_row = true};
    CHECK(outcome("a,b\nc,d", take) == "a|b c|d");
    CHECK(outcome("a,b\nc", take) == "a|b ragged-row@2:2");
    CHECK(outcome("a,b\nc,d", {.pipe = true, .take_last_row = true}) == "a|b c|d");
  }

  TEST_CASE("Excel's first line names the separator and is no row") {
    CHECK(named_separator("sep=;\r\na;b\r\n") == ';');
    CHECK(named_separator("\xEF\xBB\xBFsep=,\na,b\n") == ',');
    CHECK(named_separator("\"sep=;\"\na;b\n") == ';');
    CHECK(named_separator("sep=\t\na\tb\n") == '\t');
    for (const auto* other : {"sep=\na,b\n", "sep=;;\n", "sep,a\n", "a,b\nsep=;\n", "sep=;", ""})
      CHECK(!named_separator(other));
    const auto header = read_header("sep=;\r\n\r\na;b\r\nc;d\r\n", true, {.delimiter = ';'});
    REQUIRE(header);
    REQUIRE(*header);
    CHECK((*header)->names == std::vector<std::string>{"a", "b"});
    CHECK((*header)->start == 9);
    CHECK((*header)->bytes == 14);
    CHECK((*header)->lines_before == 2);
    CHECK((*header)->lines == 3);
  }

  TEST_CASE("a formula that keeps a number's zeros is told from a stray quote") {
    CHECK(outcome("a,=\"00123\"\nc,d\n") == "spreadsheet@1:4 c|d");
    CHECK(outcome("a,b=\"00123\"\nc,d\n") == "bare-quote@1:5 c|d");
  }

  TEST_CASE("the last row of a pipe without a line end is held to be cut off") {
    const CsvOptions pipe{.pipe = true};
    CHECK(outcome("a,b\nc,d", pipe) == "a|b partial-row@2:4");
    CHECK(outcome("a,b\nc,d\n", pipe) == "a|b c|d");
    CHECK(outcome("a,b\nc,\"d\"", pipe) == "a|b partial-row@2:6");
  }

  TEST_CASE("a row longer than row_max is rejected and left behind, quoted newlines included") {
    const CsvOptions small{.row_max = 16};
    const std::string fits = "0123456,89012345";
    CHECK(outcome(fits + "\nc,d\n", small) == "0123456|89012345 c|d");
    CHECK(outcome(fits + "\r\nc,d\r\n", small) == "0123456|89012345 c|d");
    CHECK(outcome(fits + "6\nc,d\n", small) == "row-too-long@1:1 c|d");
    CHECK(outcome(fits + "6\r\nc,d\r\n", small) == "row-too-long@1:1 c|d");
    CHECK(outcome(fits + "6", small) == "row-too-long@1:1");
    CHECK(outcome(std::string(500, 'x') + "\nc,d\n", small) == "row-too-long@1:1 c|d");
    const auto file = read(std::string(17, 'x') + ",\"a\nb,c\"\"\n\",\"y\"\ne,f\n", small);
    CHECK(outcome(file) == "row-too-long@1:1 e|f");
    CHECK(file.rows[1].line == 4);
    CHECK(file.rows[1].offset == 33);
    CHECK(file.rows[0].text == std::string(16, 'x'));
  }

  TEST_CASE("a quote open for longer than row_max ends the reading, with its place") {
    const CsvOptions small{.row_max = 16};
    const std::string rest =
        ": a quote is opened here and not closed within 16 bytes, so that all rows after it are "
        "uncertain: fix the quote, or raise --row-max if fields of this size are meant";
    CHECK(outcome("a,b\nc,\"d\ne,f\ng,h\ni,j\nk,l\n", small) ==
          "a|b error: line 2, column 3" + rest);
    CHECK(outcome("a,b\n" + std::string(17, 'x') + ",\"a\nb,ccccccccccccccccc\"\n", small) ==
          "a|b row-too-long@2:1 error: line 2, column 19" + rest);
    CHECK(outcome("a,b\n" + std::string(17, 'x') + ",\"a", small) ==
          "a|b row-too-long@2:1 error: line 2, column 19" + rest);
  }

  TEST_CASE("an op field gives each row its verb, an order field its order") {
    Columns both = columns(4);
    both.sides[2] = both.sides[0];
    both.op = 2;
    both.order = 3;
    CsvReader reader({}, both, {}, {});
    const auto file = read_all(std::move(reader), "a,b,merge,5\na,b,,\na,b,alias,1\na,b,drop,1\n");
    REQUIRE(file.rows.size() == 4);
    CHECK(file.rows[0].op == Op::merge);
    CHECK(file.rows[0].order == 5);
    CHECK(file.rows[1].op == Op::create);
    CHECK(file.rows[1].order == no_order);
    CHECK(file.rows[2].fault == Fault::missing_field);
    CHECK(file.rows[3].fault == Fault::unknown_op);
    CHECK(file.rows[3].fault_at == 4);
  }

  TEST_CASE("an order that cannot be read is told from none, and is no fault of the row") {
    Columns ordered = columns(4);
    ordered.sides[2] = ordered.sides[0];
    ordered.op = 3;
    ordered.order = 2;
    // The first that can be read says what all are.
    const auto file = read_all(CsvReader({}, ordered, {}, {}),
                               "a,b,yesterday,\na,b,5,\na,b,,\na,b,2026-11-23T18:00:00Z,\n"
                               "\"a\nc\",b, ,\na,b,\\N,\na,b,x,alias\na,b,x,drop\n");
    REQUIRE(file.rows.size() == 8);
    for (const auto i : {0U, 3U, 4U}) {
      CAPTURE(i);
      const auto& row = file.rows[i];
      CHECK(row.has_unreadable_order);
      CHECK(row.order == no_order);
      CHECK(row.fault == Fault::none);
      CHECK(row.user == "b");
      CHECK(row.fault_at == (i == 4 ? 8U : 4U));
    }
    for (const auto i : {1U, 2U, 5U}) {
      CAPTURE(i);
      CHECK_FALSE(file.rows[i].has_unreadable_order);
      CHECK(file.rows[i].fault_at == 0);
      CHECK(file.rows[i].order == (i == 1 ? 5 : no_order));
    }
    CHECK(file.rows[6].fault == Fault::missing_field);
    CHECK(file.rows[6].fault_at == 0);
    CHECK(file.rows[7].fault == Fault::unknown_op);
    CHECK(file.rows[7].fault_at == 6);
  }

  TEST_CASE("a quote that is opened in the header and never closed is named by its place") {
    for (const auto& [text, place] : {std::pair{"anon_id,\"user_id\na,u\n", "line 1, column 9: "},
                                      {"\n\"anon\nid\",\"user_id\na,u\n", "line 3, column 5: "}}) {
      const auto header = read_header(text, true, {});
      REQUIRE(!header);
      CHECK(header.error().what.starts_with(std::string(place) + "a quote is opened here"));
    }
  }

  TEST_CASE("the header is taken off with a BOM and blank lines before it") {
    const auto header = read_header("\xEF\xBB\xBF\r\n\"a \"\"x\"\"\",b\r\nc,d\r\n", true, {});
    REQUIRE(header);
    REQUIRE(*header);
    CHECK((*header)->names == std::vector<std::string>{"a \"x\"", "b"});
    CHECK((*header)->start == 5);
    CHECK((*header)->bytes == 18);
    CHECK((*header)->lines == 2);
    CHECK((*header)->lines_before == 1);
    CHECK((*header)->text == "\"a \"\"x\"\"\",b");
    REQUIRE(read_header("", true, {}));
    CHECK(!*read_header("\n\n", true, {}));
    CHECK(!read_header("a,b", false, {}));
    CHECK(*read_header("a,b", true, {}));
    CHECK(!read_header("a\rb,c", true, {}));
    CHECK(!read_header("a,\"b\n", true, {}));
  }

  TEST_CASE("a header whose quotes are out of place is one") {
    for (const std::string row :
         {"\xEF\xBB\xBF\xEF\xBB\xBF\"user\",\"anon\"", "\"\"user\"\",anon", " \"user\" , \"anon\"",
          "\\\"user\\\",\\\"anon\\\"", "#\"user_id\",\"anon\"", "x\"user\",\"anon"}) {
      CAPTURE(row);
      const auto file =
          read_all(CsvReader({}, columns(), {"anon", "user"}, {}), "a1,u1\n" + row + "\nu2,a2\n");
      CHECK(file.error.starts_with("line 2: the row names columns") == !row.starts_with('x'));
    }
    CHECK(outcome("a1,u1\n#\"anon\",\"user\"\na2,u2\n") == "a1|u1 repeated-header@2:1 a2|u2");
    CHECK(outcome("a1,u1\nanon\",user7\na2,u2\n") == "a1|u1 bare-quote@2:5 a2|u2");
  }

  TEST_CASE("a header with more cells than the first ends the reading where they are allowed") {
    const CsvOptions ragged{.allow_ragged = true};
    for (const std::string row : {"ts,user,anon", "ts,anon,user", "x,USER,\"[anon]\"",
                                  "user_id,x,`anon`", "ts,identified_id,$anon_id,x"}) {
      CAPTURE(row);
      const auto file = read_all(CsvReader(ragged, columns(), {"anon", "user"}, {}),
                                 "a1,u1\n" + row + "\n1,u2,a2\n");
      CHECK(file.error.starts_with("line 2: the row names columns"));
      CHECK(outcome("a1,u1\n" + row + "\n1,u2\n").starts_with("a1|u1 ragged-row@2:"));
    }
    CHECK(outcome("a1,u1\nanon,user,ts\na2,u2,5\n", ragged) == "a1|u1 repeated-header@2:1 a2|u2");
    for (const std::string row : {"1,user,x", "a2,x,anon", "user,x,user", "ts,users,anon"}) {
      CAPTURE(row);
      const auto fields = row.substr(0, row.rfind(','));
      CHECK(outcome("a1,u1\n" + row + "\na3,u3\n", ragged) ==
            "a1|u1 " + std::string(fields).replace(fields.find(','), 1, "|") + " a3|u3");
    }
  }

  // The fast path and the careful one are two readers; this holds one against the other.
  TEST_CASE("random bytes are read alike in any slices, and each line is accounted for") {
    std::mt19937_64 random(seed());
    const std::string alphabet = "ab,,\"\"\n\n\r";
    for (int round = 0; round < 3000; ++round) {
      std::string bytes;
      const auto size = random() % 200;
      for (std::size_t i = 0; i < size; ++i)
        bytes += alphabet[random() % alphabet.size()];
      const CsvOptions options{.row_max = random() % 2 == 0 ? 20U : 1U << 20U,
                               .allow_ragged = random() % 2 == 0,
                               .allow_lazy_quotes = random() % 4 == 0,
                               .pipe = random() % 4 == 0};
      CAPTURE(bytes);
      const auto make = [&] { return CsvReader(options, columns(), {"anon", "user"}, {}); };
      const auto whole = read_all(make(), bytes);
      for (int i = 0; i < 4; ++i) {
        const std::size_t slice = 1 + random() % 70;
        CAPTURE(slice);
        CHECK(read_all(make(), bytes, slice) == whole);
      }
    }
  }
}
