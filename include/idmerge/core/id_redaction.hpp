// SPDX-License-Identifier: MIT
//
// Takes the ids of people out of what a service says of them, where ids are masked. Lists of rows
// (refused.ndjson) are data and keep them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "idmerge/base/log.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// The words as `mask` lets them be shown: the ids of these links are masked, and so is what else
/// looks like an id, since a service may also name those of other rows: an address of mail, and a
/// word with letters and four digits or more, or of eight digits.
std::string mask_ids(std::string_view words, std::span<const Link> links, const IdMask& mask);

}  // namespace idmerge
