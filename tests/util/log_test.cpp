// SPDX-License-Identifier: MIT
#include "util/log.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;
using namespace std::chrono_literals;

namespace {

struct Said {
  std::string text;

  Log log(LogOptions options) {
    return Log(
        options, [this](std::string_view line) { text += line; },
        [] { return std::chrono::system_clock::time_point{1'795'456'800s + 123ms}; });
  }
};

}  // namespace

TEST_SUITE("util/log") {
  TEST_CASE("what could steer a terminal is made visible") {
    CHECK(printable("Zoë 你好 🎉 \\ \"") == "Zoë 你好 🎉 \\ \"");
    CHECK(printable("\x1b[2J") == "\\x1b[2J");
    CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
    CHECK(printable("a\r\n\tb\x7f") == "a\\r\\n\\tb\\x7f");
    CHECK(printable("\xc2\x9b") == "\\u{009b}");  // CSI as one C1 character
    CHECK(printable("a\xe2\x80\xae"
                    "b") == "a\\u{202e}b");                 // right-to-left override
    CHECK(printable("\xff\xc0\xaf") == "\\xff\\xc0\\xaf");  // never UTF-8, and overlong
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
    CHECK(printable("\xf0\x9f\x8e") == "\\xf0\\x9f\\x8e");  // cut short
  }

  TEST_CASE("json strings are valid whatever they hold") {
    CHECK(json_quoted("a\"b\\c\nd\x1b") == R"("a\"b\\c\nd\u001b")");
    CHECK(json_quoted("Zoë") == "\"Zoë\"");
    CHECK(json_quoted("\xff") == "\"\xef\xbf\xbd\"");
  }

  TEST_CASE("a masked id shows at most two characters of each end") {
    const IdMask hide(false);
    CHECK(hide("3f2504e0-4f89-11d3-9a0c-0305e82c3301") == "3f…01 (33-64 bytes)");
    CHECK(hide("ann@example.com") == "… (8-16 bytes)");
    CHECK(hide("u1") == "… (1-7 bytes)");
    CHECK(hide("") == "(blank)");
    CHECK(hide("ÄÄ-very-long-identifier-Ü") == "… (17-32 bytes)");
    CHECK(IdMask(true)("u1\x1b") == "u1\\x1b");
  }

  TEST_CASE("text lines name what is not information") {
    Said said;
    auto log = said.log({});
    log.debug("hidden");
    log.info("500 links");
    log.warning("slow");
    log.error("--rate: \"abc\" is not a rate: write for example 500/s");
    log.info("two\nlines");
    CHECK(said.text ==
          "500 links\n"
          "idmerge: warning: slow\n"
          "idmerge: --rate: \"abc\" is not a rate: write for example 500/s\n"
          "two\nlines\n");
  }

  TEST_CASE("json lines carry time, level and message") {
    Said said;
    auto log = said.log({.level = Level::debug, .format = LogFormat::json});
    log.debug("a \"b\"\nc");
    log.report("census", "ignored", "{\"rows\":1}");
    CHECK(
        said.text ==
        "{\"time\":\"2026-11-23T18:00:00.123Z\",\"level\":\"debug\",\"msg\":\"a \\\"b\\\"\\nc\"}\n"
        "{\"time\":\"2026-11-23T18:00:00.123Z\",\"level\":\"info\",\"msg\":\"census\","
        "\"census\":{\"rows\":1}}\n");
  }

  TEST_CASE("a control byte in a message cannot begin a line of its own colour") {
    Said said;
    said.log({}).info("answer: \x1b[31mred\r");
    CHECK(said.text == "answer: \\x1b[31mred\\r\n");
  }

  TEST_CASE("a quiet log keeps its lines until they are asked for") {
    Said said;
    auto log = said.log({.deferred = true});
    log.info("one");
    CHECK(said.text.empty());
    log.release();
    log.info("two");
    CHECK(said.text == "one\ntwo\n");

    auto silent = said.log({.deferred = true});
    silent.info("three");
    silent.discard();
    silent.release();
    CHECK(said.text == "one\ntwo\n");
  }
}
