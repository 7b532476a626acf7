// SPDX-License-Identifier: MIT
#include <string_view>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/app.hpp"
#include "util/exceptions.hpp"

namespace {

/// Reserves the numbers of standard streams that were closed at start. Otherwise the next file
/// opened would get such a number, and log messages for stderr would be written into the plan.
/// /dev/null is opened in the wrong direction, so that using the stream fails as for a closed one.
bool occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    // All lower numbers are taken, so open() returns this one.
    if (::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) return false;
  }
  return true;
}

/// The minimum stack of a thread; with less, a TLS handshake, a name lookup or a deep call crashes.
/// Tried with ulimit -s 1024, which suffices. By default, glibc sizes the stacks of threads by the
/// limit at the start of the program.
constexpr rlim_t stack_bytes_min = 1024UL * 1024;

/// Raises a stack limit that is too low. Returns: false if that is not permitted.
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

/// Uses almost no stack.
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
  idmerge::util::end_with_message();
  if (!occupy_standard_streams()) return 1;
  return idmerge::cli::run_app({argv + 1, argv + argc});
}
