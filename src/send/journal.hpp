// SPDX-License-Identifier: MIT
//
// The record of the links sent and of their outcomes since the last checkpoint, so that a kill
// loses nothing. Entries are buffered and written with one write() per turn of the event loop, and
// always before the requests they announce are sent. The journal is never synced, because only a
// checkpoint guarantees anything after a power loss.
//
// A snapshot is taken by the io thread and made durable by the sync thread while the io thread
// continues, so the journal has generations: the snapshot names the journal that follows it,
// `journal.<n>`. Until the snapshot is durable, the older checkpoint together with journals n-1 and
// n yields the same state.
//
// ## Bytes
//
// Little-endian. A head of 64 bytes, then entries of 48 bytes:
//
//   head    0  "idmjrnl\n"   8  u32 version, 2   12  u32 zero   16  plan digest, 16
//          32  u64 generation   40  u64 checksum at the end of the previous generation
//          48  u64 zero         56  u64 XXH3-64 of the 56 bytes before
//   entry   0  u64 first ordinal   8  u32 links   12  u8 kind (see EntryKind)
//          13  u8 ambiguous       14  u16 attempts   16  u64 watermark before this entry
//          24  u64 end offset of its dead letter   32  u64 checksum of the dead letters up to there
//          40  u64 XXH3-64 of the 40 bytes before, seeded with the checksum before this one
//
// Dead letters are in refused.ndjson, those of ambiguous entries in ambiguous.ndjson. Version 1,
// which is still read, has neither the kinds attempted and withdrawn nor the second file: there an
// ambiguous entry is treated like any other.
//
// The checksums form a chain through all generations: an entry is valid only if all entries before
// it are. The first invalid entry ends the journal; links whose outcome was recorded in it or later
// are sent again (law 2, README.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"
#include "util/digest.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// The event that an entry records. The numbers are those in the file.
enum class EntryKind : std::uint8_t {
  delivered = 0,
  refused = 5,     // one link
  parked = 6,      // one link
  attempted = 16,  // their request is about to be sent
  withdrawn = 17,  // it was not sent, or the service answered that it took nothing
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

/// Appends to one generation. Thread safety: used by the io thread only.
class Journal {
 public:
  /// Create `path` as the generation that follows a journal with the final checksum `chain`.
  static Result<Journal> create(io::Files& files, const std::string& path, const util::Digest& plan,
                                std::uint64_t generation, std::uint64_t chain);

  void add(const JournalEntry& entry);

  /// Write the buffered entries with one write(). Errors: Errc::outage; the journal must not be
  /// used afterwards.
  Result<void> flush();

  std::uint64_t generation() const { return generation_; }

  /// Returns: the checksum from which the next generation starts.
  std::uint64_t chain() const { return chain_; }

 private:
  Journal(io::File file, std::uint64_t generation, std::uint64_t chain);

  io::File file_;
  std::uint64_t generation_;
  std::uint64_t chain_;
  std::string buffer_;
};

/// A generation that was read.
struct JournalText {
  std::uint32_t version = 0;
  std::uint64_t generation = 0;
  std::uint64_t chain_before = 0;  // from its head
  std::uint64_t chain = 0;         // after the last valid entry
  std::vector<JournalEntry> entries;
  std::uint64_t lost_bytes = 0;  // after the last valid entry
};

/// Parse the bytes of a journal; `name` is used in messages.
///
/// Errors: Errc::input if the head is intact but of an unknown version or another plan. A head that
/// is truncated or has a wrong checksum was torn by a crash; this is not an error: there are no
/// entries and all bytes count as lost.
Result<JournalText> parse_journal(std::string_view bytes, std::string_view name,
                                  const util::Digest& plan);

}  // namespace idmerge::send
