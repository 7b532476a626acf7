// SPDX-License-Identifier: MIT
#include "util/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace idmerge::util {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "idmerge: bug: %s:%d: %s does not hold; the job can be resumed\n", file,
               line, condition);
  std::abort();
}

}  // namespace idmerge::util
