// SPDX-License-Identifier: MIT
#include "cli/command_result.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace idmerge::cli {

std::optional<CommandResult> result_of_sending(std::string_view summary) {
  namespace json = boost::json;
  boost::system::error_code failed;
  const auto value = json::parse(summary, failed);
  const auto* const object = failed ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto find = [&](std::string_view key) -> const json::value* {
    return object->if_contains(key);
  };
  const auto* const send = find("send");
  const auto* const code = find("exit_code");
  if (send == nullptr || !send->is_object() || code == nullptr || !code->is_int64()) {
    return std::nullopt;
  }
  const auto text = [&](std::string_view key) {
    const auto* const found = find(key);
    return found != nullptr && found->is_string() ? std::string(found->get_string())
                                                  : std::string();
  };
  return CommandResult{
      .exit_code = static_cast<int>(code->get_int64()), .stop = text("stop"), .next = text("next")};
}

std::optional<CommandResult> recorded_result(io::Files& files, const std::string& summary) {
  // Far more than the largest clusters with the longest ids need.
  constexpr std::size_t summary_bytes_max = 16U << 20U;
  const auto text = files.read_all(summary, summary_bytes_max);
  return text ? result_of_sending(*text) : std::nullopt;
}

}  // namespace idmerge::cli
