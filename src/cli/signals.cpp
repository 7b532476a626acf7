// SPDX-License-Identifier: MIT
#include "cli/signals.hpp"

#include <atomic>
#include <string_view>

#include <signal.h>
#include <unistd.h>

namespace idmerge::cli {
namespace {

// State used by handlers: lock-free atomics with static storage.
send::StopRequest stop_request;
std::atomic<bool> status_asked = false;
std::atomic<bool> ends_at_once = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_stop(int number) {
  if (ends_at_once.load()) {
    constexpr std::string_view text = "\nidmerge: interrupted: no plan was written\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(128 + number);
  }
  stop_request.ask(number);
}

void on_status(int) {
  status_asked.store(true);
}

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace

Signals::Signals() {
  // Without SA_RESTART, so that a signal interrupts a prompt on the terminal.
  handle(SIGINT, on_stop, 0);
  handle(SIGTERM, on_stop, 0);
  handle(SIGUSR1, on_status, SA_RESTART);
  handle(SIGHUP, SIG_IGN, 0);
  handle(SIGPIPE, SIG_IGN, 0);
  handle(SIGXFSZ, SIG_IGN, 0);  // a write beyond `ulimit -f` then fails and is reported
}

Signals::~Signals() {
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGPIPE, SIGXFSZ})
    handle(number, SIG_DFL, 0);
}

const send::StopRequest& Signals::stop() const {
  return stop_request;
}

bool Signals::take_status_request() {
  return status_asked.exchange(false);
}

void Signals::end_at_once(bool at_once) {
  ends_at_once.store(at_once);
}

}  // namespace idmerge::cli
