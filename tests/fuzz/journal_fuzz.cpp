// SPDX-License-Identifier: MIT
//
// Bytes as a journal behind a checkpoint, as they are and with checksums that fit. Reading a run
// ends in a state that is sound, or in an error; never in a broken rule of the ledger.
#include <algorithm>
#include <cstring>
#include <string>

#include "send/run_log.hpp"
#include "util/check.hpp"

#include "memory_file.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

const Digest plan = digest("plan");

void seal(std::string& bytes) {
  if (bytes.size() < 64) return;
  std::memcpy(bytes.data() + 16, plan.data(), plan.size());
  auto sum = checksum(std::string_view(bytes).substr(0, 56));
  std::memcpy(bytes.data() + 56, &sum, sizeof sum);
  std::memcpy(&sum, bytes.data() + 40, sizeof sum);
  for (std::size_t at = 64; at + 48 <= bytes.size(); at += 48) {
    sum = checksum(std::string_view(bytes).substr(at, 40), sum);
    std::memcpy(bytes.data() + at + 40, &sum, sizeof sum);
  }
}

void check(const std::string& bytes) {
  const auto text = parse_journal(bytes, "journal", plan);
  if (!text) {
    IDMERGE_CHECK(text.error().code == Errc::input);
    return;
  }
  Checkpoint checkpoint;
  checkpoint.journal_chain = text->chain_before;
  checkpoint.ledger.links = 3000;
  auto ledger = Ledger::restore(checkpoint.ledger);
  IDMERGE_CHECK(ledger.has_value());
  for (const auto& entry : text->entries) {
    if (!replay(*ledger, entry)) break;
    IDMERGE_CHECK(ledger->watermark() >= entry.watermark);
  }
  const auto again = Ledger::restore(ledger->state());
  IDMERGE_CHECK(again.has_value() && again->state() == ledger->state());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  seal(bytes);
  check(bytes);
  return 0;
}
