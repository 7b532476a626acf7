// SPDX-License-Identifier: MIT
#include "io/input_list.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::testing;

namespace {

/// Paths relative to the scratch directory, joined by blanks; or the error.
std::string listed(const Scratch& scratch, std::vector<std::string> named) {
  for (auto& name : named) {
    if (name != "-") name = name == "." ? scratch.path() : scratch / name;
  }
  const auto inputs = list_inputs(named);
  if (!inputs) return inputs.error().what;
  std::string text;
  for (const auto& path : inputs->paths) {
    text +=
        (text.empty() ? "" : " ") + (path == "-" ? path : path.substr(scratch.path().size() + 1));
  }
  return text;
}

}  // namespace

TEST_SUITE("io/input_list") {
  TEST_CASE("numbers in names tell the order") {
    std::vector<std::string> names{
        "p10", "p9",     "p1",   "000000000010.csv.gz", "a", "p1b", "000000000009.csv.gz",
        "p01", "b2/x10", "b2/x9"};
    std::sort(names.begin(), names.end(), natural_less);
    CHECK(names == std::vector<std::string>{"000000000009.csv.gz", "000000000010.csv.gz", "a",
                                            "b2/x9", "b2/x10", "p01", "p1", "p1b", "p9", "p10"});
    CHECK(!natural_less("a", "a"));
  }

  TEST_CASE("a directory is its files, without those that are none of it, which are listed") {
    const Scratch scratch;
    for (const auto* name :
         {"d/p10.csv", "d/p9.csv", "d/.p.csv.crc", "d/_SUCCESS", "d/_committed_7", "d/p11.csv.part",
          "d/old.idmerge/plan", "d/manifest", "d/part_manifest", "d/p9.csv.metadata"}) {
      scratch.write(name, "x");
    }
    REQUIRE(::mkfifo((scratch / "d/pipe").c_str(), 0600) == 0);  // opening it would wait for ever
    CHECK(listed(scratch, {"d"}) == "d/p9.csv d/p10.csv");
    const auto inputs = list_inputs({scratch / "d/"});
    REQUIRE(inputs);
    CHECK(inputs->passed_over ==
          std::vector<std::string>{scratch / "d/.p.csv.crc: a hidden file",
                                   scratch / "d/_SUCCESS: a marker file",
                                   scratch / "d/_committed_7: a marker file",
                                   scratch / "d/manifest: a list of files, no table",
                                   scratch / "d/old.idmerge: a job directory",
                                   scratch / "d/p9.csv.metadata: a list of files, no table",
                                   scratch / "d/p11.csv.part: still being written",
                                   scratch / "d/part_manifest: a list of files, no table",
                                   scratch / "d/pipe: a named pipe: name it itself to read it"});
    scratch.write("d/more/p1.csv", "x");
    CHECK(listed(scratch, {"d"}).find("a directory within a directory") != std::string::npos);
  }

  TEST_CASE("a file named outright is read, whatever it is called") {
    const Scratch scratch;
    scratch.write(".hidden", "x");
    scratch.write("a[1].csv", "x");
    CHECK(listed(scratch, {".hidden", "a[1].csv", "-"}) == ".hidden a[1].csv -");
  }

  TEST_CASE("a glob is its matches, in natural order, and nothing is an error") {
    const Scratch scratch;
    for (const auto* name : {"p10.csv", "p9.csv", "_x.csv", "d1/a", "d2/b"}) {
      scratch.write(name, "x");
    }
    CHECK(listed(scratch, {"*.csv"}) == "p9.csv p10.csv");
    CHECK(listed(scratch, {"d*"}) == "d1/a d2/b");
    CHECK(listed(scratch, {"p10.csv", "p?.csv"}) == "p10.csv p9.csv");
    REQUIRE(::mkfifo((scratch / "p1.csv").c_str(), 0600) == 0);  // of rows that nobody counted
    CHECK(listed(scratch, {"p*.csv"}) == "p9.csv p10.csv");
    CHECK(listed(scratch, {"p1.csv"}) == "p1.csv");
    CHECK(list_inputs({scratch / "*.tsv"}).error().code == Errc::input);
    CHECK(list_inputs({scratch / "_*"}).error().code == Errc::input);
  }

  TEST_CASE("what is missing, empty or named twice is an error") {
    const Scratch scratch;
    std::filesystem::create_directory(scratch / "empty");
    CHECK(list_inputs({scratch / "none"}).error().code == Errc::input);
    CHECK(list_inputs({scratch / "empty"}).error().code == Errc::input);
    CHECK(list_inputs({"-", "-"}).error().code == Errc::usage);
    CHECK(list_inputs({}).error().code == Errc::usage);
  }
}
