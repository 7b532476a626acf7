// SPDX-License-Identifier: MIT
//
// What both APIs of the service have in common: what they must be told, and what an answer of
// either means for the links of its request.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/response.hpp"
#include "plan/project_mode.hpp"
#include "util/secret.hpp"

namespace idmerge::send {

struct ServiceApiOptions {
  plan::Api api = plan::Api::identity;               // Flag: --api
  plan::ProjectMode mode = plan::ProjectMode::none;  // needed for import. Flag: --project-mode
  std::string project_id;                            // digits; for import. Flag: --project-id
  util::Secret token;                                // of the project, in every body
  util::Secret username;                             // of the service account
  util::Secret secret;                               // of the service account; may be empty

  /// Whose passwords must not appear in what is kept of an answer either, each with its user name:
  /// those of a proxy, and earlier ones of the above. A token has no user name.
  std::vector<std::pair<util::Secret, util::Secret>> other_logins = {};

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
};

}  // namespace idmerge::send
