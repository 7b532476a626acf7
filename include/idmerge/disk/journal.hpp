// SPDX-License-Identifier: MIT
//
// What was sent and settled since the checkpoint, so that a kill forgets nothing. Entries are
// collected and written with one write() a turn of the event loop, and before requests leave; the
// journal is never synced, because only a checkpoint promises anything about power loss.
//
// A snapshot is taken by the io thread and made durable by the disk thread while the io thread goes
// on, so there are generations: the snapshot names the journal that follows it, `journal.<n>`, and
// until it is durable the older checkpoint with journals n-1 and n says the same.
//
// ## Bytes
//
// Little-endian. A head of 64 bytes, then entries of 48:
//
//   head    0  "idmjrnl\n"   8  u32 version, 2   12  u32 zero   16  plan digest, 16
//          32  u64 generation   40  u64 checksum at the end of the previous generation
//          48  u64 zero         56  u64 XXH3-64 of the head before
//   entry   0  u64 first ordinal   8  u32 links   12  u8 kind (see EntryKind)
//          13  u8 ambiguous       14  u16 attempts   16  u64 watermark before it
//          24  u64 end of its letter   32  u64 checksum of the letters up to there
//          40  u64 XXH3-64 of the 40 bytes before, seeded with the checksum before this one
//
// The letter is that in refused.ndjson, of an ambiguous entry that in ambiguous.ndjson. Version 1,
// which is still read, knows neither attempts nor the second file: there an ambiguous entry is as
// any other.
//
// The checksums form a chain through all generations: an entry counts only if all before it do. The
// first entry that does not fit ends the journal; what it and later ones said is sent again (law
// 2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/digest.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// What happened to links. The numbers are those in the file.
enum class EntryKind : std::uint8_t {
  delivered = 0,
  refused = 5,     // one link
  parked = 6,      // one link
  attempted = 16,  // their request is about to leave
  withdrawn = 17,  // it did not, or the answer was that nothing was taken: not attempted after all
};

struct JournalEntry {
  std::uint64_t first = 0;
  std::uint32_t count = 1;
  EntryKind kind = EntryKind::delivered;
  bool ambiguous = false;
  std::uint16_t attempts = 1;
  std::uint64_t watermark = 0;
  std::uint64_t letters_bytes = 0;
  std::uint64_t letters_chain = 0;
  bool operator==(const JournalEntry&) const = default;
};

/// Appends to one generation. Belongs to the io thread.
class Journal {
 public:
  /// Make `path` as the generation that follows a journal whose checksum ended in `chain`.
  static Result<Journal> create(Files& files, const std::string& path, const Digest& plan,
                                std::uint64_t generation, std::uint64_t chain);

  void add(const JournalEntry& entry);

  /// Write what was added since, with one write(). Errors: Errc::outage; the journal is then of no
  /// further use.
  Result<void> flush();

  std::uint64_t generation() const { return generation_; }

  /// The checksum that the next generation starts from.
  std::uint64_t chain() const { return chain_; }

 private:
  Journal(File file, std::uint64_t generation, std::uint64_t chain);

  File file_;
  std::uint64_t generation_;
  std::uint64_t chain_;
  std::string buffer_;
};

/// A generation as read.
struct JournalText {
  std::uint32_t version = 0;
  std::uint64_t generation = 0;
  std::uint64_t chain_before = 0;  // as its head says
  std::uint64_t chain = 0;         // after the last entry that fits
  std::vector<JournalEntry> entries;
  std::uint64_t lost_bytes = 0;  // behind it
};

/// Read the bytes of a journal; `name` stands in messages.
///
/// Errors: Errc::input if the head is whole but of an unknown version or another plan. A head that
/// is cut or does not fit its checksum is a torn one: no entries, all bytes lost.
Result<JournalText> parse_journal(std::string_view bytes, std::string_view name,
                                  const Digest& plan);

}  // namespace idmerge
