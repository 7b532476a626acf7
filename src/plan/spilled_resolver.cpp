// SPDX-License-Identifier: MIT
#include "plan/spilled_resolver.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "plan/verdict.hpp"
#include "util/check.hpp"
#include "util/fault_point.hpp"

namespace idmerge::plan {
namespace {

/// Fixed, so that a partition fits any memory limit while few files are open.
constexpr std::size_t parts_count = 64;
constexpr std::size_t threads_count = 2;
constexpr std::size_t part_buffer_bytes = 64U << 10U;
constexpr std::size_t stretch_buffer_bytes = 16U << 10U;
constexpr std::size_t file_buffer_bytes = 1U << 20U;
constexpr std::size_t rows_a_window = 1U << 20U;
constexpr std::size_t claims_a_piece = 4096;
constexpr std::size_t links_a_piece = 16'384;
constexpr std::size_t links_ahead = 32;
constexpr std::size_t sightings_ahead = 24;
constexpr std::uint64_t ids_max = 0x7FFFFFFE;

// First byte of a record in a partition. Claim: operation in bits 1-2, sided in bit 3, form of the
// anonymous id in bits 4-5. Sighting: bit 0 set, bit 3 for the user of a sided pair, form of the id
// in bits 4-5.
constexpr unsigned sighting_bit = 1;
constexpr unsigned op_shift = 1;
constexpr unsigned sided_bit = 8;
constexpr unsigned form_shift = 4;

// Result for a new link: operation in bits 0-1, sided in bit 2, verdict from bit 3.
std::uint8_t pack(const ClaimedLink& link) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(link.op) | (link.sided ? 4U : 0U) |
                                   static_cast<unsigned>(link.verdict) << 3U);
}
void unpack(std::uint8_t packed, ClaimedLink& link) {
  link.op = static_cast<input::Op>(packed & 3U);
  link.sided = (packed & 4U) != 0;
  link.verdict = static_cast<Verdict>(packed >> 3U);
}

/// Uses `high`, because IdIndex places ids by `low`.
std::size_t part_of(const Fingerprint& id) {
  return id.high % parts_count;
}

/// Builds a record in a buffer, to append it with a single copy.
class Record {
 public:
  template <class T>
  void put(const T& value) {
    std::memcpy(bytes_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
  }
  void put_print(const Fingerprint& print) {
    put(print.low);
    put(print.high);
  }
  void put_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U)
      bytes_[size_++] = static_cast<char>(value | 0x80U);
    bytes_[size_++] = static_cast<char>(value);
  }
  std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 64> bytes_;
  std::size_t size_ = 0;
};

Fingerprint get_print(io::SpillReader& in) {
  Fingerprint print;
  print.low = in.get<std::uint64_t>();
  print.high = in.get<std::uint32_t>();
  return print;
}

Error too_many_ids() {
  return {Errc::usage, "the inputs have more than two billion distinct ids: plan them in parts"};
}

/// Reads a range of results of a partition. `row` is the row of the next result.
struct SpillRange {
  io::SpillReader in;
  IdNumber first_id;
  std::uint64_t row = 0;
  bool is_over = false;

  SpillRange(const io::Spill& spill, std::uint64_t begin, std::uint64_t end, IdNumber first)
      : in(spill, begin, end, stretch_buffer_bytes), first_id(first) {
    next();
  }
  void next() {
    is_over = in.at_end();
    if (!is_over) row += in.get_varint();
  }
};

}  // namespace

SpilledResolver::SpilledResolver(const ResolverOptions& options, const Fingerprinter& print,
                                 bool has_orders, const PlanSummary& so_far, io::SpillDir& dir)
    : options_(options),
      print_(print),
      has_orders_(has_orders),
      claims_rank_(options.on_conflict == OnConflict::earliest ||
                   options.on_conflict == OnConflict::latest),
      report_(so_far.rows_only()),
      dir_(&dir),
      packer_(has_orders) {}

Result<SpilledResolver> SpilledResolver::begin(const ResolverOptions& options,
                                               const Fingerprinter& print, bool has_orders,
                                               const PlanSummary& so_far, io::SpillDir& dir) {
  SpilledResolver resolver(options, print, has_orders, so_far, dir);
  for (std::size_t i = 0; i < parts_count; ++i) {
    auto file = io::Spill::create(dir, part_buffer_bytes);
    if (!file) return file.error();
    resolver.parts_.push_back({.file = std::move(*file)});
  }
  auto rows = io::Spill::create(dir, file_buffer_bytes);
  if (!rows) return rows.error();
  resolver.rows_file_.push_back(std::move(*rows));
  return resolver;
}

// Bytes per row: the packed row, and its claim and sighting (41). The results of the partitions
// (12), the link in numbers (9), and the plan (8 besides the ids, 5 for columns) are written before
// the rows are freed. Orders are written with the claim, the link in numbers, and the plan.
SpilledResolver::Need SpilledResolver::need_of(std::uint64_t rows, double row_bytes,
                                               double packed_bytes, bool has_orders) {
  const double in_spill = packed_bytes + 41 + 12 + 9 + (has_orders ? 2 * 8 : 0);
  const double in_plan = row_bytes + 8 + 5 + (has_orders ? 8 : 0);
  return {static_cast<std::uint64_t>(static_cast<double>(rows) * in_spill),
          static_cast<std::uint64_t>(static_cast<double>(rows) * in_plan)};
}

Result<void> SpilledResolver::take_planned(const PlanWriter& plan, io::Files& files,
                                           std::span<const std::int64_t> ages) {
  IDMERGE_CHECK(rows_ == 0);
  auto read = plan.each_block(files, [&](std::uint64_t, LinkCursor& links) {
    for (input::Link link; links.next(link);) {
      if (!ages.empty()) link.order = ages[rows_];
      note_doubled(link, rows_);
      const auto prints = print_(link.anon, link.user);
      take_pair(link, {.anon = prints[0],
                       .user = prints[1],
                       .checked = RowCheck::pair,
                       .forms = {id_form(link.anon), id_form(link.user)}});
    }
  });
  planned_ = rows_;
  return read;
}

Result<void> SpilledResolver::take(const input::RowBlock& block,
                                   std::span<const ValidatedRow> validated) {
  for (std::size_t i = 0; i < validated.size(); ++i) {
    const input::Row& row = block.rows[i];
    ++report_.read;
    if (validated[i].checked != RowCheck::pair) {
      count_unpaired(row, validated[i].checked, report_);
      continue;
    }
    const input::Link link{.anon = row.anon,
                           .user = row.user,
                           .line = row.line,
                           .offset = row.offset,
                           .order = row.order,
                           .file = block.file,
                           .op = row.op,
                           .sided = row.sided};
    packer_.add(link);
    if (packer_.full()) close_rows();
    take_pair(link, validated[i]);
  }
  for (auto& part : parts_) {
    if (!part.file.healthy()) return part.file.flush();
  }
  return rows_file_[0].healthy() ? Result<void>() : rows_file_[0].flush();
}

void SpilledResolver::take_pair(const input::Link& link, const ValidatedRow& validated) {
  if (link.sided) {
    sided_ops_[static_cast<std::size_t>(link.op)] = true;
    put_claim(validated.anon, validated.user, link, validated.forms.anon);
    put_sighting(validated.user, validated.forms.user, true);
  } else {
    // Both orders of an unsided pair must be in one partition.
    is_any_unsided_ = true;
    const auto rank = [](const Fingerprint& id) { return std::tuple(id.high, id.low); };
    const bool in_order = rank(validated.anon) <= rank(validated.user);
    const auto& first = in_order ? validated.anon : validated.user;
    const auto& second = in_order ? validated.user : validated.anon;
    put_claim(first, second, link, IdForm::other);
    put_sighting(second, IdForm::other, false);
  }
  ++rows_;
}

void SpilledResolver::put_claim(const Fingerprint& id, const Fingerprint& other,
                                const input::Link& link, IdForm form) {
  Part& part = parts_[part_of(id)];
  Record record;
  record.put(static_cast<std::uint8_t>(static_cast<unsigned>(link.op) << op_shift |
                                       (link.sided ? sided_bit : 0U) |
                                       static_cast<unsigned>(form) << form_shift));
  record.put_varint(rows_ - part.last_row);
  record.put_print(id);
  record.put_print(other);
  if (claims_rank_) record.put(link.order);
  part.file.append(record.bytes());
  part.last_row = rows_;
}

void SpilledResolver::put_sighting(const Fingerprint& id, IdForm form, bool is_user) {
  Part& part = parts_[part_of(id)];
  Record record;
  record.put(static_cast<std::uint8_t>(sighting_bit | (is_user ? sided_bit : 0U) |
                                       static_cast<unsigned>(form) << form_shift));
  record.put_varint(rows_ - part.last_row);
  record.put_print(id);
  part.file.append(record.bytes());
  part.last_row = rows_;
}

/// Format: u32 rows, u32 bytes, the packed rows.
void SpilledResolver::close_rows() {
  io::Spill& file = rows_file_[0];
  const auto bytes = packer_.bytes();
  file.put(packer_.count());
  file.put(static_cast<std::uint32_t>(bytes.size()));
  file.append(bytes);
  packer_.clear();
  util::fault_point("spill_rows");
}

bool SpilledResolver::only_stars() const {
  const bool only_create = sided_ops_[static_cast<std::size_t>(input::Op::create)] &&
                           !sided_ops_[static_cast<std::size_t>(input::Op::alias)] &&
                           !sided_ops_[static_cast<std::size_t>(input::Op::merge)];
  return only_create && !is_any_unsided_ && options_.on_conflict != OnConflict::send;
}

bool SpilledResolver::several_ops() const {
  const auto ops = std::count(sided_ops_.begin(), sided_ops_.end(), true);
  const bool only_merge = ops == 1 && sided_ops_[static_cast<std::size_t>(input::Op::merge)];
  return ops > 1 || (is_any_unsided_ && ops == 1 && !only_merge);
}

Result<void> SpilledResolver::decide_verdicts(PlanWriter& plan,
                                              std::span<const std::int64_t> planned_orders) {
  if (packer_.count() > 0) close_rows();
  if (auto done = rows_file_[0].flush(); !done) return done;
  if (auto done = decide_parts(); !done) return done;
  if (auto done = join(plan); !done) return done;
  parts_.clear();
  result_files_.clear();
  rows_file_.clear();
  if (auto done = hand_out(plan, planned_orders); !done) return done;
  IDMERGE_CHECK(report_.adds_up());
  return {};
}

// Each thread takes every other partition and has its own files.
Result<void> SpilledResolver::decide_parts() {
  for (std::size_t i = 0; i < 2 * threads_count; ++i) {
    auto file = io::Spill::create(*dir_, file_buffer_bytes);
    if (!file) return file.error();
    result_files_.push_back(std::move(*file));
  }
  const auto decide = [&](std::size_t first) -> Result<void> {
    for (auto part = first; part < parts_count; part += threads_count) {
      if (auto done = decide_part(part); !done) return done;
    }
    return {};
  };
  auto other = std::async(std::launch::async, decide, 1);
  const auto one = decide(0);
  for (const auto& done : {one, other.get()}) {
    if (!done) return done;
  }
  for (auto& file : result_files_) {
    if (auto done = file.flush(); !done) return done;
  }
  for (auto& part : parts_) {
    part.first_id = static_cast<IdNumber>(ids_);
    ids_ += part.ids;
    if (ids_ > ids_max) return too_many_ids();
    report_.links += part.links;
    report_.unsided += part.report.unsided;
    report_.conflicted_anons += part.report.conflicted_anons;
    report_.both_sides_ids += part.report.both_sides_ids;
    report_.decisions_unknown += part.report.decisions_unknown;
    report_.decisions_unclaimed += part.report.decisions_unclaimed;
    report_.doubled_device_prefix += part.report.doubled_device_prefix;
    report_.anon.add(part.report.anon);
    report_.user.add(part.report.user);
  }
  report_.duplicates += rows_ - report_.links;
  return {};
}

Result<void> SpilledResolver::decide_part(std::size_t number) {
  Part& part = parts_[number];
  io::Spill& file = part.file;
  io::Spill& results_of_claims = result_files_[number % threads_count * 2];
  io::Spill& results_of_users = result_files_[number % threads_count * 2 + 1];
  if (auto done = file.flush(); !done) return done;
  io::SpillReader in(file, 0, file.size_bytes(), file_buffer_bytes);
  const bool numbers_all = !only_stars();
  Resolver resolver(options_);
  // Partitions have about the same size.
  if (number >= threads_count) resolver.reserve(parts_[number - threads_count].ids_seen / 15 * 16);
  util::PageArray<std::uint32_t>
      given;  // by number in `resolver`: number in the partition, plus one
  util::PageArray<std::uint64_t> link_rows;
  std::uint64_t links = 0;
  std::uint64_t last_user_row = 0;
  std::uint64_t row = 0;
  SideReport users;

  std::vector<input::Row> claims;
  std::vector<ValidatedRow> validated;
  std::vector<std::uint64_t> claim_rows;
  struct Sighting {
    Fingerprint id;
    std::uint64_t row;
    IdForm form;
    bool is_user;
  };
  std::vector<Sighting> sightings;
  std::vector<std::uint32_t> fresh;
  const auto give = [&](IdNumber local) {
    given.grow_to_hold(resolver.ids());
    if (given[local] == 0) given[local] = static_cast<std::uint32_t>(++part.ids);
    return given[local] - 1;
  };
  const auto take_claims = [&]() -> Result<void> {
    fresh.clear();
    if (auto taken = resolver.take(claims, validated, fresh); !taken) return taken;
    link_rows.grow_to_hold(links + fresh.size());
    for (const auto i : fresh) {
      link_rows[links] = claim_rows[i];
      if (numbers_all) give(resolver.link(links).anon);
      ++links;
    }
    claims.clear();
    validated.clear();
    claim_rows.clear();
    return {};
  };
  part.users.begin = results_of_users.size_bytes();
  const auto take_sightings = [&] {
    for (std::size_t i = 0; i < sightings.size(); ++i) {
      if (i + sightings_ahead < sightings.size()) {
        resolver.prefetch(sightings[i + sightings_ahead].id);
      }
      const auto& [id, seen_in, form, is_user] = sightings[i];
      const auto seen = resolver.note_id_elsewhere(id, is_user);
      if (seen.is_new_user) note_side(users, form);
      Record said;
      said.put_varint(seen_in - last_user_row);
      said.put(give(seen.number));
      results_of_users.append(said.bytes());
      last_user_row = seen_in;
    }
    sightings.clear();
  };

  while (!in.at_end()) {
    const auto head = in.get<std::uint8_t>();
    row += in.get_varint();
    const auto id = get_print(in);
    const auto form = static_cast<IdForm>(head >> form_shift & 3U);
    if ((head & sighting_bit) != 0) {
      sightings.push_back({id, row, form, (head & sided_bit) != 0});
      if (sightings.size() == claims_a_piece) take_sightings();
    } else {
      input::Row& claim = claims.emplace_back();
      claim.op = static_cast<input::Op>(head >> op_shift & 3U);
      claim.sided = (head & sided_bit) != 0;
      const auto other = get_print(in);
      if (claims_rank_) claim.order = in.get<std::int64_t>();
      validated.push_back(
          {.anon = id, .user = other, .checked = RowCheck::pair, .forms = {form, IdForm::other}});
      claim_rows.push_back(row);
      if (claims.size() == claims_a_piece) {
        if (auto taken = take_claims(); !taken) return taken;
      }
    }
    if (resolver.ids() + 3 * claims_a_piece > ids_max) return too_many_ids();
  }
  if (auto read = in.outcome(); !read) return read;
  if (auto taken = take_claims(); !taken) return taken;
  take_sightings();
  apply_in(number, resolver);
  resolver.decide_claims();

  part.claims.begin = results_of_claims.size_bytes();
  std::uint64_t last_row = 0;
  for (std::uint64_t i = 0; i < links; ++i) {
    const auto link = resolver.link(i);
    Record said;
    said.put_varint(link_rows[i] - last_row);
    said.put(pack(link));
    if (numbers_all) said.put(given[link.anon] - 1);
    results_of_claims.append(said.bytes());
    last_row = link_rows[i];
  }
  part.claims.end = results_of_claims.size_bytes();
  part.users.end = results_of_users.size_bytes();
  part.file = io::Spill();  // frees the disk space
  util::fault_point("spill_part");
  part.links = links;
  part.ids_seen = resolver.ids();
  part.report = resolver.report();
  part.report.user = users;
  return {};
}

// All claims on an id are in its partition, so the decisions about it go there as well.
void SpilledResolver::apply_decisions(std::span<const Decided> decisions) {
  decisions_.assign(decisions.begin(), decisions.end());
  effects_.resize(decisions_.size());
  for (std::size_t i = 0; i < decisions_.size(); ++i)
    parts_[part_of(decisions_[i].anon)].decisions.push_back(i);
}

void SpilledResolver::apply_in(std::size_t part, Resolver& resolver) {
  std::vector<Decided> decided;
  for (const auto i : parts_[part].decisions)
    decided.push_back(decisions_[i]);
  const auto answers = resolver.apply_decisions(decided);
  for (std::size_t i = 0; i < answers.size(); ++i)
    effects_[parts_[part].decisions[i]] = answers[i];
}

/// Records the first link of each of the first ids with a doubled prefix.
void SpilledResolver::note_doubled(const input::Link& link, std::uint64_t ordinal) {
  if (doubled_.size() == doubled_named_max || !link.sided) return;
  if (id_form(link.anon) != IdForm::doubled_prefix) return;
  if (std::find(doubled_.begin(), doubled_.end(), link.anon) != doubled_.end()) return;
  doubled_.emplace_back(link.anon);
  report_.doubled.push_back(ordinal);
}

Result<void> SpilledResolver::join(PlanWriter& plan) {
  auto made = io::Spill::create(*dir_, file_buffer_bytes);
  if (!made) return made.error();
  links_file_.push_back(std::move(*made));
  io::Spill& out = links_file_[0];
  const bool numbers_all = !only_stars();
  std::vector<SpillRange> claims;
  std::vector<SpillRange> users;
  for (std::size_t i = 0; i < parts_count; ++i) {
    const auto thread = i % threads_count * 2;
    const Part& part = parts_[i];
    claims.emplace_back(result_files_[thread], part.claims.begin, part.claims.end, part.first_id);
    users.emplace_back(result_files_[thread + 1], part.users.begin, part.users.end, part.first_id);
  }
  // One entry per row of the window. Verdict::count means that the row is not a new link.
  std::vector<ClaimedLink> window(std::min<std::uint64_t>(rows_a_window, rows_));

  io::SpillReader rows(rows_file_[0], 0, rows_file_[0].size_bytes(), file_buffer_bytes);
  std::string packed;
  std::uint32_t left = 0;  // unread rows of the current block
  RowCursor cursor({}, has_orders_);
  input::Link link;
  for (std::uint64_t begin = 0; begin < rows_; begin += rows_a_window) {
    const auto end = std::min<std::uint64_t>(begin + rows_a_window, rows_);
    for (auto& known : window)
      known.verdict = Verdict::count;
    for (auto& part : claims) {
      for (; !part.is_over && part.row < end; part.next()) {
        auto& known = window[part.row - begin];
        unpack(part.in.get<std::uint8_t>(), known);
        if (numbers_all) known.anon = part.first_id + part.in.get<std::uint32_t>();
      }
      if (auto read = part.in.outcome(); !read) return read;
    }
    for (auto& part : users) {
      for (; !part.is_over && part.row < end; part.next())
        window[part.row - begin].user = part.first_id + part.in.get<std::uint32_t>();
      if (auto read = part.in.outcome(); !read) return read;
    }
    for (auto row = begin; row < end; ++row) {
      const auto& known = window[row - begin];
      const bool is_new = known.verdict != Verdict::count;
      if (row >= planned_) {
        if (left == 0) {
          left = rows.get<std::uint32_t>();
          const auto bytes = rows.get<std::uint32_t>();
          packed.assign(rows.get_text(bytes));
          cursor = RowCursor(packed, has_orders_);
          link = {};
        }
        if (!cursor.next(link)) {
          if (auto read = rows.outcome(); !read) return read;
          return Error{Errc::outage, "a spill file was changed: check the disk and run again"};
        }
        --left;
        if (is_new) {
          note_doubled(link, plan.links());
          plan.add(link);
        }
      } else {
        IDMERGE_CHECK(is_new);
      }
      if (!is_new) continue;
      Record record;
      record.put(pack(known));
      record.put(known.user);
      if (numbers_all) record.put(known.anon);
      if (has_orders_ && row >= planned_) record.put(link.order);
      out.append(record.bytes());
    }
    if (!plan.healthy()) return plan.error();
    if (!out.healthy()) return out.flush();
    util::fault_point("spill_join");
  }
  return out.flush();
}

Result<void> SpilledResolver::each_piece(const Visit& visit) const {
  const io::Spill& file = links_file_[0];
  io::SpillReader in(file, 0, file.size_bytes(), file_buffer_bytes);
  const bool numbers_all = !only_stars();
  std::vector<ClaimedLink> piece;
  std::vector<std::int64_t> orders;
  for (std::uint64_t i = 0; i < report_.links;) {
    piece.clear();
    orders.clear();
    for (; piece.size() < links_a_piece && i < report_.links; ++i) {
      auto& link = piece.emplace_back();
      unpack(in.get<std::uint8_t>(), link);
      link.user = in.get<std::uint32_t>();
      if (numbers_all) link.anon = in.get<std::uint32_t>();
      if (has_orders_ && i >= planned_) orders.push_back(in.get<std::int64_t>());
    }
    if (auto read = in.outcome(); !read) return read;
    visit(piece, orders);
  }
  return {};
}

Result<void> SpilledResolver::hand_out(PlanWriter& plan,
                                       std::span<const std::int64_t> planned_orders) {
  Clusters clusters(options_, {ids_, report_.links, only_stars(), several_ops()});
  const auto each = [&](std::span<const ClaimedLink> piece, auto use) {
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (i + links_ahead < piece.size()) clusters.prefetch(piece[i + links_ahead]);
      use(piece[i]);
    }
  };
  auto read = each_piece([&](std::span<const ClaimedLink> piece, std::span<const std::int64_t>) {
    each(piece, [&](const ClaimedLink& link) { clusters.connect(link); });
  });
  if (!read) return read;
  std::vector<Verdict> verdicts;
  std::vector<std::uint32_t> components;
  std::vector<std::int64_t> all_orders;
  read = each_piece([&](std::span<const ClaimedLink> piece, std::span<const std::int64_t> orders) {
    verdicts.clear();
    components.clear();
    each(piece, [&](const ClaimedLink& link) {
      const auto place = clusters.place(link);
      verdicts.push_back(place.verdict);
      components.push_back(place.component);
    });
    const auto planned = has_orders_ ? piece.size() - orders.size() : 0;
    all_orders.assign(planned_orders.begin(),
                      planned_orders.begin() + static_cast<std::ptrdiff_t>(planned));
    planned_orders = planned_orders.subspan(planned);
    all_orders.insert(all_orders.end(), orders.begin(), orders.end());
    plan.columns(verdicts, components, all_orders);
  });
  if (!read) return read;
  clusters.report(report_);
  return {};
}

}  // namespace idmerge::plan
