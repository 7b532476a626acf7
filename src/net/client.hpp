// SPDX-License-Identifier: MIT
//
// A connection to the service over TCP, with or without TLS. It writes fully prepared requests and
// reads exactly one answer for each. Answers are parsed in place between the socket and the
// parser's callbacks, without a stream object, message object or timer in between, because each of
// them would cost more than the request itself. An answer that repeats the previous one byte for
// byte is not parsed at all. Without TLS, the answers to pipelined requests are awaited together,
// to save system calls. Redirects and retries are left to the caller. Before each request and at
// the end, the connection is checked for surplus answers: after one answer too many, each answer
// may belong to another request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "net/async.hpp"
#include "net/connection.hpp"
#include "net/endpoint.hpp"
#include "util/result.hpp"

namespace idmerge::net {

/// The interface is described in connection.hpp.
class ClientConnection final : public Connection {
 public:
  /// Lifetime: `endpoint` must outlive the connection.
  explicit ClientConnection(Endpoint& endpoint);
  ~ClientConnection() override;

  Task<Result<void>> open() override;
  bool is_open() const override;
  void close() override;
  std::uint64_t number() const override;
  bool look_for_surplus() override;
  Task<bool> finish() override;
  Task<Answer> exchange(std::string_view request) override;
  Task<std::optional<Answer>> send(std::string_view requests, std::size_t count) override;
  Task<Answer> receive() override;
  std::optional<Answer> received() override;

  /// Returns whether the TLS session of this connection was resumed.
  bool resumed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::net
