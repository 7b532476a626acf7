// SPDX-License-Identifier: MIT
#include "plan/plan_summary.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

PlanSummary sample() {
  PlanSummary r;
  r.links = 7;
  r.verdicts = {4, 1, 2, 0, 0};
  r.to_send = {3, 1, 0};
  r.duplicates = 5;
  r.skipped_anon = 2;
  r.faults[static_cast<std::size_t>(Fault::placeholder)] = 3;
  r.faults[static_cast<std::size_t>(Fault::partial_row)] = 1;
  r.read = 18;
  r.unreadable_orders = {12, 1, 42, 7};
  r.anon.distinct = 6;
  r.hubs = 1;
  r.largest = {{9, 3}, {2, 0}};
  r.examples = {0, 4};
  r.hub_users = {{101, 2}};
  r.doubled = {5};
  return r;
}

}  // namespace

TEST_SUITE("plan/plan_summary") {
  TEST_CASE("what is written is read again, exactly") {
    for (const auto& report : {sample(), PlanSummary{}}) {
      const auto text = to_text(report);
      const auto again = parse_plan_summary(text);
      REQUIRE(again);
      CHECK(to_text(*again) == text);
      CHECK(again->largest.size() == report.largest.size());
      CHECK(again->examples == report.examples);
      CHECK(again->hub_users.size() == report.hub_users.size());
      CHECK(again->doubled == report.doubled);
      CHECK(again->read == report.read);
      CHECK(again->unreadable_orders.rows == report.unreadable_orders.rows);
      CHECK(again->unreadable_orders.file == report.unreadable_orders.file);
      CHECK(again->unreadable_orders.line == report.unreadable_orders.line);
      CHECK(again->unreadable_orders.column == report.unreadable_orders.column);
    }
  }

  TEST_CASE("a row that may be cut is held, and no other faulty one is") {
    const auto report = sample();
    CHECK(report.rejected() == 3);
    CHECK(report.held_rows() == 1);
    CHECK(report.held_links() == 2);
    CHECK(report.held() == 3);
    CHECK(report.adds_up());
  }

  TEST_CASE("a line that is missing, changed or too many is refused") {
    const auto text = to_text(sample());
    CHECK(!parse_plan_summary(""));
    CHECK(!parse_plan_summary(text + "more = 1\n"));
    std::size_t begin = 0;
    while (begin < text.size()) {
      const auto end = text.find('\n', begin) + 1;
      CHECK(!parse_plan_summary(text.substr(0, begin) + text.substr(end)));
      auto changed = text;
      changed.insert(end - 1, "x");
      CHECK(!parse_plan_summary(changed));
      begin = end;
    }
  }

  TEST_CASE("the lead in UUIDs is that of the user side, and means nothing without sides") {
    PlanSummary r;
    CHECK(r.uuid_lead() == 0);
    r.anon = {10, 2, 2};
    r.user = {4, 3, 0};
    CHECK(r.uuid_lead() == doctest::Approx(0.55));
    std::swap(r.anon, r.user);
    CHECK(r.uuid_lead() == doctest::Approx(-0.55));
    std::swap(r.anon, r.user);
    r.unsided = 1;
    CHECK(r.uuid_lead() == 0);
    r.unsided = 0;
    r.to_send[static_cast<std::size_t>(Op::alias)] = 1;
    CHECK(r.uuid_lead() == 0);
  }

  TEST_CASE("warnings are written where there are any, and stay over a spill") {
    PlanSummary r = sample();
    const auto before = to_text(r);
    CHECK(before.find("padded_rows") == std::string::npos);
    r.warnings = {
        .prefixed = 1, .padded = 2, .backslashed = 3, .anon_decimals = 4, .user_decimals = 5};
    r.anon_row_numbers = 6;
    r.user_row_numbers = 7;
    const auto read = parse_plan_summary(to_text(r));
    REQUIRE(read);
    CHECK(to_text(*read) == to_text(r));
    CHECK(read->warnings.user_decimals == 5);
    CHECK(read->user_row_numbers == 7);
    CHECK(r.rows_only().warnings.padded == 2);
    RowWarnings sum = r.warnings;
    sum.add(r.warnings);
    CHECK(sum.prefixed == 2);
    CHECK(sum.backslashed == 6);
    CHECK(sum.anon_decimals == 8);
  }

  TEST_CASE("shares are of what they speak of, and none of nothing") {
    PlanSummary r;
    CHECK(r.decimal_share() == 0);
    CHECK(r.user_share() == 0);
    r.links = 3;
    r.duplicates = 1;
    r.warnings.anon_decimals = 1;
    r.warnings.user_decimals = 3;
    CHECK(r.decimal_share() == doctest::Approx(0.75));
    r.anon.distinct = 400;
    r.hub_users = {{.ids = 101, .link = 0}};
    CHECK(r.user_share() == doctest::Approx(0.2525));
  }

  TEST_CASE("a report that does not add up is refused") {
    auto report = sample();
    ++report.read;
    CHECK(!report.adds_up());
    CHECK(!parse_plan_summary(to_text(report)));
    report = sample();
    ++report.unreadable_orders.rows;
    CHECK(!report.adds_up());
  }

  TEST_CASE("of orders that cannot be read all are counted, and the first one is named") {
    UnreadableOrders orders;
    orders.add({});
    CHECK(orders.rows == 0);
    orders.add({.rows = 2, .file = 1, .line = 5, .column = 9});
    orders.add({});
    orders.add({.rows = 3, .file = 2, .line = 1, .column = 1});
    CHECK(orders.rows == 5);
    CHECK(orders.file == 1);
    CHECK(orders.line == 5);
    CHECK(orders.column == 9);
    auto report = sample();
    report.unreadable_orders = orders;
    CHECK(report.rows_only().unreadable_orders.rows == 5);
  }
}
