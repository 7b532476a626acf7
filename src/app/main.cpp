// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include "idmerge/app/app.hpp"

namespace {

/// Was idmerge started with stdin, stdout or stderr closed, the next file opened would take its
/// number, and what is said on stderr would end up in the plan. Whatever opens here fails when used
/// as that stream, as a closed one does: /dev/null, the wrong way round.
bool occupy_standard_streams() {
  while (true) {
    const int lowest = ::open("/dev/null", O_RDWR);
    if (lowest < 0) return false;
    if (lowest > STDERR_FILENO) {
      ::close(lowest);
      return true;
    }
    ::close(lowest);
    if (::open("/dev/null", lowest == STDIN_FILENO ? O_WRONLY : O_RDONLY) != lowest) return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (!occupy_standard_streams()) return 1;
  return idmerge::run_app({argv + 1, argv + argc});
}
