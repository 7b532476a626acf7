// SPDX-License-Identifier: MIT
#include "send/mixpanel_api.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "net/credential_rules.hpp"
#include "send/http_outcome.hpp"
#include "util/check.hpp"
#include "util/encoding.hpp"
#include "util/version.hpp"

namespace idmerge::send {
namespace {

constexpr std::size_t known_bytes_max = 256;

bool is_graphic(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_same_but_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : int{a}) == b;
  });
}

}  // namespace

Result<void> check_mixpanel_options(const ServiceApiOptions& options, std::string_view host,
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
  if (!is_graphic(base)) return usage("target: its path has spaces or other than ASCII characters");
  return {};
}

MixpanelApi::MixpanelApi(const ServiceApiOptions& options, std::size_t links_max,
                         ForeignWords words)
    : links_max_(links_max), words_(words) {
  secrets_.hide(options.token);
  secrets_.hide_login(options.username, options.secret);
  for (const auto& [user, password] : options.other_logins)
    secrets_.hide_login(user, password);
}

util::Secret MixpanelApi::request_head(const ServiceApiOptions& options, std::string_view host,
                                       std::string_view base, std::string_view path,
                                       std::string_view more) {
  std::string credentials(options.username.reveal());
  credentials += ':';
  credentials += options.secret.reveal();
  std::string encoded;
  util::append_base64(credentials, encoded);
  std::string text = fmt::format(
      "POST {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: idmerge/{}\r\n"
      "Accept: application/json\r\nContent-Type: application/json\r\n{}"
      "Authorization: Basic {}\r\nContent-Length: ",
      base, path, host, util::version(), more, encoded);
  util::Secret head(text);
  util::wipe(text);
  util::wipe(credentials);
  util::wipe(encoded);
  return head;
}

void MixpanelApi::append_request(const util::Secret& head, std::string_view content,
                                 std::string& out) {
  const fmt::format_int length(content.size());
  out += head.reveal();
  out.append(length.data(), length.size());
  out += "\r\n\r\n";
  out += content;
}

// ---- Answers

void MixpanelApi::decode(const net::Response& response, std::span<const input::Link> links,
                         Outcome& outcome) {
  IDMERGE_CHECK(!links.empty());
  outcome.clear();
  const bool known = response.status == 200 && known_good_links_ == links.size() &&
                     response.body == known_good_ && !response.body_cut;
  if (known) {
    outcome.kind = OutcomeKind::delivered;
    return;
  }
  decode_answer(response, links, outcome);
  if (outcome.kind == OutcomeKind::delivered && outcome.refusals.empty() &&
      response.body.size() <= known_bytes_max) {
    known_good_ = response.body;
    known_good_links_ = links.size();
  }
}

void MixpanelApi::decode_answer(const net::Response& response, std::span<const input::Link> links,
                                Outcome& outcome) {
  if (!decode_status(response, outcome)) {
    if (decode_own(response, links, outcome)) return;
    decode_foreign(response, secrets_, words_.api, words_.absent, outcome);
    return;
  }
  if (outcome.kind == OutcomeKind::unauthorized) {
    outcome.took_nothing = took_nothing(response);
    append_message(response, outcome.message);
    return;
  }
  outcome.took_nothing = response.status == 429 && took_nothing(response);
  outcome.message = fmt::format("status {}", response.status);
  if (!response.body.empty()) {
    outcome.message += ": ";
    append_message(response, outcome.message);
  }
}

/// Returns whether the body of an answer with a failing status does not contradict it.
bool MixpanelApi::took_nothing(const net::Response& response) {
  simdjson::dom::object object;
  return !parse_object(json_, response, object) || !says_taken(object);
}

void MixpanelApi::append_message(const net::Response& response, std::string& out) {
  simdjson::dom::object object;
  std::string_view error;
  if (parse_object(json_, response, object) && !object["error"].get(error) && !error.empty()) {
    net::append_clean(secrets_, error, out);
  } else {
    net::append_gist(secrets_, response, out);
  }
}

bool is_called_success(simdjson::dom::object object) {
  bool flag = false;
  return (!object["success"].get(flag) && flag) || (!object["ok"].get(flag) && flag);
}

bool has_error_or_failure(simdjson::dom::object object) {
  simdjson::dom::element member;
  for (const std::string_view key : {"error", "errors"}) {
    if (!object[key].get(member) && !means_none(member)) return true;
  }
  for (const std::string_view key : {"success", "ok"}) {
    bool flag = false;
    if (!object[key].get(member) && !member.is_null() && (member.get(flag) || !flag)) return true;
  }
  return false;
}

bool parse_object(simdjson::dom::parser& json, const net::Response& response,
                  simdjson::dom::object& object) {
  if (response.body_cut || response.body.empty()) return false;
  const auto error = json.parse(response.body.data(), response.body.size(), true).get(object);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  return error == simdjson::SUCCESS;
}

bool contradicts(simdjson::dom::element code, unsigned status) {
  std::int64_t number = 0;
  return code.get(number) || number != static_cast<std::int64_t>(status);
}

bool means_none(simdjson::dom::element member) {
  std::string_view text;
  simdjson::dom::array list;
  simdjson::dom::object object;
  if (member.is_null()) return true;
  if (!member.get(text)) return text.empty();
  if (!member.get(list)) return list.size() == 0;
  return !member.get(object) && object.size() == 0;
}

bool has_differing_members(simdjson::dom::object object) {
  constexpr std::array<std::string_view, 11> keys{"code",
                                                  "status",
                                                  "error",
                                                  "errors",
                                                  "num_records_imported",
                                                  "failed_records",
                                                  "index",
                                                  "insert_id",
                                                  "$insert_id",
                                                  "success",
                                                  "ok"};
  std::array<std::optional<std::string>, keys.size()> first;
  for (const auto field : object) {
    const auto known = std::find_if(keys.begin(), keys.end(), [&](std::string_view key) {
      return is_same_but_case(field.key, key);
    });
    if (known == keys.end()) continue;
    if (field.key != *known) {
      if (means_none(field.value)) continue;
      return true;
    }
    auto& before = first[static_cast<std::size_t>(known - keys.begin())];
    auto text = simdjson::minify(field.value);
    if (before && *before != text) return true;
    before = std::move(text);
  }
  return false;
}

bool says_taken(simdjson::dom::object object) {
  std::int64_t number = 0;
  std::string_view text;
  if (!object["code"].get(number) && number >= 200 && number <= 299) return true;
  if (says_success(object)) return true;
  return (!object["status"].get(number) && number == 1) ||
         (!object["status"].get(text) && is_same_but_case(text, "ok"));
}

bool says_success(simdjson::dom::object object) {
  std::int64_t number = 0;
  simdjson::dom::element count;
  if (!object["num_records_imported"].get(count) && !count.is_null() &&
      (count.get(number) || number != 0)) {
    return true;
  }
  return is_called_success(object);
}

bool says_failed(simdjson::dom::object object) {
  simdjson::dom::element member;
  std::int64_t count = 0;
  if (has_error_or_failure(object)) return true;
  if (!object["failed_records"].get(member) && !means_none(member)) return true;
  return !object["num_records_imported"].get(member) && !member.is_null() &&
         (member.get(count) || count <= 0);
}

}  // namespace idmerge::send
