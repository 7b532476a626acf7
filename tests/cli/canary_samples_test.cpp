// SPDX-License-Identifier: MIT
#include "cli/canary_samples.hpp"

#include "emulator/server.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::emulator;
using namespace idmerge::testing;

TEST_SUITE("cli/canary_samples") {
  TEST_CASE("five delivered links are named, of as many clusters as there are, no refused one") {
    Stage stage;
    std::string rows = "anonymous_id,user_id\n";
    for (const std::string row : {"a1,u1", "a2,u1", "bad,u2", "a3,u3", "a4,u3", "a5,u4", "a6,u1"})
      rows += row + "\n";
    const auto job = stage.planned("pairs.csv", rows);
    CHECK(links_to_sample(stage.files, *view_job(stage.files, job), false)->empty());
    EmulatorOptions options;
    options.service.refuse_ids = "bad";
    auto emulator = Emulator::start(std::move(options));
    REQUIRE(emulator);
    REQUIRE_MESSAGE(stage.code({"run", "--job", job, "--to", (*emulator)->url()}) == 3, stage.said);
    const auto links = links_to_sample(stage.files, *view_job(stage.files, job), false);
    REQUIRE_MESSAGE(links, links);
    std::vector<std::string> anons;
    for (const auto& found : *links)
      anons.push_back(found.link.anon);
    CHECK(anons == std::vector<std::string>{"a1", "a3", "a5", "a2", "a4"});
    CHECK(links->front().place.ends_with("pairs.csv, line 2"));
  }
}
