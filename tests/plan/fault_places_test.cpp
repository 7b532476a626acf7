// SPDX-License-Identifier: MIT
//
// What idmerge says about a faulty row: for every fault, with LF and CRLF, in the middle of a chunk
// and with every byte of the row at a chunk's edge. Places are counted here anew, from marks.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "input/row_reader.hpp"
#include "plan/row_report.hpp"
#include "plan/row_validator.hpp"

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::Scratch;

namespace {

/// Where chunks of a file that is not compressed end. Source: input/row_reader. Units: bytes
constexpr std::size_t chunk_bytes = 256 << 10;

/// What stands around the sample: a header, if any, and good rows whose last field may be long.
struct Layout {
  std::string_view header, good_begin, good_end;
};
constexpr Layout csv{"anonymous_id,user_id,note", "p,q,", ""};
constexpr Layout csv_op{"anonymous_id,user_id,op,note", "p,q,create,", ""};
constexpr Layout ndjson{"", R"({"anonymous_id":"p","user_id":"q","note":")", "\"}"};
constexpr Layout ndjson_ids{"", R"({"$distinct_ids":["p","q"],"op":"merge","note":")", "\"}"};

struct Sample {
  std::vector<Fault> faults;
  /// The faulty rows, without the last line end; `^` stands before the byte of each fault.
  std::string rows;
  std::function<void(RowReaderOptions&)> options{};
  std::function<void(RowValidatorOptions&)> validate{};
  Layout layout = csv;
  bool at_end = false;  // of a pipe: nothing follows, not even a line end
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      {{Fault::row_too_long}, "^" + std::string(1001, 'x'), [](auto& o) { o.row_max = 1000; }},
      {{Fault::row_too_long},
       "^{\"anonymous_id\":\"" + std::string(1001, 'x') + "\"}",
       [](auto& o) { o.row_max = 1000; },
       {},
       ndjson},
      {{Fault::ragged_row}, "a,u^"},
      {{Fault::ragged_row}, "a,u,n,^m"},
      {{Fault::unclosed_quote, Fault::after_unclosed_quote}, "a,^\"u\n^b,v\"w,n"},
      {{Fault::text_after_quote}, "\"a\"^x,u,n"},
      {{Fault::bare_quote}, "a^\"x,u,n"},
      {{Fault::lone_cr}, "a,u^\rv,n"},
      {{Fault::lone_cr}, "\"a\nb\",u^\rv,n"},
      {{Fault::partial_row}, "a,u,n^", {}, {}, csv, true},
      {{Fault::partial_row}, R"({"anonymous_id":"a","user_id":"u"}^)", {}, {}, ndjson, true},
      {{Fault::repeated_header}, "^anonymous_id,user_id,note"},
      {{Fault::not_json}, R"({"anonymous_id":"a","user_id":^u})", {}, {}, ndjson},
      {{Fault::not_an_object}, R"(^["a","u"])", {}, {}, ndjson},
      {{Fault::trailing_bytes}, R"({"anonymous_id":"a","user_id":"u"} ^x)", {}, {}, ndjson},
      {{Fault::duplicate_key},
       R"({"anonymous_id":"a","user_id":"u",^"user_id":"v"})",
       {},
       {},
       ndjson},
      {{Fault::missing_field},
       R"(^{"$distinct_ids":["a","b"],"op":"create"})",
       [](auto& o) {
         o.op = Op::merge;
         o.id_fields = "/$distinct_ids";
         o.op_field = "op";
       },
       {},
       ndjson_ids},
      {{Fault::not_an_id}, R"({"anonymous_id":"a","user_id":^1.5})", {}, {}, ndjson},
      {{Fault::lone_surrogate}, R"({"anonymous_id":"a","user_id":"u^\ud800"})", {}, {}, ndjson},
      {{Fault::not_a_pair},
       R"({"$distinct_ids":^["a","b","c"]})",
       [](auto& o) {
         o.op = Op::merge;
         o.id_fields = "/$distinct_ids";
       },
       {},
       ndjson_ids},
      {{Fault::unknown_op}, "a,u,^delete,n", [](auto& o) { o.op_field = "op"; }, {}, csv_op},
      {{Fault::verb_not_in_mode},
       "a,u,^merge,n",
       [](auto& o) {
         o.op_field = "op";
         o.verbs.merge = false;
       },
       {},
       csv_op},
      {{Fault::repeated_header}, "^\xEF\xBB\xBF ANONYMOUS_ID,user_id ,other"},
      {{Fault::repeated_header},
       "^anonymous_id,user_id,op,note",
       [](auto& o) { o.op_field = "op"; },
       {},
       csv_op},
      {{Fault::repeated_header},
       "^\"device_id\",IDENTIFIED_ID,merge,note",
       [](auto& o) {
         o.op_field = "op";
         o.verbs.merge = false;
       },
       {},
       csv_op},
      {{Fault::blank_id}, "a,^,n", {}, [](auto& s) { s.reject_blank = true; }},
      {{Fault::bad_utf8}, "a,u^\xFFv,n"},
      {{Fault::control_byte}, "a,u^\x01v,n"},
      {{Fault::control_byte}, "a,\"u^\nv\",n"},
      {{Fault::id_too_long}, "a," + std::string(255, 'x') + "^x,n"},
      {{Fault::id_too_long},
       R"({"anonymous_id":"a","user_id":")" + std::string(255, 'x') + "^x\"}",
       {},
       {},
       ndjson},
      {{Fault::same_ids}, "a,^a,n"},
      {{Fault::placeholder}, "^null,u,n"},
      {{Fault::placeholder}, R"({"anonymous_id":"a","user_id":^"undefined"})", {}, {}, ndjson},
      {{Fault::device_user}, "a,^$device:u,n"},
      {{Fault::scientific}, "a,^1.23457E+11,n"},
      {{Fault::spreadsheet}, "^'00123,u,n"},
      {{Fault::doubled_prefix}, "^$device:$device:a,u,n", {}, [](auto& s) { s.simplified = true; }},
      {{Fault::denied},
       "a,^forbidden,n",
       {},
       [](auto& s) { s.deny = std::make_shared<const DenyList>(*DenyList::parse("forbidden\n")); }},
  };
  return all;
}

struct Place {
  std::uint64_t line = 0, column = 0, byte_offset = 0;
};

/// A file with the sample somewhere in it, and where its faults must be found.
struct Made {
  std::string text;
  std::vector<Place> places;
  std::uint64_t good = 0;  // rows besides the sample's
};

std::string good_row(const Layout& layout, std::size_t padding) {
  return fmt::format("{}{:z>{}}{}", layout.good_begin, "", padding, layout.good_end);
}

/// The sample at `start_at`, or behind the header if that is longer, between good rows.
Made make(const Sample& sample, std::string_view line_end, std::size_t start_at) {
  Made made;
  if (!sample.layout.header.empty()) made.text.append(sample.layout.header).append(line_end);
  const auto shortest = good_row(sample.layout, 0).size() + line_end.size();
  while (made.text.size() < start_at) {
    const auto left = start_at - made.text.size();
    const auto size = left < 800 ? left : 400;
    made.text.append(good_row(sample.layout, size < shortest ? 0 : size - shortest))
        .append(line_end);
    ++made.good;
  }
  for (const char c : sample.rows) {
    if (c != '^') {
      made.text += c;
      continue;
    }
    const auto& text = made.text;
    made.places.push_back(
        {.line = 1 + static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')),
         .column = text.size() - (text.rfind('\n') + 1) + 1,  // npos + 1 is 0
         .byte_offset = text.size()});
  }
  if (sample.at_end) return made;
  made.text.append(line_end).append(good_row(sample.layout, 0)).append(line_end);
  ++made.good;
  return made;
}

void check(const Sample& sample, const Made& made, const Scratch& scratch) {
  INFO(name(sample.faults[0]) << ": " << sample.rows.substr(0, 80));
  const auto path = scratch.path("in");
  std::thread writer;
  if (sample.at_end) {
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    writer = std::thread([&] { scratch.write("in", made.text); });
  } else {
    scratch.write("in", made.text);
  }
  RowReaderOptions options{.inputs = {path}};
  RowValidatorOptions screening;
  if (sample.options) sample.options(options);
  if (sample.validate) sample.validate(screening);
  std::string said;
  std::uint64_t good = 0;
  {
    auto row_reader = RowReader::open(options);
    REQUIRE_MESSAGE(row_reader, row_reader);
    RowBlock block;
    for (;;) {
      const auto more = row_reader->next(block);
      REQUIRE_MESSAGE(more, more);
      if (!*more) break;
      for (auto& row : block.rows) {
        if (validate(row, screening) == RowCheck::faulty) {
          append_faulty(said, row, path);
        } else {
          good += row.anon == "p" && row.user == "q" ? 1 : 1'000'000;
        }
      }
    }
  }
  if (writer.joinable()) writer.join();
  std::filesystem::remove(path);
  CHECK(good == made.good);
  std::size_t at = 0;
  std::size_t count = 0;
  for (auto end = said.find('\n'); end != std::string::npos; end = said.find('\n', at), ++count) {
    const auto line = said.substr(at, end - at);
    at = end + 1;
    REQUIRE(count < sample.faults.size());
    const auto fault = sample.faults[count];
    const auto& place = made.places[count];
    const auto wanted = fmt::format(
        R"({{"file":"{}","line":{},"column":{},"byte_offset":{},"reason":"{}","message":"{}","hint":"{}","row":")",
        path, place.line, place.column, place.byte_offset, name(fault), sentence(fault),
        hint(fault));
    CHECK(line.substr(0, wanted.size()) == wanted);
  }
  CHECK(count == sample.faults.size());
}

}  // namespace

TEST_SUITE("plan/fault_places") {
  TEST_CASE("there is a sample of every fault") {
    std::set<Fault> seen;
    for (const auto& sample : samples())
      seen.insert(sample.faults.begin(), sample.faults.end());
    for (auto i = 1; i < static_cast<int>(Fault::count); ++i) {
      INFO(name(static_cast<Fault>(i)));
      CHECK(seen.contains(static_cast<Fault>(i)));
    }
  }

  TEST_CASE("a fault is found where it is, in the middle of a chunk") {
    const Scratch scratch;
    for (const auto& sample : samples()) {
      for (const std::string_view line_end : {"\n", "\r\n"}) {
        for (const std::size_t rows : {100U, 700U, 100'000U})
          check(sample, make(sample, line_end, rows), scratch);
      }
    }
  }

  TEST_CASE("a fault is found where it is, whichever of its bytes ends a chunk") {
    const Scratch scratch;
    for (const auto& sample : samples()) {
      for (const std::string_view line_end : {"\n", "\r\n"}) {
        // Long rows: only their ends, and what lies around their marks.
        const auto size = sample.rows.size();
        for (std::size_t before = 0; before <= size + 2; ++before) {
          if (before > 70 && before + 8 < size) continue;
          check(sample, make(sample, line_end, chunk_bytes - before), scratch);
        }
      }
    }
  }
}
