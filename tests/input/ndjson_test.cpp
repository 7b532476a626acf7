// SPDX-License-Identifier: MIT
#include "input/ndjson.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/rows.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

namespace {

Fields fields(const std::string& anon = "a", const std::string& user = "u") {
  return choose_fields({.anon = anon, .user = user}, {}).value();
}

ReadFile read(std::string_view bytes, const Fields& wanted = fields(),
              const NdjsonOptions& options = {}) {
  const auto whole = read_all(NdjsonReader(options, wanted, 0), bytes);
  for (const std::size_t slice : {1U, 2U, 3U, 7U, 64U, 100U}) {
    CAPTURE(slice);
    CHECK(read_all(NdjsonReader(options, wanted, 0), bytes, slice) == whole);
  }
  return whole;
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

std::string outcome(std::string_view bytes, const Fields& wanted = fields(),
                    const NdjsonOptions& options = {}) {
  return outcome(read(bytes, wanted, options));
}

}  // namespace

TEST_SUITE("input/ndjson") {
  TEST_CASE("a row is an object on a line, its ids under their keys") {
    const auto file =
        read("{\"a\":\"x\",\"u\":\"y\"}\r\n\n  \n { \"u\" : \"z\" , \"a\":\"w\" } \n");
    CHECK(outcome(file) == "x|y w|z");
    CHECK(file.blank_lines == 2);
    CHECK(file.rows[0] == ReadRow{.anon = "x",
                                  .user = "y",
                                  .text = "{\"a\":\"x\",\"u\":\"y\"}",
                                  .line = 1,
                                  .anon_at = 5,
                                  .user_at = 13});
    CHECK(file.rows[1].line == 4);
    CHECK(file.rows[1].offset == 23);
  }

  TEST_CASE("absent and null ids are blank, and so are null words") {
    CHECK(outcome("{\"a\":\"x\"}\n{\"u\":null,\"a\":\"\"}\n{}\n{\"a\":\"\\\\N\",\"u\":\"nil\"}\n",
                  fields(), {.null_words = {"nil"}}) == "x| | | |");
  }

  TEST_CASE("integers are taken by their exact text") {
    CHECK(outcome("{\"a\":123456789012345678901234567890,\"u\":-5}\n{\"a\":0,\"u\":9}") ==
          "123456789012345678901234567890|-5 0|9");
  }

  TEST_CASE("escapes are decoded, in ids and in keys") {
    CHECK(outcome(R"({"\u0061":"x\"\\\u00e9","u":"\ud83d\ude00"})") ==
          "x\"\\\xC3\xA9|\xF0\x9F\x98\x80");
  }

  TEST_CASE("pointers lead into objects and arrays") {
    const auto nested = fields("/p/x~1y", "/c/ids/1");
    CHECK(outcome(R"({"p":{"z":{"x/y":"no"},"x/y":"A"},"x/y":"no","c":{"ids":["n","U",3]}})",
                  nested) == "A|U");
    CHECK(outcome(R"({"p":[1],"c":{"ids":{}}})", nested) == "|");
  }

  // JSONTestSuite's kinds of cases that fit on a line, and what the layout can have wrong. Each
  // alone, among good rows, and with CRLF: one bad line costs one line.
  TEST_CASE("a fault costs its line and no other, and says where it is") {
    struct Case {
      std::string_view line;
      std::string_view fault;
      std::uint32_t column;
    };
    const Case cases[] = {
        {R"({"a":"x","u":"y"} x)", "trailing-bytes", 19},
        {R"({"a":"x","u":"y"}})", "trailing-bytes", 18},
        {R"({"a":"x"}{"u":"y"})", "trailing-bytes", 10},
        {R"({"a":"x"},)", "trailing-bytes", 10},
        {R"([{"a":"x","u":"y"}])", "not-an-object", 1},
        {R"("x")", "not-an-object", 1},
        {R"(null)", "not-an-object", 1},
        {R"(-1.5e+3)", "not-an-object", 1},
        {R"(x)", "not-json", 1},
        {R"([1 true])", "not-json", 4},
        {R"({"a":"x","u":"y")", "not-json", 17},
        {R"({"a":"x","u":})", "not-json", 14},
        {R"({"a":"x","u")", "not-json", 13},
        {R"({"a":"x",})", "not-json", 10},
        {R"({"a" "x"})", "not-json", 6},
        {R"({"a":"x" "u":"y"})", "not-json", 10},
        {R"({a:"x"})", "not-json", 2},
        {R"({1:"x"})", "not-json", 2},
        {R"({,"a":"x"})", "not-json", 2},
        {R"({"a"::"x"})", "not-json", 6},
        {R"({"a":'x'})", "not-json", 6},
        {R"({"a":tru})", "not-json", 6},
        {R"({"a":True})", "not-json", 6},
        {R"({"a":nul})", "not-json", 6},
        {R"({"a":NaN})", "not-json", 6},
        {R"({"a":01})", "not-json", 6},
        {R"({"a":+1})", "not-json", 6},
        {R"({"a":1.})", "not-json", 6},
        {R"({"a":.5})", "not-json", 6},
        {R"({"a":-})", "not-json", 6},
        {R"({"a":1e})", "not-json", 6},
        {R"({"a":1e+})", "not-json", 6},
        {R"({"a":0x1})", "not-json", 6},
        {R"({"a":1 2})", "not-json", 8},
        {R"({"a":1"x"})", "not-json", 6},
        {R"({"z":[1,],"a":"x"})", "not-json", 9},
        {R"({"z":[1})", "not-json", 8},
        {R"({"z":[},"a":1})", "not-json", 7},
        {R"({"z":[,1]})", "not-json", 7},
        {R"({"z":"\x"})", "not-json", 6},
        {R"({"z":"\u12g4"})", "not-json", 6},
        {R"({"z":"\u12"})", "not-json", 6},
        {R"({"z":"\uD834\uDd"})", "not-json", 6},
        {"{\"z\":\"a\tb\"}", "not-json", 8},
        {R"({"a":"x)", "not-json", 6},
        {R"({"a":"x\"})", "not-json", 6},
        {R"({"a":"x","u)", "not-json", 10},
        {"{\"a\":\"x\"}\f", "trailing-bytes", 10},
        {"{\"z\":\"\xff\"}", "bad-utf8", 7},
        {"{\"z\":\"\xed\xa0\x80\"}", "bad-utf8", 7},
        {"{\"z\":\"ab\xc0\xaf\"}", "bad-utf8", 9},
        {R"({"a":"x","a":"y"})", "duplicate-key", 10},
        {R"({"a":"x","u":"y","\u0075":"z"})", "duplicate-key", 18},
        {R"({"a":1.0,"u":"y"})", "not-an-id", 6},
        {R"({"a":"x","u":1e3})", "not-an-id", 14},
        {R"({"a":true,"u":"y"})", "not-an-id", 6},
        {R"({"a":{},"u":"y"})", "not-an-id", 6},
        {R"({"a":["x"],"u":"y"})", "not-an-id", 6},
        {R"({"a":"x\ud800","u":"y"})", "lone-surrogate", 8},
        {R"({"a":"x","u":"\udc00"})", "lone-surrogate", 15},
    };
    const std::string good = "{\"a\":\"g\",\"u\":\"h\"}";
    for (const auto& c : cases) {
      for (const std::string end : {"\n", "\r\n"}) {
        for (const std::size_t before : {0U, 1U, 3000U}) {
          CAPTURE(c.line);
          CAPTURE(before);
          std::string bytes;
          for (std::size_t i = 0; i < before; ++i)
            bytes += good + end;
          const auto offset = bytes.size();
          bytes += std::string(c.line) + end + good + end;
          const auto file = read_all(NdjsonReader({}, fields(), 0), bytes);
          CHECK(read_all(NdjsonReader({}, fields(), 0), bytes, 50) == file);
          REQUIRE(file.rows.size() == before + 2);
          const auto& row = file.rows[before];
          CHECK(name(row.fault) == c.fault);
          CHECK(row.fault_at + 1 == c.column);
          CHECK(row.line == before + 1);
          CHECK(row.offset == offset);
          CHECK(row.text == c.line);
          CHECK(row.anon.empty());
          CHECK(!hint(row.fault).empty());
          CHECK(file.rows[before + 1].anon == "g");
          CHECK(file.rows[before + 1].line == before + 2);
        }
      }
    }
  }

  TEST_CASE("what JSON allows is no fault") {
    for (const auto* line :
         {R"({"a":"x","u":"y","z":[[],{},[[1,-0,0.5,1E-2,1e+9]],{"a":{"a":"no"}}]})",
          R"({"z":"\ud800","a":"x","u":"y"})", R"({"z":1,"z":2,"a":"x","u":"y"})",
          "\t{\"a\":\"x\" ,\t\"u\":\"y\"}\t", R"({"z":"{\"a\":\"no\"}","a":"x","u":"y"})",
          R"({"":0,"a":"x","u":"y"})"}) {
      CAPTURE(line);
      CHECK(outcome(line) == "x|y");
    }
    const std::string deep = std::string(400, '[') + std::string(400, ']');
    CHECK(outcome("{\"z\":" + deep + ",\"a\":\"x\",\"u\":\"y\"}") == "x|y");
    const std::string deeper = std::string(4000, '[') + std::string(4000, ']');
    CHECK(outcome("{\"z\":" + deeper + "}\n{\"a\":\"x\"}") == "not-json@1:517 x|");
  }

  TEST_CASE("$distinct_ids are two ids without sides") {
    const auto merge = choose_fields({.op = Op::merge}, {"$distinct_ids"}).value();
    const auto file = read(R"({"$distinct_ids":["x","y"]}
{"$distinct_ids":[17,null]}
{"$distinct_ids":["x"]}
{"$distinct_ids":["x","y","z"]}
{"$distinct_ids":"x"}
{"$distinct_ids":["x",1.5]}
{"$distinct_ids":["x",["y"]]}
{"$distinct_ids":null}
{}
)",
                           merge);
    CHECK(outcome(file) ==
          "x|y 17| not-a-pair@3:18 not-a-pair@4:18 not-a-pair@5:18 not-an-id@6:23 not-an-id@7:23 "
          "| |");
    CHECK(!file.rows[0].sided);
    CHECK(file.rows[0].op == Op::merge);
    CHECK(file.rows[0].user_at == 22);
  }

  TEST_CASE("op and order are read from their fields") {
    const auto wanted =
        choose_fields({.anon = "a", .user = "u", .op_field = "op", .order_field = "at"}, {})
            .value();
    const auto file = read(R"({"a":"x","u":"y","op":"merge","at":5}
{"a":"x","u":"y","op":null,"at":"7"}
{"a":"x","u":"y","op":"x"}
)",
                           wanted);
    CHECK(outcome(file) == "x|y x|y unknown-op@3:23");
    CHECK(file.rows[0].op == Op::merge);
    CHECK(file.rows[0].order == 5);
    CHECK(file.rows[1].op == Op::create);
    CHECK(file.rows[1].order == 7);
  }

  TEST_CASE("an order that cannot be read is told from none, and is no fault of the row") {
    const auto wanted =
        choose_fields({.anon = "/p/a", .user = "u", .order_field = "/m/at"}, {}).value();
    for (const std::string bad :
         {"1.5", "1e3", "true", "{\"x\":1}", "[5]", "\"yesterday\"", "\" \"", "\"\\ud800\"",
          "\"5\\u0020\"", "99999999999999999999", "\"2024-11-31T00:00:00Z\""}) {
      CAPTURE(bad);
      const auto file = read(R"({"u":"y","m":{"at":)" + bad + R"(},"p":{"a":"x"}})" + "\n", wanted);
      CHECK(outcome(file) == "x|y");
      CHECK(file.rows[0].has_unreadable_order);
      CHECK(file.rows[0].order == no_order);
      CHECK(file.rows[0].fault_at == 19);
    }
    for (const std::string none : {"null", "\"\"", "\"\\\\N\""}) {
      CAPTURE(none);
      const auto file =
          read(R"({"u":"y","m":{"at":)" + none + R"(},"p":{"a":"x"}})" + "\n", wanted);
      CHECK(outcome(file) == "x|y");
      CHECK_FALSE(file.rows[0].has_unreadable_order);
      CHECK(file.rows[0].order == no_order);
      CHECK(file.rows[0].fault_at == 0);
    }
    CHECK(outcome(R"({"u":"y","m":{"at":1.5},"p":{"a":1.5}})", wanted) == "not-an-id@1:34");
  }

  TEST_CASE("which of two orders is meant cannot be read, but which of two ids is a fault") {
    const auto wanted =
        choose_fields({.anon = "/p/a", .user = "u", .order_field = "/m/at"}, {}).value();
    for (const std::string twice : {R"({"u":"y","m":{"at":1,"at":2},"p":{"a":"x"}})",
                                    R"({"u":"y","m":{"at":1},"m":{"at":1},"p":{"a":"x"}})",
                                    R"({"u":"y","m":{"at":1},"m":5,"p":{"a":"x"}})"}) {
      CAPTURE(twice);
      const auto file = read(twice + "\n" + R"({"u":"y","m":{"at":1},"p":{"a":"x"}})", wanted);
      CHECK(outcome(file) == "x|y x|y");
      CHECK(file.rows[0].has_unreadable_order);
      CHECK(file.rows[0].order == no_order);
      CHECK(file.rows[1].order == 1);
      CHECK_FALSE(file.rows[1].has_unreadable_order);
    }
    CHECK(outcome(R"({"m":{"at":1,"at":2},"u":"y","u":"y","p":{"a":"x"}})", wanted) ==
          "duplicate-key@1:30");
    // What is an order and an id, or an order and a verb, is an id or a verb first.
    CHECK(outcome(R"({"a":"x","u":"1","u":"2"})",
                  choose_fields({.anon = "a", .user = "u", .order_field = "u"}, {}).value()) ==
          "duplicate-key@1:18");
    CHECK(
        outcome(R"({"a":"x","u":"1","op":"merge","op":"create"})",
                choose_fields({.anon = "a", .user = "u", .op_field = "op", .order_field = "op"}, {})
                    .value()) == "duplicate-key@1:31");
  }

  TEST_CASE("a row with another name for a side puts the choice in doubt") {
    const auto wanted = choose_fields({}, {"device_id", "user_id"}).value();
    CHECK(outcome("{\"device_id\":\"x\",\"user_id\":\"y\"}\n{\"anonymous_id\":\"z\"}\n", wanted)
              .find("error: line 2: the key anonymous_id is another name") != std::string::npos);
  }

  TEST_CASE("a line longer than row_max is rejected and left behind") {
    const NdjsonOptions small{.row_max = 17};
    const std::string fits = "{\"a\":\"x\",\"u\":\"y\"}";
    REQUIRE(fits.size() == 17);
    CHECK(outcome(fits + "\n" + fits, fields(), small) == "x|y x|y");
    CHECK(outcome(fits + "\r\n" + fits + "\r\n", fields(), small) == "x|y x|y");
    CHECK(outcome(fits + " \n" + fits, fields(), small) == "row-too-long@1:1 x|y");
    CHECK(outcome(std::string(100, '[') + "\r\n" + fits + " ", fields(), small) ==
          "row-too-long@1:1 row-too-long@2:1");
  }

  TEST_CASE("the last line of a pipe without a line end is held to be cut off") {
    CHECK(outcome("{\"a\":\"x\"}\n{\"a\":\"y\"}", fields(), {.pipe = true}) ==
          "x| partial-row@2:10");
    CHECK(outcome("{\"a\":\"x\"}\n  ", fields(), {.pipe = true}) == "x|");
  }

  TEST_CASE("the first keys are those of the complete lines") {
    CHECK(
        first_keys("{\"a\":1,\"b\":{\"c\":2}}\nnonsense\n{\"b\":1,\"d\":12345678901234567890123}\n"
                   "{\"e\":",
                   false) == std::vector<std::string>{"a", "b", "d"});
    CHECK(first_keys("{\"a\":1}", true) == std::vector<std::string>{"a"});
    CHECK(first_keys("{\"a\":1}", false).empty());
  }

  // The batch and the single line are two ways to the same rows; slices decide which is taken.
  TEST_CASE("random lines are read alike in any slices") {
    std::mt19937_64 random(seed());
    const std::string alphabet = "{}[]:,\"\"\"\\au01 \n\n\r\t\x01\xc3\xa9";
    for (int round = 0; round < 3000; ++round) {
      std::string bytes;
      const auto size = random() % 300;
      while (bytes.size() < size) {
        if (random() % 3 == 0) {
          bytes += "{\"a\":\"x\",\"u\":\"y\"}\n";
        } else {
          bytes += alphabet[random() % alphabet.size()];
        }
      }
      const NdjsonOptions options{.row_max = random() % 2 == 0 ? 20U : 1U << 20U,
                                  .pipe = random() % 4 == 0};
      CAPTURE(bytes);
      const auto whole = read_all(NdjsonReader(options, fields(), 0), bytes);
      for (int i = 0; i < 4; ++i) {
        const std::size_t slice = 1 + random() % 70;
        CAPTURE(slice);
        CHECK(read_all(NdjsonReader(options, fields(), 0), bytes, slice) == whole);
      }
    }
  }

  TEST_CASE("ids that are the names of their keys are a header") {
    const auto wanted = fields("vid", "mid");
    CHECK(outcome(R"({"vid":"vid","mid":"mid"})"
                  "\n"
                  R"({"vid":"a","mid":"u"})"
                  "\n"
                  R"({"mid":"M ID","vid":"p.vid"})"
                  "\n"
                  R"({"vid":"STRING","mid":"INT64"})"
                  "\n"
                  R"({"vid":"string","mid":"int64"})"
                  "\n",
                  wanted) ==
          "repeated-header@1:1 a|u repeated-header@3:1 repeated-header@4:1 string|int64");
    CHECK(outcome(R"({"vid":"anon_id","mid":"$user_id"})", wanted) == "repeated-header@1:1");
    for (const auto* row : {R"({"vid":"vid","mid":"u"})", R"({"vid":"a","mid":"mid"})",
                            R"({"vid":"vid_7","mid":"mid"})", R"({"vid":"id","mid":"mid"})"}) {
      CAPTURE(row);
      CHECK(outcome(row, wanted).find("repeated-header") == std::string::npos);
    }
    // The places of an array are no names.
    CHECK(outcome(R"({"ids":["0","1"],"0":"x"})", fields("/ids/0", "/ids/1"))
              .find("repeated-header") == std::string::npos);
  }

  TEST_CASE("ids that are the names of the keys in another order end the reading") {
    for (const auto* row : {R"({"vid":"mid","mid":"vid"})", R"( {"mid" : "VID", "vid":"m_id" } )",
                            R"({"vid":"user_id","mid":"anonymous_id"})"}) {
      CAPTURE(row);
      const auto file = read_all(NdjsonReader({}, fields("vid", "mid"), 0),
                                 std::string(R"({"vid":"a","mid":"u"})") + "\n" + row +
                                     "\n{\"vid\":\"u2\",\"mid\":\"a2\"}\n");
      CHECK(file.error.starts_with("line 2: the row names columns"));
    }
  }

  TEST_CASE("a header is one whatever its verb is") {
    const auto wanted = choose_fields({.op_field = "op"}, {"anonymous_id", "user_id"}).value();
    CHECK(outcome(R"({"anonymous_id":"anonymous_id","user_id":"user_id","op":"op"})", wanted) ==
          "repeated-header@1:1");
    CHECK(outcome(R"({"anonymous_id":"a","user_id":"u","op":"op"})", wanted)
              .starts_with("unknown-op@1:"));
  }
}
