// SPDX-License-Identifier: MIT
#include "io/process_identity.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace idmerge;
using namespace idmerge::io;

TEST_SUITE("io/process_identity") {
  TEST_CASE("it names this process, this host and the time") {
    const auto owner = this_process();
    CHECK(owner.pid == static_cast<std::uint64_t>(getpid()));
    CHECK(!owner.host.empty());
    REQUIRE(owner.since.size() == 20);
    CHECK(owner.since.substr(0, 2) == "20");
    CHECK(owner.since[10] == 'T');
    CHECK(owner.since.back() == 'Z');
    CHECK(!owner.process.empty());
    CHECK(owner.process == process_of(owner.pid));
    CHECK(owner.process != process_of(1));
    CHECK(process_of(1ULL << 40U).empty());
  }

  TEST_CASE("as long as the machine runs it is the same boot, an identifier of 36 characters") {
    CHECK(boot_here() == boot_here());
    CHECK(boot_here().size() == 36);
  }
}
