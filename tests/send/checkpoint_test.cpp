// SPDX-License-Identifier: MIT
#include "send/checkpoint.hpp"

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;

namespace {

Checkpoint sample() {
  Checkpoint made;
  made.plan = digest("plan");
  made.target = "5d41402abc4b2a76b9719d911017c592";
  made.generation = 12;
  made.journal_chain = 0x0f1e2d3c4b5a6978;
  made.round = 1;
  made.round_links = 600;
  made.pinned_time_s = -5;
  made.in_flight_max = 32;
  made.ceiling = 932;
  made.boot = "1c7b7c1e-6f0b-4a0c-9a3e-0d7f5e2f8a11";
  made.limit = {480, 1'795'456'860, 470, true};
  made.in_doubt = {{17, 1}, {405, 2}};
  made.finished = true;
  made.exit_code = 3;
  made.ledger = {.links = 1000,
                 .watermark = 400,
                 .above = {{402, 3}, {410, 1}},
                 .parked = {{17, 10}, {403, 11}},
                 .delivered = 390,
                 .refused = 2,
                 .ambiguous = 1,
                 .passed = 10};
  made.delivered_before = 7;
  made.refused_before = 8;
  made.ambiguous_before = 6;
  made.letters_bytes = 612;
  made.letters_chain = 0x90f1d2c3b4a59687;
  made.ambiguous_bytes = 304;
  made.ambiguous_chain = 0x8796a5b4c3d2f190;
  made.words = {{"project_id", "2195193"}, {"host", "a\nchecksum = 0\\"}, {"empty", ""}};
  return made;
}

}  // namespace

TEST_SUITE("send/checkpoint") {
  TEST_CASE("what is loaded is what was saved, exactly") {
    FlakyFiles files;
    CHECK_FALSE(load_checkpoint(files, "/w/checkpoint")->has_value());
    for (const auto& checkpoint : {sample(), Checkpoint{}}) {
      REQUIRE(save_checkpoint(files, "/w/checkpoint", checkpoint));
      const auto loaded = load_checkpoint(files, "/w/checkpoint");
      REQUIRE_MESSAGE(loaded, loaded);
      CHECK(**loaded == checkpoint);
    }
  }

  TEST_CASE("one of version 3 is read as it stands, with its window, and has no ceiling") {
    auto old = sample();
    old.old_window = OldWindow{2032};
    old.ceiling = old.ambiguous_bytes = old.ambiguous_chain = 0;
    const auto text = checkpoint_text(old);
    CHECK(text.find("idmerge checkpoint 3\n") == 0);
    CHECK(text.find("\nin_flight_max = 32\nahead_max = 2032\nboot = ") != std::string::npos);
    CHECK(text.find("ceiling") == std::string::npos);
    CHECK(text.find("ambiguous_bytes") == std::string::npos);
    const auto read = parse_checkpoint(text, "checkpoint");
    REQUIRE_MESSAGE(read, read);
    CHECK(*read == old);
  }

  TEST_CASE("a checkpoint is read with cat") {
    const auto text = checkpoint_text(sample());
    CHECK(text.find("idmerge checkpoint 4\nplan = ") == 0);
    CHECK(text.find("\nabove = 402+3 410+1\nparked = 17x10 403x11\ndelivered = 390\n") !=
          std::string::npos);
    CHECK(text.find("\nword.project_id = 2195193\nword.host = a\\x0achecksum = 0\\x5c\n") !=
          std::string::npos);
  }

  TEST_CASE("every single flipped bit and every cut is refused, with what to do") {
    const auto good = checkpoint_text(sample());
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      auto bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      const auto loaded = parse_checkpoint(bad, "checkpoint");
      if (loaded) FAIL("byte ", bit / 8, " bit ", bit % 8);
      CHECK(loaded.error().code == Errc::input);
      CHECK(loaded.error().what.find(": restore this file, or start a new job") !=
            std::string::npos);
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      if (parse_checkpoint(good.substr(0, size), "checkpoint")) FAIL("size ", size);
    }
    CHECK_FALSE(parse_checkpoint(good + "\n", "checkpoint"));
    CHECK_FALSE(parse_checkpoint(good + good, "checkpoint"));
  }

  TEST_CASE("reopened links are kept, and their line is there only with them") {
    Checkpoint made;
    made.ledger.links = 10;
    made.ledger.watermark = 5;
    made.ledger.delivered = 5;
    CHECK(checkpoint_text(made).find("reopened") == std::string::npos);
    made.ledger.delivered = 2;
    made.ledger.reopened = {{0, 1}, {3, 2}};
    const auto text = checkpoint_text(made);
    CHECK(text.find("\nreopened = 0+1 3+2\n") != std::string::npos);
    const auto loaded = parse_checkpoint(text, "c");
    REQUIRE(loaded);
    CHECK(*loaded == made);
  }

  TEST_CASE("a right checksum does not save a wrong text") {
    const auto sealed = [](std::string text) {
      text.resize(text.rfind("checksum = "));
      return text + KeyValues{{"checksum", fmt::format("{:016x}", checksum(text))}}.text();
    };
    const auto changed = [&](std::string_view from, std::string_view to) {
      auto text = checkpoint_text(sample());
      const auto at = text.find(from);
      REQUIRE(at != std::string::npos);
      return sealed(text.replace(at, from.size(), to));
    };
    REQUIRE(parse_checkpoint(sealed(checkpoint_text(sample())), "c"));
    for (const auto& change : {std::pair<std::string, std::string>{"round = 1", "round = 01"},
                               {"round = 1\n", ""},
                               {"finished = yes", "finished = maybe"},
                               {"exit_code = 3", "exit_code = 256"},
                               {"402+3", "402+0"},
                               {"402+3 ", "402+3  "},
                               {"410+1\n", "410+1 \n"},
                               {"17x10", "17x99999999999"},
                               {"pinned_time_s = -5", "pinned_time_s = -05"},
                               {"delivered = 390", "delivered = 391"},
                               {"word.host", "weird.host"},
                               {"word.host", "word."},
                               {"checkpoint 4", "checkpoint 2"},
                               {"checkpoint 4", "checkpoint 3"},
                               {"checkpoint 4", "checkpoint 5"},
                               {"ceiling = 932", "ceiling = 1001"},
                               {"ambiguous_chain = 8", "ambiguous_chain = g"},
                               {"round = 1", "round = 0"},
                               {"round_links = 600", "round_links = 391"},
                               {"round_links = 600", "round_links = 986"},
                               {"ambiguous_before = 6", "ambiguous_before = 8"},
                               {"in_doubt = 17+1 405+2", "in_doubt = 17+1 18+2"},
                               {"405+2\n", "999+2\n"},
                               {"405+2\n", "405+0\n"},
                               {"in_doubt", "on_doubt"},
                               {"limit_per_s = 480", "limit_per_s = 480.5"},
                               {"\nrate_per_s = 470", "\nrate_per_s = 0"},
                               {"\nrate_per_s = 470", "\nrate_per_s = -1"},
                               {"limit_of_minute = yes", "limit_of_minute = no"},
                               {"until_s = 1795456860", "until_s = 0"},
                               {"until_s = 1795456860", "until_s = -1"},
                               {"links = 1000", "links = 300"}}) {
      const auto loaded = parse_checkpoint(changed(change.first, change.second), "c");
      REQUIRE_FALSE_MESSAGE(loaded, change.second);
      CHECK(loaded.error().code == Errc::input);
    }
    // The service was closed before anything was taken; and what older checkpoints do not have.
    CHECK(parse_checkpoint(changed("limit_per_s = 480", "limit_per_s = 0"), "c"));
    CHECK(parse_checkpoint(changed("\nrate_per_s = 470\nlimit_of_minute = yes", ""), "c"));
    CHECK(parse_checkpoint(changed("checkpoint 4", "checkpoint 2"), "c").error() ==
          Error{Errc::input,
                "c: is of version 2, and this idmerge reads versions 3 and 4: finish the job with "
                "the idmerge that wrote it; a new job would send all links again"});
  }
}
