// SPDX-License-Identifier: MIT
#include "emulator/identity_graph.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "util/check.hpp"

namespace idmerge::emulator {
namespace {

constexpr std::string_view device_prefix = "$device:";

/// Returns whether an id is five groups of hex digits between dashes.
///
/// Source: mixpanel-facts section 2.1. The service's pattern is not published; the ids of older
/// Mixpanel libraries have five groups, but not always with the lengths of a UUID.
bool is_uuid_like(std::string_view id) {
  if (id.starts_with(device_prefix)) id.remove_prefix(device_prefix.size());
  int dashes = 0;
  bool group_is_empty = true;
  for (const char c : id) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (hex) {
      group_is_empty = false;
    } else if (c == '-' && !group_is_empty) {
      ++dashes;
      group_is_empty = true;
    } else {
      return false;
    }
  }
  return dashes == 4 && !group_is_empty;
}

}  // namespace

std::string_view name(Ruling ruling) {
  switch (ruling) {
    case Ruling::linked:
      return "linked";
    case Ruling::repeated:
      return "repeated";
    case Ruling::same_ids:
      return "errSameIDs";
    case Ruling::not_a_guid:
      return "errAnonDistinctIdNonGUIDForm";
    case Ruling::assigned_already:
      return "errAnonDistinctIdAssignedAlready";
    case Ruling::alias_exists:
      return "errAliasAlreadyExists";
    case Ruling::too_many_ids:
      return "errManyIDs";
    case Ruling::not_applicable:
      return "notApplicable";
    case Ruling::count:
      break;
  }
  util::check_failed("a ruling", __FILE__, __LINE__);
}

IdentityGraph::IdentityGraph(IdentityGraphOptions options) : options_(options) {
  if (options_.mode != IdentityMode::original) options_.cluster_max.reset();
}

Ruling IdentityGraph::link(input::Op op, std::string_view first, std::string_view second) {
  if (options_.mode == IdentityMode::simplified) return Ruling::not_applicable;
  if (options_.mode == IdentityMode::legacy && op != input::Op::alias)
    return Ruling::not_applicable;
  if (op == input::Op::merge && second < first) std::swap(first, second);
  if (op == input::Op::create) {
    if (first == second) return Ruling::same_ids;
    if (options_.uuid_only && !is_uuid_like(first)) return Ruling::not_a_guid;
  }
  return unite(op, first, second);
}

Ruling IdentityGraph::link_device(std::string_view device, std::string_view user) {
  IDMERGE_CHECK(options_.mode == IdentityMode::simplified);
  // Source: mixpanel-facts section 2.2: ingestion strips one prefix if the client has added it
  // already.
  std::string named(device_prefix);
  named += device.starts_with(device_prefix) ? device.substr(device_prefix.size()) : device;
  return unite(input::Op::create, named, user);
}

Ruling IdentityGraph::unite(input::Op op, std::string_view first, std::string_view second) {
  const Id a_known = find(first);
  const Id b_known = find(second);
  const auto key = [](Id a, Id b) { return std::uint64_t{a} << 32 | b; };
  auto& links = links_[static_cast<std::size_t>(op)];
  if (a_known != no_id && b_known != no_id && links.contains(key(a_known, b_known)))
    return Ruling::repeated;
  if (op == input::Op::create && a_known != no_id && user_of_.contains(a_known))
    return Ruling::assigned_already;
  if (op == input::Op::alias && a_known != no_id && alias_of_.contains(a_known))
    return Ruling::alias_exists;
  if (would_overflow(a_known, b_known, first == second)) return Ruling::too_many_ids;

  const Id a = intern(first);
  const Id b = intern(second);
  links.insert(key(a, b));
  made_.push_back({a, b, op});
  if (op == input::Op::create) user_of_.emplace(a, b);
  if (op == input::Op::alias) alias_of_.emplace(a, b);
  Id large = root(a);
  Id small = root(b);
  if (large == small) return Ruling::linked;
  if (size_[large] < size_[small]) std::swap(large, small);
  if (size_[large] == 1) ++clusters_;
  if (size_[small] > 1) --clusters_;
  parent_[small] = large;
  size_[large] += size_[small];
  std::swap(next_[large], next_[small]);  // two rings become one
  largest_ = std::max<std::size_t>(largest_, size_[large]);
  return Ruling::linked;
}

bool IdentityGraph::would_overflow(Id a, Id b, bool same) const {
  if (!options_.cluster_max || same) return false;
  if (a != no_id && b != no_id && root(a) == root(b)) return false;
  return std::uint64_t{size(a)} + size(b) > *options_.cluster_max;
}

IdentityGraph::Id IdentityGraph::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? no_id : found->second;
}

IdentityGraph::Id IdentityGraph::root(Id id) const {
  while (parent_[id] != id) {
    parent_[id] = parent_[parent_[id]];
    id = parent_[id];
  }
  return id;
}

IdentityGraph::Id IdentityGraph::intern(std::string_view name) {
  if (const Id known = find(name); known != no_id) return known;
  constexpr std::size_t block_bytes = 1 << 20;
  if (block_used_ + name.size() > block_bytes_) {
    block_bytes_ = std::max(block_bytes, name.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes_));
    block_used_ = 0;
  }
  char* const at = blocks_.back().get() + block_used_;
  std::copy(name.begin(), name.end(), at);
  block_used_ += name.size();
  const auto id = static_cast<Id>(names_.size());
  IDMERGE_CHECK(id != no_id);
  names_.emplace_back(at, name.size());
  parent_.push_back(id);
  size_.push_back(1);
  next_.push_back(id);
  index_.emplace(names_.back(), id);
  return id;
}

std::vector<std::string_view> IdentityGraph::members(Id id) const {
  std::vector<std::string_view> found;
  found.reserve(size(id));
  Id at = id;
  do {
    found.push_back(names_[at]);
    at = next_[at];
  } while (at != id);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string_view> IdentityGraph::cluster(std::string_view id) const {
  const Id known = find(id);
  return known == no_id ? std::vector<std::string_view>{} : members(known);
}

void IdentityGraph::for_each_cluster(
    const std::function<void(const std::vector<std::string_view>& members)>& visit) const {
  std::vector<bool> done(names_.size());
  for (Id id = 0; id < names_.size(); ++id) {
    const Id top = root(id);
    if (size_[top] < 2 || done[top]) continue;
    done[top] = true;
    visit(members(id));
  }
}

void IdentityGraph::for_each_link(const std::function<void(input::Op op, std::string_view first,
                                                           std::string_view second)>& visit) const {
  for (const Made& made : made_)
    visit(made.op, names_[made.first], names_[made.second]);
}

}  // namespace idmerge::emulator
