// SPDX-License-Identifier: MIT
#include "plan/explain.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::Scratch;

namespace {

Explanation explained(const Scratch& scratch, PlanOptions options,
                      const std::vector<std::string>& ids, bool plan_first = true) {
  RealFiles files;
  Progress progress;
  options.secret = Secret16{1, 2, 3};
  if (plan_first) REQUIRE(make_plan(options, scratch / "job", files, progress));
  const auto plan = PlanReader::open(files, scratch / "job/plan");
  REQUIRE(plan);
  auto found = explain(*plan, ids);
  REQUIRE(found);
  return std::move(*found);
}

/// "line:is" of each row, with the fault of a rejected one.
std::string rows(const Explained& id) {
  static constexpr const char* words[]{"first", "duplicate", "skipped", "rejected"};
  std::string text;
  for (const auto& row : id.rows) {
    text += (text.empty() ? "" : " ") + std::to_string(row.line) + ":";
    text += words[static_cast<std::size_t>(row.is)];
    if (row.is == RowIs::rejected) text += "/" + std::string(name(row.fault));
  }
  return text;
}

std::string links(const std::vector<KeptLink>& all) {
  std::string text;
  for (const auto& link : all) {
    text += (text.empty() ? "" : " ") + link.anon + ">" + link.user + "/" +
            std::string(name(link.verdict));
  }
  return text;
}

using Ids = std::vector<std::string>;

const std::string table =
    "anonymous_id,user_id\n"
    "a1,u1\n"
    "a2,u1\n"
    "a1,u1\n"
    ",u1\n"
    "null,u1\n"
    "a3,u1\n"
    "a3,u2\n"
    "u1,u3\n"
    "b\"1,u1\n"
    "c1,u4\n";

}  // namespace

TEST_SUITE("plan/explain") {
  TEST_CASE("every row that named an id is found, and what it was") {
    const Scratch scratch;
    const auto path = scratch.write("pairs.csv", table);
    PlanOptions options;
    options.row_reader.inputs = {path};
    const auto found = explained(scratch, options, {"a1", "u1", "a3", "c1", "nobody"});
    REQUIRE(found.ids.size() == 5);
    CHECK(found.unread.empty());
    CHECK(rows(found.ids[0]) == "2:first 4:duplicate");
    CHECK(links(found.ids[0].links) == "a1>u1/send");
    CHECK(found.ids[0].cluster == Ids{"a1", "u1", "a2"});
    CHECK(rows(found.ids[1]) ==
          "2:first 3:first 4:duplicate 5:skipped 6:rejected/placeholder 7:first 9:first "
          "10:rejected/bare-quote");
    CHECK(links(found.ids[1].links) == "a1>u1/send a2>u1/send a3>u1/conflict u1>u3/both-sides");
    CHECK(found.ids[1].cluster == Ids{"a1", "u1", "a2"});
    CHECK(links(found.ids[1].clashes) == "a3>u2/conflict");
    CHECK(links(found.ids[2].links) == "a3>u1/conflict a3>u2/conflict");
    CHECK(found.ids[2].cluster.empty());
    CHECK(found.ids[2].clashes.empty());  // both are its own
    CHECK(found.ids[3].cluster == Ids{"c1", "u4"});
    CHECK(found.ids[4].links.empty());
    CHECK(found.ids[4].rows.empty());
    CHECK(found.ids[1].rows[2].link == std::size_t{0});
    CHECK(found.ids[1].rows[7].anon.empty());
  }

  TEST_CASE("a cluster that is held for its size is shown whole") {
    const Scratch scratch;
    PlanOptions options;
    options.row_reader.inputs = {
        scratch.write("pairs.csv", "anon_id,user_id\na,u\nb,u\nc,u\nd,v\n")};
    options.resolver.max_cluster = 3;
    const auto found = explained(scratch, options, {"b", "d"});
    CHECK(links(found.ids[0].links) == "b>u/oversize");
    CHECK(found.ids[0].too_large == Ids{"a", "u", "b", "c"});
    CHECK(found.ids[0].cluster.empty());
    CHECK(found.ids[1].too_large.empty());
  }

  TEST_CASE("of pairs without sides either order is the same link, spares included") {
    const Scratch scratch;
    PlanOptions options;
    options.row_reader.op = Op::merge;
    options.row_reader.inputs = {scratch.write("m.ndjson",
                                               "{\"$distinct_ids\":[\"x\",\"y\"]}\n"
                                               "{\"$distinct_ids\":[\"y\",\"x\"]}\n"
                                               "{\"$distinct_ids\":[\"y\",\"z\"]}\n"
                                               "{\"$distinct_ids\":[\"z\",\"x\"]}\n")};
    const auto found = explained(scratch, options, {"x"});
    CHECK(rows(found.ids[0]) == "1:first 2:duplicate 4:first");
    CHECK(links(found.ids[0].links) == "x>y/send z>x/spare");
    CHECK(found.ids[0].cluster == Ids{"x", "y", "z"});
  }

  TEST_CASE("an input that is not what was planned says nothing, and that is said") {
    const Scratch scratch;
    const std::string long_id(2'000'000, 'u');
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("d/1.csv", "anon_id,user_id\na,u\n"),
                                 scratch.write("d/2.csv", "anon_id,user_id\na,u\n"),
                                 scratch.write("d/3.csv", "anon_id,user_id\na,u\n"),
                                 scratch.write("d/4.csv", "anon_id,user_id\na,u\n"),
                                 scratch.write("d/5.csv", "anon_id,user_id\na,u\n"),
                                 scratch.write("d/6.csv", "anon_id,user_id\nz," + long_id + "\n")};
    explained(scratch, options, {"a"});
    scratch.write("d/1.csv", "anon_id,user_id\nb,u\n");       // as long, other content
    scratch.write("d/2.csv", "anon_id,user_id\na,u\na,u\n");  // longer
    scratch.write("d/3.csv", "anon_id,user_jd\na,u\n");       // cannot be read at all
    std::filesystem::remove(scratch / "d/4.csv");
    scratch.write("d/6.csv", "anon_id,user_id\n\"z" + long_id + "\n");  // as long, breaks off
    const auto found = explained(scratch, options, {"a"}, false);
    CHECK(rows(found.ids[0]) == "2:duplicate");
    CHECK(found.ids[0].rows[0].file == 4);
    CHECK(links(found.ids[0].links) == "a>u/send");
    REQUIRE(found.unread.size() == 5);
    CHECK(found.unread[4].why.find("it was changed: ") == 0);
    CHECK(found.unread[4].why.find("line 2") != std::string::npos);
    CHECK(found.unread[0].why == "it was changed");
    CHECK(found.unread[1].why == "it was changed");
    CHECK(found.unread[2].why.starts_with("it was changed: "));
    CHECK(found.unread[3].why == "it no longer exists");
  }

  TEST_CASE("what a plan denied is denied, whatever became of the list, and nothing else is") {
    const Scratch scratch;
    PlanOptions options;
    options.row_reader.inputs = {
        scratch.write("pairs.csv", "anon_id,user_id\na,qa\nb,qa\nb,u\nb,null\n,qa\n")};
    const std::vector<std::string> ids{"a", "b", "qa"};
    SUBCASE("with a list, of which only the digest is kept") {
      options.deny_digest = "00ff";
      options.validate.deny = std::make_shared<const DenyList>(DenyList::parse("qa\n").value());
      const auto found = explained(scratch, options, ids);
      CHECK(rows(found.ids[0]) == "2:rejected/denied");
      CHECK(rows(found.ids[1]) == "3:rejected/denied 4:first 5:rejected/placeholder");
      CHECK(rows(found.ids[2]) == "2:rejected/denied 3:rejected/denied 6:skipped");
    }
    SUBCASE("without one, a pair that the plan lacks has no reason") {
      options.validate.deny = std::make_shared<const DenyList>(DenyList::parse("qa\n").value());
      const auto found = explained(scratch, options, ids);
      CHECK(rows(found.ids[0]) == "2:rejected/none");
    }
  }

  TEST_CASE("inputs are read again as they were read for the plan") {
    PlanOptions options;
    options.row_reader.op = Op::merge;
    options.row_reader.format = Format::csv;
    options.row_reader.anon_field = "#2";
    options.row_reader.user_field = "#1";
    options.row_reader.op_field = "#3";
    options.row_reader.order_field = "#4";
    options.row_reader.delimiter = ';';
    options.row_reader.null_words = {"nil", "none"};
    options.row_reader.no_header = true;
    options.row_reader.row_max = 4096;
    options.row_reader.allow_ragged = true;
    options.row_reader.allow_lazy_quotes = true;
    options.validate.reject_blank = true;
    const auto words = plan_values(options);
    const auto again = reading_options(words);
    REQUIRE(again);
    const auto said = plan_values(*again);
    for (const auto* key :
         {"op", "format", "anon_field", "user_field", "alias_field", "distinct_id_field",
          "id_fields", "op_field", "order_field", "delimiter", "header", "null_words", "row_max",
          "allow_ragged", "allow_lazy_quotes", "blank"}) {
      CAPTURE(key);
      REQUIRE(said.find(key) != nullptr);
      CHECK(*said.find(key) == *words.find(key));
    }
    CHECK(again->row_reader.null_words == Ids{"nil", "none"});
    CHECK(!reading_options(KeyValues{{"op", "drop"}}));
  }

  TEST_CASE("a field that only another file has does not make a file unreadable") {
    const Scratch scratch;
    PlanOptions options;
    options.row_reader.anon_field = "a";
    options.row_reader.user_field = "u";
    options.row_reader.inputs = {scratch.write("1", "{\"a\":\"x\"}\n"),
                                 scratch.write("2", "{\"a\":\"x\",\"u\":\"y\"}\n")};
    const auto found = explained(scratch, options, {"x"});
    CHECK(found.unread.empty());
    CHECK(rows(found.ids[0]) == "1:skipped 1:first");
  }
}
