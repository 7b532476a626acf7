// SPDX-License-Identifier: MIT
//
// Bytes as refused.ndjson: each line gives one link, or the whole is refused. Bytes as a link and
// what the service said about it: the letter is one line of JSON, gives the link back, and is
// itself input with the same ids.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "plan/row_report.hpp"
#include "plan/row_validator.hpp"
#include "util/check.hpp"

#include "memory_file.hpp"
#include "support/rows.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

void check_file(const std::string& bytes) {
  MemoryFile files(bytes);
  const auto ordinals = read_refused(files, "/job/refused.ndjson", bytes.size());
  if (!ordinals) {
    IDMERGE_CHECK(ordinals.error().code == Errc::input);
    return;
  }
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  IDMERGE_CHECK(ordinals->size() == lines && std::is_sorted(ordinals->begin(), ordinals->end()));
  IDMERGE_CHECK(bytes.empty() || bytes.back() == '\n');
  for (const auto ordinal : *ordinals) {
    IDMERGE_CHECK(bytes.find("{\"link\":" + std::to_string(ordinal) + ",") != std::string::npos);
  }
  if (bytes.empty()) return;
  const auto cut = read_refused(files, "/job/refused.ndjson", bytes.size() - 1);
  IDMERGE_CHECK(!cut && cut.error().code == Errc::input);
}

void check_letter(std::string_view bytes, unsigned kind) {
  const auto half = bytes.size() / 2;
  Link link;
  link.anon = bytes.substr(0, half);
  link.user = bytes.substr(half);
  link.op = static_cast<Op>(kind % 3);
  link.sided = link.op != Op::merge || kind % 2 == 0;
  link.line = 3;
  const std::vector<PlanInput> inputs{{.format = "csv", .path = std::string(link.user)}};
  const std::uint64_t ordinal = bytes.size() * 977;
  const auto letter = refused_report(ordinal, link, inputs, 400, link.anon, 2);
  IDMERGE_CHECK(letter.find('\n') == std::string::npos);
  IDMERGE_CHECK(find_bad_utf8(letter) == std::string_view::npos);
  simdjson::dom::parser parser;
  simdjson::dom::element object;
  IDMERGE_CHECK(parser.parse(letter).get(object) == simdjson::SUCCESS && object.is_object());

  const auto file = letter + "\n" + letter + "\n";
  MemoryFile files(file);
  const auto ordinals = read_refused(files, "/job/refused.ndjson", file.size());
  IDMERGE_CHECK(ordinals.has_value() && *ordinals == std::vector<std::uint64_t>(2, ordinal));

  if (find_bad_utf8(bytes) != std::string_view::npos) return;  // no link has such ids
  if (find_bad_utf8(link.anon) != std::string_view::npos) return;
  const auto fields = choose_fields({.op = link.op}, {"link", "anonymous_id", "user_id"});
  const auto of_aliases = choose_fields({.op = link.op}, {"link", "alias", "distinct_id"});
  const auto of_arrays = choose_fields({.op = link.op}, {"link", "$distinct_ids"});
  const auto& chosen = !link.sided ? of_arrays : link.op == Op::alias ? of_aliases : fields;
  IDMERGE_CHECK(chosen.has_value());
  const auto read = testing::read_all(NdjsonReader({}, *chosen, 0), file);
  IDMERGE_CHECK(read.error.empty() && read.rows.size() == 2);
  const auto same = [](const std::string& id, std::string_view was) {
    return id == (was == "\\N" ? "" : was);
  };
  for (const auto& row : read.rows) {
    IDMERGE_CHECK(row.fault == Fault::none && row.op == link.op && row.sided == link.sided);
    IDMERGE_CHECK(same(row.anon, link.anon) && same(row.user, link.user));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_file(bytes);
  check_letter(bytes, data[0]);
  return 0;
}
