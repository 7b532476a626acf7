// SPDX-License-Identifier: MIT
#include "net/endpoint.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "util/check.hpp"

namespace idmerge::net {
namespace {

constexpr std::chrono::milliseconds tick{50};

using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;
using std::chrono::steady_clock;

}  // namespace

struct Endpoint::State {
  State(asio::io_context& io, EndpointOptions chosen)
      : options(std::move(chosen)),
        executor(io.get_executor()),
        resolver(executor),
        watchdog(executor) {}

  EndpointOptions options;
  Executor executor;
  std::optional<TlsContext> tls;

  Resolver resolver;
  std::vector<Address> addresses;  // in the order in which they are tried
  Instant looked_up{};
  bool looking_up = false;
  Error lookup_error{Errc::outage, {}};
  std::vector<WatchedSocket*> asking;  // connections that wait for the lookup

  std::vector<WatchedSocket*> watched_sockets;
  Timer watchdog;
  bool armed = false;
  std::uint64_t opened = 0;

  const std::string& host() const {
    return options.proxy ? options.proxy->host : options.target.host;
  }
  std::uint16_t port() const { return options.proxy ? options.proxy->port : options.target.port; }

  void look_up();
  void take(const boost::system::error_code& ec, const Resolver::results_type& found);
  void keep(std::vector<Address> fresh);
  void arm();
  void look();
};

Endpoint::Endpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
Endpoint::Endpoint(Endpoint&&) noexcept = default;
Endpoint::~Endpoint() = default;

Result<Endpoint> Endpoint::make(asio::io_context& io, EndpointOptions options) {
  if (options.target.loopback()) options.proxy.reset();
  auto state = std::make_unique<State>(io, std::move(options));
  if (state->options.target.tls) {
    auto tls = TlsContext::make(state->options.tls);
    if (!tls) return tls.error();
    state->tls = std::move(*tls);
  }
  return Endpoint(std::move(state));
}

const EndpointOptions& Endpoint::options() const {
  return state_->options;
}

const Executor& Endpoint::executor() const {
  return state_->executor;
}

const TlsContext* Endpoint::tls() const {
  return state_->tls ? &*state_->tls : nullptr;
}

const Proxy* Endpoint::proxy() const {
  return state_->options.proxy ? &*state_->options.proxy : nullptr;
}

// ---- Addresses

Task<Result<std::vector<Endpoint::Address>>> Endpoint::addresses(WatchedSocket& watched) {
  State& state = *state_;
  const bool fresh = !state.addresses.empty() &&
                     steady_clock::now() - state.looked_up < state.options.addresses_fresh;
  if (fresh) co_return state.addresses;

  boost::system::error_code ec;
  const auto literal = asio::ip::make_address(state.host(), ec);
  if (!ec) {
    state.addresses.assign(1, Address(literal, state.port()));
    co_return state.addresses;
  }
  if (!state.looking_up) state.look_up();
  state.asking.push_back(&watched);
  co_await watched.wake.wait();
  std::erase(state.asking, &watched);

  if (watched.overdue) {
    co_return Error{
        Errc::outage,
        fmt::format("{}: the name lookup took too long: check the name servers of this machine",
                    state.host())};
  }
  if (state.addresses.empty()) co_return state.lookup_error;
  co_return state.addresses;  // old ones if the lookup failed: they may still work
}

void Endpoint::State::look_up() {
  looking_up = true;
  resolver.async_resolve(
      host(), std::to_string(port()),
      [this](const boost::system::error_code& ec, const Resolver::results_type& found) {
        if (ec != asio::error::operation_aborted) take(ec, found);
      });
}

void Endpoint::State::take(const boost::system::error_code& ec,
                           const Resolver::results_type& found) {
  looking_up = false;
  if (ec) {
    lookup_error = {Errc::outage,
                    fmt::format("{}: the name lookup failed: {}: check --to and the network",
                                host(), ec.message())};
  } else {
    std::vector<Address> fresh;
    for (const auto& entry : found)
      fresh.push_back(entry.endpoint());
    keep(std::move(fresh));
  }
  for (WatchedSocket* watched : asking) {
    if (watched->wake.waiting()) watched->wake.notify();
  }
}

/// Without TLS only addresses of this machine are accepted, whatever the name: a hosts file or a
/// name server may resolve localhost to another machine.
void Endpoint::State::keep(std::vector<Address> fresh) {
  lookup_error = {Errc::outage, fmt::format("{}: it has no address", host())};
  if (!options.target.tls) {
    const auto elsewhere = std::find_if(
        fresh.begin(), fresh.end(), [](const Address& it) { return !it.address().is_loopback(); });
    if (elsewhere != fresh.end()) {
      lookup_error = {
          Errc::service,
          fmt::format(
              "{}: its name resolves to {}, which is not this machine, and http would send the "
              "credentials unencrypted: correct /etc/hosts, or write http://127.0.0.1:{}",
              host(), elsewhere->address().to_string(), port())};
    }
    std::erase_if(fresh, [](const Address& it) { return !it.address().is_loopback(); });
  }
  // The address that worked so far stays first.
  if (!addresses.empty()) {
    const auto it = std::find(fresh.begin(), fresh.end(), addresses.front());
    if (it != fresh.end()) std::rotate(fresh.begin(), it, it + 1);
  }
  addresses = std::move(fresh);
  looked_up = steady_clock::now();
}

void Endpoint::demote(const Address& address) {
  auto& all = state_->addresses;
  if (!all.empty() && all.front() == address) std::rotate(all.begin(), all.begin() + 1, all.end());
}

// ---- The watchdog

void Endpoint::watch(WatchedSocket& watched) {
  state_->watched_sockets.push_back(&watched);
}

void Endpoint::unwatch(WatchedSocket& watched) {
  std::erase(state_->watched_sockets, &watched);
  rest();
}

void Endpoint::rest() {
  const auto is_in_use = [](const WatchedSocket* watched) {
    return watched->socket.is_open() || watched->deadline != Instant::max();
  };
  if (std::any_of(state_->watched_sockets.begin(), state_->watched_sockets.end(), is_in_use))
    return;
  state_->armed = false;
  state_->watchdog.cancel();
}

std::uint64_t Endpoint::number_next() {
  return ++state_->opened;
}

void Endpoint::set_deadline(WatchedSocket& watched, Instant deadline) {
  watched.deadline = deadline;
  if (!state_->armed && deadline != Instant::max()) state_->arm();
}

void Endpoint::State::arm() {
  armed = true;
  watchdog.expires_after(tick);
  watchdog.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) look();  // otherwise the endpoint may no longer exist
  });
}

void WatchedSocket::set_readable_at(std::size_t bytes) {
  if (bytes == readable_at) return;
  using Mark = asio::socket_base::receive_low_watermark;
  boost::system::error_code ignored;
  socket.set_option(Mark(static_cast<int>(bytes)), ignored);
  readable_at = bytes;
}

void Endpoint::State::look() {
  armed = false;
  const Instant now = steady_clock::now();
  bool busy = false;
  for (WatchedSocket* watched : watched_sockets) {
    if (watched->deadline == Instant::max()) continue;
    // At its deadline, a connection may have an answer shorter than its low-water mark.
    if (watched->deadline > now || watched->readable_at > 1) {
      watched->set_readable_at(1);
      busy = true;
      continue;
    }
    watched->deadline = Instant::max();
    watched->overdue = true;
    boost::system::error_code ignored;
    watched->socket.cancel(ignored);
    if (watched->wake.waiting()) watched->wake.notify();
  }
  if (busy) arm();
}

}  // namespace idmerge::net
