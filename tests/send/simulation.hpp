// SPDX-License-Identifier: MIT
//
// A simulated outside for the sender that ships: a clock that moves only when nothing is left to do
// now, a network with latencies and everything that goes wrong on one, and a sync thread whose
// steps come between the events of the sender. Single-threaded, in virtual time, and the same every
// time for the same seed. HTTP parsing and TLS are not simulated: an exchange is the unit.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "send/backoff.hpp"
#include "send/runtime.hpp"

#include "support/await.hpp"
#include "support/flaky_files.hpp"

namespace idmerge::testing {

/// A request as the service sees it. Lifetime: of the call.
struct SimulatedRequest {
  std::uint64_t line = 0;  // number of its connection
  std::string_view head;   // with its blank line
  std::string_view body;
  Instant left{};     // when it was sent
  Instant arrived{};  // now, except for `leaves`
};

/// What comes back.
struct SimulatedReaction {
  enum class End : std::uint8_t {
    answer,
    hang,     // nothing, until the client gives up
    reset,    // the connection breaks; whether the request was taken is the script's to know
    cut,      // the connection breaks within the answer
    garbage,  // bytes that are not HTTP
  };
  End end = End::answer;
  unsigned status = 200;
  std::string body = R"({"status":1})";
  std::string content_type = "application/json";
  std::string retry_after = {};
  std::chrono::nanoseconds takes{0};  // from the request's arrival until the answer leaves
  bool closes = false;                // the answer announces the end of the connection
  bool hangs_up = false;              // the connection ends behind the answer, unannounced
  unsigned surplus = 0;               // so many times the answer comes again
};

/// The time in which a run ends whatever happens. Not a limit of this machine's time.
inline constexpr std::chrono::hours simulated_time_max{26};

class Simulation final : public send::Runtime {
 public:
  explicit Simulation(std::uint64_t seed, Instant begin = Instant{} + std::chrono::hours(1000));
  ~Simulation() override;

  // ---- The script

  /// The service, called when a request arrives.
  std::function<SimulatedReaction(const SimulatedRequest&)> service = [](const auto&) {
    return SimulatedReaction{};
  };

  /// Called when a request is sent.
  std::function<void(const SimulatedRequest&)> leaves = [](const auto&) {};

  /// Called when a connection is opened; what is wrong with it.
  std::function<Result<void>()> opens = [] { return Result<void>(); };

  /// Called before anything leaves or comes in, so that a script can kill the program there.
  std::function<void()> step = [] {};

  /// Returns whether the program was killed: nothing leaves any more.
  std::function<bool()> is_dead = [] { return false; };

  /// One way, half to one and a half of it.
  std::chrono::nanoseconds latency{std::chrono::milliseconds(10)};
  std::chrono::nanoseconds handshake{std::chrono::milliseconds(20)};

  /// How long a save of the sync thread takes.
  std::chrono::nanoseconds save_time{std::chrono::milliseconds(5)};

  /// A disk whose steps within a save are interleaved with the events of the sender; null: a save
  /// is one step. Not for scripts with surplus answers, after which the sender waits for the disk.
  FlakyFiles* interleaved = nullptr;

  /// Calls `act` at that time.
  void at(Instant when, std::function<void()> act) { schedule(when, std::move(act)); }

  Instant now() const { return clock_.instant; }
  WallTime wall_now() const { return clock_.wall_now(); }

  /// The wall clock steps.
  void step_wall_clock(std::chrono::nanoseconds by) { clock_.wall_offset += by; }

  /// Lets what is under way arrive after the end of a run.
  void settle() {
    while (turn()) {
    }
  }

  std::uint64_t connections_opened() const { return opened_; }
  std::uint64_t events() const { return events_; }

  // ---- Runtime

  const util::Clock& clock() const override { return clock_; }
  net::Executor executor() override { return io_->get_executor(); }
  std::unique_ptr<send::Timer> timer(std::function<void()> due) override;
  Result<void> prepare(const send::SendOptions& options) override;
  std::unique_ptr<net::Connection> connection() override;
  std::unique_ptr<send::SnapshotSaver> snapshot_saver(send::RunSaver saver) override;

  /// Errors: throws std::runtime_error when nothing can happen any more, or the run does not end
  /// within simulated_time_max.
  void run(net::Task<void> task) override;
  void leak_io_context() noexcept override;

 private:
  class VirtualTimer;
  class VirtualConnection;
  class VirtualSaver;
  struct Line;
  using Key = std::pair<Instant, std::uint64_t>;

  struct VirtualClock final : util::Clock {
    Instant now() const override { return instant; }
    WallTime wall_now() const override;
    Instant instant{};
    Instant begin{};
    std::chrono::nanoseconds wall_offset{0};
  };

  Key schedule(Instant at, std::function<void()> act);
  bool turn();
  std::chrono::nanoseconds jittered(std::chrono::nanoseconds time);

  VirtualClock clock_;
  std::unique_ptr<boost::asio::io_context> io_;
  std::map<Key, std::function<void()>> events_due_;
  std::uint64_t scheduled_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t opened_ = 0;
  std::chrono::nanoseconds timeout_{std::chrono::seconds(30)};
  send::Chance chance_;
};

/// Runs a task to its end and returns what it returns.
template <class T>
T await(Simulation& simulation, net::Task<T> task) {
  std::optional<T> result;
  simulation.run(keep(std::move(task), result));
  return std::move(*result);
}

inline void await(Simulation& simulation, net::Task<void> task) {
  simulation.run(std::move(task));
}

/// Suspend for `time`.
inline net::Task<void> sleep_for(Simulation& simulation, std::chrono::nanoseconds time) {
  send::Sleep sleep(simulation);
  co_await sleep.until(simulation.now() + time);
}

}  // namespace idmerge::testing
