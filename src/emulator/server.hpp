// SPDX-License-Identifier: MIT
//
// The HTTP server of the emulator: HTTP/1.1 with keep-alive, pipelining, chunked bodies and
// 100-continue around a Service. It has a thread and an io_context of its own, because it may run
// beside a sender in the same process (`--to emulator`), and a test must not block on itself.
// Requests are parsed by Beast. Answers are preassembled bytes, and all answers to pipelined
// requests that arrive together are written at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "emulator/service.hpp"
#include "util/result.hpp"

namespace idmerge::emulator {

struct EmulatorOptions {
  ServiceOptions service;
  /// ADDRESS:PORT. Port 0 selects a free port, `localhost` is 127.0.0.1, IPv6 addresses are in
  /// brackets. Flag: --listen
  std::string listen = "127.0.0.1:0";
  /// Whether addresses that other machines can reach are allowed. There is no authentication by
  /// default.
  bool allow_remote = false;
  /// Delay between a request and its answer. Flag: --latency
  std::chrono::microseconds latency{0};
  /// A larger body is answered with 413 and the connection closed. Units: bytes.
  std::size_t body_bytes_max = import_bytes_max;
  /// Further connections are answered with 503 and closed. Flag: --limit-connections
  std::size_t connections_max = 2'000;
  /// A connection that is idle for longer is closed.
  std::chrono::seconds idle{120};
};

/// An emulator in this process, on its own thread.
class Emulator {
 public:
  /// Starts to listen and to serve.
  ///
  /// Errors: usage for an address that is malformed, not loopback or taken.
  static Result<std::unique_ptr<Emulator>> start(EmulatorOptions options);

  ~Emulator();

  std::uint16_t port() const;

  /// The URL for clients: "http://127.0.0.1:8080".
  std::string url() const;

  /// Closes all connections and ends the thread. Further calls have no effect.
  void stop();

  /// Returns the error that ended the emulator before it was stopped, or nothing. Thread safety:
  /// may be called from any thread.
  std::optional<Error> failure() const;

  /// Returns clusters and counts. Requires: stopped; anything else is a bug.
  const Service& service() const;

 private:
  friend Result<void> run_emulator(const EmulatorOptions& options, std::FILE* out);
  struct Host;
  explicit Emulator(std::unique_ptr<Host> host);
  std::unique_ptr<Host> host_;
};

/// Runs an emulator on this thread until SIGINT or SIGTERM. Writes to `out` the line `emulator:
/// listening on http://127.0.0.1:8080` once it listens, and the stats as one JSON line at the end.
/// Errors: as Emulator::start.
Result<void> run_emulator(const EmulatorOptions& options, std::FILE* out);

}  // namespace idmerge::emulator
