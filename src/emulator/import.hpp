// SPDX-License-Identifier: MIT
//
// Validates batches of `POST /import`: which events are taken, which are refused, and with which
// answers. It was written from the public reference, independently of the sender. Of each event
// only what a link needs is kept. Where the reference is silent the stricter interpretation is
// used, so that a sender that passes here meets no surprises at the service.
//
//   each event       {"event": name, "properties": {...}}, fewer than 255 properties
//   properties       time (a number: seconds or milliseconds since 1970, from 1971 on), $insert_id
//                    (up to 36 letters, digits and dashes), distinct_id (a string; simplified
//                    projects also accept $device_id or $user_id instead); $insert_id and
//                    distinct_id are not one of the placeholders that the service refuses; a token,
//                    if present, is the project's
//   identity events  $identify {$identified_id, $anon_id}, $create_alias {alias, distinct_id},
//                    $merge {$distinct_ids}
//   simplified       an event with $device_id and $user_id links them; an identity event has the
//                    whole batch refused with strict=1, and is ignored with strict=0
//
// Source: mixpanel-facts sections 1.2, 1.3, 1.4, 2.2 and 3.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/identity_graph.hpp"
#include "emulator/openapi.hpp"

namespace idmerge::emulator {

inline constexpr std::size_t import_events_max = 2000;
inline constexpr std::size_t import_bytes_max = 10 * 1024 * 1024;  // inflated

/// The relevant parts of one event of a batch. Reused from batch to batch.
struct ImportEvent {
  enum class Kind : std::uint8_t { other, create, alias, merge, device };
  Kind kind = Kind::other;
  bool is_identity = false;  // its name is one of the three, whether or not it is valid
  Claim claim;
  std::string insert_id;
  std::uint64_t digest = 0;  // of the properties by which the service deduplicates events
  std::string field;         // the invalid field; empty: the event is taken
  std::string message;
};

struct ImportRules {
  IdentityMode mode = IdentityMode::original;
  std::string_view token;  // empty: any
  bool ndjson = false;
};

/// The reason for refusing a batch as a whole.
struct ImportRefusal {
  unsigned status = 0;  // 0: not refused
  std::string reason;
};

/// Decompresses a gzip body.
///
/// Returns: 400 if it is not gzip, 413 if it is larger than import_bytes_max.
ImportRefusal inflate_gzip(std::string_view body, std::string& inflated);

/// Parses a batch into the first `count` entries of `events`. Further entries are unused buffers.
ImportRefusal read_batch(std::string_view body, const ImportRules& rules,
                         std::vector<ImportEvent>& events, std::size_t& count);

/// Returns the answer to a batch of which `imported` events were taken.
///
/// Requires: `failed` holds indexes into `events`. `insert_id_key` is `$insert_id` or, as in the
/// service's own OpenAPI, `insert_id`.
std::string batch_answer(const std::vector<ImportEvent>& events,
                         const std::vector<std::size_t>& failed, std::size_t imported,
                         std::string_view insert_id_key);

/// Returns the answer to a batch of which no event was taken, without a list of failed records.
std::string batch_refusal(std::string_view message);

/// Returns an error of /import: {"code":413,"error":REASON,"status":"Request Entity Too Large"}.
std::string import_error(unsigned code, std::string_view reason);

}  // namespace idmerge::emulator
