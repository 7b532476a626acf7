// SPDX-License-Identifier: MIT
//
// Validates bodies by the OpenAPI of the Identity API. It was written from that text and shares no
// code with the writer of bodies, because otherwise both could contain the same error.
#pragma once

#include <string>
#include <string_view>

#include "input/row.hpp"

namespace idmerge::emulator {

/// The two ids that a body asks to link, in the order of IdentityGraph::link. Reused from request
/// to request.
struct Claim {
  std::string first;
  std::string second;
};

/// Longer ids and tokens are refused; the real service would truncate them.
///
/// Source: mixpanel-facts section 3.3.
inline constexpr std::size_t request_id_bytes_max = 255;

/// Parses the body of an identity request. If `token` is not empty, another `$token` is refused.
///
/// Returns: the reason for a refusal, or an empty text; only then `claim` is valid. Source: the
/// OpenAPI (schema of each operation).
std::string read_claim(input::Op op, std::string_view body, std::string_view token, Claim& claim);

}  // namespace idmerge::emulator
