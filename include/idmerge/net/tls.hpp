// SPDX-License-Identifier: MIT
//
// TLS as the sender needs it: the chain and the host name are always verified, there is no switch
// to turn that off, versions below 1.2 are refused, and a session is resumed when a connection is
// opened again. OpenSSL works on the socket itself (no stream in between), so that an answer costs
// one read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "idmerge/base/result.hpp"

typedef struct ssl_st SSL;

namespace idmerge {

struct TlsOptions {
  std::string ca_cert;      // PEM file, instead of the system's. Flag: --ca-cert
  std::string client_cert;  // PEM file with the chain. Flag: --client-cert
  std::string client_key;   // PEM file; default: in client_cert. Flag: --client-key
};

/// What became of one attempt to read or write on a non-blocking socket.
struct Step {
  enum class Want : std::uint8_t {
    nothing,  // done: `bytes` were moved
    read,     // again when the socket is readable
    write,    // again when the socket is writable
    closed,   // the other side ended the connection
    failed,   // it broke
  };
  Want want = Want::nothing;
  std::size_t bytes = 0;
};

/// The TLS half of one connection, on a connected, non-blocking socket that it does not own.
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

  /// Tell the other side that nothing follows, if that can be done without waiting.
  void shutdown();

  /// Was the handshake a short one, with the session of an earlier connection?
  bool resumed() const;

  /// Why the last step failed.
  /// Errors: service when the peer is not who it should be, speaks no TLS that is allowed, or does
  /// not take our certificate; outage for the rest.
  Error error(std::string_view host) const;

  /// Did the last step fail because the other side does not take our certificate, or misses one?
  bool refused() const;

 private:
  friend class TlsContext;
  explicit TlsStream(SSL* ssl) : ssl_(ssl) {}
  Step step(int result);
  Error untrusted(std::string_view host) const;

  SSL* ssl_ = nullptr;
  bool broken_ = false;          // no shutdown may follow
  int errno_ = 0;                // of the last failure, if the system caused it ...
  unsigned long ssl_error_ = 0;  // ... or OpenSSL
};

class TlsContext {
 public:
  /// Load certificates and keys.
  /// Errors: usage, naming the file and what is wrong with it; service when the system's CA
  /// certificates are wanted and there are none.
  static Result<TlsContext> make(const TlsOptions& options);

  TlsContext(TlsContext&& other) noexcept;
  TlsContext& operator=(TlsContext&& other) noexcept;
  ~TlsContext();

  /// Begin a connection to `host` (a name or an address) on a socket.
  /// Errors: internal, when OpenSSL has no memory.
  Result<TlsStream> connect(int socket, const std::string& host) const;

 private:
  friend class TlsStream;
  struct State;
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
