// SPDX-License-Identifier: MIT
#include "plan/plan_file.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/fault_point.hpp"

namespace idmerge::plan {
namespace {

static_assert(std::endian::native == std::endian::little, "the plan is little-endian");

constexpr std::string_view magic = "idmplan\n";
constexpr std::uint32_t version = 2;
constexpr std::uint32_t orders_flag = 1;
constexpr std::size_t preamble_bytes = 48;
constexpr std::size_t entry_bytes = 80;
constexpr std::size_t footer_bytes = 248;
constexpr std::size_t footer_checked_bytes = 232;

/// The sections listed in the footer, in file order. The blocks lie between header and inputs and
/// are listed in the index.
enum Section : std::size_t { preamble, header, inputs, places, plan_summary, index, section_count };
constexpr std::array<std::string_view, section_count> section_names{
    "preamble", "options", "list of inputs", "paths of inputs", "summary", "index"};

using Part = PlanBlockEntry::Part;
using Sections = std::array<Part, section_count>;

/// Serializes fields.
class Out {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(const util::Digest& digest) {
    bytes_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  }
  void put(const Part& part) {
    put(part.offset);
    put(part.size_bytes);
    put(part.digest);
  }
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  void put_raw(std::string_view bytes) { bytes_ += bytes; }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Parses fields. When the bytes run out, ok() becomes false and all further fields are zero.
class In {
 public:
  explicit In(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T get() {
    T value{};
    const auto field = raw(sizeof value);
    if (ok_) std::memcpy(&value, field.data(), sizeof value);
    return value;
  }
  Part get_part() {
    Part part;
    part.offset = get<std::uint64_t>();
    part.size_bytes = get<std::uint64_t>();
    part.digest = get<util::Digest>();
    return part;
  }
  std::string_view get_text() { return raw(get<std::uint32_t>()); }

  std::string_view raw(std::size_t size) {
    if (size > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const auto field = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return field;
  }

  bool ok() const { return ok_; }
  bool ok_at_end() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

std::string inputs_bytes(const std::vector<PlanInput>& list) {
  Out out;
  out.put(static_cast<std::uint32_t>(list.size()));
  for (const auto& input : list) {
    out.put(input.size_bytes);
    out.put(input.content);
    out.put(input.rows);
    out.put(input.blank_lines);
    out.put_text(input.format);
  }
  return out.bytes();
}

std::string places_bytes(const std::vector<PlanInput>& list) {
  Out out;
  for (const auto& input : list)
    out.put_text(input.path);
  return out.bytes();
}

bool parse_inputs(std::string_view listed, std::string_view placed, std::vector<PlanInput>& list) {
  In in(listed);
  In place(placed);
  const auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok() && place.ok(); ++i) {
    PlanInput input;
    input.size_bytes = in.get<std::uint64_t>();
    input.content = in.get<util::Digest>();
    input.rows = in.get<std::uint64_t>();
    input.blank_lines = in.get<std::uint64_t>();
    input.format = in.get_text();
    input.path = place.get_text();
    list.push_back(std::move(input));
  }
  return in.ok_at_end() && place.ok_at_end();
}

/// The digest of the plan's contents, independent of offsets in the file.
util::Digest plan_digest(const Sections& sections, std::uint32_t flags, std::uint64_t links,
                         const std::vector<PlanBlockEntry>& blocks) {
  Out out;
  out.put(sections[header].digest);
  out.put(flags);
  out.put(links);
  for (const auto& block : blocks) {
    out.put(block.links.digest);
    out.put(block.columns.digest);
  }
  out.put(sections[inputs].digest);
  out.put(sections[plan_summary].digest);
  return util::digest(out.bytes());
}

template <class T>
std::string_view bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

constexpr std::uint64_t column_bytes(bool has_orders) {
  return 1 + sizeof(std::uint32_t) + (has_orders ? sizeof(std::int64_t) : 0);
}

}  // namespace

// Writer ----------------------------------------------------------------------------------------

PlanWriter::PlanWriter(io::PartFile file, PlanFacts facts)
    : target_(std::make_unique<Target>(std::move(file))), facts_(std::move(facts)) {}

Result<PlanWriter> PlanWriter::create(io::Files& files, const std::string& path,
                                      const PlanPreamble& about, const util::KeyValues& options,
                                      bool has_orders) {
  auto file = io::PartFile::begin(files, path);
  if (!file) return file.error();
  PlanFacts facts;
  facts.preamble = about;
  facts.options = options;
  facts.has_orders = has_orders;
  PlanWriter writer(std::move(*file), std::move(facts));

  Out out;
  out.put_raw(magic);
  out.put(version);
  out.put(std::uint32_t{0});
  out.put(about.secret);
  out.put(about.created_s);
  out.put(about.memory_bytes);
  writer.append_section(out.bytes());
  writer.append_section(options.text());
  if (auto written = writer.target_->behind.drain(); !written) return written.error();
  return writer;
}

void PlanWriter::append(std::string_view bytes) {
  buffer_.assign(bytes.begin(), bytes.end());
  offset_ += bytes.size();
  target_->behind.put(buffer_, bytes.size());
}

void PlanWriter::append_section(std::string_view bytes) {
  sections_.push_back({offset_, bytes.size(), util::digest(bytes)});
  append(bytes);
}

void PlanWriter::add(const input::Link& link) {
  IDMERGE_CHECK(!links_done_);
  packer_.add(link);
  ++links_;
  if (packer_.full()) [[unlikely]]
    close_block();
}

Result<void> PlanWriter::each_block(io::Files& files, const Visit& visit,
                                    const Wanted& wanted) const {
  if (auto drained = target_->behind.drain(); !drained) return drained;
  const auto& path = target_->file.path();
  const auto written = files.open(path);
  if (!written) return written.error();
  const auto visit_all = [&](std::uint64_t first, std::string_view packed) {
    LinkCursor links(packed);
    visit(first, links);
    return links.at_end();
  };
  std::string bytes;
  for (const auto& entry : index_) {
    if (wanted && !wanted(entry.first, entry.links_count)) continue;
    bytes.resize(entry.links.size_bytes);
    const auto read = written->read_at(entry.links.offset, bytes);
    if (!read) return read.error();
    if (*read != bytes.size() || util::digest(bytes) != entry.links.digest ||
        !visit_all(entry.first, bytes)) {
      return Error{Errc::outage,
                   path + ": reads back differently than written: check the disk and run again"};
    }
  }
  IDMERGE_CHECK(visit_all(links_ - packer_.count(), packer_.bytes()));
  return {};
}

void PlanWriter::close_block() {
  const auto bytes = packer_.bytes();
  PlanBlockEntry entry;
  entry.first = links_ - packer_.count();
  entry.links_count = packer_.count();
  entry.links = {offset_, bytes.size(), util::digest(bytes)};
  index_.push_back(entry);
  offset_ += bytes.size();
  packer_.swap(buffer_);
  target_->behind.put(buffer_, entry.links.size_bytes);
  util::fault_point("plan_block");
}

void PlanWriter::end_links() {
  if (!links_done_ && packer_.count() != 0) close_block();
  links_done_ = true;
}

void PlanWriter::columns(std::span<const Verdict> verdicts,
                         std::span<const std::uint32_t> components,
                         std::span<const std::int64_t> orders) {
  IDMERGE_CHECK(components.size() == verdicts.size());
  IDMERGE_CHECK(orders.size() == (facts_.has_orders ? verdicts.size() : 0));
  end_links();
  while (!verdicts.empty()) {
    IDMERGE_CHECK(column_block_ < index_.size());
    const auto count =
        std::min(index_[column_block_].links_count - verdicts_.size(), verdicts.size());
    verdicts_ += bytes_of(verdicts.first(count));
    components_ += bytes_of(components.first(count));
    verdicts = verdicts.subspan(count);
    components = components.subspan(count);
    if (facts_.has_orders) {
      orders_ += bytes_of(orders.first(count));
      orders = orders.subspan(count);
    }
    if (verdicts_.size() == index_[column_block_].links_count) close_columns();
  }
}

void PlanWriter::close_columns() {
  verdicts_ += components_;
  verdicts_ += orders_;
  index_[column_block_].columns = {offset_, verdicts_.size(), util::digest(verdicts_)};
  append(verdicts_);
  verdicts_.clear();
  components_.clear();
  orders_.clear();
  ++column_block_;
  util::fault_point("plan_columns");
}

Result<PlanFacts> PlanWriter::write_rest(std::vector<PlanInput> input_list,
                                         std::string plan_summary_text) {
  columns({}, {}, {});
  IDMERGE_CHECK(column_block_ == index_.size());
  append_section(inputs_bytes(input_list));
  append_section(places_bytes(input_list));
  append_section(plan_summary_text);
  Out entries;
  for (const auto& entry : index_) {
    entries.put(entry.first);
    entries.put(entry.links_count);
    entries.put(std::uint32_t{0});
    entries.put(entry.links);
    entries.put(entry.columns);
  }
  append_section(entries.bytes());

  Sections sections;
  IDMERGE_CHECK(sections_.size() == sections.size());
  std::copy(sections_.begin(), sections_.end(), sections.begin());
  const auto flags = facts_.has_orders ? orders_flag : 0;
  facts_.digest = plan_digest(sections, flags, links_, index_);
  Out footer;
  for (const auto& section : sections)
    footer.put(section);
  footer.put(links_);
  footer.put(std::uint64_t{index_.size()});
  footer.put(flags);
  footer.put(version);
  footer.put(facts_.digest);
  footer.put(util::checksum(footer.bytes()));
  footer.put_raw(magic);
  append(footer.bytes());
  if (auto drained = target_->behind.drain(); !drained) return drained.error();
  facts_.links = links_;
  facts_.inputs = std::move(input_list);
  facts_.plan_summary = std::move(plan_summary_text);
  return std::move(facts_);
}

// Reader ----------------------------------------------------------------------------------------

namespace {

Error damaged(const std::string& path, std::string_view what) {
  return {Errc::input, fmt::format("{}: {}: restore this file, or plan the inputs again as a new "
                                   "job",
                                   path, what)};
}

struct Footer {
  Sections sections;
  std::uint64_t links = 0;
  std::uint64_t blocks = 0;
  std::uint32_t flags = 0;
  util::Digest digest{};
};

Result<std::string> read_part(const io::File& file, const Part& part, std::string_view name) {
  std::string bytes(part.size_bytes, '\0');
  const auto count = file.read_at(part.offset, bytes);
  if (!count) return count.error();
  if (*count != bytes.size()) return damaged(file.path(), "was cut while it was read");
  if (util::digest(bytes) != part.digest) {
    return damaged(file.path(), fmt::format("the {} changed", name));
  }
  return bytes;
}

/// Checks that the file is a plan of the version that this program reads.
Result<void> check_magic(const io::File& file) {
  std::array<char, 16> bytes{};
  const auto count = file.read_at(0, bytes);
  if (!count) return count.error();
  In in({bytes.data(), *count});
  const auto found = in.raw(magic.size());
  const auto found_version = in.get<std::uint32_t>();
  if (!in.ok() || found != magic) return damaged(file.path(), "is not a plan");
  if (found_version != version) {
    return Error{Errc::input,
                 fmt::format("{}: is a plan of version {}, and this idmerge reads version {}: "
                             "finish the job with the idmerge that wrote it, or restore this file; "
                             "a new job would send all links again",
                             file.path(), found_version, version)};
  }
  return {};
}

Result<Footer> read_footer(const io::File& file, std::uint64_t size_bytes) {
  if (size_bytes < preamble_bytes + footer_bytes) return damaged(file.path(), "was cut short");
  std::string bytes(footer_bytes, '\0');
  const auto count = file.read_at(size_bytes - footer_bytes, bytes);
  if (!count) return count.error();
  const auto text = std::string_view(bytes).substr(0, *count);
  In in(text);
  Footer footer;
  for (auto& section : footer.sections)
    section = in.get_part();
  footer.links = in.get<std::uint64_t>();
  footer.blocks = in.get<std::uint64_t>();
  footer.flags = in.get<std::uint32_t>();
  const auto found_version = in.get<std::uint32_t>();
  footer.digest = in.get<util::Digest>();
  const auto sum = in.get<std::uint64_t>();
  const auto end = in.raw(magic.size());
  if (!in.ok_at_end() || end != magic) return damaged(file.path(), "was cut short or extended");
  if (sum != util::checksum(text.substr(0, footer_checked_bytes)) || found_version != version ||
      footer.flags > orders_flag) {
    return damaged(file.path(), "the footer was changed");
  }
  return footer;
}

/// Parses an index whose digest has been verified, but nothing else.
bool parse_index(std::string_view bytes, const Footer& footer,
                 std::vector<PlanBlockEntry>& blocks) {
  if (bytes.size() / entry_bytes != footer.blocks || bytes.size() % entry_bytes != 0) return false;
  In in(bytes);
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < footer.blocks; ++i) {
    PlanBlockEntry entry;
    entry.first = in.get<std::uint64_t>();
    entry.links_count = in.get<std::uint32_t>();
    const auto zero = in.get<std::uint32_t>();
    entry.links = in.get_part();
    entry.columns = in.get_part();
    if (entry.first != next || entry.links_count == 0 || zero != 0) return false;
    next += entry.links_count;
    blocks.push_back(entry);
  }
  return in.ok_at_end() && next == footer.links;
}

/// Returns whether the parts of the file follow each other without gaps, so that no byte is outside
/// all digests.
bool is_gapless(const Footer& footer, const std::vector<PlanBlockEntry>& blocks,
                std::uint64_t size_bytes) {
  std::uint64_t at = 0;
  const auto follows = [&](const Part& part) {
    if (part.offset != at || part.size_bytes > size_bytes - at) return false;
    at += part.size_bytes;
    return true;
  };
  const auto per_link = column_bytes((footer.flags & orders_flag) != 0);
  if (footer.sections[preamble].size_bytes != preamble_bytes) return false;
  if (!follows(footer.sections[preamble]) || !follows(footer.sections[header])) return false;
  for (const auto& block : blocks) {
    if (!follows(block.links)) return false;
  }
  for (const auto& block : blocks) {
    if (!follows(block.columns) || block.columns.size_bytes != block.links_count * per_link) {
      return false;
    }
  }
  return follows(footer.sections[inputs]) && follows(footer.sections[places]) &&
         follows(footer.sections[plan_summary]) && follows(footer.sections[index]) &&
         at == size_bytes - footer_bytes;
}

/// Read the sections that the footer lists.
Result<std::array<std::string, section_count>> read_sections(const io::File& file,
                                                             const Footer& footer,
                                                             std::uint64_t size_bytes) {
  std::array<std::string, section_count> texts;
  for (std::size_t i = 0; i < section_count; ++i) {
    const auto& part = footer.sections[i];
    if (part.offset > size_bytes || part.size_bytes > size_bytes - part.offset) {
      return damaged(file.path(), "the footer was changed");
    }
    auto text = read_part(file, part, section_names[i]);
    if (!text) return text.error();
    texts[i] = std::move(*text);
  }
  return texts;
}

PlanPreamble parse_preamble(std::string_view bytes) {
  In in(bytes);
  in.raw(16);
  PlanPreamble about;
  about.secret = in.get<std::array<std::uint8_t, 16>>();
  about.created_s = in.get<std::int64_t>();
  about.memory_bytes = in.get<std::uint64_t>();
  return about;
}

}  // namespace

Result<PlanReader> PlanReader::open(io::Files& files, const std::string& path) {
  const auto there = files.stat(path);
  if (!there) return there.error();
  if (!*there) return Error{Errc::input, path + ": there is no plan: make one with idmerge plan"};
  auto file = files.open(path);
  if (!file) return file.error();
  if (auto checked = check_magic(*file); !checked) return checked.error();
  const auto stat = file->stat();
  if (!stat) return stat.error();
  const auto footer = read_footer(*file, stat->size_bytes);
  if (!footer) return footer.error();
  const auto texts = read_sections(*file, *footer, stat->size_bytes);
  if (!texts) return texts.error();

  PlanReader reader(std::move(*file));
  if (!parse_index((*texts)[index], *footer, reader.index_) ||
      !is_gapless(*footer, reader.index_, stat->size_bytes)) {
    return damaged(path, "the index does not fit the file");
  }
  if (plan_digest(footer->sections, footer->flags, footer->links, reader.index_) !=
      footer->digest) {
    return damaged(path, "the plan id does not fit the contents");
  }
  auto options = util::KeyValues::parse((*texts)[header]);
  if (!options) return damaged(path, "the options: " + options.error().what);
  auto& facts = reader.facts_;
  if (!parse_inputs((*texts)[inputs], (*texts)[places], facts.inputs)) {
    return damaged(path, "the list of inputs is not readable");
  }
  facts.preamble = parse_preamble((*texts)[preamble]);
  facts.options = std::move(*options);
  facts.plan_summary = (*texts)[plan_summary];
  facts.links = footer->links;
  facts.has_orders = (footer->flags & orders_flag) != 0;
  facts.digest = footer->digest;
  return reader;
}

Result<void> PlanReader::make_durable(io::Files& files) {
  if (auto done = file_.sync(); !done) return done;
  return files.sync_dir(io::parent_of(file_.path()));
}

Result<void> PlanReader::check_blocks() const {
  PlanBlock block;
  for (std::size_t i = 0; i < blocks(); ++i) {
    if (const auto read = read_packed(i, block); !read) return read.error();
  }
  return {};
}

std::size_t PlanReader::find_block(std::uint64_t ordinal) const {
  IDMERGE_CHECK(ordinal < facts_.links);
  const auto after = std::upper_bound(
      index_.begin(), index_.end(), ordinal,
      [](std::uint64_t wanted, const PlanBlockEntry& entry) { return wanted < entry.first; });
  return static_cast<std::size_t>(after - index_.begin()) - 1;
}

/// Read one part of a block into `bytes` at `at`.
Result<void> PlanReader::read_part(std::size_t block, const Part& part, std::vector<char>& bytes,
                                   std::size_t at) const {
  const std::span<char> into(bytes.data() + at, part.size_bytes);
  const auto count = file_.read_at(part.offset, into);
  if (!count) return count.error();
  if (*count != into.size() || util::digest({into.data(), into.size()}) != part.digest) {
    return damaged(file_.path(), fmt::format("block {} was changed", block));
  }
  return {};
}

Result<void> PlanReader::read_columns(std::size_t block, PlanBlock& into) const {
  const auto& entry = index_[block];
  into.links.clear();
  into.bytes.resize(entry.columns.size_bytes);
  if (auto done = read_part(block, entry.columns, into.bytes, 0); !done) return done.error();
  return use_columns(block, 0, into);
}

Result<std::string_view> PlanReader::read_packed(std::size_t block, PlanBlock& into) const {
  const auto& entry = index_[block];
  into.links.clear();
  into.bytes.resize(entry.links.size_bytes + entry.columns.size_bytes);
  if (auto done = read_part(block, entry.links, into.bytes, 0); !done) return done.error();
  if (auto done = read_part(block, entry.columns, into.bytes, entry.links.size_bytes); !done) {
    return done.error();
  }
  if (auto done = use_columns(block, entry.links.size_bytes, into); !done) return done.error();
  return std::string_view(into.bytes.data(), entry.links.size_bytes);
}

Result<void> PlanReader::read_block(std::size_t block, PlanBlock& into) const {
  const auto packed = read_packed(block, into);
  if (!packed) return packed.error();
  const auto& entry = index_[block];
  if (auto done = unpack_links(*packed, entry.links_count, into.links); !done) {
    return damaged(file_.path(), fmt::format("block {}: {}", block, done.error().what));
  }
  use_orders(block, into);
  return {};
}

/// Parse the columns that start at offset `at` of the block's bytes.
Result<void> PlanReader::use_columns(std::size_t block, std::size_t at, PlanBlock& into) const {
  const auto& entry = index_[block];
  const auto count = entry.links_count;
  const auto* bytes = into.bytes.data() + at;
  into.first = entry.first;
  into.verdicts = {reinterpret_cast<const Verdict*>(bytes), count};
  if (std::any_of(into.verdicts.begin(), into.verdicts.end(),
                  [](Verdict verdict) { return verdict >= Verdict::count; })) {
    return damaged(file_.path(), fmt::format("block {} has an unknown verdict", block));
  }
  into.components.resize(count);
  std::memcpy(into.components.data(), bytes + count, count * sizeof(std::uint32_t));
  return {};
}

/// Set the orders of the unpacked links.
void PlanReader::use_orders(std::size_t block, PlanBlock& into) const {
  if (!facts_.has_orders) return;
  const auto& entry = index_[block];
  const auto* orders =
      into.bytes.data() + entry.links.size_bytes + entry.links_count * (1 + sizeof(std::uint32_t));
  for (auto& link : into.links) {
    std::memcpy(&link.order, orders, sizeof link.order);
    orders += sizeof link.order;
  }
}

}  // namespace idmerge::plan
