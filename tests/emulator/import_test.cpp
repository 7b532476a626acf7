// SPDX-License-Identifier: MIT
#include "emulator/import.hpp"

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "emulator/service.hpp"

using namespace idmerge;
using namespace idmerge::emulator;

namespace {

const Service::Instant start{std::chrono::hours{1}};

/// An event that lacks nothing, with more properties in front.
std::string event(std::string_view name, std::string_view more, std::string_view insert_id = "i1") {
  return fmt::format(
      R"({{"event":"{}","properties":{{{},"time":1700000000,"distinct_id":"d","$insert_id":"{}"}}}})",
      name, more, insert_id);
}

std::string identify(std::string_view anon, std::string_view user) {
  return event("$identify", fmt::format(R"("$anon_id":"{}","$identified_id":"{}")", anon, user));
}

std::string device_event(std::string_view device, std::string_view user) {
  return event("link", fmt::format(R"("$device_id":"{}","$user_id":"{}")", device, user));
}

/// What is wrong with an event, as field and reason.
std::string wrong(std::string_view one, IdentityMode mode = IdentityMode::original) {
  std::vector<ImportEvent> events;
  std::size_t count = 0;
  ImportRules rules;
  rules.mode = mode;
  rules.token = "t";
  const ImportRefusal refusal = read_batch("[" + std::string{one} + "]", rules, events, count);
  if (refusal.status != 0) return refusal.reason;
  CHECK(count == 1);
  return events[0].message;
}

ImportRefusal read(std::string_view body, bool ndjson = false) {
  std::vector<ImportEvent> events;
  std::size_t count = 0;
  ImportRules rules;
  rules.ndjson = ndjson;
  return read_batch(body, rules, events, count);
}

Service service(IdentityMode mode = IdentityMode::original) {
  ServiceOptions options;
  options.graph.mode = mode;
  return Service{options, start};
}

Response post(Service& to, std::string_view body, std::string_view target = "/import?strict=1",
              std::string_view authorization = "") {
  return to.answer({"POST", target, "application/json", "", authorization, body}, start);
}

std::string members(Service& of, std::string_view id) {
  return of.answer({"GET", "/emulator/cluster?id=" + std::string{id}, "", "", "", ""}, start).body;
}

}  // namespace

TEST_SUITE("emulator/import") {
  TEST_CASE("the three identity events are understood") {
    Service to = service();
    const Response answer = post(
        to, "[" + identify("a", "u") + "," + event("$create_alias", R"("alias":"x","unused":1)") +
                "," + event("$merge", R"("$distinct_ids":["u","d"],"token":"any")") + "," +
                event("Sign up", R"("$device_id":"p","$user_id":"q")") + "]");
    CHECK(answer.status == 200);
    CHECK(answer.body == R"({"code":200,"num_records_imported":4,"status":"OK"})");
    CHECK(members(to, "x") == R"({"size":4,"members":["a","d","u","x"]})");
    CHECK(members(to, "p") == R"({"size":0,"members":[]})");
  }

  TEST_CASE("what is wrong with an event is told by field and reason") {
    const std::string good = identify("a", "u");
    const auto without = [&](std::string_view part, std::string_view instead = "") {
      std::string text = good;
      const auto at = text.find(part);
      REQUIRE(at != std::string::npos);
      return text.replace(at, part.size(), instead);
    };
    CHECK(wrong(good) == "");
    CHECK(wrong("7") == "'event' is invalid: must be an object");
    CHECK(wrong("{}") == "'event' is invalid: must not be missing");
    CHECK(wrong(R"({"event":""})") == "'event' is invalid: must be a string that is not empty");
    CHECK(wrong(R"({"event":"x"})") == "'properties' is invalid: must not be missing");
    CHECK(wrong(R"({"event":"x","properties":[]})") ==
          "'properties' is invalid: must be an object");
    CHECK(wrong(without(R"(,"time":1700000000)")) ==
          "'properties.time' is invalid: must not be missing");
    CHECK(wrong(without("1700000000", "\"2026-11-23\"")) ==
          "'properties.time' is invalid: must be specified as seconds since epoch");
    CHECK(wrong(without("1700000000", "31535999")) ==
          "'properties.time' is invalid: must not be before 1971-01-01");
    CHECK(wrong(without("1700000000", "1700000000000")) == "");
    CHECK(wrong(without("1700000000", "1700000000.25")) == "");
    CHECK(wrong(without(R"(,"$insert_id":"i1")")) ==
          "'properties.$insert_id' is invalid: must not be missing");
    CHECK(wrong(without("i1", std::string(36, 'x'))) == "");
    CHECK(wrong(without("i1", std::string(37, 'x'))) ==
          "'properties.$insert_id' is invalid: must not be longer than 36 bytes");
    CHECK(wrong(without("i1", "a_b")) ==
          "'properties.$insert_id' is invalid: must only contain letters, digits and '-'");
    CHECK(wrong(without("i1", "NULL")) ==
          "'properties.$insert_id' is invalid: is a disallowed value");
    CHECK(wrong(without(R"("distinct_id":"d",)")) ==
          "'properties.distinct_id' is invalid: must not be missing");
    CHECK(wrong(without(R"("distinct_id":"d")", R"("distinct_id":"Undefined")")) ==
          "'properties.distinct_id' is invalid: is a disallowed value");
    CHECK(wrong(without(R"("$anon_id":"a",)")) ==
          "'properties.$anon_id' is invalid: must not be missing");
    CHECK(wrong(without(R"("$anon_id":"a")", R"("$anon_id":5)")) ==
          "'properties.$anon_id' is invalid: must be a string");
    CHECK(wrong(without(R"("$identified_id":"u")", R"("$identified_id":"")")) ==
          "'properties.$identified_id' is invalid: must not be empty");
    CHECK(wrong(without(R"("$anon_id")", R"("token":"other","$anon_id")")) ==
          "'properties.token' is invalid: is not the token of this project");
    CHECK(wrong(identify(std::string(255, 'x'), "u")) == "");
    CHECK(wrong(identify(std::string(256, 'x'), "u")) ==
          "'properties.$anon_id' is invalid: must not be longer than 255 bytes");
    std::string many = R"("p":0)";
    for (int i = 1; i < 251; ++i)
      many += fmt::format(R"(,"p{}":0)", i);
    CHECK(wrong(event("x", many)) == "");
    CHECK(wrong(event("x", many + R"(,"p251":0)")) ==
          "'properties' is invalid: must have fewer than 255 entries");
    CHECK(wrong(event("$merge", R"("$distinct_ids":["a"])")) ==
          "'properties.$distinct_ids' is invalid: must be an array of exactly two strings");
    CHECK(wrong(event("$merge", R"("$distinct_ids":["a",1])")) ==
          "'properties.$distinct_ids' is invalid: must be a string");
    CHECK(wrong(event("$merge", R"("x":1)")) ==
          "'properties.$distinct_ids' is invalid: must not be missing");
    CHECK(wrong(event("$create_alias", R"("x":1)")) ==
          "'properties.alias' is invalid: must not be missing");
  }

  TEST_CASE(
      "a valid event is taken although its neighbour fails, and the failure names its place") {
    Service to = service();
    const std::string batch = "[" + identify("a", "u") + "," +
                              event("$identify", R"("$anon_id":"b")", "bad-1") + "," +
                              identify("c", "u") + "]";
    const Response odd = post(to, batch);
    CHECK(odd.status == 400);
    const std::string rest =
        R"(":"bad-1","field":"properties.$identified_id",)"
        R"("message":"'properties.$identified_id' is invalid: must not be missing"}],)"
        R"("num_records_imported":2,"status":"Bad Request"})";
    const std::string head =
        R"({"code":400,"error":"some data points in the request failed validation",)"
        R"("failed_records":[{"index":1,")";
    CHECK(odd.body == head + "insert_id" + rest);
    CHECK(post(to, batch).body == head + "$insert_id" + rest);  // the other spelling
    CHECK(members(to, "u") == R"({"size":3,"members":["a","c","u"]})");
    const Response lax = post(to, batch, "/import?strict=0");
    CHECK(lax.body == R"({"code":200,"num_records_imported":2,"status":"OK"})");
  }

  TEST_CASE("the project's rules refuse without a word") {
    Service to = service();
    CHECK(post(to, "[" + identify("a", "u") + "," + identify("a", "v") + "]").status == 200);
    CHECK(members(to, "v") == R"({"size":0,"members":[]})");
    CHECK(to.stats(start).find(R"("refused":{"errAnonDistinctIdAssignedAlready":1})") !=
          std::string::npos);
  }

  TEST_CASE("a simplified project links by device and user, and refuses identity events whole") {
    Service to = service(IdentityMode::simplified);
    CHECK(post(to, "[" + device_event("x", "u") + "," + device_event("y", "u") + "," +
                       device_event("x", "v") + "]")
              .status == 200);
    CHECK(members(to, "u") == R"({"size":3,"members":["$device:x","$device:y","u"]})");
    const std::string mixed = "[" + device_event("z", "u") + "," + identify("a", "u") + "]";
    const Response refused = post(to, mixed);
    CHECK(refused.status == 400);
    CHECK(refused.body ==
          R"({"code":400,"error":"some data points in the request failed validation",)"
          R"("failed_records":["identity events are not allowed when project is using simplified )"
          R"(identity management"],"num_records_imported":0,"status":"Bad Request"})");
    CHECK(members(to, "$device:z") == R"({"size":0,"members":[]})");
    CHECK(post(to, mixed, "/import?strict=0").status == 200);
    CHECK(members(to, "$device:z") ==
          R"({"size":4,"members":["$device:x","$device:y","$device:z","u"]})");
    std::string bare = device_event("w", "u");
    bare.erase(bare.find(R"("distinct_id":"d",)"), 18);
    CHECK(wrong(bare) == "'properties.distinct_id' is invalid: must not be missing");
    CHECK(wrong(bare, IdentityMode::simplified) == "");
    const Response single = to.answer({"POST", "/identity/create", "application/json", "", "",
                                       R"({"$anon_id":"a","$identified_id":"u","$token":"t"})"},
                                      start);
    CHECK(single.body.find("identity events are not allowed") != std::string::npos);
  }

  TEST_CASE("a legacy project takes aliases and lets the rest pass without effect") {
    Service to = service(IdentityMode::legacy);
    CHECK(post(to, "[" + identify("a", "u") + "," + event("$create_alias", R"("alias":"x")") + "]")
              .status == 200);
    CHECK(to.graph().clusters() == 1);
    CHECK(members(to, "x") == R"({"size":2,"members":["d","x"]})");
  }

  TEST_CASE("a batch has limits: 2,000 events, 10 MiB") {
    std::string body;
    for (int i = 0; i < 2000; ++i)
      body += (i == 0 ? "[" : ",") + identify("a", "u");
    CHECK(read(body + "]").status == 0);
    CHECK(read(body + "," + identify("a", "u") + "]").status == 413);
    CHECK(read(std::string(import_bytes_max, ' ')).status == 400);
    CHECK(read(std::string(import_bytes_max + 1, ' ')).status == 413);
    CHECK(read("[]").status == 0);
    for (const std::string_view text : {"", "{}", "7", "[", "[{]", "[{}] x", "[\"\xff\"]"}) {
      CAPTURE(text);
      CHECK(read(text).status == 400);
    }
  }

  TEST_CASE("NDJSON is one event a line, blank lines aside") {
    CHECK(read(identify("a", "u") + "\n\n" + identify("b", "u") + "\r\n", true).status == 0);
    CHECK(read("[" + identify("a", "u") + "]\nx", true).status == 400);
    std::string body;
    for (int i = 0; i < 2001; ++i)
      body += identify("a", "u") + "\n";
    CHECK(read(body, true).status == 413);
    Service to = service();
    const Response answer = to.answer({"POST", "/import", "application/x-ndjson", "", "",
                                       identify("a", "u") + "\n" + identify("b", "u")},
                                      start);
    CHECK(answer.body == R"({"code":200,"num_records_imported":2,"status":"OK"})");
  }

  TEST_CASE("gzip is inflated, member by member, and nothing else is taken for it") {
    // printf '[]' | gzip -n, and the same twice
    const std::string one{"\x1f\x8b\x08\0\0\0\0\0\0\x03\x8b\x8e\x05\0\x29\xbb\x4c\x0d\x02\0\0\0",
                          22};
    std::string inflated;
    CHECK(inflate_gzip(one, inflated).status == 0);
    CHECK(inflated == "[]");
    CHECK(inflate_gzip(one + one, inflated).status == 0);
    CHECK(inflated == "[][]");
    CHECK(inflate_gzip("[]", inflated).status == 400);
    CHECK(inflate_gzip(one.substr(0, 12), inflated).status == 400);
    Service to = service();
    const Response answer =
        to.answer({"POST", "/import", "application/json", "gzip", "", one}, start);
    CHECK(answer.body == R"({"code":200,"num_records_imported":0,"status":"OK"})");
    for (const std::string_view encoding : {"br", "deflate", "GZIP2"}) {
      CHECK(to.answer({"POST", "/import", "application/json", encoding, "", "[]"}, start).status ==
            400);
    }
  }

  TEST_CASE("an account needs its project, the project token does not") {
    ServiceOptions options;
    options.require_auth = "user:secret";
    options.token = "tok";
    options.project_id = "7";
    Service to{options, start};
    const std::string account = "Basic " + basic_credentials("user:secret");
    const std::string token = "Basic " + basic_credentials("tok:");
    CHECK(post(to, "[]").status == 401);
    CHECK(post(to, "[]").body ==
          R"({"code":401,"error":"Invalid credentials","status":"Unauthorized"})");
    CHECK(post(to, "[]", "/import", account).status == 400);
    CHECK(post(to, "[]", "/import?project_id=8", account).status == 403);
    CHECK(post(to, "[]", "/import?project_id=7", account).status == 200);
    CHECK(post(to, "[]", "/import", token).status == 200);
    CHECK(post(to, "[]", "/import?project_id=7", "Basic x").status == 401);
  }

  TEST_CASE("the limit counts events, and says so in the words of strict and of lax requests") {
    ServiceOptions options;
    options.limit_per_s = 2;
    Service to{options, start};
    const std::string batch =
        "[" + identify("a", "u") + "," + identify("b", "u") + "," + identify("c", "u") + "]";
    CHECK(post(to, batch).status == 200);  // more than the burst at once: into debt
    const Response strict = post(to, batch);
    CHECK(strict.status == 429);
    CHECK(strict.retry_after_s == 2);
    CHECK(strict.body.starts_with(R"({"code":429,"error":"Project exceeded rate limits)"));
    CHECK(post(to, batch, "/import?strict=0").body.starts_with(R"({"status":0,"error":"Project)"));
    CHECK(to.stats(start).find(R"("offered_links":9)") != std::string::npos);
  }

  TEST_CASE("a batch over the limit of a front is 413 as a whole, one within it is taken") {
    ServiceOptions options;
    options.limit_batch = 2;
    Service to{options, start};
    const std::string two = identify("a", "u") + "," + identify("b", "u");
    for (const auto* path : {"/import", "/import?strict=0"}) {
      const Response answer = post(to, "[" + two + "," + identify("c", "u") + "]", path);
      CHECK(answer.status == 413);
      CHECK(answer.body.find(R"("error":"request exceeds max limit of 2 events")") !=
            std::string::npos);
    }
    CHECK(to.stats(start).find(R"("accepted_links":0)") != std::string::npos);
    CHECK(post(to, "[" + two + "]").status == 200);
    CHECK(to.stats(start).find(R"("accepted_links":2)") != std::string::npos);
  }

  TEST_CASE("ids can be made to fail by name, without a name, and for ever") {
    ServiceOptions options;
    options.refuse_ids = "bad";
    options.poison_ids = "poison";
    options.stuck_ids = "stuck";
    Service to{options, start};
    const auto batch = [](std::string_view id) {
      return "[" + identify("fine", "u") + "," + identify(id, "u") + "]";
    };
    CHECK(post(to, batch("a-bad-1")).body.find(R"("num_records_imported":1,)") !=
          std::string::npos);
    CHECK(post(to, batch("poison")).status == 400);
    CHECK(post(to, batch("poison")).body.find("failed_records") == std::string::npos);
    CHECK(post(to, batch("stuck")).status == 503);
    CHECK(post(to, batch("stuck")).status == 503);
    CHECK(post(to, "[" + identify("fine", "u") + ",{}]").status == 400);  // none is left behind
    CHECK(post(to, "[" + identify("fine", "u") + "]").status == 200);
    const auto create = [&](std::string_view id) {
      return to
          .answer({"POST", "/identity/create", "application/json", "", "",
                   fmt::format(R"({{"$anon_id":"{}","$identified_id":"u","$token":"t"}})", id)},
                  start)
          .status;
    };
    CHECK(create("bad") == 400);
    CHECK(create("poison") == 400);
    CHECK(create("stuck") == 503);
    CHECK(create("good") == 200);
    CHECK(members(to, "u") == R"({"size":3,"members":["fine","good","u"]})");
  }

  TEST_CASE("repeated events are told by insert id, time, name and distinct id") {
    Service to = service();
    const std::string batch = "[" + identify("a", "u") + "]";
    std::string later = batch;
    later.replace(later.find("1700000000"), 10, "1700000001");
    for (const std::string& body : {batch, batch, later})
      post(to, body);
    const std::string stats = to.stats(start);
    CHECK(stats.find(R"("imported_events":3,"distinct_events":2,)") != std::string::npos);
    CHECK(stats.find(R"("accepted_links":3,"distinct_links":1,)") != std::string::npos);
  }

  TEST_CASE("either API can be left out") {
    ServiceOptions options;
    options.api = EmulatedApi::import;
    Service import_only{options, start};
    CHECK(post(import_only, "[]").status == 200);
    CHECK(post(import_only, "{}", "/identity/create").status == 404);
    options.api = EmulatedApi::identity;
    Service identity_only{options, start};
    CHECK(post(identity_only, "[]").status == 404);
    CHECK(post(identity_only, "{}", "/identity/create").status == 400);
  }

  TEST_CASE("faults are injected into batches too, with the messages of this API") {
    ServiceOptions options;
    options.risks = parse_risks("503:1").value();
    Service to{options, start};
    const Response answer = post(to, "[" + identify("a", "u") + "]");
    CHECK(answer.body == R"({"code":503,"error":"injected: 503","status":"Service Unavailable"})");
    CHECK(answer.delayed);
    bool before = to.graph().ids() == 0;
    bool after = !before;
    for (int i = 0; i < 64; ++i) {
      const std::size_t known = to.graph().ids();
      post(to, "[" + identify("b" + std::to_string(i), "u") + "]");
      (to.graph().ids() == known ? before : after) = true;
    }
    CHECK(before);
    CHECK(after);
    CHECK(to.answer({"GET", "/import", "", "", "", ""}, start).allow == "POST");
  }
}
