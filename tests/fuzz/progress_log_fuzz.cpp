// SPDX-License-Identifier: MIT
//
// Bytes as the timeline of a run, as they are and with checksums that fit. It is never an error:
// lines that are not ours say nothing, the others are read as they were written, and whatever they
// say, a link was answered within the run.
#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "send/progress_log.hpp"
#include "util/check.hpp"

using namespace idmerge;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

const Digest plan = digest("plan");

void check(std::string_view bytes) {
  const auto entries = parse_progress_log(bytes, plan);
  std::size_t from = 0;
  for (const auto& entry : entries) {
    const auto line = progress_log_line(entry, plan);
    const auto found = bytes.find(std::string_view(line).substr(0, line.size() - 1), from);
    IDMERGE_CHECK(found != std::string_view::npos);
    from = found + line.size() - 1;
  }
  const TimeSpan run{1'795'456'800, 1'795'456'900};
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (const std::uint64_t ordinal : {0U, 1U, 400U, 412U, 413U, 1U << 31U}) {
      const auto span = settled_within(entries, round, ordinal, run);
      IDMERGE_CHECK(run.from_s <= span.from_s && span.from_s <= span.to_s && span.to_s <= run.to_s);
    }
  }
}

/// The same lines, each with the checksum of its text up to its last blank.
std::string sealed(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), bytes.size());
    const auto line = bytes.substr(0, end);
    const auto text = line.substr(0, line.rfind(' ') + 1);
    std::uint64_t seed = 0;
    std::copy_n(plan.data(), sizeof seed, reinterpret_cast<std::uint8_t*>(&seed));
    out += fmt::format("{}{:016x}\n", text, checksum(text, seed));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(sealed(bytes));
  return 0;
}
