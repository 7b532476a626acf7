// SPDX-License-Identifier: MIT
#include "cli/report_page.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "io/files.hpp"
#include "plan/job_paths.hpp"
#include "util/units.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

bool has(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::size_t times(std::string_view text, std::string_view words) {
  std::size_t n = 0;
  for (auto at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1))
    ++n;
  return n;
}

/// Links of which some are settled.
JobSummary sent_view(std::uint64_t links, std::uint64_t delivered, std::uint64_t refused) {
  JobSummary view;
  view.job = "job";
  view.plan_summary.read = view.plan_summary.links = links;
  view.plan_summary.verdicts[0] = view.plan_summary.to_send[0] = links;
  view.run.emplace();
  view.run->checkpoint.ledger.delivered = delivered;
  view.run->checkpoint.ledger.refused = refused;
  view.run->checkpoint.finished = delivered + refused == links;
  view.run->checkpoint.words.set("to", "eu");
  return view;
}

/// What the README's table says of an exit code, as text of a page.
struct ExitRow {
  std::string meaning;
  std::string who;
};

/// By code; a row of two codes names their signals in the same order, as "SIGINT, SIGTERM".
std::map<int, ExitRow> exit_rows() {
  RealFiles files;
  const auto readme = files.read_all(IDMERGE_TEST_DATA "/../README.md", 1U << 20U);
  REQUIRE_MESSAGE(readme, readme);
  std::map<int, ExitRow> rows;
  std::istringstream lines(readme->substr(readme->find("\n## Exit codes\n")));
  std::string line;
  while (std::getline(lines, line) && line != "Every stop prints the exact command that goes on.") {
    int code = 0;
    int other = 0;
    if (std::sscanf(line.c_str(), "| %d, %d |", &code, &other) < 1) continue;
    std::erase(line, '`');
    const auto second = line.find(" | ") + 3;
    const auto third = line.find(" | ", second) + 3;
    ExitRow row{line.substr(second, third - 3 - second),
                line.substr(third, line.rfind(" |") - third)};
    for (auto at = row.meaning.find('\''); at != std::string::npos; at = row.meaning.find('\'', at))
      row.meaning.replace(at, 1, "&#39;");
    const auto pair = row.meaning.find("SIGINT, SIGTERM");
    if (other != 0) {
      REQUIRE(pair != std::string::npos);
      rows[other] = row;
      rows[other].meaning.erase(pair, 8);
      row.meaning.erase(pair + 6, 9);
    }
    rows[code] = row;
  }
  return rows;
}

/// The words of the element with this id, as they stand in the page.
std::string element(const std::string& page, const std::string& id) {
  auto at = page.find(" id=\"" + id + "\"");
  if (at == std::string::npos) return "(no such element)";
  at = page.find('>', at) + 1;
  return page.substr(at, page.find("</", at) - at);
}

std::string headline(const JobSummary& view, const CommandResult& result) {
  const auto page = report_page(view, result, IdMask(true));
  const auto at = page.find("<h1>") + 4;
  return page.substr(at, page.find("</h1>") - at);
}

}  // namespace

TEST_SUITE("cli/report_page") {
  TEST_CASE("nothing from outside becomes markup, wherever it stands") {
    const std::string evil =
        "<script>alert(1)</script>\"><img src=x onerror=alert(2)>&amp;\x1b"
        "\xe2\x80\xae\n\xff";
    auto view = sent_view(5, 2, 1);
    view.job = evil;
    view.plan.inputs.push_back({.size_bytes = 9, .rows = 5, .format = evil, .path = evil});
    view.plan.options.set("max_cluster", evil);
    view.plan.options.set("on_conflict", evil);
    view.plan_summary.verdicts[static_cast<std::size_t>(Verdict::oversize)] = 1;
    view.plan_summary.verdicts[static_cast<std::size_t>(Verdict::outranked)] = 1;
    view.plan_summary.read = view.plan_summary.links = 7;
    view.run->checkpoint.words.set("to", evil);
    const NamedLink link{Op::create, evil, evil, 101};
    view.examples = view.largest = view.hubs = view.doubled = {link};
    const auto page = report_page(
        view, {.exit_code = 6, .stop = evil, .next = "idmerge run --job " + evil}, IdMask(true));

    constexpr std::string_view shown =
        "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;&lt;img src=x onerror=alert(2)&gt;"
        "&amp;amp;\\x1b\\u{202e}\\n\\xff";
    // Title, header, stop, command, target, two verdicts, example (twice), clusters, hubs, doubled,
    // input (twice), files, and commands: refused (twice), held, status.
    CHECK(times(page, shown) == 19);
    CHECK(times(page, "alert(1)") == times(page, shown));
    CHECK_FALSE(has(page, "<script"));
    CHECK_FALSE(has(page, "<img"));
    for (const char c : page)
      CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
    CHECK_FALSE(has(page, "\xe2\x80\xae"));
  }

  TEST_CASE("an example turns no text around its ids, and says what its operation does") {
    auto view = sent_view(3, 0, 0);
    const auto element_of = [](const std::string& id) {
      return "<bdi class=\"id\">" + id + "</bdi>";
    };
    const auto anon = element_of("\xd7\x90");
    const auto user = element_of("u");
    for (const auto& [op, words] : std::map<Op, std::string>{
             {Op::create, "what " + anon + " did will belong to user " + user},
             {Op::alias, anon + " will be another name of " + user},
             {Op::merge, anon + " and " + user + " will be one user"}}) {
      view.examples = {{op, "\xd7\x90", "u", 2}};
      CHECK(has(report_page(view, {}, IdMask(true)), "<li>" + words + "</li>\n"));
    }
  }

  TEST_CASE("the page brings all it needs, and may not fetch or run anything") {
    const auto page = report_page(sent_view(1, 1, 0), {}, IdMask(true));
    CHECK(page.starts_with(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"));
    CHECK(has(page,
              "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
              "form-action 'none'\""));
    for (const auto* outside : {"http:", "https:", " src=", " href=", "url(", "@import", "<link"})
      CHECK_FALSE(has(page, outside));
    CHECK(page.ends_with("</html>\n"));
  }

  TEST_CASE("how it ended stands in the first sentence") {
    CHECK(headline(sent_view(1200, 1200, 0), {}) ==
          "Finished: 1,200 links delivered, nothing left to send");
    CHECK(headline(sent_view(5, 3, 2), {.exit_code = 3}) ==
          "Finished: 3 of 5 links delivered; 2 refused");
    CHECK(headline(sent_view(5, 3, 0), {.exit_code = 143, .stop = "interrupted"}) ==
          "Stopped: 2 of 5 links pending");
    CHECK(headline(sent_view(5, 3, 0), {}) == "Unfinished: 2 of 5 links pending");
    CHECK(headline(sent_view(1, 1, 0), {.rehearsal = true}) ==
          "Rehearsal finished: 1 link delivered, nothing left to send");
    CHECK(headline(sent_view(0, 0, 0), {}) == "Finished: there was nothing to send");
    auto planned = sent_view(1, 0, 0);
    planned.run.reset();
    CHECK(headline(planned, {}) == "Planned: 1 link to send, nothing sent yet");
    CHECK(headline(planned, {.exit_code = 6, .stop = "--max-held: x"}) ==
          "Stopped before anything was sent: 1 link planned");
    planned.plan_summary = {};
    CHECK(headline(planned, {}) == "Planned: there is nothing to send");
  }

  TEST_CASE("every exit code has its meaning, and who acts, as the README says") {
    const auto view = sent_view(1, 0, 0);
    std::set<int> codes{0, 3, 143};
    for (int code = 0; code <= static_cast<int>(Errc::interrupted); ++code)
      codes.insert(exit_code(static_cast<Errc>(code)));
    const auto rows = exit_rows();
    for (int code = 0; code < 256; ++code) {
      CAPTURE(code);
      const auto page = report_page(view, {.exit_code = code}, IdMask(true));
      CHECK(element(page, "exit-code") == std::to_string(code));
      CHECK(rows.contains(code) == codes.contains(code));
      if (!codes.contains(code)) {
        CHECK(element(page, "exit-meaning") == "(no such element)");
      } else if (code == 0) {  // a plan that is not sent yet has nothing finished
        CHECK(element(page, "exit-meaning") == "nothing stopped it");
        CHECK_FALSE(has(page, "who acts"));
      } else {
        CHECK(element(page, "exit-meaning") == rows.at(code).meaning);
        CHECK(has(page, " <span class=\"quiet\">(who acts: " + rows.at(code).who + ")</span>"));
      }
    }
  }

  TEST_CASE("why it stopped and the command that goes on, if there are any") {
    const auto view = sent_view(1, 0, 0);
    const auto page =
        report_page(view, {.exit_code = 5, .stop = "no route", .next = "idmerge run --job 'a b'"},
                    IdMask(true));
    CHECK(element(page, "stop") == "no route");
    CHECK(has(page, "<code>idmerge run --job &#39;a b&#39;</code>"));
    const auto other = report_page(view, {}, IdMask(true));
    CHECK(element(other, "stop") == "(no such element)");
    CHECK(element(other, "next") == "(no such element)");
  }

  TEST_CASE("ids are shown or masked as in summary.json") {
    Stage stage;
    const auto view = view_job(stage.files, stage.planned());
    REQUIRE(view);
    for (const bool shows : {true, false}) {
      const auto page = report_page(*view, {}, IdMask(shows));
      const auto summary = summary_json(*view, {}, IdMask(shows));
      for (const auto* id : {"user-1@example.com", "u,2", "0305e82c3303"}) {
        CHECK(has(page, id) == shows);
        if (!shows) CHECK_FALSE(has(summary, id));
      }
      CHECK(has(page, IdMask(shows)("user-1@example.com")));
      CHECK(has(summary, IdMask(shows)("user-1@example.com")));
    }
  }

  TEST_CASE("many inputs are summed up, and lists say what they leave out") {
    auto view = sent_view(10'000, 10'000, 0);
    for (int i = 0; i < 10'000; ++i) {
      view.plan.inputs.push_back(
          {.size_bytes = 1000, .rows = 1, .format = "csv", .path = fmt::format("part-{:05}", i)});
    }
    view.plan_summary.clusters = 10'000;
    view.plan_summary.hubs = 12;
    view.hubs.assign(10, {Op::create, "a", "u", 200});
    view.largest = view.hubs;
    const auto page = report_page(view, {}, IdMask(true));
    CHECK(has(page, "part-00049"));
    CHECK_FALSE(has(page, "part-00050"));
    CHECK(
        has(page, "and 9,950 more files</th><td class=\"n\">9,950</td><td class=\"n\">9,950,000<"));
    CHECK(has(page, "10,000 files</th><td class=\"n\">10,000</td><td class=\"n\">10,000,000<"));
    CHECK(has(page, "and 9,990 more clusters"));
    CHECK(has(page, "and 2 more of them"));
    CHECK(page.size() < 48 << 10);
  }

  TEST_CASE("a bar is as long as its share, and nothing is too small to be seen") {
    const auto page = report_page(sent_view(1'000'000, 999'999, 1), {}, IdMask(true));
    CHECK(has(page, "width=\"100.00\""));
    CHECK(has(page, "width=\"0.60\""));
    CHECK(has(page, ">&gt;99.9 %<"));
    CHECK(has(page, ">&lt;0.1 %<"));
    const auto empty = report_page(sent_view(0, 0, 0), {}, IdMask(true));
    CHECK_FALSE(has(empty, "nan"));
  }

  TEST_CASE("links that may be sent again are said") {
    auto view = sent_view(9, 3, 0);
    view.in_doubt.links = {{3, 4}};
    CHECK(has(report_page(view, {}, IdMask(true)), "At most 4 links may already have been"));
  }

  TEST_CASE("ambiguous deliveries are named apart, and where they are listed") {
    constexpr std::string_view list = "<code>runs/1-of-1/ambiguous.ndjson</code>";
    constexpr std::string_view command = "idmerge show --job job --in-doubt";
    auto view = sent_view(4, 4, 0);
    const auto certain = report_page(view, {}, IdMask(true));
    CHECK_FALSE(has(certain, list));
    CHECK_FALSE(has(certain, command));

    view.run->checkpoint.ledger.ambiguous = 3;
    const auto page = report_page(view, {}, IdMask(true));
    CHECK(has(page, "3 of them ambiguous"));
    CHECK(has(page, list));
    CHECK(has(page, command));
  }

  TEST_CASE("it is written wherever summary.json is") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", mixed_rows);
    const auto read = [&](const std::string& name) {
      return stage.scratch.read("p.csv.idmerge/" + name);
    };
    const std::vector<std::string> guards{"--max-rejected", "none", "--max-held", "none"};
    const auto with_guards = [&](std::vector<std::string> words) {
      words.insert(words.end(), guards.begin(), guards.end());
      return stage.code(words);
    };
    REQUIRE(stage.code({"plan", input}) == 6);
    CHECK(has(read("report.html"), "Stopped before anything was sent"));
    CHECK(has(element(read("report.html"), "stop"), "--max-rejected: 1 of 7 rows"));
    REQUIRE(with_guards({"plan", input}) == 0);
    const auto planned = read("report.html");
    CHECK(has(planned, "Planned: 3 links to send"));
    CHECK(
        has(planned, "idmerge run --job " + input +
                         ".idmerge --max-rejected none --max-held none --to &#39;us|eu|in|URL&#39; "
                         "--approve "));
    CHECK(has(read("summary.json"), "\"next\":\"idmerge run --job " + input));

    // A rehearsal has a page of its own.
    REQUIRE(with_guards({"run", input, "--to", "emulator"}) == 3);
    CHECK(read("report.html") == planned);
    CHECK(has(read("runs/rehearsal/report.html"), "Rehearsal finished: 3 links delivered"));
    CHECK(has(read("runs/rehearsal/report.html"), "<code>runs/rehearsal/summary.json</code>"));

    REQUIRE(with_guards({"run", input, "--dry-run", "--to", "eu"}) == 0);
    CHECK(has(read("report.html"), " --to eu --approve "));
  }
}
