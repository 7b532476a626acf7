// SPDX-License-Identifier: MIT
#include <string_view>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
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

/// Stack of a thread, below which a TLS handshake, a lookup of a name or a deep call crashes.
/// Tried with ulimit -s 1024, which suffices; glibc gives threads what the limit was when the
/// program began.
constexpr rlim_t stack_bytes_min = 1024UL * 1024;

/// Raise a stack limit that is too low where that is allowed; false where it is not.
bool has_stack() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= stack_bytes_min) return true;
  if (limit.rlim_max < stack_bytes_min) return false;
  limit.rlim_cur = stack_bytes_min;
  pthread_attr_t threads;
  if (::setrlimit(RLIMIT_STACK, &limit) != 0 || ::pthread_attr_init(&threads) != 0) return false;
  const bool raised = ::pthread_attr_setstacksize(&threads, stack_bytes_min) == 0 &&
                      ::pthread_setattr_default_np(&threads) == 0;
  ::pthread_attr_destroy(&threads);
  return raised;
}

/// Needs next to no stack.
int end_without_stack() {
  constexpr std::string_view line =
      "idmerge: ulimit -s: the stack limit is below 1 MiB, which is too little: run ulimit -s 8192 "
      "before, or raise the limit of the service or container\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (!has_stack()) return end_without_stack();
  idmerge::end_in_words();
  if (!occupy_standard_streams()) return 1;
  return idmerge::run_app({argv + 1, argv + argc});
}
