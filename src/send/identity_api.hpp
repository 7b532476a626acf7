// SPDX-License-Identifier: MIT
//
// How links are said to the service, and what its answers mean. Everything that differs between
// the two APIs is in here, so that the sender knows only this: a request carries some links, and an
// answer gives every one of them an outcome. `identity` is the OpenAPI of the Identity API, one
// link a request; `import` is Mixpanel's public batch ingestion, thousands of links a request.
// Request heads are prepared once and answers that repeat byte for byte are recognised, so that
// the steady path allocates nothing and parses no JSON.
//
// Source: openapi/identity.yaml; mixpanel-facts sections 1 and 2.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "input/row.hpp"
#include "net/response.hpp"
#include "send/service_api.hpp"
#include "util/result.hpp"

namespace idmerge::send {

class ServiceApi {
 public:
  /// Prepare the heads of all requests.
  ///
  /// Shape: `host` as in the Host header ("api.mixpanel.com", "127.0.0.1:8080"); `base` is the path
  /// in front of the API's own, empty or "/prefix".
  /// Errors: usage for a missing or impossible token, user name, project id or mode.
  static Result<ServiceApi> make(const ServiceApiOptions& options, std::string_view host,
                                 std::string_view base);

  ServiceApi(ServiceApi&&) noexcept;
  ServiceApi& operator=(ServiceApi&&) noexcept;
  ~ServiceApi();

  /// How many links one request carries at most: 1 for identity.
  std::size_t links_max() const;

  /// Append one complete HTTP request to `out` and say how many of `links`, from the first on, it
  /// carries.
  ///
  /// Bounds: at least 1, at most links_max() and as many as fit into batch_bytes_max.
  std::size_t encode(std::span<const input::Link> links, std::string& out);

  /// Say what the answer to a request with `links` means. Never fails, whatever the bytes are.
  void decode(const net::Response& response, std::span<const input::Link> links, Outcome& outcome);

 private:
  struct Parts;
  explicit ServiceApi(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Does the text of a refusal say that the anonymous id (the alias) is linked already, and does it
/// not say to whom, or to the user of this link? Then an earlier try that may have delivered the
/// link may be the reason. A text that speaks of another user, or names one anywhere, says that it
/// was not: whatever may be the id of another is one, unless it is said to be of something else (a
/// request, a page of the documentation, a day).
/// Source: mixpanel-facts 2.1: errAnonDistinctIdAssignedAlready and errAliasAlreadyExists do not
/// say to whom.
bool may_mean_ours(std::string_view message, const input::Link& link);

}  // namespace idmerge::send
