// SPDX-License-Identifier: MIT
#include "plan/plan_file.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;
using idmerge::testing::make_plan;
using idmerge::testing::PlanSketch;

namespace {

/// Read every block and compare it with the sketch. The error, if one is refused.
Result<void> check_links(const PlanReader& plan, const PlanSketch& sketch) {
  PlanBlock block;
  std::uint64_t ordinal = 0;
  for (std::size_t b = 0; b < plan.blocks(); ++b) {
    if (auto done = plan.read_block(b, block); !done) return done.error();
    REQUIRE(block.first == ordinal);
    REQUIRE(block.verdicts.size() == block.links.size());
    REQUIRE(block.components.size() == block.links.size());
    for (std::size_t i = 0; i < block.links.size(); ++i, ++ordinal) {
      const auto& link = block.links[i];
      const bool is_right =
          link.anon == sketch.anon(ordinal) && link.user == sketch.user(ordinal) &&
          link.line == ordinal + 2 && link.offset == 20 + 6 * ordinal &&
          block.verdicts[i] == PlanSketch::verdict(ordinal) &&
          block.components[i] == PlanSketch::component(ordinal) &&
          link.order == (sketch.has_orders ? PlanSketch::order(ordinal) : no_order);
      if (!is_right) FAIL("link ", ordinal);
    }
  }
  CHECK(ordinal == sketch.links);
  return {};
}

/// Open a plan of these bytes and read all of it; the error, or an empty text.
std::string trouble(std::string bytes, const PlanSketch& sketch) {
  FlakyFiles files;
  files.put("/w/plan", std::move(bytes));
  const auto plan = PlanReader::open(files, "/w/plan");
  if (!plan) {
    CHECK(plan.error().code == Errc::input);
    return plan.error().what;
  }
  const auto read = check_links(*plan, sketch);
  if (read) return {};
  CHECK(read.error().code == Errc::input);
  return read.error().what;
}

std::string made(const PlanSketch& sketch) {
  FlakyFiles files;
  const auto facts = make_plan(files, "/w/plan", sketch);
  REQUIRE_MESSAGE(facts, facts);
  return files.content("/w/plan");
}

/// The plan with a byte of the first entry of its index greater by one, and all sums as if it had
/// been written so.
std::string with_entry_byte(std::string bytes, std::size_t at, unsigned more) {
  constexpr std::size_t part_bytes = 32;  // offset, size, digest
  const auto footer = bytes.size() - (6 * part_bytes + 56);
  const auto index = footer + 5 * part_bytes;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::memcpy(&offset, bytes.data() + index, sizeof offset);
  std::memcpy(&size, bytes.data() + index + 8, sizeof size);
  REQUIRE(at < size);
  bytes[offset + at] = static_cast<char>(static_cast<unsigned char>(bytes[offset + at]) + more);
  const auto sum = digest(std::string_view(bytes).substr(offset, size));
  std::memcpy(bytes.data() + index + 16, sum.data(), sum.size());
  const auto checked = 6 * part_bytes + 40;
  const auto all = checksum(std::string_view(bytes).substr(footer, checked));
  std::memcpy(bytes.data() + footer + checked, &all, sizeof all);
  return bytes;
}

std::string id_of(const PlanSketch& sketch) {
  FlakyFiles files;
  const auto facts = make_plan(files, "/w/plan", sketch);
  REQUIRE(facts);
  const auto plan = PlanReader::open(files, "/w/plan");
  REQUIRE_MESSAGE(plan, plan);
  CHECK(plan->facts().id() == facts->id());
  CHECK(facts->id().size() == 12);
  return facts->id();
}

void add_links(PlanWriter& writer, const PlanSketch& sketch) {
  for (std::uint64_t i = 0; i < sketch.links; ++i) {
    const auto anon = sketch.anon(i);
    const auto user = sketch.user(i);
    writer.add({.anon = anon, .user = user, .line = i + 2});
  }
}

}  // namespace

TEST_SUITE("plan/plan_file") {
  TEST_CASE("a plan reads back what was written") {
    for (const bool has_orders : {false, true}) {
      for (const auto links : {0UL, 1UL, 5UL, 70'000UL}) {
        PlanSketch sketch;
        sketch.links = links;
        sketch.has_orders = has_orders;
        sketch.id_bytes = links > 10 ? 36 : 2;
        sketch.inputs.push_back({.size_bytes = 1,
                                 .content = digest("more"),
                                 .rows = 0,
                                 .blank_lines = 0,
                                 .format = "ndjson.gz",
                                 .path = "/data/b"});
        FlakyFiles files;
        REQUIRE(make_plan(files, "/w/plan", sketch));
        const auto plan = PlanReader::open(files, "/w/plan");
        REQUIRE_MESSAGE(plan, plan);
        CHECK(plan->links() == links);
        CHECK(plan->blocks() == (links == 70'000 ? 6 : links == 0 ? 0 : 1));
        CHECK(plan->facts().options == sketch.options);
        CHECK(plan->facts().inputs == sketch.inputs);
        CHECK(plan->facts().plan_summary == sketch.plan_summary);
        CHECK(plan->facts().has_orders == has_orders);
        CHECK(plan->facts().preamble.secret == sketch.preamble.secret);
        CHECK(plan->facts().preamble.created_s == sketch.preamble.created_s);
        CHECK(plan->facts().preamble.memory_bytes == sketch.preamble.memory_bytes);
        CHECK(check_links(*plan, sketch));
      }
    }
  }

  TEST_CASE("the example of the header is what is written") {
    PlanSketch sketch;
    sketch.links = 0;
    sketch.options = {{"op", "create"}};
    const auto bytes = made(sketch);
    CHECK(bytes.substr(0, 16) == std::string("idmplan\n\2\0\0\0\0\0\0\0", 16));
    CHECK(bytes.substr(0x30, 12) == "op = create\n");
    CHECK(bytes.substr(bytes.size() - 8) == "idmplan\n");
  }

  TEST_CASE("a full disk is known before the plan is finished") {
    FlakyFiles files;
    const PlanSketch sketch{.links = 30'000, .id_bytes = 40};
    auto writer = PlanWriter::create(files, "/w/plan", sketch.preamble, sketch.options, false);
    REQUIRE(writer);
    files.harm(0, Harm::full, true);
    add_links(*writer, sketch);
    CHECK(writer->error().code == Errc::outage);
    CHECK_FALSE(writer->healthy());
  }

  TEST_CASE("a thread visits some blocks of links while another appends the columns") {
    FlakyFiles files;
    const PlanSketch sketch{.links = 60'000, .id_bytes = 40};
    auto writer = PlanWriter::create(files, "/w/plan", sketch.preamble, sketch.options, false);
    REQUIRE(writer);
    add_links(*writer, sketch);
    writer->end_links();
    std::uint64_t blocks = 0;
    std::uint64_t expected = 0;
    std::uint64_t visited = 0;
    bool same = true;
    Result<void> outcome;
    std::thread beside([&] {
      outcome = writer->each_block(
          files,
          [&](std::uint64_t ordinal, LinkCursor& links) {
            for (Link link; links.next(link); ++ordinal, ++visited)
              same = same && link.anon == sketch.anon(ordinal) && link.line == ordinal + 2;
          },
          [&](std::uint64_t, std::uint32_t count) {
            const bool wanted = blocks++ % 2 == 1;
            expected += wanted ? count : 0;
            return wanted;
          });
    });
    const std::vector<Verdict> verdicts(1000, Verdict::send);
    const std::vector<std::uint32_t> components(1000, 7);
    for (std::uint64_t i = 0; i < sketch.links; i += 1000)
      writer->columns(verdicts, components);
    beside.join();
    REQUIRE(outcome);
    CHECK(blocks > 3);
    CHECK(same);
    CHECK(visited == expected);
    CHECK(visited > 0);
    CHECK(visited < sketch.links);
    REQUIRE(writer->write_rest({}, ""));
  }

  TEST_CASE("links are visited again while the plan is written, and a disk that lies is noticed") {
    FlakyFiles files;
    const PlanSketch sketch{.links = 30'000, .id_bytes = 40};
    auto writer = PlanWriter::create(files, "/w/plan", sketch.preamble, sketch.options, false);
    REQUIRE(writer);
    add_links(*writer, sketch);
    std::uint64_t next = 0;
    bool same = true;
    const auto visit = [&](std::uint64_t first, LinkCursor& links) {
      same = same && first == next;
      for (Link link; links.next(link); ++next)
        same = same && link.anon == sketch.anon(next) && link.line == next + 2;
    };
    REQUIRE(writer->each_block(files, visit));
    CHECK(same);
    CHECK(next == sketch.links);
    auto bytes = files.content(writer->part_path());
    REQUIRE(bytes.size() > 200'000);  // of whole blocks
    bytes[100'000] = static_cast<char>(bytes[100'000] ^ 1);
    files.put(writer->part_path(), bytes);
    const auto lied = writer->each_block(files, visit);
    REQUIRE_FALSE(lied);
    CHECK(lied.error().code == Errc::outage);
    CHECK(lied.error().what.find("reads back differently than written") != std::string::npos);
  }

  TEST_CASE("a link is found in its block, and columns can be read alone") {
    PlanSketch sketch;
    sketch.links = 70'000;
    sketch.id_bytes = 36;
    FlakyFiles files;
    REQUIRE(make_plan(files, "/w/plan", sketch));
    const auto plan = PlanReader::open(files, "/w/plan");
    REQUIRE(plan);
    PlanBlock block;
    for (const auto ordinal : {0UL, 1UL, 13'000UL, 13'500UL, 40'000UL, 69'999UL}) {
      const auto found = plan->find_block(ordinal);
      REQUIRE(plan->read_columns(found, block));
      CHECK(block.links.empty());
      CHECK(block.first <= ordinal);
      REQUIRE(ordinal - block.first < block.verdicts.size());
      CHECK(block.components[ordinal - block.first] == PlanSketch::component(ordinal));
    }
  }

  TEST_CASE("columns may come in pieces of any size") {
    PlanSketch sketch;
    sketch.links = 40'000;
    sketch.id_bytes = 36;
    sketch.has_orders = true;
    FlakyFiles files;
    auto writer = PlanWriter::create(files, "/w/plan", sketch.preamble, sketch.options, true);
    REQUIRE(writer);
    for (std::uint64_t i = 0; i < sketch.links; ++i) {
      const auto anon = sketch.anon(i);
      const auto user = sketch.user(i);
      Link link;
      link.anon = anon;
      link.user = user;
      link.line = i + 2;
      link.offset = 20 + 6 * i;
      writer->add(link);
    }
    CHECK(writer->links() == sketch.links);
    for (std::uint64_t i = 0, size = 1; i < sketch.links; i += size, size = size * 5 % 7919 + 1) {
      std::vector<Verdict> verdicts;
      std::vector<std::uint32_t> components;
      std::vector<std::int64_t> orders;
      for (auto k = i; k < std::min(i + size, sketch.links); ++k) {
        verdicts.push_back(PlanSketch::verdict(k));
        components.push_back(PlanSketch::component(k));
        orders.push_back(PlanSketch::order(k));
      }
      writer->columns(verdicts, components, orders);
    }
    CHECK(writer->write_rest(sketch.inputs, sketch.plan_summary));
    CHECK(!files.exists("/w/plan"));
    CHECK(PlanReader::open(files, writer->part_path()));
    CHECK(writer->publish());
    CHECK(files.content("/w/plan") == made(sketch));
  }

  TEST_CASE("the plan id is that of what the plan says, wherever and whenever it was made") {
    const PlanSketch same;
    const auto id = id_of(same);
    PlanSketch other = same;
    other.preamble = {{1, 2, 3}, 5, 6};
    other.inputs[0].path = "/elsewhere/and/longer.csv";
    CHECK(id_of(other) == id);

    std::vector<PlanSketch> different(8, same);
    different[0].options.set("op", "merge");
    different[1].inputs[0].content = digest("other rows");
    different[2].inputs[0].rows = 8;
    different[3].inputs[0].blank_lines = 0;
    different[4].plan_summary = "";
    different[5].links = 6;
    different[6].id_bytes = 3;
    different[7].has_orders = true;
    for (const auto& sketch : different)
      CHECK(id_of(sketch) != id);
  }

  TEST_CASE("every single flipped bit is found") {
    PlanSketch sketch;
    sketch.has_orders = true;
    const auto good = made(sketch);
    REQUIRE(trouble(good, sketch).empty());
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      auto bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      if (trouble(bad, sketch).empty()) FAIL("byte ", bit / 8, " bit ", bit % 8);
    }
  }

  TEST_CASE("a plan that was cut or extended is refused, with what to do") {
    const PlanSketch sketch;
    const auto good = made(sketch);
    for (std::size_t size = 0; size < good.size(); ++size) {
      const auto what = trouble(good.substr(0, size), sketch);
      if (what.find("plan the inputs again") == std::string::npos) FAIL("size ", size, ": ", what);
    }
    CHECK_FALSE(trouble(good + '\0', sketch).empty());
    CHECK_FALSE(trouble(good + good, sketch).empty());
    CHECK_FALSE(trouble('\0' + good, sketch).empty());
    FlakyFiles files;
    const auto none = PlanReader::open(files, "/w/plan");
    REQUIRE_FALSE(none);
    CHECK(none.error().what == "/w/plan: there is no plan: make one with idmerge plan");
  }

  TEST_CASE("nothing hides between the parts of a plan, whatever its index says") {
    PlanSketch sketch;
    sketch.links = 30'000;
    const auto good = made(sketch);
    REQUIRE(trouble(with_entry_byte(good, 0, 0), sketch).empty());
    // The first link, the count, what is reserved; offset and size of the links and the columns.
    for (const std::size_t at : {0U, 8U, 12U, 16U, 24U, 48U, 56U}) {
      CAPTURE(at);
      CHECK(trouble(with_entry_byte(good, at, 1), sketch).find("the index does not fit the file") !=
            std::string::npos);
    }
  }

  TEST_CASE("another version is named") {
    auto bytes = made({});
    bytes[8] = 1;
    CHECK(trouble(bytes, {}).find(
              "version 1, and this idmerge reads version 2: finish the job with the "
              "idmerge that wrote it") != std::string::npos);
  }

  TEST_CASE("whatever step fails, there is no plan or the whole plan, and it can be made again") {
    PlanSketch sketch;
    sketch.links = 30'000;
    sketch.id_bytes = 36;
    const auto good = made(sketch);
    for (const auto harm : {Harm::full, Harm::fail, Harm::kill, Harm::tear}) {
      for (std::uint64_t step = 0;; ++step) {
        FlakyFiles files;
        files.harm(step, harm, harm == Harm::full);
        const auto facts = make_plan(files, "/w/plan", sketch);
        if (files.steps() <= step) {
          CHECK(facts);
          CHECK(step > 12);
          break;
        }
        CHECK_FALSE(facts);
        if (!files.killed()) {
          CHECK(facts.error().code == Errc::outage);
          CHECK(facts.error().what.find("/w") == 0);
        }
        files.revive();
        if (files.exists("/w/plan")) CHECK(files.content("/w/plan") == good);
        REQUIRE(make_plan(files, "/w/plan", sketch));
        CHECK(files.content("/w/plan") == good);
      }
    }
  }

  TEST_CASE("interruptions and short writes change nothing") {
    PlanSketch sketch;
    const auto good = made(sketch);
    for (const auto harm : {Harm::interrupt, Harm::shorten}) {
      for (std::uint64_t step = 0; step < 20; ++step) {
        FlakyFiles files;
        files.harm(step, harm);
        CHECK(make_plan(files, "/w/plan", sketch));
        CHECK(files.content("/w/plan") == good);
      }
    }
  }

  TEST_CASE("after a power loss a plan is absent, whole, or seen to be damaged") {
    PlanSketch sketch;
    sketch.links = 30'000;
    sketch.id_bytes = 36;
    const auto good = made(sketch);
    int torn = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      FlakyFiles files;
      files.harm(seed % 20, Harm::kill);
      static_cast<void>(make_plan(files, "/w/plan", sketch));
      files.lose_power(FlakyFiles::Keep::some, seed);
      if (!files.exists("/w/plan") || files.content("/w/plan") == good) continue;
      ++torn;
      const auto opened = PlanReader::open(files, "/w/plan");
      if (!opened) {
        CHECK(opened.error().code == Errc::input);
        continue;
      }
      // Blocks are checked when they are read.
      bool noticed = false;
      PlanBlock block;
      for (std::size_t i = 0; i < opened->blocks(); ++i) {
        noticed = noticed || !opened->read_block(i, block);
      }
      CHECK(noticed);
    }
    CHECK(torn > 0);
  }

  TEST_CASE("a plan that was made durable survives any power loss") {
    const PlanSketch sketch;
    const auto good = made(sketch);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      FlakyFiles files;
      REQUIRE(make_plan(files, "/w/plan", sketch));
      auto opened = PlanReader::open(files, "/w/plan");
      REQUIRE(opened);
      REQUIRE(opened->make_durable(files));
      files.lose_power(seed == 0 ? FlakyFiles::Keep::synced : FlakyFiles::Keep::some, seed);
      CHECK(files.content("/w/plan") == good);
    }
  }
}
