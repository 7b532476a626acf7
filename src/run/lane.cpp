// SPDX-License-Identifier: MIT
#include "idmerge/run/lane.hpp"

#include <algorithm>
#include <utility>

#include "idmerge/base/check.hpp"

namespace idmerge {

void Flight::begin(bool in_doubt, std::uint32_t failures_limit) {
  parts.assign(1, {0, batch.links.size(), {.in_doubt = in_doubt}});
  failures_max = failures_limit;
  request.clear();
  passed = false;
  due = {};
}

void Flight::prepare(Dialect& dialect, std::uint32_t which) {
  if (!request.empty() && credentials == which) return;
  request.clear();
  credentials = which;
  const Part part = next();
  const auto carried = dialect.encode(links(part), request);
  if (carried == part.count) return;
  next() = {part.first + carried, part.count - carried, part.tries};
  parts.push_back({part.first, carried, part.tries});
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

}  // namespace idmerge
