// SPDX-License-Identifier: MIT
#include "send/identity_api.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "net/credential_rules.hpp"
#include "plan/row_validator.hpp"
#include "send/backoff.hpp"
#include "send/id_redaction.hpp"
#include "send/import_api.hpp"
#include "util/check.hpp"
#include "util/encoding.hpp"
#include "util/version.hpp"

namespace idmerge::send {
namespace {

constexpr std::size_t known_bytes_max = 256;

bool is_graphic(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> check_options(const ServiceApiOptions& options, std::string_view host,
                           std::string_view base) {
  const auto usage = [](std::string what) { return Error{Errc::usage, std::move(what)}; };
  if (options.token.empty()) {
    return usage("project token: it is missing: set MIXPANEL_TOKEN, or name a --credentials file");
  }
  if (const auto why = net::token_problem(options.token.reveal()); !why.empty()) {
    return usage(fmt::format("project token: {}", why));
  }
  if (options.username.empty()) {
    return usage(
        "user name: it is missing: set MIXPANEL_USERNAME and MIXPANEL_SECRET of a service account");
  }
  if (const auto why = net::user_name_problem(options.username.reveal()); !why.empty()) {
    return usage(fmt::format("user name: {}", why));
  }
  if (const auto why = net::secret_problem(options.secret.reveal()); !why.empty()) {
    return usage(fmt::format("secret: {}", why));
  }
  if (host.empty() || !is_graphic(host)) return usage("target: its host is not a host name");
  if (options.api == plan::Api::import) {
    if (options.mode == plan::ProjectMode::none)
      return plan::check_op(plan::Api::import, options.mode, input::Op::create);
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

struct ServiceApi::Parts {
  plan::Api api = plan::Api::identity;
  plan::ProjectMode mode = plan::ProjectMode::none;
  std::size_t links_max = 1;
  std::array<util::Secret, 3> heads;  // by operation; they hold the Authorization header
  std::string token_json;             // the token as it ends a body: ,"$token":"..."}
  util::Redactor secrets;
  std::string body;
  std::optional<ImportWriter> import;
  simdjson::dom::parser json;

  // The last body that meant "delivered", and for how many links: the service repeats itself.
  std::string known_good;
  std::size_t known_good_links = 0;

  ~Parts() { util::wipe(token_json); }

  static void append_request(const util::Secret& head, std::string_view content, std::string& out);
  void encode_identity(const input::Link& link, std::string& out);
  void decode_answer(const net::Response& response, std::span<const input::Link> links,
                     Outcome& outcome);
  void decode_passing(const net::Response& response, Outcome& outcome);
  void decode_identity_ok(const net::Response& response, std::span<const input::Link> links,
                          Outcome& outcome);
  void decode_identity_bad(const net::Response& response, Outcome& outcome);
  bool took_nothing(const net::Response& response);
  void append_message(const net::Response& response, std::string& out);
  void foreign(const net::Response& response, Outcome& outcome);
};

ServiceApi::ServiceApi(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ServiceApi::ServiceApi(ServiceApi&&) noexcept = default;
ServiceApi& ServiceApi::operator=(ServiceApi&&) noexcept = default;
ServiceApi::~ServiceApi() = default;

Result<ServiceApi> ServiceApi::make(const ServiceApiOptions& options, std::string_view host,
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
  util::append_json(options.token.reveal(), parts->token_json);
  parts->token_json += '}';

  std::string credentials(options.username.reveal());
  credentials += ':';
  credentials += options.secret.reveal();
  std::string encoded;
  util::append_base64(credentials, encoded);
  const auto head = [&](std::string_view path, std::string_view more) {
    std::string text = fmt::format(
        "POST {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: idmerge/{}\r\n"
        "Accept: application/json\r\nContent-Type: application/json\r\n{}"
        "Authorization: Basic {}\r\nContent-Length: ",
        base, path, host, util::version(), more, encoded);
    util::Secret kept(text);
    util::wipe(text);
    return kept;
  };
  if (options.api == plan::Api::identity) {
    parts->heads = {head("/identity/create", ""), head("/identity/create-alias", ""),
                    head("/identity/merge", "")};
  } else {
    parts->heads[0] = head(fmt::format("/import?strict=1&project_id={}", options.project_id),
                           "Content-Encoding: gzip\r\n");
    parts->import.emplace(options);
    parts->links_max = options.batch_links_max;
  }
  util::wipe(credentials);
  util::wipe(encoded);
  return ServiceApi(std::move(parts));
}

std::size_t ServiceApi::links_max() const {
  return parts_->links_max;
}

std::size_t ServiceApi::encode(std::span<const input::Link> links, std::string& out) {
  IDMERGE_CHECK(!links.empty());
  if (parts_->api == plan::Api::identity) {
    parts_->encode_identity(links.front(), out);
    return 1;
  }
  const std::size_t count = parts_->import->write(links);
  parts_->append_request(parts_->heads[0], parts_->import->compressed(), out);
  return count;
}

void ServiceApi::Parts::append_request(const util::Secret& head, std::string_view content,
                                       std::string& out) {
  const fmt::format_int length(content.size());
  out += head.reveal();
  out.append(length.data(), length.size());
  out += "\r\n\r\n";
  out += content;
}

void ServiceApi::Parts::encode_identity(const input::Link& link, std::string& out) {
  body.clear();
  switch (link.op) {
    case input::Op::create:
      body += R"({"$identified_id":)";
      util::append_json(link.user, body);
      body += R"(,"$anon_id":)";
      util::append_json(link.anon, body);
      break;
    case input::Op::alias:
      body += R"({"alias":)";
      util::append_json(link.anon, body);
      body += R"(,"distinct_id":)";
      util::append_json(link.user, body);
      break;
    case input::Op::merge:
      body += R"({"$distinct_ids":[)";
      util::append_json(link.anon, body);
      body += ',';
      util::append_json(link.user, body);
      body += ']';
      break;
  }
  body += token_json;
  append_request(heads[static_cast<std::size_t>(link.op)], body, out);
}

// ---- Answers

void ServiceApi::decode(const net::Response& response, std::span<const input::Link> links,
                        Outcome& outcome) {
  IDMERGE_CHECK(!links.empty());
  Parts& parts = *parts_;
  outcome.message.clear();
  outcome.refusals.clear();
  outcome.retry_after.reset();
  outcome.took_nothing = false;
  outcome.retry_after_is_unreadable = false;
  const bool known = response.status == 200 && parts.known_good_links == links.size() &&
                     response.body == parts.known_good && !response.body_cut;
  if (known) {
    outcome.kind = OutcomeKind::delivered;
    return;
  }
  parts.decode_answer(response, links, outcome);
  if (outcome.kind == OutcomeKind::delivered && outcome.refusals.empty() &&
      response.body.size() <= known_bytes_max) {
    parts.known_good = response.body;
    parts.known_good_links = links.size();
  }
}

void ServiceApi::Parts::decode_answer(const net::Response& response,
                                      std::span<const input::Link> links, Outcome& outcome) {
  const unsigned status = response.status;
  if (status == 401 || status == 403) {
    outcome.kind = OutcomeKind::unauthorized;
    outcome.took_nothing = took_nothing(response);
    append_message(response, outcome.message);
  } else if (status == 408 || status == 429 || (status >= 500 && status <= 599)) {
    decode_passing(response, outcome);
  } else if (api == plan::Api::import) {
    const bool own = status == 200 || status == 400 || status == 413;
    if (!own || !decode_import(json, secrets, response, links, mode, outcome))
      foreign(response, outcome);
  } else if (status == 200) {
    decode_identity_ok(response, links, outcome);
  } else if (status == 400) {
    decode_identity_bad(response, outcome);
  } else {
    foreign(response, outcome);
  }
}

// What stands between answers 400 too, with a page for people, and no link is refused by that. The
// API's own word for it is not specified, so any other body will do, unless it says "done".
void ServiceApi::Parts::decode_identity_bad(const net::Response& response, Outcome& outcome) {
  if (net::is_html(response)) return foreign(response, outcome);
  simdjson::dom::object object;
  if (parse_object(json, response, object)) {
    simdjson::dom::element code;
    const bool is_belied = !object["code"].get(code) && contradicts(code, response.status);
    if (is_belied || says_taken(object) || has_differing_members(object)) {
      return foreign(response, outcome);
    }
  }
  outcome.kind = OutcomeKind::refused;
  append_message(response, outcome.message);
  if (outcome.message.empty()) outcome.message = "the service answered 400 without a reason";
}

void ServiceApi::Parts::decode_passing(const net::Response& response, Outcome& outcome) {
  if (!response.retry_after.empty()) {
    const auto date = parse_http_date(response.date);
    outcome.retry_after =
        parse_retry_after(response.retry_after, date ? *date : response.received_unix_s);
    outcome.retry_after_is_unreadable = !outcome.retry_after;
  }
  const bool rate_limited =
      response.status == 429 || (response.status == 503 && !response.retry_after.empty());
  outcome.kind = rate_limited ? OutcomeKind::rate_limited : OutcomeKind::retry;
  outcome.took_nothing = response.status == 429 && took_nothing(response);
  outcome.message = fmt::format("status {}", response.status);
  if (!response.body.empty()) {
    outcome.message += ": ";
    append_message(response, outcome.message);
  }
}

void ServiceApi::Parts::decode_identity_ok(const net::Response& response,
                                           std::span<const input::Link> links, Outcome& outcome) {
  // Whatever says otherwise than `status` does is doubt, and doubt is foreign.
  simdjson::dom::object object;
  std::int64_t status = -1;
  simdjson::dom::element code;
  if (!parse_object(json, response, object) || has_differing_members(object) ||
      object["status"].get(status) ||
      (!object["code"].get(code) && contradicts(code, response.status)) ||
      (status == 1 && says_failed(object)) || (status == 0 && says_success(object))) {
    return foreign(response, outcome);
  }
  std::string_view error;
  if (object["error"].get(error)) error = "";
  if (status == 1) {
    outcome.kind = OutcomeKind::delivered;
  } else if (status == 0) {
    outcome.kind = OutcomeKind::refused;
    net::append_clean(secrets,
                      error.empty() ? "the service answered status 0 without a reason" : error,
                      outcome.message);
    // Source: mixpanel-facts 1.6: this refusal was seen to be a passing one.
    if (says(error, "temporary failure", links)) {
      outcome.kind = OutcomeKind::retry;
      outcome.took_nothing = true;
    }
  } else {
    foreign(response, outcome);
  }
}

/// Of an answer that says no by its status: does its body not say otherwise?
bool ServiceApi::Parts::took_nothing(const net::Response& response) {
  simdjson::dom::object object;
  return !parse_object(json, response, object) || !says_taken(object);
}

void ServiceApi::Parts::append_message(const net::Response& response, std::string& out) {
  simdjson::dom::object object;
  std::string_view error;
  if (parse_object(json, response, object) && !object["error"].get(error) && !error.empty()) {
    net::append_clean(secrets, error, out);
  } else {
    net::append_gist(secrets, response, out);
  }
}

void ServiceApi::Parts::foreign(const net::Response& response, Outcome& outcome) {
  outcome.kind = OutcomeKind::foreign;
  std::string& out = outcome.message;
  out = fmt::format("the target answered {}", response.status);
  if (!response.content_type.empty()) {
    out += ' ';
    net::append_clean(secrets, response.content_type, out, 64);
  }
  if (!response.location.empty()) {
    out += " to ";
    net::append_clean(secrets, response.location, out, 160);
  }
  std::string gist;
  net::append_gist(secrets, response, gist);
  if (!gist.empty()) {
    out += " \"";
    net::append_clean(secrets, gist, out, 320);
    out += '"';
  }
  if (response.status == 404 || response.status == 405) {
    out += api == plan::Api::identity
               ? ": it has no Identity API at this path: check --to, or use --api import, "
                 "Mixpanel's public ingestion"
               : ": it has no /import at this path: check --to";
  } else if (response.status >= 300 && response.status < 400) {
    out += ": redirects are not followed with credentials: give the final URL with --to";
  } else {
    out += fmt::format(": this is not how {} answers: check --to and what stands between",
                       api == plan::Api::identity ? "the Identity API" : "/import");
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
constexpr std::array<std::string_view, 12> another_user{
    "another",   "different", " other ",  " others ",  " else ",    " elsewhere ",
    " instead ", " than ",    " is not ", " not its ", " not for ", " not to "};

// What may stand around "already linked" without being an id. `$` and `properties.` in front of a
// word do not count, and `-` is `_`.

/// Whatever other word follows is an id.
constexpr std::array<std::string_view, 44> before_id{"to",           "with",
                                                     "as",           "by",
                                                     "for",          "a",
                                                     "an",           "the",
                                                     "user",         "users",
                                                     "id",           "ids",
                                                     "user_id",      "distinct_id",
                                                     "distinct",     "some",
                                                     "this",         "that",
                                                     "same",         "given",
                                                     "existing",     "current",
                                                     "device",       "device_id",
                                                     "anon",         "anonymous",
                                                     "anon_id",      "alias",
                                                     "profile",      "person",
                                                     "account",      "owner",
                                                     "owned",        "named",
                                                     "called",       "is",
                                                     "are",          "identity",
                                                     "identified",   "identified_id",
                                                     "insert_id",    "anonymous_id",
                                                     "distinct_ids", "→"};

/// What follows is the number or the name of something else.
constexpr std::array<std::string_view, 17> before_reference{
    "see",   "request", "code", "error", "status", "doc",  "docs",   "ref",  "reference",
    "trace", "project", "line", "index", "row",    "http", "record", "event"};

constexpr std::array<std::string_view, 63> of_sentence{
    "in",        "on",      "at",      "and",    "or",        "of",      "but",    "so",
    "before",    "earlier", "itself",  "it",     "them",      "you",     "us",     "from",
    "please",    "since",   "already", "exists", "exist",     "linked",  "merged", "assigned",
    "mapped",    "used",    "taken",   "been",   "being",     "has",     "have",   "had",
    "was",       "were",    "cannot",  "could",  "can",       "not",     "may",    "must",
    "no",        "yet",     "again",   "twice",  "because",   "when",    "then",   "now",
    "link",      "value",   "message", "msg",    "detail",    "reason",  "title",  "another",
    "different", "other",   "others",  "else",   "elsewhere", "instead", "than"};

template <std::size_t n>
bool holds_any(std::string_view text, const std::array<std::string_view, n>& phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view phrase) {
    return text.find(phrase) != std::string_view::npos;
  });
}

template <std::size_t n>
bool is_among(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

/// A word as the lists above have it.
std::string plain(std::string_view word) {
  std::string it = in_lower_case(word);
  if (it.starts_with("properties.")) it.erase(0, it.find('.') + 1);
  if (it.starts_with('$')) it.erase(0, 1);
  std::replace(it.begin(), it.end(), '-', '_');
  return it;
}

bool is_known(std::string_view word) {
  const auto it = plain(word);
  return is_among(before_id, it) || is_among(before_reference, it) || is_among(of_sentence, it);
}

/// Of a plain word. What only looks like one makes a refusal of what may have been delivered; an id
/// that does not would make a delivery of a refusal.
bool looks_like_id(std::string_view word) {
  const bool may_be_time = word.find_first_not_of("0123456789_:.+tz") == std::string_view::npos;
  const bool is_day = word.size() >= 10 && word[4] == '_' && word[7] == '_';
  const bool is_time = word.size() >= 5 && word[2] == ':';
  if (may_be_time && (is_day || is_time)) return false;
  return word.find_first_of("0123456789@._+%#~$:") != std::string_view::npos;
}

/// A name of the service's for an error, like errAliasAlreadyExists. Of a plain word.
bool is_code(std::string_view word) {
  return (word.find("already") != word.npos || word.find("exists") != word.npos) &&
         word.find_first_of("0123456789@.") == word.npos;
}

/// A word of a text, or what stands in quotes there.
struct Word {
  std::string_view text;
  bool is_own = false;  // one of the ids of the link
  bool is_quoted = false;
  bool is_pointed_at = false;  // by an arrow, an equals sign, or a quote that does not end
  bool ends_sentence = false;
};

class Words {
 public:
  Words(std::string_view text, const input::Link& link) : rest_(text), link_(link) {}

  std::optional<Word> next() {
    Word word;
    for (;;) {
      const auto start = std::min(rest_.find_first_not_of(" =:,;.!?()[]{}<>|*\\-"), rest_.size());
      word.is_pointed_at |= rest_.substr(0, start).find_first_of("=>") != std::string_view::npos;
      rest_.remove_prefix(start);
      if (rest_.empty()) return std::nullopt;
      if (quotes.find(rest_.front()) == std::string_view::npos) break;
      const auto inner = take_quoted(word);
      if (!inner) continue;
      word.text = *inner;
      word.is_quoted = true;
      word.is_own = own_length(*inner) == inner->size();
      return word;
    }
    auto length = own_length(rest_);
    word.is_own = length > 0;
    if (!word.is_own) length = word_length();
    word.text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    while (!word.is_own && (word.text.ends_with('.') || word.text.ends_with(':') ||
                            word.text.ends_with('!') || word.text.ends_with('\''))) {
      word.ends_sentence |= word.text.ends_with('.') || word.text.ends_with('!');
      word.text.remove_suffix(1);
    }
    return word;
  }

 private:
  static constexpr std::string_view quotes = "\"'`";

  /// Nothing where the words within count one by one: of a sentence, and where no quote ends it.
  std::optional<std::string_view> take_quoted(Word& word) {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    const auto close = rest_.find(quote);
    const auto inner = rest_.substr(0, close);
    word.is_pointed_at |= close == std::string_view::npos;
    const bool has_word = inner.find_first_not_of(" =:,;.!?()[]{}<>|*\\-\"'`") != inner.npos;
    const bool is_sentence = own_length(inner) != inner.size() && inner.find(' ') != inner.npos &&
                             holds_any(in_lower_case(inner), already_linked);
    if (close == std::string_view::npos || !has_word || is_sentence) return std::nullopt;
    rest_.remove_prefix(close + 1);
    return inner;
  }

  /// Of the id of the link with which `text` begins, as a whole. An id that is a word of sentences
  /// is taken for that.
  std::size_t own_length(std::string_view text) const {
    std::size_t length = 0;
    const auto try_id = [&](std::string_view id) {
      if (id.size() <= length || !text.starts_with(id) || is_known(id)) return;
      const auto after = text.find_first_not_of(".,;:!?", id.size());
      if (after == text.npos || std::string_view(" )]}>\"'`=|").find(text[after]) != text.npos)
        length = id.size();
    };
    try_id(link_.user);
    try_id(link_.anon);
    try_id(std::string(input::device_prefix).append(link_.anon));
    return length;
  }

  std::size_t word_length() const {
    const auto end = std::min(rest_.find_first_of(" =,;()[]{}<>|\"`\\"), rest_.size());
    const auto colon = rest_.substr(0, end).find(':');
    const bool is_labelled = colon != std::string_view::npos && !input::has_device_prefix(rest_) &&
                             is_known(rest_.substr(0, colon));
    return is_labelled ? colon : end;
  }

  std::string_view rest_;
  const input::Link& link_;
};

/// What a text says, apart from the ids of a link.
struct Said {
  std::string prose{" "};  // in lower case, a space before and behind each word
  bool names_another = false;
};

Said read(std::string_view message, const input::Link& link) {
  Said said;
  bool introduced = false;
  bool referred = false;
  Words words(message, link);
  while (const auto word = words.next()) {
    const bool is_referred = std::exchange(referred, false);
    const bool is_introduced =
        std::exchange(introduced, false) || (word->is_pointed_at && !is_referred);
    if (word->is_own) {
      said.prose += "* ";
      continue;
    }
    const auto name = plain(word->text);
    said.prose.append(in_lower_case(word->text)).append(" ");
    if (word->is_quoted && is_introduced) {
      said.names_another = true;
    } else if (is_among(before_id, name)) {
      introduced = !word->ends_sentence;
    } else if (is_among(before_reference, name)) {
      referred = !word->ends_sentence;
    } else if (!is_known(name) && !is_code(name)) {
      const bool is_reference = is_referred && name.find('@') == name.npos;
      said.names_another |=
          word->is_quoted || is_introduced || (looks_like_id(name) && !is_reference);
    }
  }
  return said;
}

}  // namespace

bool may_mean_ours(std::string_view message, const input::Link& link) {
  if (message.ends_with("…")) return false;  // whom the rest names is not known
  const Said said = read(message, link);
  return holds_any(said.prose, already_linked) && !holds_any(said.prose, another_user) &&
         !said.names_another;
}

}  // namespace idmerge::send
