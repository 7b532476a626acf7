// SPDX-License-Identifier: MIT
//
// The plan file: every distinct pair of a job in order of first appearance, each with its verdict.
// It is written once, strictly by appending, and never changed; a run seeks in it. Everything that
// is known only at the end (verdicts, digests of inputs, the summary) is therefore stored after the
// links, and the footer has the offsets.
//
// The plan id is the start of a digest of the meaning of the plan: options, links, verdicts,
// contents of the inputs, summary. It does not cover the secret, times, memory and paths of the
// inputs, nor any offset in the file, so planning the same input twice yields the same id.
//
// ## Bytes
//
// Little-endian. Sections follow each other without a gap. "S name" is a string with its length
// before it as u32.
//
//   preamble   0  magic "idmplan\n"
//              8  u32 version, 2      12  u32 zero
//             16  secret, 16 bytes    32  i64 created, seconds since 1970    40  u64 memory, bytes
//   header        `key = value` lines: the options of the plan
//   links         blocks of packed links (plan/plan_block.hpp), each about 1 MiB
//   columns       for each block of n links: verdict u8[n], component u32[n], and order i64[n] if
//                 the plan has orders (footer, flag bit 0)
//   inputs        u32 count; each: u64 size, digest 16, u64 rows, u64 blank lines, S format
//   places        for each input: S path                                   (not in the plan id)
//   summary       text, in the planner's own format
//   index         per block: u64 first ordinal, u32 links, u32 zero,
//                          u64 offset, u64 size, digest 16      of its links
//                          u64 offset, u64 size, digest 16      of its columns
//   footer     0  six times u64 offset, u64 size, digest 16: preamble, header, inputs, places,
//                 summary, index
//            192  u64 links   200  u64 blocks   208  u32 flags   212  u32 version
//            216  plan digest, 16   232  u64 XXH3-64 of the 232 bytes before   240  "idmplan\n"
//
// Digests are XXH3-128 in canonical order. The plan digest is computed over: header digest, u32
// flags, u64 links, the two digests of each block, inputs digest, summary digest.
//
// Example: a plan with no options ("op = create\n"), no orders, no summary and the two links of
// plan/plan_block.hpp, from one input:
//
//   000  69 64 6d 70 6c 61 6e 0a 02 00 00 00 00 00 00 00   preamble, 48 bytes
//   030  6f 70 20 3d 20 63 72 65 61 74 65 0a               header "op = create\n"
//   03c  04 04 2a 02 02 61 31 75 31 04 02 0c 02 02 61 32 75 32   links
//   04e  00 00  00 00 00 00 01 00 00 00                    verdicts send, send; components 0, 1
//   ...  inputs, places, summary, index, footer
//
// Each byte of the file is covered by a digest in the footer or index, and the footer by its own
// checksum, so truncation, extension and flipped bits are detected.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "input/row.hpp"
#include "io/files.hpp"
#include "io/write_behind.hpp"
#include "plan/plan_block.hpp"
#include "plan/verdict.hpp"
#include "util/digest.hpp"
#include "util/key_values.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// Facts about a plan that the plan id does not cover.
struct PlanPreamble {
  std::array<std::uint8_t, 16> secret{};
  std::int64_t created_s = 0;  // seconds since 1970
  std::uint64_t memory_bytes = 0;
};

/// An input that was read.
struct PlanInput {
  std::uint64_t size_bytes = 0;  // as stored, before inflating
  util::Digest content{};
  std::uint64_t rows = 0;
  std::uint64_t blank_lines = 0;
  std::string format;  // "csv", "csv.gz"
  std::string path;    // not in the plan id
  bool operator==(const PlanInput&) const = default;
};

/// Everything in a plan except its links.
struct PlanFacts {
  PlanPreamble preamble;
  util::KeyValues options;
  std::vector<PlanInput> inputs;
  std::string plan_summary;
  std::uint64_t links = 0;
  bool has_orders = false;
  util::Digest digest{};

  /// The plan id: the first 12 hexadecimal digits of the digest.
  std::string id() const { return util::hex(digest).substr(0, 12); }
};

/// The location of a block, as in the index.
struct PlanBlockEntry {
  struct Part {
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
    util::Digest digest{};
  };
  std::uint64_t first = 0;
  std::uint32_t links_count = 0;
  Part links;
  Part columns;
};

/// Writes a plan: call add() for every link, columns() until all links have them, write_rest(),
/// publish(). There is no file at `path` before publish() has succeeded; the destructor removes an
/// unfinished one.
///
/// Bounds: three blocks in memory, two of which are being written by another thread, and the index
/// with 80 bytes per block.
class PlanWriter {
 public:
  static Result<PlanWriter> create(io::Files& files, const std::string& path,
                                   const PlanPreamble& preamble, const util::KeyValues& options,
                                   bool has_orders);

  /// Append a link; its ordinal is the number of links before it. `Link::order` is ignored: orders
  /// are a column.
  ///
  /// Requires: neither end_links() nor columns() has been called.
  /// Errors: stored; healthy() tells whether there was one, write_rest() returns it.
  void add(const input::Link& link);

  /// Returns whether no write has failed so far.
  bool healthy() const { return target_->behind.healthy(); }

  /// Returns: the stored error. Requires: healthy() is false.
  Error error() const { return target_->behind.drain().error(); }

  std::uint64_t links() const { return links_; }

  /// Units: bytes appended to the file so far.
  std::uint64_t bytes() const { return offset_; }

  /// Returns whether the block of `count` links from ordinal `first` on is to be visited.
  using Wanted = std::function<bool(std::uint64_t first, std::uint32_t count)>;

  /// Must read all links of a block; the first one has the ordinal `first`.
  using Visit = std::function<void(std::uint64_t first, LinkCursor& links)>;

  /// Visit the blocks of the links added so far, in order, but only those that are `wanted` (null:
  /// all).
  ///
  /// Thread safety: after end_links() on any thread, also concurrently with columns().
  /// Errors: Errc::outage if the disk fails or returns other bytes than were written.
  Result<void> each_block(io::Files& files, const Visit& visit, const Wanted& wanted = {}) const;

  /// Declare that no more links will be added. columns() calls this if the caller has not.
  void end_links();

  /// Append to the columns, in order of the links, in pieces of any size.
  ///
  /// Requires: all spans have the same length, but `orders` is empty if the plan has no orders.
  /// Errors: stored, as for add().
  void columns(std::span<const Verdict> verdicts, std::span<const std::uint32_t> components,
               std::span<const std::int64_t> orders = {});

  /// Write the remaining sections. Afterwards the plan is complete and readable at part_path().
  ///
  /// Requires: the columns are as long as the links. Errors: the first error of the writer.
  Result<PlanFacts> write_rest(std::vector<PlanInput> inputs, std::string plan_summary);
  const std::string& part_path() const { return target_->file.path(); }

  /// Rename the plan to its path without syncing it. A power loss may still lose or damage it; then
  /// the inputs must be planned again. See PlanReader::make_durable().
  Result<void> publish() { return target_->file.publish(); }

 private:
  PlanWriter(io::PartFile file, PlanFacts facts);

  void append(std::string_view bytes);
  void append_section(std::string_view bytes);
  void close_block();
  void close_columns();

  struct Target {
    explicit Target(io::PartFile part) : file(std::move(part)), behind(file) {}
    io::PartFile file;
    io::WriteBehind behind;
  };

  std::unique_ptr<Target> target_;
  std::vector<char> buffer_;  // exchanged with the write-behind thread
  PlanFacts facts_;
  BlockPacker packer_;
  std::vector<PlanBlockEntry> index_;
  std::vector<PlanBlockEntry::Part> sections_;
  std::string verdicts_, components_, orders_;  // of the current column block
  std::size_t column_block_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t links_ = 0;
  bool links_done_ = false;
};

/// The links of one block with their columns; reused from block to block. All members have one
/// entry per link, except `bytes`; `links[i]` has the ordinal `first + i`, and its order is set.
///
/// Lifetime: all views are valid until the next read into the same block.
struct PlanBlock {
  std::uint64_t first = 0;
  std::vector<input::Link> links;
  std::span<const Verdict> verdicts;
  std::vector<std::uint32_t> components;
  std::vector<char> bytes;
};

/// An open plan whose sections have been verified.
///
/// Thread safety: several threads may read, each into its own PlanBlock.
class PlanReader {
 public:
  /// Open a plan and verify everything except the blocks, which are verified when they are read.
  ///
  /// Bounds: time and memory are proportional to the number of blocks. Errors: Errc::input for a
  /// plan that is absent, truncated, extended, changed or of another version.
  static Result<PlanReader> open(io::Files& files, const std::string& path);

  /// Sync the plan and its name; call this before the first link is sent.
  Result<void> make_durable(io::Files& files);

  /// Read and verify all blocks, so that damage is found before the first link is sent.
  ///
  /// Errors: Errc::input, naming plan and block.
  Result<void> check_blocks() const;

  const PlanFacts& facts() const { return facts_; }
  std::uint64_t links() const { return facts_.links; }
  std::size_t blocks() const { return index_.size(); }
  const PlanBlockEntry& entry(std::size_t block) const { return index_[block]; }

  /// Returns: the index of the block that contains a link. Requires: `ordinal` is less than
  /// links().
  std::size_t find_block(std::uint64_t ordinal) const;

  /// Read and verify one block.
  ///
  /// Errors: Errc::input, naming plan and block, if it was changed.
  Result<void> read_block(std::size_t block, PlanBlock& into) const;

  /// Read and verify one block without unpacking its links (see LinkCursor); `links` stays empty.
  ///
  /// Returns: entry(block).links_count packed links. Lifetime: until the next read into the same
  /// PlanBlock. Errors: as read_block().
  Result<std::string_view> read_packed(std::size_t block, PlanBlock& into) const;

  /// Read only the verdicts and components of a block; `links` stays empty. Errors: as
  /// read_block().
  Result<void> read_columns(std::size_t block, PlanBlock& into) const;

 private:
  explicit PlanReader(io::File file) : file_(std::move(file)) {}
  Result<void> read_part(std::size_t block, const PlanBlockEntry::Part& part,
                         std::vector<char>& bytes, std::size_t at) const;
  Result<void> use_columns(std::size_t block, std::size_t at, PlanBlock& into) const;
  void use_orders(std::size_t block, PlanBlock& into) const;

  io::File file_;
  PlanFacts facts_;
  std::vector<PlanBlockEntry> index_;
};

}  // namespace idmerge::plan
