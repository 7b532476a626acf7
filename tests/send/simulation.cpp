// SPDX-License-Identifier: MIT
#include "send/simulation.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>

#include <boost/asio/co_spawn.hpp>

#include "util/check.hpp"

namespace idmerge::testing {

using namespace std::chrono_literals;

WallTime Simulation::VirtualClock::wall_now() const {
  constexpr WallTime epoch{1'795'456'800s};
  return epoch + std::chrono::floor<WallTime::duration>(instant - begin + wall_offset);
}

class Simulation::VirtualTimer final : public send::Timer {
 public:
  VirtualTimer(Simulation& simulation, std::function<void()> due)
      : simulation_(simulation), due_(std::move(due)) {}
  ~VirtualTimer() override { cancel(); }

  void set(Instant at) override {
    cancel();
    key_ = simulation_.schedule(at, [this] {
      key_.reset();
      due_();
    });
  }
  void cancel() override {
    if (key_) simulation_.events_due_.erase(*std::exchange(key_, std::nullopt));
  }

 private:
  Simulation& simulation_;
  std::function<void()> due_;
  std::optional<Key> key_;
};

/// One TCP connection, from its handshake to its end. Shared by both sides and what is under way.
struct Simulation::Line {
  struct Item {
    SimulatedReaction reaction;
    bool is_end = false;  // of the connection, from the other side
  };
  std::uint64_t number = 0;
  bool is_open = true;         // on our side
  bool has_hung_up = false;    // the other side
  Instant last_arrival{};      // there; requests stay in order
  Instant last_answer{};       // here
  std::deque<Item> came;       // and not taken yet
  std::size_t awaited = 0;     // answers
  std::uint64_t had = 0;       // answers
  std::function<void()> wake;  // whoever waits for `came`
};

class Simulation::VirtualConnection final : public net::Connection {
 public:
  explicit VirtualConnection(Simulation& simulation)
      : simulation_(simulation),
        wake_(simulation.executor()),
        timer_(simulation.timer([this] { wake_.notify(); })) {}
  ~VirtualConnection() override { close(); }

  net::Task<Result<void>> open() override {
    close();
    simulation_.step();
    is_busy_ = true;
    timer_->set(simulation_.now() + simulation_.jittered(simulation_.handshake));
    co_await wake_.wait();
    is_busy_ = false;
    if (std::exchange(is_closed_, false)) co_return Error{Errc::outage, "closed"};
    if (auto opened = simulation_.opens(); !opened) co_return opened.error();
    line_ = std::make_shared<Line>();
    line_->number = ++simulation_.opened_;
    number_ = line_->number;
    co_return Result<void>();
  }

  bool is_open() const override { return line_ != nullptr; }

  void close() override {
    if (line_) line_->is_open = false;
    line_.reset();
    is_closed_ = is_busy_;
    timer_->cancel();
    if (wake_.waiting()) wake_.notify();
  }

  std::uint64_t number() const override { return number_; }

  bool look_for_surplus() override {
    if (!line_ || is_busy_ || line_->awaited > 0) return false;
    if (line_->came.empty() || line_->came.front().is_end) return false;
    close();
    return true;
  }

  net::Task<bool> finish() override {
    if (!line_) co_return false;
    is_busy_ = true;
    timer_->set(simulation_.now() + 2 * simulation_.jittered(simulation_.latency));
    co_await wake_.wait();
    is_busy_ = false;
    const bool surplus = line_ && !line_->came.empty() && !line_->came.front().is_end;
    close();
    is_closed_ = false;
    co_return surplus;
  }

  net::Task<net::Answer> exchange(std::string_view request) override {
    IDMERGE_CHECK(is_open());
    if (auto ended = look()) co_return *ended;
    leave(request);
    co_return co_await receive();
  }

  net::Task<std::optional<net::Answer>> send(std::string_view requests,
                                             std::size_t count) override {
    IDMERGE_CHECK(is_open());
    auto ended = look();
    for (std::size_t i = 0; !ended && i < count; ++i)
      requests.remove_prefix(leave(requests));
    IDMERGE_CHECK(ended || requests.empty());
    co_return ended;
  }

  std::optional<net::Answer> received() override {
    if (!line_ || line_->came.empty()) return std::nullopt;
    return take();
  }

  net::Task<net::Answer> receive() override {
    if (!line_) {
      co_return net::Answer{.end = net::ResponseEnd::closed,
                            .sent = true,
                            .stale = true,
                            .what = "the connection was closed after an earlier answer"};
    }
    const auto line = line_;
    const Instant deadline = simulation_.now() + simulation_.timeout_;
    line->wake = [this] {
      if (wake_.waiting()) wake_.notify();
    };
    is_busy_ = true;
    while (line->is_open && line->came.empty() && simulation_.now() < deadline) {
      timer_->set(deadline);
      co_await wake_.wait();
    }
    is_busy_ = false;
    is_closed_ = false;
    line->wake = nullptr;
    timer_->cancel();
    if (!line->is_open) co_return ended(net::ResponseEnd::closed, true, false, "it was closed");
    if (line->came.empty()) {
      co_return ended(net::ResponseEnd::timed_out, true, false, "no complete answer in time");
    }
    co_return take();
  }

 private:
  net::Answer ended(net::ResponseEnd end, bool sent, bool stale, std::string_view what) {
    close();
    is_closed_ = false;
    return {.end = end, .sent = sent, .stale = stale, .what = what};
  }

  /// What came on an idle connection: nothing, an answer too many, or its end.
  std::optional<net::Answer> look() {
    if (line_->came.empty()) return std::nullopt;
    const bool surplus = !line_->came.front().is_end;
    auto answer = ended(
        net::ResponseEnd::closed, false, line_->had > 0,
        surplus ? "an answer came without a request" : "the connection was closed while idle");
    answer.surplus = surplus;
    return answer;
  }

  /// Sends the first of these requests. Returns: its size.
  std::size_t leave(std::string_view requests) {
    simulation_.step();
    const auto head_end = requests.find("\r\n\r\n") + 4;
    constexpr std::string_view key = "Content-Length: ";
    const auto digits = requests.find(key) + key.size();
    IDMERGE_CHECK(digits < head_end);
    std::size_t length = 0;
    std::from_chars(requests.data() + digits, requests.data() + head_end, length);
    const auto size = head_end + length;
    ++line_->awaited;
    if (simulation_.is_dead()) return size;
    SimulatedRequest sent{line_->number,
                          requests.substr(0, head_end),
                          requests.substr(head_end, length),
                          simulation_.now(),
                          {}};
    simulation_.leaves(sent);
    line_->last_arrival = std::max(line_->last_arrival,
                                   simulation_.now() + simulation_.jittered(simulation_.latency));
    simulation_.schedule(
        line_->last_arrival, [&simulation = simulation_, line = line_, left = sent.left, head_end,
                              bytes = std::string(requests.substr(0, size))] {
          arrive(simulation, line,
                 {line->number, std::string_view(bytes).substr(0, head_end),
                  std::string_view(bytes).substr(head_end), left, simulation.now()});
        });
    return size;
  }

  static void arrive(Simulation& simulation, const std::shared_ptr<Line>& line,
                     const SimulatedRequest& request) {
    if (line->has_hung_up) return;
    SimulatedReaction reaction = simulation.service(request);
    using End = SimulatedReaction::End;
    if (reaction.end == End::hang) {
      line->has_hung_up = true;  // and says nothing about it
      return;
    }
    const Instant comes = std::max(line->last_answer, simulation.now() + reaction.takes +
                                                          simulation.jittered(simulation.latency));
    line->last_answer = comes;
    line->has_hung_up = reaction.end != End::answer || reaction.closes || reaction.hangs_up;
    simulation.schedule(comes, [&simulation, line, reaction = std::move(reaction)] {
      if (!line->is_open) return;
      simulation.step();
      const bool is_reset = reaction.end == End::reset;
      line->came.push_back({reaction, is_reset});
      for (unsigned i = 0; !is_reset && i < reaction.surplus; ++i)
        line->came.push_back({reaction, false});
      if (reaction.hangs_up) line->came.push_back({{}, true});
      if (line->wake) line->wake();
    });
  }

  /// The next answer, which has come.
  net::Answer take() {
    Line& line = *line_;
    last_ = std::move(line.came.front());
    line.came.pop_front();
    const SimulatedReaction& reaction = last_.reaction;
    if (last_.is_end) {
      return ended(net::ResponseEnd::closed, true, line.had > 0,
                   "the connection was closed without an answer");
    }
    if (reaction.end == SimulatedReaction::End::cut) {
      return ended(net::ResponseEnd::closed, true, false,
                   "the connection was closed within the answer");
    }
    if (reaction.end == SimulatedReaction::End::garbage) {
      return ended(net::ResponseEnd::garbage, true, false, "not HTTP");
    }
    ++line.had;
    if (line.awaited > 0) --line.awaited;
    net::Answer answer{.end = net::ResponseEnd::answered, .sent = true};
    answer.response.status = reaction.status;
    answer.response.content_type = reaction.content_type;
    answer.response.retry_after = reaction.retry_after;
    answer.response.body = reaction.body;
    if (!reaction.retry_after.empty()) {
      answer.response.received_unix_s = simulation_.clock_.unix_now_s();
    }
    if (reaction.closes) {
      answer.surplus = line.awaited == 0 && !line.came.empty() && !line.came.front().is_end;
      close();
      is_closed_ = false;
    }
    return answer;
  }

  Simulation& simulation_;
  net::Wake wake_;
  std::unique_ptr<send::Timer> timer_;
  std::shared_ptr<Line> line_;
  std::uint64_t number_ = 0;
  bool is_busy_ = false;
  bool is_closed_ = false;  // while it was busy
  Line::Item last_;         // its texts are those of the last answer
};

/// Saves in one event, save_time after it was asked to.
class Simulation::VirtualSaver final : public send::SnapshotSaver {
 public:
  VirtualSaver(Simulation& simulation, send::RunSaver saver)
      : simulation_(simulation),
        saver_(std::move(saver)),
        timer_(simulation.timer([this] { work(); })) {}

  void notify(std::function<void()> done) override { done_ = std::move(done); }
  bool busy() const override { return snapshot_ || ended_; }

  void save(send::Snapshot snapshot) override {
    IDMERGE_CHECK(!busy());
    snapshot_ = std::move(snapshot);
    timer_->set(simulation_.now() + simulation_.jittered(simulation_.save_time));
  }

  std::optional<Result<void>> collect() override { return std::exchange(ended_, std::nullopt); }

  Result<void> save_now(const send::Snapshot& snapshot) override {
    timer_->cancel();
    if (snapshot_) work();
    if (ended_) {
      auto ended = *std::exchange(ended_, std::nullopt);
      if (!ended) return ended;
    }
    return saver_.save(snapshot);
  }

  Result<void> finish(const send::Snapshot& snapshot) override { return save_now(snapshot); }

 private:
  void work() {
    IDMERGE_CHECK(!is_working_);
    is_working_ = true;
    if (simulation_.interleaved != nullptr) {
      simulation_.interleaved->meanwhile = [this] {
        for (auto turns = simulation_.chance_.bits() % 4; turns > 0; --turns)
          simulation_.turn();
      };
    }
    auto saved = saver_.save(*snapshot_);
    if (simulation_.interleaved != nullptr) simulation_.interleaved->meanwhile = nullptr;
    is_working_ = false;
    snapshot_.reset();
    ended_ = std::move(saved);
    done_();
  }

  Simulation& simulation_;
  send::RunSaver saver_;
  std::function<void()> done_;
  std::optional<send::Snapshot> snapshot_;
  std::optional<Result<void>> ended_;
  bool is_working_ = false;
  std::unique_ptr<send::Timer> timer_;
};

Simulation::Simulation(std::uint64_t seed, Instant begin)
    : io_(std::make_unique<boost::asio::io_context>(1)), chance_(seed) {
  clock_.instant = clock_.begin = begin;
}

Simulation::~Simulation() = default;

std::unique_ptr<send::Timer> Simulation::timer(std::function<void()> due) {
  return std::make_unique<VirtualTimer>(*this, std::move(due));
}

Result<void> Simulation::prepare(const send::SendOptions& options) {
  timeout_ = options.timeout;
  return {};
}

std::unique_ptr<net::Connection> Simulation::connection() {
  return std::make_unique<VirtualConnection>(*this);
}

std::unique_ptr<send::SnapshotSaver> Simulation::snapshot_saver(send::RunSaver saver) {
  return std::make_unique<VirtualSaver>(*this, std::move(saver));
}

Simulation::Key Simulation::schedule(Instant at, std::function<void()> act) {
  const Key key{std::max(at, clock_.instant), ++scheduled_};
  events_due_.emplace(key, std::move(act));
  return key;
}

/// Does what is ready now, or else moves the clock to the next event. Returns: false if there is
/// nothing to do any more.
bool Simulation::turn() {
  if (io_->poll_one() > 0) return true;
  if (events_due_.empty()) return false;
  const auto next = events_due_.begin();
  clock_.instant = std::max(clock_.instant, next->first.first);
  const auto act = std::move(next->second);
  events_due_.erase(next);
  ++events_;
  act();
  return true;
}

void Simulation::run(net::Task<void> task) {
  std::exception_ptr error;
  bool ended = false;
  boost::asio::co_spawn(io_->get_executor(), std::move(task), [&](std::exception_ptr thrown) {
    error = std::move(thrown);
    ended = true;
  });
  io_->restart();
  const Instant latest = now() + simulated_time_max;
  while (!ended) {
    if (!turn()) throw std::runtime_error("the run waits for something that never happens");
    if (now() > latest) throw std::runtime_error("the run does not end");
  }
  while (io_->poll_one() > 0) {
  }
  if (error) std::rethrow_exception(error);
}

void Simulation::leak_io_context() noexcept {
  net::leak_io_context(std::move(io_));
}

std::chrono::nanoseconds Simulation::jittered(std::chrono::nanoseconds time) {
  const auto share = 0.5 + chance_.next();
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(time.count()) * share));
}

}  // namespace idmerge::testing
