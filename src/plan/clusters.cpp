// SPDX-License-Identifier: MIT
#include "plan/clusters.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace idmerge::plan {
namespace {

constexpr std::uint64_t hub_anons = 100;
constexpr std::size_t largest_max = 10;
constexpr std::uint64_t examples_max = 5;

/// Inserts into a list of the largest clusters; among equal sizes, the first one seen comes first.
void enter(std::vector<ClusterSize>& largest, const ClusterSize& cluster) {
  if (largest.size() == largest_max && cluster.ids <= largest.back().ids) return;
  const auto at = std::find_if(largest.begin(), largest.end(),
                               [&](const ClusterSize& other) { return other.ids < cluster.ids; });
  largest.insert(at, cluster);
  if (largest.size() > largest_max) largest.pop_back();
}

}  // namespace

Clusters::Clusters(const ResolverOptions& options, const Scope& scope)
    : options_(options), scope_(scope) {
  ids_.grow(std::max<std::size_t>(scope.ids, 1));
  if (scope.only_stars) return;
  all_.emplace(scope.ids);
  if (scope.several_ops) merges_.emplace(scope.ids);
}

void Clusters::connect(const ClaimedLink& link) {
  const auto ordinal = connected_++;
  if (link.verdict != Verdict::send) return;
  if (link.sided) ++ids_[link.user].anons;
  if (!all_) return;
  const bool joined = all_->connect(link.anon, link.user);
  if (link.op != input::Op::merge || !options_.collapse) return;
  // The service may refuse a link of another operation where it accepts a merge, so only merges
  // make a merge redundant.
  const bool needed = merges_ ? merges_->connect(link.anon, link.user) : joined;
  if (needed) return;
  spare_.grow_to_hold(scope_.links);
  spare_.set(ordinal);
}

bool Clusters::is_oversize(const ClaimedLink& link) {
  if (options_.max_cluster == 0) return false;
  return all_ ? all_->cluster_size(link.user) > options_.max_cluster
              : ids_[link.user].anons >= options_.max_cluster;
}

Clusters::Place Clusters::place(const ClaimedLink& link) {
  IDMERGE_CHECK(connected_ == scope_.links);
  Place place{.verdict = link.verdict};
  if (place.verdict == Verdict::send) {
    const bool is_spare = spare_.bytes() != 0 && spare_.test(placed_);
    place.verdict = is_oversize(link) ? Verdict::oversize
                    : is_spare        ? Verdict::spare
                                      : Verdict::send;
  }
  ++found_.verdicts[static_cast<std::size_t>(place.verdict)];
  if (link.sided && ids_[link.user].anons > hub_anons) note_hub(link.user);
  if (joins(place.verdict)) place.component = component_of(link.user);
  if (place.verdict == Verdict::send) {
    ++found_.to_send[static_cast<std::size_t>(link.op)];
    note_example();
  }
  ++placed_;
  return place;
}

// Components are numbered in order of their first link, which depends on neither the key of the
// fingerprints nor the structure of the union-find trees.
std::uint32_t Clusters::component_of(IdNumber user) {
  const auto head = all_ ? all_->root(user) : user;
  auto& component_and_one = ids_[head].component_and_one;
  if (component_and_one == 0) {
    component_and_one = ++components_;
    const std::uint64_t ids = all_ ? all_->cluster_size(head) : std::uint64_t{ids_[head].anons} + 1;
    enter(found_.largest, {ids, placed_});
  }
  return component_and_one - 1;
}

void Clusters::note_hub(IdNumber user) {
  hubs_.grow_to_hold(scope_.ids);
  if (!hubs_.set(user)) return;
  ++found_.hubs;
  enter(found_.hub_users, {ids_[user].anons, placed_});
}

// Chooses the first link to be sent in each fifth of all links.
void Clusters::note_example() {
  bool chosen = false;
  while (example_ < examples_max && example_ * scope_.links / examples_max <= placed_) {
    chosen = true;
    ++example_;
  }
  if (chosen) found_.examples.push_back(placed_);
}

// Counts the users of links to be sent. A histogram covers the common case of few anonymous ids;
// users with more are rare and stored one by one.
void Clusters::count_users(PlanSummary& report) const {
  constexpr std::uint32_t common_max = 4096;
  // Ids that are no users are counted too: a branch would be mispredicted too often.
  std::vector<std::uint64_t> common(common_max + 1);
  std::vector<std::uint32_t> rare;
  for (std::size_t id = 0; id < scope_.ids; ++id) {
    const auto anons = ids_[id].anons;
    if (anons <= common_max) {
      ++common[anons];
    } else {
      rare.push_back(anons);
    }
  }
  const std::uint64_t users = scope_.ids - common[0];
  if (users == 0) return;
  std::sort(rare.begin(), rare.end());
  const auto nth = [&](std::uint64_t rank) -> std::uint64_t {
    for (std::uint32_t anons = 1; anons <= common_max; ++anons) {
      if (rank < common[anons]) return anons;
      rank -= common[anons];
    }
    return rare[rank];
  };
  report.anons_per_user_p50 = nth((users - 1) / 2);
  report.anons_per_user_p99 = nth((users - 1) * 99 / 100);
  report.anons_per_user_max = nth(users - 1);
}

void Clusters::report(PlanSummary& report) {
  IDMERGE_CHECK(placed_ == scope_.links);
  report.verdicts = found_.verdicts;
  report.to_send = found_.to_send;
  report.clusters = components_;
  report.hubs = found_.hubs;
  report.hub_users = std::move(found_.hub_users);
  report.largest = std::move(found_.largest);
  report.examples = std::move(found_.examples);
  count_users(report);
}

}  // namespace idmerge::plan
