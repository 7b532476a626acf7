// SPDX-License-Identifier: MIT
#include "emulator/openapi.hpp"

#include <array>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "util/check.hpp"

namespace idmerge::emulator {
namespace {

namespace json = boost::json;

std::string_view kind(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "nothing";
}

std::string check_id(const json::value& value, std::string_view field) {
  const json::string* const text = value.if_string();
  if (text == nullptr) return fmt::format("{}: must be a string, not {}", field, kind(value));
  if (text->empty()) return fmt::format("{}: must not be empty", field);
  if (text->size() > request_id_bytes_max)
    return fmt::format("{}: longer than {} bytes", field, request_id_bytes_max);
  return {};
}

std::string check_field(const json::object& body, std::string_view field) {
  const json::value* const value = body.if_contains(field);
  return value == nullptr ? fmt::format("{}: is missing", field) : check_id(*value, field);
}

std::string read_two(const json::object& body, std::string_view first, std::string_view second,
                     Claim& claim) {
  for (const std::string_view field : {first, second}) {
    if (std::string reason = check_field(body, field); !reason.empty()) return reason;
  }
  claim.first = body.at(first).get_string();
  claim.second = body.at(second).get_string();
  return {};
}

std::string read_distinct_ids(const json::object& body, Claim& claim) {
  const json::value* const value = body.if_contains("$distinct_ids");
  if (value == nullptr) return "$distinct_ids: is missing";
  const json::array* const ids = value->if_array();
  if (ids == nullptr) return fmt::format("$distinct_ids: must be an array, not {}", kind(*value));
  if (ids->size() != 2)
    return fmt::format("$distinct_ids: must have exactly 2 items, not {}", ids->size());
  for (std::size_t i = 0; i < 2; ++i) {
    std::string reason = check_id((*ids)[i], fmt::format("$distinct_ids[{}]", i));
    if (!reason.empty()) return reason;
  }
  claim.first = (*ids)[0].get_string();
  claim.second = (*ids)[1].get_string();
  return {};
}

std::string read_object(input::Op op, const json::object& body, std::string_view token,
                        Claim& claim) {
  if (std::string reason = check_field(body, "$token"); !reason.empty()) return reason;
  if (!token.empty() && std::string_view{body.at("$token").get_string()} != token)
    return "$token: is not the token of this project";
  switch (op) {
    case input::Op::create:
      return read_two(body, "$anon_id", "$identified_id", claim);
    case input::Op::alias:
      return read_two(body, "alias", "distinct_id", claim);
    case input::Op::merge:
      return read_distinct_ids(body, claim);
  }
  util::check_failed("an op", __FILE__, __LINE__);
}

}  // namespace

std::string read_claim(input::Op op, std::string_view body, std::string_view token, Claim& claim) {
  std::array<unsigned char, 4096> scratch;
  json::monotonic_resource memory(scratch.data(), scratch.size());
  json::error_code ec;
  const json::value value = json::parse(body, ec, &memory);
  if (ec) return fmt::format("body: is not JSON: {}", ec.message());
  const json::object* const object = value.if_object();
  if (object == nullptr) return fmt::format("body: must be an object, not {}", kind(value));
  return read_object(op, *object, token, claim);
}

}  // namespace idmerge::emulator
