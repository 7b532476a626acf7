// SPDX-License-Identifier: MIT
//
// Prints any amount of made-up pairs, the same for the same options: what benchmarks and end to
// end tests read. Every row is a function of the seed and its number, so that a billion rows need
// no memory and an earlier pair can be repeated without having been kept. The ids are chosen to
// hurt a reader that trims, folds case or takes ids for numbers. `scripts/make_pairs` builds and
// runs it.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr const char* usage = R"(usage: make_pairs --rows N [options]

  --duplicates 30%    share of rows that repeat an earlier pair, exact (0)
  --conflicts P       share of distinct pairs whose anonymous id has another user already (0)
  --faults P          share of rows that cannot be used, each for one of several reasons (0)
  --blanks P          share of rows with one side blank (0)
  --format csv|ndjson (csv)
  --columns N         columns in all, from 2; more than 2 looks like an event export (2)
  --quoted            csv: quote every field
  --crlf              csv: end lines with CR LF
  --seed N            (1)
  --output FILE       (standard output)
  --truth FILE        write the distinct pairs that may be sent, as csv without a header
)";

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "make_pairs: %s\n\n%s", why.c_str(), usage);
  std::exit(2);
}

struct Options {
  std::uint64_t rows = 0;
  double duplicates = 0;
  double conflicts = 0;
  double faults = 0;
  double blanks = 0;
  bool ndjson = false;
  unsigned columns = 2;
  bool quoted = false;
  bool crlf = false;
  std::uint64_t seed = 1;
  std::string output;
  std::string truth;
};

std::uint64_t number(std::string_view option, const char* text) {
  char* end = nullptr;
  const auto value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0') fail(std::string(option) + ": not a number: " + text);
  return value;
}

double share(std::string_view option, const char* text) {
  char* end = nullptr;
  auto value = std::strtod(text, &end);
  if (end != text && *end == '%') {
    value /= 100;
    ++end;
  }
  if (end == text || *end != '\0' || value < 0 || value > 1) {
    fail(std::string(option) + ": not a share such as 30%: " + text);
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--quoted") {
      options.quoted = true;
      continue;
    }
    if (name == "--crlf") {
      options.crlf = true;
      continue;
    }
    if (name == "--help") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (i + 1 == argc) fail(std::string(name) + ": needs a value, or is unknown");
    const char* value = argv[++i];
    if (name == "--rows") {
      options.rows = number(name, value);
    } else if (name == "--duplicates") {
      options.duplicates = share(name, value);
    } else if (name == "--conflicts") {
      options.conflicts = share(name, value);
    } else if (name == "--faults") {
      options.faults = share(name, value);
    } else if (name == "--blanks") {
      options.blanks = share(name, value);
    } else if (name == "--format") {
      options.ndjson = std::strcmp(value, "ndjson") == 0;
      if (!options.ndjson && std::strcmp(value, "csv") != 0) fail("--format: csv or ndjson");
    } else if (name == "--columns") {
      options.columns = static_cast<unsigned>(number(name, value));
      if (options.columns < 2 || options.columns > 1000) fail("--columns: 2 to 1000");
    } else if (name == "--seed") {
      options.seed = number(name, value);
    } else if (name == "--output") {
      options.output = value;
    } else if (name == "--truth") {
      options.truth = value;
    } else {
      fail(std::string(name) + ": no such option");
    }
  }
  if (options.rows == 0) fail("--rows: how many?");
  if (options.duplicates + options.faults + options.blanks >= 1) fail("the shares add up to all");
  return options;
}

/// A random number that depends on nothing but its arguments (splitmix64's mixer, twice).
std::uint64_t mix(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index) {
  auto once = [](std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  };
  return once(once(seed * 0x9e3779b97f4a7c15U + purpose) + index * 0x9e3779b97f4a7c15U);
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits{};
  auto at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.append(&digits[at], digits.size() - at);
}

void append_hex(std::string& out, std::uint64_t value, unsigned digits) {
  for (auto left = digits; left > 0; --left) {
    out += "0123456789abcdef"[(value >> (4 * (left - 1))) & 15U];
  }
}

/// The distinct pairs 0..count-1, each a function of its number.
class Pairs {
 public:
  Pairs(const Options& options, std::uint64_t count)
      : seed_(options.seed),
        conflicts_(static_cast<std::uint64_t>(options.conflicts * 0x1p32)),
        count_(count) {
    // How many anonymous ids the users of a thousand links have: most one, few many; mixed, so
    // that a small file has some of each.
    std::vector<unsigned> stars;
    for (const auto& [users, ids] :
         {std::pair{1U, 120U}, {2U, 40U}, {10U, 12U}, {40U, 5U}, {100U, 2U}, {280U, 1U}}) {
      stars.insert(stars.end(), users, ids);
    }
    for (auto left = stars.size(); left > 1; --left) {
      std::swap(stars[left - 1], stars[mix(0, 8, left) % left]);
    }
    std::size_t at = 0;
    for (const auto ids : stars) {
      for (unsigned id = 0; id < ids; ++id)
        user_of_[at++] = users_per_block_;
      ++users_per_block_;
    }
    // Neighbours in the file are not neighbours in a star: visit the positions in large steps.
    step_ = std::min(count / 3 * 2 + 1, std::uint64_t{1'000'003});
    while (std::gcd(step_, count) != 1)
      ++step_;
  }

  /// Does this pair claim an anonymous id that another user has?
  [[nodiscard]] bool is_conflict(std::uint64_t pair) const {
    return pair > 0 && (mix(seed_, 1, pair) >> 32U) < conflicts_;
  }

  /// The pair that brought the anonymous id of this one.
  [[nodiscard]] std::uint64_t origin(std::uint64_t pair) const {
    while (is_conflict(pair))
      pair = mix(seed_, 2, pair) % pair;
    return pair;
  }

  void append_anon(std::string& out, std::uint64_t pair) const {
    const auto id = origin(pair);
    const auto high = mix(seed_, 3, id);
    const auto low = mix(seed_, 4, id);
    append_hex(out, high >> 32U, 8);
    out += '-';
    append_hex(out, high >> 16U, 4);
    out += "-4";
    append_hex(out, high, 3);
    out += '-';
    out += "89ab"[low >> 62U];
    append_hex(out, low >> 48U, 3);
    out += '-';
    append_hex(out, low, 12);
  }

  [[nodiscard]] std::uint64_t user(std::uint64_t pair) const {
    const auto own = user_at(pair);
    if (!is_conflict(pair)) return own;
    return own == user_at(origin(pair)) ? own + 1 : own;
  }

  /// Is the user's id a number as JSON writes them?
  static bool is_integer(std::uint64_t user) { return user % 10 < 3; }

  static void append_user(std::string& out, std::uint64_t user) {
    switch (user % 10) {
      case 0:
      case 1:
        append_number(out, user + 1'000'000);
        break;
      case 2:  // neighbours here are the same double
        append_number(out, 9'007'199'254'740'993U + user);
        break;
      case 3:  // the user of case 1 before, as a number
        out += '0';
        append_number(out, user - 2 + 1'000'000);
        break;
      case 4:
        out += "usr_K";
        append_number(out, user);
        break;
      case 5:  // the user before, if case were folded
        out += "usr_k";
        append_number(out, user - 1);
        break;
      case 6:  // the user before, if ids were trimmed
        out += "usr_k";
        append_number(out, user - 2);
        out += ' ';
        break;
      case 7:
        out += "zo\xc3\xab.";
        append_number(out, user);
        break;
      case 8:
        append_number(out, user);
        out += "@example.com";
        break;
      default:
        append_hex(out, user * 0x9e3779b97f4a7c15U, 16);
        break;
    }
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  [[nodiscard]] std::uint64_t user_at(std::uint64_t pair) const {
    const auto position = pair * step_ % count_;
    return position / user_of_.size() * users_per_block_ + user_of_[position % user_of_.size()];
  }

  std::uint64_t seed_;
  std::uint64_t conflicts_;  // of 2^32
  std::uint64_t count_;
  std::uint64_t step_ = 1;
  std::array<unsigned, 1000> user_of_{};
  unsigned users_per_block_ = 0;
};

/// A file that is written in large pieces; any failure ends the program.
class Output {
 public:
  explicit Output(const std::string& path)
      : file_(path.empty() ? stdout : std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) fail(path + ": cannot be written: " + std::strerror(errno));
  }

  std::string text;

  void pass() {
    if (text.size() > limit) flush();
  }

  void close() {
    flush();
    if (std::fclose(file_) != 0) fail(std::string("cannot write: ") + std::strerror(errno));
  }

 private:
  static constexpr std::size_t limit = std::size_t{1} << 20U;

  void flush() {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) {
      fail(std::string("cannot write: ") + std::strerror(errno));
    }
    text.clear();
  }

  std::FILE* file_;
};

/// Writes rows in one of the two formats.
class Writer {
 public:
  Writer(const Options& options, Output& out) : options_(options), out_(out) {
    // Where the two ids stand among the columns of an event export.
    if (options.columns > 2) anon_column_ = std::min(2U, options.columns - 2);
    user_column_ = anon_column_ + 1;
  }

  void header() {
    if (options_.ndjson) return;
    for (unsigned column = 0; column < options_.columns; ++column) {
      if (column > 0) out_.text += ',';
      field(name(column));
    }
    end_line();
  }

  /// One row. `raw` ids are written as they are, between quotes or not, for faults.
  void row(std::uint64_t number, std::string_view anon, std::string_view user, bool integer) {
    if (options_.ndjson) out_.text += '{';
    for (unsigned column = 0; column < options_.columns; ++column) {
      if (column > 0) out_.text += ',';
      if (options_.ndjson) {
        out_.text += '"';
        out_.text += name(column);
        out_.text += "\":";
      }
      if (column == anon_column_) {
        field(anon);
      } else if (column == user_column_) {
        if (options_.ndjson && integer) {
          out_.text += user;
        } else {
          field(user);
        }
      } else {
        filler(number, column);
      }
    }
    if (options_.ndjson) out_.text += '}';
    end_line();
  }

  /// A line that is no row, as it is.
  void line(std::string_view text) {
    out_.text += text;
    end_line();
  }

 private:
  std::string_view name(unsigned column) {
    if (column == anon_column_) return "anonymous_id";
    if (column == user_column_) return "user_id";
    static constexpr std::array<std::string_view, 8> names{
        "id",         "received_at", "", "", "context_user_agent", "context_page_title",
        "context_ip", "event"};
    if (column < names.size() && !names[column].empty()) return names[column];
    scratch_ = "column_";
    append_number(scratch_, column + 1);
    return scratch_;
  }

  void field(std::string_view value) {
    if (options_.ndjson) {
      out_.text += '"';
      for (const char c : value) {
        if (c == '"' || c == '\\') out_.text += '\\';
        if (c == '\n') {
          out_.text += "\\n";
        } else {
          out_.text += c;
        }
      }
      out_.text += '"';
      return;
    }
    if (!options_.quoted && value.find_first_of(",\"\r\n") == std::string_view::npos) {
      out_.text += value;
      return;
    }
    out_.text += '"';
    for (const char c : value) {
      if (c == '"') out_.text += '"';
      out_.text += c;
    }
    out_.text += '"';
  }

  void filler(std::uint64_t number, unsigned column) {
    static constexpr std::array<std::string_view, 4> agents{
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15", "curl/8.5.0",
        "okhttp/4.12.0"};
    static constexpr std::array<std::string_view, 4> titles{"Home", "Pricing, plans",
                                                            "The \"pro\" plan", "Two\nlines"};
    const auto random = mix(options_.seed, 100 + column, number);
    std::string value;
    switch (column) {
      case 0:
        append_hex(value, random, 16);
        break;
      case 1:
        value = "2026-11-2";
        value += static_cast<char>('0' + random % 10);
        value += "T03:04:05.";
        append_number(value, 100 + random / 16 % 900);
        value += 'Z';
        break;
      case 4:
        value = agents[random % agents.size()];
        break;
      case 5:
        value = titles[random / 64 % (random % 64 == 0 ? 4 : 2)];
        break;
      case 6:
        value = "203.0.113.";
        append_number(value, random % 256);
        break;
      default:
        append_number(value, random % 1'000'000);
        break;
    }
    field(value);
  }

  void end_line() {
    out_.text += options_.crlf && !options_.ndjson ? "\r\n" : "\n";
    out_.pass();
  }

  const Options& options_;
  Output& out_;
  std::string scratch_;
  unsigned anon_column_ = 0;
  unsigned user_column_ = 1;
};

/// A row that cannot be used. Each kind costs exactly one row, whatever stands around it.
void write_fault(Writer& writer, const Options& options, std::uint64_t row) {
  const std::string good = "3c9d2a64-7f0e-4f1b-9a55-0d8a6f2e1b77";
  const auto kind = mix(options.seed, 6, row) % 7;
  switch (kind) {
    case 0:
      return writer.row(row, "null", "4711", false);
    case 1:
      return writer.row(row, good, "Undefined", false);
    case 2:
      return writer.row(row, good, good, false);
    case 3:
      return writer.row(row, good, std::string(256, 'x'), false);
    case 4:
      return writer.row(row, good, "usr_\xc3\x28", false);
    case 5:
      return options.ndjson ? writer.line("{\"anonymous_id\":\"" + good + "\",\"user_id\":")
                            : writer.line(good);
    default:
      return options.ndjson ? writer.line("{\"anonymous_id\":\"" + good + "\",\"user_id\":4711.5}")
                            : writer.row(row, good, "usr_\x01", false);
  }
}

void write_truth(const Options& options, const Pairs& pairs) {
  std::vector<bool> contested(pairs.count());
  for (std::uint64_t pair = 0; pair < pairs.count(); ++pair) {
    if (!pairs.is_conflict(pair)) continue;
    contested[pair] = true;
    contested[pairs.origin(pair)] = true;
  }
  Output out(options.truth);
  for (std::uint64_t pair = 0; pair < pairs.count(); ++pair) {
    if (contested[pair]) continue;
    pairs.append_anon(out.text, pair);
    out.text += ',';
    Pairs::append_user(out.text, pairs.user(pair));
    out.text += '\n';
    out.pass();
  }
  out.close();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  const auto part = [&](double of) {
    return static_cast<std::uint64_t>(std::llround(of * static_cast<double>(options.rows)));
  };
  auto duplicates = part(options.duplicates);
  auto faults = part(options.faults);
  auto blanks = part(options.blanks);
  const auto distinct = options.rows - duplicates - faults - blanks;
  if (distinct == 0) fail("--rows: too few for these shares");
  const Pairs pairs(options, distinct);

  Output out(options.output);
  Writer writer(options, out);
  writer.header();
  std::uint64_t made = 0;
  std::string anon;
  std::string user;
  for (std::uint64_t row = 0; row < options.rows; ++row) {
    // Draw without putting back, so that the shares are exact; the first row is a pair.
    const auto left = options.rows - row;
    auto draw = made == 0 ? left : mix(options.seed, 5, row) % left;
    if (draw < faults) {
      --faults;
      write_fault(writer, options, row);
      continue;
    }
    draw -= faults;
    const bool blank = draw < blanks;
    const bool duplicate = !blank && draw - blanks < duplicates;
    if (blank) --blanks;
    if (duplicate) --duplicates;
    const auto pair = blank || duplicate ? mix(options.seed, 7, row) % made : made++;
    anon.clear();
    user.clear();
    const auto number = pairs.user(pair);
    if (!blank || row % 2 == 0) pairs.append_anon(anon, pair);
    if (!blank || row % 2 == 1) Pairs::append_user(user, number);
    writer.row(row, anon, user, Pairs::is_integer(number) && !user.empty());
  }
  out.close();
  if (!options.truth.empty()) write_truth(options, pairs);
  return 0;
}
