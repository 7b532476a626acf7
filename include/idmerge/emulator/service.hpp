// SPDX-License-Identifier: MIT
//
// The service behind the socket: a request in, an answer out. It knows neither connections nor
// clocks (time is an argument), so that every rule can be tested as a function. It judges requests
// by its own code and by the OpenAPI alone: sharing a line with the sender would let both make the
// same mistake.
//
//   POST /identity/create, /identity/create-alias, /identity/merge      the OpenAPI
//   POST /import?strict=1&project_id=N   the public batch ingestion, see import.hpp
//   GET  /emulator/cluster?id=ID   {"size":2,"members":["a","b"]}, sorted; size 0: never linked
//   GET  /emulator/clusters        one sorted JSON array of ids a line, for each cluster
//   GET  /emulator/links           ["create","anonymous id","user id"] a line, distinct, as made
//   GET  /emulator/stats           see Service::stats()
//
// A request that the OpenAPI does not allow is answered 400 with {"status":0,"error":REASON}: not
// application/json, not a JSON object, a missing or non-string field, an empty id, an id over 255
// bytes (which the real service would cut), $distinct_ids that are not two strings, an empty or
// another `$token`. Fields that the OpenAPI does not name are allowed, as it allows them. What the
// project's rules refuse (graph.hpp) is answered 200 with {"status":0,"error":REASON}, or, as the
// real service does after ingestion, 200 with {"status":1} and no link (`silent`).
//
// /import is answered as the public reference says: gzip or plain, an array or NDJSON, 413 over
// 2,000 events or 10 MiB, with strict=1 a 400 that lists failed_records while the valid rest is
// taken (their insert id under `$insert_id` and `insert_id` in turn, as the sources differ), with
// strict=0 invalid events vanish. A service account needs project_id; the project token as the
// user name with no password will do without. What the project's rules refuse is never told here,
// because the service finds it out later.
//
// Only API requests meet authorization, limit and mishaps: /emulator/ is for the one who watches.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/core/pair.hpp"
#include "idmerge/emulator/chaos.hpp"
#include "idmerge/emulator/graph.hpp"
#include "idmerge/emulator/import.hpp"
#include "idmerge/emulator/meter.hpp"
#include "idmerge/emulator/openapi.hpp"
#include "idmerge/emulator/request.hpp"

namespace idmerge {

/// Which of the two APIs is there; the other one is a 404, as with the real hosts.
enum class EmulatedApi : std::uint8_t { both, identity, import };

struct ServiceOptions {
  GraphOptions graph;
  /// `user:secret`; empty: anybody. Flag: --require-auth
  std::string require_auth;
  /// The project token; empty: any that is not empty. Flag: --token
  std::string token;
  /// Links a second, 0: no limit; over it 429 with Retry-After. Flag: --limit-rate
  double limit_per_s = 0;
  /// Links at once, 0: a second's worth.
  double limit_burst = 0;
  /// Of /import: events of a request; over it 413, as a front that takes less than the reference
  /// says. Flag: --limit-batch
  std::size_t limit_batch = import_events_max;
  /// Flag: --fail
  std::vector<Risk> risks;
  /// Flag: --seed
  std::uint64_t seed = 1;
  /// What injected 429 and 503 say: a mishap is no limit, so nobody has to wait for it to pass.
  /// Units: seconds. Flag: --retry-after
  unsigned retry_after_s = 0;
  /// Of /identity: accept what the project's rules refuse, and do nothing. Flag: --silent
  bool silent = false;
  /// Flag: --serve
  EmulatedApi api = EmulatedApi::both;
  /// The project that the service account may write to; empty: any. Flag: --project-id
  std::string project_id;
  /// A link with an id that contains this text is refused: 400, in a batch by a failed record.
  /// Flag: --refuse-ids
  std::string refuse_ids;
  /// The same for a share of all links, chosen by lot (chaos.hpp). Flag: --refuse-share
  double refuse_share = 0;
  /// The same, but a batch that holds one is refused whole and without naming it. Flag:
  /// --poison-ids
  std::string poison_ids;
  /// A request with such an id is answered 503, always. Flag: --stuck-ids
  std::string stuck_ids;
};

class Service {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  Service(ServiceOptions options, Instant now);

  Response answer(const Request& request, Instant now);

  /// What was seen so far, as one JSON object; its keys are a contract, see meter.hpp.
  std::string stats(Instant now) const;

  /// Count what the server had to turn away itself, because it was no request.
  void count_malformed() { meter_.count_malformed(); }

  const Graph& graph() const { return graph_; }

 private:
  enum class Dialect : std::uint8_t { identity, import };

  Response answer_identity(Op op, const Request& request, Instant now);
  Response answer_import(const RequestTarget& target, const Request& request, Instant now);
  Response answer_watcher(std::string_view what, const RequestTarget& target, Instant now) const;
  Response judge_identity(Op op, const Request& request, Instant now);
  Response judge_import(const RequestTarget& target, const Request& request,
                        const ImportRefusal& refusal, Instant now);
  ImportRefusal read_import(const Request& request);
  std::optional<Response> refuse_stranger(const RequestTarget& target, const Request& request);
  std::optional<Response> refuse_batch(bool strict);
  Response take_batch(bool strict);
  Response strike(Dialect dialect, const Chaos::Draw& draw, Response answer);
  Response settle(Response answer);
  std::optional<unsigned> over_limit(double links, Instant now);
  bool holds(const Claim& claim, std::string_view text) const;
  bool is_to_refuse(const Claim& claim) const;

  ServiceOptions options_;
  std::string account_;  // what the Authorization header must say
  std::string token_;    // or, for /import, this
  Graph graph_;
  Chaos chaos_;
  Meter meter_;
  Claim claim_;
  std::vector<ImportEvent> events_;  // of the batch at hand: the first event_count_
  std::size_t event_count_ = 0;
  std::string inflated_;
  std::vector<std::size_t> failed_;
  double tokens_ = 0;
  Instant refilled_;
  Instant started_;
};

}  // namespace idmerge
