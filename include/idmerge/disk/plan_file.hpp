// SPDX-License-Identifier: MIT
//
// The plan: every distinct pair of a job in order of first appearance, each with its verdict. It is
// written once, strictly by appending, and never changed; a run seeks in it. All that is known only
// at the end (verdicts, digests of inputs, the census) therefore stands behind the links, and the
// footer says where.
//
// The plan id is the start of a digest over what the plan *says*: options, links, verdicts,
// contents of the inputs, census. It does not cover the secret, times, memory and the places of the
// inputs, nor any offset in the file, so the same input planned twice has the same id.
//
// ## Bytes
//
// Little-endian. Sections follow each other without a gap; S(n) is a text or bytes of n, with the
// length as u32 before it.
//
//   preamble   0  magic "idmplan\n"
//              8  u32 version, 2      12  u32 zero
//             16  secret, 16 bytes    32  i64 created, seconds since 1970    40  u64 memory, bytes
//   header        `key = value` lines: the options that the plan was made with
//   links         blocks of packed links (disk/plan_block.hpp), each about 1 MiB
//   columns       for each block of n links: verdict u8[n], component u32[n], and order i64[n] if
//                 the plan has orders (footer, flag bit 0)
//   inputs        u32 count; each: u64 size, digest 16, u64 rows, u64 blank lines, S format
//   places        for each input: S path                                   (not in the plan id)
//   census        text, as the planner wrote it
//   index         a block: u64 first ordinal, u32 links, u32 zero,
//                          u64 offset, u64 size, digest 16      of its links
//                          u64 offset, u64 size, digest 16      of its columns
//   footer     0  six times u64 offset, u64 size, digest 16: preamble, header, inputs, places,
//                 census, index
//            192  u64 links   200  u64 blocks   208  u32 flags   212  u32 version
//            216  plan digest, 16     232  u64 XXH3-64 of the footer before    240  "idmplan\n"
//
// Digests are XXH3-128 in canonical order. The plan digest is that of: header digest, u32 flags,
// u64 links, then each block's two digests, inputs digest, census digest.
//
// Example: a plan with no options ("op = create\n"), no orders, no census and the two links of
// disk/plan_block.hpp, from one input:
//
//   000  69 64 6d 70 6c 61 6e 0a 02 00 00 00 00 00 00 00   preamble, 48 bytes
//   030  6f 70 20 3d 20 63 72 65 61 74 65 0a               header "op = create\n"
//   03c  04 04 2a 02 02 61 31 75 31 04 02 0c 02 02 61 32 75 32   links
//   04e  00 00  00 00 00 00 01 00 00 00                    verdicts send, send; components 0, 1
//   ...  inputs, places, census, index, footer
//
// Each byte of the file is covered by a digest in the footer or index, the footer by its own, so
// a plan that is cut, extended or flipped by a bit is refused.
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

#include "idmerge/base/result.hpp"
#include "idmerge/core/key_values.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/disk/digest.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/plan_block.hpp"
#include "idmerge/disk/write_behind.hpp"

namespace idmerge {

/// What a plan knows about itself and its identity does not.
struct PlanPreamble {
  std::array<std::uint8_t, 16> secret{};
  std::int64_t created_s = 0;  // seconds since 1970
  std::uint64_t memory_bytes = 0;
};

/// An input that was read.
struct PlanInput {
  std::uint64_t size_bytes = 0;  // as stored, before inflating
  Digest content{};
  std::uint64_t rows = 0;
  std::uint64_t blank_lines = 0;
  std::string format;  // "csv", "csv.gz"
  std::string path;    // not in the plan id
  bool operator==(const PlanInput&) const = default;
};

/// All of a plan but its links.
struct PlanFacts {
  PlanPreamble preamble;
  KeyValues options;
  std::vector<PlanInput> inputs;
  std::string census;
  std::uint64_t links = 0;
  bool has_orders = false;
  Digest digest{};

  /// The plan id: the first 12 hexadecimal digits of the digest.
  std::string id() const { return hex(digest).substr(0, 12); }
};

/// Where a block stands. Shape: as in the index.
struct PlanBlockEntry {
  struct Part {
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
    Digest digest{};
  };
  std::uint64_t first = 0;
  std::uint32_t links_count = 0;
  Part links;
  Part columns;
};

/// Writes a plan: add() every link, columns() once for all, write_rest(), publish().
///
/// Bounds: three blocks in memory, two of which a thread of its own is writing, and the index: 80
/// bytes a block. Nothing stands at `path` before publish() has succeeded; the destructor removes
/// what is unfinished.
class PlanWriter {
 public:
  static Result<PlanWriter> create(Files& files, const std::string& path,
                                   const PlanPreamble& preamble, const KeyValues& options,
                                   bool has_orders);

  /// Append a link; its ordinal is the number of links before it. `Link::order` is not looked at:
  /// orders are a column.
  ///
  /// Errors: kept; ask healthy() now and then, write_rest() tells.
  void add(const Link& link);

  /// Can write_rest() still succeed?
  bool healthy() const { return target_->behind.healthy(); }

  /// Why not.
  Error error() const { return target_->behind.drain().error(); }

  std::uint64_t links() const { return links_; }

  /// Units: bytes of the file so far.
  std::uint64_t bytes() const { return offset_; }

  /// Does anybody want one of so many links, of which the first has this ordinal?
  using Wanted = std::function<bool(std::uint64_t first, std::uint32_t count)>;

  /// Read a block to the end of its links, of which the first has this ordinal.
  using Visit = std::function<void(std::uint64_t first, LinkCursor& links)>;

  /// Visit the blocks of links that were added so far, in order, those that are `wanted` (null:
  /// all). After end_links() on any thread, also beside columns(). Errors: Errc::outage if the disk
  /// fails.
  Result<void> each_block(Files& files, const Visit& visit, const Wanted& wanted = {}) const;

  /// No more links will be added: said by columns() if by nobody before.
  void end_links();

  /// Append to the columns, in order of the links, in pieces of any size.
  ///
  /// Shape: all spans as long as each other; `orders` empty if the plan has none. Errors: kept.
  /// Bug if links are added afterwards.
  void columns(std::span<const Verdict> verdicts, std::span<const std::uint32_t> components,
               std::span<const std::int64_t> orders = {});

  /// Write the rest: the plan is whole then and can be read, but stands at part_path().
  ///
  /// Errors: the first thing that went wrong. Bug if the columns are not as long as the links.
  Result<PlanFacts> write_rest(std::vector<PlanInput> inputs, std::string census);
  const std::string& part_path() const { return target_->file.path(); }

  /// Give the plan its name. A power loss may still take or tear it, which costs planning once
  /// more, so nobody waits for the disk here: see PlanReader::make_durable().
  Result<void> publish() { return target_->file.publish(); }

 private:
  PlanWriter(PartFile file, PlanFacts facts);

  void append(std::string_view bytes);
  void append_section(std::string_view bytes);
  void close_block();
  void close_columns();

  struct Target {
    explicit Target(PartFile part) : file(std::move(part)), behind(file) {}
    PartFile file;
    WriteBehind behind;
  };

  std::unique_ptr<Target> target_;
  std::vector<char> buffer_;  // on its way to the file
  PlanFacts facts_;
  BlockPacker packer_;
  std::vector<PlanBlockEntry> index_;
  std::vector<PlanBlockEntry::Part> sections_;
  std::string verdicts_, components_, orders_;  // of the column block under way
  std::size_t column_block_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t links_ = 0;
  bool links_done_ = false;
};

/// Links as read from a plan, with what was said of them. Reused from block to block.
///
/// Shape: all spans have one entry a link; `links[i]` has the ordinal `first + i`, and its order is
/// filled in. Everything ends with the next read into the same block.
struct PlanBlock {
  std::uint64_t first = 0;
  std::vector<Link> links;
  std::span<const Verdict> verdicts;
  std::vector<std::uint32_t> components;
  std::vector<char> bytes;
};

/// A plan that was found whole. Several threads may read, each into a block of its own.
class PlanReader {
 public:
  /// Open a plan and check everything but the blocks, which are checked when they are read.
  ///
  /// Bounds: time and memory grow with the number of blocks only. Errors: Errc::input for a plan
  /// that is absent, cut, extended, changed or of another version.
  static Result<PlanReader> open(Files& files, const std::string& path);

  /// Make the plan durable: before the first link of it is sent.
  Result<void> make_durable(Files& files);

  /// Read and check all blocks, so that none is found to be damaged when others were sent.
  ///
  /// Errors: Errc::input, naming plan and block.
  Result<void> check_blocks() const;

  const PlanFacts& facts() const { return facts_; }
  std::uint64_t links() const { return facts_.links; }
  std::size_t blocks() const { return index_.size(); }
  const PlanBlockEntry& entry(std::size_t block) const { return index_[block]; }

  /// The block in which a link stands. Bug if there is no such link.
  std::size_t find_block(std::uint64_t ordinal) const;

  /// Read and check one block.
  ///
  /// Errors: Errc::input, naming plan and block, if it was changed.
  Result<void> read_block(std::size_t block, PlanBlock& into) const;

  /// Read and check one block, but leave its links packed (see LinkCursor); `links` stays empty.
  ///
  /// Shape: of entry(block).links_count links, valid until the next read into the same block.
  /// Errors: as read_block().
  Result<std::string_view> read_packed(std::size_t block, PlanBlock& into) const;

  /// Read a block's verdicts and components only; links stay empty.
  Result<void> read_columns(std::size_t block, PlanBlock& into) const;

 private:
  explicit PlanReader(File file) : file_(std::move(file)) {}
  Result<void> read_part(std::size_t block, const PlanBlockEntry::Part& part,
                         std::vector<char>& bytes, std::size_t at) const;
  Result<void> use_columns(std::size_t block, std::size_t at, PlanBlock& into) const;
  void use_orders(std::size_t block, PlanBlock& into) const;

  File file_;
  PlanFacts facts_;
  std::vector<PlanBlockEntry> index_;
};

}  // namespace idmerge
