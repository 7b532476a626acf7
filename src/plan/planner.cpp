// SPDX-License-Identifier: MIT
#include "plan/planner.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <future>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "input/columns.hpp"
#include "input/formats.hpp"
#include "io/chunk_reader.hpp"
#include "io/process_identity.hpp"
#include "plan/bounded_resolver.hpp"
#include "plan/decision_report.hpp"
#include "plan/held_file.hpp"
#include "plan/job_lock.hpp"
#include "plan/job_paths.hpp"
#include "plan/project_mode.hpp"
#include "plan/row_report.hpp"
#include "plan/verdict.hpp"
#include "util/batch_scheduling.hpp"
#include "util/buffer_queue.hpp"
#include "util/digest.hpp"
#include "util/exceptions.hpp"
#include "util/log.hpp"

namespace idmerge::plan {
namespace {

using Clock = std::chrono::steady_clock;

/// Blocks in circulation between the threads: enough that a short stall of one thread does not stop
/// the others. Each block takes memory besides the resolver.
constexpr std::size_t blocks_max = 6;

constexpr std::size_t rejected_buffer_bytes = 1U << 16U;
constexpr std::chrono::milliseconds report_every{100};

/// Rows with the results of validation, and the indices of those that the resolver found to be new
/// links.
struct ValidatedBlock {
  input::RowBlock rows;
  std::vector<ValidatedRow> validated;
  std::vector<std::uint32_t> fresh;
  bool any_faulty = false;
  UnreadableOrders unreadable_orders;
  RowWarnings warnings;
  std::uint64_t bytes_read = 0;  // of the inputs so far
};

using ValidatedQueue = util::BufferQueue<ValidatedBlock, blocks_max>;

/// Detects a column that numbers the rows instead of naming ids: each value is one more than that
/// of the row before.
class RowNumbers {
 public:
  /// Requires: the rows of each file come in order. A gap in the values may be as long as the gap
  /// in the lines.
  void look(std::string_view id, std::uint32_t file, std::uint64_t line) {
    if (broken_) return;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    const bool first = rows_ == 0 || file != file_;
    broken_ = error != std::errc{} || end != id.data() + id.size() ||
              (!first && number != number_ + 1 && number - number_ != line - line_);
    ++rows_;
    file_ = file;
    line_ = line;
    number_ = number;
  }

  /// Returns: the number of rows if all of them are numbered; otherwise, or for too few rows to
  /// tell, 0.
  std::uint64_t rows() const { return broken_ || rows_ < rows_min ? 0 : rows_; }

 private:
  static constexpr std::uint64_t rows_min = 10;

  bool broken_ = false;
  std::uint64_t rows_ = 0;
  std::uint32_t file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t number_ = 0;
};

/// Validation thread: reads the inputs into validated blocks. All work on single rows is done here,
/// because the calling thread, which resolves, has more to do.
class Validation {
 public:
  Validation(input::RowReader& row_reader, const PlanOptions& options, const Secret16& secret,
             ValidatedQueue& queue)
      : row_reader_(row_reader),
        validator_(options.validate),
        prints_(Fingerprinter(secret)),
        queue_(queue),
        may_have_escapes_(input::may_have_escapes(options.row_reader)) {}

  /// Starts the thread. It ends after the last row, after an error, or when the queue has ended.
  void start() { thread_ = std::thread(&Validation::run, this); }

  void join() {
    queue_.end();
    if (thread_.joinable()) thread_.join();
  }

  ~Validation() { join(); }

  /// Requires: join() has returned.
  const Result<void>& outcome() const { return outcome_; }
  std::uint64_t anon_row_numbers() const { return anon_numbers_.rows(); }
  std::uint64_t user_row_numbers() const { return user_numbers_.rows(); }

 private:
  void run() {
    outcome_ = util::caught([this] { return validate_all(); });
    queue_.end();
  }

  Result<void> validate_all() {
    while (ValidatedBlock* const block = queue_.take_empty()) {
      const auto more = row_reader_.next(block->rows);
      if (!more) return more.error();
      if (!*more) break;
      block->validated.resize(block->rows.rows.size());
      validate_rows(*block);
      block->bytes_read = row_reader_.bytes_read();
      queue_.put_full(block);
    }
    return {};
  }

  void validate_rows(ValidatedBlock& block) {
    bool any_faulty = false;
    block.unreadable_orders = {};
    block.warnings = {};
    auto row = block.rows.rows.begin();
    for (auto& validated : block.validated) {
      validated.checked = validate(*row, validator_, &validated.forms);
      any_faulty = any_faulty || validated.checked == RowCheck::faulty;
      if (validated.checked == RowCheck::pair) {
        prints_.add(row->anon, validated.anon);
        prints_.add(row->user, validated.user);
        count_warnings(*row, block);
        if (row->has_unreadable_order) {
          const auto [line, column] = fault_place(*row);
          block.unreadable_orders.add(
              {.rows = 1, .file = block.rows.file, .line = line, .column = column});
        }
      }
      ++row;
    }
    block.any_faulty = any_faulty;
    prints_.finish();
  }

  void count_warnings(const input::Row& row, ValidatedBlock& block) {
    if (row.sided && input::has_device_prefix(row.anon)) ++block.warnings.prefixed;
    if (is_padded(row.anon) || is_padded(row.user)) ++block.warnings.padded;
    if (is_whole_decimal(row.anon)) ++block.warnings.anon_decimals;
    if (is_whole_decimal(row.user)) ++block.warnings.user_decimals;
    if (may_have_escapes_ && (row.anon.find('\\') != std::string_view::npos ||
                              row.user.find('\\') != std::string_view::npos)) {
      ++block.warnings.backslashed;
    }
    anon_numbers_.look(row.anon, block.rows.file, row.line);
    user_numbers_.look(row.user, block.rows.file, row.line);
  }

  input::RowReader& row_reader_;
  RowValidatorOptions validator_;
  FingerprintBatch prints_;
  ValidatedQueue& queue_;
  bool may_have_escapes_;
  RowNumbers anon_numbers_;
  RowNumbers user_numbers_;
  Result<void> outcome_;
  std::thread thread_;
};

/// Packing thread: adds new links to the plan, in order.
class Packing {
 public:
  Packing(PlanWriter& plan, ValidatedQueue& queue) : plan_(plan), validated_(queue) {}

  void start() { thread_ = std::thread(&Packing::run, this); }

  /// Queues a block to be packed and then returned to its queue.
  void put(ValidatedBlock* block) {
    if (block->fresh.empty()) {
      validated_.put_empty(block);
    } else if (auto* const place = to_pack_.take_empty()) {
      *place = block;
      to_pack_.put_full(place);
    }
  }

  /// Waits until all links are in the plan. Requires: no put() follows.
  const Result<void>& finish() {
    to_pack_.end();
    if (thread_.joinable()) thread_.join();
    return outcome_;
  }

  ~Packing() { finish(); }

 private:
  void run() {
    outcome_ = util::caught([&] { return pack_all(); });
    if (outcome_) return;
    to_pack_.end();
    validated_.end();
  }

  Result<void> pack_all() {
    while (ValidatedBlock** const place = to_pack_.take_full()) {
      pack(**place);
      validated_.put_empty(*place);
      to_pack_.put_empty(place);
    }
    return {};
  }

  void pack(const ValidatedBlock& block) {
    for (const auto i : block.fresh) {
      const input::Row& row = block.rows.rows[i];
      plan_.add({.anon = row.anon,
                 .user = row.user,
                 .line = row.line,
                 .offset = row.offset,
                 .file = block.rows.file,
                 .op = row.op,
                 .sided = row.sided});
    }
  }

  PlanWriter& plan_;
  ValidatedQueue& validated_;
  util::BufferQueue<ValidatedBlock*, blocks_max> to_pack_;
  Result<void> outcome_;
  std::thread thread_;
};

/// `rejected.ndjson` while it is being written.
class RejectedFile {
 public:
  static Result<RejectedFile> begin(io::Files& files, const std::string& path,
                                    std::optional<std::uint64_t> samples_max) {
    auto part = io::PartFile::begin(files, path);
    if (!part) return part.error();
    return RejectedFile(std::move(*part), samples_max);
  }

  Result<void> add(const input::Row& row, std::string_view file) {
    auto& count = counts_[static_cast<std::size_t>(row.fault)];
    if (samples_max_ && count >= *samples_max_) return {};
    ++count;
    append_faulty(buffer_, row, file);
    return buffer_.size() < rejected_buffer_bytes ? Result<void>() : write();
  }

  Result<void> commit() {
    if (auto written = write(); !written) return written;
    return part_.commit();
  }

 private:
  RejectedFile(io::PartFile part, std::optional<std::uint64_t> samples_max)
      : part_(std::move(part)), samples_max_(samples_max) {}

  Result<void> write() {
    auto written = part_.append(buffer_);
    buffer_.clear();
    return written;
  }

  io::PartFile part_;
  std::optional<std::uint64_t> samples_max_;
  std::array<std::uint64_t, static_cast<std::size_t>(input::Fault::count)> counts_{};
  std::string buffer_;
};

/// Rows that are held as a whole; at most one per input.
struct HeldRows {
  std::string lines;   // of held.ndjson, about these rows
  std::string places;  // "pairs.fifo: line 3, ..."

  void add(const input::Row& row, std::string_view path) {
    append_faulty(lines, row, path);
    if (!places.empty()) places += ", ";
    places += fmt::format("{}: line {}", path == "-" ? "stdin" : path, row.line);
  }
};

/// Loop of the calling thread. `held_rows` receives the rows that are held as a whole.
/// Requires: `inputs` is a copy of RowReader::files() made before the first block, because the
/// validation thread changes the original.
Result<void> resolve_all(ValidatedQueue& queue, const std::vector<input::InputFile>& inputs,
                         std::uint64_t bytes_total, const PlanWriter& plan,
                         BoundedResolver& resolver, Packing& packing, RejectedFile& rejected,
                         HeldRows& held_rows, JobLock& lock, Progress& progress) {
  auto report_at = Clock::now();
  while (ValidatedBlock* const block = queue.take_full()) {
    if (resolver.is_full(block->rows)) {
      if (auto packed = packing.finish(); !packed) return packed;
    }
    if (auto taken = resolver.take(block->rows, block->validated, block->fresh); !taken)
      return taken;
    resolver.count_unreadable_orders(block->unreadable_orders);
    resolver.count_warnings(block->warnings);
    for (std::size_t i = 0; block->any_faulty && i < block->validated.size(); ++i) {
      if (block->validated[i].checked != RowCheck::faulty) continue;
      const auto& row = block->rows.rows[i];
      const auto& path = inputs[block->rows.file].path;
      if (input::is_doubtful(row.fault)) {
        held_rows.add(row, path);
      } else if (auto added = rejected.add(row, path); !added) {
        return added;
      }
    }
    if (bytes_total > 0) {
      resolver.expect_share(static_cast<double>(block->bytes_read) /
                            static_cast<double>(bytes_total));
    }
    if (const auto now = Clock::now(); now >= report_at) {
      progress.planning({.rows = resolver.report().read,
                         .links = resolver.links(),
                         .bytes_read = block->bytes_read,
                         .bytes_total = bytes_total});
      report_at = now + report_every;
      if (auto in_place = lock.check(); !in_place) return in_place;
    }
    packing.put(block);
    if (!plan.healthy()) break;  // write_rest() returns the error
  }
  return packing.finish();
}

std::vector<PlanInput> plan_inputs(const input::RowReader& row_reader) {
  std::vector<PlanInput> inputs;
  for (const auto& file : row_reader.files()) {
    auto format = std::string(name(file.format));
    if (file.compression != "none") format += "." + file.compression;
    inputs.push_back({.size_bytes = file.size,
                      .content = file.digest,
                      .rows = file.rows,
                      .blank_lines = file.blank_lines,
                      .format = std::move(format),
                      .path = file.path});
  }
  return inputs;
}

/// Key of plans whose ids were processed in wire form. Plans of simplified projects have it, unless
/// an earlier version made them; in other modes both forms are the same.
constexpr std::string_view wire_forms_key = "wire_forms";

/// Key of plans that take a last row without a line end. Plans that hold such a row lack it, and so
/// do those of earlier versions, which took it from files.
constexpr std::string_view last_row_key = "last_row";

/// Records the first rows that a person should check. Those of pipes are not known yet.
void add_first_rows(const std::vector<input::InputFile>& files, util::KeyValues& words) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].first_row.empty()) continue;
    words.set(first_row_key(i), fmt::format("{}", fmt::join(files[i].first_row, "\n")));
  }
}

std::string yes_no(bool yes) {
  return yes ? "yes" : "no";
}

/// Describes the difference between a planned option and its present value. Files are recorded as
/// digests, which mean nothing to a person, so these are not shown.
/// Requires: `planned` differs from `now`.
std::string how_it_differs(std::string_view key, std::string_view planned, std::string_view now) {
  if (key != "deny_file" && key != "decisions") {
    return fmt::format("the plan was made with '{}', now it is '{}'", planned, now);
  }
  if (planned.empty()) return "the plan was made without a file, now one is given";
  if (now.empty()) return "the plan was made with a file, now none is given";
  return "the plan was made with another file";
}

}  // namespace

util::KeyValues plan_values(const PlanOptions& options) {
  const input::RowReaderOptions& row_reader = options.row_reader;
  util::KeyValues words;
  words.set("op", std::string(name(row_reader.op)));
  words.set("api", options.api);
  words.set("project_mode", options.project_mode);
  words.set("format", std::string(name(row_reader.format)));
  words.set("anon_field", row_reader.anon_field);
  words.set("user_field", row_reader.user_field);
  words.set("alias_field", row_reader.alias_field);
  words.set("distinct_id_field", row_reader.distinct_id_field);
  words.set("id_fields", row_reader.id_fields);
  words.set("op_field", row_reader.op_field);
  words.set("order_field", row_reader.order_field);
  words.set("delimiter", row_reader.delimiter ? std::string(1, *row_reader.delimiter) : "");
  words.set("header", yes_no(!row_reader.no_header));
  words.set("null_words", fmt::format("{}", fmt::join(row_reader.null_words, "\n")));
  words.set("row_max", std::to_string(row_reader.row_max));
  words.set("allow_ragged", yes_no(row_reader.allow_ragged));
  words.set("allow_lazy_quotes", yes_no(row_reader.allow_lazy_quotes));
  words.set("blank", options.validate.reject_blank ? "reject" : "skip");
  words.set("on_conflict", std::string(name(options.resolver.on_conflict)));
  words.set("deny_file", options.deny_digest);
  words.set("decisions", options.decisions.digest);
  words.set("collapse", yes_no(options.resolver.collapse));
  words.set("max_cluster", std::to_string(options.resolver.max_cluster));
  if (options.validate.simplified) words.set(wire_forms_key, "yes");
  if (row_reader.take_last_row) words.set(last_row_key, "take");
  return words;
}

std::string first_row_key(std::size_t input) {
  return fmt::format("first_row.{}", input);
}

Result<void> check_sendable(const PlanFacts& plan, const PlanSummary& plan_summary) {
  const auto mode =
      parse_project_mode(plan.options.get("project_mode")).value_or(ProjectMode::none);
  const auto refuse = [](std::string_view why) {
    return Error{
        Errc::input,
        fmt::format("the plan was made by an earlier idmerge, {}: plan the inputs again as "
                    "a new job",
                    why)};
  };
  if (mode == ProjectMode::simplified && plan.options.find(wire_forms_key) == nullptr) {
    return refuse("which took X and $device:X for two ids, while they are one in the project");
  }
  const auto verbs = verbs_of(mode);
  for (const auto op : {input::Op::create, input::Op::alias, input::Op::merge}) {
    if (verbs.contains(op) || plan_summary.to_send[static_cast<std::size_t>(op)] == 0) continue;
    return refuse(
        fmt::format("which did not reject rows with the verb {}, where a {} project has "
                    "none",
                    name(op), name(mode)));
  }
  return {};
}

namespace {

/// Makes the plan in a job that this process has locked.
Result<PlanFacts> plan_in(JobLock& lock, const JobPaths& paths, input::RowReader& row_reader,
                          const PlanOptions& options, Progress& progress) {
  io::Files& files = lock.files();
  const auto secret = options.secret ? *options.secret : Fingerprinter::draw_secret();
  const bool has_orders = !options.row_reader.order_field.empty();
  auto words = plan_values(options);
  add_first_rows(row_reader.files(), words);
  auto plan = PlanWriter::create(
      files, paths.plan(), {secret, util::unix_now_s(), options.memory_bytes}, words, has_orders);
  if (!plan) return plan.error();
  auto rejected = RejectedFile::begin(files, paths.rejected(), options.reject_samples);
  if (!rejected) return rejected.error();

  ValidatedQueue queue;
  const auto inputs = row_reader.files();
  const auto bytes_total = row_reader.bytes_total();
  const BoundedResolver::Bounds bounds{.memory_bytes = options.memory_bytes,
                                       .input_bytes = bytes_total,
                                       .input_rows = options.row_reader.expect_rows};
  io::SpillDir spill_dir(files, options.spill_dir.empty() ? paths.dir : options.spill_dir,
                         paths.dir);
  std::optional<BoundedResolver> resolver(std::in_place, options.resolver, bounds,
                                          Fingerprinter(secret), has_orders, *plan, files,
                                          spill_dir, progress);
  auto decisions = in_wire_form(options.decisions, options.validate.simplified);
  if (!decisions) return decisions.error();
  Validation validation(row_reader, options, secret, queue);
  Packing packing(*plan, queue);
  validation.start();
  packing.start();
  HeldRows held_rows;
  const auto counted = resolve_all(queue, inputs, bytes_total, *plan, *resolver, packing, *rejected,
                                   held_rows, lock, progress);
  validation.join();
  if (!counted) return counted.error();
  if (!validation.outcome()) return validation.outcome().error();

  auto inputs_read = plan_inputs(row_reader);
  std::future<Result<HeldPart>> held_written;
  const auto write_early = [&](const Resolver& claims) {
    plan->end_links();
    const auto bytes_a_link = claims.links() == 0 ? 0 : plan->bytes() / claims.links();
    // Only if it fits into the memory that is free now; otherwise write_held() needs less.
    if (held_bytes(claims.held_by_claims(), bytes_a_link) > claims.bytes_left_by_clusters()) return;
    held_written = std::async(std::launch::async, [&] {
      return write_claimed(files, paths, held_rows.lines, *plan, inputs_read, claims);
    });
  };
  auto answers =
      resolver->decide_verdicts(decided_by(*decisions, Fingerprinter(secret)), write_early);
  std::optional<HeldPart> held;
  if (held_written.valid()) {
    auto written = held_written.get();
    if (!written) return written.error();
    held.emplace(std::move(*written));
  }
  if (!answers) return answers.error();
  PlanSummary report = resolver->report();
  if (report.warnings.prefixed == report.links + report.duplicates) report.warnings.prefixed = 0;
  report.anon_row_numbers = validation.anon_row_numbers();
  report.user_row_numbers = validation.user_row_numbers();
  // Its memory is freed in parallel with the following steps.
  const auto freed = std::async(std::launch::async, [&resolver] { resolver.reset(); });
  for (const auto& file : row_reader.files()) {
    if (!file.is_pipe || file.first_row.empty()) continue;
    progress.note(Weight::info,
                  fmt::format("{}: {}: {}", file.path == "-" ? "stdin" : file.path,
                              options.row_reader.no_header ? "no header; the first row" : "header",
                              input::list_names(file.first_row, options.row_reader.mask)));
  }
  for (const auto& file : row_reader.files()) {
    if (file.long_rows == 0) continue;
    progress.note(Weight::warning,
                  fmt::format("{}: {} rows span several lines, the longest {} lines from line {} "
                              "on: if its fields have no line breaks, a stray quote swallows rows",
                              file.path, file.long_rows, file.longest_lines, file.longest_at));
  }
  if (report.held_rows() > 0) {
    progress.note(
        Weight::warning,
        held_rows.places +
            ": the last line has no line end: it is held, because its writer may have been cut "
            "off: check that the export is complete, or take it with --last-row take");
  }
  if (auto in_place = lock.check(); !in_place) return in_place.error();
  // Rejected and held rows are durable before the plan that counts them is published.
  if (auto committed = rejected->commit(); !committed) return committed.error();
  auto facts = plan->write_rest(std::move(inputs_read), to_text(report));
  if (!facts) return facts.error();
  if (report.verdicts[static_cast<std::size_t>(Verdict::oversize)] > 0) {
    const auto found = find_oversize(files, plan->part_path(), *decisions, *answers);
    if (!found) return found.error();
  }
  name_ineffective(*decisions, *answers, progress);
  if (held && held->links == report.held_links()) {
    if (auto committed = held->file.commit(); !committed) return committed.error();
  } else {
    held.reset();
    const auto reader = PlanReader::open(files, plan->part_path());
    if (!reader) return reader.error();
    freed.wait();
    auto written =
        write_held(files, paths, held_rows.lines, *reader, spill_dir, options.memory_bytes);
    if (!written) return written.error();
  }
  if (auto published = plan->publish(); !published) return published.error();
  progress.planning({.rows = report.read,
                     .links = facts->links,
                     .bytes_read = row_reader.bytes_read(),
                     .bytes_total = bytes_total});
  return facts;
}

}  // namespace

Result<PlanFacts> make_plan(const PlanOptions& options, const std::string& job, io::Files& files,
                            Progress& progress) {
  const util::BatchScheduling batch;
  auto row_reader = input::RowReader::open(options.row_reader);
  if (!row_reader) return row_reader.error();
  for (const auto& path : row_reader->passed_over())
    progress.note(Weight::info, path);

  const auto paths = make_job(files, job);
  if (!paths) return paths.error();
  const auto lock = JobLock::take(files, *paths, paths->run(), Work::planning, io::this_process());
  if (!lock) return lock.error();
  auto made = plan_in(**lock, *paths, *row_reader, options, progress);
  if (!made) return (*lock)->reason_of(made.error());
  if (auto in_place = (*lock)->check(); !in_place) return in_place.error();
  return made;
}

Result<void> match_plan(const PlanFacts& plan, const PlanOptions& options) {
  for (const auto& [key, value] : plan_values(options)) {
    const auto* const planned = plan.options.find(key);
    if (planned != nullptr && *planned == value) continue;
    return Error{
        Errc::usage,
        fmt::format("{}: {}", key, how_it_differs(key, planned == nullptr ? "" : *planned, value))};
  }
  if (!options.row_reader.take_last_row && plan.options.find(last_row_key) != nullptr) {
    return Error{Errc::usage,
                 fmt::format("{}: {}", last_row_key, how_it_differs(last_row_key, "take", "hold"))};
  }
  const auto row_reader = input::RowReader::open(options.row_reader);
  if (!row_reader) return row_reader.error();
  const auto& inputs = row_reader->files();
  if (inputs.size() != plan.inputs.size()) {
    return Error{Errc::input, fmt::format("the plan was made from {} input files, now there are {}",
                                          plan.inputs.size(), inputs.size())};
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const PlanInput& planned = plan.inputs[i];
    if (inputs[i].path != planned.path) {
      return Error{Errc::input, fmt::format("the plan was made from {}, which is not {}",
                                            planned.path, inputs[i].path)};
    }
    if (inputs[i].is_pipe) {
      return Error{Errc::input, fmt::format("{}: is a pipe, which cannot be compared with what was "
                                            "planned",
                                            inputs[i].path)};
    }
    // Compare contents: another file of the same size may have been given the same name and time.
    bool same = inputs[i].size == planned.size_bytes;
    if (same) {
      const auto content = io::ChunkReader::digest_of(inputs[i].path);
      if (!content) return content.error();
      same = *content == planned.content;
    }
    if (!same) {
      return Error{Errc::input,
                   fmt::format("{}: its content differs from what was planned", inputs[i].path)};
    }
  }
  return {};
}

}  // namespace idmerge::plan
