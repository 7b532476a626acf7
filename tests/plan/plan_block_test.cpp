// SPDX-License-Identifier: MIT
#include "plan/plan_block.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::util;

namespace {

Link link(std::string_view anon, std::string_view user, std::uint64_t line, std::uint64_t offset) {
  Link made;
  made.anon = anon;
  made.user = user;
  made.line = line;
  made.offset = offset;
  return made;
}

bool same(const Link& a, const Link& b) {
  return a.anon == b.anon && a.user == b.user && a.line == b.line && a.offset == b.offset &&
         a.file == b.file && a.op == b.op && a.sided == b.sided;
}

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 3) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

}  // namespace

TEST_SUITE("plan/plan_block") {
  TEST_CASE("the example of the header is what is written") {
    BlockPacker packer;
    packer.add(link("a1", "u1", 2, 21));
    packer.add(link("a2", "u2", 3, 27));
    CHECK(packer.bytes() == from_hex("04 04 2a 02 02 61 31 75 31 04 02 0c 02 02 61 32 75 32"));
    packer.clear();
    CHECK(packer.bytes().empty());
    packer.add(link("a1", "u1", 2, 21));  // a block starts from nothing
    CHECK(packer.bytes() == from_hex("04 04 2a 02 02 61 31 75 31"));
  }

  TEST_CASE("any link is read as it was written") {
    std::mt19937_64 random(testing::seed());
    const auto number = [&] { return random() >> (random() % 64); };
    for (int round = 0; round < 200; ++round) {
      std::vector<std::string> ids;
      for (int i = 0; i < 40; ++i) {
        std::string id(number() % 300, '\0');
        for (auto& c : id)
          c = static_cast<char>(random());
        ids.push_back(std::move(id));
      }
      ids.emplace_back(100'000, 'x');
      ids.emplace_back();
      std::vector<Link> links;
      BlockPacker packer;
      for (auto n = random() % 200; n > 0; --n) {
        Link made =
            link(ids[random() % ids.size()], ids[random() % ids.size()], number(), number());
        made.file = random() % 4 == 0 ? static_cast<std::uint32_t>(number()) : 0;
        made.op = static_cast<Op>(random() % 3);
        made.sided = random() % 2 == 0;
        links.push_back(made);
        packer.add(made);
      }
      std::vector<Link> read;
      const auto done = unpack_links(packer.bytes(), packer.count(), read);
      REQUIRE_MESSAGE(done, done);
      REQUIRE(read.size() == links.size());
      for (std::size_t i = 0; i < links.size(); ++i)
        REQUIRE(same(read[i], links[i]));
    }
  }

  TEST_CASE("a block is full at its bytes or its links") {
    BlockPacker packer;
    const std::string id(1000, 'x');
    while (!packer.full())
      packer.add(link(id, id, 1, 1));
    CHECK(packer.bytes().size() >= BlockPacker::bytes_max);
    CHECK(packer.bytes().size() < BlockPacker::bytes_max + 2100);
    packer.clear();
    while (!packer.full())
      packer.add(link("a", "b", 1, 1));
    CHECK(packer.count() == BlockPacker::links_max);
  }

  TEST_CASE("a cursor whose bytes end within a link has not read all links") {
    BlockPacker packer;
    packer.add(link("a1", "u1", 2, 21));
    const auto first = packer.bytes().size();
    packer.add(link("a2", "u2", 3, 300));
    for (std::size_t size = 0; size <= packer.bytes().size(); ++size) {
      CAPTURE(size);
      LinkCursor links(packer.bytes().substr(0, size));
      for (Link read; links.next(read);) {
      }
      CHECK(links.at_end() == (size == 0 || size == first || size == packer.bytes().size()));
    }
  }

  TEST_CASE("what no packer writes is refused") {
    std::vector<Link> links;
    for (const auto* text : {
             "", "04", "04 02 02 01",                         // too short
             "03 02 02 00 00", "10 02 02 00 00",              // no such op, no such flag
             "0c 00 02 02 00 00",                             // a file that is the same file
             "0c ff ff ff ff 1f 02 02 00 00",                 // a file past 32 bits
             "04 80 00 02 00 00",                             // a needless byte
             "04 ff ff ff ff ff ff ff ff ff 02 02 00 00",     // past 64 bits
             "04 02 02 02 01 61 61",                          // an id that goes past the end
             "04 02 02 ff ff ff ff ff ff ff ff ff 01 00 61",  // ... by far
             "04 02 02 00 00 00",                             // a byte too many
         }) {
      CAPTURE(text);
      const auto done = unpack_links(from_hex(text), 1, links);
      REQUIRE_FALSE(done);
      CHECK(done.error().code == Errc::input);
    }
    CHECK(unpack_links(from_hex("04 02 02 00 00"), 1, links));
    CHECK_FALSE(unpack_links(from_hex("04 02 02 00 00"), 2, links));
    CHECK_FALSE(unpack_links(from_hex("04 02 02 00 00"), 4'000'000'000, links));
  }
}
