// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include "idmerge/app/app.hpp"
#include "idmerge/base/thrown.hpp"

namespace {

/// Was idmerge started with stdin, stdout or stderr closed, the next file opened would take its
/// number, and what is said on stderr would end up in the plan. Whatever opens here fails when used
/// as that stream, as a closed one does: /dev/null, the wrong way round.
bool occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    // All below are taken, so this is the number that it gets.
    if (::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  idmerge::end_in_words();
  if (!occupy_standard_streams()) return 1;
  return idmerge::run_app({argv + 1, argv + argc});
}
