// SPDX-License-Identifier: MIT
//
// Reads the text of a refusal that reports a link as already there. An earlier attempt of this job
// may be the reason, or another user may own the id. The texts are not specified, so anything that
// may be the id of another user means that the link is not ours.
#pragma once

#include <string_view>

#include "input/row.hpp"

namespace idmerge::send {

/// Returns whether the text says that the anonymous id (the alias) is linked already, and either
/// does not say to whom, or says that it is linked to the user of this link. A word that may be an
/// id counts as another user, unless it is introduced as something else (a request, a page of the
/// documentation, a day).
/// Source: mixpanel-facts 2.1: errAnonDistinctIdAssignedAlready and errAliasAlreadyExists do not
/// say to whom.
bool may_mean_ours(std::string_view message, const input::Link& link);

}  // namespace idmerge::send
