// SPDX-License-Identifier: MIT
//
// A scripted HTTP server on 127.0.0.1, plain or TLS: for every request the script says what is
// done, down to the byte and the way in which the connection ends. It is made of blocking sockets
// and a thread for each connection, so that it shares nothing with the client it tests and a hang
// on one connection holds up no other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace idmerge::testing {

/// What the server saw.
struct SeenRequest {
  int number = 0;      // of the server, from 0
  int connection = 0;  // from 0
  std::string head;    // with its blank line
  std::string body;
};

/// What it does about a request.
struct Reaction {
  enum class Then : std::uint8_t {
    keep,    // wait for the next request
    close,   // end the connection
    reset,   // break it
    hang,    // say nothing more, until the client goes away
    tunnel,  // be a proxy: carry bytes to and from `tunnel_port` of this machine
  };
  std::string bytes = {};
  Then then = Then::keep;
  std::chrono::milliseconds wait{0};  // before the first byte
  std::size_t slice = 0;              // bytes at a time, a millisecond apart; 0: all at once
  std::uint16_t tunnel_port = 0;
};

/// What it does about a new connection.
struct Welcome {
  bool reset = false;        // break it at once
  std::size_t swallow = 0;   // break it after so many bytes of requests; 0: never
  std::string unasked = {};  // said before any request, or upon the first bytes that it swallows
};

/// "HTTP/1.1 200 OK" with a length, a JSON body and any further header lines ("A: b\r\n").
std::string http(unsigned status, std::string_view body, std::string_view headers = "");

/// 200 {"status":1}
Reaction accepted();

struct ServerOptions {
  std::function<Reaction(const SeenRequest&)> react;  // one call at a time
  std::function<Welcome(int)> welcome;                // by the number of the connection
  std::string certificate;                            // PEM files; empty: no TLS
  std::string key;
  std::string host = "127.0.0.1";  // to listen on
};

class LoopbackServer {
 public:
  explicit LoopbackServer(ServerOptions options);
  explicit LoopbackServer(std::function<Reaction(const SeenRequest&)> react);
  ~LoopbackServer();

  std::uint16_t port() const;

  /// "http://127.0.0.1:PORT", or with https.
  std::string url() const;

  /// What was read so far, complete requests only.
  std::vector<SeenRequest> seen() const;

  int connections() const;

  /// Of the connections so far, those whose TLS handshake was a short one.
  int resumed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::testing
