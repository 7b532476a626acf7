// SPDX-License-Identifier: MIT
//
// The far side of scripts/bench import: takes Mixpanel's batch ingestion, says yes, and counts the
// events that came. As little as a server can be, so that what is measured is who sends: a thread
// a connection, blocking reads, one inflate and one search a request. It knows of no client.
//
//   import_counter             prints its URL, serves until it is killed
//   GET /count                 events and requests so far, then begins again at zero
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

std::atomic<std::uint64_t> events_counted = 0;
std::atomic<std::uint64_t> requests_counted = 0;

struct Free {
  void operator()(libdeflate_decompressor* inflate) const { libdeflate_free_decompressor(inflate); }
};

/// The value of a header, of whatever case; empty when it is absent.
std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    const auto value = line.substr(name.size() + 1);
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
  }
  return {};
}

class Peer {
 public:
  explicit Peer(int fd) : fd_(fd), inflate_(libdeflate_alloc_decompressor()) {}
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void serve() {
    while (const auto head_size = read_head()) {
      const std::string head = in_.substr(0, *head_size);
      in_.erase(0, *head_size);
      if (head.starts_with("GET ")) {
        if (!answer(fmt::format(R"({{"events":{},"requests":{}}})", events_counted.exchange(0),
                                requests_counted.exchange(0)))) {
          return;
        }
        continue;
      }
      const auto length = header(head, "content-length");
      if (length.empty()) die("a request without Content-Length");
      const auto size = std::strtoull(std::string(length).c_str(), nullptr, 10);
      if (!read_until(size)) return;
      const auto events =
          count(std::string_view(in_).substr(0, size), header(head, "content-encoding") == "gzip");
      in_.erase(0, size);
      events_counted += events;
      ++requests_counted;
      if (!answer(
              fmt::format(R"({{"code":200,"num_records_imported":{},"status":"OK"}})", events))) {
        return;
      }
    }
  }

 private:
  [[noreturn]] static void die(const char* why) {
    std::fprintf(stderr, "import_counter: %s\n", why);
    std::_Exit(1);
  }

  bool read_more() {
    const auto before = in_.size();
    in_.resize(before + (std::size_t{256} << 10));
    const auto n = ::recv(fd_, in_.data() + before, in_.size() - before, 0);
    in_.resize(before + static_cast<std::size_t>(n > 0 ? n : 0));
    return n > 0;
  }

  bool read_until(std::size_t size) {
    while (in_.size() < size) {
      if (!read_more()) return false;
    }
    return true;
  }

  std::optional<std::size_t> read_head() {
    while (true) {
      const auto end = in_.find("\r\n\r\n");
      if (end != std::string::npos) return end + 4;
      if (!read_more()) return std::nullopt;
    }
  }

  std::uint64_t count(std::string_view body, bool gzip) {
    if (gzip) {
      if (body.size() < 18) die("a body that is no gzip");
      std::uint32_t size = 0;  // as gzip ends, on a machine that is as little-endian as it
      std::memcpy(&size, body.data() + body.size() - 4, 4);
      if (plain_.size() < size) plain_.resize(size);
      if (libdeflate_gzip_decompress(inflate_.get(), body.data(), body.size(), plain_.data(), size,
                                     nullptr) != LIBDEFLATE_SUCCESS) {
        die("a body that is no gzip");
      }
      body = std::string_view(plain_).substr(0, size);
    }
    constexpr std::string_view key = "\"event\":";
    std::uint64_t events = 0;
    const char* at = body.data();
    const char* const end = at + body.size();
    while (true) {
      const auto* found = static_cast<const char*>(
          ::memmem(at, static_cast<std::size_t>(end - at), key.data(), key.size()));
      if (found == nullptr) return events;
      ++events;
      at = found + key.size();
    }
  }

  bool answer(const std::string& body) const {
    const auto text = fmt::format(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body);
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  int fd_;
  std::unique_ptr<libdeflate_decompressor, Free> inflate_;
  std::string in_;
  std::string plain_;
};

}  // namespace

int main() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, plain, size) != 0 || ::listen(listener, 1024) != 0 ||
      ::getsockname(listener, plain, &size) != 0) {
    std::perror("import_counter");
    return 1;
  }
  std::printf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (int fd = 0; (fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread([fd] { Peer(fd).serve(); }).detach();
  }
  return 0;
}
