// SPDX-License-Identifier: MIT
#include "send/surplus_guard.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace idmerge::send {

void SurplusGuard::note_answer(PooledConnection& connection,
                               std::span<const std::uint64_t> ordinals) {
  const auto number = connection.line->number();
  const bool is_first = std::exchange(connection.answered, number) != number;
  if (is_first) connection.carried = 0;
  const auto was_in_doubt = [&](auto it) { return recorder_.log().was_in_doubt(it); };
  if (is_first && std::all_of(ordinals.begin(), ordinals.end(), was_in_doubt)) return;
  connection.carried += ordinals.size();
  recorder_.note_answer(number, ordinals);
}

void SurplusGuard::look(const PooledConnection* found) {
  const SurplusAnswers surplus = pool_.look_for_surplus(found);
  if (surplus.lines.empty()) return;
  const Doubted doubted = recorder_.in_doubt(surplus.lines);
  cursor_.send_again(doubted.again);
  warn(doubted.again.size(), surplus.carried - doubted.answered);
}

/// Warns once, and once more if some outcomes are already durable.
void SurplusGuard::warn(std::uint64_t again, std::uint64_t settled_for_good) {
  const bool is_late = settled_for_good > 0 && !std::exchange(warned_late_, true);
  if (std::exchange(warned_, true) && !is_late) return;
  std::string note = fmt::format(
      "{}: an answer came without a request: something on the way answers requests twice "
      "or for others, so that answers may have been taken for those of other links",
      service_);
  if (again > 0) note += fmt::format("; {} of its connection are sent again", again);
  if (is_late) {
    note += fmt::format("; {} that it answered before are on disk and stay as they are",
                        settled_for_good);
  }
  progress_.note(plan::Weight::warning, note);
}

}  // namespace idmerge::send
