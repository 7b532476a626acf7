// SPDX-License-Identifier: MIT
#include "plan/row_validator.hpp"

#include <cctype>
#include <string>
#include <utility>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::util;
using namespace std::string_literals;

namespace {

Row row(std::string_view anon, std::string_view user, Op op = Op::create) {
  Row row;
  row.anon = anon;
  row.user = user;
  row.anon_at = 10;
  row.user_at = 50;
  row.op = op;
  return row;
}

Fault fault_of(std::string_view anon, std::string_view user, Op op = Op::create) {
  Row r = row(anon, user, op);
  const auto checked = validate(r, {});
  CHECK((checked == RowCheck::faulty) == (r.fault != Fault::none));
  return r.fault;
}

}  // namespace

TEST_SUITE("plan/row_validator") {
  TEST_CASE("an ordinary pair passes untouched") {
    for (const auto id :
         {"u-1", "12345678901234567890", "Ünïcode", "日本", "a b", " padded ", "00123",
          "00000000-0000-0000-0000-000000000001", "nullable", "-2", "f", "\"u\""}) {
      CAPTURE(id);
      Row r = row("8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11", id);
      CHECK(validate(r, {}) == RowCheck::pair);
      CHECK(r.user == id);
    }
  }

  TEST_CASE("an order that cannot be read does not keep a row from naming its pair") {
    Row r = row("8f14e45f", "u1");
    r.has_unreadable_order = true;
    r.fault_at = 70;
    CHECK(validate(r, {}) == RowCheck::pair);
    CHECK(r.fault == Fault::none);
    CHECK(r.fault_at == 70);
    r.user = "null";
    CHECK(validate(r, {}) == RowCheck::faulty);
    CHECK(r.fault_at == 50);
  }

  TEST_CASE("a byte that no id may have is found in every place of ids of every length") {
    for (std::size_t size = 1; size <= 70; ++size) {
      CHECK(fault_of("8f14e45f", std::string(size, '~')) == Fault::none);
      for (std::size_t at = 0; at < size; ++at) {
        CAPTURE(size);
        CAPTURE(at);
        std::string id(size, 'x');
        for (const auto& [byte, fault] :
             {std::pair('\x1F', Fault::control_byte), std::pair('\x7F', Fault::control_byte),
              std::pair('\x80', Fault::bad_utf8), std::pair('\xFF', Fault::bad_utf8)}) {
          id[at] = byte;
          Row r = row("8f14e45f", id);
          CHECK(validate(r, {}) == RowCheck::faulty);
          CHECK(r.fault == fault);
          CHECK(r.fault_at == 50 + at);
        }
      }
    }
  }

  TEST_CASE("a blank side names no pair, and says which side it was") {
    for (const auto blank : {"", " ", "\t", " \r\n ", "\xC2\xA0", "\xC2\x85", "\xE1\x9A\x80",
                             "\xE2\x80\x80\xE2\x80\x8B", "\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAF",
                             "\xE2\x81\x9F\xE2\x81\xA0", "\xE3\x80\x80 \xEF\xBB\xBF"}) {
      Row left = row(blank, "u");
      CHECK(validate(left, {}) == RowCheck::skipped_anon);
      Row right = row("a", blank);
      CHECK(validate(right, {}) == RowCheck::skipped_user);
      Row both = row(blank, blank);
      CHECK(validate(both, {}) == RowCheck::skipped_both);
    }
  }

  TEST_CASE("what looks like white space in its first bytes only is an id") {
    for (const auto id : {"\xC2\xA1", "\xE1\x9A\x81", "\xE2\x80\x8C", "\xE2\x80\xB0",
                          "\xE2\x81\x9E", "\xE2\x82\xAC", "\xE3\x80\x81", "\xEF\xBB\xBE"}) {
      CAPTURE(id);
      CHECK_FALSE(is_blank(id));
    }
    CHECK_FALSE(is_blank("\xE2\x80"));
    CHECK_FALSE(is_blank("\xC2"));
  }

  TEST_CASE("a blank side is not looked past: the other side may be anything") {
    Row r = row("", "null");
    CHECK(validate(r, {}) == RowCheck::skipped_anon);
    CHECK(r.fault == Fault::none);
  }

  TEST_CASE("with --blank reject a blank side is a fault of its field") {
    Row r = row("a", " ");
    CHECK(validate(r, {.reject_blank = true}) == RowCheck::faulty);
    CHECK(r.fault == Fault::blank_id);
    CHECK(r.fault_at == 50);
  }

  TEST_CASE("placeholders are refused on both sides, in any case and any quotes") {
    for (const auto id : {"null",
                          "NULL",
                          "Null",
                          "\"null\"",
                          "'null'",
                          " null ",
                          "undefined",
                          "UNDEFINED",
                          "NaN",
                          "none",
                          "nil",
                          "<nil>",
                          "n/a",
                          "N/A",
                          "anonymous",
                          "anon",
                          "guest",
                          "unknown",
                          "true",
                          "False",
                          "0",
                          "-1",
                          "[]",
                          "{}",
                          "[object Object]",
                          "00000000-0000-0000-0000-000000000000",
                          "0000",
                          "-",
                          "----",
                          "not_authenticated",
                          "distinct_id",
                          "user_id",
                          "email",
                          "LMY47D",
                          "$device:null",
                          "$device:00000000-0000-0000-0000-000000000000",
                          "''",
                          "\"\""}) {
      CAPTURE(id);
      CHECK(fault_of(id, "u") == Fault::placeholder);
      CHECK(fault_of("a", id) == Fault::placeholder);
    }
  }

  TEST_CASE("words that tools write for no id are placeholders, ids that resemble them are not") {
    for (const auto* id : {"<NA>",
                           "NaT",
                           "#N/A",
                           "#N/A N/A",
                           "#NAME?",
                           "#DIV/0!",
                           "#SPILL!",
                           "Err:502",
                           "err:540",
                           "[NULL]",
                           "(null)",
                           "<null>",
                           "(None)",
                           "(not set)",
                           "(not provided)",
                           "[Not Provided]",
                           "(blank)",
                           "NULL_STRING__",
                           "__HIVE_DEFAULT_PARTITION__",
                           "Optional(nil)",
                           "-nan",
                           "1.#QNAN",
                           ".",
                           "9774d56d682e549c",
                           "\"#REF!\"",
                           " <NA> ",
                           "$device:<NA>"}) {
      CAPTURE(id);
      CHECK(fault_of(id, "u") == Fault::placeholder);
      CHECK(fault_of("a", id) == Fault::placeholder);
    }
    for (const auto* id :
         {"none-such", "nat1", "natalie", "<NAT>", "#na1", "err:600", "Err:50", "Err:5021", "(nil",
          "..", ".a", "[NULL]1", "optional", "9774d56d682e549d", "GA1.2.1234567890.1234567890",
          "#refs!", "not set"}) {
      CAPTURE(id);
      CHECK(fault_of(id, "u") == Fault::none);
      CHECK(fault_of("a", id) == Fault::none);
    }
  }

  TEST_CASE("numbers that lost their digits are refused, ids that resemble them are not") {
    for (const auto id : {"1.23457E+11", "1.23457e+11", "9.87654E11", "4.892E+092", "1E+11",
                          "1,2E+11", "-1.5E+3", "1.5E-7", "6.0e5"}) {
      CAPTURE(id);
      CHECK(fault_of(id, "u1") == Fault::scientific);
      CHECK(fault_of("a1", id) == Fault::scientific);
    }
    for (const auto id : {"1234567890.1234567890",
                          "GA1.2.1234567890.1234567890",
                          "1e11",
                          "1E-05",
                          "12e4",
                          "1.5",
                          "1.5E",
                          "1.5E+",
                          "1.5E+1234",
                          "1.E+5",
                          "1.5E+5x",
                          "x1.5E+5",
                          "12.5E+5",
                          "1E11",
                          "2.e3",
                          "1,234",
                          "1.2.3E+4",
                          "E+11",
                          "deadbee1e+",
                          "1e+",
                          "1.5E+5.0"}) {
      CAPTURE(id);
      CHECK(fault_of(id, "u1") == Fault::none);
    }
  }

  TEST_CASE("text as spreadsheets wrap it is refused") {
    for (const auto id : {"'00123", "'1", "=\"00123\"", "=\"a b\""}) {
      CAPTURE(id);
      CHECK(fault_of("a1", id) == Fault::spreadsheet);
      CHECK(fault_of(id, "u1") == Fault::spreadsheet);
    }
    for (const auto id :
         {"00123", "'abc", "'12a", "='00123'", "=1", "=\"x", "o'brien", "12'", "==\"", "123="}) {
      CAPTURE(id);
      CHECK(fault_of("a1", id) == Fault::none);
    }
  }

  TEST_CASE("whole decimals and padded ids are known") {
    for (const auto id : {"12345.0", "0.0", "1.0"})
      CHECK(is_whole_decimal(id));
    for (const auto id : {"12345", ".0", "12345.00", "1.5", "a.0", "-1.0", "1.2.0", "", "0"})
      CHECK(!is_whole_decimal(id));
    for (const auto id : {" a", "a ", "a\t", "\xC2\xA0u2", "u3\xE2\x80\x8B", "a\xE3\x80\x80",
                          "\xEF\xBB\xBF"
                          "a",
                          " "})
      CHECK(is_padded(id));
    for (const auto id : {"a", "a b", "\xC3\xA4", "a\xC3\xA9", "\xE6\x97\xA5\xE6\x9C\xAC", ""})
      CHECK(!is_padded(id));
  }

  TEST_CASE("bytes that are not UTF-8 are a fault where they stand") {
    const auto bad = {"\xFF"s,         "ab\x80"s,           "\xC0\xAF"s,         "\xE0\x80\x80"s,
                      "\xED\xA0\x80"s, "\xF4\x90\x80\x80"s, "\xF0\x80\x80\x80"s, "\xC3"s,
                      "\xE2\x82"s,     "\xF5\x80\x80\x80"s};
    for (const auto& id : bad) {
      CHECK(fault_of(id, "u") == Fault::bad_utf8);
      CHECK(fault_of("a", "12345678" + id) == Fault::bad_utf8);
    }
    Row r = row("a", "12345678\xFF");
    (void)validate(r, {});
    CHECK(r.fault_at == 58);
    CHECK(find_bad_utf8("\xF4\x8F\xBF\xBF\xEF\xBF\xBD\xDF\xBF\x7F") == std::string_view::npos);
  }

  TEST_CASE("a fault within a quoted field is found behind the quote") {
    Row r = row("a", "12345678\x01");
    r.text = "a,\"12345678\x01\"";
    r.user_at = 2;
    CHECK(validate(r, {}) == RowCheck::faulty);
    CHECK(r.fault_at == 11);
  }

  TEST_CASE("every control character is a fault, wherever in a word it stands") {
    for (int c = 0; c < 0x20; ++c) {
      for (std::size_t at = 0; at < 19; ++at) {
        std::string id = "abcdefghijklmnopqrs";
        id[at] = static_cast<char>(c);
        Row r = row(id, "u");
        CHECK(validate(r, {}) == RowCheck::faulty);
        CHECK(r.fault == Fault::control_byte);
        CHECK(r.fault_at == 10 + at);
      }
    }
    CHECK(fault_of("ab\x7F", "u") == Fault::control_byte);
    CHECK(fault_of("ab\xC2\x85z", "u") == Fault::control_byte);
    CHECK(fault_of("ab\xE2\x80\xA8z", "u") == Fault::control_byte);
    CHECK(fault_of("ab\xC2\xA0z", "u") == Fault::none);
  }

  TEST_CASE("255 bytes are kept, 256 would be cut by the service") {
    CHECK(fault_of(std::string(255, 'x'), "u") == Fault::none);
    CHECK(fault_of(std::string(256, 'x'), "u") == Fault::id_too_long);
  }

  TEST_CASE("equal sides are refused by bytes, not by meaning") {
    CHECK(fault_of("same", "same") == Fault::same_ids);
    CHECK(fault_of("same", "Same") == Fault::none);
    CHECK(fault_of("1", "01") == Fault::none);
  }

  TEST_CASE("a user that starts with $device: is on the wrong side, but an alias may have one") {
    CHECK(fault_of("a", "$device:x1") == Fault::device_user);
    CHECK(fault_of("$device:x1", "u") == Fault::none);
    CHECK(fault_of("a", "$device:x1", Op::alias) == Fault::none);
  }

  TEST_CASE("in a simplified project an anonymous id is checked without its prefix") {
    const RowValidatorOptions simplified{.simplified = true};
    const auto judged = [&](std::string_view anon, std::string_view user) {
      Row r = row(anon, user);
      const auto said = validate(r, simplified);
      return std::pair(said == RowCheck::faulty ? r.fault : Fault::none, r.anon);
    };
    CHECK(judged("$device:d1", "u") == std::pair(Fault::none, std::string_view("d1")));
    CHECK(judged("d1", "u").second == "d1");
    CHECK(judged("$device:u", "u").first == Fault::same_ids);
    CHECK(judged("$device:$device:d1", "u").first == Fault::doubled_prefix);
    CHECK(judged("$device:$device:$device:d1", "u").first == Fault::doubled_prefix);
    CHECK(judged("$device:$device:", "u").first == Fault::doubled_prefix);
    CHECK(judged("d1", "$device:u").first == Fault::device_user);
    CHECK(judged("$device:null", "u").first == Fault::placeholder);
    CHECK(judged("$device:", "u").first == Fault::placeholder);
    CHECK(judged("$device: \xC2\xA0", "u").first == Fault::placeholder);
    // What only resembles the prefix is part of the id.
    for (const auto* id : {"$Device:d1", " $device:d1", "device:d1", "$device;d1", "$device"}) {
      CHECK(judged(id, "u") == std::pair(Fault::none, std::string_view(id)));
    }
    // The service cuts what is longer than 255 bytes without its own prefix.
    const std::string longest(255, 'x');
    CHECK(judged("$device:" + longest, "u").first == Fault::none);
    CHECK(judged("$device:" + longest + "x", "u").first == Fault::id_too_long);
    // The place of a fault is that in the row.
    Row bad = row("$device:a\x01", "u");
    const auto at = bad.anon_at;
    CHECK(validate(bad, simplified) == RowCheck::faulty);
    CHECK(bad.fault_at == at + 9);
  }

  TEST_CASE("a deny list meets a device in either spelling") {
    for (const auto* rule : {"bot17\n", "$device:bot17\n", "/^bot[0-9]+$/\n", "/^\\$device:bot/\n",
                             "/(?i)^\\$DEVICE:bot/\n", "/^\\$device\\:bot/\n", "/^[$]device:bot/\n",
                             "/^\\$device[:]bot/\n", "/^.device.bot/\n", "/\\A\\x24device:bot/\n",
                             "/:bot/\n", "/^[^:]+:bot/\n", "/^\\$[a-z]+:bot/\n", "/device.bot/\n",
                             "/[$].*\\bbot1/\n", "/^(user|\\$device:bot)/\n"}) {
      auto list = DenyList::parse(rule);
      REQUIRE(list);
      const RowValidatorOptions options{.deny = std::make_shared<const DenyList>(std::move(*list)),
                                        .simplified = true};
      for (const auto* id : {"bot17", "$device:bot17"}) {
        CAPTURE(rule);
        Row r = row(id, "u");
        CHECK(validate(r, options) == RowCheck::faulty);
        CHECK(r.fault == Fault::denied);
        Row other = row("abot17", "u");
        CHECK(validate(other, options) == RowCheck::pair);
      }
    }
  }

  TEST_CASE("an expression does not see a prefix of which it does not speak") {
    for (const auto* rule : {"/dev/\n", "/[$]/\n", "/:/\n", "/^.evice/\n", "/device/\n", "/^\\D/\n",
                             "/^\\W/\n", "/^[^7#]/\n", "/^[^7]/\n", "/.{9}/\n", "/^.{9,12}$/\n",
                             "/e.*1/\n", "/[^0-9]/\n", "/e:/\n", "/^device:/\n", "/^d/\n"}) {
      CAPTURE(rule);
      auto list = DenyList::parse(rule);
      REQUIRE(list);
      const RowValidatorOptions options{.deny = std::make_shared<const DenyList>(std::move(*list)),
                                        .simplified = true};
      for (const auto* id : {"$device:71", "71"}) {
        Row r = row(id, "72");
        CHECK(validate(r, options) == RowCheck::pair);
      }
    }
  }

  TEST_CASE(
      "an expression that means the beginning of a prefix, or all of it, means every device") {
    for (const auto* rule : {"/^\\$/\n", "/^[$#]/\n", "/\\A\\$dev/\n", "/^\\$device:/\n",
                             "/device:/\n", "/\\$device/\n", "/(?i)DEVICE[:]/\n"}) {
      CAPTURE(rule);
      auto list = DenyList::parse(rule);
      REQUIRE(list);
      const auto deny = std::make_shared<const DenyList>(std::move(*list));
      for (const auto* id : {"$device:71", "71"}) {
        Row r = row(id, "u");
        CHECK(validate(r, {.deny = deny, .simplified = true}) == RowCheck::faulty);
        CHECK(r.fault == Fault::denied);
      }
      // Elsewhere an id is what it is.
      Row bare = row("71", "u");
      CHECK(validate(bare, {.deny = deny}) == RowCheck::pair);
    }
  }

  TEST_CASE("a placeholder is one in any dress") {
    for (const auto* id : {"\xC2\xA0null", "\xE2\x80\x9CN/A\xE2\x80\x9D", "unknown\xE2\x80\x8B",
                           "\xEF\xBB\xBF\xEF\xBB\xBFnone", "\xE3\x80\x80'guest'",
                           "$device:\xC2\xA0undefined", "\xC2\xABnil\xC2\xBB"}) {
      CAPTURE(id);
      CHECK(is_placeholder(id));
    }
    for (const auto* id : {"\xC2\xA0null1", "n\xE2\x80\x8Bull", "\xC3\xA4null", "\xE2\x82\xACnull",
                           "null\xE4\xB8\xAD"}) {
      CAPTURE(id);
      CHECK_FALSE(is_placeholder(id));
    }
    CHECK(undressed(" \xC2\xA0`a b'\xE2\x80\x8B\t") == "a b");
    CHECK(undressed("\xE2\x80\x8B\xE2\x80\x8B").empty());
    CHECK(undressed("\xE2\x80") == "\xE2\x80");
  }

  TEST_CASE("an id of the deny list is rejected on either side, after every other fault") {
    auto list = DenyList::parse("qa-1\n/^kiosk-/\n");
    REQUIRE(list);
    const RowValidatorOptions options{.deny = std::make_shared<const DenyList>(std::move(*list))};
    Row anon = row("kiosk-7", "u1"), user = row("a1", "qa-1"), other = row("a1", "qa-12");
    CHECK(validate(anon, options) == RowCheck::faulty);
    CHECK(anon.fault == Fault::denied);
    CHECK(anon.fault_at == 10);
    CHECK(validate(user, options) == RowCheck::faulty);
    CHECK(user.fault_at == 50);
    CHECK(validate(other, options) == RowCheck::pair);
    Row blank = row("kiosk-7", ""), same = row("qa-1", "qa-1");
    CHECK(validate(blank, options) == RowCheck::skipped_user);
    CHECK(validate(same, options) == RowCheck::faulty);
    CHECK(same.fault == Fault::same_ids);
  }

  TEST_CASE("a row that came with a fault keeps it") {
    Row r = row("null", "u");
    r.fault = Fault::ragged_row;
    CHECK(validate(r, {}) == RowCheck::faulty);
    CHECK(r.fault == Fault::ragged_row);
  }

  TEST_CASE("the form of an id tells UUIDs and a device prefix that was put twice") {
    CHECK(id_form("$device:$device:8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11") ==
          IdForm::doubled_prefix);
    CHECK(id_form("$device:8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11") == IdForm::uuid_v4);
    CHECK(id_form("8f14e45f-ceea-167f-a9d5-3c2e5b1a7c11") == IdForm::uuid);
    CHECK(id_form("$device:device:1") == IdForm::other);
  }

  TEST_CASE("UUIDs are recognised by form") {
    CHECK(uuid_form("8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11") == UuidForm::uuid_v4);
    CHECK(uuid_form("8F14E45F-CEEA-467F-A9D5-3C2E5B1A7C11") == UuidForm::uuid_v4);
    CHECK(uuid_form("$device:8f14e45f-ceea-467f-a9d5-3c2e5b1a7c11") == UuidForm::uuid_v4);
    CHECK(uuid_form("8f14e45f-ceea-167f-a9d5-3c2e5b1a7c11") == UuidForm::uuid);
    CHECK(uuid_form("8f14e45f-ceea-467f-c9d5-3c2e5b1a7c11") == UuidForm::uuid);
    CHECK(uuid_form("8f14e45f-ceea-467f-a9d5-3c2e5b1a7c1g") == UuidForm::none);
    CHECK(uuid_form("8f14e45fceea-467f-a9d5--3c2e5b1a7c11") == UuidForm::none);
    CHECK(uuid_form("") == UuidForm::none);
    const std::string uuid = "8f14e45f-ceea-167f-a9d5-3c2e5b1a7c11";
    bool right = true;
    for (std::size_t at = 0; at < uuid.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        if (uuid[at] == '-' || at == 14) continue;
        std::string changed = uuid;
        changed[at] = static_cast<char>(c);
        const bool hex = c < 0x80 && std::isxdigit(c) != 0;
        right = right && (uuid_form(changed) != UuidForm::none) == hex;
      }
    }
    CHECK(right);
  }
}
