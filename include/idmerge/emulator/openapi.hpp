// SPDX-License-Identifier: MIT
//
// What the OpenAPI of the Identity API allows in a body, written anew from its text: nothing of it
// is shared with the code that writes bodies, else both could be wrong together.
#pragma once

#include <string>
#include <string_view>

#include "idmerge/core/pair.hpp"

namespace idmerge {

/// What a body asks to be linked, as Graph::link takes it. Reused from request to request.
struct Claim {
  std::string first;
  std::string second;
};

/// Ids and tokens longer than this are refused: the real service would cut them.
///
/// Source: mixpanel-facts section 3.3.
inline constexpr std::size_t request_id_bytes_max = 255;

/// Read the body of an identity request.
///
/// Shape: the reason why it must be refused, empty if it is fine; only then is `claim` filled.
/// Source: the OpenAPI (schema of each operation); with `token`, another `$token` is refused.
std::string read_claim(Op op, std::string_view body, std::string_view token, Claim& claim);

}  // namespace idmerge
