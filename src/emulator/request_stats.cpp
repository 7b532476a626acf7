// SPDX-License-Identifier: MIT
#include "emulator/request_stats.hpp"

#include <algorithm>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace idmerge::emulator {
namespace {

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void BusiestSecond::add(std::uint64_t count, Instant now) {
  while (!arrivals_.empty() && now - arrivals_.front().at >= std::chrono::seconds{1}) {
    within_ -= arrivals_.front().count;
    arrivals_.pop_front();
  }
  arrivals_.push_back({now, count});
  within_ += count;
  most_ = std::max(most_, within_);
}

void RequestStats::count_arrival(std::uint64_t links, Instant now) {
  if (requests_ == 0) first_ = now;
  last_ = now;
  ++requests_;
  offered_ += links;
  requests_second_.add(1, now);
  links_second_.add(links, now);
}

void RequestStats::count_ruling(input::Op op, Ruling ruling) {
  ++by_ruling_[static_cast<std::size_t>(ruling)];
  if (!is_accepted(ruling)) return;
  ++accepted_;
  ++by_op_[static_cast<std::size_t>(op)];
}

void RequestStats::count_event(std::uint64_t digest) {
  ++imported_;
  events_.insert(digest);
}

void RequestStats::count_mishap(std::size_t risk, bool after) {
  ++(after ? struck_[risk].after : struck_[risk].before);
}

std::string RequestStats::json(const IdentityGraph& graph, const std::vector<Risk>& risks,
                               double uptime_s) const {
  namespace json = boost::json;
  json::object by_op;
  for (const input::Op op : {input::Op::create, input::Op::alias, input::Op::merge})
    by_op[name(op)] = by_op_[static_cast<std::size_t>(op)];
  json::object by_status;
  for (const auto& [status, count] : by_status_)
    by_status[std::to_string(status)] = count;
  json::object refused;
  for (std::size_t i = 0; i < by_ruling_.size(); ++i) {
    const auto ruling = static_cast<Ruling>(i);
    if (!is_accepted(ruling) && by_ruling_[i] > 0) refused[name(ruling)] = by_ruling_[i];
  }
  json::object injected;
  for (std::size_t i = 0; i < risks.size(); ++i) {
    injected[risks[i].name] =
        json::object{{"before", struck_[i].before}, {"after", struck_[i].after}};
  }
  const double spread_s = requests_ < 2 ? 0 : seconds(last_ - first_);
  const json::object all{
      {"requests", requests_},
      {"offered_links", offered_},
      {"accepted_links", accepted_},
      {"distinct_links", graph.distinct_links()},
      {"repeated_links", by_ruling_[static_cast<std::size_t>(Ruling::repeated)]},
      {"imported_events", imported_},
      {"distinct_events", events_.size()},
      {"by_operation", std::move(by_op)},
      {"by_status", std::move(by_status)},
      {"unanswered", unanswered_},
      {"malformed", malformed_},
      {"refused", std::move(refused)},
      {"injected", std::move(injected)},
      {"busiest_second_links", links_second_.most()},
      {"busiest_second_requests", requests_second_.most()},
      {"ids", graph.ids()},
      {"clusters", graph.clusters()},
      {"largest_cluster", graph.largest_cluster()},
  };
  std::string text = json::serialize(all);
  text.pop_back();  // decimals are appended below in plain notation, not as 1.5E0
  const double links_per_s = spread_s > 0 ? static_cast<double>(accepted_) / spread_s : 0;
  fmt::format_to(std::back_inserter(text),
                 R"(,"links_per_s":{:.1f},"seconds":{:.6f},"uptime_s":{:.6f}}})", links_per_s,
                 spread_s, uptime_s);
  return text;
}

}  // namespace idmerge::emulator
