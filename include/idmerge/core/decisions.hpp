// SPDX-License-Identifier: MIT
//
// What a person decided about anonymous ids in doubt: whose it is, or that it is nobody's, or that
// it stays open. The file is a CSV with the columns `anonymous_id` and `decision`, which is what
// `show --held --format csv` prints, to be filled in; without a column `decision` the column
// `user_id` is read in its place, so that two columns are enough. A row that decides nothing is
// passed over; two rows that decide differently about one id are an error, never a choice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"

namespace idmerge {

struct Decision {
  enum class Says : std::uint8_t {
    user,   // the id belongs to this user: only that claim may go
    never,  // none of its claims goes
    later,  // nothing is decided yet: all its claims are held
  };

  std::string anon;
  Says says = Says::later;
  std::string user;        // only with Says::user
  std::uint64_t line = 0;  // where it stands, from 1
};

/// Read a file of decisions. Shape: RFC 4180 with a header; other columns are passed over; each
/// anonymous id at most once, in order of the lines. The words `never` and `later` are no users.
/// Errors: usage, with the line.
Result<std::vector<Decision>> parse_decisions(std::string_view text);

}  // namespace idmerge
