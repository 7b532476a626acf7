// SPDX-License-Identifier: MIT
//
// The emulated service as a function from request to response. It knows neither connections nor
// clocks (time is an argument), so that every rule can be tested directly. Requests are validated
// by separate code written from the OpenAPI: code shared with the sender would let both make the
// same mistake.
//
//   POST /identity/create, /identity/create-alias, /identity/merge      as in the OpenAPI
//   POST /import?strict=1&project_id=N   the public batch ingestion, see import.hpp
//   GET  /emulator/cluster?id=ID   {"size":2,"members":["a","b"]}, sorted; size 0: never linked
//   GET  /emulator/clusters        one line per cluster: a sorted JSON array of ids
//   GET  /emulator/links           one line per distinct link, in the order of acceptance:
//                                  ["create","anonymous id","user id"]
//   GET  /emulator/stats           see Service::stats()
//
// A request that the OpenAPI does not allow is answered 400 with {"status":0,"error":REASON}: not
// application/json, not a JSON object, a missing or non-string field, an empty id, an id over 255
// bytes (which the real service would truncate), $distinct_ids that are not two strings, an empty
// or a wrong `$token`. Fields that the OpenAPI does not name are allowed, as it specifies. Links
// that the project's rules refuse (identity_graph.hpp) are answered 200 with
// {"status":0,"error":REASON}, or, as by the real service after ingestion, 200 with {"status":1}
// and no link (`silent`).
//
// /import follows the public reference: gzip or plain, an array or NDJSON, and 413 over 2,000
// events or 10 MiB. With strict=1, invalid events are answered 400 with a list failed_records while
// the valid ones are taken; the list has the insert id under `$insert_id` and `insert_id`
// alternately, because the sources differ. With strict=0 invalid events are dropped silently. A
// service account requires project_id; the project token as the user name with an empty password
// does not. Links that the project's rules refuse are never reported here, because the service
// finds that out later.
//
// Authorization, rate limit and injected faults apply to API requests only, not to /emulator/,
// which is for observation.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/fault_injection.hpp"
#include "emulator/identity_graph.hpp"
#include "emulator/import.hpp"
#include "emulator/openapi.hpp"
#include "emulator/request.hpp"
#include "emulator/request_stats.hpp"
#include "input/row.hpp"

namespace idmerge::emulator {

/// Which of the two APIs is served; the other one is a 404, as on the real hosts.
enum class EmulatedApi : std::uint8_t { both, identity, import };

struct ServiceOptions {
  IdentityGraphOptions graph;
  /// `user:secret`; empty: no authentication. Flag: --require-auth
  std::string require_auth;
  /// The project token; empty: any non-empty token. Flag: --token
  std::string token;
  /// Links per second, 0: no limit; above it 429 with Retry-After. Flag: --limit-rate
  double limit_per_s = 0;
  /// Size of the token bucket in links; 0: the links of one second.
  double limit_burst = 0;
  /// Maximum number of events in a request to /import; above it 413, like a front end with a lower
  /// limit than the reference. Flag: --limit-batch
  std::size_t limit_batch = import_events_max;
  /// Flag: --fail
  std::vector<Risk> risks;
  /// Flag: --seed
  std::uint64_t seed = 1;
  /// Retry-After of injected 429 and 503; by default 0, because no real limit has to pass. Units:
  /// seconds. Flag: --retry-after
  unsigned retry_after_s = 0;
  /// /identity answers success to links that the project's rules refuse, without linking. Flag:
  /// --silent
  bool silent = false;
  /// Flag: --serve
  EmulatedApi api = EmulatedApi::both;
  /// The project that the service account may write to; empty: any. Flag: --project-id
  std::string project_id;
  /// Links with an id that contains this text are refused: by 400, in a batch by a failed record.
  /// Flag: --refuse-ids
  std::string refuse_ids;
  /// Refuses a randomized share of all links in the same way (fault_injection.hpp). Flag:
  /// --refuse-share
  double refuse_share = 0;
  /// A batch with an id that contains this text is refused as a whole, without naming the event.
  /// Flag: --poison-ids
  std::string poison_ids;
  /// Requests with an id that contains this text are always answered 503. Flag: --stuck-ids
  std::string stuck_ids;
};

class Service {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  Service(ServiceOptions options, Instant now);

  Response answer(const Request& request, Instant now);

  /// Returns the statistics as one JSON object; its keys are a contract, see request_stats.hpp.
  std::string stats(Instant now) const;

  /// Counts a request that the server rejected itself because it is invalid HTTP.
  void count_malformed() { request_stats_.count_malformed(); }

  const IdentityGraph& graph() const { return graph_; }

 private:
  enum class ServiceApi : std::uint8_t { identity, import };

  Response answer_identity(input::Op op, const Request& request, Instant now);
  Response answer_import(const RequestTarget& target, const Request& request, Instant now);
  Response answer_watcher(std::string_view what, const RequestTarget& target, Instant now) const;
  Response judge_identity(input::Op op, const Request& request, Instant now);
  Response judge_import(const RequestTarget& target, const Request& request,
                        const ImportRefusal& refusal, Instant now);
  ImportRefusal read_import(const Request& request);
  std::optional<Response> refuse_stranger(const RequestTarget& target, const Request& request);
  std::optional<Response> refuse_batch(bool strict);
  Response take_batch(bool strict);
  Response strike(ServiceApi service_api, const FaultInjection::Draw& draw, Response answer);
  Response settle(Response answer);
  std::optional<unsigned> over_limit(double links, Instant now);
  bool holds(const Claim& claim, std::string_view text) const;
  bool is_to_refuse(const Claim& claim) const;

  ServiceOptions options_;
  std::string account_;  // expected credentials of the Authorization header
  std::string token_;    // alternative credentials for /import: the project token
  IdentityGraph graph_;
  FaultInjection fault_injection_;
  RequestStats request_stats_;
  Claim claim_;
  std::vector<ImportEvent> events_;  // of the current batch: the first event_count_
  std::size_t event_count_ = 0;
  std::string inflated_;
  std::vector<std::size_t> failed_;
  double tokens_ = 0;
  Instant refilled_;
  Instant started_;
};

}  // namespace idmerge::emulator
