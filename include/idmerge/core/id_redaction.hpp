// SPDX-License-Identifier: MIT
//
// Masks the ids of people in messages of a service, if ids are to be masked. Row files
// (refused.ndjson) are data and keep them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "idmerge/base/log.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// Returns `words` with ids replaced by what `mask` makes of them: the ids of these links, and
/// everything else that looks like an id, since a service may also mention those of other rows: an
/// email address, a word with letters and at least four digits, and a word without letters and with
/// at least eight digits.
std::string mask_ids(std::string_view words, std::span<const Link> links, const IdMask& mask);

}  // namespace idmerge
