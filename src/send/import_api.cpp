// SPDX-License-Identifier: MIT
#include "send/import_api.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <libdeflate.h>
#include <sodium.h>

#include "input/id_text.hpp"
#include "send/already_linked.hpp"
#include "send/id_redaction.hpp"
#include "send/mixpanel_api.hpp"
#include "util/check.hpp"
#include "util/encoding.hpp"
#include "util/exceptions.hpp"

namespace idmerge::send {
namespace {

// The fastest level: beyond it, half a core buys a few percent of the bytes.
constexpr int gzip_level = 1;

// Of one request, before compression. Source: mixpanel-facts 1.3.
constexpr std::size_t links_most = 2'000;
constexpr std::size_t bytes_most = 10'000'000;
constexpr std::size_t bytes_default = 9'500'000;

std::size_t batch_links(const ServiceApiOptions& options) {
  return options.batch_links_max.value_or(links_most);
}

constexpr std::size_t insert_id_bytes_max = 36;
constexpr std::size_t hash_digits = 32;

// Any name would do but the three of the identity events. Source: mixpanel-facts 2.2.
constexpr std::string_view simplified_event = "Identity Link";

constexpr auto of_insert_ids = [] {
  std::array<bool, 256> table{};
  table['-'] = true;
  for (unsigned char c = '0'; c <= '9'; ++c)
    table[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c)
    table[c] = table[c - 'a' + 'A'] = true;
  return table;
}();

/// Does the service take it for an insert id as it is? Of 32 characters, as many as a hash has, it
/// might be one: those are hashed.
bool is_insert_id(std::string_view text) {
  if (text.empty() || text.size() > insert_id_bytes_max || text.size() == hash_digits) return false;
  bool all = true;
  for (const char c : text)
    all &= of_insert_ids[static_cast<unsigned char>(c)];
  return all;
}

void append_length(std::size_t length, std::string& out) {
  for (int shift = 0; shift < 32; shift += 8)
    out += static_cast<char>(length >> shift);
}

}  // namespace

void append_insert_id(const input::Link& link, std::string& out) {
  static_assert(2 * crypto_shorthash_siphashx24_BYTES == hash_digits);
  if (link.op == input::Op::create && is_insert_id(link.anon)) {
    out += link.anon;
    return;
  }
  // Not a secret: the same link has the same id in every job.
  constexpr std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES> key{
      'i', 'd', 'm', 'e', 'r', 'g', 'e', ' ', 'i', 'n', 's', 'e', 'r', 't', ' ', '1'};
  const std::size_t start = out.size();
  out += static_cast<char>(link.op);
  append_length(link.anon.size(), out);  // so that no two links are one text
  out += link.anon;
  out += link.user;
  std::array<unsigned char, 16> hash{};
  crypto_shorthash_siphashx24(hash.data(), reinterpret_cast<const unsigned char*>(&out[start]),
                              out.size() - start, key.data());
  out.resize(start);
  constexpr std::string_view digits = "0123456789abcdef";
  for (const unsigned char byte : hash) {
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  }
}

// ---- Requests

ImportWriter::ImportWriter(const ServiceApiOptions& options)
    : mode_(options.mode),
      links_max_(batch_links(options)),
      bytes_max_(std::min(options.batch_bytes_max.value_or(bytes_default), bytes_most)),
      compressor_(util::made(libdeflate_alloc_compressor(gzip_level))) {
  IDMERGE_CHECK(links_max_ > 0);
  common_ = ",\"token\":";
  util::append_json(options.token.reveal(), common_);
  common_ += fmt::format(",\"time\":{},\"$insert_id\":\"", options.pinned_time_s);
}

ImportWriter::~ImportWriter() {
  util::wipe(common_);
}

void ImportWriter::Free::operator()(libdeflate_compressor* compressor) const {
  libdeflate_free_compressor(compressor);
}

std::size_t ImportWriter::write(std::span<const input::Link> links) {
  IDMERGE_CHECK(!links.empty());
  const std::size_t most = std::min(links.size(), links_max_);
  body_.assign(1, '[');
  std::size_t count = 0;
  for (; count < most; ++count) {
    const std::size_t before = body_.size();
    if (count > 0) body_ += ',';
    append_event(links[count]);
    if (count > 0 && body_.size() + 1 > bytes_max_) {
      body_.resize(before);
      break;
    }
  }
  body_ += ']';
  return count;
}

void ImportWriter::append_event(const input::Link& link) {
  if (mode_ == plan::ProjectMode::simplified) {
    // The service derives the distinct id from the two, and puts the prefix before the device's. An
    // id that had it already would create a phantom, another verb make a user a device.
    IDMERGE_CHECK(link.op == input::Op::create && !input::has_device_prefix(link.anon));
    body_ += R"({"event":")";
    body_ += simplified_event;
    body_ += R"(","properties":{"$device_id":)";
    util::append_json(link.anon, body_);
    body_ += R"(,"$user_id":)";
    util::append_json(link.user, body_);
  } else if (link.op == input::Op::create) {
    body_ += R"({"event":"$identify","properties":{"$identified_id":)";
    util::append_json(link.user, body_);
    body_ += R"(,"$anon_id":)";
    util::append_json(link.anon, body_);
    body_ += R"(,"distinct_id":)";
    util::append_json(link.user, body_);
  } else if (link.op == input::Op::alias) {
    body_ += R"({"event":"$create_alias","properties":{"alias":)";
    util::append_json(link.anon, body_);
    body_ += R"(,"distinct_id":)";
    util::append_json(link.user, body_);
  } else {
    body_ += R"({"event":"$merge","properties":{"$distinct_ids":[)";
    util::append_json(link.anon, body_);
    body_ += ',';
    util::append_json(link.user, body_);
    body_ += R"(],"distinct_id":)";
    util::append_json(link.user, body_);
  }
  body_ += common_;
  append_insert_id(link, body_);
  body_ += "\"}}";
}

std::string_view ImportWriter::compressed() {
  gzip_.resize(
      std::max(gzip_.size(), libdeflate_gzip_compress_bound(compressor_.get(), body_.size())));
  const std::size_t size = libdeflate_gzip_compress(compressor_.get(), body_.data(), body_.size(),
                                                    gzip_.data(), gzip_.size());
  IDMERGE_CHECK(size > 0);
  return std::string_view(gzip_).substr(0, size);
}

// ---- Answers

namespace {

/// What a batch answer says, as far as it is understood.
struct BatchWords {
  bool readable = false;
  bool named = false;        // there was a list of failed records
  bool vague = false;        // ... with an entry that names no link
  bool contradicts = false;  // the answer contradicts itself, or what was sent
  bool ok = false;           // "status":"OK"
  std::optional<std::int64_t> imported;
  std::string error;           // of the whole
  bool about_project = false;  // ... is about the project
  std::string_view remedy;     // the project is of another mode
};

constexpr std::string_view is_simplified =
    "the project uses simplified identity merge: plan again with --project-mode simplified";
constexpr std::string_view is_not_simplified =
    "the project does not use simplified identity merge: plan again with --project-mode original "
    "(or legacy), as its settings show it";

std::string_view remedy_for(std::string_view field, std::string_view message,
                            plan::ProjectMode mode, std::span<const input::Link> links) {
  if (says(message, "identity events are not allowed", links)) return is_simplified;
  if (mode != plan::ProjectMode::simplified || !says(message, "must not be missing", links))
    return {};
  const bool about_distinct_id =
      says(field, "distinct_id", links) || says(message, "distinct_id", links);
  return about_distinct_id ? is_not_simplified : std::string_view();
}

class BatchReader {
 public:
  BatchReader(const util::Redactor& secrets, std::span<const input::Link> links,
              plan::ProjectMode mode, Outcome& outcome)
      : secrets_(secrets), links_(links), mode_(mode), outcome_(outcome) {}

  BatchWords read(simdjson::dom::parser& json, const net::Response& response) {
    simdjson::dom::object object;
    if (!parse_object(json, response, object)) return words_;
    words_.readable = true;
    std::string_view text;
    if (!object["status"].get(text)) words_.ok = text == "OK";
    if (!object["error"].get(text)) {
      net::append_clean(secrets_, text, words_.error);
      words_.about_project = says(text, "project", links_);
      words_.remedy = remedy_for("", text, mode_, links_);
    }
    simdjson::dom::element member;
    const bool has_error = has_error_or_failure(object);
    words_.contradicts = (!object["code"].get(member) && contradicts(member, response.status)) ||
                         (response.status == 200 && has_error) ||
                         (response.status == 400 && (words_.ok || is_called_success(object))) ||
                         has_differing_members(object);
    if (!object["num_records_imported"].get(member) && !member.is_null()) {
      std::int64_t count = -1;
      if (member.get(count) || count < 0) words_.contradicts = true;
      words_.imported = count;
    }
    if (!object["failed_records"].get(member) && !member.is_null()) {
      words_.named = true;
      simdjson::dom::array failed;
      if (member.get(failed)) {
        words_.contradicts = true;
        return words_;
      }
      for (const auto entry : failed)
        read_failed(entry);
    }
    std::sort(outcome_.refusals.begin(), outcome_.refusals.end(),
              [](const auto& a, const auto& b) { return a.link < b.link; });
    return words_;
  }

 private:
  void read_failed(simdjson::dom::element entry) {
    std::string_view message;
    std::string_view field;
    std::optional<std::uint32_t> link;
    simdjson::dom::object object;
    if (!entry.get(object)) {
      if (object["message"].get(message)) message = "";
      if (object["field"].get(field)) field = "";
      link = link_of(object);
    } else if (entry.get(message)) {
      message = "";
    }
    std::string said;
    if (!field.empty()) {
      net::append_clean(secrets_, field, said, 100);
      said += ": ";
    }
    net::append_clean(secrets_, message, said);
    if (words_.remedy.empty()) words_.remedy = remedy_for(field, message, mode_, links_);
    if (!link) {
      words_.vague = true;
      if (words_.error.empty() || !said.empty()) words_.error = std::move(said);
      return;
    }
    if (std::exchange(named_[*link], 1) != 0) {  // one event cannot fail twice
      words_.contradicts = true;
      return;
    }
    outcome_.refusals.push_back({*link, said.empty() ? "refused without a reason" : said});
  }

  /// By its place in the batch, by its id, or by both where these agree.
  std::optional<std::uint32_t> link_of(simdjson::dom::object object) {
    if (named_.empty()) named_.resize(links_.size());
    if (has_differing_members(object)) words_.contradicts = true;
    const auto id = id_in(object);
    const bool has_id = !id.empty();
    simdjson::dom::element place;
    if (object["index"].get(place) || place.is_null()) {
      if (!has_id) return std::nullopt;
      const auto found = find_by_id(id);
      words_.contradicts = words_.contradicts || !found;
      return found;
    }
    std::uint64_t index = 0;
    if (place.get(index) || index >= links_.size()) {
      words_.contradicts = true;
      return std::nullopt;
    }
    if (has_id) {
      std::string its;
      append_insert_id(links_[index], its);
      if (id != its) {
        words_.contradicts = true;
        return std::nullopt;
      }
    }
    return static_cast<std::uint32_t>(index);
  }

  /// The insert id that an entry gives, empty where it gives none. Both spellings are documented.
  /// Source: mixpanel-facts 1.4.
  std::string_view id_in(simdjson::dom::object object) {
    std::string_view found;
    for (const std::string_view key : {"$insert_id", "insert_id"}) {
      simdjson::dom::element member;
      if (object[key].get(member) || means_none(member)) continue;
      std::string_view id;
      if (member.get(id) || (!found.empty() && found != id)) words_.contradicts = true;
      found = id;
    }
    return found;
  }

  std::optional<std::uint32_t> find_by_id(std::string_view id) {
    if (by_id_.empty()) {
      for (std::uint32_t i = 0; i < links_.size(); ++i) {
        std::string its;
        append_insert_id(links_[i], its);
        const auto [same, is_new] = by_id_.emplace(std::move(its), i);
        if (!is_new) same->second = std::nullopt;  // of two users: which one is not known
      }
    }
    const auto found = by_id_.find(std::string(id));
    return found == by_id_.end() ? std::nullopt : found->second;
  }

  const util::Redactor& secrets_;
  std::span<const input::Link> links_;
  plan::ProjectMode mode_;
  Outcome& outcome_;
  BatchWords words_;
  std::vector<char> named_;  // by link: was it named already?
  std::unordered_map<std::string, std::optional<std::uint32_t>> by_id_;
};

/// The service named no link, or we do not understand which: halve the batch, and believe it when
/// it says so of a single link, without contradicting itself.
void refuse_or_split(std::string_view why, std::size_t links, Outcome& outcome) {
  outcome.refusals.clear();
  outcome.kind = links == 1 ? OutcomeKind::refused : OutcomeKind::split;
  outcome.message = why.empty() ? "refused without a reason" : why;
}

/// Does it say that nothing was taken, in figures that agree? Names that stand for the whole batch
/// (plain strings, which name no link) agree with that; what names a part of it does not.
bool took_nothing(const BatchWords& words, std::size_t refused, std::size_t links) {
  return words.imported == 0 && !words.contradicts &&
         (!words.named || refused == links || (refused == 0 && words.vague));
}

bool decode_ok(const BatchWords& words, std::span<const input::Link> links, Outcome& outcome) {
  if (!words.readable || !words.ok || !words.imported || words.contradicts) return false;
  const auto count = static_cast<std::int64_t>(links.size());
  const auto refused = static_cast<std::int64_t>(outcome.refusals.size());
  if (*words.imported > count) return false;
  if (!words.vague && *words.imported + refused == count) {
    outcome.kind = OutcomeKind::delivered;
    return true;
  }
  if (links.size() == 1) return false;  // taken, and yet not taken
  refuse_or_split(fmt::format("only {} of {} were taken", *words.imported, count), links.size(),
                  outcome);
  return true;
}

bool decode_bad_request(const util::Redactor& secrets, const BatchWords& words,
                        std::span<const input::Link> links, Outcome& outcome) {
  if (!words.readable) return false;
  const std::size_t refused = outcome.refusals.size();
  outcome.took_nothing = took_nothing(words, refused, links.size());
  // Without a list it is the request that is wrong. If it is about the project, halves of it are
  // no better, and no link is to blame.
  const bool may_be_none = words.imported ? *words.imported == 0 : !words.named;
  if (!words.named && may_be_none && !words.contradicts && words.about_project) {
    outcome.kind = OutcomeKind::wrong_project;
    net::append_clean(secrets, words.error, outcome.message, 400);
    outcome.message += ": check --project-id and the service account's role";
    return true;
  }
  // A list of failed records comes with the number of the others.
  const bool adds_up =
      words.imported
          ? refused == 0 || *words.imported == static_cast<std::int64_t>(links.size() - refused)
          : !words.named;
  if (links.size() == 1) {
    if (words.contradicts || !adds_up || !may_be_none) return false;
    const std::string message =
        refused == 1 ? std::move(outcome.refusals.front().message) : words.error;
    refuse_or_split(message, 1, outcome);
  } else if (refused == 0 || words.vague || words.contradicts || !adds_up) {
    refuse_or_split(words.error, links.size(), outcome);
  } else {
    outcome.kind = OutcomeKind::delivered;
  }
  return true;
}

}  // namespace

bool decode_import(simdjson::dom::parser& json, const util::Redactor& secrets,
                   const net::Response& response, std::span<const input::Link> links,
                   plan::ProjectMode mode, Outcome& outcome) {
  const BatchWords words = BatchReader(secrets, links, mode, outcome).read(json, response);
  if (!words.remedy.empty() && response.status != 413) {
    outcome.kind = OutcomeKind::wrong_mode;
    outcome.took_nothing = took_nothing(words, outcome.refusals.size(), links.size());
    outcome.refusals.clear();
    outcome.message = words.remedy;
    return true;
  }
  if (response.status == 413) {
    // No request with one link is too large for the service: something between says so.
    if (links.size() == 1) {
      outcome.refusals.clear();
      return false;
    }
    simdjson::dom::object object;
    const bool belied = parse_object(json, response, object) && says_taken(object);
    refuse_or_split(words.error, links.size(), outcome);
    outcome.took_nothing = !belied && !net::is_html(response);
    return true;
  }
  const bool known = response.status == 200 ? decode_ok(words, links, outcome)
                                            : decode_bad_request(secrets, words, links, outcome);
  if (!known) {
    outcome.refusals.clear();
    outcome.took_nothing = false;
  }
  return known;
}

namespace {

class ImportApi final : public MixpanelApi {
 public:
  ImportApi(const ServiceApiOptions& options, std::string_view host, std::string_view base)
      : MixpanelApi(options, batch_links(options),
                    {"/import", "it has no /import at this path: check --to"}),
        mode_(options.mode),
        head_(request_head(options, host, base,
                           fmt::format("/import?strict=1&project_id={}", options.project_id),
                           "Content-Encoding: gzip\r\n")),
        writer_(options) {}

  std::size_t encode(std::span<const input::Link> links, std::string& out) override {
    const std::size_t count = writer_.write(links);
    append_request(head_, writer_.compressed(), out);
    return count;
  }

 private:
  bool decode_own(const net::Response& response, std::span<const input::Link> links,
                  Outcome& outcome) override {
    const unsigned status = response.status;
    return (status == 200 || status == 400 || status == 413) &&
           decode_import(json_, secrets_, response, links, mode_, outcome);
  }

  plan::ProjectMode mode_;
  util::Secret head_;  // holds the Authorization header
  ImportWriter writer_;
};

Result<void> check_import_op(plan::ProjectMode mode, input::Op op) {
  if (mode != plan::ProjectMode::none) return plan::check_op(mode, op);
  return Error{Errc::usage,
               "--api import: the project mode is not given: add --project-mode original, "
               "simplified or legacy, as the project's settings show it under Identity Merge"};
}

Result<std::unique_ptr<ServiceApi>> make(const ServiceApiOptions& options, std::string_view host,
                                         std::string_view base) {
  const auto usage = [](std::string what) { return Error{Errc::usage, std::move(what)}; };
  if (auto good = check_mixpanel_options(options, host, base); !good) return good.error();
  if (options.mode == plan::ProjectMode::none)
    return check_import_op(options.mode, input::Op::create).error();
  const std::string& id = options.project_id;
  if (id.empty() || id.size() > 20 || id.find_first_not_of("0123456789") != std::string::npos) {
    return usage(
        "--project-id: it is missing or not a number: it stands in the project's settings");
  }
  if (batch_links(options) == 0 || batch_links(options) > links_most) {
    return usage("batch: an import request takes 1 to 2,000 links");
  }
  return std::unique_ptr<ServiceApi>(std::make_unique<ImportApi>(options, host, base));
}

}  // namespace

constinit const ServiceFacts import_api{.name = "import",
                                        .title = "Mixpanel's public ingestion",
                                        .rate_per_s = 15'000,
                                        .request_links_max = links_most,
                                        .request_bytes_max = bytes_most,
                                        .request_bytes_default = bytes_default,
                                        .needs_project = true,
                                        .links_are_events = true,
                                        .regions = mixpanel_regions,
                                        .credentials = mixpanel_credentials,
                                        .check_op = check_import_op,
                                        .may_mean_ours = may_mean_ours,
                                        .make = make};

}  // namespace idmerge::send
