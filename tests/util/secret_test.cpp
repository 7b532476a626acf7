// SPDX-License-Identifier: MIT
#include "util/secret.hpp"

#include <concepts>
#include <ostream>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace idmerge::testing {

using namespace util;
namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST_SUITE("util/secret") {
  TEST_CASE("a secret can neither be printed nor turned into text by accident") {
    CHECK_FALSE(fmt::is_formattable<Secret>::value);
    CHECK_FALSE(Streamable<Secret>);
    CHECK_FALSE(std::is_convertible_v<Secret, std::string_view>);
    CHECK_FALSE(std::is_convertible_v<const char*, Secret>);
  }

  TEST_CASE("it reveals what it was given, also after copies and moves") {
    Secret secret("hunter2");
    Secret copy = secret;
    Secret moved = std::move(secret);
    CHECK(moved.reveal() == "hunter2");
    CHECK(copy.reveal() == "hunter2");
    CHECK(copy == moved);
    CHECK(secret.empty());  // NOLINT(bugprone-use-after-move)
    copy = Secret("hunter3");
    CHECK_FALSE(copy == moved);
    CHECK_FALSE(Secret("hunter") == moved);
    copy = *&copy;
    CHECK(copy.reveal() == "hunter3");
  }

  TEST_CASE("four bytes are shown of a long secret and none of a short one") {
    CHECK(Secret("0123456789abcdef9f3c").masked() == "…9f3c");
    CHECK(Secret("hunter2").masked() == "…");
    CHECK(Secret().masked() == "…");
  }

  TEST_CASE("wiping leaves nothing in the memory of a string") {
    std::string text(100, 'x');
    const char* bytes = text.data();
    wipe(text);
    CHECK(text.empty());
    CHECK(std::string_view(bytes, 100) == std::string(100, '\0'));
  }
}

}  // namespace
}  // namespace idmerge::testing
