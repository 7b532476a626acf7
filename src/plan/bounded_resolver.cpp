// SPDX-License-Identifier: MIT
#include "plan/bounded_resolver.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "plan/packed_rows.hpp"
#include "plan/verdict.hpp"
#include "util/check.hpp"
#include "util/units.hpp"

namespace idmerge::plan {
namespace {

/// Memory of the resolver per distinct link with 1.4 ids a link, free slots included. 62 bytes were
/// measured with an index filled to three quarters and 8 bytes per id beside it; the value accounts
/// for what index and ids have saved since. Units: bytes.
constexpr std::uint64_t bytes_a_link = 52;

/// Memory for threads, blocks and buffers, besides the resolver.
constexpr std::uint64_t rest_bytes = 48U << 20U;

std::uint64_t share_for_resolver(std::uint64_t memory_bytes) {
  if (memory_bytes == 0) return std::numeric_limits<std::uint64_t>::max();
  return memory_bytes > 2 * rest_bytes ? memory_bytes - rest_bytes : memory_bytes / 2;
}

}  // namespace

BoundedResolver::BoundedResolver(const ResolverOptions& options, const Bounds& bounds,
                                 const Fingerprinter& print, bool has_orders, PlanWriter& plan,
                                 io::Files& files, io::SpillDir& dir, Progress& progress)
    : options_(options),
      bounds_(bounds),
      print_(print),
      has_orders_(has_orders),
      plan_(plan),
      files_(files),
      dir_(dir),
      progress_(progress),
      resolver_bytes_max_(share_for_resolver(bounds.memory_bytes)),
      resolver_(std::make_unique<Resolver>(options)) {}

bool BoundedResolver::is_full(const input::RowBlock& block) const {
  return !spilled_ &&
         resolver_->bytes_after(block.rows.size()) + orders_.bytes() > resolver_bytes_max_;
}

Result<void> BoundedResolver::take(const input::RowBlock& block,
                                   std::span<const ValidatedRow> validated,
                                   std::vector<std::uint32_t>& fresh) {
  fresh.clear();
  if (!looked_ahead_) {
    if (auto done = look_ahead(block, validated); !done) return done;
  }
  if (is_full(block)) {
    if (auto done = begin_spill(); !done) return done;
  }
  if (spilled_) {
    spilled_->count_blank_lines(block.blank_lines);
    return spilled_->take(block, validated);
  }
  resolver_->count_blank_lines(block.blank_lines);
  if (auto taken = resolver_->take(block.rows, validated, fresh); !taken) return taken;
  if (!has_orders_) return {};
  auto ordinal = resolver_->links() - fresh.size();
  orders_.grow_to_hold(resolver_->links());
  for (const auto i : fresh)
    orders_[ordinal++] = block.rows[i].order;
  return {};
}

void BoundedResolver::expect_share(double share_read) {
  if (!spilled_) resolver_->expect_share(share_read, resolver_bytes_max_);
}

/// Estimates the total from the first block.
Result<void> BoundedResolver::look_ahead(const input::RowBlock& block,
                                         std::span<const ValidatedRow> validated) {
  looked_ahead_ = true;
  std::uint64_t pairs = 0;
  std::uint64_t id_bytes = 0;
  RowPacker packer(false);
  for (std::size_t i = 0; i < validated.size(); ++i) {
    if (validated[i].checked != RowCheck::pair) continue;
    ++pairs;
    const input::Row& row = block.rows[i];
    id_bytes += row.anon.size() + row.user.size();
    packer.add({.anon = row.anon, .user = row.user, .line = row.line, .offset = row.offset});
  }
  if (pairs == 0 || bounds_.memory_bytes == 0) return {};
  row_bytes_ = static_cast<double>(id_bytes) / static_cast<double>(pairs);
  packed_bytes_ = static_cast<double>(packer.bytes().size()) / static_cast<double>(pairs) +
                  (has_orders_ ? double{sizeof(std::int64_t)} : 0);
  const input::Row& first = block.rows.front();
  const input::Row& last = block.rows.back();
  const auto text_bytes = static_cast<double>(last.offset + last.text.size() + 1 - first.offset) /
                          static_cast<double>(block.rows.size());
  const auto rows = static_cast<double>(bounds_.input_rows.value_or(
      static_cast<std::uint64_t>(static_cast<double>(bounds_.input_bytes) / text_bytes)));
  rows_expected_ = static_cast<std::uint64_t>(rows * static_cast<double>(pairs) /
                                              static_cast<double>(block.rows.size()));
  if (rows_expected_ * bytes_a_link <= resolver_bytes_max_) return {};
  return announce(SpilledResolver::need_of(rows_expected_, row_bytes_, packed_bytes_, has_orders_),
                  true);
}

Result<void> BoundedResolver::announce(const SpilledResolver::Need& need, bool is_certain) {
  announced_ = is_certain;
  const auto job = io::parent_of(plan_.part_path());
  const auto job_disk = files_.disk_of(job);
  if (!job_disk) return job_disk.error();
  const auto spill_disk = dir_.disk();
  if (!spill_disk) return spill_disk.error();
  std::string uses;
  const auto use = [&](std::string_view what, std::uint64_t bytes, const std::string& dir,
                       const io::DiskSpace& disk, std::string_view otherwise) -> Result<void> {
    if (disk.free_bytes < bytes) {
      return Error{
          Errc::outage,
          fmt::format("{}: {} of disk may be needed for {} in addition to {} of memory, but only "
                      "{} are free: raise --memory, or give {} a larger disk",
                      dir, util::size_text(bytes), what, util::size_text(bounds_.memory_bytes),
                      util::size_text(disk.free_bytes), otherwise)};
    }
    uses += fmt::format("{}up to {} of disk will be used for {} in {}, where {} are free",
                        uses.empty() ? "" : ", and ", util::size_text(bytes), what, dir,
                        util::size_text(disk.free_bytes));
    return {};
  };
  Result<void> fits;
  // Volumes of one pool (btrfs, ZFS) appear as separate devices; the sum is not checked for them.
  if (job_disk->device == spill_disk->device) {
    fits = use("plan and spill", need.plan_bytes + need.spill_bytes, dir_.dir(), *spill_disk,
               "--spill-dir");
  } else {
    fits = use("the spill", need.spill_bytes, dir_.dir(), *spill_disk, "--spill-dir");
    if (fits) fits = use("the plan", need.plan_bytes, job, *job_disk, "--job");
  }
  if (!fits) return fits;
  progress_.note(Weight::info, fmt::format("the links do not fit into {} of memory: {} (the lists "
                                           "of held and rejected rows come on top)",
                                           util::size_text(bounds_.memory_bytes), uses));
  return {};
}

/// Memory is exhausted: continues on disk, starting with the links that are already in the plan.
Result<void> BoundedResolver::begin_spill() {
  IDMERGE_CHECK(plan_.links() == resolver_->links());
  const auto so_far = resolver_->report();
  util::PageArray<std::int64_t> ages;
  resolver_->export_claim_orders(ages);
  resolver_.reset();
  if (!announced_) {
    // Assume that at least as many rows follow as were taken; nothing more is known.
    const auto rows = std::max(rows_expected_, 2 * so_far.read);
    const auto need = SpilledResolver::need_of(rows, row_bytes_, packed_bytes_, has_orders_);
    if (auto done = announce(need, rows_expected_ > 0); !done) return done;
  }
  auto spilled = SpilledResolver::begin(options_, print_, has_orders_, so_far, dir_);
  if (!spilled) return spilled.error();
  spilled_.emplace(std::move(*spilled));
  return spilled_->take_planned(plan_, files_, {ages.data(), ages.size()});
}

Result<std::vector<DecisionEffect>> BoundedResolver::decide_verdicts(
    std::span<const Decided> decisions, const std::function<void(const Resolver&)>& on_claims) {
  if (spilled_) {
    spilled_->apply_decisions(decisions);
    const std::span planned(orders_.data(), has_orders_ ? plan_.links() : 0);
    if (auto done = spilled_->decide_verdicts(plan_, planned); !done) return done.error();
    return spilled_->effects();
  }
  auto effects = resolver_->apply_decisions(decisions);
  std::size_t begin = 0;
  const auto columns = [&](std::span<const Verdict> verdicts,
                           std::span<const std::uint32_t> components) {
    const auto count = has_orders_ ? verdicts.size() : 0;
    plan_.columns(verdicts, components, std::span(orders_.data() + begin, count));
    begin += count;
  };
  resolver_->decide_verdicts(columns, [&] { on_claims(*resolver_); });
  return effects;
}

}  // namespace idmerge::plan
