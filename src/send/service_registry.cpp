// SPDX-License-Identifier: MIT
#include "send/service_registry.hpp"

#include <algorithm>
#include <array>

#include "send/identity_api.hpp"
#include "send/import_api.hpp"

namespace idmerge::send {
namespace {

// Add new services here.
constexpr std::array<const ServiceFacts*, 2> all{&identity_api, &import_api};

}  // namespace

std::span<const ServiceFacts* const> services() {
  return all;
}

const ServiceFacts& default_service() {
  return *all.front();
}

const ServiceFacts* find_service(std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto* service) { return service->name == name; });
  return found == all.end() ? nullptr : *found;
}

std::vector<std::string_view> service_names() {
  std::vector<std::string_view> names;
  for (const auto* service : all)
    names.push_back(service->name);
  return names;
}

std::vector<std::string_view> region_names() {
  std::vector<std::string_view> names;
  for (const auto* service : all) {
    for (const Region& region : service->regions) {
      if (std::find(names.begin(), names.end(), region.name) == names.end())
        names.push_back(region.name);
    }
  }
  return names;
}

std::size_t largest_request_links() {
  std::size_t most = 1;
  for (const auto* service : all)
    most = std::max(most, service->request_links_max);
  return most;
}

std::size_t largest_request_bytes() {
  std::size_t most = 0;
  for (const auto* service : all)
    most = std::max(most, service->request_bytes_max);
  return most;
}

}  // namespace idmerge::send
