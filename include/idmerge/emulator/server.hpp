// SPDX-License-Identifier: MIT
//
// The emulator on a socket: HTTP/1.1 with keep-alive, pipelining, chunked bodies and 100-continue
// around a Service. One thread and one io_context of its own: it may run beside a sender in the
// same process (`--to emulator`), and a test must never wait for itself. Requests are parsed by
// Beast, answers are written as prepared bytes, all answers to a pipelined burst in one write.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "idmerge/base/result.hpp"
#include "idmerge/emulator/service.hpp"

namespace idmerge {

struct EmulatorOptions {
  ServiceOptions service;
  /// ADDRESS:PORT, port 0: a free one; `localhost` is 127.0.0.1, IPv6 stands in brackets.
  /// Flag: --listen
  std::string listen = "127.0.0.1:0";
  /// Listen where other machines can reach it: it asks nobody who they are.
  bool allow_remote = false;
  /// Between a request and its answer. Flag: --latency
  std::chrono::microseconds latency{0};
  /// A larger body is answered 413 and the connection closed. Units: bytes.
  std::size_t body_bytes_max = import_bytes_max;
  /// More connections at once than this are answered 503 and closed.
  /// Flag: --limit-connections
  std::size_t connections_max = 2'000;
  /// A connection that says nothing for so long is closed.
  std::chrono::seconds idle{120};
};

/// An emulator in this process, on its own thread.
class Emulator {
 public:
  /// Listen and serve.
  ///
  /// Errors: usage for an address that is malformed, not loopback or taken.
  static Result<std::unique_ptr<Emulator>> start(EmulatorOptions options);

  ~Emulator();

  std::uint16_t port() const;

  /// What a client needs: "http://127.0.0.1:8080".
  std::string url() const;

  /// End all connections and the thread; repeating it is harmless.
  void stop();

  /// What has ended it before it was stopped, if anything has; from any thread.
  std::optional<Error> failure() const;

  /// Its clusters and counts. Bug unless stopped.
  const Service& service() const;

 private:
  friend Result<void> run_emulator(const EmulatorOptions& options, std::FILE* out);
  struct Host;
  explicit Emulator(std::unique_ptr<Host> host);
  std::unique_ptr<Host> host_;
};

/// Run an emulator on this thread until SIGINT or SIGTERM.
///
/// Shape: one line to `out` when it listens, `emulator: listening on http://127.0.0.1:8080`, and
/// the stats as one JSON line at the end.
/// Errors: as Emulator::start.
Result<void> run_emulator(const EmulatorOptions& options, std::FILE* out);

}  // namespace idmerge
