// SPDX-License-Identifier: MIT
#include "util/redactor.hpp"

#include <functional>
#include <random>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "util/encoding.hpp"

#include "support/seed.hpp"

namespace idmerge::testing {

using namespace util;
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

using Dress = std::function<std::string(std::string_view)>;

std::string each(std::string_view text, std::string_view before, std::string_view digits,
                 std::string_view behind = "") {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += before;
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
    out += behind;
  }
  return out;
}

constexpr auto small = "0123456789abcdef"sv;
constexpr auto capital = "0123456789ABCDEF"sv;

std::string base64(std::string_view text) {
  std::string out;
  append_base64(text, out);
  return out;
}

std::string base64_url(std::string_view text) {
  auto out = base64(text);
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  while (out.ends_with('='))
    out.pop_back();
  return out;
}

std::string lines(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 16)
    out += fmt::format("{}{}", i == 0 ? "" : "\r\n", text.substr(i, 16));
  return out;
}

/// Source: RFC 4648 section 6.
std::string base32(std::string_view text) {
  std::string out;
  std::uint64_t bits = 0;
  unsigned have = 0;
  for (const char c : text) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (have += 8; have >= 5; have -= 5)
      out += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits >> (have - 5) & 31];
  }
  if (have > 0) out += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits << (5 - have) & 31];
  while (out.size() % 8 != 0)
    out += '=';
  return out;
}

std::string utf16(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    out += '\0';
  }
  return out;
}

std::string numbers(std::string_view text, std::string_view between) {
  std::string out;
  for (const char c : text)
    out += fmt::format("{}{}", out.empty() ? "" : between, static_cast<unsigned char>(c));
  return out;
}

std::string in_pieces(std::string_view text, std::size_t size, std::string_view between) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += size) {
    if (i > 0) out += between;
    out += text.substr(i, size);
  }
  return out;
}

std::string decimal(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += fmt::format("&#{};", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  }
  return out;
}

/// What an encoder leaves as it is, and the rest as `%XX`.
std::string percent(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool stays = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    out += stays ? std::string(1, c) : each({&c, 1}, "%", capital);
  }
  return out;
}

std::string html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#x27;"
           : c == '/'  ? "&sol;"
                       : std::string(1, c);
  }
  return out;
}

std::string json(std::string_view text) {
  std::string out;
  append_json(text, out);
  for (auto at = out.find('/'); at != std::string::npos; at = out.find('/', at + 2))
    out.insert(at, "\\");
  return out;
}

struct Named {
  std::string name;
  Dress dress;
};

const std::vector<Named>& dresses() {
  static const std::vector<Named> all{
      {"plain", [](auto t) { return std::string(t); }},
      {"upper case", upper},
      {"base64", base64},
      {"base64url, no padding", base64_url},
      {"base64 at 1", [](auto t) { return base64(fmt::format("x{}y", t)); }},
      {"base64 at 2", [](auto t) { return base64(fmt::format("xy{}", t)); }},
      {"base64 in lines", [](auto t) { return lines(base64(t)); }},
      {"hex", [](auto t) { return each(t, "", small); }},
      {"HEX", [](auto t) { return each(t, "", capital); }},
      {"hex:hex", [](auto t) { return each(t, "", small, ":"); }},
      {"0xhex", [](auto t) { return each(t, "0x", capital, ", "); }},
      {"percent", percent},
      {"%hex", [](auto t) { return each(t, "%", small); }},
      {"%HEX", [](auto t) { return each(t, "%", capital); }},
      {"JSON", json},
      {"\\u00hex", [](auto t) { return each(t, "\\u00", small); }},
      {"\\u00HEX", [](auto t) { return each(t, "\\u00", capital); }},
      {"\\x", [](auto t) { return each(t, "\\x", small); }},
      {"HTML", html},
      {"&#decimal;", decimal},
      {"&#xhex;", [](auto t) { return each(t, "&#x", small, ";"); }},
      {"%u", [](auto t) { return each(t, "%u00", small); }},
      {"base32", base32},
      {"base32 at 1", [](auto t) { return base32(fmt::format("x{}yz", t)); }},
      {"UTF-16", utf16},
      {"UTF-16 in hex", [](auto t) { return each(utf16(t), "", small); }},
      {"UTF-16 in base64", [](auto t) { return base64(utf16(t)); }},
      {"90,112", [](auto t) { return numbers(t, ","); }},
      {"90, 112", [](auto t) { return numbers(t, ", "); }},
      {"90 112", [](auto t) { return numbers(t, " "); }},
      {"'0x5a', '0x70'", [](auto t) { return in_pieces(each(t, "0x", small), 4, "', '"); }},
      {"\\u{}", [](auto t) { return each(t, "\\u{", small, "}"); }},
      {"\\U", [](auto t) { return each(t, "\\U000000", capital); }},
      {"CSS", [](auto t) { return each(t, "\\0000", small); }},
      {"CSS with blanks", [](auto t) { return each(t, "\\", small, " "); }},
      {"U+", [](auto t) { return in_pieces(each(t, "U+00", capital), 6, " "); }},
      {"in short lines", [](auto t) { return in_pieces(t, 3, "\r\n"); }},
      {"soft hyphen", [](auto t) { return in_pieces(t, 5, "\xC2\xAD"); }},
      {"zero width space", [](auto t) { return in_pieces(t, 4, "\xE2\x80\x8B"); }},
      {"ANSI", [](auto t) { return in_pieces(t, 6, "\x1B[31m"); }},
  };
  return all;
}

std::string redacted(std::string_view secret, std::string_view text) {
  Redactor secrets;
  secrets.hide(Secret(secret));
  return secrets(text);
}

/// A secret of characters that encodings change.
std::string random_secret(std::mt19937_64& random, std::size_t size) {
  constexpr auto letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=%&<>\"'-_~!\\ "sv;
  std::string out;
  while (out.size() < size)
    out += letters[random() % letters.size()];
  return out;
}

/// Does the text show a part of the secret as it stands?
bool shows(const std::string& text, std::string_view secret,
           std::size_t size = Redactor::part_bytes) {
  for (std::size_t i = 0; i + size <= secret.size(); ++i) {
    if (text.find(secret.substr(i, size)) != std::string::npos) return true;
  }
  return secret.size() < Redactor::part_bytes && text.find(secret) != std::string::npos;
}

}  // namespace

TEST_SUITE("util/redactor") {
  TEST_CASE("a secret is hidden in every dress, and in one dress under another") {
    std::mt19937_64 random(seed());
    for (int round = 0; round < 12; ++round) {
      const auto secret = random_secret(random, 4 + random() % 40);
      CAPTURE(secret);
      for (const auto& [label, dress] : dresses()) {
        const auto& name = label;
        CAPTURE(name);
        const auto dressed = dress(secret);
        const auto out = redacted(secret, fmt::format("key [{}] so on", dressed));
        CAPTURE(out);
        CHECK(out.starts_with("key ["));
        CHECK(out.ends_with("] so on"));
        CHECK(out.find("…") != std::string::npos);
        CHECK_FALSE(shows(out, dressed));
        // Of "0x41, 0x42" the first 0x and the last comma stay.
        if (secret.size() < Redactor::part_bytes || name == "0xhex" || name == "'0x5a', '0x70'") {
          continue;
        }
        for (const auto& [over_label, over] : dresses()) {
          const auto& over_name = over_label;
          CAPTURE(over_name);
          if (over_name == "upper case") continue;  // of base64 it leaves nothing to be decoded
          if (name == "ANSI" && over_name == "ANSI") continue;  // breaks the codes themselves
          // The dresses of bytes make two characters of one.
          if (name == "soft hyphen" || name == "zero width space") continue;
          const auto twice = over(dressed);
          const auto left = redacted(secret, twice);
          CAPTURE(twice);
          CAPTURE(left);
          // One \U0000003A may be of a quote or a colon that is no part of the secret.
          CHECK_FALSE(shows(left, twice, over_name == "\\U" ? 12 : Redactor::part_bytes));
        }
      }
    }
  }

  TEST_CASE("a secret is hidden whatever stands between its letters and digits") {
    std::mt19937_64 random(seed());
    for (int round = 0; round < 40; ++round) {
      std::string secret;
      for (const auto size = Redactor::squeezed_bytes + random() % 30; secret.size() < size;)
        secret += "ABCDEFGHJKMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"[random() % 55];
      for (const std::string between :
           {"-", "/", " / ", ".", " ", "\xC2\xA0", "', '", "<wbr>", "</em><em class=\"x\">",
            "\r\n  ", "\x1B[1;31m\x1B[0m", "\xCC\x81", "\t|\t"}) {
        for (std::size_t size = 1; size <= 7; ++size) {
          const auto pieces = in_pieces(secret, size, between);
          CAPTURE(pieces);
          CHECK(redacted(secret, "key (" + pieces + ") so on") == "key (…) so on");
          const auto out = redacted(secret, "key " + base64(pieces) + " so on");
          CHECK_FALSE(shows(out, base64(pieces)));
        }
      }
    }
    const auto token = "0f5c1f8b2d7e4a90b3c6d1e2f3a4b5c6"s;
    CHECK(redacted(token, "token 0F5C1F8B-2D7E-4A90-B3C6-D1E2F3A4B5C6?") == "token …?");
    CHECK(redacted("ab-cd-ef-gh-12-34", "abcdefgh1234") == "…");
    std::string wide;
    for (const char c : token)
      wide += {'\xEF', c < 'a' ? '\xBC' : '\xBD',
               static_cast<char>(c < 'a' ? c - '!' + 0x81 : c - '`' + 0x80)};
    CHECK(redacted(token, "[" + wide + "]") == "[…]");
    // Of a shorter one too much would be found in the words of a sentence.
    CHECK(redacted("isnotalink", "this is not a link") == "this is not a link");
    CHECK(redacted("thisisnotalink", "this is not a linked id") == "…ed id");
  }

  TEST_CASE("base32 is found wherever in a word it begins") {
    const auto secret = "Zp7qL0vX3nB8wK2sT5yR9dH4"s;
    for (std::size_t before = 0; before < 8; ++before) {
      const auto word = "KEYWORDS"s.substr(0, before) + base32(secret);
      CAPTURE(word);
      CHECK(redacted(secret, "a " + word) == "a …");
    }
  }

  TEST_CASE("a part of a secret is hidden where a part was cut off, in front or behind") {
    std::mt19937_64 random(seed());
    for (int round = 0; round < 100; ++round) {
      const auto secret = random_secret(random, 12 + random() % 30);
      const auto from = random() % 3;
      const auto part = secret.substr(from, Redactor::part_bytes + random() % 3);
      CAPTURE(secret);
      CAPTURE(part);
      for (const auto& [label, dress] : dresses()) {
        const auto& name = label;
        CAPTURE(name);
        CHECK_FALSE(shows(redacted(secret, dress(part)), dress(part)));
      }
    }
  }

  TEST_CASE("the Authorization header hides by its password, however short that is") {
    for (const std::string password : {"s3cret", "s3cret-of-length", "abc"}) {
      CAPTURE(password);
      Redactor secrets;
      secrets.hide_login(Secret("etl.12345.mp-service-account"), Secret(password));
      const auto pair = fmt::format("etl.12345.mp-service-account:{}", password);
      for (const auto& [label, dress] : dresses()) {
        const auto& name = label;
        CAPTURE(name);
        if (name == "upper case") continue;
        const auto out = secrets("Authorization: Basic " + dress(base64(pair)));
        CHECK(out.starts_with("Authorization: Basi"));  // a c is a hexadecimal digit
        CHECK(out.find(dress(base64(pair)).substr(40)) == std::string::npos);
        CHECK(secrets(dress(pair)).find("…") != std::string::npos);
      }
      // The name is no secret, and the rest of a sentence is none.
      const auto plain = "etl.12345.mp-service-account may not write to project 2195193"sv;
      CHECK(secrets(plain) == plain);
    }
  }

  TEST_CASE("what hides nothing is left as it is") {
    Redactor secrets;
    secrets.hide(Secret("0123456789abcdef0123456789abcdef"));
    secrets.hide_login(Secret("etl"), Secret("Zp7qL0vX3nB8wK2sT5yR9dH4"));
    for (const auto text :
         {""sv, "%"sv, "\\"sv, "&"sv, "&#"sv, "%4"sv, "\\u12"sv, "&#x;"sv, "0x"sv, "%u"sv,
          "100 % of \\users\\ &copy; 2026 \xff\xc3 are 0xdeadbeef"sv,
          "ErrAnonDistinctIdAssignedAlready: 3f2504e0-4f89-41d3-9a0c-0305e82c3301"sv,
          "c29tZXRoaW5nIGVsc2UgdGhhdCBpcyBiYXNlNjQ= 736f6d657468696e67656c7365"sv,
          "0123 4567 but no more"sv, "0123-4567-89 a"sv,
          "[1, 2, 3, 48, 49, 50, 51] 10.0.0.1:8080"sv,
          "<em>no\r\n key</em> \\u{zz} \\U00 U+12 U+FFFFFF \\fffffff \x1B[ \x1B"sv,
          "MFRGGZDFMZTWQ2LK mfrggzdfmztwq2lk"sv}) {
      CHECK(secrets(text) == text);
    }
    // A short one is hidden as a word only, so that others can still be read.
    CHECK(redacted("test", "the latest tests of test: Test, a_test") ==
          "the latest tests of …: …, a_…");
    CHECK(redacted("te+st", "te st of latte+st") == "… of latte+st");
    // A login without a password hides nothing of its name.
    Redactor of_user;
    of_user.hide_login(Secret("etl.12345.importer"), Secret());
    CHECK(of_user("etl.12345.importer: may not") == "etl.12345.importer: may not");
    CHECK(Redactor()("0123456789abcdef") == "0123456789abcdef");
    // Shorter than any secret: it would be everywhere.
    CHECK(redacted("abc", "abc") == "abc");
  }

  TEST_CASE("any bytes are read, and of what only decodes and decodes nothing is left") {
    std::mt19937_64 random(seed());
    Redactor secrets;
    secrets.hide(Secret("Zp7qL0vX3nB8wK2sT5yR9dH4"));
    constexpr auto signs = "%\\&#x;u0041aFZ=+/:, \n\xff"sv;
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (auto size = random() % 400; text.size() < size;)
        text += signs[random() % signs.size()];
      secrets(text);
    }
    std::string deep = "secret";
    for (int i = 0; i < 8; ++i)
      deep = base64(deep + deep);
    CHECK(secrets(deep).size() <= Redactor::text_bytes_max + 3);
  }

  TEST_CASE("a text that decodes into ever more others is left out whole if a secret is in them") {
    const auto secret = "Zp7qL0vX3nB8wK2sT5yR9dH4"s;
    const auto word = std::string(20, 'a');
    const auto escapes = "%252525" + word + "\\\\\\\\\\\\\\\\" + word + "&amp;amp;amp;" + word;
    CHECK(redacted(secret, escapes) == escapes);
    std::string text;
    for (int i = 0; i < 10; ++i)
      text += escapes + secret;
    CHECK(redacted(secret, text) == "…");
  }

  TEST_CASE("of a secret that the limit of the text goes through nothing is left") {
    const std::string secret = "Zp7qL0vX3nB8wK2sT5yR9dH4";
    const std::string all(Redactor::text_bytes_max, '.');
    CHECK(redacted(secret, all) == all);
    const auto cut = redacted(secret, all + ".");
    CHECK(cut.ends_with(".…"));
    CHECK(cut.size() > all.size() - 1'024);
    for (const auto& [label, dress] : dresses()) {
      const auto& name = label;
      CAPTURE(name);
      for (std::size_t shown = 1; shown < 8; ++shown) {
        const auto before = all.substr(shown);
        CHECK(redacted(secret, before + dress(secret)) ==
              redacted(secret, before + std::string(dress(secret).size(), '.')));
      }
    }
  }

  TEST_CASE("what a text costs grows with its length, whatever it is made of") {
    // Each of these would be found in every place, decode into the most texts, or make one place of
    // many. The bound is on what is looked at, so that this ends.
    Redactor secrets;
    secrets.hide(Secret("AAAAAAAA"));
    secrets.hide(Secret("aaaa"));
    for (const std::string piece : {"A",
                                    "a",
                                    "41",
                                    "4 1",
                                    "&#x41;",
                                    "%41",
                                    "%2541",
                                    "%255c%2526",
                                    "\\u0041",
                                    "QUFB",
                                    "Q\r\nU\r\nF\r\nB\r\n",
                                    "Q\n\n\n\n\n\n\n\n",
                                    "0x",
                                    "&#0",
                                    "&#00000000",
                                    "%\\&",
                                    "\\x25\\x5c",
                                    "&amp;%5c",
                                    "=",
                                    "QQ=="}) {
      CAPTURE(piece);
      std::string text;
      while (text.size() < 65'536)
        text += piece;
      CHECK(secrets(text).size() <= Redactor::text_bytes_max + 2 * "…"sv.size());
    }
  }
}

}  // namespace idmerge::testing
