// SPDX-License-Identifier: MIT
//
// The Identity API: one link a request. A body that repeats the last good one byte for byte is
// recognized, so that the steady path allocates nothing and parses no JSON.
//
// Source: openapi/identity.yaml; mixpanel-facts sections 1 and 2.
#pragma once

#include "send/service_api.hpp"

namespace idmerge::send {

extern const ServiceFacts identity_api;

}  // namespace idmerge::send
