// SPDX-License-Identifier: MIT
#include "send/checkpoint.hpp"

#include <charconv>

#include <fmt/format.h>

namespace idmerge::send {
namespace {

constexpr std::string_view first_word = "idmerge checkpoint ";
constexpr std::string_view first_line = "idmerge checkpoint 4\n";
constexpr std::string_view old_first_line = "idmerge checkpoint 3\n";
constexpr std::string_view word_prefix = "word.";
constexpr std::size_t checkpoint_bytes_max = std::size_t{64} << 20;

std::string hex64(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

bool parse_hex64(std::string_view text, std::uint64_t& value) {
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return false;
  }
  return std::from_chars(text.data(), text.data() + text.size(), value, 16).ec == std::errc();
}

/// Join items with spaces, as in "402+3 410+1".
template <class List, class Put>
std::string joined(const List& list, Put put) {
  std::string text;
  for (const auto& item : list) {
    if (!text.empty()) text += ' ';
    put(text, item);
  }
  return text;
}

std::string ranges_text(const std::vector<LinkRange>& ranges) {
  return joined(ranges, [](std::string& text, const LinkRange& range) {
    fmt::format_to(std::back_inserter(text), "{}+{}", range.first, range.count);
  });
}

/// Parse pairs of numbers, as written by joined().
template <class Take>
bool split(std::string_view text, char between, Take take) {
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto item = text.substr(0, end);
    const auto middle = item.find(between);
    std::uint64_t left = 0;
    std::uint64_t right = 0;
    if (middle == std::string_view::npos || !util::parse_number(item.substr(0, middle), left) ||
        !util::parse_number(item.substr(middle + 1), right) || !take(left, right)) {
      return false;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

/// Reads the values in the order in which they are written.
class Fields {
 public:
  explicit Fields(const util::KeyValues& values) : at_(values.begin()), end_(values.end()) {}

  /// Returns: the value of the next key, which must be `key`.
  std::string_view next(std::string_view key) {
    if (at_ == end_ || at_->first != key) {
      if (wrong_.empty()) wrong_ = key;
      return {};
    }
    return (at_++)->second;
  }

  /// Returns whether the next key is this optional one.
  bool has(std::string_view key) const { return at_ != end_ && at_->first == key; }

  void check(bool is_right, std::string_view key) {
    if (!is_right && wrong_.empty()) wrong_ = key;
  }

  void number(std::string_view key, std::uint64_t& value) {
    check(util::parse_number(next(key), value), key);
  }

  void hexadecimal(std::string_view key, std::uint64_t& value) {
    check(parse_hex64(next(key), value), key);
  }

  void words(util::KeyValues& values) {
    for (; at_ != end_; ++at_) {
      const std::string_view key = at_->first;
      check(key.size() > word_prefix.size() && key.substr(0, word_prefix.size()) == word_prefix,
            key);
      if (!wrong_.empty()) return;
      values.set(key.substr(word_prefix.size()), at_->second);
    }
  }

  /// Returns: the first key that is absent or has an invalid value; empty if there is none.
  std::string_view wrong() const { return wrong_; }

 private:
  decltype(std::declval<const util::KeyValues&>().begin()) at_;
  decltype(at_) end_;
  std::string_view wrong_;
};

bool parse_signed(std::string_view text, std::int64_t& value) {
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

/// Far above any real rate.
constexpr std::uint64_t limit_per_s_max = 1'000'000'000'000;

/// Returns whether the values are consistent: a limit is only known after a rate-limited answer,
/// which sets a pause as well.
bool is_limit(const KnownLimit& limit) {
  const bool is_limited = limit.per_s > 0 || limit.rate_per_s > 0 || limit.of_minute;
  return limit.paused_until_s >= (is_limited ? 1 : 0) && limit.per_s <= limit_per_s_max &&
         limit.rate_per_s <= limit_per_s_max;
}

void read_ledger(Fields& fields, LedgerState& ledger) {
  fields.number("links", ledger.links);
  fields.number("watermark", ledger.watermark);
  fields.check(split(fields.next("above"), '+',
                     [&](std::uint64_t first, std::uint64_t count) {
                       ledger.above.push_back({first, count});
                       return true;
                     }),
               "above");
  fields.check(split(fields.next("parked"), 'x',
                     [&](std::uint64_t ordinal, std::uint64_t attempts) {
                       if (attempts > UINT32_MAX) return false;
                       ledger.parked.push_back({ordinal, static_cast<std::uint32_t>(attempts)});
                       return true;
                     }),
               "parked");
  if (fields.has("reopened")) {
    fields.check(split(fields.next("reopened"), '+',
                       [&](std::uint64_t first, std::uint64_t count) {
                         ledger.reopened.push_back({first, count});
                         return true;
                       }),
                 "reopened");
  }
  fields.number("delivered", ledger.delivered);
  fields.number("refused", ledger.refused);
  fields.number("ambiguous", ledger.ambiguous);
  fields.number("passed", ledger.passed);
}

/// Read the fields in their order. Returns: the first invalid key, or an empty string.
std::string_view read_fields(const util::KeyValues& values, Checkpoint& checkpoint) {
  Fields fields(values);
  fields.check(util::parse_hex(fields.next("plan"), checkpoint.plan), "plan");
  checkpoint.target = fields.next("target");
  fields.number("generation", checkpoint.generation);
  fields.hexadecimal("journal_chain", checkpoint.journal_chain);
  fields.number("round", checkpoint.round);
  fields.number("round_links", checkpoint.round_links);
  fields.check(parse_signed(fields.next("pinned_time_s"), checkpoint.pinned_time_s),
               "pinned_time_s");
  fields.number("in_flight_max", checkpoint.in_flight_max);
  if (checkpoint.old_window) {
    fields.number("ahead_max", checkpoint.old_window->ahead_max);
  } else {
    fields.number("ceiling", checkpoint.ceiling);
  }
  checkpoint.boot = fields.next("boot");
  fields.number("limit_per_s", checkpoint.limit.per_s);
  fields.check(parse_signed(fields.next("paused_until_s"), checkpoint.limit.paused_until_s),
               "paused_until_s");
  if (fields.has("rate_per_s")) fields.number("rate_per_s", checkpoint.limit.rate_per_s);
  if (fields.has("limit_of_minute")) {
    checkpoint.limit.of_minute = true;
    fields.check(fields.next("limit_of_minute") == "yes", "limit_of_minute");
  }
  fields.check(is_limit(checkpoint.limit), "paused_until_s");
  std::vector<LinkRange> in_doubt;
  fields.check(split(fields.next("in_doubt"), '+',
                     [&](std::uint64_t first, std::uint64_t count) {
                       in_doubt.push_back({first, count});
                       return true;
                     }),
               "in_doubt");
  const auto finished = fields.next("finished");
  checkpoint.finished = finished == "yes";
  fields.check(checkpoint.finished || finished == "no", "finished");
  std::uint64_t exit_code = 0;
  fields.number("exit_code", exit_code);
  fields.check(exit_code <= 255, "exit_code");
  checkpoint.exit_code = static_cast<int>(exit_code & 255);
  read_ledger(fields, checkpoint.ledger);
  const bool are_links = are_ranges(in_doubt, checkpoint.ledger.links);
  fields.check(are_links, "in_doubt");
  if (are_links) checkpoint.in_doubt = LinkSet(std::move(in_doubt));
  fields.check(checkpoint.ceiling <= checkpoint.ledger.links, "ceiling");
  fields.number("delivered_before", checkpoint.delivered_before);
  fields.number("refused_before", checkpoint.refused_before);
  fields.number("ambiguous_before", checkpoint.ambiguous_before);
  fields.number("letters_bytes", checkpoint.letters_bytes);
  fields.hexadecimal("letters_chain", checkpoint.letters_chain);
  if (!checkpoint.old_window) {
    fields.number("ambiguous_bytes", checkpoint.ambiguous_bytes);
    fields.hexadecimal("ambiguous_chain", checkpoint.ambiguous_chain);
  }
  fields.words(checkpoint.words);
  return fields.wrong();
}

/// Returns whether round, counts and ledger are consistent.
bool rounds_add_up(const Checkpoint& checkpoint) {
  const auto& ledger = checkpoint.ledger;
  if (checkpoint.round == 0) {
    return checkpoint.round_links == 0 && checkpoint.delivered_before == 0 &&
           checkpoint.refused_before == 0 && checkpoint.ambiguous_before == 0;
  }
  const auto before = checkpoint.delivered_before + checkpoint.refused_before;
  return checkpoint.round_links > 0 && checkpoint.round_links <= ledger.links &&
         ledger.delivered + ledger.refused <= checkpoint.round_links &&
         ledger.passed <= ledger.links - checkpoint.round_links &&
         checkpoint.delivered_before <= ledger.links && checkpoint.refused_before <= ledger.links &&
         before <= ledger.links - checkpoint.round_links &&
         checkpoint.ambiguous_before <= checkpoint.delivered_before;
}

Error damaged(std::string_view name, std::string_view what) {
  return {Errc::input, fmt::format("{}: {}: restore this file, or start a new job", name, what)};
}

}  // namespace

std::string checkpoint_text(const Checkpoint& checkpoint) {
  const auto& ledger = checkpoint.ledger;
  util::KeyValues values;
  const auto number = [&](std::string_view key, auto value) {
    values.set(key, std::to_string(value));
  };
  values.set("plan", util::hex(checkpoint.plan));
  values.set("target", checkpoint.target);
  number("generation", checkpoint.generation);
  values.set("journal_chain", hex64(checkpoint.journal_chain));
  number("round", checkpoint.round);
  number("round_links", checkpoint.round_links);
  number("pinned_time_s", checkpoint.pinned_time_s);
  number("in_flight_max", checkpoint.in_flight_max);
  if (checkpoint.old_window) {
    number("ahead_max", checkpoint.old_window->ahead_max);
  } else {
    number("ceiling", checkpoint.ceiling);
  }
  values.set("boot", checkpoint.boot);
  number("limit_per_s", checkpoint.limit.per_s);
  number("paused_until_s", checkpoint.limit.paused_until_s);
  if (checkpoint.limit.rate_per_s > 0) number("rate_per_s", checkpoint.limit.rate_per_s);
  if (checkpoint.limit.of_minute) values.set("limit_of_minute", "yes");
  values.set("in_doubt", ranges_text(checkpoint.in_doubt.ranges()));
  values.set("finished", checkpoint.finished ? "yes" : "no");
  number("exit_code", checkpoint.exit_code);
  number("links", ledger.links);
  number("watermark", ledger.watermark);
  values.set("above", ranges_text(ledger.above));
  values.set("parked", joined(ledger.parked, [](std::string& text, const ParkedLink& link) {
               fmt::format_to(std::back_inserter(text), "{}x{}", link.ordinal, link.attempts);
             }));
  if (!ledger.reopened.empty()) values.set("reopened", ranges_text(ledger.reopened));
  number("delivered", ledger.delivered);
  number("refused", ledger.refused);
  number("ambiguous", ledger.ambiguous);
  number("passed", ledger.passed);
  number("delivered_before", checkpoint.delivered_before);
  number("refused_before", checkpoint.refused_before);
  number("ambiguous_before", checkpoint.ambiguous_before);
  number("letters_bytes", checkpoint.letters_bytes);
  values.set("letters_chain", hex64(checkpoint.letters_chain));
  if (!checkpoint.old_window) {
    number("ambiguous_bytes", checkpoint.ambiguous_bytes);
    values.set("ambiguous_chain", hex64(checkpoint.ambiguous_chain));
  }
  for (const auto& [key, value] : checkpoint.words) {
    values.set(std::string(word_prefix) + key, value);
  }
  auto text = std::string(checkpoint.old_window ? old_first_line : first_line) + values.text();
  const auto sum = util::checksum(text);
  return text + util::KeyValues{{"checksum", hex64(sum)}}.text();
}

Result<Checkpoint> parse_checkpoint(std::string_view text, std::string_view name) {
  if (text.substr(0, first_word.size()) != first_word) return damaged(name, "is not a checkpoint");
  const auto sum_at = text.rfind("checksum = ");
  if (sum_at == std::string_view::npos || sum_at == 0 || text[sum_at - 1] != '\n') {
    return damaged(name, "was cut short");
  }
  const auto body = text.substr(0, sum_at);
  if (text.substr(sum_at) != util::KeyValues{{"checksum", hex64(util::checksum(body))}}.text()) {
    return damaged(name, "was changed or cut");
  }
  // Checked after the checksum, so that a flipped bit is not taken for another version.
  const auto line = body.substr(0, body.find('\n') + 1);
  if (line != first_line && line != old_first_line) {
    return Error{
        Errc::input,
        fmt::format("{}: is of version {}, and this idmerge reads versions 3 and 4: finish "
                    "the job with the idmerge that wrote it; a new job would send all "
                    "links again",
                    name, line.substr(first_word.size(), line.size() - 1 - first_word.size()))};
  }
  const auto values = util::KeyValues::parse(body.substr(line.size()));
  if (!values) return damaged(name, values.error().what);
  Checkpoint checkpoint;
  if (line == old_first_line) checkpoint.old_window.emplace();
  if (const auto wrong = read_fields(*values, checkpoint); !wrong.empty()) {
    return damaged(name, fmt::format("{} is absent or not as it should be", wrong));
  }
  if (const auto ledger = Ledger::restore(checkpoint.ledger); !ledger) {
    return damaged(name, "contradicts itself: " + ledger.error().what);
  }
  if (!rounds_add_up(checkpoint)) return damaged(name, "the round does not fit the counts");
  if (checkpoint_text(checkpoint) != text) return damaged(name, "is not spelled as idmerge does");
  return checkpoint;
}

Result<void> save_checkpoint(io::Files& files, const std::string& path,
                             const Checkpoint& checkpoint) {
  return files.replace(path, checkpoint_text(checkpoint));
}

Result<std::optional<Checkpoint>> load_checkpoint(io::Files& files, const std::string& path) {
  const auto there = files.stat(path);
  if (!there) return there.error();
  if (!*there) return std::optional<Checkpoint>();
  const auto text = files.read_all(path, checkpoint_bytes_max);
  if (!text) return text.error();
  auto checkpoint = parse_checkpoint(*text, path);
  if (!checkpoint) return checkpoint.error();
  return std::optional<Checkpoint>(std::move(*checkpoint));
}

}  // namespace idmerge::send
