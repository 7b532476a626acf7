// SPDX-License-Identifier: MIT
#include "cli/summary_file.hpp"

#include <array>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::testing;

namespace fs = std::filesystem;

namespace {

constexpr std::string_view rows = "anonymous_id,user_id\na1,u1\n";
constexpr std::string_view begins = "{\"format\":\"idmerge summary\"";

}  // namespace

TEST_SUITE("cli/summary_file") {
  TEST_CASE("what the work needs is refused before the work") {
    Stage stage;
    const auto& scratch = stage.scratch;
    const auto input = scratch.write("in/p.csv", rows);
    const auto deny = scratch.write("deny", "qa\n");
    fs::create_hard_link(input, scratch.path("hard"));
    fs::create_symlink(input, scratch.path("soft"));
    const auto job = scratch.path("job");
    const auto refused = [&](const std::string& in, const std::string& summary,
                             std::string_view why) {
      CHECK(stage.code({"plan", in, "--job", job, "--deny-file", deny, "--summary", summary}) == 2);
      CHECK_MESSAGE(stage.heard("--summary: " + summary + ": " + std::string(why)), stage.said);
      CHECK_FALSE(fs::exists(job));
    };
    refused(input, input, "is an input");
    refused(input, scratch.path("in/../in/p.csv"), "is an input");
    refused(input, scratch.path("hard"), "is an input");
    refused(input, scratch.path("soft"), "is an input");
    refused(scratch.path("in/*.csv"), input, "is an input");
    refused(scratch.path("in"), scratch.path("in/s.json"), "lies inside the input");
    refused(input, deny, "is the file of --deny-file");
    refused(input, job + "/s.json", "lies inside the job");
    refused(input, scratch.path("in"), "is a directory");
    refused(input, scratch.path("none/s.json"), "there is no such directory");
    CHECK(scratch.read("in/p.csv") == rows);
    CHECK(scratch.read("deny") == "qa\n");
  }

  TEST_CASE("nothing inside a job is written over, be it ours or another one") {
    Stage stage;
    const auto job = stage.planned();
    const auto plan = stage.scratch.read("pairs.csv.idmerge/plan");
    const auto other = stage.scratch.write("p.csv", rows);
    for (const auto* place : {"/plan", "/new", "/runs/1-of-1/checkpoint", "/summary.json"}) {
      CHECK(stage.code({"run", "--job", job, "--to", "emulator", "--max-rejected", "none",
                        "--max-held", "none", "--summary", job + place}) == 2);
      CHECK(stage.heard("lies inside the job"));
      CHECK(stage.code({"plan", other, "--summary", job + place}) == 2);
      CHECK(stage.heard("lies inside the job"));
    }
    fs::create_symlink(job + "/plan", stage.scratch.path("link"));
    CHECK(stage.code({"plan", other, "--summary", stage.scratch.path("link")}) == 2);
    CHECK(stage.scratch.read("pairs.csv.idmerge/plan") == plan);
    CHECK_FALSE(stage.scratch.exists("p.csv.idmerge"));
  }

  TEST_CASE("a link is followed, also to what does not exist yet") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", rows);
    stage.scratch.write("target", "old");
    for (const auto* name : {"target", "new"}) {
      const auto link = stage.scratch.path(std::string(name) + ".link");
      fs::create_symlink(name, link);
      CHECK(stage.code({"plan", input, "--summary", link}) == 0);
      CHECK(fs::is_symlink(link));
      CHECK(stage.scratch.read(name).starts_with(begins));
    }
  }

  TEST_CASE("what is no regular file is written to and stays what it is") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", rows);
    const auto fifo = stage.scratch.path("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(stage.code({"plan", input, "--summary", fifo}) == 2);
    CHECK(stage.heard("no process reads it"));
    const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    CHECK(stage.code({"plan", input, "--summary", fifo}) == 0);
    CHECK(fs::is_fifo(fifo));
    std::array<char, 65536> text{};
    const auto count = ::read(reader, text.data(), text.size());
    REQUIRE(count > 0);
    CHECK(std::string_view(text.data(), static_cast<std::size_t>(count)) ==
          stage.scratch.read("p.csv.idmerge/summary.json"));
    ::close(reader);
    const auto link = stage.scratch.path("null");
    fs::create_symlink("/dev/null", link);
    CHECK(stage.code({"plan", input, "--summary", link}) == 0);
    CHECK(fs::is_symlink(link));
    CHECK(fs::is_character_file("/dev/null"));
  }

  TEST_CASE("what the shell has opened is written to, not replaced") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", rows);
    const auto log = stage.scratch.write("log", "first\n");
    const int fd = ::open(log.c_str(), O_WRONLY | O_APPEND);
    REQUIRE(fd >= 0);
    CHECK(stage.code({"plan", input, "--summary", "/dev/fd/" + std::to_string(fd)}) == 0);
    ::close(fd);
    CHECK(stage.scratch.read("log").starts_with("first\n" + std::string(begins)));
  }
}
