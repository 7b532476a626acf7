// SPDX-License-Identifier: MIT
//
// The list of services. Only this component names them; the option --api, plans and reports find
// them by name.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "send/service_api.hpp"

namespace idmerge::send {

/// Returns: all services; the first one is the default.
std::span<const ServiceFacts* const> services();

const ServiceFacts& default_service();

/// Returns: the service of that name; null if there is none.
const ServiceFacts* find_service(std::string_view name);

/// Returns: the names in the order of services().
std::vector<std::string_view> service_names();

/// Returns: the names of all regions, each once.
std::vector<std::string_view> region_names();

/// Returns: the largest limits of one request of any service, as bounds of options.
std::size_t largest_request_links();
std::size_t largest_request_bytes();

}  // namespace idmerge::send
