// SPDX-License-Identifier: MIT
//
// The identity graph of the emulated project: clusters by union-find over exact ids, under the
// rules of the project's identity mode. Nothing is estimated and ids are not replaced by hashes,
// because tests compare these clusters with clusters they computed themselves. An id takes its own
// bytes and about 50 more, so that some millions fit into memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "input/row.hpp"

namespace idmerge::emulator {

/// How the emulated project resolves identities; fixed for its lifetime.
///
/// Source: mixpanel-facts section 2.
enum class IdentityMode : std::uint8_t {
  original,    // create, alias and merge link
  simplified,  // a device belongs to the user of the first event that carries both
  legacy,      // only alias links
};

/// The decision of the project about a link.
enum class Ruling : std::uint8_t {
  linked,            // new
  repeated,          // this very link was made before: a success without effect
  same_ids,          // create: both ids are equal
  not_a_guid,        // create, if enabled: the anonymous id does not have the form of a UUID
  assigned_already,  // create, device: the anonymous id belongs to another user
  alias_exists,      // alias: the alias is already assigned to another id
  too_many_ids,      // the cluster would be too large
  not_applicable,    // the identity mode does not support this kind of link
  count,
};

/// Returns whether the ruling is a success.
constexpr bool is_accepted(Ruling ruling) {
  return ruling == Ruling::linked || ruling == Ruling::repeated;
}

/// Returns Mixpanel's name of a refusal: "errSameIDs"; "linked" and "repeated" for successes.
std::string_view name(Ruling ruling);

struct IdentityGraphOptions {
  IdentityMode mode = IdentityMode::original;
  /// Whether to refuse `create` with anonymous ids that are not five groups of hex digits between
  /// dashes. The service does so, but its pattern is not published.
  bool uuid_only = false;
  /// Maximum number of ids in a cluster; nothing: no limit. Only original projects have one.
  std::optional<std::uint32_t> cluster_max = 499;
};

/// The clusters of one project.
class IdentityGraph {
 public:
  explicit IdentityGraph(IdentityGraphOptions options = {});

  /// Links two ids.
  ///
  /// Requires: for create, anonymous id and user id; for alias, alias and distinct id; for merge,
  /// in any order. A refused link changes nothing; as on overflow in the service, the id stays
  /// outside. Whether the service refuses an identical create as already assigned is not published;
  /// here a repetition is a success. Source: mixpanel-facts section 2.1.
  Ruling link(input::Op op, std::string_view first, std::string_view second);

  /// Links a device to a user, as an event with both ids does in a simplified project. The member
  /// of the cluster is `$device:` followed by the device id.
  ///
  /// Source: mixpanel-facts section 2.2: the first user wins, users are never merged.
  Ruling link_device(std::string_view device, std::string_view user);

  /// Returns the sorted members of the cluster of an id; empty if the id was never linked.
  ///
  /// Lifetime: the views end with the graph.
  std::vector<std::string_view> cluster(std::string_view id) const;

  /// Visits every cluster of at least two ids, with sorted members, in order of first appearance.
  void for_each_cluster(
      const std::function<void(const std::vector<std::string_view>& members)>& visit) const;

  /// Visits every distinct link in the order of acceptance.
  void for_each_link(const std::function<void(input::Op op, std::string_view first,
                                              std::string_view second)>& visit) const;

  std::size_t distinct_links() const { return made_.size(); }
  std::size_t ids() const { return names_.size(); }
  std::size_t clusters() const { return clusters_; }
  std::size_t largest_cluster() const { return largest_; }

 private:
  using Id = std::uint32_t;
  static constexpr Id no_id = UINT32_MAX;

  struct Made {
    Id first;
    Id second;
    input::Op op;
  };

  Id find(std::string_view name) const;
  Id root(Id id) const;
  Id intern(std::string_view name);
  std::uint32_t size(Id id) const { return id == no_id ? 1 : size_[root(id)]; }
  bool would_overflow(Id a, Id b, bool same) const;
  Ruling unite(input::Op op, std::string_view first, std::string_view second);
  std::vector<std::string_view> members(Id id) const;

  IdentityGraphOptions options_;
  std::vector<std::unique_ptr<char[]>> blocks_;  // the bytes of the ids; never moved
  std::size_t block_used_ = 0;
  std::size_t block_bytes_ = 0;
  boost::unordered_flat_map<std::string_view, Id, std::hash<std::string_view>> index_;
  std::vector<std::string_view> names_;
  mutable std::vector<Id> parent_;
  std::vector<std::uint32_t> size_;
  std::vector<Id> next_;  // the members of a cluster form a ring
  std::array<boost::unordered_flat_set<std::uint64_t>, 3> links_;  // one for each Op
  boost::unordered_flat_map<Id, Id> user_of_;   // anonymous id or device -> its user
  boost::unordered_flat_map<Id, Id> alias_of_;  // alias -> the id it is assigned to
  std::vector<Made> made_;
  std::size_t clusters_ = 0;
  std::size_t largest_ = 0;
};

}  // namespace idmerge::emulator
