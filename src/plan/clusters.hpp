// SPDX-License-Identifier: MIT
//
// The last rules of the resolver: groups links into clusters and finds those that are too large. It
// processes every link twice, in order, and stores only the state of each id. The caller supplies
// the links, so that an in-memory resolver and one on disk share this code and cannot differ.
//
// If every link is a `create` that passed the conflict rules, an anonymous id has one user, and no
// user is an anonymous id of a link that is sent. Then clusters are stars around users, and
// counting replaces union-find.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "input/row.hpp"
#include "plan/id_index.hpp"
#include "plan/plan_summary.hpp"
#include "plan/resolver_options.hpp"
#include "plan/union_find.hpp"
#include "plan/verdict.hpp"
#include "util/bit_array.hpp"
#include "util/page_array.hpp"

namespace idmerge::plan {

inline constexpr std::uint32_t no_component = 0xFFFFFFFFU;

/// A link after the claim rules. A verdict other than `send` is final.
struct ClaimedLink {
  IdNumber anon = 0;  // unused if all clusters are stars
  IdNumber user = 0;
  input::Op op = input::Op::create;
  bool sided = true;
  Verdict verdict = Verdict::send;
};

class Clusters {
 public:
  struct Scope {
    std::size_t ids = 0;  // numbers are below this
    std::uint64_t links = 0;
    bool only_stars = false;
    bool several_ops = false;  // then only merges make a merge redundant
  };

  /// Bounds: 8 bytes per id, 4 more unless all clusters are stars, 4 more with several operations;
  /// a bit per link.
  Clusters(const ResolverOptions& options, const Scope& scope);

  void prefetch(const ClaimedLink& link) const { __builtin_prefetch(&ids_[link.user], 1); }

  /// First pass: call it for every link, in order of the ordinals.
  void connect(const ClaimedLink& link);

  struct Place {
    Verdict verdict = Verdict::send;
    std::uint32_t component = no_component;
  };

  /// Second pass: call it for every link again, in the same order. Returns the result for the link.
  Place place(const ClaimedLink& link);

  /// Fills in the statistics of links by verdict, of clusters and of users. Call it at the end.
  void report(PlanSummary& report);

 private:
  struct IdState {
    std::uint32_t component_and_one;  // of the cluster of which this id is the representative
    std::uint32_t anons;              // links to be sent that name it as their user
  };

  bool is_oversize(const ClaimedLink& link);
  std::uint32_t component_of(IdNumber user);
  void note_hub(IdNumber user);
  void note_example();
  void count_users(PlanSummary& report) const;

  ResolverOptions options_;
  Scope scope_;
  util::PageArray<IdState> ids_;
  std::optional<UnionFind> all_;
  std::optional<UnionFind> merges_;
  util::BitArray spare_;  // by link; used once there is one
  std::uint64_t connected_ = 0;
  std::uint64_t placed_ = 0;
  std::uint32_t components_ = 0;
  std::uint64_t example_ = 0;  // the number of the next example
  util::BitArray hubs_;        // users counted as hubs; used once there is one
  PlanSummary found_;
};

}  // namespace idmerge::plan
