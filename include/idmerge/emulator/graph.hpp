// SPDX-License-Identifier: MIT
//
// The identities of the emulated project: real clusters, by union-find over exact ids, under the
// rules of the project's identity mode. Nothing here is estimated or hashed away, because tests
// compare these clusters with the ones they computed themselves; an id costs its bytes and about
// 50 more, so that some millions fit.
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

#include "idmerge/core/pair.hpp"

namespace idmerge {

/// How the emulated project resolves identities; fixed for its life.
///
/// Source: mixpanel-facts section 2.
enum class IdentityMode : std::uint8_t {
  original,    // create, alias and merge link
  simplified,  // a device belongs to the user of the first event that carries both
  legacy,      // only alias links
};

/// What became of a link.
enum class Ruling : std::uint8_t {
  linked,            // new
  repeated,          // this very link was made before: a success that changes nothing
  same_ids,          // create: both ids are equal
  not_a_guid,        // create, if asked for: the anonymous id has not the form of a UUID
  assigned_already,  // create, device: the anonymous id belongs to another user
  alias_exists,      // alias: the alias stands for another id
  too_many_ids,      // the cluster would be too large
  not_applicable,    // the mode knows no such link
  count,
};

/// Did the service do what it was asked?
constexpr bool is_accepted(Ruling ruling) {
  return ruling == Ruling::linked || ruling == Ruling::repeated;
}

/// The name that Mixpanel gives a refusal: "errSameIDs"; "linked" and "repeated" for the others.
std::string_view name(Ruling ruling);

struct GraphOptions {
  IdentityMode mode = IdentityMode::original;
  /// Refuse to create with anonymous ids that are not five groups of hex digits between dashes.
  /// The service does, but its pattern is not published.
  bool uuid_only = false;
  /// Members of the largest cluster allowed; none for no limit. Only original projects have one.
  std::optional<std::uint32_t> cluster_max = 499;
};

/// The clusters of one project.
class Graph {
 public:
  explicit Graph(GraphOptions options = {});

  /// Link two ids.
  ///
  /// Shape: create: anonymous id, user id; alias: alias, distinct id; merge: any order.
  /// Source: mixpanel-facts section 2.1. A refused link leaves nothing behind, as on overflow the
  /// id stays outside. Whether an identical create is refused as already assigned is not
  /// published; here repeating is a success.
  Ruling link(Op op, std::string_view first, std::string_view second);

  /// Link a device to a user, as an event that carries both does in a simplified project. The
  /// device stands in its cluster as `$device:` and its id.
  ///
  /// Source: mixpanel-facts section 2.2: the first user wins, users never fuse.
  Ruling link_device(std::string_view device, std::string_view user);

  /// The sorted members of the cluster of an id; nothing if the id was never linked.
  ///
  /// Shape: views that live as long as the graph.
  std::vector<std::string_view> cluster(std::string_view id) const;

  /// Visit every cluster of at least two ids, members sorted, in order of first appearance.
  void for_each_cluster(
      const std::function<void(const std::vector<std::string_view>& members)>& visit) const;

  /// Visit every distinct link in the order in which they were accepted.
  void for_each_link(const std::function<void(Op op, std::string_view first,
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
    Op op;
  };

  Id find(std::string_view name) const;
  Id root(Id id) const;
  Id intern(std::string_view name);
  std::uint32_t size(Id id) const { return id == no_id ? 1 : size_[root(id)]; }
  bool would_overflow(Id a, Id b, bool same) const;
  Ruling unite(Op op, std::string_view first, std::string_view second);
  std::vector<std::string_view> members(Id id) const;

  GraphOptions options_;
  std::vector<std::unique_ptr<char[]>> blocks_;  // the bytes of the ids; never moved
  std::size_t block_used_ = 0;
  std::size_t block_bytes_ = 0;
  boost::unordered_flat_map<std::string_view, Id, std::hash<std::string_view>> index_;
  std::vector<std::string_view> names_;
  mutable std::vector<Id> parent_;
  std::vector<std::uint32_t> size_;
  std::vector<Id> next_;  // the members of a cluster, in a ring
  std::array<boost::unordered_flat_set<std::uint64_t>, 3> links_;  // one for each Op
  boost::unordered_flat_map<Id, Id> user_of_;   // anonymous id or device -> its user
  boost::unordered_flat_map<Id, Id> alias_of_;  // alias -> what it stands for
  std::vector<Made> made_;
  std::size_t clusters_ = 0;
  std::size_t largest_ = 0;
};

}  // namespace idmerge
