// SPDX-License-Identifier: MIT
//
// Checks whether a text can be a project token, a user name or a secret. A token must look like
// one, because the service answers a wrong token with 200 and ignores the links. A user name and a
// secret only need to be valid for Basic authentication, because a wrong one is answered with 401;
// blanks and characters beyond ASCII are legal there.
//
// Source: RFC 7617 section 2 (user-id and password: no control characters, no colon in the
// user-id; charset UTF-8); https://github.com/docker/cli/issues/3630 (--env-file keeps quotes).
#pragma once

#include <string_view>

namespace idmerge::net {

/// Returns: why the text cannot be used, without quoting it: "why: what to do"; empty if it can.
/// Lifetime: static.
std::string_view token_problem(std::string_view token);
std::string_view user_name_problem(std::string_view user_name);
std::string_view secret_problem(std::string_view secret);

}  // namespace idmerge::net
