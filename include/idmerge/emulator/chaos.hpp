// SPDX-License-Identifier: MIT
//
// Mishaps on purpose: what `--fail 503:0.01,reset:0.005` asks for. Which request meets which
// mishap depends on the seed and the number of the request alone, not on time or threads, so that
// a bad run can be repeated. A mishap strikes before or after the link was made, because the
// second kind is what makes a resend ambiguous:
//
//   before            statuses below 500 (the front says no), `status0`
//   after             `truncate`, `close` (the true answer, cut or followed by the end)
//   each time either  statuses from 500, `html`, `reset`, `hang`, `garbage`
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"

namespace idmerge {

enum class Mishap : std::uint8_t {
  none,
  status,    // another answer: `503`, `503-html` (a page, as proxies send), `429-bare` (no
             // Retry-After, no body), `html` (200 and a page), `status0` (200, status 0)
  reset,     // no answer, the connection is reset
  hang,      // no answer; the connection stays open until the client gives up
  truncate,  // the answer stops in the middle, then the connection ends
  garbage,   // bytes that are not HTTP, then the connection ends
  close,     // the answer, then the connection ends although nothing announced it
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

/// A share of all, 0..1; nothing when the text is none.
std::optional<double> parse_share(std::string_view text);

/// Read the value of `--fail`.
///
/// Errors: usage, naming the part: not known, not a share, all shares together over 1.
Result<std::vector<Risk>> parse_risks(std::string_view text);

/// Who meets which mishap.
class Chaos {
 public:
  Chaos(std::vector<Risk> risks, std::uint64_t seed);

  struct Draw {
    const Risk* risk = nullptr;  // none: nothing happens
    bool after = false;          // strikes when the link is made
  };

  /// What happens to the request of this number; the same for ever.
  Draw draw(std::uint64_t request) const;

  const std::vector<Risk>& risks() const { return risks_; }

 private:
  std::vector<Risk> risks_;
  std::uint64_t seed_;
};

/// Is this link refused by lot (`--refuse-share`)? That depends on the seed and its two ids alone,
/// in either order, so a link that is refused once is refused for ever.
///
/// Source: the 64-bit FNV-1a hash of the smaller id, a line feed and the larger one, xor SplitMix64
/// of the seed, through SplitMix64; refused when its upper 53 bits as a fraction are below `share`.
bool refused_by_lot(double share, std::uint64_t seed, std::string_view first,
                    std::string_view second);

}  // namespace idmerge
