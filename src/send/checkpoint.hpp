// SPDX-License-Identifier: MIT
//
// The checkpoint: the state of a run as a small readable text that is replaced atomically. Law 3
// (README.md): all outcomes it counts are durable, so dead letters are synced before the checkpoint
// that counts them (send/run_log.hpp ensures this). Each content has exactly one representation: a
// text that checkpoint_text() would not produce, byte for byte, is rejected.
//
// Example:
//
//   idmerge checkpoint 4
//   plan = 7f3a91c2d0b14e5f8a6c3d2e1f00aa55
//   target = 5d41402abc4b2a76b9719d91
//   generation = 12
//   journal_chain = 0f1e2d3c4b5a6978
//   round = 0
//   round_links = 0
//   pinned_time_s = 1795456800
//   in_flight_max = 32
//   ceiling = 2432
//   boot = 1c7b7c1e-6f0b-4a0c-9a3e-0d7f5e2f8a11
//   limit_per_s = 480
//   paused_until_s = 1795456860
//   in_doubt = 17+1 401+1
//   finished = no
//   exit_code = 0
//   links = 1000
//   watermark = 400
//   above = 402+3 410+1
//   parked = 17x10
//   delivered = 390
//   refused = 2
//   ambiguous = 1
//   passed = 11
//   delivered_before = 0
//   refused_before = 0
//   ambiguous_before = 0
//   letters_bytes = 612
//   letters_chain = 90f1d2c3b4a59687
//   ambiguous_bytes = 304
//   ambiguous_chain = 8796a5b4c3d2f190
//   word.project_id = 2195193
//   word.rate = 500/s
//   checksum = 1122334455667788
//
// `above` and `in_doubt` list ranges as first+count, `parked` lists links as ordinalxattempts. An
// optional line `reopened` after `parked`, in the form of `above`, lists links that were settled by
// an answer that may belong to another link. Optional lines after `paused_until_s` are
// `rate_per_s`, the rate of the moment below that limit, and `limit_of_minute = yes` if
// `limit_per_s` was measured over a minute and not over a second. The checksum is XXH3-64 of all
// lines before its own.
//
// Version 3 is still read, but no longer written. It has `ahead_max` in place of `ceiling`, and no
// list of ambiguous links: see OldWindow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/files.hpp"
#include "send/adaptive_rate.hpp"
#include "send/ledger.hpp"
#include "util/digest.hpp"
#include "util/key_values.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// The bound on links in doubt in a checkpoint of version 3: after a kill the first in_flight_max
/// pending links, after a power loss `ahead_max` more.
struct OldWindow {
  std::uint64_t ahead_max = 0;
  bool operator==(const OldWindow&) const = default;
};

struct Checkpoint {
  std::optional<OldWindow> old_window;  // only in version 3, which is no longer written
  util::Digest plan{};                  // of the complete plan
  std::string target;               // fingerprint of host, project and API, computed by the sender
  std::uint64_t generation = 0;     // of the journal that follows this checkpoint
  std::uint64_t journal_chain = 0;  // the checksum from which that journal starts
  std::uint64_t round = 0;          // 0 until spares are sent
  std::uint64_t round_links = 0;    // number of spares in this round; 0 in round 0
  std::int64_t pinned_time_s = 0;   // the time with which every link of the job is sent
  std::uint64_t in_flight_max = 0;  // may be sent again after a kill; 0: ended in order

  /// This link and all later ones are not sent before another checkpoint is durable. So after a
  /// power loss, the links that may have been sent in this round are those before it.
  std::uint64_t ceiling = 0;
  std::string boot;  // identifies the current boot of the machine, as given by the kernel
  KnownLimit limit;  // last rate limit of the service

  /// Links that may have been delivered without a record of it: in flight at this moment, or sent
  /// before without a conclusive answer. Some of them may be settled by now.
  LinkSet in_doubt;
  bool finished = false;
  int exit_code = 0;                   // of the run; valid only if it ended in order
  LedgerState ledger;                  // of the current round
  std::uint64_t delivered_before = 0;  // in earlier rounds
  std::uint64_t refused_before = 0;
  std::uint64_t ambiguous_before = 0;
  std::uint64_t letters_bytes = 0;    // length of refused.ndjson
  std::uint64_t letters_chain = 0;    // its checksum (send/dead_letters.hpp)
  std::uint64_t ambiguous_bytes = 0;  // length of ambiguous.ndjson
  std::uint64_t ambiguous_chain = 0;
  util::KeyValues words;  // recorded settings: host, project, token fingerprint, rate

  // Totals of all rounds.
  std::uint64_t delivered() const { return delivered_before + ledger.delivered; }
  std::uint64_t refused() const { return refused_before + ledger.refused; }
  std::uint64_t ambiguous() const { return ambiguous_before + ledger.ambiguous; }

  /// Number of spares sent, including those of the current round. `sendable` is the number of links
  /// that the plan sends in round 0.
  std::uint64_t spares_sent(std::uint64_t sendable) const {
    return round == 0 ? 0 : delivered_before + refused_before + round_links - sendable;
  }

  bool operator==(const Checkpoint&) const = default;
};

std::string checkpoint_text(const Checkpoint& checkpoint);

/// Parse the text of a checkpoint; `name` is used in messages.
///
/// Errors: Errc::input for anything that checkpoint_text() would not have written, or that is
/// inconsistent.
Result<Checkpoint> parse_checkpoint(std::string_view text, std::string_view name);

/// Replace the checkpoint at `path` durably.
Result<void> save_checkpoint(io::Files& files, const std::string& path,
                             const Checkpoint& checkpoint);

/// Load the checkpoint at `path`. Returns: nullopt if there is none.
Result<std::optional<Checkpoint>> load_checkpoint(io::Files& files, const std::string& path);

}  // namespace idmerge::send
