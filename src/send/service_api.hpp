// SPDX-License-Identifier: MIT
//
// The interface to a service. The sender knows only this: a request carries some links, and an
// answer gives each of them an outcome. Everything that differs between services is in one
// component each, which exports one ServiceFacts; send/service_registry lists them.
//
// The facts are what must be known of a service before there are credentials: limits, verbs,
// regions, words for messages. A ServiceApi is made from them for one target and one set of
// credentials. Its virtual functions are called once per request, never per link.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "input/row.hpp"
#include "net/response.hpp"
#include "plan/project_mode.hpp"
#include "util/result.hpp"
#include "util/secret.hpp"

namespace idmerge::send {

enum class OutcomeKind : std::uint8_t {
  delivered,      // all links of the request, except those in `refusals`
  refused,        // all links of the request, by the service's own word; never repeated
  retry,          // 408, 5xx: nothing is known; repeat later
  rate_limited,   // 429, or 503 with any Retry-After: repeat later, and slow down
  split,          // too large, or refused as a whole: repeat in two halves (never for one link)
  unauthorized,   // 401, 403: credentials
  wrong_project,  // the project does not take such requests: stop at once
  wrong_mode,     // the project is of another mode: only another plan can be sent there
  foreign,        // well-formed, but not an answer of this API, or one that contradicts itself
};

/// What an answer means for the links of its request. Reused from answer to answer.
struct Outcome {
  /// A link of the batch that was refused while others were delivered.
  struct Refusal {
    std::uint32_t link = 0;  // index in the span that was encoded
    std::string message;
  };

  OutcomeKind kind = OutcomeKind::retry;

  /// The answer itself says that no link of the request was taken, so that the attempt cannot be
  /// why a later answer calls one linked already. Of meaning unless the links are settled by it.
  ///
  ///   429, 401, 403, 413 that is no page, unless the body says otherwise     nothing was taken
  ///   400 with 0 imported, if all that was named is the whole request         nothing was taken
  ///   408, 5xx (a gateway may speak for a service that did the work), 503     not known
  ///   partly imported, uncounted, self-contradicting or foreign answers       not known
  bool took_nothing = false;
  std::optional<std::chrono::seconds> retry_after;
  bool retry_after_is_unreadable = false;  // there was one, and it says nothing
  std::vector<Refusal> refusals;           // in the order of the links, only with `delivered`

  /// What the service said, or what was seen and what to do about it.
  /// Bounds: at most message_bytes_max bytes of UTF-8 without control characters.
  std::string message;

  /// Prepares the outcome for the next answer. Keeps the memory.
  void clear() {
    kind = OutcomeKind::retry;
    took_nothing = false;
    retry_after.reset();
    retry_after_is_unreadable = false;
    refusals.clear();
    message.clear();
  }
};

/// Credentials and settings of the requests of one job.
struct ServiceApiOptions {
  plan::ProjectMode mode = plan::ProjectMode::none;  // Flag: --project-mode
  std::string project_id;                            // digits. Flag: --project-id
  util::Secret token;                                // of the project, in every body
  util::Secret username;                             // of the service account
  util::Secret secret;                               // of the service account; may be empty

  /// Whose passwords must not appear in what is kept of an answer either, each with its user name:
  /// those of a proxy, and earlier ones of the above. A token has no user name.
  std::vector<std::pair<util::Secret, util::Secret>> other_logins = {};

  /// When the links of a job are said to have been made: pinned in the checkpoint, so that a
  /// service that compares times recognizes a repeated request. Units: seconds since 1970.
  std::int64_t pinned_time_s = 0;

  /// Limits of one request, of links and of bytes before compression. Empty: the default of the
  /// service; its own limits apply in any case. Flags: --batch, --batch-bytes
  std::optional<std::size_t> batch_links_max = {};
  std::optional<std::size_t> batch_bytes_max = {};
};

/// One service at one target with one set of credentials.
class ServiceApi {
 public:
  ServiceApi() = default;
  ServiceApi(const ServiceApi&) = delete;
  ServiceApi& operator=(const ServiceApi&) = delete;
  virtual ~ServiceApi() = default;

  /// Returns: the maximum number of links of one request.
  virtual std::size_t links_max() const = 0;

  /// Appends one complete HTTP request to `out`.
  ///
  /// Requires: `links` is not empty.
  /// Returns: how many of `links`, from the first on, it carries: at least 1, at most links_max(),
  /// and as many as fit into batch_bytes_max.
  virtual std::size_t encode(std::span<const input::Link> links, std::string& out) = 0;

  /// Determines what the answer to a request with `links` means. Never fails, whatever the bytes
  /// are. Sets every member of `outcome`.
  virtual void decode(const net::Response& response, std::span<const input::Link> links,
                      Outcome& outcome) = 0;
};

/// A host of the service that has a short name.
struct Region {
  std::string_view name;   // the value of --to: "eu"
  std::string_view title;  // for people: "EU"
  std::string_view host;
};

/// A variable of the environment, or of the lines of a credentials file.
struct VariableName {
  std::string_view name;
  std::string_view old_name;  // also accepted: the name in older tools of the service
};

struct CredentialNames {
  VariableName token;
  VariableName username;
  VariableName secret;
};

/// What is known of a service without credentials. Plans record its name, so that never changes.
struct ServiceFacts {
  std::string_view name;   // the value of --api
  std::string_view title;  // for people, after "by" or "to"

  double rate_per_s = 0;  // default of --rate. Units: links

  /// Limits of one request: what the service takes, and what idmerge sends by default. Units: bytes
  /// of the body before compression; 0: no limit.
  std::size_t request_links_max = 1;
  std::size_t request_bytes_max = 0;
  std::size_t request_bytes_default = 0;

  bool needs_project = false;     // requests name the project's id, and depend on its mode
  bool links_are_events = false;  // links count as events of their user

  /// The name of another API of the same service, for a target that does not have this one.
  std::string_view alternative = {};

  std::span<const Region> regions = {};
  CredentialNames credentials = {};

  /// Checks that a project of this mode has the operation, and that the API can carry it.
  /// Errors: usage, naming the operation that it has, or the mode that is missing.
  Result<void> (*check_op)(plan::ProjectMode mode, input::Op op) = nullptr;

  /// Returns whether the text of a refusal may be due to an earlier attempt of ours that delivered
  /// the link. Null: the service accepts a repeated link without a word, so no refusal is.
  bool (*may_mean_ours)(std::string_view message, const input::Link& link) = nullptr;

  /// Makes the requests for a target.
  ///
  /// Requires: `host` as in the Host header ("api.example.com", "127.0.0.1:8080"); `base` is the
  /// path before that of the API, empty or "/prefix".
  /// Errors: usage for a missing or impossible token, user name, project id or mode.
  Result<std::unique_ptr<ServiceApi>> (*make)(const ServiceApiOptions& options,
                                              std::string_view host,
                                              std::string_view base) = nullptr;

  /// Returns: the region of that name; null if there is none.
  const Region* find_region(std::string_view region) const {
    for (const Region& it : regions) {
      if (it.name == region) return &it;
    }
    return nullptr;
  }

  /// Returns: the title of the region with this host; empty for other hosts.
  std::string_view region_of(std::string_view host) const {
    for (const Region& it : regions) {
      if (it.host == host) return it.title;
    }
    return {};
  }
};

}  // namespace idmerge::send
