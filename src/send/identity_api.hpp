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

#include "idmerge/base/result.hpp"
#include "idmerge/base/secret.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/core/reply.hpp"

namespace idmerge {

enum class Api : std::uint8_t { identity, import };
enum class ProjectMode : std::uint8_t { none, original, simplified, legacy };

/// As users write them: "identity", "original".
std::string_view name(Api api);
std::string_view name(ProjectMode mode);

/// Shape: as name() has it; nothing for another word.
std::optional<ProjectMode> parse_project_mode(std::string_view text);

struct DialectOptions {
  Api api = Api::identity;               // Flag: --api
  ProjectMode mode = ProjectMode::none;  // needed for import. Flag: --project-mode
  std::string project_id;                // digits; for import. Flag: --project-id
  Secret token;                          // of the project, in every body
  Secret username;                       // of the service account
  Secret secret;                         // of the service account; may be empty

  /// Whose passwords must not appear in what is kept of an answer either, each with its user name:
  /// those of a proxy, and earlier ones of the above. A token has no user name.
  std::vector<std::pair<Secret, Secret>> other_logins = {};

  /// When the links of a job are said to have been made (import): pinned in the checkpoint, so that
  /// a repeated batch is recognised by the service. Units: seconds since 1970.
  std::int64_t pinned_time_s = 0;

  /// Of one import request. Bounds: 2,000 and 10 MB at the service.
  std::size_t batch_links_max = 2'000;
  std::size_t batch_bytes_max = 9'500'000;  // before compression
};

enum class OutcomeKind : std::uint8_t {
  delivered,      // all links of the request, except those in `refusals`
  refused,        // all links of the request, by the service's own word; never repeated
  retry,          // 408, 5xx: nothing is known; repeat later
  throttled,      // 429, or 503 with any Retry-After: repeat later, and slow down
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
};

/// Does a project of this mode have this operation, and can this API carry it?
/// Errors: usage, naming the operation that it has, or the mode that is missing.
Result<void> check_op(Api api, ProjectMode mode, Op op);

/// The operations of a project of this mode; all while the mode is not known.
Verbs verbs_of(ProjectMode mode);

class Dialect {
 public:
  /// Prepare the heads of all requests.
  ///
  /// Shape: `host` as in the Host header ("api.mixpanel.com", "127.0.0.1:8080"); `base` is the path
  /// in front of the API's own, empty or "/prefix".
  /// Errors: usage for a missing or impossible token, user name, project id or mode.
  static Result<Dialect> make(const DialectOptions& options, std::string_view host,
                              std::string_view base);

  Dialect(Dialect&&) noexcept;
  Dialect& operator=(Dialect&&) noexcept;
  ~Dialect();

  /// How many links one request carries at most: 1 for identity.
  std::size_t links_max() const;

  /// Append one complete HTTP request to `out` and say how many of `links`, from the first on, it
  /// carries.
  ///
  /// Bounds: at least 1, at most links_max() and as many as fit into batch_bytes_max.
  std::size_t encode(std::span<const Link> links, std::string& out);

  /// Say what the answer to a request with `links` means. Never fails, whatever the bytes are.
  void decode(const Reply& reply, std::span<const Link> links, Outcome& outcome);

 private:
  struct Parts;
  explicit Dialect(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Does the text of a refusal say that the anonymous id (the alias) is linked already, and does it
/// not say to whom, or to the user of this link? Then an earlier try that may have delivered the
/// link may be the reason. A text that speaks of another user, or names one anywhere, says that it
/// was not: whatever may be the id of another is one, unless it is said to be of something else (a
/// request, a page of the documentation, a day).
/// Source: mixpanel-facts 2.1: errAnonDistinctIdAssignedAlready and errAliasAlreadyExists do not
/// say to whom.
bool may_mean_ours(std::string_view message, const Link& link);

}  // namespace idmerge
