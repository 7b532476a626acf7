// SPDX-License-Identifier: MIT
#include "input/columns.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::util;

namespace {

using Names = std::vector<std::string>;

/// "0,1" for a sided pair, "0-1" for an unsided one, "0[]" for an array, or the error.
std::string chosen(const FieldNames& names, const Names& header) {
  const auto columns = choose_columns(names, header);
  if (!columns) return columns.error().what;
  const auto& sides = columns->sides[static_cast<std::size_t>(names.op)];
  return std::to_string(sides->first) + (sides->sided ? "," : "-") + std::to_string(sides->second);
}

std::string chosen_fields(const FieldNames& names, const Names& keys) {
  const auto fields = choose_fields(names, keys);
  if (!fields) return fields.error().what;
  const auto& sides = fields->columns.sides[static_cast<std::size_t>(names.op)];
  const auto show = [&](std::uint32_t i) {
    std::string text;
    for (const auto& key : fields->pointers[i])
      text += "/" + key;
    return text;
  };
  if (sides->array) return show(sides->first) + "[]";
  return show(sides->first) + (sides->sided ? "," : "-") + show(sides->second);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("input/columns") {
  TEST_CASE("the default names are found in any case, wherever they stand") {
    CHECK(chosen({}, {"anonymous_id", "user_id"}) == "0,1");
    CHECK(chosen({}, {"id", "USER_ID", "ip", "Anonymous_Id"}) == "3,1");
    CHECK(chosen({}, {"$identified_id", "$anon_id"}) == "1,0");
    CHECK(chosen({.op = Op::alias}, {"distinct_id", "alias"}) == "1,0");
    CHECK(chosen({.op = Op::merge}, {"device_id", "user_id"}) == "0,1");
  }

  TEST_CASE("two candidates are an error that names both and shows the header") {
    CHECK(chosen({}, {"device_id", "user_id", "anonymous_id"}) ==
          "the anonymous id could be device_id (#1) or anonymous_id (#3): choose one with "
          "--anon-field; the header is: device_id, user_id, anonymous_id");
    CHECK(contains(chosen({}, {"user_id", "anon_id", "user_id"}), "user_id (#1) or user_id (#3)"));
    CHECK(chosen({.anon = "device_id"}, {"device_id", "user_id", "anonymous_id"}) == "0,1");
  }

  TEST_CASE("a side without a candidate is an error that shows the header") {
    CHECK(chosen({}, {"anonymous_id", "uid"}) ==
          "no column recognized as the user id: name it with --user-field; the header is: "
          "anonymous_id, uid");
    CHECK(contains(chosen({}, {"anonymous id", "user_id "}), "--anon-field"));
    CHECK(contains(chosen({.user = "email"}, {"anonymous_id", "user_id"}),
                   "--user-field email: there is no such column"));
  }

  TEST_CASE("one column cannot be both sides") {
    CHECK(contains(chosen({.anon = "x", .user = "x"}, {"x", "y"}), "are the same field"));
    CHECK(contains(chosen({.anon = "#2", .user = "y"}, {"x", "y"}), "are the same field"));
  }

  TEST_CASE("a name is looked up as it is, then in any case, and #N is a number") {
    CHECK(chosen({.anon = "A", .user = "a"}, {"a", "A"}) == "1,0");
    CHECK(chosen({.anon = "#2", .user = "#1"}, {"x", "y"}) == "1,0");
    CHECK(contains(chosen({.anon = "X", .user = "y"}, {"x", "x", "y"}), "x (#1) or x (#2)"));
    CHECK(contains(chosen({.anon = "#3", .user = "#1"}, {"x", "y"}), "only 2 columns"));
  }

  TEST_CASE("a header that looks like a row is not taken for one") {
    const Names row{"550e8400-e29b-41d4-a716-446655440000", "12345"};
    CHECK(contains(chosen({}, row), "--no-header"));
    CHECK(contains(chosen({.anon = "#1", .user = "#2"}, row), "looks like a row"));
    CHECK(looks_like_data({"a", "me@example.com"}));
    CHECK(!looks_like_data({"anonymous_id", "user_id", "x1", ""}));
  }

  TEST_CASE("without a header columns have numbers only") {
    CHECK(choose_columns({.anon = "#1", .user = "#2"}, 2));
    CHECK(!choose_columns({.anon = "#1", .user = "#3"}, 2));
    CHECK(!choose_columns({.anon = "a", .user = "b"}, 2));
    CHECK(!choose_columns({}, 2));
  }

  TEST_CASE("messages mask what is hardly the name of a column") {
    const Names header{
        "plan name", "address_2",        "$anon", "550e8400-e29b-41d4-a716-446655440000",
        "12345",     "jane@example.com", ""};
    const auto error = choose_columns({.mask = IdMask(false)}, header).error().what;
    CHECK(contains(error, "the header is: plan name, address_2, $anon, 55"));
    for (const auto* id : {"550e8400", "12345", "jane", "example"})
      CHECK(!contains(error, id));
    CHECK(
        contains(choose_columns({.mask = IdMask(true)}, header).error().what, "jane@example.com"));
    CHECK(!contains(choose_fields({.mask = IdMask(false)}, header).error().what, "jane"));
  }

  TEST_CASE("an option that the verb does not use is an error") {
    CHECK(contains(chosen({.op = Op::alias, .anon = "x"}, {"x", "y"}), "--alias-field"));
    CHECK(contains(chosen({.alias = "x"}, {"x", "y"}), "--op alias"));
    CHECK(contains(chosen({.distinct_id = "x"}, {"x", "y"}), "--distinct-id-field: not used"));
    CHECK(contains(chosen({.ids = "x,y"}, {"x", "y"}), "--op merge"));
    CHECK(
        contains(chosen({.op = Op::merge, .anon = "x", .ids = "x,y"}, {"x", "y"}), "--id-fields"));
  }

  TEST_CASE("id fields are an unsided pair") {
    CHECK(chosen({.op = Op::merge, .ids = "y,x"}, {"x", "y"}) == "1-0");
    // Beside the sides of other verbs, if rows name theirs.
    const auto both =
        choose_fields({.anon = "/a", .user = "/u", .ids = "/$distinct_ids", .op_field = "op"}, {});
    REQUIRE(both);
    CHECK(both->columns.sides[static_cast<std::size_t>(Op::create)]->sided);
    CHECK(both->columns.sides[static_cast<std::size_t>(Op::merge)]->array);
    CHECK(choose_columns({.op = Op::merge, .ids = "#1,#2"}, 2));
    CHECK(contains(choose_columns({.op = Op::merge, .ids = "#1"}, 2).error().what,
                   "two fields are needed"));
    CHECK(contains(choose_columns({.op = Op::merge}, 2).error().what, "no column recognized"));
    for (const auto* bad : {"x", "x,", ",x", "x,y,x", "x,x", "x,z"}) {
      CAPTURE(bad);
      CHECK(!choose_columns({.op = Op::merge, .ids = bad}, Names{"x", "y"}));
    }
  }

  TEST_CASE("in NDJSON keys and pointers name the sides") {
    CHECK(chosen_fields({}, {"user_id", "anonymous_id"}) == "/anonymous_id,/user_id");
    CHECK(chosen_fields({.anon = "/context/device/id", .user = "uid"}, {}) ==
          "/context/device/id,/uid");
    CHECK(chosen_fields({.anon = "/a~1b", .user = "/m~0n"}, {}) == "/a/b,/m~n");
    CHECK(contains(chosen_fields({}, {"user_id", "device_id", "anon_id"}), "device_id or anon_id"));
    CHECK(contains(chosen_fields({}, {"user_id", "userId"}), "first rows are: user_id, userId"));
    CHECK(contains(chosen_fields({.anon = "#1", .user = "u"}, {}), "numbered"));
    CHECK(contains(chosen_fields({.anon = "/a~2", .user = "u"}, {}), "~0"));
    CHECK(chosen_fields({.op = Op::merge}, {"$distinct_ids"}) == "/$distinct_ids[]");
    CHECK(contains(chosen_fields({.op = Op::merge}, {"ids"}), "no key recognized"));
    CHECK(chosen_fields({.op = Op::merge, .ids = "/properties/$distinct_ids"}, {}) ==
          "/properties/$distinct_ids[]");
    CHECK(contains(chosen_fields({.op = Op::merge}, {"$distinct_ids", "user_id", "anon_id"}),
                   "choose"));
  }

  TEST_CASE("other default names of a found side are its rivals") {
    const auto fields = choose_fields({.user = "u"}, {"device_id"});
    REQUIRE(fields);
    CHECK(fields->rivals == Names{"anonymous_id", "anon_id", "$anon_id", "$device_id"});
  }

  TEST_CASE("with an op field every verb has its sides, or those of create") {
    const auto columns = choose_columns({.op_field = "op"},
                                        Names{"anon_id", "user_id", "op", "alias", "distinct_id"});
    REQUIRE(columns);
    CHECK(*columns->op == 2);
    CHECK(columns->sides[0]->first == 0);
    CHECK(columns->sides[1]->first == 3);
    CHECK(columns->sides[2]->first == 0);
    CHECK(!choose_columns({.op_field = "op"}, Names{"op", "x"}));
    CHECK(!choose_columns({.op_field = "verb"}, Names{"anon_id", "user_id"}));
  }

  TEST_CASE("another delimiter in the only field of the first row is an error with the remedy") {
    CHECK(!check_delimiter({"a;b"}, ','));
    const auto masked = [](std::string row, bool is_header) {
      return check_delimiter({std::move(row)}, ',', is_header, IdMask(false)).error().what;
    };
    CHECK(contains(masked("anon_id;jane@example.com", true), "the row is: anon_id;"));
    CHECK(!contains(masked("anon_id;jane@example.com", true), "jane"));
    CHECK(!contains(masked("janet;doering", false), "janet"));
    CHECK(check_delimiter({"a;b"}, ',').error().what.find("--delimiter ';'") != std::string::npos);
    CHECK(check_delimiter({"a\tb"}, ',').error().what.find("--format tsv") != std::string::npos);
    CHECK(check_delimiter({"a,b"}, '\t').error().what.find("--format csv") != std::string::npos);
    CHECK(check_delimiter({"a;b", "c"}, ','));
    CHECK(check_delimiter({"a"}, ','));
  }
}
