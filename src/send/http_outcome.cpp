// SPDX-License-Identifier: MIT
#include "send/http_outcome.hpp"

#include <string>

#include <fmt/format.h>

#include "send/backoff.hpp"

namespace idmerge::send {

bool decode_status(const net::Response& response, Outcome& outcome) {
  const unsigned status = response.status;
  if (status == 401 || status == 403) {
    outcome.kind = OutcomeKind::unauthorized;
    return true;
  }
  if (status != 408 && status != 429 && (status < 500 || status > 599)) return false;
  if (!response.retry_after.empty()) {
    const auto date = parse_http_date(response.date);
    outcome.retry_after =
        parse_retry_after(response.retry_after, date ? *date : response.received_unix_s);
    outcome.retry_after_is_unreadable = !outcome.retry_after;
  }
  const bool rate_limited =
      response.status == 429 || (response.status == 503 && !response.retry_after.empty());
  outcome.kind = rate_limited ? OutcomeKind::rate_limited : OutcomeKind::retry;
  return true;
}

void decode_foreign(const net::Response& response, const util::Redactor& secrets,
                    std::string_view api, std::string_view absent, Outcome& outcome) {
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
    out += ": ";
    out += absent;
  } else if (response.status >= 300 && response.status < 400) {
    out += ": redirects are not followed with credentials: give the final URL with --to";
  } else {
    out += fmt::format(": this is not how {} answers: check --to and what stands between", api);
  }
}

}  // namespace idmerge::send
