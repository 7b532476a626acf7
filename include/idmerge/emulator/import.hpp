// SPDX-License-Identifier: MIT
//
// What `POST /import` makes of a batch, written anew from the public reference: which events it
// takes, which it refuses and how it says so. Only what a link needs is kept of an event. Where the
// reference is silent the stricter reading is taken, so that a sender that passes here is not
// surprised there.
//
//   each event       {"event": name, "properties": {...}}, fewer than 255 properties
//   properties       time (a number: seconds or milliseconds since 1970, from 1971 on), $insert_id
//                    (up to 36 letters, digits and dashes), distinct_id (a string; in simplified
//                    projects $device_id or $user_id will do); $insert_id and distinct_id are not
//                    one of the placeholders that the service refuses; a token, if there is one,
//                    is the project's
//   identity events  $identify {$identified_id, $anon_id}, $create_alias {alias, distinct_id},
//                    $merge {$distinct_ids}
//   simplified       an event with $device_id and $user_id links them; with strict=1 an identity
//                    event has the whole batch refused, with strict=0 it is ignored
//
// Source: mixpanel-facts sections 1.2, 1.3, 1.4, 2.2 and 3.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/emulator/graph.hpp"
#include "idmerge/emulator/openapi.hpp"

namespace idmerge {

inline constexpr std::size_t import_events_max = 2000;
inline constexpr std::size_t import_bytes_max = 10 * 1024 * 1024;  // inflated

/// One event of a batch, as far as it matters here. Reused from batch to batch.
struct ImportEvent {
  enum class Kind : std::uint8_t { other, create, alias, merge, device };
  Kind kind = Kind::other;
  bool is_identity = false;  // its name is one of the three, whatever else is wrong with it
  Claim claim;
  std::string insert_id;
  std::uint64_t digest = 0;  // of what the service tells repeated events by
  std::string field;         // why it is refused; empty: it is taken
  std::string message;
};

struct ImportRules {
  IdentityMode mode = IdentityMode::original;
  std::string_view token;  // empty: any
  bool ndjson = false;
};

/// Why a batch is refused as a whole.
struct ImportRefusal {
  unsigned status = 0;  // 0: it is not
  std::string reason;
};

/// Inflate a gzip body.
///
/// Errors: 400 if it is not gzip, 413 if it is larger than import_bytes_max.
ImportRefusal inflate_gzip(std::string_view body, std::string& inflated);

/// Read a batch.
///
/// Shape: the first `count` entries of `events` are those of the batch, the rest is room.
ImportRefusal read_batch(std::string_view body, const ImportRules& rules,
                         std::vector<ImportEvent>& events, std::size_t& count);

/// The answer to a batch of which `imported` events were taken.
///
/// Shape: `failed` holds positions in `events`; the key of the insert id is `$insert_id` or, as
/// the service's own OpenAPI has it, `insert_id`.
std::string batch_answer(const std::vector<ImportEvent>& events,
                         const std::vector<std::size_t>& failed, std::size_t imported,
                         std::string_view insert_id_key);

/// The answer to a batch in which no event was taken and none is named by its place.
std::string batch_refusal(std::string_view message);

/// {"code":413,"error":REASON,"status":"Request Entity Too Large"}, as all errors of /import.
std::string import_error(unsigned code, std::string_view reason);

}  // namespace idmerge
