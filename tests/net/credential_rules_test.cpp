// SPDX-License-Identifier: MIT
#include "net/credential_rules.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::net;

TEST_SUITE("net/credential_rules") {
  TEST_CASE("quotes around a token are no part of it, whichever they are") {
    for (const std::string token :
         {"\"tok0123\"", "'tok0123'", "`tok0123`", "“tok0123”", "‘tok0123’", "«tok0123»",
          "„tok0123“", "\"tok0123", "tok0123'", "\"", "＂tok0123＂"}) {
      CAPTURE(token);
      CHECK(token_problem(token).find("quotes") != std::string_view::npos);
    }
  }

  TEST_CASE("a line of a settings file is no token") {
    for (const std::string token :
         {"MIXPANEL_TOKEN=0123abcd", "MP_TOKEN=0123abcd", "TOKEN=\"0123abcd", "token=0123abcd",
          "project_token=0123abcd", "MIXPANEL_TOKEN=of=file"}) {
      CAPTURE(token);
      CHECK_FALSE(token_problem(token).empty());
    }
    CHECK(token_problem("TOKEN=0123abcd").find("NAME=") != std::string_view::npos);
  }

  TEST_CASE("a placeholder that nobody filled in is no token") {
    for (const std::string token : {"<token>", "$MIXPANEL_TOKEN", "${MIXPANEL_TOKEN}", "{{token}}",
                                    "[token]", "%TOKEN%", "0123abcd,", "0123abcd;"}) {
      CAPTURE(token);
      CHECK_FALSE(token_problem(token).empty());
    }
  }

  TEST_CASE("blanks, control characters and letters beyond ASCII are in no token") {
    for (const std::string token :
         {"0123 abcd", "0123abcd ", "\t0123abcd", "0123abcd\r", "tökén", "0123abcd\xc2\xa0",
          "\xef\xbb\xbf"
          "0123abcd"}) {
      CAPTURE(token);
      CHECK_FALSE(token_problem(token).empty());
    }
    CHECK(token_problem(std::string(255, 'a')).empty());
    CHECK_FALSE(token_problem(std::string(256, 'a')).empty());
  }

  TEST_CASE("tokens of any usual form pass") {
    for (const std::string token :
         {"0f5c1f8b2d7e4a90b3c6d1e2f3a4b5c6", "tok0123456789abcdef", "t0k3n", "of=file", "a-b_c.d",
          "YWJjZA==", "QUJD=", "it's", "x\"y", "-", "_t_", "0123:abcd"}) {
      CAPTURE(token);
      CHECK(token_problem(token) == "");
    }
  }

  TEST_CASE("Basic authentication carries blanks and UTF-8, but no control character") {
    for (const std::string text : {"open sesame", " ", "pässwörd", "密码 1", "\"half", "it's", "🔑",
                                   "a=b", "<x>", "e\xcc\x81"}) {
      CAPTURE(text);
      CHECK(secret_problem(text) == "");
      CHECK(user_name_problem(text) == "");
    }
    CHECK(secret_problem("a:b") == "");
    CHECK(secret_problem("\"quoted\"") == "");
    for (const auto& text : {std::string("a\nb"), std::string("a\0b", 3), std::string("a\r"),
                             std::string("\t"), std::string("\x7f"), std::string("\x1b[31m")}) {
      CAPTURE(text);
      CHECK(secret_problem(text).find("control character") != std::string_view::npos);
      CHECK(user_name_problem(text).find("control character") != std::string_view::npos);
    }
  }

  TEST_CASE("what is not UTF-8 cannot be sent as UTF-8") {
    for (const std::string text : {"p\xe4ss", "\xff", "\xc3", "\xed\xa0\x80"}) {
      CHECK(secret_problem(text).find("UTF-8") != std::string_view::npos);
      CHECK(user_name_problem(text).find("UTF-8") != std::string_view::npos);
    }
  }

  TEST_CASE("a user name has no colon, no quotes around it and no name in front") {
    CHECK(user_name_problem("user:secret").find("colon") != std::string_view::npos);
    for (const std::string name : {"\"etl\"", "'etl'", "“etl”"}) {
      CHECK(user_name_problem(name).find("quotes") != std::string_view::npos);
    }
    CHECK(user_name_problem("MIXPANEL_USERNAME=etl").find("NAME=") != std::string_view::npos);
    CHECK(user_name_problem("etl.12345.mp-service-account") == "");
  }
}
