// SPDX-License-Identifier: MIT
#include "emulator/request.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::emulator;

TEST_SUITE("emulator/request") {
  TEST_CASE("a target is split into path and query, in both forms that HTTP knows") {
    CHECK(split_target("/a/b").path == "/a/b");
    CHECK(split_target("/a/b").query == "");
    CHECK(split_target("/a?x=1?y").path == "/a");
    CHECK(split_target("/a?x=1?y").query == "x=1?y");
    CHECK(split_target("http://h:80/a?x").path == "/a");
    CHECK(split_target("https://h").path == "/");
    CHECK(split_target("").path == "");
  }

  TEST_CASE("a parameter is found by its whole name, the first one counts") {
    const RequestTarget target = split_target("/?xid=0&id&id=2&e=&t=a=b");
    CHECK(target.parameter("id") == "");
    CHECK(target.parameter("xid") == "0");
    CHECK(target.parameter("e") == "");
    CHECK(target.parameter("t") == "a=b");
    CHECK(!target.parameter("d"));
    CHECK(!split_target("/").parameter(""));
  }

  TEST_CASE("percent signs are resolved, plus signs are plus signs") {
    CHECK(unescaped("a+b%20%C3%a9%00") == std::string{"a+b \xc3\xa9\0", 7});
    CHECK(unescaped("") == "");
    for (const std::string_view text : {"%", "%2", "%g0", "%0g", "a%", "%%20"}) {
      CAPTURE(text);
      CHECK(!unescaped(text));
    }
  }

  TEST_CASE("a media type is one whatever its case and parameters") {
    CHECK(is_media_type("application/json", "application/json"));
    CHECK(is_media_type("Application/JSON ; charset=utf-8", "application/json"));
    CHECK(!is_media_type("application/jsonp", "application/json"));
    CHECK(!is_media_type("", "application/json"));
  }

  TEST_CASE("credentials are those of RFC 7617 and RFC 4648") {
    CHECK(basic_credentials("Aladdin:open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(basic_credentials("") == "");
    CHECK(basic_credentials("f") == "Zg==");
    CHECK(basic_credentials("fo") == "Zm8=");
    CHECK(basic_credentials("foo") == "Zm9v");
    CHECK(basic_credentials("foobar") == "Zm9vYmFy");
    CHECK(basic_credentials("\xff\xfe\xfd") == "//79");
    CHECK(is_basic("basic Zm9v", "Zm9v"));
    CHECK(!is_basic("Zm9v", "Zm9v"));
    CHECK(!is_basic("Basic zm9v", "Zm9v"));
  }
}
