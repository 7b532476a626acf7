// SPDX-License-Identifier: MIT
#include "net/async.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include "support/await.hpp"

namespace idmerge::testing {

using namespace net;
namespace {

using namespace std::chrono_literals;

Task<void> note(std::vector<std::string>& log, std::string word, std::chrono::milliseconds after) {
  co_await sleep_for(after);
  log.push_back(word);
}

Task<void> fail(std::chrono::milliseconds after) {
  co_await sleep_for(after);
  throw std::runtime_error("it failed");
}

Task<void> wait_and_note(Wake& wake, std::vector<std::string>& log) {
  co_await wake.wait();
  log.push_back("woken");
  co_await sleep_for(0ms);  // throws if this task was cancelled
  log.push_back("went on");
}

Task<void> notify(Wake& wake, std::vector<std::string>& log) {
  co_await sleep_for(1ms);
  wake.notify();
  log.push_back("notified");
}

std::vector<Task<void>> both(Task<void> one, Task<void> other) {
  std::vector<Task<void>> tasks;
  tasks.push_back(std::move(one));
  tasks.push_back(std::move(other));
  return tasks;
}

TEST_SUITE("net/async") {
  TEST_CASE("join waits for all of its tasks") {
    asio::io_context io(1);
    std::vector<std::string> log;
    await(io, join(both(note(log, "late", 20ms), note(log, "early", 1ms))));
    CHECK(log == std::vector<std::string>{"early", "late"});
    await(io, join({}));
  }

  TEST_CASE("the first exception ends the others and is thrown again") {
    asio::io_context io(1);
    std::vector<std::string> log;
    CHECK_THROWS_WITH(await(io, join(both(note(log, "never", 1h), fail(1ms)))), "it failed");
    CHECK(log.size() == 1);  // the sleeper was woken early and ends at its next step
  }

  TEST_CASE("a waiting coroutine goes on from the loop when it is notified") {
    asio::io_context io(1);
    std::vector<std::string> log;
    Wake wake(io.get_executor());
    await(io, join(both(wait_and_note(wake, log), notify(wake, log))));
    CHECK(log == std::vector<std::string>{"notified", "woken", "went on"});
    CHECK_FALSE(wake.waiting());
  }

  TEST_CASE("a notification that comes first is remembered, once") {
    asio::io_context io(1);
    std::vector<std::string> log;
    Wake wake(io.get_executor());
    wake.notify();
    wake.notify();
    await(io, wake.wait());
    await(io, join(both(wait_and_note(wake, log), notify(wake, log))));
    CHECK(log.front() == "notified");
  }

  TEST_CASE("a waiting coroutine can be cancelled") {
    asio::io_context io(1);
    std::vector<std::string> log;
    Wake wake(io.get_executor());
    CHECK_THROWS_WITH(await(io, join(both(wait_and_note(wake, log), fail(1ms)))), "it failed");
    CHECK(log == std::vector<std::string>{"woken"});
    CHECK_FALSE(wake.waiting());
  }
}

}  // namespace
}  // namespace idmerge::testing
