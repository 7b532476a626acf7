// SPDX-License-Identifier: MIT
#include "send/identity_api.hpp"

#include <array>
#include <utility>

#include <simdjson.h>

#include "send/already_linked.hpp"
#include "send/id_redaction.hpp"
#include "send/mixpanel_api.hpp"
#include "util/check.hpp"
#include "util/encoding.hpp"

namespace idmerge::send {
namespace {

class IdentityApi final : public MixpanelApi {
 public:
  IdentityApi(const ServiceApiOptions& options, std::string_view host, std::string_view base)
      : MixpanelApi(options, 1,
                    {"the Identity API",
                     "it has no Identity API at this path: check --to, or use --api import, "
                     "Mixpanel's public ingestion"}),
        heads_{request_head(options, host, base, "/identity/create"),
               request_head(options, host, base, "/identity/create-alias"),
               request_head(options, host, base, "/identity/merge")} {
    token_json_ = ",\"$token\":";
    util::append_json(options.token.reveal(), token_json_);
    token_json_ += '}';
  }
  ~IdentityApi() override { util::wipe(token_json_); }

  std::size_t encode(std::span<const input::Link> links, std::string& out) override {
    IDMERGE_CHECK(!links.empty());
    const input::Link& link = links.front();
    write_body(link);
    append_request(heads_[static_cast<std::size_t>(link.op)], body_, out);
    return 1;
  }

 private:
  void write_body(const input::Link& link);
  bool decode_own(const net::Response& response, std::span<const input::Link> links,
                  Outcome& outcome) override;
  bool decode_ok(const net::Response& response, std::span<const input::Link> links,
                 Outcome& outcome);
  bool decode_bad_request(const net::Response& response, Outcome& outcome);

  std::array<util::Secret, 3> heads_;  // by operation; they hold the Authorization header
  std::string token_json_;             // the token as it ends a body: ,"$token":"..."}
  std::string body_;
};

void IdentityApi::write_body(const input::Link& link) {
  body_.clear();
  switch (link.op) {
    case input::Op::create:
      body_ += R"({"$identified_id":)";
      util::append_json(link.user, body_);
      body_ += R"(,"$anon_id":)";
      util::append_json(link.anon, body_);
      break;
    case input::Op::alias:
      body_ += R"({"alias":)";
      util::append_json(link.anon, body_);
      body_ += R"(,"distinct_id":)";
      util::append_json(link.user, body_);
      break;
    case input::Op::merge:
      body_ += R"({"$distinct_ids":[)";
      util::append_json(link.anon, body_);
      body_ += ',';
      util::append_json(link.user, body_);
      body_ += ']';
      break;
  }
  body_ += token_json_;
}

bool IdentityApi::decode_own(const net::Response& response, std::span<const input::Link> links,
                             Outcome& outcome) {
  if (response.status == 200) return decode_ok(response, links, outcome);
  return response.status == 400 && decode_bad_request(response, outcome);
}

bool IdentityApi::decode_ok(const net::Response& response, std::span<const input::Link> links,
                            Outcome& outcome) {
  // Whatever contradicts `status` is doubt, and doubt is foreign.
  simdjson::dom::object object;
  std::int64_t status = -1;
  simdjson::dom::element code;
  if (!parse_object(json_, response, object) || has_differing_members(object) ||
      object["status"].get(status) ||
      (!object["code"].get(code) && contradicts(code, response.status)) ||
      (status == 1 && says_failed(object)) || (status == 0 && says_success(object))) {
    return false;
  }
  std::string_view error;
  if (object["error"].get(error)) error = "";
  if (status == 1) {
    outcome.kind = OutcomeKind::delivered;
    return true;
  }
  if (status != 0) return false;
  outcome.kind = OutcomeKind::refused;
  net::append_clean(secrets_,
                    error.empty() ? "the service answered status 0 without a reason" : error,
                    outcome.message);
  // Source: mixpanel-facts 1.6: this refusal was seen to be a passing one.
  if (says(error, "temporary failure", links)) {
    outcome.kind = OutcomeKind::retry;
    outcome.took_nothing = true;
  }
  return true;
}

// Something between may answer 400 with a page for people, which refuses no link. The API's own
// body is not specified, so any other body is accepted, unless it reports a success.
bool IdentityApi::decode_bad_request(const net::Response& response, Outcome& outcome) {
  if (net::is_html(response)) return false;
  simdjson::dom::object object;
  if (parse_object(json_, response, object)) {
    simdjson::dom::element code;
    const bool is_belied = !object["code"].get(code) && contradicts(code, response.status);
    if (is_belied || says_taken(object) || has_differing_members(object)) return false;
  }
  outcome.kind = OutcomeKind::refused;
  append_message(response, outcome.message);
  if (outcome.message.empty()) outcome.message = "the service answered 400 without a reason";
  return true;
}

Result<std::unique_ptr<ServiceApi>> make(const ServiceApiOptions& options, std::string_view host,
                                         std::string_view base) {
  if (auto good = check_mixpanel_options(options, host, base); !good) return good.error();
  return std::unique_ptr<ServiceApi>(std::make_unique<IdentityApi>(options, host, base));
}

}  // namespace

constinit const ServiceFacts identity_api{.name = "identity",
                                          .title = "the Identity API",
                                          .rate_per_s = 500,
                                          .request_links_max = 1,
                                          .alternative = "import",
                                          .regions = mixpanel_regions,
                                          .credentials = mixpanel_credentials,
                                          .check_op = plan::check_op,
                                          .may_mean_ours = may_mean_ours,
                                          .make = make};

}  // namespace idmerge::send
