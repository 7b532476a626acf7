// SPDX-License-Identifier: MIT
//
// Bytes as a checkpoint, as they are and with a checksum that fits. What is accepted would be
// written again as exactly these bytes.
#include <string>

#include <fmt/format.h>

#include "send/checkpoint.hpp"
#include "util/check.hpp"

using namespace idmerge;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

void check(const std::string& text) {
  const auto checkpoint = parse_checkpoint(text, "checkpoint");
  if (checkpoint) {
    IDMERGE_CHECK(checkpoint_text(*checkpoint) == text);
  } else {
    IDMERGE_CHECK(checkpoint.error().code == Errc::input);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  check(text);
  const auto at = text.rfind("checksum = ");
  if (at != std::string::npos) text.resize(at);
  check(text + fmt::format("checksum = {:016x}\n", checksum(text)));
  return 0;
}
