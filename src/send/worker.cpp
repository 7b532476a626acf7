// SPDX-License-Identifier: MIT
#include "send/worker.hpp"

#include <algorithm>
#include <utility>

#include "util/check.hpp"

namespace idmerge::send {

void RequestInFlight::begin(bool in_doubt, std::uint32_t failures_limit) {
  slices.assign(1, {0, batch.links.size(), {.in_doubt = in_doubt}});
  failures_max = failures_limit;
  request.clear();
  has_permit = false;
  due = {};
}

void RequestInFlight::prepare(ServiceApi& service_api, std::uint32_t which,
                              std::size_t links_at_most) {
  if (has_permit) links_at_most = next().count;
  if (!request.empty() && credentials == which && (has_permit || links_max == links_at_most))
    return;
  request.clear();
  credentials = which;
  links_max = links_at_most;
  if (!has_permit) undo_cut();
  if (next().count > links_at_most) {
    cut_next(links_at_most);
    next().is_cut = true;
  }
  const auto carried = service_api.encode(links(next()), request);
  if (carried < next().count) cut_next(carried);
}

void RequestInFlight::cut_next(std::size_t count) {
  const Slice slice = next();
  next() = {slice.first + count, slice.count - count, slice.tries, slice.is_cut};
  slices.push_back({slice.first, count, slice.tries});
}

void RequestInFlight::undo_cut() {
  while (slices.size() > 1 && next().is_cut) {
    const Slice cut = next();
    const Slice& rest = slices[slices.size() - 2];
    if (cut.tries != rest.tries) return;
    slices.pop_back();
    next().first = cut.first;
    next().count += cut.count;
  }
}

void RequestInFlight::finish_next() {
  IDMERGE_CHECK(has_slices());
  slices.pop_back();
  request.clear();
  due = {};
}

void RequestInFlight::split_next() {
  Slice slice = next();
  IDMERGE_CHECK(slice.count > 1);
  finish_next();
  slice.tries.failed = 0;
  const auto half = slice.count / 2;
  slices.push_back({slice.first + half, slice.count - half, slice.tries});
  slices.push_back({slice.first, half, slice.tries});
}

bool Worker::has_slices() const {
  return std::any_of(requests_in_flight.begin(), requests_in_flight.end(),
                     [](auto& f) { return f.has_slices(); });
}

bool Worker::holds_permit() const {
  return std::any_of(requests_in_flight.begin(), requests_in_flight.end(),
                     [](auto& f) { return f.has_slices() && f.has_permit; });
}

RequestInFlight* Worker::next_to_send(Instant now) {
  RequestInFlight* next = nullptr;
  for (std::size_t i = 0; i < requests_in_flight.size(); ++i) {
    RequestInFlight& in_flight = requests_in_flight[(first + i) % requests_in_flight.size()];
    const bool is_due = in_flight.has_slices() && in_flight.due <= now;
    if (!is_due || std::count(pipelined.begin(), pipelined.end(), &in_flight) > 0) continue;
    if (in_flight.has_permit) return &in_flight;
    if (next == nullptr) next = &in_flight;
  }
  return next;
}

void Worker::advance_past(const RequestInFlight& in_flight) {
  first = (static_cast<std::size_t>(&in_flight - requests_in_flight.data()) + 1) %
          requests_in_flight.size();
}

void Worker::give_up_permits() {
  for (RequestInFlight& in_flight : requests_in_flight)
    in_flight.has_permit = false;
}

Instant Worker::earliest_due() const {
  Instant earliest = Instant::max();
  for (const RequestInFlight& in_flight : requests_in_flight) {
    if (in_flight.has_slices()) earliest = std::min(earliest, in_flight.due);
  }
  IDMERGE_CHECK(earliest != Instant::max());
  return earliest;
}

}  // namespace idmerge::send
