// SPDX-License-Identifier: MIT
#include "net/response.hpp"

#include <doctest/doctest.h>

namespace idmerge::testing {

using namespace net;
using namespace util;
namespace {

using namespace std::string_view_literals;

std::string clean(std::string_view text, std::size_t size_max = message_bytes_max) {
  std::string out;
  append_clean(Redactor(), text, out, size_max);
  return out;
}

std::string gist(std::string_view type, std::string_view body) {
  std::string out;
  append_gist(Redactor(), {.status = 200, .content_type = type, .body = body}, out);
  return out;
}

TEST_SUITE("net/response") {
  TEST_CASE("what could act on a terminal or a log is gone from a message") {
    CHECK(clean("plain text") == "plain text");
    CHECK(clean("  a\r\n\tb\0c  "sv) == "a b c");
    CHECK(clean("\x1b[2Jgone") == "[2Jgone");
    CHECK(clean("a\x7f\xc2\x9b"
                "31mb") == "a 31mb");
    CHECK(clean("a\xe2\x80\xae"
                "b\xe2\x80\xa8"
                "c") == "a b c");
    CHECK(clean("naïve 名前 🙂") == "naïve 名前 🙂");
  }

  TEST_CASE("bytes that are not UTF-8 become question marks") {
    CHECK(clean("a\xff"
                "b") == "a?b");
    CHECK(clean("\xc3") == "?");
    CHECK(clean("\xc0\xaf") == "??");
    CHECK(clean("\xed\xa0\x80") == "???");
    CHECK(clean("\xf4\x90\x80\x80") == "????");
    CHECK(clean("\xf0\x9f\x99") == "???");
  }

  TEST_CASE("a long message is cut between characters and marked") {
    CHECK(clean(std::string(600, 'x')).size() == message_bytes_max);
    CHECK(clean("abcdefgh", 8) == "abcde…");
    CHECK(clean("éééé", 8) == "éé…");
    CHECK(clean("abc", 2) == "");
    for (std::size_t most = 0; most < 20; ++most) {
      CHECK(clean("ab é 名前 🙂 and so on", most).size() <= most);
    }
  }

  TEST_CASE("of a page the title is said, of a text its beginning") {
    CHECK(gist("text/html; charset=utf-8",
               "<html><head><TITLE class=x>404\nNot Found</title></head>…") == "404 Not Found");
    CHECK(gist("", "  <!doctype html><p>hello") == "<!doctype html><p>hello");
    CHECK(gist("text/plain", "bad gateway") == "bad gateway");
    CHECK(gist("text/html", "<title") == "<title");
    CHECK(gist("text/html", "<title>never closed") == "<title>never closed");
    CHECK(gist("text/html", "") == "");
  }

  TEST_CASE("a secret that the service repeats is not kept, also where the limit cuts it") {
    Redactor secrets;
    secrets.hide(Secret("abcdef123456"));
    std::string out;
    append_clean(secrets, "bad token\nABCDEF123456", out);
    CHECK(out == "bad token …");
    for (std::size_t most = 0; most < 40; ++most) {
      out.clear();
      append_clean(secrets, "this is a bad token: abcdef123456", out, most);
      CHECK(out.find("ab") == std::string::npos);
    }
    out.clear();
    append_gist(secrets, {.status = 200, .content_type = "text/html", .body = "<title>abcdef1234"},
                out);
    CHECK(out == "<title>…");
  }
}

}  // namespace
}  // namespace idmerge::testing
