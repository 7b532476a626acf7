// SPDX-License-Identifier: MIT
#include "cli/emulator_probe.hpp"

#include <doctest/doctest.h>

#include "emulator/server.hpp"

#include "support/loopback_server.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::emulator;
using namespace idmerge::net;
using idmerge::testing::accepted;
using idmerge::testing::LoopbackServer;
using idmerge::testing::Reaction;
using idmerge::testing::SeenRequest;

TEST_SUITE("cli/emulator_probe") {
  TEST_CASE("an emulator is known by its answer") {
    EmulatorOptions options;
    options.listen = "127.0.0.1:0";
    const auto emulator = Emulator::start(std::move(options));
    REQUIRE(emulator);
    CHECK(answers_as_emulator(parse_target((*emulator)->url()).value()));
  }

  TEST_CASE("what merely listens on this machine is not one, nor does it see credentials") {
    LoopbackServer sidecar([](const SeenRequest&) { return accepted(); });
    CHECK(!answers_as_emulator(parse_target(sidecar.url()).value()));
    REQUIRE(sidecar.seen().size() == 1);
    CHECK(sidecar.seen()[0].head.find("Authorization") == std::string::npos);
    LoopbackServer broken([](const SeenRequest&) { return Reaction{"", Reaction::Then::reset}; });
    CHECK(!answers_as_emulator(parse_target(broken.url()).value()));
    CHECK(!answers_as_emulator(parse_target("http://127.0.0.1:9").value()));
  }

  TEST_CASE("other hosts are not even asked") {
    CHECK(!answers_as_emulator(parse_target("https://api-eu.mixpanel.com").value()));
  }
}
