// SPDX-License-Identifier: MIT
//
// A Retry-After is nothing, or a wait within bounds; a date that is read stays the same when the
// clock moves. The first eight bytes are the clock.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "send/backoff.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace idmerge;
  using namespace idmerge::send;
  std::int64_t now_unix_s = 0;
  if (size < sizeof now_unix_s) return 0;
  std::memcpy(&now_unix_s, data, sizeof now_unix_s);
  const std::string_view text(reinterpret_cast<const char*>(data) + sizeof now_unix_s,
                              size - sizeof now_unix_s);
  const auto wait = parse_retry_after(text, now_unix_s);
  if (wait && (wait->count() < 0 || *wait > retry_after_max)) std::abort();
  const auto date = parse_http_date(text);
  if (date) {
    if (!wait) std::abort();
    if (*date > now_unix_s && wait->count() == 0) std::abort();
    if (*date <= now_unix_s && wait->count() != 0) std::abort();
  }
  return 0;
}
