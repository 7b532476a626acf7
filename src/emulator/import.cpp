// SPDX-License-Identifier: MIT
#include "emulator/import.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include <boost/beast/http/status.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <libdeflate.h>

#include "util/check.hpp"
#include "util/exceptions.hpp"

namespace idmerge::emulator {
namespace {

namespace json = boost::json;

constexpr double year_1971_s = 31'536'000;
constexpr std::size_t insert_id_bytes_max = 36;
constexpr std::size_t properties_max = 254;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

/// Source: mixpanel-facts section 3.1; the comparison ignores case.
bool is_refused_id(std::string_view id) {
  constexpr std::array<std::string_view, 17> refused{"00000000-0000-0000-0000-000000000000",
                                                     "anon",
                                                     "anonymous",
                                                     "nil",
                                                     "none",
                                                     "null",
                                                     "n/a",
                                                     "na",
                                                     "undefined",
                                                     "unknown",
                                                     "<nil>",
                                                     "0",
                                                     "-1",
                                                     "true",
                                                     "false",
                                                     "[]",
                                                     "{}"};
  std::string lower{id};
  for (char& c : lower)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(refused.begin(), refused.end(), lower) != refused.end();
}

/// Validates one event and reports the first error.
class Reader {
 public:
  Reader(const ImportRules& rules, ImportEvent& event) : rules_(rules), event_(event) {}

  void read(const json::value& value) {
    event_.kind = ImportEvent::Kind::other;
    event_.is_identity = false;
    event_.claim.first.clear();
    event_.claim.second.clear();
    event_.insert_id.clear();
    event_.field.clear();
    event_.message.clear();
    const json::object* const object = value.if_object();
    if (object == nullptr) return fail("event", "must be an object");
    const json::value* const name = object->if_contains("event");
    if (name == nullptr) return fail("event", "must not be missing");
    if (!name->is_string() || name->get_string().empty())
      return fail("event", "must be a string that is not empty");
    name_ = view(name->get_string());
    event_.is_identity = name_ == "$identify" || name_ == "$create_alias" || name_ == "$merge";
    const json::value* const properties = object->if_contains("properties");
    if (properties == nullptr) return fail("properties", "must not be missing");
    if (!properties->is_object()) return fail("properties", "must be an object");
    properties_ = &properties->get_object();
    if (properties_->size() > properties_max)
      return fail("properties", "must have fewer than 255 entries");
    read_properties();
  }

 private:
  void read_properties() {
    if (!check_time() || !check_insert_id() || !check_token()) return;
    if (name_ == "$identify")
      return read_pair(ImportEvent::Kind::create, "$anon_id", "$identified_id");
    if (name_ == "$create_alias")
      return read_pair(ImportEvent::Kind::alias, "alias", "distinct_id");
    if (name_ == "$merge") return read_merge();
    if (!check_distinct_id(rules_.mode == IdentityMode::simplified)) return;
    digest();
    if (rules_.mode != IdentityMode::simplified) return;
    const json::value* const device = properties_->if_contains("$device_id");
    const json::value* const user = properties_->if_contains("$user_id");
    if (device == nullptr || user == nullptr || !device->is_string() || !user->is_string()) return;
    if (device->get_string().empty() || user->get_string().empty()) return;
    read_pair(ImportEvent::Kind::device, "$device_id", "$user_id");
  }

  void read_pair(ImportEvent::Kind kind, std::string_view first, std::string_view second) {
    const bool simplified = rules_.mode == IdentityMode::simplified;
    if (kind != ImportEvent::Kind::device && !check_distinct_id(simplified)) return;
    const json::string* const a = id(first, first);
    if (a == nullptr) return;
    const json::string* const b = id(second, second);
    if (b == nullptr) return;
    take(kind, *a, *b);
  }

  void read_merge() {
    if (!check_distinct_id(rules_.mode == IdentityMode::simplified)) return;
    const json::value* const value = properties_->if_contains("$distinct_ids");
    if (value == nullptr) return fail("properties.$distinct_ids", "must not be missing");
    const json::array* const ids = value->if_array();
    if (ids == nullptr || ids->size() != 2)
      return fail("properties.$distinct_ids", "must be an array of exactly two strings");
    for (const json::value& each : *ids) {
      if (!check_id(each, "$distinct_ids")) return;
    }
    take(ImportEvent::Kind::merge, (*ids)[0].get_string(), (*ids)[1].get_string());
  }

  void take(ImportEvent::Kind kind, const json::string& first, const json::string& second) {
    event_.kind = kind;
    event_.claim.first = view(first);
    event_.claim.second = view(second);
    digest();
  }

  bool check_time() {
    const json::value* const time = properties_->if_contains("time");
    if (time == nullptr) return failed("properties.time", "must not be missing");
    if (!time->is_number())
      return failed("properties.time", "must be specified as seconds since epoch");
    time_ = time->is_double() ? time->get_double() : time->to_number<double>();
    if (!(time_ >= year_1971_s)) return failed("properties.time", "must not be before 1971-01-01");
    return true;
  }

  bool check_insert_id() {
    const json::value* const value = properties_->if_contains("$insert_id");
    if (value == nullptr) return failed("properties.$insert_id", "must not be missing");
    const json::string* const text = value->if_string();
    if (text == nullptr || text->empty())
      return failed("properties.$insert_id", "must be a string that is not empty");
    event_.insert_id = view(*text);
    if (text->size() > insert_id_bytes_max)
      return failed("properties.$insert_id", "must not be longer than 36 bytes");
    const bool plain = std::all_of(text->begin(), text->end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
    if (!plain) return failed("properties.$insert_id", "must only contain letters, digits and '-'");
    if (is_refused_id(event_.insert_id))
      return failed("properties.$insert_id", "is a disallowed value");
    return true;
  }

  bool check_token() {
    const json::value* const value = properties_->if_contains("token");
    if (value == nullptr) return true;
    if (!value->is_string()) return failed("properties.token", "must be a string");
    if (rules_.token.empty() || view(value->get_string()) == rules_.token) return true;
    return failed("properties.token", "is not the token of this project");
  }

  bool check_distinct_id(bool may_be_missing) {
    const json::value* const value = properties_->if_contains("distinct_id");
    if (value == nullptr) {
      if (may_be_missing &&
          (properties_->contains("$device_id") || properties_->contains("$user_id")))
        return true;
      return failed("properties.distinct_id", "must not be missing");
    }
    const json::string* const text = value->if_string();
    if (text == nullptr) return failed("properties.distinct_id", "must be a string");
    if (is_refused_id(view(*text)))
      return failed("properties.distinct_id", "is a disallowed value");
    distinct_id_ = view(*text);
    return true;
  }

  const json::string* id(std::string_view key, std::string_view field) {
    const json::value* const value = properties_->if_contains(key);
    if (value == nullptr) {
      fail(fmt::format("properties.{}", field), "must not be missing");
      return nullptr;
    }
    return check_id(*value, field) ? &value->get_string() : nullptr;
  }

  bool check_id(const json::value& value, std::string_view field) {
    const std::string full = fmt::format("properties.{}", field);
    const json::string* const text = value.if_string();
    if (text == nullptr) return failed(full, "must be a string");
    if (text->empty()) return failed(full, "must not be empty");
    if (text->size() > request_id_bytes_max)
      return failed(full, "must not be longer than 255 bytes");
    return true;
  }

  /// Source: mixpanel-facts section 1.6: events are deduplicated by name, time, distinct id and
  /// insert id.
  void digest() {
    std::string all = fmt::format("{}\n{}\n{}\n{}", name_, time_, event_.insert_id, distinct_id_);
    event_.digest = std::hash<std::string>{}(all);
  }

  void fail(std::string_view field, std::string_view what) {
    event_.field = field;
    event_.message = fmt::format("'{}' is invalid: {}", field, what);
  }
  bool failed(std::string_view field, std::string_view what) {
    fail(field, what);
    return false;
  }

  const ImportRules& rules_;
  ImportEvent& event_;
  const json::object* properties_ = nullptr;
  std::string_view name_;
  std::string_view distinct_id_;
  double time_ = 0;
};

ImportRefusal not_json(const json::error_code& ec) {
  return {400, fmt::format("invalid JSON: {}", ec.message())};
}

ImportRefusal too_many() {
  return {413, fmt::format("request exceeds max limit of {} events", import_events_max)};
}

void read_event(const json::value& value, const ImportRules& rules,
                std::vector<ImportEvent>& events, std::size_t& count) {
  if (count == events.size()) events.emplace_back();
  Reader{rules, events[count++]}.read(value);
}

ImportRefusal read_lines(std::string_view body, const ImportRules& rules,
                         std::vector<ImportEvent>& events, std::size_t& count) {
  std::array<unsigned char, 16 * 1024> scratch;
  while (!body.empty()) {
    const std::string_view line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (count == import_events_max) return too_many();
    json::monotonic_resource memory(scratch.data(), scratch.size());
    json::error_code ec;
    const json::value value = json::parse(line, ec, &memory);
    if (ec) return not_json(ec);
    read_event(value, rules, events, count);
  }
  return {};
}

}  // namespace

ImportRefusal inflate_gzip(std::string_view body, std::string& inflated) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> inflater{
      util::made(libdeflate_alloc_decompressor()), &libdeflate_free_decompressor};
  inflated.resize(import_bytes_max);
  std::size_t filled = 0;
  while (!body.empty()) {  // a gzip file may have several members
    std::size_t read = 0;
    std::size_t written = 0;
    const auto result = libdeflate_gzip_decompress_ex(inflater.get(), body.data(), body.size(),
                                                      inflated.data() + filled,
                                                      inflated.size() - filled, &read, &written);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
      return {413, fmt::format("request exceeds max limit of {} bytes", import_bytes_max)};
    if (result != LIBDEFLATE_SUCCESS)
      return {400, "the body is not gzip, as Content-Encoding says"};
    body.remove_prefix(read);
    filled += written;
  }
  inflated.resize(filled);
  return {};
}

ImportRefusal read_batch(std::string_view body, const ImportRules& rules,
                         std::vector<ImportEvent>& events, std::size_t& count) {
  count = 0;
  if (body.size() > import_bytes_max)
    return {413, fmt::format("request exceeds max limit of {} bytes", import_bytes_max)};
  if (rules.ndjson) return read_lines(body, rules, events, count);
  json::monotonic_resource memory(64 * 1024);
  json::error_code ec;
  const json::value value = json::parse(body, ec, &memory);
  if (ec) return not_json(ec);
  const json::array* const batch = value.if_array();
  if (batch == nullptr) return {400, "the body must be an array of events"};
  if (batch->size() > import_events_max) return too_many();
  for (const json::value& event : *batch)
    read_event(event, rules, events, count);
  return {};
}

std::string batch_answer(const std::vector<ImportEvent>& events,
                         const std::vector<std::size_t>& failed, std::size_t imported,
                         std::string_view insert_id_key) {
  if (failed.empty())
    return fmt::format(R"({{"code":200,"num_records_imported":{},"status":"OK"}})", imported);
  std::string text = R"({"code":400,"error":"some data points in the request failed validation",)"
                     R"("failed_records":[)";
  for (const std::size_t index : failed) {
    const ImportEvent& event = events[index];
    if (text.back() != '[') text += ',';
    fmt::format_to(std::back_inserter(text), R"({{"index":{},"{}":{},"field":{},"message":{}}})",
                   index, insert_id_key, json::serialize(event.insert_id),
                   json::serialize(event.field), json::serialize(event.message));
  }
  return text + fmt::format(R"(],"num_records_imported":{},"status":"Bad Request"}})", imported);
}

std::string batch_refusal(std::string_view message) {
  return fmt::format(R"({{"code":400,"error":"some data points in the request failed validation",)"
                     R"("failed_records":[{}],"num_records_imported":0,"status":"Bad Request"}})",
                     json::serialize(message));
}

std::string import_error(unsigned code, std::string_view reason) {
  const auto words =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(code));
  return fmt::format(R"({{"code":{},"error":{},"status":"{}"}})", code, json::serialize(reason),
                     std::string_view{words.data(), words.size()});
}

}  // namespace idmerge::emulator
