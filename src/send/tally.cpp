// SPDX-License-Identifier: MIT
#include "send/tally.hpp"

#include <array>

#include "util/check.hpp"

namespace idmerge::send {
namespace {

constexpr std::size_t fates = static_cast<std::size_t>(Fate::count);

constexpr std::array<std::string_view, fates> names{"delivered", "duplicate", "skipped", "rejected",
                                                    "held",      "refused",   "pending"};
constexpr std::array<std::uint64_t Tally::*, fates> members{
    &Tally::delivered, &Tally::duplicate, &Tally::skipped, &Tally::rejected,
    &Tally::held,      &Tally::refused,   &Tally::pending};

}  // namespace

std::string_view name(Fate fate) {
  IDMERGE_CHECK(fate < Fate::count);
  return names[static_cast<std::size_t>(fate)];
}

std::uint64_t& Tally::operator[](Fate fate) {
  IDMERGE_CHECK(fate < Fate::count);
  return this->*members[static_cast<std::size_t>(fate)];
}

std::uint64_t Tally::operator[](Fate fate) const {
  IDMERGE_CHECK(fate < Fate::count);
  return this->*members[static_cast<std::size_t>(fate)];
}

bool Tally::adds_up() const {
  return read == delivered + duplicate + skipped + rejected + held + refused + pending;
}

}  // namespace idmerge::send
