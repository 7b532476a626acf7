// SPDX-License-Identifier: MIT
//
// Bytes as NDJSON. However the file is cut into slices, the rows are the same; they account for
// every byte; a line is taken for an object exactly when simdjson's whole parser takes it for one,
// and its ids are the ones that simdjson reads.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "input/ndjson.hpp"
#include "util/check.hpp"

#include "row_check.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

namespace {

Fields fields(bool nested) {
  auto chosen = choose_fields({.anon = nested ? "/p/a" : "a", .user = nested ? "/l/1" : "u"}, {});
  IDMERGE_CHECK(chosen.has_value());
  return *chosen;
}

bool is_object(const ReadRow& row) {
  return row.fault == Fault::none || row.fault == Fault::not_an_id ||
         row.fault == Fault::duplicate_key || row.fault == Fault::lone_surrogate;
}

void check_id(simdjson::dom::element object, std::string_view pointer, const std::string& id) {
  simdjson::dom::element value;
  std::string_view text;
  if (object.at_pointer(pointer).get(value) != simdjson::SUCCESS) {
    IDMERGE_CHECK(id.empty());
  } else if (value.get_string().get(text) == simdjson::SUCCESS) {
    IDMERGE_CHECK(id == (text == "\\N" ? "" : text));
  } else if (value.is_null()) {
    IDMERGE_CHECK(id.empty());
  } else {
    IDMERGE_CHECK(simdjson::minify(value) == id || id == "-0");
  }
}

/// Integers that no machine type holds are fine here, but not for simdjson.
bool has_long_number(std::string_view text) {
  std::size_t run = 0;
  for (const char c : text) {
    run = c >= '0' && c <= '9' ? run + 1 : 0;
    if (run > 18) return true;
  }
  return false;
}

void check_line(const ReadRow& row, bool nested) {
  if (has_long_number(row.text)) return;
  static simdjson::dom::parser parser;
  simdjson::dom::element object;
  const auto error = parser.parse(row.text.data(), row.text.size(), true).get(object);
  if (error == simdjson::SUCCESS) {
    IDMERGE_CHECK(is_object(row) == object.is_object());
    IDMERGE_CHECK(object.is_object() || row.fault == Fault::not_an_object);
    if (row.fault != Fault::none) return;
    check_id(object, nested ? "/p/a" : "/a", row.anon);
    check_id(object, nested ? "/l/1" : "/u", row.user);
    return;
  }
  // Floats beyond all range, lone surrogates and depth are no errors of the text.
  if (error == simdjson::NUMBER_ERROR || error == simdjson::STRING_ERROR ||
      error == simdjson::DEPTH_ERROR) {
    return;
  }
  IDMERGE_CHECK(!is_object(row));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const unsigned bits = data[0];
  const bool nested = (bits & 1U) != 0;
  const NdjsonOptions options{.row_max = (bits & 2U) != 0 ? 64U : 1U << 20U,
                              .pipe = (bits & 4U) != 0};
  const std::size_t slice = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = read_all(NdjsonReader(options, fields(nested), 0), bytes);
  IDMERGE_CHECK(read_all(NdjsonReader(options, fields(nested), 0), bytes, slice) == whole);
  check_rows(whole, bytes);
  for (const auto& row : whole.rows) {
    if (row.fault != Fault::row_too_long && row.fault != Fault::partial_row) {
      check_line(row, nested);
    }
  }
  return 0;
}
