// SPDX-License-Identifier: MIT
//
// Bytes as what a service says on one connection, in any steps: the steps change nothing, and an
// answer is made of its own bytes and within its bounds. Where a connection ends, no answer comes
// that its bytes do not hold.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/answer_reader.hpp"
#include "util/check.hpp"

using namespace idmerge;
using namespace idmerge::net;

namespace {

struct Bounds {
  std::size_t head;
  std::size_t body;
};

struct Said {
  unsigned status = 0;
  std::array<std::string, 4> fields;
  std::string body;
  bool cut = false;
  bool keep_alive = false;
  std::size_t end = 0;  // where in the input
  bool operator==(const Said&) const = default;
};

struct Heard {
  std::vector<Said> answers;
  std::optional<Said> last;  // the one that ended with its connection
  bool garbage = false;      // in small steps it is noticed later, perhaps only by the next bytes
  bool too_long = false;     // a head or a line; how long it may be depends on the steps
  bool operator==(const Heard& other) const {
    return answers == other.answers && last == other.last;
  }
};

/// How many answers are to come, and how many bytes there are of them.
struct Foreseen {
  std::size_t answers = 0;
  std::vector<std::size_t> ends;
};

/// Are the bytes of `part` those of `of`, in their order? A line break in a field is a space.
bool is_made_of(std::string_view part, std::string_view of, bool field) {
  for (const char c : part) {
    if (field && c == ' ') continue;
    const auto at = of.find(c);
    if (at == std::string_view::npos) return false;
    of.remove_prefix(at + 1);
  }
  return true;
}

Said take(AnswerReader& reader, std::size_t begin, std::size_t end, std::string_view bytes,
          const Bounds& bounds) {
  const Response response = reader.taken();
  Said said{.status = response.status,
            .fields = {std::string(response.content_type), std::string(response.retry_after),
                       std::string(response.date), std::string(response.location)},
            .body = std::string(response.body),
            .cut = response.body_cut,
            .keep_alive = reader.keep_alive(),
            .end = end};
  IDMERGE_CHECK(said.status >= 200 && said.status <= 999);
  IDMERGE_CHECK(said.body.size() <= bounds.body);
  IDMERGE_CHECK(!said.cut || said.body.size() == bounds.body);
  IDMERGE_CHECK(begin < end);
  const auto own = bytes.substr(begin, end - begin);
  for (const auto& field : said.fields)
    IDMERGE_CHECK(is_made_of(field, own, true));
  const bool in_one = own.find(said.body) != std::string_view::npos;
  IDMERGE_CHECK(in_one || is_made_of(said.body, own, false));
  return said;
}

/// Where no answer to come is shorter than those before, no more is waited for than comes.
void check_awaited(const AnswerReader& reader, std::size_t fed, const Foreseen& foreseen,
                   std::size_t had) {
  std::size_t shortest_before = foreseen.ends.back();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < foreseen.ends.size(); ++i) {
    const std::size_t size = foreseen.ends[i] - begin;
    begin = foreseen.ends[i];
    if (i >= had && size < shortest_before) return;
    shortest_before = std::min(shortest_before, size);
  }
  if (fed < begin) IDMERGE_CHECK(reader.bytes_awaited() <= begin - fed);
}

/// What a connection hears that is fed so many bytes at a time, the steps one after the other.
Heard hear(std::string_view bytes, const Bounds& bounds, const std::array<std::size_t, 2>& steps,
           const Foreseen& foreseen = {}) {
  AnswerReader reader(bounds.head, bounds.body);
  reader.await(foreseen.answers);
  Heard heard;
  std::size_t fed = 0;
  std::size_t taken = 0;
  for (std::size_t i = 0;; ++i) {
    AnswerReader::error_code ec;
    while (reader.next(ec)) {
      const std::size_t end = fed - reader.unparsed();
      heard.answers.push_back(take(reader, taken, end, bytes, bounds));
      taken = end;
      if (!heard.answers.back().keep_alive) return heard;
    }
    heard.garbage = ec.failed();
    heard.too_long = ec == boost::beast::http::error::header_limit;
    if (ec) return heard;
    if (fed == bytes.size()) break;
    const auto room = reader.room();
    IDMERGE_CHECK(room.size() > 0);
    const std::size_t awaited = reader.bytes_awaited();
    IDMERGE_CHECK(awaited > 0 && awaited <= room.size());
    if (heard.answers.size() < foreseen.ends.size()) {
      check_awaited(reader, fed, foreseen, heard.answers.size());
    }
    const std::size_t n = std::min({room.size(), steps[i % steps.size()], bytes.size() - fed});
    std::memcpy(room.data(), bytes.data() + fed, n);
    reader.came(n);
    fed += n;
  }
  if (reader.ends_with_connection()) heard.last = take(reader, taken, fed, bytes, bounds);
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::size_t, 4> heads{32 * 1024, 1024, 200, 64};
  constexpr std::array<std::size_t, 4> bodies{1024 * 1024, 1000, 16, 0};
  if (size < 4) return 0;
  const Bounds bounds{heads[data[0] % heads.size()], bodies[data[1] % bodies.size()]};
  const std::array<std::size_t, 2> steps{data[2] + 1U, data[3] + 1U};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);

  const Heard whole = hear(bytes, bounds, {bytes.size() + 1, bytes.size() + 1});
  Foreseen foreseen{.answers = whole.answers.size(), .ends = {}};
  for (const auto& answer : whole.answers)
    foreseen.ends.push_back(answer.end);
  const Heard drops = hear(bytes, bounds, {1, 1}, foreseen);
  const Heard sips = hear(bytes, bounds, steps, foreseen);
  if (whole.too_long || drops.too_long || sips.too_long) return 0;
  IDMERGE_CHECK(drops == whole && sips == whole);

  // Cut off, it says the same or less.
  const auto part = bytes.substr(0, bytes.size() * data[2] / 256);
  const Heard less = hear(part, bounds, steps);
  IDMERGE_CHECK(less.answers.size() <= whole.answers.size());
  IDMERGE_CHECK(std::equal(less.answers.begin(), less.answers.end(), whole.answers.begin()));
  if (less.garbage) IDMERGE_CHECK(less.answers.size() == whole.answers.size() && !whole.last);
  return 0;
}
