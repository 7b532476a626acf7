// SPDX-License-Identifier: MIT
//
// The last rules of the census: which links make which clusters, and which of these are too large.
// It sees every link twice, in order, and keeps only what it must know of an id; where the links
// come from is left to the caller, so that a census in memory and one on disk end in the same
// code and cannot differ.
//
// Where every link is a guarded `create`, an anonymous id has one user and no user is an anonymous
// id of a link that is sent: clusters are stars around users, and counting replaces union-find.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "idmerge/base/bit_array.hpp"
#include "idmerge/base/pages.hpp"
#include "idmerge/core/census_options.hpp"
#include "idmerge/core/census_report.hpp"
#include "idmerge/core/forest.hpp"
#include "idmerge/core/index.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// The component of a link that is not sent.
inline constexpr std::uint32_t no_component = 0xFFFFFFFFU;

/// A link after the rules about claims: its verdict is `send`, or it does not go.
struct ClaimedLink {
  IdNumber anon = 0;  // not looked at where all clusters are stars
  IdNumber user = 0;
  Op op = Op::create;
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

  /// Bounds: 8 bytes an id, 4 more unless all clusters are stars, 4 more with several operations;
  /// a bit a link.
  Clusters(const CensusOptions& options, const Scope& scope);

  void prefetch(const ClaimedLink& link) const { __builtin_prefetch(&ids_[link.user], 1); }

  /// First, every link in order of the ordinals.
  void connect(const ClaimedLink& link);

  struct Place {
    Verdict verdict = Verdict::send;
    std::uint32_t component = no_component;
  };

  /// Then every link again, in the same order: what becomes of it.
  Place place(const ClaimedLink& link);

  /// At the end: the figures about links by verdict, clusters and users.
  void report(CensusReport& report);

 private:
  struct IdState {
    std::uint32_t component_and_one;  // of the cluster that this id is the head of
    std::uint32_t anons;              // links to be sent that name it as their user
  };

  bool is_oversize(const ClaimedLink& link);
  std::uint32_t component_of(IdNumber user);
  void note_hub(IdNumber user);
  void note_example();
  void count_users(CensusReport& report) const;

  CensusOptions options_;
  Scope scope_;
  PageArray<IdState> ids_;
  std::optional<Forest> all_;
  std::optional<Forest> merges_;
  BitArray spare_;  // of links; in use once there is one
  std::uint64_t connected_ = 0;
  std::uint64_t placed_ = 0;
  std::uint32_t components_ = 0;
  std::uint64_t example_ = 0;  // the next to choose
  BitArray hubs_;              // seen so far; in use once there is one
  CensusReport found_;
};

}  // namespace idmerge
