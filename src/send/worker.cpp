// SPDX-License-Identifier: MIT
#include "send/worker.hpp"

#include <algorithm>
#include <utility>

#include "util/check.hpp"

namespace idmerge::send {

void Flight::begin(bool in_doubt, std::uint32_t failures_limit) {
  parts.assign(1, {0, batch.links.size(), {.in_doubt = in_doubt}});
  failures_max = failures_limit;
  request.clear();
  passed = false;
  due = {};
}

void Flight::prepare(Dialect& dialect, std::uint32_t which, std::size_t links_at_most) {
  if (passed) links_at_most = next().count;
  if (!request.empty() && credentials == which && (passed || links_max == links_at_most)) return;
  request.clear();
  credentials = which;
  links_max = links_at_most;
  if (!passed) undo_cut();
  if (next().count > links_at_most) {
    cut_next(links_at_most);
    next().is_cut = true;
  }
  const auto carried = dialect.encode(links(next()), request);
  if (carried < next().count) cut_next(carried);
}

void Flight::cut_next(std::size_t count) {
  const Part part = next();
  next() = {part.first + count, part.count - count, part.tries, part.is_cut};
  parts.push_back({part.first, count, part.tries});
}

void Flight::undo_cut() {
  while (parts.size() > 1 && next().is_cut) {
    const Part cut = next();
    const Part& rest = parts[parts.size() - 2];
    if (cut.tries != rest.tries) return;
    parts.pop_back();
    next().first = cut.first;
    next().count += cut.count;
  }
}

void Flight::finish_next() {
  IDMERGE_CHECK(has_parts());
  parts.pop_back();
  request.clear();
  due = {};
}

void Flight::split_next() {
  Part part = next();
  IDMERGE_CHECK(part.count > 1);
  finish_next();
  part.tries.failed = 0;
  const auto half = part.count / 2;
  parts.push_back({part.first + half, part.count - half, part.tries});
  parts.push_back({part.first, half, part.tries});
}

bool Lane::has_parts() const {
  return std::any_of(flights.begin(), flights.end(), [](auto& f) { return f.has_parts(); });
}

bool Lane::has_passed() const {
  return std::any_of(flights.begin(), flights.end(),
                     [](auto& f) { return f.has_parts() && f.passed; });
}

void Lane::swap_connection(Lane& other) noexcept {
  connection.swap(other.connection);
  std::swap(pipe_max, other.pipe_max);
  std::swap(line, other.line);
  std::swap(carried, other.carried);
}

Flight* Lane::first_due(Instant now) {
  for (std::size_t i = 0; i < flights.size(); ++i) {
    Flight& flight = flights[(first + i) % flights.size()];
    if (flight.has_parts() && flight.due <= now) return &flight;
  }
  return nullptr;
}

void Lane::advance_past(const Flight& flight) {
  first = (static_cast<std::size_t>(&flight - flights.data()) + 1) % flights.size();
}

void Lane::give_up_turns() {
  for (Flight& flight : flights)
    flight.passed = false;
}

Instant Lane::earliest_due() const {
  Instant earliest = Instant::max();
  for (const Flight& flight : flights) {
    if (flight.has_parts()) earliest = std::min(earliest, flight.due);
  }
  IDMERGE_CHECK(earliest != Instant::max());
  return earliest;
}

void Lane::adapt_pipe(bool answered) {
  pipe_max = answered ? std::min(2 * pipe_max, flights.size()) : 1;
}

}  // namespace idmerge::send
