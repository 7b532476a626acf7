// SPDX-License-Identifier: MIT
//
// Bytes as a compressed file: whatever the steps, the same comes out and the same error, at the
// same byte. Bytes as a text: packed in several members or frames, they come out again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "io/inflate.hpp"
#include "util/check.hpp"

#include "support/packed.hpp"

using namespace idmerge;
using namespace idmerge::io;

namespace {

constexpr std::size_t made_max = 1 << 17;  // a few bytes may stand for gigabytes

struct Inflated {
  std::string bytes;
  std::string error;
  bool operator==(const Inflated&) const = default;
};

Inflated inflate(Compression kind, std::string_view in, std::size_t in_step, std::size_t out_step) {
  Inflater inflater(kind);
  Inflated all;
  std::string room(out_step, '\0');
  while (all.bytes.size() < made_max) {
    const auto step = inflater.inflate(in.substr(0, in_step), room);
    if (!step) {
      all.error = step.error().what;
      return all;
    }
    IDMERGE_CHECK(step->taken <= in.size() && step->made <= room.size());
    all.bytes.append(room.data(), step->made);
    in.remove_prefix(step->taken);
    if (in.empty() && step->made < room.size()) {
      const auto whole = inflater.finish();
      if (!whole) all.error = whole.error().what;
      return all;
    }
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::size_t in_step = 1U + data[0];
  const std::size_t out_step = 1U + data[1] * 16U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (const auto kind : {Compression::gzip, Compression::zstd}) {
    const auto whole = inflate(kind, bytes, made_max, made_max);
    const auto steps = inflate(kind, bytes, in_step, out_step);
    // What comes out before an error depends on the steps; whether there is one does not.
    IDMERGE_CHECK(whole.error.empty() == steps.error.empty());
    if (whole.error.empty() && whole.bytes.size() < made_max) {
      IDMERGE_CHECK(whole.bytes == steps.bytes);
    }
    const auto pack = [&](std::string_view text) {
      return kind == Compression::gzip ? testing::gzip(text) : testing::zstd(text, size % 2 == 0);
    };
    const auto half = bytes.size() / 2;
    const auto packed = pack(bytes.substr(0, half)) + pack(bytes.substr(half));
    const auto again = inflate(kind, packed, in_step, out_step);
    IDMERGE_CHECK(again.error.empty() && again.bytes == bytes);
  }
  return 0;
}
