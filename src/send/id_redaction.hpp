// SPDX-License-Identifier: MIT
//
// Finds the ids of people in messages of a service: to mask them, and to keep them out of decisions
// that are based on its words. Row files (refused.ndjson) are data and keep them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "input/row.hpp"
#include "util/log.hpp"

namespace idmerge::send {

/// Returns `words` with ids replaced by what `mask` makes of them: the ids of these links, and
/// everything else that looks like an id, since a service may also mention those of other rows: an
/// email address, a word with letters and at least four digits, and a word without letters and with
/// at least eight digits.
std::string mask_ids(std::string_view words, std::span<const input::Link> links,
                     const util::IdMask& mask);

/// Returns whether `words` contain the phrase, in any case, as a word of the service: outside the
/// ids of these links and outside email addresses.
///
/// Requires: `phrase` is in lower case and has letters.
bool says(std::string_view words, std::string_view phrase, std::span<const input::Link> links);

}  // namespace idmerge::send
