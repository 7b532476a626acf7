// SPDX-License-Identifier: MIT
//
// Whatever is answered, decoding says something short and clean about it, names only links of the
// request, and calls nothing delivered that the service did not take. The first two bytes choose
// the status and the API, a line each gives the headers, the rest is the body.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "send/identity_api.hpp"
#include "send/import_api.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

std::unique_ptr<ServiceApi> service_api(const ServiceFacts& facts, ProjectMode mode) {
  ServiceApiOptions options;
  options.mode = mode;
  options.project_id = "1";
  options.token = Secret("0123456789abcdef");
  options.username = Secret("user");
  options.secret = Secret("secret");
  auto made = facts.make(options, "localhost", "");
  if (!made) std::abort();
  return std::move(*made);
}

void require(bool good) {
  if (!good) std::abort();
}

void check_message(const std::string& message) {
  require(message.size() <= message_bytes_max);
  for (const char c : message)
    require(static_cast<unsigned char>(c) >= 0x20);
  require(message.find("0123456789abcdef") == std::string::npos);
}

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::array service_apis{service_api(identity_api, ProjectMode::none),
                                 service_api(import_api, ProjectMode::original),
                                 service_api(import_api, ProjectMode::simplified)};
  if (size < 2) return 0;
  constexpr std::array<unsigned, 16> statuses{200, 400, 413, 401, 403, 429, 503, 500,
                                              408, 301, 404, 405, 204, 201, 999, 502};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const unsigned status = statuses[data[0] % statuses.size()];
  ServiceApi& chosen = *service_apis[data[1] % service_apis.size()];
  const bool identity = data[1] % service_apis.size() == 0;
  rest.remove_prefix(2);

  Response response;
  response.status = status;
  response.content_type = take_line(rest);
  response.retry_after = take_line(rest);
  response.date = take_line(rest);
  response.location = take_line(rest);
  response.body = rest;

  std::vector<Link> links(identity ? 1 : 3);
  for (Link& link : links)
    link.anon = link.user = "id";
  Outcome outcome;
  chosen.decode(response, links, outcome);
  check_message(outcome.message);
  for (const auto& refusal : outcome.refusals) {
    check_message(refusal.message);
    require(refusal.link < links.size());
  }
  require(outcome.refusals.empty() || outcome.kind == OutcomeKind::delivered);
  require(outcome.refusals.size() <= links.size());
  if (outcome.kind == OutcomeKind::delivered) {
    require(status == 200 || (!identity && status == 400 && !outcome.refusals.empty()));
    require(response.body.find('1') != std::string_view::npos || !identity);
  }
  require(outcome.kind != OutcomeKind::split || links.size() > 1);
  if (outcome.retry_after) {
    require(outcome.retry_after->count() >= 0 && outcome.retry_after->count() <= 3'600);
  }
  const auto kind = outcome.kind;
  chosen.decode(response, links, outcome);  // the same answer means the same again
  require(outcome.kind == kind);
  return 0;
}
