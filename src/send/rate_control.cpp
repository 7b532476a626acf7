// SPDX-License-Identifier: MIT
#include "send/rate_control.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "send/local_time.hpp"
#include "util/log.hpp"

namespace idmerge::send {
namespace {

constexpr std::size_t words_bytes_max = 16'384;

bool is_same(const std::optional<io::FileStat>& a, const std::optional<io::FileStat>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a ||
         (a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->size_bytes == b->size_bytes);
}

std::string text_of(const Allowance& allowed) {
  if (allowed.paused) return "nothing is sent";
  if (allowed.links_per_s > 0) return util::rate_text({allowed.links_per_s, false}, true);
  if (allowed.requests_per_s > 0) return util::rate_text({allowed.requests_per_s, true}, true);
  return "no limit";
}

Result<RequestedRate> read_said(io::Files& files, const std::string& path) {
  auto text = files.read_all(path, words_bytes_max);
  if (!text) return text.error();
  text->resize(std::min(text->find('\n'), text->size()));
  auto table = RateSchedule::parse(*text);
  if (!table) return Error{table.error().code, fmt::format("{}: {}", path, table.error().what)};
  return RequestedRate{std::move(*text), std::move(*table)};
}

}  // namespace

Result<std::optional<RequestedRate>> requested_rate(io::Files& files, const plan::RunPaths& paths) {
  const auto there = files.stat(paths.rate());
  if (!there) return there.error();
  if (!*there) return std::optional<RequestedRate>();
  auto requested = read_said(files, paths.rate());
  if (!requested) return requested.error();
  return std::optional(std::move(*requested));
}

Result<void> request_rate(io::Files& files, const plan::RunPaths& paths, std::string_view words) {
  if (const auto table = RateSchedule::parse(words); !table) return table.error();
  if (words.size() >= words_bytes_max) {
    return Error{Errc::usage, fmt::format("is longer than {} bytes: shorten it", words_bytes_max)};
  }
  return files.replace(paths.rate(), fmt::format("{}\n", words));
}

RateControl::RateControl(const SendOptions& options, std::size_t links_max, io::Files& files,
                         const plan::RunPaths& paths, plan::Progress& progress,
                         const util::Clock& clock)
    : options_(options),
      links_max_(static_cast<double>(links_max)),
      files_(files),
      path_(paths.rate()),
      progress_(progress),
      clock_(clock) {
  if (!options.rate_is_given) return;
  const auto there = files_.stat(path_);
  if (!there || !*there) return;
  seen_ = *there;  // its content is ignored, even if it cannot be removed
  if (const auto removed = files_.remove(path_); removed) {
    seen_.reset();
  } else {
    progress_.note(plan::Weight::warning, removed.error().what);
  }
}

Allowance RateControl::look() {
  look_at_file();
  const RateSchedule& table = said_ ? *said_ : options_.rate;
  if (!options_.week_clock && table.next_change({})) report_zone();
  const Allowance now = of(
      table.at(options_.week_clock ? options_.week_clock() : local_week_time(clock_.unix_now_s())));
  if (last_ && !(now == *last_)) {
    progress_.note(plan::Weight::info, fmt::format("rate: {} from now on", text_of(now)));
  }
  last_ = now;
  return now;
}

void RateControl::report_zone() {
  if (std::exchange(zone_is_said_, true)) return;
  const auto zone = local_zone();
  if (!zone.problem.empty()) progress_.note(plan::Weight::warning, zone.problem);
  progress_.note(plan::Weight::info,
                 fmt::format("rate: by {}", local_time_text(clock_.unix_now_s(), zone)));
}

void RateControl::look_at_file() {
  const auto there = files_.stat(path_);
  if (!there || is_same(*there, seen_)) return;
  seen_ = *there;
  if (!seen_) {  // removed: the rate of the options applies again
    said_.reset();
    return;
  }
  auto requested = read_said(files_, path_);
  if (requested) {
    said_ = std::move(requested->table);
  } else {
    progress_.note(plan::Weight::warning, fmt::format("{}: the rate stays as it is",
                                                      util::printable(requested.error().what)));
  }
}

Allowance RateControl::of(const Pacing& pacing) const {
  const double links_per_s = pacing.rate.requests ? 0 : pacing.rate.per_s;
  return {.links_per_s = links_per_s,
          .requests_per_s = pacing.rate.requests ? pacing.rate.per_s : 0,
          .bytes_per_s = options_.rate_bytes,
          .burst = options_.burst.value_or(std::max(links_max_, links_per_s / 10)),
          .paused = pacing.paused};
}

}  // namespace idmerge::send
