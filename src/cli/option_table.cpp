// SPDX-License-Identifier: MIT
#include "cli/option_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "input/formats.hpp"

namespace idmerge::cli {
namespace {

using Text = std::string_view;
using Done = Result<void>;

Error usage(std::string what) {
  return {Errc::usage, std::move(what)};
}

template <class T>
using Choice = std::pair<std::string_view, T>;

/// The error for a text that is none of `words`.
Error none_of(Text text, std::span<const std::string_view> words) {
  const auto near = nearest(text, words);
  return usage(fmt::format("\"{}\" is none of {}: {}", util::printable(text),
                           fmt::join(words, ", "),
                           near ? fmt::format("did you mean {}?", *near) : "write one of them"));
}

/// Sets `place` to the choice named by the text.
template <class T, std::size_t N>
Done choose(T& place, Text text, const std::array<Choice<T>, N>& choices) {
  std::array<std::string_view, N> words;
  for (std::size_t i = 0; i < N; ++i) {
    words[i] = choices[i].first;
    if (text != choices[i].first) continue;
    place = choices[i].second;
    return {};
  }
  return none_of(text, words);
}

/// Sets `place`, or returns the error.
template <class Place, class T>
Done put(Place& place, const Result<T>& value) {
  if (!value) return value.error();
  place = static_cast<Place>(*value);
  return {};
}

template <class Place>
Done put(std::optional<Place>& place, const Result<std::uint64_t>& value) {
  if (!value) return value.error();
  place = static_cast<Place>(*value);
  return {};
}

Result<std::uint64_t> count_within(Text text, std::uint64_t least, std::uint64_t most) {
  auto count = util::parse_count(text);
  if (!count) return count;
  if (*count < least || *count > most) {
    return usage(fmt::format("{} is out of range ({} to {})", text, util::count_text(least),
                             util::count_text(most)));
  }
  return count;
}

Result<std::chrono::milliseconds> duration_within(Text text, std::chrono::milliseconds least,
                                                  std::chrono::milliseconds most) {
  auto duration = util::parse_duration(text);
  if (!duration) return duration;
  if (*duration < least || *duration > most) {
    return usage(fmt::format("{} is out of range ({} to {})", text, util::duration_text(least),
                             util::duration_text(most)));
  }
  return duration;
}

Done put_text(std::string& place, Text text) {
  if (text.empty()) return usage("is empty: write a value");
  if (text.find('\0') != Text::npos) return usage("contains a NUL byte: remove it");
  place = text;
  return {};
}

constexpr bool is_on(Text text) {
  return text == "true";
}

template <class Function>
Done each_word(Text text, Function function) {
  while (true) {
    const auto comma = text.find(',');
    if (auto done = function(text.substr(0, comma)); !done) return done;
    if (comma == Text::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

constexpr std::array conflict_words{
    Choice<plan::OnConflict>{"hold", plan::OnConflict::hold},
    Choice<plan::OnConflict>{"earliest", plan::OnConflict::earliest},
    Choice<plan::OnConflict>{"latest", plan::OnConflict::latest},
    Choice<plan::OnConflict>{"send", plan::OnConflict::send}};

constexpr std::array when_words{Choice<When>{"auto", When::automatic},
                                Choice<When>{"always", When::always},
                                Choice<When>{"never", When::never}};

Done set_delimiter(Text text, Settings& s) {
  // Hive, Impala and Sqoop write Ctrl-A, which is awkward to type.
  for (const auto& [spelling, delimiter] :
       {std::pair{"tab", '\t'}, std::pair{"\\t", '\t'}, std::pair{"\\x01", '\x01'},
        std::pair{"\\001", '\x01'}, std::pair{"\\u0001", '\x01'}, std::pair{"^A", '\x01'}}) {
    if (text != spelling) continue;
    s.plan.row_reader.delimiter = delimiter;
    return {};
  }
  const bool fits = text.size() == 1 && text[0] > '\0' && text[0] < '\x7f' && text[0] != '"' &&
                    text[0] != '\n' && text[0] != '\r';
  if (!fits) {
    return usage(fmt::format("\"{}\" is not one character: write for example ';', tab or \\x01",
                             util::printable(text)));
  }
  s.plan.row_reader.delimiter = text[0];
  return {};
}

Done set_allow(Text text, Settings& s) {
  return each_word(text, [&](Text word) -> Done {
    bool ragged = false;
    if (auto chosen =
            choose(ragged, word,
                   std::array{Choice<bool>{"ragged", true}, Choice<bool>{"lazy-quotes", false}});
        !chosen) {
      return chosen;
    }
    (ragged ? s.plan.row_reader.allow_ragged : s.plan.row_reader.allow_lazy_quotes) = true;
    return {};
  });
}

Done set_fail_on(Text text, Settings& s) {
  auto& outcomes = s.output.fail_on;
  outcomes.clear();
  if (text == "none") return {};
  return each_word(text, [&](Text word) -> Done {
    send::RowOutcome outcome = send::RowOutcome::rejected;
    auto chosen =
        choose(outcome, word,
               std::array{Choice<send::RowOutcome>{"rejected", send::RowOutcome::rejected},
                          Choice<send::RowOutcome>{"held", send::RowOutcome::held},
                          Choice<send::RowOutcome>{"refused", send::RowOutcome::refused},
                          Choice<send::RowOutcome>{"none", send::RowOutcome::count}});
    if (!chosen) return chosen;
    if (outcome == send::RowOutcome::count)
      return usage("none cannot be combined with fates: write none alone, or a list of fates");
    if (std::find(outcomes.begin(), outcomes.end(), outcome) == outcomes.end())
      outcomes.push_back(outcome);
    return {};
  });
}

Done set_max_refused(Text text, Settings& s) {
  const auto limit = util::parse_limit(text);
  if (!limit) return limit.error();
  s.send.max_refused_percent.reset();
  s.send.max_refused_links.reset();
  if (limit->kind == util::Limit::Kind::percent) s.send.max_refused_percent = limit->percent;
  if (limit->kind == util::Limit::Kind::count) s.send.max_refused_links = limit->count;
  return {};
}

Done set_max_cluster(Text text, Settings& s) {
  if (text == "none") {
    s.max_cluster = 0;
    return {};
  }
  if (const auto count = util::parse_count_or(text, "none"); !count) return count.error();
  return put(s.max_cluster, count_within(text, 2, 4'000'000'000));
}

/// Sets a guard that accepts only a percentage or none.
Done put_share(util::Limit& into, Text text, std::string_view example) {
  const auto limit = util::parse_limit(text);
  if (!limit || limit->kind == util::Limit::Kind::count) {
    return usage(fmt::format("\"{}\" is no share: write for example {} or none",
                             util::printable(text), example));
  }
  into = *limit;
  return {};
}

Done set_project_id(Text text, Settings& s) {
  const bool digits =
      !text.empty() && text.size() <= 20 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    return usage(fmt::format("\"{}\" is not a project id: write its digits, for example 2195193",
                             util::printable(text)));
  }
  s.send.service_api.project_id = text;
  return {};
}

/// The host of a region depends on the service; see derive() in cli/settings.
Done set_to(Text text, Settings& s) {
  if (auto done = put_text(s.to, text); !done) return done;
  if (s.own_emulator()) return {};
  const auto regions = send::region_names();
  if (std::find(regions.begin(), regions.end(), text) != regions.end()) return {};
  return put(s.send.target,
             net::parse_target(text, fmt::format("{}, emulator", fmt::join(regions, ", "))));
}

Done set_format(Text text, Settings& s) {
  const auto format = input::parse_format(text);
  if (!format) return none_of(text, input::format_names());
  s.plan.row_reader.format = *format;
  return {};
}

Done set_api(Text text, Settings& s) {
  const auto* service = send::find_service(text);
  if (service == nullptr) return none_of(text, send::service_names());
  s.send.service = service;
  return {};
}

Done set_approve(Text text, Settings& s) {
  const bool hex = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!hex) {
    return usage(
        fmt::format("\"{}\" is not a plan id: idmerge plan prints it", util::printable(text)));
  }
  s.approve = text;
  return {};
}

Done set_show(ShowWhat what, Settings& s) {
  if (s.show != ShowWhat::plan_summary) {
    return usage(
        "another list is asked for too: give one of --links, --held, --rejected, --refused, "
        "--in-doubt");
  }
  s.show = what;
  return {};
}

Done set_job(Text text, Settings& s) {
  if (auto done = put_text(s.job, text); !done) return done;
  while (s.job.size() > 1 && s.job.ends_with('/'))
    s.job.pop_back();
  return {};
}

Done set_require_auth(Text text, Settings& s) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == Text::npos) {
    return usage("is not USER:SECRET: write for example --require-auth etl:s3cret");
  }
  s.emulator.service.require_auth = text;
  return {};
}

// ---- What would have to be typed for a plan with these values

std::vector<std::string> off_switch(std::string_view value) {
  return value == "no" ? std::vector<std::string>{""} : std::vector<std::string>();
}

std::vector<std::string> planned_null_words(const util::KeyValues& planned) {
  std::vector<std::string> texts;
  for (std::string_view words = planned.get("null_words"); !words.empty();) {
    const auto word = words.substr(0, words.find('\n'));
    texts.emplace_back(word);
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  return texts;
}

std::vector<std::string> planned_allow(const util::KeyValues& planned) {
  std::vector<std::string_view> words;
  if (planned.get("allow_ragged") == "yes") words.push_back("ragged");
  if (planned.get("allow_lazy_quotes") == "yes") words.push_back("lazy-quotes");
  if (words.empty()) return {};
  return {fmt::format("{}", fmt::join(words, ","))};
}

std::vector<std::string> planned_delimiter(const util::KeyValues& planned) {
  const auto delimiter = planned.get("delimiter");
  if (delimiter.empty()) return {};
  return {delimiter == "\t" ? "tab" : util::printable(delimiter)};
}

std::vector<std::string> planned_row_max(const util::KeyValues& planned) {
  const auto size = planned.get("row_max");
  if (size.empty() || size == std::to_string(input::RowReaderOptions{}.row_max)) return {};
  return {fmt::format("{}B", size)};
}

/// Simplified projects have no cluster limit unless one is configured.
std::vector<std::string> planned_max_cluster(const util::KeyValues& planned) {
  const auto most = planned.get("max_cluster");
  if (most == "0" && planned.get("project_mode") == "simplified") return {};
  if (most == "0") return {"none"};
  if (most.empty() || most == std::to_string(plan::ResolverOptions{}.max_cluster)) return {};
  return {std::string(most)};
}

std::vector<std::string> planned_project_mode(const util::KeyValues& planned) {
  const auto mode = planned.get("project_mode");
  if (mode.empty() || mode == name(plan::ProjectMode::none)) return {};
  return {std::string(mode)};
}

/// A lower limit would be used up by threads and buffers alone.
constexpr std::uint64_t memory_min_bytes = 64ULL << 20U;

constexpr Commands on_plan = only(Command::plan);
constexpr Commands on_run = only(Command::run);
constexpr Commands on_show = only(Command::show);
constexpr Commands on_status = only(Command::status);
constexpr Commands on_explain = only(Command::explain);
constexpr Commands on_rate = only(Command::rate);
constexpr Commands on_emulator = only(Command::emulator);
constexpr Commands on_both = on_plan | on_run;
constexpr Commands on_job = on_both | on_show | on_status | on_explain | on_rate;
constexpr Commands on_all = on_job | on_emulator;

constexpr std::array<std::string_view, 11> groups{
    "Input", "Verb",   "Guards", "Target",   "Secrets", "Job",
    "Show",  "Output", "Config", "Emulator", "Pace",
};

using namespace std::chrono_literals;

// Add new options here.
const std::array entries{
    // Options for what is done.
    OptionEntry{"format", Kind::choice, "auto|csv|tsv|ndjson", "auto", role::plan, "Input", on_both,
                "how rows are written; auto: a file that starts with { is NDJSON, else CSV",
                set_format},
    OptionEntry{"anon-field", Kind::column, "NAME|#N|/POINTER", "", role::plan, "Input", on_both,
                "field of the anonymous id; default: anonymous_id, anon_id, $anon_id or device_id",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.anon_field, t); }},
    OptionEntry{"user-field", Kind::column, "NAME|#N|/POINTER", "", role::plan, "Input", on_both,
                "field of the user id; default: user_id, identified_id, $identified_id or $user_id",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.user_field, t); }},
    OptionEntry{"alias-field", Kind::column, "NAME|#N|/POINTER", "", role::plan, "Input", on_both,
                "for alias: field of the alias; default: alias",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.alias_field, t); }},
    OptionEntry{"distinct-id-field", Kind::column, "NAME|#N|/POINTER", "", role::plan,
                "Input", on_both,
                "for alias: field of the distinct id; default: distinct_id",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.distinct_id_field, t); }},
    OptionEntry{"id-fields", Kind::column, "A,B", "", role::plan, "Input", on_both,
                "for merge: two fields whose ids have no sides; default: $distinct_ids",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.id_fields, t); }},
    OptionEntry{"op-field", Kind::column, "NAME|#N|/POINTER", "", role::plan | role::kind,
                "Input", on_both,
                "field that names the verb of each row",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.op_field, t); }},
    OptionEntry{"order-field", Kind::column, "NAME|#N|/POINTER", "", role::plan, "Input", on_both,
                "field with the order of rows: integers of one unit, or times (RFC 3339, or as "
                "warehouses write them), all with a zone or all without; other values count as no "
                "order, and for --max-rejected",
                [](Text t, Settings& s) { return put_text(s.plan.row_reader.order_field, t); }},
    OptionEntry{"delimiter", Kind::text, "CHAR", "", role::plan, "Input", on_both,
                "between the fields of a CSV; default: a comma, for TSV a tab", set_delimiter}
        .in_plan_as({"delimiter"}, planned_delimiter),
    OptionEntry{"null-word", Kind::text, "WORD", "", role::plan, "Input", on_both,
                "a word that means \"no id\", as \\N always does; may be given several times",
                [](Text t, Settings& s) -> Done {
                  std::string word;
                  if (auto done = put_text(word, t); !done) return done;
                  s.plan.row_reader.null_words.push_back(std::move(word));
                  return {};
                },
                0, Reach::everywhere, true}
        .in_plan_as({"null_words"}, planned_null_words),
    OptionEntry{"no-header", Kind::toggle, "", "", role::plan, "Input", on_both,
                "the first row is data: name fields by position, #1",
                [](Text t, Settings& s) -> Done {
                  s.plan.row_reader.no_header = is_on(t);
                  return {};
                }}
        .in_plan_as({"header"},
                    [](const util::KeyValues& p) { return off_switch(p.get("header")); }),
    OptionEntry{"row-max", Kind::size, "SIZE", "1MiB", role::plan, "Input", on_both,
                "longest row; a longer one is rejected",
        [](Text t, Settings& s) -> Done {
          const auto size = util::parse_size(t);
          if (!size) return size.error();
          if (*size < 64 || *size > (1ULL << 30U)) {
            return usage(fmt::format("{} is out of range (64B to 1GiB)", t));
          }
          s.plan.row_reader.row_max = *size;
          return {};
        }}
        .in_plan_as({"row_max"}, planned_row_max),
    OptionEntry{"last-row", Kind::choice, "hold|take", "hold", role::plan, "Input", on_both,
                "what to do with a last row that lacks the line end which other rows have: its writer may have been cut off",
                [](Text t, Settings& s) {
                  return choose(s.plan.row_reader.take_last_row, t,
                                std::array{Choice<bool>{"hold", false}, Choice<bool>{"take", true}});
                }},
    OptionEntry{"allow", Kind::choice, "ragged,lazy-quotes", "", role::plan, "Input", on_both,
                "ragged: accept rows with missing or extra fields; lazy-quotes: accept quotes inside unquoted fields",
                set_allow}
        .in_plan_as({"allow_ragged", "allow_lazy_quotes"}, planned_allow),
    OptionEntry{"blank", Kind::choice, "skip|reject", "skip", role::plan, "Input", on_both,
                "what to do with a row in which one side is blank",
                [](Text t, Settings& s) {
                  return choose(
                      s.plan.validate.reject_blank, t,
                      std::array{Choice<bool>{"skip", false}, Choice<bool>{"reject", true}});
                }},
    OptionEntry{"reject-samples", Kind::count, "N|all", "all", role::plan, "Input", on_both,
                "rejected rows written out for each reason; counts are always exact",
                [](Text t, Settings& s) -> Done {
                  s.plan.reject_samples.reset();
                  if (t == "all") return {};
                  return put(s.plan.reject_samples, util::parse_count_or(t, "all"));
                }},
    OptionEntry{"expect-files", Kind::count, "N", "", role::plan | role::guard, "Input", on_both,
                "another number of input files is an error",
        [](Text t, Settings& s) { return put(s.plan.row_reader.expect_files, util::parse_count(t)); }},
    OptionEntry{"expect-rows", Kind::count, "N|any", "", role::plan | role::guard, "Input", on_both,
                "another number of rows is an error; required for run -, because a query that failed looks like one that ended",
                [](Text t, Settings& s) -> Done {
                  s.plan.row_reader.expect_rows_any = t == "any";
                  if (t == "any") return {};
                  return put(s.plan.row_reader.expect_rows, util::parse_count_or(t, "any"));
                }},
    OptionEntry{"min-rows", Kind::count, "N", "0", role::plan | role::guard, "Input", on_both,
                "fewer rows are an error",
                [](Text t, Settings& s) { return put(s.plan.row_reader.min_rows, util::parse_count(t)); }},

    OptionEntry{"op", Kind::choice, "create|alias|merge", "create", role::plan | role::kind,
                "Verb", on_both,
                "what to do with a pair: link an anonymous id to a user, make an alias, merge two "
                "distinct ids",
                [](Text t, Settings& s) {
                  return choose(
                      s.plan.row_reader.op, t,
                      std::array{Choice<input::Op>{"create", input::Op::create}, Choice<input::Op>{"alias", input::Op::alias},
                                 Choice<input::Op>{"merge", input::Op::merge}});
                }},

    OptionEntry{"on-conflict", Kind::choice, "hold|earliest|latest|send", "hold",
                role::plan | role::guard, "Guards", on_both,
        "an anonymous id claimed by two users: hold all its rows, send the claim that is first or "
        "last by --order-field, or send every claim",
        [](Text t, Settings& s) { return choose(s.plan.resolver.on_conflict, t, conflict_words); }},
    OptionEntry{"deny-file", Kind::file, "FILE", "", role::plan | role::guard, "Guards", on_both,
                "ids that must never be linked, one id or /expression/ a line: their rows are "
                "rejected",
                [](Text t, Settings& s) { return put_text(s.deny_file, t); }},
    OptionEntry{"decisions", Kind::file, "FILE", "", role::plan | role::guard, "Guards", on_both,
                "decisions about held anonymous ids: the list of show --held with its column decision filled in: a user, never, or later",
                [](Text t, Settings& s) { return put_text(s.decisions_file, t); }},
    OptionEntry{"max-cluster", Kind::count, "N|none", "499", role::plan | role::guard,
                "Guards", on_both,
                "hold clusters of more ids than this; none for project mode simplified",
                set_max_cluster}
        .in_plan_as({"max_cluster"}, planned_max_cluster),
    OptionEntry{"max-cluster", Kind::count, "N|none", "499", role::none, "Guards", on_emulator,
                "refuse links that would make a cluster of more ids than this; none for project mode simplified",
                set_max_cluster},
    OptionEntry{"no-collapse", Kind::toggle, "", "", role::plan | role::guard, "Guards", on_both,
                "merge: send every distinct pair, also between ids that are connected already",
                [](Text t, Settings& s) -> Done {
                  s.plan.resolver.collapse = !is_on(t);
                  return {};
                }}
        .in_plan_as({"collapse"},
                    [](const util::KeyValues& p) { return off_switch(p.get("collapse")); }),
    OptionEntry{"max-rejected", Kind::limit, "N|P%|none", "5%", role::run | role::guard,
                "Guards", on_both,
                "send nothing when more rows are rejected, or have an order that cannot be read, "
                "of those that name a pair (exit 6)",
                [](Text t, Settings& s) { return put(s.max_rejected, util::parse_limit(t)); }},
    OptionEntry{"max-held", Kind::limit, "N|P%|none", "5%", role::run | role::guard,
                "Guards", on_both,
                "send nothing when more links are held (exit 6), not counting claims that lost to the one that --on-conflict earliest or latest prefers",
                [](Text t, Settings& s) { return put(s.max_held, util::parse_limit(t)); }},
    OptionEntry{"max-links", Kind::limit, "N|P%|none", "none", role::run | role::guard,
                "Guards", on_both,
                "send nothing when more links are to be sent than this, or than this share, for example 150%, of those that the job of --last-job had to send (exit 6)",
                [](Text t, Settings& s) { return put(s.max_links, util::parse_limit(t, 10'000)); }},
    OptionEntry{"last-job", Kind::directory_or_none, "DIR|none", "", role::run | role::guard,
                "Guards", on_both,
                "directory of the last finished job of the same kind, for --max-links P%; none: "
                "there is none yet, and P% is not checked; for a directory of that name write "
                "./none",
                [](Text t, Settings& s) { return put_text(s.last_job, t); }},
    OptionEntry{"max-uuid-lead", Kind::share, "P%|none", "25%", role::run | role::guard,
                "Guards", on_both,
                "send nothing when UUIDs are more frequent among user ids than among anonymous ids "
                "by more than this: the columns look swapped (exit 6)",
                [](Text t, Settings& s) { return put_share(s.max_uuid_lead, t, "25%"); }},
    OptionEntry{"max-user-share", Kind::share, "P%|none", "1%", role::run | role::guard,
                "Guards", on_both,
                "send nothing when one user claims more than this share of all anonymous ids, and "
                "more than 100 of them: it is probably an id that many people share (exit 6)",
                [](Text t, Settings& s) { return put_share(s.max_user_share, t, "1%"); }},
    OptionEntry{"max-decimals", Kind::share, "P%|none", "50%", role::run | role::guard,
                "Guards", on_both,
                "send nothing when on one side more ids than this are numbers such as 12345.0, "
                "which were 12345 before pandas read them (exit 6)",
                [](Text t, Settings& s) { return put_share(s.max_decimals, t, "50%"); }},
    OptionEntry{"max-refused", Kind::limit, "N|P%|none", "1%", role::run | role::guard,
                "Guards", on_run,
                "stop when the service refuses more links, after 1,000 answers (exit 6)",
                set_max_refused},
    OptionEntry{"canary", Kind::count, "N", "", role::run | role::guard | role::once,
                "Guards", on_run,
                "stop when this many links in total are settled, to check them first (exit 8)",
                [](Text t, Settings& s) {
                  return put(s.send.canary, count_within(t, 1, UINT64_MAX));
                }},
    OptionEntry{"approve", Kind::text, "PLAN_ID", "", role::consent | role::guard | role::again,
                "Guards", on_run,
                "send this plan without asking, and no other; only from the command line",
                set_approve, 0, Reach::flag_strict},
    OptionEntry{"yes", Kind::toggle, "", "", role::consent | role::guard | role::again,
                "Guards", on_run,
                "send without asking; only from the command line",
                [](Text t, Settings& s) -> Done {
                  s.yes = is_on(t);
                  return {};
                },
                0, Reach::flag_strict},

    OptionEntry{"to", Kind::text, "us|eu|in|emulator|URL", "", role::run | role::again,
                "Target", on_run,
                "where to send; there is no default. emulator: one inside this process",
                set_to},
    OptionEntry{"api", Kind::choice, "identity|import", "identity",
                role::plan | role::kind | role::project, "Target", on_both,
                "identity: one link a request; import: batches of links, needs --project-mode",
                set_api},
    OptionEntry{"project-mode", Kind::choice, "original|simplified|legacy", "",
                role::plan | role::kind | role::project, "Target", on_both | on_emulator,
                "how the project resolves identities",
                [](Text t, Settings& s) -> Done {
                  auto chosen =
                      choose(s.send.service_api.mode, t,
                             std::array{Choice<plan::ProjectMode>{"original", plan::ProjectMode::original},
                                        Choice<plan::ProjectMode>{"simplified", plan::ProjectMode::simplified},
                                        Choice<plan::ProjectMode>{"legacy", plan::ProjectMode::legacy}});
                  if (chosen) s.plan.project_mode = t;
                  return chosen;
                }}
        .in_plan_as({"project_mode"}, planned_project_mode),
    OptionEntry{"project-id", Kind::count, "N", "", role::run, "Target", on_run | on_emulator,
                "number of the project, to be shown and recorded", set_project_id},
    OptionEntry{"proxy", Kind::text, "URL", "", role::run, "Target", on_run,
                "an HTTP proxy, http://proxy:3128; default: HTTPS_PROXY, unless NO_PROXY names the "
                "target",
                [](Text t, Settings& s) -> Done {
                  auto proxy = net::parse_proxy(t, false);
                  if (!proxy) return proxy.error();
                  s.send.proxy = std::move(*proxy);
                  return {};
                }},
    OptionEntry{"ca-cert", Kind::file, "FILE", "", role::run, "Target", on_run,
                "certificates to trust (PEM), instead of the system's",
                [](Text t, Settings& s) { return put_text(s.send.tls.ca_cert, t); }},
    OptionEntry{"client-cert", Kind::file, "FILE", "", role::run, "Target", on_run,
                "client certificate with its chain (PEM)",
                [](Text t, Settings& s) { return put_text(s.send.tls.client_cert, t); }},
    OptionEntry{"client-key", Kind::file, "FILE", "", role::run, "Target", on_run,
                "its key (PEM); default: in the file of --client-cert",
                [](Text t, Settings& s) { return put_text(s.send.tls.client_key, t); }},

    OptionEntry{"credentials", Kind::file, "FILE", "", role::secret | role::again,
                "Secrets", on_run,
                "lines MIXPANEL_TOKEN=, MIXPANEL_USERNAME=, MIXPANEL_SECRET=, instead of the "
                "environment; a private file",
                [](Text t, Settings& s) { return put_text(s.credentials.file, t); }},
    OptionEntry{"credentials-command", Kind::text, "CMD", "", role::secret | role::again,
                "Secrets", on_run,
                "a program that prints such lines within 30s; run without a shell",
                [](Text t, Settings& s) { return put_text(s.credentials.command, t); }},

    OptionEntry{"job", Kind::directory, "DIR", "", role::none, "Job", on_both,
                "directory of plan, checkpoint and reports; default: INPUT.idmerge beside a single "
                "input file",
                set_job},
    OptionEntry{"job", Kind::directory, "DIR", "", role::none,
                "Job", on_show | on_status | on_explain | on_rate,
                "directory of the job; must be given", set_job},
    OptionEntry{"memory", Kind::size, "SIZE", "", role::none, "Job", on_both,
                "memory for planning; beyond it planning continues on disk; default: half of what the machine or cgroup has, at most 4GiB",
                [](Text t, Settings& s) -> Done {
                  const auto size = util::parse_size(t);
                  if (!size) return size.error();
                  if (*size < memory_min_bytes) {
                    return usage(fmt::format("{} is too little: give at least {}", t,
                                             util::size_text(memory_min_bytes)));
                  }
                  s.plan.memory_bytes = *size;
                  return {};
                }},
    OptionEntry{"spill-dir", Kind::directory, "DIR", "", role::none, "Job", on_both,
                "where planning continues when memory is used up; default: the job",
                [](Text t, Settings& s) { return put_text(s.plan.spill_dir, t); }},
    OptionEntry{"dry-run", Kind::toggle, "", "", role::none, "Job", on_run,
                "check and plan everything, send nothing",
                [](Text t, Settings& s) -> Done {
                  s.dry_run = is_on(t);
                  return {};
                },
                'n'},
    OptionEntry{"rehearse", Kind::toggle, "", "", role::again, "Job", on_run,
                "send to an emulator, with separate progress: the job itself does not change",
                [](Text t, Settings& s) -> Done {
                  s.rehearse = is_on(t);
                  return {};
                }},

    OptionEntry{"links", Kind::toggle, "", "", role::none, "Show", on_show,
                "every link with its verdict",
                [](Text, Settings& s) { return set_show(ShowWhat::links, s); }, 0, Reach::flag},
    OptionEntry{"held", Kind::toggle, "", "", role::none, "Show", on_show,
                "rows that are held, and why",
                [](Text, Settings& s) { return set_show(ShowWhat::held, s); }, 0, Reach::flag},
    OptionEntry{"rejected", Kind::toggle, "", "", role::none, "Show", on_show,
                "rows that cannot be used, and why",
                [](Text, Settings& s) { return set_show(ShowWhat::rejected, s); }, 0, Reach::flag},
    OptionEntry{"refused", Kind::toggle, "", "", role::none, "Show", on_show,
                "links that the service refused, and why",
                [](Text, Settings& s) { return set_show(ShowWhat::refused, s); }, 0, Reach::flag},
    OptionEntry{"in-doubt", Kind::toggle, "", "", role::none, "Show", on_show,
                "links that were sent without a certain answer: open, or settled as ambiguous",
                [](Text, Settings& s) { return set_show(ShowWhat::in_doubt, s); }, 0, Reach::flag},
    OptionEntry{"format", Kind::choice, "csv|ndjson", "csv", role::none, "Show", on_show,
                "format of these lists",
                [](Text t, Settings& s) {
                  return choose(s.show_format, t,
                                std::array{Choice<ShowFormat>{"csv", ShowFormat::csv},
                                           Choice<ShowFormat>{"ndjson", ShowFormat::ndjson}});
                },
                0, Reach::flag},

    OptionEntry{"format", Kind::choice, "text|ndjson", "text", role::none, "Show", on_explain,
                "format for people or for programs",
                [](Text t, Settings& s) {
                  return choose(s.explain_as_json, t,
                                std::array{Choice<bool>{"text", false}, Choice<bool>{"ndjson", true}});
                },
                0, Reach::flag},

    OptionEntry{"progress", Kind::choice, "auto|always|never", "auto", role::none,
                "Output", on_both,
                "a line that shows rate and time left; auto: on a terminal",
                [](Text t, Settings& s) { return choose(s.output.progress, t, when_words); }},
    OptionEntry{"stats", Kind::duration, "DURATION", "5m", role::none, "Output", on_both,
                "interval of progress reports where that line is not shown; 0: never",
                [](Text t, Settings& s) { return put(s.output.stats, util::parse_duration(t)); }},
    OptionEntry{"summary", Kind::text, "FILE|-", "", role::none, "Output", on_both,
                "also write summary.json of the job here, outside of jobs and inputs; - for stdout",
                [](Text t, Settings& s) { return put_text(s.output.summary, t); }},
    OptionEntry{"show-ids", Kind::choice, "auto|always|never", "auto", role::none,
                "Output", on_both | on_show | on_explain,
                "show ids in summary, messages and explanations; auto: on a terminal only, else masked",
                [](Text t, Settings& s) { return choose(s.output.show_ids, t, when_words); }},
    OptionEntry{"fail-on", Kind::choice, "FATES|none", "rejected,held,refused", role::run,
                "Output", on_run,
                "end with 3 instead of 0 when rows have one of these fates; held: not counting claims that lost to the one that --on-conflict prefers", set_fail_on},
    OptionEntry{"quiet", Kind::toggle, "", "", role::none, "Output", on_both,
                "print nothing when the exit code is 0",
                [](Text t, Settings& s) -> Done {
                  s.output.quiet = is_on(t);
                  return {};
                }},
    OptionEntry{"log-level", Kind::choice, "debug|info|warning|error", "info", role::none,
                "Output", on_all,
                "least severe messages to print on stderr",
                [](Text t, Settings& s) {
                  return choose(s.output.log.level, t,
                                std::array{Choice<util::Level>{"debug", util::Level::debug},
                                           Choice<util::Level>{"info", util::Level::info},
                                           Choice<util::Level>{"warning", util::Level::warning},
                                           Choice<util::Level>{"error", util::Level::error}});
                }},
    OptionEntry{"log-format", Kind::choice, "text|json", "text", role::none, "Output", on_all,
                "json: one object a line, with time, level and msg",
                [](Text t, Settings& s) {
                  return choose(s.output.log.format, t,
                                std::array{Choice<util::LogFormat>{"text", util::LogFormat::text},
                                           Choice<util::LogFormat>{"json", util::LogFormat::json}});
                }},

    OptionEntry{"config", Kind::file, "FILE", "", role::again, "Config", on_all,
                "options as TOML, rate = \"500/s\". Every option may also be set as "
                "IDMERGE_<OPTION>; order: flag, environment, file, default",
                [](Text t, Settings&) {
                  std::string unused;
                  return put_text(unused, t);
                }},

    OptionEntry{"listen", Kind::text, "ADDRESS:PORT", "127.0.0.1:8080", role::none,
                "Emulator", on_emulator,
                "address to listen on; port 0: any free port",
                [](Text t, Settings& s) { return put_text(s.emulator.listen, t); }},
    OptionEntry{"allow-remote", Kind::toggle, "", "", role::none, "Emulator", on_emulator,
                "allow an address that other machines can reach",
                [](Text t, Settings& s) -> Done {
                  s.emulator.allow_remote = is_on(t);
                  return {};
                }},
    OptionEntry{"require-auth", Kind::text, "USER:SECRET", "", role::none, "Emulator", on_emulator,
                "answer 401 to any other credentials", set_require_auth},
    OptionEntry{"token", Kind::text, "TOKEN", "", role::none, "Emulator", on_emulator,
                "answer 400 to any other project token",
                [](Text t, Settings& s) { return put_text(s.emulator.service.token, t); }},
    OptionEntry{"limit-rate", Kind::rate, "RATE", "0", role::none, "Emulator", on_emulator,
                "answer 429 to more links a second than this; 0: no limit",
                [](Text t, Settings& s) -> Done {
                  const auto rate = util::parse_rate(t);
                  if (!rate) return rate.error();
                  s.emulator.service.limit_per_s = rate->per_s;
                  return {};
                }},
    OptionEntry{"limit-batch", Kind::count, "N", "2000", role::none, "Emulator", on_emulator,
                "answer 413 to a batch of more events than this",
                [](Text t, Settings& s) {
                  return put(s.emulator.service.limit_batch, count_within(t, 1, emulator::import_events_max));
                }},
    OptionEntry{"limit-connections", Kind::count, "N", "2000", role::none, "Emulator", on_emulator,
                "answer 503 to more connections at once than this",
                [](Text t, Settings& s) {
                  return put(s.emulator.connections_max, count_within(t, 1, 100'000));
                }},
    OptionEntry{"latency", Kind::duration, "DURATION", "0", role::none, "Emulator", on_emulator,
                "delay between a request and its answer",
        [](Text t, Settings& s) {
          return put(s.emulator.latency, duration_within(t, 0ms, 10min));
        }},
    OptionEntry{"fail", Kind::text, "WHAT:SHARE,...", "", role::none, "Emulator", on_emulator,
                "faults to inject: 503:0.01,429:0.02,reset:0.005",
                [](Text t, Settings& s) -> Done {
                  if (t.empty()) return usage("is empty: write for example 503:0.01");
                  return put(s.emulator.service.risks, emulator::parse_risks(t));
                }},
    OptionEntry{"retry-after", Kind::count, "SECONDS", "0", role::none, "Emulator", on_emulator,
                "Retry-After of injected 429 and 503 answers",
                [](Text t, Settings& s) {
                  return put(s.emulator.service.retry_after_s, count_within(t, 0, 3600));
                }},
    OptionEntry{"seed", Kind::count, "N", "1", role::none, "Emulator", on_emulator,
                "seed of injected faults and random refusals",
                [](Text t, Settings& s) { return put(s.emulator.service.seed, util::parse_count(t)); }},
    OptionEntry{"silent", Kind::toggle, "", "", role::none, "Emulator", on_emulator,
                "accept what the project's rules refuse and do nothing, as the real service does",
                [](Text t, Settings& s) -> Done {
                  s.emulator.service.silent = is_on(t);
                  return {};
                }},
    OptionEntry{"serve", Kind::choice, "both|identity|import", "both", role::none,
                "Emulator", on_emulator,
                "answer only one of the two APIs, 404 to the other",
                [](Text t, Settings& s) {
                  return choose(s.emulator.service.api, t,
                                std::array{Choice<emulator::EmulatedApi>{"both", emulator::EmulatedApi::both},
                                           Choice<emulator::EmulatedApi>{"identity", emulator::EmulatedApi::identity},
                                           Choice<emulator::EmulatedApi>{"import", emulator::EmulatedApi::import}});
                }},
    OptionEntry{"uuid-only", Kind::toggle, "", "", role::none, "Emulator", on_emulator,
                "create: refuse anonymous ids that do not look like UUIDs, as the real service does",
                [](Text t, Settings& s) -> Done {
                  s.emulator.service.graph.uuid_only = is_on(t);
                  return {};
                }},
    OptionEntry{"refuse-ids", Kind::text, "TEXT", "", role::none, "Emulator", on_emulator,
                "refuse links with an id that contains TEXT",
                [](Text t, Settings& s) { return put_text(s.emulator.service.refuse_ids, t); }},
    OptionEntry{"refuse-share", Kind::fraction, "SHARE", "0", role::none, "Emulator", on_emulator,
                "refuse this share of all links, 0.05 for one in twenty; always the same ones",
                [](Text t, Settings& s) -> Done {
                  const auto share = emulator::parse_share(t);
                  if (!share) {
                    return usage(fmt::format("{} is not a share: write 0.05 for one in twenty",
                                             util::printable(t)));
                  }
                  s.emulator.service.refuse_share = *share;
                  return {};
                }},
    OptionEntry{"poison-ids", Kind::text, "TEXT", "", role::none, "Emulator", on_emulator,
                "refuse whole batches with such an id, without naming it",
                [](Text t, Settings& s) { return put_text(s.emulator.service.poison_ids, t); }},
    OptionEntry{"stuck-ids", Kind::text, "TEXT", "", role::none, "Emulator", on_emulator,
                "answer 503 to every request with such an id",
                [](Text t, Settings& s) { return put_text(s.emulator.service.stuck_ids, t); }},

    // Options for how fast.
    OptionEntry{"rate", Kind::rate, "RATE", "", role::run, "Pace", on_both,
                "links a second (30req/s: requests), 0: unlimited; or hours of local time: "
                "\"08:00,20/s 19:00,200/s Sat-00:00,pause\"; plan only estimates the time; "
                "default: 500/s, for import 15000/s",
                [](Text t, Settings& s) -> Done {
                  auto rate = send::RateSchedule::parse(t);
                  if (!rate) return rate.error();
                  s.typed_rate = std::move(*rate);
                  return {};
                }},
    OptionEntry{"rate-bytes", Kind::size_rate, "SIZE/s", "", role::run, "Pace", on_run,
        "limit of request bytes a second, counted as sent; in addition to --rate, at all its hours; default: 0, no limit",
        [](Text t, Settings& s) -> Done {
          if (t == "0" || t == "0/s") {
            s.send.rate_bytes = 0;
            return {};
          }
          const auto size = util::parse_size(t.substr(0, t.size() - (t.ends_with("/s") ? 2 : 0)));
          if (!size || !t.ends_with("/s") || *size < 1'000) {
            return usage(fmt::format("{} is not a size per second of at least 1kB/s: write "
                                     "2MB/s, or 0 for no limit",
                                     util::printable(t)));
          }
          s.send.rate_bytes = static_cast<double>(*size);
          return {};
        }},
    OptionEntry{"burst", Kind::count, "N", "", role::run, "Pace", on_run,
                "links that may be sent at once; default: a tenth of a second's worth, at least a batch",
                [](Text t, Settings& s) -> Done {
                  const auto links = count_within(t, 1, 1'000'000);
                  if (!links) return links.error();
                  s.send.burst = static_cast<double>(*links);
                  return {};
                }},
    OptionEntry{"adaptive", Kind::toggle, "", "", role::run, "Pace", on_run,
                "slow down when the service rate-limits, then speed up again; the default",
                [](Text t, Settings& s) -> Done {
                  s.send.adaptive = is_on(t);
                  return {};
                }},
    OptionEntry{"no-adaptive", Kind::toggle, "", "", role::run, "Pace", on_run,
                "when the service rate-limits, wait but keep the rate",
                [](Text t, Settings& s) -> Done {
                  s.send.adaptive = !is_on(t);
                  return {};
                }}
        .opposite("adaptive"),
    OptionEntry{"connections", Kind::count, "N", "16", role::run, "Pace", on_run,
        "most connections to the service, opened as needed and kept open",
        [](Text t, Settings& s) { return put(s.send.connections, count_within(t, 1, 1'000)); }},
    OptionEntry{"pipeline", Kind::count, "N", "1", role::run, "Pace", on_run,
        "requests in flight on one connection",
        [](Text t, Settings& s) { return put(s.send.pipeline, count_within(t, 1, 256)); }},
    OptionEntry{"batch", Kind::count, "N", "2000", role::run, "Pace", on_both,
        "for --api import: most links of a request; the service takes 2,000",
        [](Text t, Settings& s) {
          return put(s.send.service_api.batch_links_max,
                     count_within(t, 1, send::largest_request_links()));
        }},
    OptionEntry{"batch-bytes", Kind::size, "SIZE", "9500kB", role::run, "Pace", on_run,
        "for --api import: most bytes of a request before gzip; the service takes 10 MB",
        [](Text t, Settings& s) -> Done {
          const auto size = util::parse_size(t);
          if (!size) return size.error();
          const auto most = send::largest_request_bytes();
          if (*size < 1'000 || *size > most) {
            return usage(fmt::format("{} is not within 1kB and {}: write one that is", t,
                                     util::size_text(most)));
          }
          s.send.service_api.batch_bytes_max = *size;
          return {};
        }},
    OptionEntry{"attempts", Kind::count, "N", "10", role::run, "Pace", on_run,
        "attempts after which a link that fails while others succeed is parked: pending, tried again later",
        [](Text t, Settings& s) { return put(s.send.attempts, count_within(t, 1, 1'000)); }},
    OptionEntry{"backoff-min", Kind::duration, "DURATION", "2s", role::run, "Pace", on_run,
                "shortest wait before a retry",
        [](Text t, Settings& s) { return put(s.send.backoff_min, duration_within(t, 1ms, 24h)); }},
    OptionEntry{"backoff-max", Kind::duration, "DURATION", "60s", role::run, "Pace", on_run,
                "longest wait before any attempt",
        [](Text t, Settings& s) { return put(s.send.backoff_max, duration_within(t, 1ms, 24h)); }},
    OptionEntry{"give-up-after", Kind::duration, "DURATION", "15m", role::run, "Pace", on_run,
                "end when nothing has succeeded for this long (exit 5): run again later",
                [](Text t, Settings& s) {
                  return put(s.send.give_up_after, duration_within(t, 1ms, 24h * 365));
                }},
    OptionEntry{"timeout", Kind::duration, "DURATION", "30s", role::run, "Pace", on_run,
                "timeout of one request",
        [](Text t, Settings& s) { return put(s.send.timeout, duration_within(t, 1ms, 1h)); }},
    OptionEntry{"drain", Kind::duration, "DURATION", "10s", role::run, "Pace", on_run,
                "how long requests in flight may take after a first SIGINT or SIGTERM",
                [](Text t, Settings& s) { return put(s.send.drain, duration_within(t, 0ms, 1h)); }},
    OptionEntry{"max-duration", Kind::duration, "DURATION", "", role::run | role::once,
                "Pace", on_run,
                "stop sending after this long (exit 10)",
        [](Text t, Settings& s) {
          return put(s.send.max_duration, duration_within(t, 1ms, 24h * 365));
        }},
    OptionEntry{"max-requests", Kind::count, "N", "", role::run | role::once, "Pace", on_run,
                "stop after this many requests (exit 8)",
                [](Text t, Settings& s) {
                  return put(s.send.max_requests, count_within(t, 1, UINT64_MAX));
                }},
};

constexpr std::array<CommandEntry, static_cast<std::size_t>(Command::count)> commands{{
    {Command::plan, "plan", "INPUT...",
     "check the inputs, write the plan, print the summary; no network", true},
    {Command::run, "run", "INPUT... | --job DIR",
     "plan if there is no plan yet, then send; continues where it stopped", true},
    {Command::show, "show", "--job DIR", "print the summary again, or the rows of a list"},
    {Command::status, "status", "--job DIR",
     "progress of a job, while it runs and after it stopped"},
    {Command::explain, "explain", "ID... --job DIR",
     "every row of an id, its cluster, what was sent, the answer; - for ids on stdin", true},
    {Command::rate, "rate", "RATE --job DIR",
     "change the rate of a run, also while it is running; RATE as for --rate", true},
    {Command::emulator, "emulator", "", "a local Identity API to rehearse against"},
}};

}  // namespace

std::span<const CommandEntry> command_table() {
  return commands;
}

std::span<const OptionEntry> option_table() {
  return entries;
}

std::span<const std::string_view> option_groups() {
  return groups;
}

bool is_plan_option(const OptionEntry& entry) {
  return (entry.commands & on_plan) != 0 && entry.has(role::plan);
}

const OptionEntry* find_option(std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

std::vector<std::string> plan_keys(const OptionEntry& entry) {
  if (!entry.keys[0].empty()) {
    std::vector<std::string> keys{std::string(entry.keys[0])};
    if (!entry.keys[1].empty()) keys.emplace_back(entry.keys[1]);
    return keys;
  }
  std::string key(entry.name);
  std::replace(key.begin(), key.end(), '-', '_');
  return {key};
}

std::vector<std::string> planned_texts(const OptionEntry& entry, const util::KeyValues& planned) {
  if (!entry.has(role::plan)) return {};
  if (entry.retype != nullptr) return entry.retype(planned);
  const auto value = planned.get(plan_keys(entry).front());
  if (value.empty() || value == entry.fallback) return {};
  // Of a file the plan has a digest.
  return {std::string(entry.kind == Kind::file ? entry.value : value)};
}

}  // namespace idmerge::cli
