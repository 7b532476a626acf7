// SPDX-License-Identifier: MIT
//
// A service that is nothing like the others, to show that a new one needs no change of the engine:
// aliases only, several a request, as a JSON array to POST /v2/alias with a key in a header, and
// 207 with a status for each item. It is known to its tests only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "send/http_outcome.hpp"
#include "send/service_api.hpp"
#include "util/encoding.hpp"

namespace idmerge::testing {

inline constexpr std::size_t trial_links_max = 3;

class TrialVendor final : public send::ServiceApi {
 public:
  TrialVendor(const send::ServiceApiOptions& options, std::string_view host, std::string_view base)
      : links_max_(options.batch_links_max.value_or(trial_links_max)) {
    secrets_.hide(options.token);
    head_ =
        util::Secret(fmt::format("POST {}/v2/alias HTTP/1.1\r\nHost: {}\r\nX-Api-Key: {}\r\n"
                                 "Content-Type: application/json\r\nContent-Length: ",
                                 base, host, options.token.reveal()));
  }

  std::size_t links_max() const override { return links_max_; }

  std::size_t encode(std::span<const input::Link> links, std::string& out) override {
    const auto count = std::min(links.size(), links_max_);
    std::string body = "[";
    for (const auto& link : links.first(count)) {
      body += body.size() > 1 ? R"(,{"from":)" : R"({"from":)";
      util::append_json(link.anon, body);
      body += R"(,"to":)";
      util::append_json(link.user, body);
      body += '}';
    }
    body += ']';
    out += head_.reveal();
    out += fmt::format("{}\r\n\r\n{}", body.size(), body);
    return count;
  }

  void decode(const net::Response& response, std::span<const input::Link> links,
              send::Outcome& outcome) override {
    outcome.clear();
    if (send::decode_status(response, outcome)) {
      outcome.message = fmt::format("status {}", response.status);
      outcome.took_nothing = response.status == 429;
    } else if (response.status == 413 && links.size() > 1) {
      outcome.kind = send::OutcomeKind::split;
      outcome.took_nothing = true;
    } else if (response.status != 207 || !decode_items(response, links.size(), outcome)) {
      outcome.refusals.clear();
      outcome.message.clear();
      send::decode_foreign(response, secrets_, "the trial vendor",
                           "it has no /v2/alias at this path: check --to", outcome);
    }
  }

 private:
  /// Returns: false unless there is one status for each link.
  bool decode_items(const net::Response& response, std::size_t links, send::Outcome& outcome) {
    simdjson::dom::array items;
    if (response.body_cut ||
        json_.parse(response.body.data(), response.body.size(), true).get(items)) {
      return false;
    }
    std::uint32_t at = 0;
    for (const auto item : items) {
      std::uint64_t status = 0;
      if (item["status"].get(status) || (status != 201 && status / 100 != 4)) return false;
      if (status != 201) {
        std::string_view detail;
        if (item["detail"].get(detail)) detail = "no detail";
        std::string message = fmt::format("{}: ", status);
        net::append_clean(secrets_, detail, message);
        outcome.refusals.push_back({at, std::move(message)});
      }
      ++at;
    }
    if (at != links) return false;
    outcome.kind = send::OutcomeKind::delivered;
    return true;
  }

  std::size_t links_max_;
  util::Secret head_;
  util::Redactor secrets_;
  simdjson::dom::parser json_;
};

inline Result<void> check_trial_op(plan::ProjectMode, input::Op op) {
  if (op == input::Op::alias) return {};
  return Error{Errc::usage, fmt::format("--op {}: the trial vendor has alias only", name(op))};
}

inline bool may_be_trial_repeat(std::string_view message, const input::Link& link) {
  return message == fmt::format("409: is an alias of {}", link.user);
}

inline Result<std::unique_ptr<send::ServiceApi>> make_trial_vendor(
    const send::ServiceApiOptions& options, std::string_view host, std::string_view base) {
  if (options.token.empty()) return Error{Errc::usage, "TRIAL_KEY: is missing: set it"};
  return std::unique_ptr<send::ServiceApi>(std::make_unique<TrialVendor>(options, host, base));
}

inline constexpr std::array<send::Region, 1> trial_regions{{{"moon", "Moon", "moon.example.com"}}};

inline const send::ServiceFacts trial_vendor{
    .name = "trial",
    .title = "the trial vendor",
    .rate_per_s = 50,
    .request_links_max = trial_links_max,
    .regions = trial_regions,
    .credentials = {{"TRIAL_KEY", {}}, {"TRIAL_USER", {}}, {"TRIAL_SECRET", {}}},
    .check_op = check_trial_op,
    .may_mean_ours = may_be_trial_repeat,
    .make = make_trial_vendor};

}  // namespace idmerge::testing
