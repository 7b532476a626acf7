// SPDX-License-Identifier: MIT
#include "send/spare_rounds.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>

#include <fmt/format.h>

#include "io/process_identity.hpp"
#include "plan/fingerprint.hpp"
#include "plan/id_index.hpp"
#include "plan/resolver.hpp"
#include "plan/row_report.hpp"
#include "plan/verdict.hpp"
#include "send/spares.hpp"
#include "send/stop_conditions.hpp"

namespace idmerge::send {
namespace {

using Component = std::uint32_t;

/// A set of components, one bit each.
class Components {
 public:
  explicit Components(std::span<const Component> members = {}) {
    for (const auto member : members)
      add(member);
  }
  void add(Component component) {
    if (component == plan::no_component) return;
    if (component >= bits_.size()) bits_.resize(component + std::size_t{1});
    bits_[component] = true;
  }
  bool has(Component component) const { return component < bits_.size() && bits_[component]; }

 private:
  std::vector<bool> bits_;
};

/// Size of a cluster, known before it is loaded.
struct Size {
  std::size_t links = 0;
  bool has_spares = false;
};

class Search {
 public:
  Search(const plan::PlanReader& plan, const std::vector<std::uint64_t>& refused,
         const std::function<bool()>& stopped)
      : plan_(plan), refused_(refused), stopped_(stopped) {}

  Result<std::vector<std::uint64_t>> find(std::uint64_t round, std::size_t links_max) {
    if (auto found = find_clusters(); !found) return found.error();
    if (auto measured = measure(); !measured) return measured.error();
    std::vector<std::uint64_t> ordinals;
    for (auto begin = sizes_.begin(); begin != sizes_.end();) {
      std::vector<Component> group;
      std::size_t links = 0;
      for (; begin != sizes_.end() && (group.empty() || links + begin->second.links <= links_max);
           ++begin) {
        links += begin->second.links;
        group.push_back(begin->first);
      }
      if (auto loaded = load(Components(group)); !loaded) return loaded.error();
      const auto chosen = spares_of_round(links_, ids_->size(), round);
      ordinals.insert(ordinals.end(), chosen.begin(), chosen.end());
    }
    std::sort(ordinals.begin(), ordinals.end());
    return ordinals;
  }

 private:
  Result<void> look_up() const {
    if (stopped_()) return Error{Errc::interrupted, "interrupted: what was settled is saved"};
    return {};
  }

  /// Finds the clusters in which a link was refused.
  Result<void> find_clusters() {
    for (auto at = refused_.begin(); at != refused_.end();) {
      if (*at >= plan_.links()) {
        return Error{Errc::input,
                     fmt::format("refused.ndjson names link {}, which the plan does not have: "
                                 "restore both, or start a new job",
                                 *at)};
      }
      if (auto go_on = look_up(); !go_on) return go_on;
      if (auto read = plan_.read_columns(plan_.find_block(*at), block_); !read) return read;
      const auto end = block_.first + block_.components.size();
      for (; at != refused_.end() && *at < end; ++at)
        lost_.add(block_.components[static_cast<std::size_t>(*at - block_.first)]);
    }
    return {};
  }

  /// Measures these clusters. Those without a spare are dropped.
  Result<void> measure() {
    std::unordered_map<Component, Size> sizes;
    for (std::size_t i = 0; i < plan_.blocks(); ++i) {
      if (auto go_on = look_up(); !go_on) return go_on;
      if (auto read = plan_.read_columns(i, block_); !read) return read;
      for (std::size_t n = 0; n < block_.components.size(); ++n) {
        if (!lost_.has(block_.components[n])) continue;
        auto& size = sizes[block_.components[n]];
        ++size.links;
        size.has_spares = size.has_spares || block_.verdicts[n] == plan::Verdict::spare;
      }
    }
    for (const auto& [component, size] : sizes) {
      if (size.has_spares) sizes_.emplace_back(component, size);
    }
    std::sort(sizes_.begin(), sizes_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return {};
  }

  /// Loads all merges of some clusters.
  Result<void> load(const Components& group) {
    links_.clear();
    ids_.emplace();
    for (std::size_t i = 0; i < plan_.blocks(); ++i) {
      if (auto go_on = look_up(); !go_on) return go_on;
      if (auto read = plan_.read_columns(i, block_); !read) return read;
      const auto in_group = [&](Component component) { return group.has(component); };
      if (std::none_of(block_.components.begin(), block_.components.end(), in_group)) continue;
      if (auto read = plan_.read_block(i, block_); !read) return read;
      for (std::size_t n = 0; n < block_.links.size(); ++n) {
        if (in_group(block_.components[n])) add(n);
      }
    }
    return {};
  }

  void add(std::size_t n) {
    const input::Link& link = block_.links[n];
    if (link.op != input::Op::merge) return;
    const auto ordinal = block_.first + n;
    links_.push_back({.ordinal = ordinal,
                      .a = ids_->find_or_add(print_(link.anon)),
                      .b = ids_->find_or_add(print_(link.user)),
                      .is_spare = block_.verdicts[n] == plan::Verdict::spare,
                      .refused = std::binary_search(refused_.begin(), refused_.end(), ordinal)});
  }

  const plan::PlanReader& plan_;
  const std::vector<std::uint64_t>& refused_;
  const std::function<bool()>& stopped_;
  plan::Fingerprinter print_{plan_.facts().preamble.secret};
  plan::PlanBlock block_;
  Components lost_;
  std::vector<std::pair<Component, Size>> sizes_;
  std::optional<plan::IdIndex> ids_;  // of the loaded clusters
  std::vector<SpareLink> links_;
};

}  // namespace

Result<std::vector<std::uint64_t>> find_spares(const plan::PlanReader& plan,
                                               const std::vector<std::uint64_t>& refused,
                                               std::uint64_t round,
                                               const std::function<bool()>& stopped,
                                               std::size_t links_max) {
  return Search(plan, refused, stopped).find(round, links_max);
}

Result<std::vector<std::uint64_t>> spares_under_way(io::Files& files, const plan::RunPaths& paths,
                                                    const plan::PlanReader& plan,
                                                    const Checkpoint& now,
                                                    const std::function<bool()>& stopped) {
  if (now.round == 0) return std::vector<std::uint64_t>();
  const auto refused = plan::read_refused(files, paths.refused(), now.letters_bytes);
  if (!refused) return refused.error();
  auto spares = find_spares(plan, *refused, now.round, stopped);
  if (spares && spares->size() != now.round_links) {
    return Error{Errc::input,
                 fmt::format("{}: round {} has {} links, but plan and dead letters lead to {}: "
                             "restore them, or start a new job",
                             paths.checkpoint(), now.round, now.round_links, spares->size())};
  }
  return spares;
}

Result<InDoubt> find_in_doubt(io::Files& files, const plan::RunPaths& paths,
                              const plan::PlanReader& plan, const RunState& state) {
  std::vector<std::uint64_t> spares;
  if (is_only_bounded(state, io::boot_here())) {
    auto found = spares_under_way(files, paths, plan, state.checkpoint, [] { return false; });
    if (!found) return found.error();
    spares = std::move(*found);
  }
  return links_in_doubt(state, plan, io::boot_here(), spares);
}

Result<std::vector<std::uint64_t>> Rounds::spares_of(std::uint64_t round) {
  const auto bytes = recorder_.write_letters();
  if (!bytes) return bytes.error();
  const auto refused = plan::read_refused(files_, paths_.refused(), *bytes);
  if (!refused) return refused.error();
  return find_spares(plan_, *refused, round, [this] { return stop_.asked() > 0; });
}

Result<void> Rounds::resume() {
  const Checkpoint now = recorder_.log().now();
  if (now.round == 0) return {};
  auto spares = spares_under_way(files_, paths_, plan_, now, [this] { return stop_.asked() > 0; });
  if (!spares) return spares.error();
  cursor_.begin_round(std::move(*spares));
  return {};
}

Result<bool> Rounds::begin_next(bool stopping) {
  if (!recorder_.ledger().is_done()) return false;
  const RunLog& log = recorder_.log();
  over_ = spares_ == 0 || log.settled() == log.delivered();
  if (over_ || stopping) return false;
  auto spares = spares_of(log.facts().round + 1);
  if (!spares) return spares.error();
  over_ = spares->empty();
  if (over_) return false;
  if (options_.canary && log.settled() >= *options_.canary) return canary_reached(log.settled());
  const auto ceiling = std::min(round_ceiling(*spares, 0, cursor_.ahead()), plan_.links());
  if (auto begun = recorder_.begin_round(spares->size(), ceiling); !begun) return begun.error();
  progress_.note(plan::Weight::info,
                 fmt::format("round {}: {} spares are sent in place of refused links",
                             log.facts().round, spares->size()));
  cursor_.begin_round(std::move(*spares));
  return true;
}

}  // namespace idmerge::send
