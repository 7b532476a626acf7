// SPDX-License-Identifier: MIT
#include "send/tally.hpp"

#include <array>

#include "util/check.hpp"

namespace idmerge::send {
namespace {

constexpr std::size_t outcomes = static_cast<std::size_t>(RowOutcome::count);

constexpr std::array<std::string_view, outcomes> names{
    "delivered", "duplicate", "skipped", "rejected", "held", "refused", "pending"};
constexpr std::array<std::uint64_t Tally::*, outcomes> members{
    &Tally::delivered, &Tally::duplicate, &Tally::skipped, &Tally::rejected,
    &Tally::held,      &Tally::refused,   &Tally::pending};

}  // namespace

std::string_view name(RowOutcome outcome) {
  IDMERGE_CHECK(outcome < RowOutcome::count);
  return names[static_cast<std::size_t>(outcome)];
}

std::uint64_t& Tally::operator[](RowOutcome outcome) {
  IDMERGE_CHECK(outcome < RowOutcome::count);
  return this->*members[static_cast<std::size_t>(outcome)];
}

std::uint64_t Tally::operator[](RowOutcome outcome) const {
  IDMERGE_CHECK(outcome < RowOutcome::count);
  return this->*members[static_cast<std::size_t>(outcome)];
}

bool Tally::adds_up() const {
  return read == delivered + duplicate + skipped + rejected + held + refused + pending;
}

}  // namespace idmerge::send
