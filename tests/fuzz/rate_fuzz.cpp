// SPDX-License-Identifier: MIT
//
// Bytes as the file in which somebody says how fast a run is to go. Either its first line is a rate
// and holds, without a word, or the rate stays as it was typed and that is said, once. What may be
// said is read as what was said.
#include <cstdint>
#include <string>
#include <vector>

#include "send/rate_control.hpp"
#include "util/check.hpp"
#include "util/log.hpp"

#include "memory_file.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

const RunPaths paths{"/job"};
constexpr WeekTime now = std::chrono::hours(31);

struct Heard : Progress {
  void note(Weight, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

/// Do the words in the file hold?
bool is_followed(const std::string& bytes, std::string_view words) {
  SendOptions options;
  options.rate = Rate{7, false};
  options.week_clock = [] { return now; };
  MemoryFile files(bytes);
  Heard heard;
  RateControl rates(options, 1, files, paths, heard);
  const auto allowed = rates.look();
  IDMERGE_CHECK(rates.look() == allowed);
  const auto table = RateSchedule::parse(words);
  if (heard.lines.empty()) {
    IDMERGE_CHECK(table.has_value());
    const auto& pacing = table->at(now);
    IDMERGE_CHECK(allowed.paused == pacing.paused && allowed.burst >= 1);
    IDMERGE_CHECK((pacing.rate.requests ? allowed.requests_per_s : allowed.links_per_s) ==
                  pacing.rate.per_s);
    return true;
  }
  IDMERGE_CHECK(heard.lines.size() == 1 && printable(heard.lines[0]) == heard.lines[0]);
  IDMERGE_CHECK(heard.lines[0].ends_with(": the rate stays as it is"));
  IDMERGE_CHECK(allowed.links_per_s == 7 && !allowed.paused);
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  is_followed(bytes, std::string_view(bytes).substr(0, bytes.find('\n')));
  MemoryFile full("");  // where nothing can be written
  const auto requested = request_rate(full, paths, bytes);
  IDMERGE_CHECK(!requested);
  if (requested.error().code == Errc::outage) IDMERGE_CHECK(is_followed(bytes + "\n", bytes));
  return 0;
}
