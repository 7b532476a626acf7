// SPDX-License-Identifier: MIT
#include "cli/html.hpp"

#include <type_traits>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;

namespace {

std::string text(std::string_view outside) {
  Html page;
  page.text(outside);
  return std::move(page).take();
}

}  // namespace

TEST_SUITE("cli/html") {
  TEST_CASE("text cannot become markup, between tags or in an attribute") {
    CHECK(text("<script>alert(1)</script>") == "&lt;script&gt;alert(1)&lt;/script&gt;");
    CHECK(text("\"><img src=x onerror='x'>") == "&quot;&gt;&lt;img src=x onerror=&#39;x&#39;&gt;");
    CHECK(text("&amp;") == "&amp;amp;");
    CHECK(text("&#60;") == "&amp;#60;");
  }

  TEST_CASE("what steers is made visible, and what is not UTF-8") {
    CHECK(text(std::string_view("a\0b", 3)) == "a\\x00b");
    CHECK(text("\x1b[2J\n\t\x7f") == "\\x1b[2J\\n\\t\\x7f");
    CHECK(text("u\xe2\x80\xae"
               "resu") == "u\\u{202e}resu");
    CHECK(text("\xe2\x81\xa6"
               "x") == "\\u{2066}x");
    CHECK(text("\xff<") == "\\xff&lt;");
    // Overlong, as a lenient reader may take it for "<".
    CHECK(text("\xc0\xbc") == "\\xc0\\xbc");
  }

  TEST_CASE("other text is left alone") {
    CHECK(text("Zoë 東京 user-1@example.com `=/") == "Zoë 東京 user-1@example.com `=/");
  }

  TEST_CASE("every byte: no sign of markup is left, and none twice") {
    for (int byte = 0; byte < 256; ++byte) {
      const auto out = text(std::string(1, static_cast<char>(byte)));
      CAPTURE(byte);
      CHECK(out.find_first_of("<>\"'") == std::string::npos);
      CHECK(out.find('&') == (out.ends_with(';') && byte != ';' ? 0 : std::string::npos));
      for (const char c : out)
        CHECK((c >= 0x20 && c < 0x7f));
    }
  }

  TEST_CASE("markup is what the source says, and nothing else converts to it") {
    static_assert(!std::is_constructible_v<Markup, std::string>);
    static_assert(!std::is_constructible_v<Markup, std::string_view>);
    static_assert(!std::is_constructible_v<Markup, const char*>);
    Html page;
    page.markup("<td>").count(98'412'003).markup("</td>");
    CHECK(std::move(page).take() == "<td>98,412,003</td>");
  }
}
