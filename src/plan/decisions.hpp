// SPDX-License-Identifier: MIT
// Parses a person's decisions about disputed anonymous ids: an id belongs to a user, to nobody, or
// remains undecided. The file is a CSV with the columns `anonymous_id` and `decision`, as printed
// by `show --held --format csv`, to be filled in. Without a column `decision`, the column `user_id`
// is read instead, so that two columns are enough. A row with an empty decision is ignored; two
// rows with different decisions about one id are an error, because neither may be preferred
// silently.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace idmerge::plan {

struct Decision {
  enum class Kind : std::uint8_t {
    user,   // the id belongs to this user: only this user's claim may be sent
    never,  // none of its claims is sent
    later,  // undecided: all its claims are held
  };

  std::string anon;
  Kind kind = Kind::later;
  std::string user;        // only with Kind::user
  std::uint64_t line = 0;  // in the file, from 1
};

/// Parses a file of decisions: RFC 4180 with a header; other columns are ignored. The words `never`
/// and `later` are never taken as users.
/// Returns: each anonymous id at most once, in order of the lines.
/// Errors: usage, with the line.
Result<std::vector<Decision>> parse_decisions(std::string_view text);

}  // namespace idmerge::plan
