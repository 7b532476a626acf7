// SPDX-License-Identifier: MIT
//
// Fault injection, configured by `--fail 503:0.01,reset:0.005`. Which fault a request meets depends
// only on the seed and the number of the request, not on time or threads, so that a failed run can
// be repeated. A fault strikes before or after the link is made, because the second kind is what
// makes a retry ambiguous:
//
//   before   statuses below 500 (rejected by the front end), `status0`
//   after    `truncate`, `close` (the true answer, cut or followed by the end of the connection)
//   either   statuses from 500, `html`, `reset`, `hang`, `garbage`; drawn for each request
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace idmerge::emulator {

enum class Mishap : std::uint8_t {
  none,
  status,    // another answer: `503`, `503-html` (a page, as proxies send), `429-bare` (no
             // Retry-After, no body), `html` (200 and a page), `status0` (200, status 0)
  reset,     // no answer, the connection is reset
  hang,      // no answer; the connection stays open until the client gives up
  truncate,  // the answer stops in the middle, then the connection ends
  garbage,   // bytes that are not HTTP, then the connection ends
  close,     // the answer, then the connection ends without an announcement
};

enum class Dress : std::uint8_t { json, html, bare, status0 };

/// One part of `--fail`: `503-html:0.01`.
struct Risk {
  std::string name;  // "503-html"
  double share = 0;  // of the requests, 0..1
  Mishap mishap = Mishap::none;
  std::uint16_t status = 0;
  Dress dress = Dress::json;
};

/// Parses a share, 0..1. Returns: nothing if the text is none.
std::optional<double> parse_share(std::string_view text);

/// Parses the value of `--fail`.
///
/// Errors: usage, naming the part that is unknown or not a share, or if all shares together exceed
/// 1.
Result<std::vector<Risk>> parse_risks(std::string_view text);

/// Assigns faults to requests.
class FaultInjection {
 public:
  FaultInjection(std::vector<Risk> risks, std::uint64_t seed);

  struct Draw {
    const Risk* risk = nullptr;  // null: no fault
    bool after = false;          // strikes after the link is made
  };

  /// Returns the fault of the request with this number; always the same for one seed.
  Draw draw(std::uint64_t request) const;

  const std::vector<Risk>& risks() const { return risks_; }

 private:
  std::vector<Risk> risks_;
  std::uint64_t seed_;
};

/// Returns whether a link belongs to the randomized share that is refused (`--refuse-share`). It
/// depends only on the seed and the two ids, in either order, so a link that is refused once is
/// always refused.
///
/// Source: the 64-bit FNV-1a hash of the smaller id, a line feed and the larger one, xor SplitMix64
/// of the seed, through SplitMix64; refused if its upper 53 bits as a fraction are below `share`.
bool refused_at_random(double share, std::uint64_t seed, std::string_view first,
                       std::string_view second);

}  // namespace idmerge::emulator
