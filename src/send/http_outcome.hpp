// SPDX-License-Identifier: MIT
//
// The meaning of those answers that HTTP itself defines, whatever the service: credentials that are
// not accepted, failures that pass, and answers of something that is not the service.
#pragma once

#include <string_view>

#include "net/response.hpp"
#include "send/service_api.hpp"
#include "util/redactor.hpp"

namespace idmerge::send {

/// Sets kind and Retry-After of an answer with status 401, 403, 408, 429 or 5xx. The message is
/// left to the caller.
/// Returns: false for any other status.
bool decode_status(const net::Response& response, Outcome& outcome);

/// Sets the outcome of an answer that is not one of the expected API: what was seen, and what to
/// do about it. `api` names the API within a sentence; `absent` says what to do if the target
/// has no such path.
void decode_foreign(const net::Response& response, const util::Redactor& secrets,
                    std::string_view api, std::string_view absent, Outcome& outcome);

}  // namespace idmerge::send
