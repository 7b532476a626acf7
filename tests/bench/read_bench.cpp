// SPDX-License-Identifier: MIT
//
// Reads a file and prints, as one line of JSON, what came out and what it cost. `row_reader` reads
// as the planner does, from the disk and on two threads; `parse` feeds bytes that are in memory
// already to the reader alone, which is the figure for one core. `scripts/bench read` runs it
// beside other programs and compares the answers. `rows` prints the rows instead, for
// tests/end_to_end/reading_test.py: line, offset, fault and column, and both ids in hexadecimal.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include <sys/resource.h>

#include "input/csv.hpp"
#include "input/ndjson.hpp"
#include "input/row_reader.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::util;

namespace {

struct Count {
  std::uint64_t rows = 0;
  std::uint64_t faults = 0;
  std::uint64_t anon = 0;  // rows with an id on that side
  std::uint64_t user = 0;
  std::uint64_t id_bytes = 0;

  void add(const RowBlock& block) {
    rows += block.rows.size();
    for (const auto& row : block.rows) {
      faults += row.fault != Fault::none;
      anon += !row.anon.empty();
      user += !row.user.empty();
      id_bytes += row.anon.size() + row.user.size();
    }
  }
};

double cpu_s(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int fail(const Error& error) {
  std::fprintf(stderr, "read_bench: %s\n", error.what.c_str());
  return 1;
}

Result<Count> row_reader(const std::string& path, std::uint64_t& bytes) {
  Count count;
  auto opened = RowReader::open({.inputs = {path}});
  if (!opened) return opened.error();
  RowBlock block;
  for (;;) {
    const auto more = opened->next(block);
    if (!more) return more.error();
    if (!*more) break;
    count.add(block);
  }
  bytes = opened->files().front().size;
  return count;
}

template <class Reader>
Result<Count> parse(Reader reader, std::string_view bytes) {
  constexpr std::size_t slice = 256 << 10;
  Count count;
  RowBlock block;
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, slice);
    const auto taken = reader.feed(part, part.size() == bytes.size(), block);
    if (!taken) return taken.error();
    count.add(block);
    bytes.remove_prefix(*taken);
  }
  return count;
}

Result<Count> parse(std::string_view bytes) {
  if (bytes.starts_with('{')) {
    const auto fields = choose_fields({}, first_keys(bytes.substr(0, 64 << 10), false));
    if (!fields) return fields.error();
    return parse(NdjsonReader({}, *fields, 0), bytes);
  }
  const auto header = read_header(bytes.substr(0, 64 << 10), false, {});
  if (!header) return header.error();
  const auto columns = choose_columns(FieldNames{}, (*header)->names);
  if (!columns) return columns.error();
  const auto start = (*header)->bytes;
  return parse(CsvReader({}, *columns, (*header)->names, {.offset = start, .line = 2}),
               bytes.substr(start));
}

std::string hex(std::string_view id) {
  std::string text = "=";
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

int print_rows(const std::string& path) {
  auto opened = RowReader::open({.inputs = {path}});
  if (!opened) return fail(opened.error());
  RowBlock block;
  for (;;) {
    const auto more = opened->next(block);
    if (!more) return fail(more.error());
    if (!*more) return 0;
    for (const auto& row : block.rows) {
      std::printf("%llu %llu %s %u %s %s\n", static_cast<unsigned long long>(row.line),
                  static_cast<unsigned long long>(row.offset), std::string(name(row.fault)).c_str(),
                  row.fault_at + 1, hex(row.anon).c_str(), hex(row.user).c_str());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode == "rows") return print_rows(argv[2]);
  if (mode != "intake" && mode != "parse") {
    std::fprintf(stderr, "usage: read_bench intake|parse|rows FILE\n");
    return 2;
  }
  std::uint64_t bytes = 0;
  std::string memory;
  if (mode == "parse") {
    std::ifstream in(argv[2], std::ios::binary | std::ios::ate);
    bytes = static_cast<std::uint64_t>(in.tellg());
    memory.resize(bytes);
    in.seekg(0).read(memory.data(), static_cast<std::streamsize>(bytes));
  }
  const auto started = std::chrono::steady_clock::now();
  const auto all_before = cpu_s(RUSAGE_SELF);
  const auto own_before = cpu_s(RUSAGE_THREAD);
  const auto count = mode == "parse" ? parse(memory) : row_reader(argv[2], bytes);
  if (!count) return fail(count.error());
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
  std::printf(
      "{\"rows\":%llu,\"faults\":%llu,\"anon\":%llu,\"user\":%llu,\"id_bytes\":%llu,"
      "\"bytes\":%llu,\"wall_s\":%.4f,\"cpu_s\":%.4f,\"parser_s\":%.4f}\n",
      static_cast<unsigned long long>(count->rows), static_cast<unsigned long long>(count->faults),
      static_cast<unsigned long long>(count->anon), static_cast<unsigned long long>(count->user),
      static_cast<unsigned long long>(count->id_bytes), static_cast<unsigned long long>(bytes),
      wall.count(), cpu_s(RUSAGE_SELF) - all_before, cpu_s(RUSAGE_THREAD) - own_before);
  return 0;
}
