// SPDX-License-Identifier: MIT
#include "emulator/service.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "util/check.hpp"

namespace idmerge::emulator {
namespace {

constexpr std::string_view accepted = R"({"status":1})";

constexpr std::string_view page =
    "<html>\r\n<head><title>Emulated proxy</title></head>\r\n"
    "<body><center><h1>This is not the service</h1></center></body>\r\n</html>\r\n";

Response refuse(unsigned status, std::string_view reason) {
  Response answer;
  answer.status = status;
  answer.body = R"({"status":0,"error":)" + boost::json::serialize(reason) + "}";
  return answer;
}

Response refuse_import(unsigned code, std::string_view reason) {
  Response answer;
  answer.status = code;
  answer.body = import_error(code, reason);
  return answer;
}

Response accept() {
  Response answer;
  answer.body = accepted;
  return answer;
}

std::string array_of(const std::vector<std::string_view>& ids) {
  std::string text = "[";
  for (const std::string_view id : ids) {
    if (text.size() > 1) text += ',';
    text += boost::json::serialize(id);
  }
  return text + "]";
}

Response cluster_of(const IdentityGraph& graph, const RequestTarget& target) {
  const auto encoded = target.parameter("id");
  if (!encoded) return refuse(400, "id: is missing: ask for /emulator/cluster?id=ID");
  const auto id = unescaped(*encoded);
  if (!id) return refuse(400, "id: a % is not followed by two hex digits");
  const auto members = graph.cluster(*id);
  Response answer;
  answer.body = fmt::format(R"({{"size":{},"members":{}}})", members.size(), array_of(members));
  return answer;
}

Response ndjson(std::string body) {
  Response answer;
  answer.type = "application/x-ndjson";
  answer.body = std::move(body);
  return answer;
}

Response all_clusters(const IdentityGraph& graph) {
  std::string body;
  graph.for_each_cluster([&](const auto& members) { (body += array_of(members)) += '\n'; });
  return ndjson(std::move(body));
}

Response all_links(const IdentityGraph& graph) {
  std::string body;
  graph.for_each_link([&](input::Op op, std::string_view first, std::string_view second) {
    (body += array_of({name(op), first, second})) += '\n';
  });
  return ndjson(std::move(body));
}

/// The reason of a refusal in the words of the service.
///
/// Source: mixpanel-facts section 2.1.
std::string_view sentence(Ruling ruling) {
  switch (ruling) {
    case Ruling::same_ids:
      return "identified id and anon id are the same";
    case Ruling::not_a_guid:
      return "anon id does not match the expected GUID pattern";
    case Ruling::assigned_already:
      return "anon id is already identified";
    case Ruling::alias_exists:
      return "alias exists already";
    case Ruling::too_many_ids:
      return "too many ids in the cluster";
    default:
      return "this project does not know such links";
  }
}

struct Route {
  std::string_view path;
  input::Op op;
};
constexpr std::array routes{
    Route{"/identity/create", input::Op::create},
    Route{"/identity/create-alias", input::Op::alias},
    Route{"/identity/merge", input::Op::merge},
};

constexpr std::string_view rate_limited =
    "Project exceeded rate limits. Please retry the request with exponential backoff.";

/// Source: mixpanel-facts section 2.2.
constexpr std::string_view wrong_mode =
    "identity events are not allowed when project is using simplified identity management";

input::Op op_of(ImportEvent::Kind kind) {
  if (kind == ImportEvent::Kind::alias) return input::Op::alias;
  return kind == ImportEvent::Kind::merge ? input::Op::merge : input::Op::create;
}

}  // namespace

Service::Service(ServiceOptions options, Instant now)
    : options_(std::move(options)),
      graph_(options_.graph),
      fault_injection_(options_.risks, options_.seed),
      request_stats_(options_.risks.size()),
      refilled_(now),
      started_(now) {
  if (!options_.require_auth.empty()) account_ = basic_credentials(options_.require_auth);
  if (!options_.token.empty()) token_ = basic_credentials(options_.token + ":");
  if (options_.limit_burst <= 0) options_.limit_burst = std::max(1.0, options_.limit_per_s);
  tokens_ = options_.limit_burst;
}

Response Service::answer(const Request& request, Instant now) {
  const RequestTarget target = split_target(request.target);
  const auto only = [&](std::string_view method) {
    Response answer = refuse(405, fmt::format("{}: use {}", target.path, method));
    answer.allow = method;
    return answer;
  };
  for (const Route& route : routes) {
    if (target.path != route.path || options_.api == EmulatedApi::import) continue;
    return request.method == "POST" ? answer_identity(route.op, request, now) : only("POST");
  }
  if (target.path == "/import" && options_.api != EmulatedApi::identity)
    return request.method == "POST" ? answer_import(target, request, now) : only("POST");
  constexpr std::string_view watcher = "/emulator/";
  if (!target.path.starts_with(watcher))
    return refuse(404, fmt::format("{}: no such endpoint", target.path));
  Response answer = answer_watcher(target.path.substr(watcher.size()), target, now);
  return answer.status == 404 || request.method == "GET" ? answer : only("GET");
}

Response Service::answer_watcher(std::string_view what, const RequestTarget& target,
                                 Instant now) const {
  if (what == "cluster") return cluster_of(graph_, target);
  if (what == "clusters") return all_clusters(graph_);
  if (what == "links") return all_links(graph_);
  if (what == "stats") {
    Response answer;
    answer.body = stats(now);
    return answer;
  }
  return refuse(404, fmt::format("/emulator/{}: no such endpoint", what));
}

std::string Service::stats(Instant now) const {
  return request_stats_.json(graph_, options_.risks,
                             std::chrono::duration<double>(now - started_).count());
}

Response Service::answer_identity(input::Op op, const Request& request, Instant now) {
  const FaultInjection::Draw draw = fault_injection_.draw(request_stats_.requests());
  request_stats_.count_arrival(1, now);
  Response answer;
  if (draw.risk == nullptr || draw.after) answer = judge_identity(op, request, now);
  return settle(strike(ServiceApi::identity, draw, std::move(answer)));
}

Response Service::answer_import(const RequestTarget& target, const Request& request, Instant now) {
  const FaultInjection::Draw draw = fault_injection_.draw(request_stats_.requests());
  const ImportRefusal refusal = read_import(request);
  request_stats_.count_arrival(event_count_, now);
  Response answer;
  if (draw.risk == nullptr || draw.after) answer = judge_import(target, request, refusal, now);
  return settle(strike(ServiceApi::import, draw, std::move(answer)));
}

/// Counts an answer of the APIs by what is sent to the client.
Response Service::settle(Response answer) {
  answer.delayed = true;
  if (answer.mishap == Mishap::none || answer.mishap == Mishap::close) {
    request_stats_.count_status(answer.status);
  } else {
    request_stats_.count_unanswered();
  }
  return answer;
}

Response Service::strike(ServiceApi service_api, const FaultInjection::Draw& draw,
                         Response answer) {
  if (draw.risk == nullptr) return answer;
  const Risk& risk = *draw.risk;
  request_stats_.count_mishap(static_cast<std::size_t>(&risk - fault_injection_.risks().data()),
                              draw.after);
  if (risk.mishap != Mishap::status) {
    answer.mishap = risk.mishap;
    return answer;
  }
  Response struck;
  if (risk.dress == Dress::json) {
    const std::string reason = fmt::format("injected: {}", risk.name);
    struck = service_api == ServiceApi::import ? refuse_import(risk.status, reason)
                                               : refuse(risk.status, reason);
    if (risk.status == 429 || risk.status == 503) struck.retry_after_s = options_.retry_after_s;
  }
  if (risk.dress == Dress::status0) struck = refuse(200, "injected: a temporary failure occurred");
  if (risk.dress == Dress::html) {
    struck.type = "text/html";
    struck.body = page;
  }
  struck.status = risk.status;
  return struck;
}

Response Service::judge_identity(input::Op op, const Request& request, Instant now) {
  if (!account_.empty() && !is_basic(request.authorization, account_))
    return refuse(401, "invalid credentials");
  if (const auto wait_s = over_limit(1, now)) {
    Response answer = refuse(429, rate_limited);
    answer.retry_after_s = *wait_s;
    return answer;
  }
  if (!is_media_type(request.content_type, "application/json"))
    return refuse(400, "Content-Type: must be application/json");
  if (!request.content_encoding.empty() && request.content_encoding != "identity")
    return refuse(400, "Content-Encoding: must be absent");
  std::string reason = read_claim(op, request.body, options_.token, claim_);
  if (!reason.empty()) return refuse(400, reason);
  if (holds(claim_, options_.stuck_ids)) return refuse(503, "stuck, as configured");
  if (is_to_refuse(claim_) || holds(claim_, options_.poison_ids))
    return refuse(400, "refused, as configured");

  const Ruling ruling = graph_.link(op, claim_.first, claim_.second);
  request_stats_.count_ruling(op, ruling);
  if (is_accepted(ruling) || options_.silent) return accept();
  if (options_.graph.mode == IdentityMode::simplified) return refuse(200, wrong_mode);
  return refuse(200, fmt::format("{}: {}", name(ruling), sentence(ruling)));
}

/// Parses a batch into `events_`.
ImportRefusal Service::read_import(const Request& request) {
  event_count_ = 0;
  const bool ndjson = is_media_type(request.content_type, "application/x-ndjson");
  if (!ndjson && !is_media_type(request.content_type, "application/json"))
    return {400, "Content-Type: must be application/json or application/x-ndjson"};
  std::string_view body = request.body;
  if (request.content_encoding == "gzip") {
    ImportRefusal refusal = inflate_gzip(body, inflated_);
    if (refusal.status != 0) return refusal;
    body = inflated_;
  } else if (!request.content_encoding.empty() && request.content_encoding != "identity") {
    return {400, "Content-Encoding: must be gzip or absent"};
  }
  const ImportRules rules{options_.graph.mode, options_.token, ndjson};
  return read_batch(body, rules, events_, event_count_);
}

std::optional<Response> Service::refuse_stranger(const RequestTarget& target,
                                                 const Request& request) {
  if (!token_.empty() && is_basic(request.authorization, token_)) return std::nullopt;
  if (!account_.empty() && !is_basic(request.authorization, account_))
    return refuse_import(401, "Invalid credentials");
  const auto project_id = target.parameter("project_id");
  if (!project_id && (!account_.empty() || !options_.project_id.empty()))
    return refuse_import(400, "project_id: is required with a service account");
  if (project_id && !options_.project_id.empty() && *project_id != options_.project_id)
    return refuse_import(403, "the service account has no access to this project");
  return std::nullopt;
}

Response Service::judge_import(const RequestTarget& target, const Request& request,
                               const ImportRefusal& refusal, Instant now) {
  const bool strict = target.parameter("strict").value_or("1") != "0";
  if (auto stranger = refuse_stranger(target, request)) return *std::move(stranger);
  if (const auto wait_s = over_limit(static_cast<double>(event_count_), now)) {
    Response answer = strict ? refuse_import(429, rate_limited) : refuse(429, rate_limited);
    answer.retry_after_s = *wait_s;
    return answer;
  }
  if (refusal.status != 0) return refuse_import(refusal.status, refusal.reason);
  if (event_count_ > options_.limit_batch) {
    return refuse_import(
        413, fmt::format("request exceeds max limit of {} events", options_.limit_batch));
  }
  if (auto refused = refuse_batch(strict)) return *std::move(refused);
  return take_batch(strict);
}

/// Returns the answer that refuses the batch as a whole, if any.
std::optional<Response> Service::refuse_batch(bool strict) {
  const auto first = events_.begin();
  const auto last = first + static_cast<std::ptrdiff_t>(event_count_);
  const auto any_holds = [&](std::string_view text) {
    return std::any_of(first, last, [&](const auto& event) { return holds(event.claim, text); });
  };
  if (any_holds(options_.stuck_ids)) return refuse_import(503, "stuck, as configured");
  if (any_holds(options_.poison_ids)) return refuse_import(400, "refused, as configured");
  if (!strict || options_.graph.mode != IdentityMode::simplified) return std::nullopt;
  if (std::none_of(first, last, [](const auto& event) { return event.is_identity; }))
    return std::nullopt;
  Response answer;
  answer.status = 400;
  answer.body = batch_refusal(wrong_mode);
  return answer;
}

/// Links each event of the batch on its own, and answers.
Response Service::take_batch(bool strict) {
  failed_.clear();
  for (std::size_t i = 0; i < event_count_; ++i) {
    ImportEvent& event = events_[i];
    if (is_to_refuse(event.claim)) {
      event.field = "properties";
      event.message = "refused, as configured";
    }
    if (!event.field.empty()) {
      failed_.push_back(i);
      continue;
    }
    request_stats_.count_event(event.digest);
    if (event.kind == ImportEvent::Kind::other) continue;
    const input::Op op = op_of(event.kind);
    const auto& [first, second] = event.claim;
    request_stats_.count_ruling(op, event.kind == ImportEvent::Kind::device
                                        ? graph_.link_device(first, second)
                                        : graph_.link(op, first, second));
  }
  const std::size_t imported = event_count_ - failed_.size();
  if (!strict) failed_.clear();
  Response answer;
  answer.status = failed_.empty() ? 200 : 400;
  answer.body = batch_answer(events_, failed_, imported,
                             request_stats_.requests() % 2 == 0 ? "$insert_id" : "insert_id");
  return answer;
}

/// Returns whether an id of this link contains the text; false for an empty text.
bool Service::holds(const Claim& claim, std::string_view text) const {
  return !text.empty() && (claim.first.find(text) != std::string::npos ||
                           claim.second.find(text) != std::string::npos);
}

/// Returns whether this link is refused by --refuse-ids or --refuse-share.
bool Service::is_to_refuse(const Claim& claim) const {
  return holds(claim, options_.refuse_ids) ||
         refused_at_random(options_.refuse_share, options_.seed, claim.first, claim.second);
}

/// Takes links from the token bucket. Returns: seconds to wait, or nothing if they were taken.
std::optional<unsigned> Service::over_limit(double links, Instant now) {
  if (options_.limit_per_s <= 0) return std::nullopt;
  const double since_s = std::chrono::duration<double>(now - refilled_).count();
  refilled_ = now;
  tokens_ = std::min(options_.limit_burst, tokens_ + since_s * options_.limit_per_s);
  const double needed = std::min(links, options_.limit_burst);  // larger batches go into debt
  if (tokens_ < needed) {
    const double wait_s = std::ceil((needed - tokens_) / options_.limit_per_s);
    return static_cast<unsigned>(std::clamp(wait_s, 1.0, 3600.0));
  }
  tokens_ -= links;
  return std::nullopt;
}

}  // namespace idmerge::emulator
