// SPDX-License-Identifier: MIT
//
// Checks whether the target is an emulator. A loopback address does not prove it: behind it may be
// the sidecar or tunnel through which a cluster reaches the real service. So the target is asked
// for a resource that only an emulator has.
#pragma once

#include "net/url.hpp"

namespace idmerge::cli {

/// Returns whether `target` answers like `idmerge emulator`. Only loopback hosts without TLS are
/// asked. Bounds: one request without credentials, at most a second.
bool answers_as_emulator(const net::Target& target);

}  // namespace idmerge::cli
