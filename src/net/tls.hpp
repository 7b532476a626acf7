// SPDX-License-Identifier: MIT
//
// TLS for the client connections of a run. The certificate chain and the host name are always
// verified, no option turns that off; versions below 1.2 are not accepted; new connections resume
// an earlier session. OpenSSL works directly on the socket, without a stream in between, so that an
// answer costs one read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "util/result.hpp"

typedef struct ssl_st SSL;

namespace idmerge::net {

struct TlsOptions {
  std::string ca_cert;      // PEM file; default: the system's certificates. Flag: --ca-cert
  std::string client_cert;  // PEM file with the chain. Flag: --client-cert
  std::string client_key;   // PEM file; default: in client_cert. Flag: --client-key
};

/// The result of one attempt to read or write on a non-blocking socket.
struct Step {
  enum class Want : std::uint8_t {
    nothing,  // done: `bytes` were transferred
    read,     // try again when the socket is readable
    write,    // try again when the socket is writable
    closed,   // the peer ended the connection
    failed,   // the connection failed; see TlsStream::error()
  };
  Want want = Want::nothing;
  std::size_t bytes = 0;
};

/// The TLS state of one connection, on a connected, non-blocking socket that it does not own.
///
/// Lifetime: its TlsContext and the socket must outlive it.
class TlsStream {
 public:
  TlsStream() = default;
  ~TlsStream();
  TlsStream(TlsStream&& other) noexcept;
  TlsStream& operator=(TlsStream&& other) noexcept;

  explicit operator bool() const { return ssl_ != nullptr; }

  Step handshake();
  Step write(std::string_view bytes);
  Step read(char* to, std::size_t size);

  /// Send a close_notify alert if that is possible without waiting.
  void shutdown();

  /// Returns whether the handshake resumed the session of an earlier connection.
  bool resumed() const;

  /// Returns: the error of the last step that failed: service if the peer's certificate is not
  /// valid for `host`, the peer offers no acceptable TLS, or it rejects the client certificate;
  /// otherwise outage.
  Error error(std::string_view host) const;

  /// Returns whether the last step failed because the peer rejected the client certificate or
  /// requires one.
  bool refused() const;

 private:
  friend class TlsContext;
  explicit TlsStream(SSL* ssl) : ssl_(ssl) {}
  Step step(int result);
  Error untrusted(std::string_view host) const;

  SSL* ssl_ = nullptr;
  bool broken_ = false;          // shutdown() must not send anything
  int errno_ = 0;                // of the last failure if a system call caused it, ...
  unsigned long ssl_error_ = 0;  // ... and its OpenSSL error otherwise
};

class TlsContext {
 public:
  /// Load certificates and keys.
  /// Errors: usage, naming the file and the reason; service if the system's CA certificates are to
  /// be used and there are none.
  static Result<TlsContext> make(const TlsOptions& options);

  TlsContext(TlsContext&& other) noexcept;
  TlsContext& operator=(TlsContext&& other) noexcept;
  ~TlsContext();

  /// Prepare TLS with `host` (a name or an address) on a connected socket; handshake() comes next.
  /// Errors: internal if OpenSSL has no memory.
  Result<TlsStream> connect(int socket, const std::string& host) const;

 private:
  friend class TlsStream;
  struct State;
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::net
