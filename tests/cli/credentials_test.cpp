// SPDX-License-Identifier: MIT
#include "cli/credentials.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace idmerge;
using namespace idmerge::cli;
using namespace std::chrono_literals;

namespace {

Environment environment_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return {};
    return found->second;
  };
}

const std::map<std::string, std::string> complete{
    {"MIXPANEL_TOKEN", "t0k3n"}, {"MIXPANEL_USERNAME", "etl.1"}, {"MIXPANEL_SECRET", "s3cret"}};

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "idmerge-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const auto where = (path / name).string();
    std::ofstream(where, std::ios::binary) << text;
    REQUIRE(::chmod(where.c_str(), mode) == 0);
    return where;
  }
};

std::string error_of(const CredentialSources& sources, const Environment& environment) {
  const auto found = load_credentials(sources, environment);
  return found ? "no error" : found.error().what;
}

}  // namespace

TEST_SUITE("cli/credentials") {
  TEST_CASE("the environment is enough, by either set of names") {
    const auto found = load_credentials({}, environment_of(complete));
    REQUIRE(found);
    CHECK(found->token.reveal() == "t0k3n");
    CHECK(found->username.reveal() == "etl.1");
    CHECK(found->secret.reveal() == "s3cret");
    CHECK(load_credentials(
        {}, environment_of({{"MP_TOKEN", "a"}, {"MP_ACCT", "b"}, {"MP_PASS", "c"}})));
  }

  TEST_CASE("what is missing is named, together") {
    CHECK(
        error_of({}, environment_of({{"MIXPANEL_USERNAME", "etl.1"}})) ==
        "credentials: MIXPANEL_TOKEN, MIXPANEL_SECRET not set: set them in the environment, or use "
        "--credentials FILE or --credentials-command CMD");
    auto blank = complete;
    blank["MIXPANEL_TOKEN"] = "";
    CHECK_FALSE(load_credentials({}, environment_of(blank)));
  }

  TEST_CASE("two names with two values are an error that shows neither value") {
    auto both = complete;
    both["MP_PASS"] = "other";
    CHECK(error_of({}, environment_of(both)) ==
          "environment: MIXPANEL_SECRET and MP_PASS are both set and differ: unset one of them");
    both["MP_PASS"] = "s3cret";
    CHECK(load_credentials({}, environment_of(both)));
  }

  TEST_CASE("a secret that HTTP cannot carry is found before it is sent") {
    for (const auto* bad : {"tab\t", "line\n", "\x7f"}) {
      auto values = complete;
      values["MIXPANEL_SECRET"] = bad;
      CHECK(error_of({}, environment_of(values)) ==
            "MIXPANEL_SECRET: has a control character, perhaps a line end, which Basic "
            "authentication cannot carry: copy it again");
    }
    auto values = complete;
    values["MIXPANEL_USERNAME"] = "user:secret";
    CHECK(error_of({}, environment_of(values)).starts_with("MIXPANEL_USERNAME: contains a colon"));
  }

  TEST_CASE("a token that would be sent with its quotes is refused, and not shown") {
    for (const auto* name : {"MIXPANEL_TOKEN", "MIXPANEL_USERNAME"}) {
      auto values = complete;
      values[name] = "\"tok0123\"";
      const auto error = error_of({}, environment_of(values));
      CHECK(error.starts_with(std::string(name) + ": begins or ends with quotes"));
      CHECK(error.find("tok0123") == std::string::npos);
    }
    const Folder folder;
    const auto file = folder.file("c", "MIXPANEL_TOKEN='t0k3n'\n");
    CHECK(error_of({.file = file}, environment_of(complete)).find("quotes") != std::string::npos);
  }

  TEST_CASE("a secret with blanks or beyond ASCII is taken as it stands") {
    const Folder folder;
    for (const std::string good : {"with space", " edges ", "pässwörd", "密码", "\"quoted\""}) {
      auto values = complete;
      values["MIXPANEL_SECRET"] = good;
      const auto found = load_credentials({}, environment_of(values));
      REQUIRE(found);
      CHECK(found->secret.reveal() == good);
      const auto file = folder.file("c", "MIXPANEL_SECRET=" + good + "\r\n");
      const auto read = load_credentials({.file = file}, environment_of(complete));
      REQUIRE(read);
      CHECK(read->secret.reveal() == good);
    }
  }

  TEST_CASE("a file goes before the environment, which fills the gaps") {
    const Folder folder;
    const auto file = folder.file("c", "# production\n\nMIXPANEL_TOKEN=of=file\r\nMP_PASS=p\n");
    const auto found = load_credentials({.file = file}, environment_of(complete));
    REQUIRE(found);
    CHECK(found->token.reveal() == "of=file");
    CHECK(found->secret.reveal() == "p");
    CHECK(found->username.reveal() == "etl.1");
  }

  TEST_CASE("a file that others can read is refused") {
    const Folder folder;
    for (const mode_t mode : {0644U, 0604U, 0620U, 0666U}) {
      const auto file = folder.file("c", "MIXPANEL_TOKEN=t\n", mode);
      CHECK(error_of({.file = file}, environment_of(complete)) ==
            "--credentials: " + file + ": other users can read it: run chmod 600 on it");
    }
    // A group may read what root owns, as in a Kubernetes mount; what a user owns it may not.
    const auto file = folder.file("c", "MIXPANEL_TOKEN=t\n", 0640);
    if (::geteuid() == 0) {
      CHECK(load_credentials({.file = file}, environment_of(complete)));
      REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
    }
    CHECK_FALSE(load_credentials({.file = file}, environment_of(complete)));
  }

  TEST_CASE("links are followed, as Kubernetes makes them") {
    const Folder folder;
    std::filesystem::create_directory(folder.path / "..data_1");
    folder.file("..data_1/c", "MIXPANEL_TOKEN=linked\n", 0400);
    std::filesystem::create_symlink("..data_1", folder.path / "..data");
    std::filesystem::create_symlink("..data/c", folder.path / "c");
    const auto found =
        load_credentials({.file = (folder.path / "c").string()}, environment_of(complete));
    REQUIRE(found);
    CHECK(found->token.reveal() == "linked");
  }

  TEST_CASE("a file that is none says what to do, and never repeats its lines") {
    const Folder folder;
    const auto missing = (folder.path / "missing").string();
    CHECK(error_of({.file = missing}, environment_of(complete)) ==
          "--credentials: " + missing +
              ": No such file or directory: name a file with lines such as MIXPANEL_TOKEN=...");
    CHECK(error_of({.file = folder.path.string()}, environment_of(complete))
              .ends_with(": not a regular file: name a file"));
    const auto file = folder.file("c", "MIXPANEL_TOKEN=t\nhunter2\n");
    const auto error = error_of({.file = file}, environment_of(complete));
    CHECK(error == "--credentials: " + file +
                       ": line 2 is not NAME=value: write for example "
                       "MIXPANEL_TOKEN=0123456789abcdef");
    const auto unknown = folder.file("d", "MIXPANEL_TOKN=t\n");
    CHECK(error_of({.file = unknown}, environment_of(complete)).find("\"MIXPANEL_TOKN\" is none") !=
          std::string::npos);
    for (const std::string line : {"aHVudGVyMg==", "export hunter2=", "=hunter2", "hunter2=x"}) {
      CAPTURE(line);
      const auto bare = error_of({.file = folder.file("b", line + "\n")}, environment_of(complete));
      CHECK(bare.find("the text before its = is none of MIXPANEL_TOKEN") != std::string::npos);
      CHECK(bare.find("hunter2") == std::string::npos);
      CHECK(bare.find("aHVu") == std::string::npos);
    }
    const auto huge = folder.file("e", std::string(70'000, '#'));
    CHECK(error_of({.file = huge}, environment_of(complete)).find("larger than 64KiB") !=
          std::string::npos);
  }

  TEST_CASE("a command prints them, without a shell") {
    const auto found =
        load_credentials({.command = "printf 'MIXPANEL_TOKEN=x\\nMIXPANEL_SECRET=%s' '$HOME;ls'"},
                         environment_of(complete));
    REQUIRE(found);
    CHECK(found->secret.reveal() == "$HOME;ls");
    CHECK(found->token.reveal() == "x");
  }

  TEST_CASE("a command that fails, hangs or floods is an error") {
    const auto environment = environment_of(complete);
    CHECK(error_of({.command = "false"}, environment) ==
          "--credentials-command: false: ended with exit 1: run it by hand to see why");
    CHECK(error_of({.command = "no-such-program-here"}, environment).find("No such file") !=
          std::string::npos);
    CHECK(error_of({.command = "sleep 1000", .command_timeout = 50ms}, environment) ==
          "--credentials-command: sleep: still running after 50ms: run it by hand to see why");
    CHECK(error_of({.command = "sh -c 'exec >&-; sleep 1000'", .command_timeout = 50ms},
                   environment) ==
          "--credentials-command: sh: still running after 50ms: run it by hand to see why");
    CHECK(error_of({.command = "yes"}, environment).find("prints more than 64KiB") !=
          std::string::npos);
    CHECK(error_of({.command = "echo '"}, environment) ==
          "--credentials-command: a quote is opened and never closed: close it");
    CHECK(load_credentials({.command = "false"}, environment).error().code == Errc::outage);
    CHECK(error_of({.file = "a", .command = "b"}, environment) ==
          "--credentials: --credentials-command is given too: keep one of them");
  }

  TEST_CASE("words are split as a shell does") {
    using Words = std::vector<std::string>;
    CHECK(split_words("a  b\tc") == Words{"a", "b", "c"});
    CHECK(split_words("a 'b c' \"d \\\" e\" f\\ g") == Words{"a", "b c", "d \" e", "f g"});
    CHECK(split_words("a '' x''y") == Words{"a", "", "xy"});
    CHECK(split_words("a \"\\n\" '\\n'") == Words{"a", "\\n", "\\n"});
    CHECK_FALSE(split_words("  "));
    CHECK_FALSE(split_words("a\\"));
    CHECK_FALSE(split_words("''"));
  }
}
