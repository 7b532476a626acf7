// SPDX-License-Identifier: MIT
#include "idmerge/core/dialect.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "idmerge/base/check.hpp"
#include "idmerge/base/version.hpp"
#include "idmerge/core/backoff.hpp"
#include "idmerge/core/credential_rules.hpp"
#include "idmerge/core/encoding.hpp"
#include "idmerge/core/import.hpp"

namespace idmerge {
namespace {

constexpr std::size_t known_bytes_max = 256;

bool is_graphic(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> check_options(const DialectOptions& options, std::string_view host,
                           std::string_view base) {
  const auto usage = [](std::string what) { return Error{Errc::usage, std::move(what)}; };
  if (options.token.empty()) {
    return usage("project token: it is missing: set MIXPANEL_TOKEN, or name a --credentials file");
  }
  if (const auto why = token_problem(options.token.reveal()); !why.empty()) {
    return usage(fmt::format("project token: {}", why));
  }
  if (options.username.empty()) {
    return usage(
        "user name: it is missing: set MIXPANEL_USERNAME and MIXPANEL_SECRET of a service account");
  }
  if (const auto why = user_name_problem(options.username.reveal()); !why.empty()) {
    return usage(fmt::format("user name: {}", why));
  }
  if (const auto why = secret_problem(options.secret.reveal()); !why.empty()) {
    return usage(fmt::format("secret: {}", why));
  }
  if (host.empty() || !is_graphic(host)) return usage("target: its host is not a host name");
  if (options.api == Api::import) {
    if (options.mode == ProjectMode::none) return check_op(Api::import, options.mode, Op::create);
    const std::string& id = options.project_id;
    if (id.empty() || id.size() > 20 || id.find_first_not_of("0123456789") != std::string::npos) {
      return usage(
          "--project-id: it is missing or not a number: it stands in the project's settings");
    }
    if (options.batch_links_max == 0 || options.batch_links_max > 2'000) {
      return usage("batch: an import request takes 1 to 2,000 links");
    }
  }
  if (!is_graphic(base)) return usage("target: its path has spaces or other than ASCII characters");
  return {};
}

}  // namespace

std::string_view name(Api api) {
  return api == Api::identity ? "identity" : "import";
}

std::string_view name(ProjectMode mode) {
  constexpr std::array<std::string_view, 4> names{"none", "original", "simplified", "legacy"};
  IDMERGE_CHECK(static_cast<std::size_t>(mode) < names.size());
  return names[static_cast<std::size_t>(mode)];
}

std::optional<ProjectMode> parse_project_mode(std::string_view text) {
  for (const auto mode :
       {ProjectMode::none, ProjectMode::original, ProjectMode::simplified, ProjectMode::legacy}) {
    if (text == name(mode)) return mode;
  }
  return std::nullopt;
}

Result<void> check_op(Api api, ProjectMode mode, Op op) {
  const auto usage = [&](std::string_view why) {
    return Error{Errc::usage, fmt::format("--op {}: {}", name(op), why)};
  };
  switch (mode) {
    case ProjectMode::none:
      if (api == Api::identity) return {};
      return Error{Errc::usage,
                   "--api import: the project mode is not given: add --project-mode original, "
                   "simplified or legacy, as the project's settings show it under Identity Merge"};
    case ProjectMode::original:
      return {};
    case ProjectMode::simplified:
      if (op == Op::create) return {};
      return usage(
          "a project with simplified identity merge takes create only: two users cannot "
          "be merged there: use --op create");
    case ProjectMode::legacy:
      break;
  }
  if (op == Op::alias) return {};
  return usage("a legacy project takes alias only: use --op alias");
}

Verbs verbs_of(ProjectMode mode) {
  const auto has = [&](Op op) { return check_op(Api::identity, mode, op).has_value(); };
  return {.create = has(Op::create), .alias = has(Op::alias), .merge = has(Op::merge)};
}

// ---- The parts of a dialect

struct Dialect::Parts {
  Api api = Api::identity;
  ProjectMode mode = ProjectMode::none;
  std::size_t links_max = 1;
  std::array<Secret, 3> heads;  // by operation; they hold the Authorization header
  std::string token_json;       // the token as it ends a body: ,"$token":"..."}
  Redactor secrets;
  std::string body;
  std::optional<ImportWriter> import;
  simdjson::dom::parser json;

  // The last body that meant "delivered", and for how many links: the service repeats itself.
  std::string known_good;
  std::size_t known_good_links = 0;

  ~Parts() { wipe(token_json); }

  static void append_request(const Secret& head, std::string_view content, std::string& out);
  void encode_identity(const Link& link, std::string& out);
  void decode_answer(const Reply& reply, std::span<const Link> links, Outcome& outcome);
  void decode_passing(const Reply& reply, Outcome& outcome);
  void decode_identity_ok(const Reply& reply, Outcome& outcome);
  void decode_identity_bad(const Reply& reply, Outcome& outcome);
  bool took_nothing(const Reply& reply);
  void append_said(const Reply& reply, std::string& out);
  void foreign(const Reply& reply, Outcome& outcome);
};

Dialect::Dialect(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Dialect::Dialect(Dialect&&) noexcept = default;
Dialect& Dialect::operator=(Dialect&&) noexcept = default;
Dialect::~Dialect() = default;

Result<Dialect> Dialect::make(const DialectOptions& options, std::string_view host,
                              std::string_view base) {
  if (auto checked = check_options(options, host, base); !checked) return checked.error();
  auto parts = std::make_unique<Parts>();
  parts->api = options.api;
  parts->mode = options.mode;
  parts->secrets.hide(options.token);
  parts->secrets.hide_login(options.username, options.secret);
  for (const auto& [user, password] : options.other_logins)
    parts->secrets.hide_login(user, password);
  parts->token_json = ",\"$token\":";
  append_json(options.token.reveal(), parts->token_json);
  parts->token_json += '}';

  std::string credentials(options.username.reveal());
  credentials += ':';
  credentials += options.secret.reveal();
  std::string encoded;
  append_base64(credentials, encoded);
  const auto head = [&](std::string_view path, std::string_view more) {
    std::string text = fmt::format(
        "POST {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: idmerge/{}\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\n{}"
        "Authorization: Basic {}\r\nContent-Length: ",
        base, path, host, version(), more, encoded);
    Secret kept(text);
    wipe(text);
    return kept;
  };
  if (options.api == Api::identity) {
    parts->heads = {head("/identity/create", ""), head("/identity/create-alias", ""),
                    head("/identity/merge", "")};
  } else {
    parts->heads[0] = head(fmt::format("/import?strict=1&project_id={}", options.project_id),
                           "Content-Encoding: gzip\r\n");
    parts->import.emplace(options);
    parts->links_max = options.batch_links_max;
  }
  wipe(credentials);
  wipe(encoded);
  return Dialect(std::move(parts));
}

std::size_t Dialect::links_max() const {
  return parts_->links_max;
}

std::size_t Dialect::encode(std::span<const Link> links, std::string& out) {
  IDMERGE_CHECK(!links.empty());
  if (parts_->api == Api::identity) {
    parts_->encode_identity(links.front(), out);
    return 1;
  }
  const std::size_t count = parts_->import->write(links);
  parts_->append_request(parts_->heads[0], parts_->import->compressed(), out);
  return count;
}

void Dialect::Parts::append_request(const Secret& head, std::string_view content,
                                    std::string& out) {
  const fmt::format_int length(content.size());
  out += head.reveal();
  out.append(length.data(), length.size());
  out += "\r\n\r\n";
  out += content;
}

void Dialect::Parts::encode_identity(const Link& link, std::string& out) {
  body.clear();
  switch (link.op) {
    case Op::create:
      body += R"({"$identified_id":)";
      append_json(link.user, body);
      body += R"(,"$anon_id":)";
      append_json(link.anon, body);
      break;
    case Op::alias:
      body += R"({"alias":)";
      append_json(link.anon, body);
      body += R"(,"distinct_id":)";
      append_json(link.user, body);
      break;
    case Op::merge:
      body += R"({"$distinct_ids":[)";
      append_json(link.anon, body);
      body += ',';
      append_json(link.user, body);
      body += ']';
      break;
  }
  body += token_json;
  append_request(heads[static_cast<std::size_t>(link.op)], body, out);
}

// ---- Answers

void Dialect::decode(const Reply& reply, std::span<const Link> links, Outcome& outcome) {
  IDMERGE_CHECK(!links.empty());
  Parts& parts = *parts_;
  outcome.message.clear();
  outcome.refusals.clear();
  outcome.retry_after.reset();
  outcome.took_nothing = false;
  outcome.retry_after_is_unreadable = false;
  const bool known = reply.status == 200 && parts.known_good_links == links.size() &&
                     reply.body == parts.known_good && !reply.body_cut;
  if (known) {
    outcome.kind = OutcomeKind::delivered;
    return;
  }
  parts.decode_answer(reply, links, outcome);
  if (outcome.kind == OutcomeKind::delivered && outcome.refusals.empty() &&
      reply.body.size() <= known_bytes_max) {
    parts.known_good = reply.body;
    parts.known_good_links = links.size();
  }
}

void Dialect::Parts::decode_answer(const Reply& reply, std::span<const Link> links,
                                   Outcome& outcome) {
  const unsigned status = reply.status;
  if (status == 401 || status == 403) {
    outcome.kind = OutcomeKind::unauthorized;
    outcome.took_nothing = took_nothing(reply);
    append_said(reply, outcome.message);
  } else if (status == 408 || status == 429 || (status >= 500 && status <= 599)) {
    decode_passing(reply, outcome);
  } else if (api == Api::import) {
    const bool own = status == 200 || status == 400 || status == 413;
    if (!own || !decode_import(json, secrets, reply, links, mode, outcome)) foreign(reply, outcome);
  } else if (status == 200) {
    decode_identity_ok(reply, outcome);
  } else if (status == 400) {
    decode_identity_bad(reply, outcome);
  } else {
    foreign(reply, outcome);
  }
}

// What stands between answers 400 too, with a page for people, and no link is refused by that. The
// API's own word for it is not specified, so any other body will do, unless it says "done".
void Dialect::Parts::decode_identity_bad(const Reply& reply, Outcome& outcome) {
  if (is_html(reply)) return foreign(reply, outcome);
  simdjson::dom::object object;
  if (parse_object(json, reply, object)) {
    simdjson::dom::element code;
    const bool is_belied = !object["code"].get(code) && contradicts(code, reply.status);
    if (is_belied || says_taken(object) || has_differing_members(object)) {
      return foreign(reply, outcome);
    }
  }
  outcome.kind = OutcomeKind::refused;
  append_said(reply, outcome.message);
  if (outcome.message.empty()) outcome.message = "the service answered 400 without a reason";
}

void Dialect::Parts::decode_passing(const Reply& reply, Outcome& outcome) {
  if (!reply.retry_after.empty()) {
    const auto date = parse_http_date(reply.date);
    outcome.retry_after =
        parse_retry_after(reply.retry_after, date ? *date : reply.received_unix_s);
    outcome.retry_after_is_unreadable = !outcome.retry_after;
  }
  const bool throttled = reply.status == 429 || (reply.status == 503 && !reply.retry_after.empty());
  outcome.kind = throttled ? OutcomeKind::throttled : OutcomeKind::retry;
  outcome.took_nothing = reply.status == 429 && took_nothing(reply);
  outcome.message = fmt::format("status {}", reply.status);
  if (!reply.body.empty()) {
    outcome.message += ": ";
    append_said(reply, outcome.message);
  }
}

void Dialect::Parts::decode_identity_ok(const Reply& reply, Outcome& outcome) {
  // Every key is looked at: a second `status` that says otherwise is doubt, and doubt is foreign.
  simdjson::dom::object object;
  if (!parse_object(json, reply, object) || has_differing_members(object)) {
    return foreign(reply, outcome);
  }
  std::optional<std::int64_t> status;
  std::string_view error;
  bool has_error = false;
  for (const auto field : object) {
    if (field.key == "status") {
      std::int64_t value = 0;
      if (field.value.get(value) || (status && *status != value)) return foreign(reply, outcome);
      status = value;
    } else if (field.key == "error") {
      std::string_view text;
      if (!field.value.get(text) && !text.empty()) error = text;
      has_error = has_error || !means_none(field.value);
    } else if (field.key == "code" && contradicts(field.value, reply.status)) {
      return foreign(reply, outcome);
    }
  }
  if (status == 1 && has_error) return foreign(reply, outcome);
  if (status == 1) {
    outcome.kind = OutcomeKind::delivered;
  } else if (status == 0) {
    outcome.kind = OutcomeKind::refused;
    append_clean(secrets, error.empty() ? "the service answered status 0 without a reason" : error,
                 outcome.message);
    // Source: mixpanel-facts 1.6: this refusal was seen to be a passing one.
    if (outcome.message.find("temporary failure") != std::string::npos) {
      outcome.kind = OutcomeKind::retry;
      outcome.took_nothing = true;
    }
  } else {
    foreign(reply, outcome);
  }
}

/// Of an answer that says no by its status: does its body not say otherwise?
bool Dialect::Parts::took_nothing(const Reply& reply) {
  simdjson::dom::object object;
  return !parse_object(json, reply, object) || !says_taken(object);
}

void Dialect::Parts::append_said(const Reply& reply, std::string& out) {
  simdjson::dom::object object;
  std::string_view error;
  if (parse_object(json, reply, object) && !object["error"].get(error) && !error.empty()) {
    append_clean(secrets, error, out);
  } else {
    append_gist(secrets, reply, out);
  }
}

void Dialect::Parts::foreign(const Reply& reply, Outcome& outcome) {
  outcome.kind = OutcomeKind::foreign;
  std::string& out = outcome.message;
  out = fmt::format("the target answered {}", reply.status);
  if (!reply.content_type.empty()) {
    out += ' ';
    append_clean(secrets, reply.content_type, out, 64);
  }
  if (!reply.location.empty()) {
    out += " to ";
    append_clean(secrets, reply.location, out, 160);
  }
  std::string gist;
  append_gist(secrets, reply, gist);
  if (!gist.empty()) {
    out += " \"";
    append_clean(secrets, gist, out, 320);
    out += '"';
  }
  if (reply.status == 404 || reply.status == 405) {
    out += api == Api::identity
               ? ": it has no Identity API at this path: check --to, or use --api import, "
                 "Mixpanel's public ingestion"
               : ": it has no /import at this path: check --to";
  } else if (reply.status >= 300 && reply.status < 400) {
    out += ": redirects are not followed with credentials: give the final URL with --to";
  } else {
    out += fmt::format(": this is not how {} answers: check --to and what stands between",
                       api == Api::identity ? "the Identity API" : "/import");
  }
}

namespace {

/// In lower case.
constexpr std::array<std::string_view, 9> already_linked{"erranondistinctidassignedalready",
                                                         "erraliasalreadyexists",
                                                         "already linked",
                                                         "already identified",
                                                         "already exists",
                                                         "already merged",
                                                         "already assigned",
                                                         "already mapped",
                                                         "alias exists"};
constexpr std::array<std::string_view, 5> another_user{"another", "different user", "other user",
                                                       "other id", "someone else"};

/// Words that may stand between "already linked" and the id of a user.
constexpr std::array<std::string_view, 27> words_before_id{
    "to",         "with",     "as",      "by",       "for",      "a",           "an",
    "the",        "user",     "id",      "user_id",  "$user_id", "distinct_id", "$distinct_id",
    "identified", "distinct", "some",    "this",     "that",     "same",        "given",
    "existing",   "device",   "anon_id", "$anon_id", "profile",  "named"};

/// Words with which a sentence goes on that names no id.
constexpr std::array<std::string_view, 20> words_of_sentence{
    "in",     "on", "at",   "and", "or", "of",      "but",  "so",  "before", "earlier",
    "itself", "it", "them", "you", "us", "project", "from", "see", "please", "since"};

template <std::size_t n>
std::size_t find_any(std::string_view text, const std::array<std::string_view, n>& phrases,
                     std::size_t& end) {
  auto first = std::string_view::npos;
  for (const auto phrase : phrases) {
    const auto at = text.find(phrase);
    if (at >= first) continue;
    first = at;
    end = at + phrase.size();
  }
  return first;
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

/// The id that stands in `text` behind the words about a link; empty where none does. What is
/// quoted is an id, and so is what follows "to user", unless a sentence may go on with it: many an
/// id is a name or a word. Taken for an id, a word makes a refusal of what may have been delivered;
/// taken for prose, an id would make a delivery of a refusal.
std::string_view named_id(std::string_view text) {
  constexpr std::string_view quotes = "\"'`";
  bool introduced = false;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" :=("), text.size()));
    if (text.empty()) return {};
    if (quotes.find(text.front()) != std::string_view::npos) {
      const auto close = text.find(text.front(), 1);
      return close == std::string_view::npos ? text.substr(1) : text.substr(1, close - 1);
    }
    auto word = text.substr(0, text.find_first_of(" )"));
    text.remove_prefix(word.size());
    while (!word.empty() && std::string_view(".,;:!").find(word.back()) != std::string_view::npos)
      word.remove_suffix(1);
    const auto lower = in_lower_case(word);
    if (std::find(words_before_id.begin(), words_before_id.end(), lower) != words_before_id.end()) {
      introduced = true;
      continue;
    }
    const bool goes_on = std::find(words_of_sentence.begin(), words_of_sentence.end(), lower) !=
                         words_of_sentence.end();
    return goes_on || !introduced ? std::string_view() : word;
  }
  return {};
}

}  // namespace

bool may_mean_ours(std::string_view message, const Link& link) {
  const std::string lower = in_lower_case(message);
  std::size_t end = 0;
  if (find_any(lower, already_linked, end) == std::string_view::npos) return false;
  const auto named = named_id(message.substr(end));
  if (!named.empty() && (named == link.user || named == link.anon)) return true;
  std::size_t ignored = 0;
  return named.empty() && find_any(lower, another_user, ignored) == std::string_view::npos;
}

}  // namespace idmerge
