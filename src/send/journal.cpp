// SPDX-License-Identifier: MIT
#include "send/journal.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "util/fault_point.hpp"

namespace idmerge::send {
namespace {

constexpr std::string_view magic = "idmjrnl\n";
constexpr std::uint32_t version = 2;
constexpr std::uint32_t oldest_version = 1;

/// The bytes of a head, as described in the header. It has no padding: all members are naturally
/// aligned.
struct Head {
  char magic[8];
  std::uint32_t version;
  std::uint32_t zero;
  util::Digest plan;
  std::uint64_t generation;
  std::uint64_t chain;
  std::uint64_t zero_too;
  std::uint64_t checksum;
};
static_assert(sizeof(Head) == 64 && std::is_trivially_copyable_v<Head>);

struct Entry {
  std::uint64_t first;
  std::uint32_t count;
  std::uint8_t kind;
  std::uint8_t ambiguous;
  std::uint16_t attempts;
  std::uint64_t watermark;
  std::uint64_t letters_bytes;
  std::uint64_t letters_chain;
  std::uint64_t checksum;
};
static_assert(sizeof(Entry) == 48 && std::is_trivially_copyable_v<Entry>);

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// Returns: the checksum of a head or an entry without its last eight bytes, the checksum field.
template <class T>
std::uint64_t checksum_of(const T& value, std::uint64_t seed) {
  return util::checksum(bytes_of(value).substr(0, sizeof value - sizeof value.checksum), seed);
}

bool is_kind(std::uint8_t byte, std::uint32_t journal_version) {
  switch (static_cast<EntryKind>(byte)) {
    case EntryKind::delivered:
    case EntryKind::refused:
    case EntryKind::parked:
      return true;
    case EntryKind::attempted:
    case EntryKind::withdrawn:
      return journal_version >= 2;
  }
  return false;
}

}  // namespace

Journal::Journal(io::File file, std::uint64_t generation, std::uint64_t chain)
    : file_(std::move(file)), generation_(generation), chain_(chain) {}

Result<Journal> Journal::create(io::Files& files, const std::string& path, const util::Digest& plan,
                                std::uint64_t generation, std::uint64_t chain) {
  auto file = files.create(path);
  if (!file) return file.error();
  Head head{};
  std::copy(magic.begin(), magic.end(), head.magic);
  head.version = version;
  head.plan = plan;
  head.generation = generation;
  head.chain = chain;
  head.checksum = checksum_of(head, 0);
  if (auto done = file->append(bytes_of(head)); !done) return done.error();
  util::fault_point("journal_create");
  return Journal(std::move(*file), generation, chain);
}

void Journal::add(const JournalEntry& entry) {
  Entry bytes{};
  bytes.first = entry.first;
  bytes.count = entry.count;
  bytes.kind = static_cast<std::uint8_t>(entry.kind);
  bytes.ambiguous = entry.ambiguous ? 1 : 0;
  bytes.attempts = entry.attempts;
  bytes.watermark = entry.watermark;
  bytes.letters_bytes = entry.letters_bytes;
  bytes.letters_chain = entry.letters_chain;
  bytes.checksum = chain_ = checksum_of(bytes, chain_);
  buffer_ += bytes_of(bytes);
}

Result<void> Journal::flush() {
  if (buffer_.empty()) return {};
  if (auto done = file_.append(buffer_); !done) return done.error();
  buffer_.clear();
  util::fault_point("journal_flush");
  return {};
}

Result<JournalText> parse_journal(std::string_view bytes, std::string_view name,
                                  const util::Digest& plan) {
  JournalText text;
  text.lost_bytes = bytes.size();
  Head head{};
  if (bytes.size() < sizeof head) return text;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (checksum_of(head, 0) != head.checksum ||
      std::string_view(head.magic, sizeof head.magic) != magic) {
    return text;
  }
  if (head.version < oldest_version || head.version > version) {
    return Error{Errc::input,
                 fmt::format("{}: is of version {}, and this idmerge reads versions {} to {}: "
                             "finish the job with the idmerge that wrote it; a new job would send "
                             "all links again",
                             name, head.version, oldest_version, version)};
  }
  if (head.plan != plan) {
    return Error{Errc::input, fmt::format("{}: belongs to plan {}: it is not of this job", name,
                                          util::hex(head.plan).substr(0, 12))};
  }
  text.version = head.version;
  text.generation = head.generation;
  text.chain_before = text.chain = head.chain;
  bytes.remove_prefix(sizeof head);
  Entry entry{};
  for (; bytes.size() >= sizeof entry; bytes.remove_prefix(sizeof entry)) {
    std::memcpy(&entry, bytes.data(), sizeof entry);
    if (checksum_of(entry, text.chain) != entry.checksum || !is_kind(entry.kind, head.version) ||
        entry.ambiguous > 1) {
      break;
    }
    text.chain = entry.checksum;
    text.entries.push_back({.first = entry.first,
                            .count = entry.count,
                            .kind = static_cast<EntryKind>(entry.kind),
                            .ambiguous = entry.ambiguous == 1,
                            .attempts = entry.attempts,
                            .watermark = entry.watermark,
                            .letters_bytes = entry.letters_bytes,
                            .letters_chain = entry.letters_chain});
  }
  text.lost_bytes = bytes.size();
  return text;
}

}  // namespace idmerge::send
