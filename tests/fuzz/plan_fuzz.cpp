// SPDX-License-Identifier: MIT
//
// Bytes as a plan. Taken as a block: what unpacks packs again and unpacks to the same links. Taken
// as a file: as they are, and with all digests made to fit, so that the fuzzer gets past them; a
// plan that opens has readable facts, and each of its blocks is read or refused.
#include <cstring>
#include <string>

#include "plan/plan_file.hpp"
#include "util/check.hpp"

#include "memory_file.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::util;

namespace {

constexpr std::size_t footer_bytes = 248;

void check_block(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto count = static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[0]));
  bytes.remove_prefix(1);
  std::vector<Link> links;
  if (!unpack_links(bytes, count, links)) return;
  BlockPacker packer;
  for (const auto& link : links)
    packer.add(link);
  IDMERGE_CHECK(packer.bytes() == bytes);  // one spelling only
}

void check_file(const std::string& bytes) {
  MemoryFile files(bytes);
  const auto plan = PlanReader::open(files, "/plan");
  if (!plan) {
    IDMERGE_CHECK(plan.error().code == Errc::input);
    return;
  }
  PlanBlock block;
  std::uint64_t links = 0;
  for (std::size_t i = 0; i < plan->blocks(); ++i) {
    IDMERGE_CHECK(plan->find_block(plan->entry(i).first) == i);
    const bool has_columns = plan->read_columns(i, block).has_value();
    const auto read = plan->read_block(i, block);
    if (!read) {
      IDMERGE_CHECK(read.error().code == Errc::input);
      return;
    }
    IDMERGE_CHECK(has_columns);
    IDMERGE_CHECK(block.first == links && block.links.size() == block.verdicts.size());
    links += block.links.size();
  }
  IDMERGE_CHECK(links == plan->links());
}

/// A part, as footer and index list it, at `at`; made to fit if it lies within the bytes.
void seal_part(std::string& bytes, std::size_t at) {
  std::uint64_t place[2];
  std::memcpy(place, bytes.data() + at, sizeof place);
  if (place[0] > bytes.size() || place[1] > bytes.size() - place[0]) return;
  const auto sum = digest(std::string_view(bytes).substr(place[0], place[1]));
  std::memcpy(bytes.data() + at + sizeof place, sum.data(), sum.size());
}

/// Make all digests fit, from the inside out.
void seal(std::string& bytes) {
  if (bytes.size() < footer_bytes) return;
  const auto footer = bytes.size() - footer_bytes;
  std::uint64_t index[2];
  std::memcpy(index, bytes.data() + footer + 5 * 32, sizeof index);
  std::string said = bytes.substr(footer + 208, 4) + bytes.substr(footer + 192, 8);
  if (index[0] <= footer && index[1] <= footer - index[0]) {
    for (auto at = index[0]; at + 80 <= index[0] + index[1]; at += 80) {
      seal_part(bytes, at + 16);
      seal_part(bytes, at + 48);
      said += bytes.substr(at + 32, 16) + bytes.substr(at + 64, 16);
    }
  }
  for (std::size_t i = 0; i < 6; ++i)
    seal_part(bytes, footer + i * 32);
  const auto of = [&](std::size_t section) { return bytes.substr(footer + section * 32 + 16, 16); };
  const auto id = digest(of(1) + said + of(2) + of(4));
  std::memcpy(bytes.data() + footer + 216, id.data(), id.size());
  const auto sum = checksum(std::string_view(bytes).substr(footer, 232));
  std::memcpy(bytes.data() + footer + 232, &sum, sizeof sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check_block(bytes);
  check_file(bytes);
  seal(bytes);
  check_file(bytes);
  return 0;
}
