// SPDX-License-Identifier: MIT
//
// Is the far side a rehearsal stage? A loopback address proves nothing: behind it may stand the
// sidecar or the tunnel through which a cluster reaches the real service. So whoever claims to be
// an emulator is asked for what only an emulator has.
#pragma once

#include "idmerge/net/url.hpp"

namespace idmerge {

/// Does `target` answer as `idmerge emulator` does? Asked of loopback hosts without TLS only.
/// Bounds: one request without credentials, at most a second.
bool answers_as_emulator(const Target& target);

}  // namespace idmerge
