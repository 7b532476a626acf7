// SPDX-License-Identifier: MIT
#include "cli/emulator_probe.hpp"

#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/confirm.hpp"
#include "net/async.hpp"
#include "net/client.hpp"
#include "util/exceptions.hpp"

namespace idmerge::cli {
namespace {

net::Task<void> ask(net::Endpoint& endpoint, const std::string& request, bool& yes) {
  net::ClientConnection connection(endpoint);
  if (const auto opened = co_await connection.open(); !opened) co_return;
  const net::Answer answer = co_await connection.exchange(request);
  yes = answer.end == net::ResponseEnd::answered && answer.response.status == 200 &&
        answer.response.body.find("\"distinct_links\":") != std::string_view::npos;
}

}  // namespace

bool answers_as_emulator(const net::Target& target) {
  if (!may_be_emulator(target)) return false;
  auto io = std::make_unique<asio::io_context>(1);
  net::EndpointOptions options;
  options.target = target;
  options.timeout = std::chrono::seconds(1);
  auto endpoint = net::Endpoint::make(*io, std::move(options));
  if (!endpoint) return false;
  const auto request = fmt::format(
      "GET {}/emulator/stats HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n"
      "Connection: close\r\n\r\n",
      target.base, target.authority());
  bool yes = false;
  const auto asked = util::caught([&]() -> Result<void> {
    net::run_task(*io, ask(*endpoint, request, yes));
    return {};
  });
  if (!asked) net::leak_io_context(std::move(io));
  return asked && yes;
}

}  // namespace idmerge::cli
