// SPDX-License-Identifier: MIT
//
// Compressed bytes for tests, made by zlib and zstd themselves.
#pragma once

#include <string>
#include <string_view>

namespace idmerge::testing {

/// One gzip member.
std::string gzip(std::string_view bytes);

/// One zstd frame, with or without its content size in the header, and with a checksum.
std::string zstd(std::string_view bytes, bool with_size = true, int window_log = 0);

}  // namespace idmerge::testing
