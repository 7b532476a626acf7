// SPDX-License-Identifier: MIT
#include "send/net_runtime.hpp"

#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "net/client.hpp"
#include "send/sync_thread.hpp"

namespace idmerge::send {
namespace {

class AsioTimer final : public Timer {
 public:
  AsioTimer(const net::Executor& executor, std::function<void()> due)
      : timer_(executor), due_(std::move(due)) {}

  void set(Instant at) override {
    timer_.expires_at(at);
    timer_.async_wait([this](const boost::system::error_code& ec) {
      if (!ec) due_();  // otherwise the timer may no longer exist
    });
  }
  void cancel() override { timer_.cancel(); }

 private:
  net::Timer timer_;
  std::function<void()> due_;
};

}  // namespace

struct NetRuntime::State {
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>(1);
  std::optional<net::Endpoint> endpoint;
};

NetRuntime::NetRuntime() : state_(std::make_unique<State>()) {}
NetRuntime::~NetRuntime() = default;

const util::Clock& NetRuntime::clock() const {
  return util::machine_clock();
}

net::Executor NetRuntime::executor() {
  return state_->io->get_executor();
}

std::unique_ptr<Timer> NetRuntime::timer(std::function<void()> due) {
  return std::make_unique<AsioTimer>(executor(), std::move(due));
}

Result<void> NetRuntime::prepare(const SendOptions& options) {
  net::EndpointOptions endpoint_options;
  endpoint_options.target = options.target;
  endpoint_options.tls = options.tls;
  endpoint_options.proxy = options.proxy;
  endpoint_options.timeout = options.timeout;
  auto endpoint = net::Endpoint::make(*state_->io, std::move(endpoint_options));
  if (!endpoint) return endpoint.error();
  state_->endpoint.emplace(std::move(*endpoint));
  return {};
}

std::unique_ptr<net::Connection> NetRuntime::connection() {
  return std::make_unique<net::ClientConnection>(*state_->endpoint);
}

std::unique_ptr<SnapshotSaver> NetRuntime::snapshot_saver(RunSaver saver) {
  return std::make_unique<SyncThread>(std::move(saver));
}

void NetRuntime::run(net::Task<void> task) {
  net::run_task(*state_->io, std::move(task));
}

void NetRuntime::leak_io_context() noexcept {
  net::leak_io_context(std::move(state_->io));
}

}  // namespace idmerge::send
