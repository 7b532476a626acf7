// SPDX-License-Identifier: MIT
#include "support/loopback_server.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace idmerge::testing {
namespace {

void require(bool good, const char* what) {
  if (!good)
    throw std::runtime_error(fmt::format("loopback server: {}: {}", what, strerror(errno)));
}

/// The length of the body that a head announces.
std::size_t body_bytes(std::string_view head) {
  constexpr std::string_view name = "\r\nContent-Length:";
  const auto at = head.find(name);
  if (at == std::string_view::npos) return 0;
  return std::strtoull(std::string(head.substr(at + name.size())).c_str(), nullptr, 10);
}

}  // namespace

std::string http(unsigned status, std::string_view body, std::string_view headers) {
  return fmt::format(
      "HTTP/1.1 {} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
      status, body.size(), headers, body);
}

Reaction accepted() {
  return {.bytes = http(200, R"({"status":1})")};
}

struct LoopbackServer::State {
  struct Peer {
    int fd = -1;
    int number = 0;
    SSL* ssl = nullptr;
    std::thread thread;
  };

  ServerOptions options;
  int listener = -1;
  std::uint16_t port = 0;
  SSL_CTX* tls = nullptr;
  std::thread acceptor;
  std::atomic<bool> stopping = false;
  std::atomic<int> connections = 0;
  std::atomic<int> resumed = 0;
  mutable std::mutex mutex;  // of the following
  std::vector<SeenRequest> seen;
  std::list<Peer> peers;

  explicit State(ServerOptions chosen) : options(std::move(chosen)) {
    listen();
    if (!options.certificate.empty()) {
      tls = SSL_CTX_new(TLS_server_method());
      require(SSL_CTX_use_certificate_chain_file(tls, options.certificate.c_str()) == 1 &&
                  SSL_CTX_use_PrivateKey_file(tls, options.key.c_str(), SSL_FILETYPE_PEM) == 1,
              "certificate");
    }
    acceptor = std::thread([this] { accept(); });
  }

  ~State() {
    stopping = true;
    ::shutdown(listener, SHUT_RDWR);
    acceptor.join();
    {
      const std::lock_guard lock(mutex);
      for (auto& peer : peers)
        ::shutdown(peer.fd, SHUT_RDWR);
    }
    for (auto& peer : peers) {
      peer.thread.join();
      ::close(peer.fd);
    }
    ::close(listener);
    SSL_CTX_free(tls);
  }

  void listen() {
    const bool v6 = options.host.find(':') != std::string::npos;
    listener = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(listener >= 0, "socket");
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (v6) {
      auto* address = reinterpret_cast<sockaddr_in6*>(&storage);
      address->sin6_family = AF_INET6;
      ::inet_pton(AF_INET6, options.host.c_str(), &address->sin6_addr);
      size = sizeof(sockaddr_in6);
    } else {
      auto* address = reinterpret_cast<sockaddr_in*>(&storage);
      address->sin_family = AF_INET;
      ::inet_pton(AF_INET, options.host.c_str(), &address->sin_addr);
      size = sizeof(sockaddr_in);
    }
    auto* any = reinterpret_cast<sockaddr*>(&storage);
    require(::bind(listener, any, size) == 0 && ::listen(listener, 128) == 0, "bind");
    require(::getsockname(listener, any, &size) == 0, "getsockname");
    port = ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                    : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  }

  void accept() {
    while (!stopping) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const int on = 1;  // each answer and each slice leaves by itself
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::lock_guard lock(mutex);
      Peer& peer = peers.emplace_back();
      peer.fd = fd;
      peer.number = connections++;
      peer.thread = std::thread([this, &peer] { serve(peer); });
    }
  }

  void serve(Peer& peer) {
    block_sigpipe();
    const Welcome welcome = options.welcome ? options.welcome(peer.number) : Welcome{};
    if (welcome.reset) return end(peer, true);
    if (tls != nullptr) {
      peer.ssl = SSL_new(tls);
      SSL_set_fd(peer.ssl, peer.fd);
      if (SSL_accept(peer.ssl) != 1) {
        SSL_free(std::exchange(peer.ssl, nullptr));
        return end(peer, false);
      }
      if (SSL_session_reused(peer.ssl) == 1) ++resumed;
    }
    if (welcome.swallow == 0) write(peer, welcome.unasked);
    bool reset = false;
    std::string input;
    while (one_request(peer, welcome, input, reset)) {
    }
    if (peer.ssl != nullptr && !reset) SSL_shutdown(peer.ssl);
    SSL_free(std::exchange(peer.ssl, nullptr));
    end(peer, reset);
  }

  bool one_request(Peer& peer, const Welcome& welcome, std::string& input, bool& reset) {
    std::size_t head = std::string::npos;
    while ((head = input.find("\r\n\r\n")) == std::string::npos ||
           input.size() < head + 4 + body_bytes(input.substr(0, head))) {
      char bytes[16'384];
      const std::size_t room = welcome.swallow > 0
                                   ? std::min(sizeof bytes, welcome.swallow - input.size())
                                   : sizeof bytes;
      const auto n = read(peer, bytes, room);
      if (n <= 0) return false;
      if (welcome.swallow > 0 && input.empty()) write(peer, welcome.unasked);
      input.append(bytes, static_cast<std::size_t>(n));
      if (welcome.swallow > 0 && input.size() >= welcome.swallow) {
        reset = true;
        return false;
      }
    }
    SeenRequest request;
    request.connection = peer.number;
    request.head = input.substr(0, head + 4);
    request.body = input.substr(head + 4, body_bytes(request.head));
    input.erase(0, request.head.size() + request.body.size());
    Reaction reaction;
    {
      const std::lock_guard lock(mutex);
      request.number = static_cast<int>(seen.size());
      seen.push_back(request);
      reaction = options.react(request);
    }
    return act(peer, reaction, reset);
  }

  bool act(Peer& peer, const Reaction& reaction, bool& reset) {
    std::this_thread::sleep_for(reaction.wait);
    std::string_view rest = reaction.bytes;
    const std::size_t slice = reaction.slice == 0 ? rest.size() : reaction.slice;
    while (!rest.empty()) {
      if (!write(peer, rest.substr(0, slice))) return false;
      rest.remove_prefix(std::min(slice, rest.size()));
      if (!rest.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (reaction.then == Reaction::Then::hang) {
      char byte = 0;
      while (read(peer, &byte, 1) > 0) {
      }
    }
    if (reaction.then == Reaction::Then::tunnel) tunnel(peer.fd, reaction.tunnel_port);
    reset = reaction.then == Reaction::Then::reset;
    return reaction.then == Reaction::Then::keep;
  }

  static void tunnel(int near, std::uint16_t port) {
    const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool open = ::connect(far, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    while (open) {
      pollfd ends[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
      ::poll(ends, 2, -1);
      for (const auto& end : ends) {
        if (end.revents == 0) continue;
        char bytes[16'384];
        const auto n = ::recv(end.fd, bytes, sizeof bytes, 0);
        open = n > 0 && ::send(end.fd == near ? far : near, bytes, static_cast<std::size_t>(n),
                               MSG_NOSIGNAL) == n;
        if (!open) break;
      }
    }
    ::close(far);
  }

  /// In this thread only: SSL_write and SSL_shutdown raise it when the client has gone, and a
  /// program under test may not live off what its tests ignore.
  static void block_sigpipe() {
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  }

  static long read(Peer& peer, char* to, std::size_t size) {
    if (peer.ssl != nullptr) return SSL_read(peer.ssl, to, static_cast<int>(size));
    return ::recv(peer.fd, to, size, 0);
  }

  static bool write(Peer& peer, std::string_view bytes) {
    while (!bytes.empty()) {
      const long n = peer.ssl != nullptr
                         ? SSL_write(peer.ssl, bytes.data(), static_cast<int>(bytes.size()))
                         : ::send(peer.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// End the connection, but keep its number until the server ends: no other may get it meanwhile.
  static void end(Peer& peer, bool reset) {
    if (reset) {
      // Connecting a socket to nowhere is what breaks it without freeing its number.
      sockaddr nowhere{};
      nowhere.sa_family = AF_UNSPEC;
      const linger now{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      ::connect(peer.fd, &nowhere, sizeof nowhere);
    }
    ::shutdown(peer.fd, SHUT_RDWR);
  }
};

LoopbackServer::LoopbackServer(ServerOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

LoopbackServer::LoopbackServer(std::function<Reaction(const SeenRequest&)> react)
    : LoopbackServer(
          ServerOptions{.react = std::move(react), .welcome = {}, .certificate = {}, .key = {}}) {}

LoopbackServer::~LoopbackServer() = default;

std::uint16_t LoopbackServer::port() const {
  return state_->port;
}

std::string LoopbackServer::url() const {
  const bool v6 = state_->options.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", state_->tls != nullptr ? "https" : "http", v6 ? "[" : "",
                     state_->options.host, v6 ? "]" : "", state_->port);
}

std::vector<SeenRequest> LoopbackServer::seen() const {
  const std::lock_guard lock(state_->mutex);
  return state_->seen;
}

int LoopbackServer::connections() const {
  return state_->connections;
}

int LoopbackServer::resumed() const {
  return state_->resumed;
}

}  // namespace idmerge::testing
