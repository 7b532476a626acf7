// SPDX-License-Identifier: MIT
#include "emulator/service.hpp"

#include <chrono>
#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::emulator;
using std::chrono::milliseconds;

namespace {

const Service::Instant start{std::chrono::hours{1}};

std::string create_body(std::string_view anon, std::string_view user) {
  return R"({"$anon_id":")" + std::string{anon} + R"(","$identified_id":")" + std::string{user} +
         R"(","$token":"t"})";
}

Response post(Service& service, std::string_view target, std::string_view body,
              std::string_view authorization = {}, Service::Instant now = start) {
  return service.answer({"POST", target, "application/json", "", authorization, body}, now);
}

Response create(Service& service, std::string_view anon, std::string_view user,
                Service::Instant now = start) {
  return post(service, "/identity/create", create_body(anon, user), {}, now);
}

Response get(Service& service, std::string_view target) {
  return service.answer({"GET", target, "", "", "", ""}, start);
}

bool counts(Service& service, std::string_view part) {
  const std::string stats = service.stats(start);
  CAPTURE(stats);
  const bool found = stats.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

ServiceOptions failing(std::string_view risks, std::uint64_t seed = 1) {
  ServiceOptions options;
  options.risks = parse_risks(risks).value();
  options.seed = seed;
  return options;
}

}  // namespace

TEST_SUITE("emulator/service") {
  TEST_CASE("each operation links, and the clusters can be read") {
    Service service{{}, start};
    CHECK(create(service, "a", "u").body == R"({"status":1})");
    CHECK(post(service, "/identity/create-alias", R"({"alias":"x","distinct_id":"u","$token":"t"})")
              .body == R"({"status":1})");
    CHECK(
        post(service, "/identity/merge", R"({"$distinct_ids":["p q","a+b%"],"$token":"t"})").body ==
        R"({"status":1})");
    CHECK(get(service, "/emulator/cluster?id=u").body == R"({"size":3,"members":["a","u","x"]})");
    CHECK(get(service, "/emulator/cluster?x=1&id=a+b%25").body ==
          R"({"size":2,"members":["a+b%","p q"]})");
    CHECK(get(service, "/emulator/cluster?id=p%20q").body ==
          R"({"size":2,"members":["a+b%","p q"]})");
    CHECK(get(service, "/emulator/cluster?id=nobody").body == R"({"size":0,"members":[]})");
    CHECK(get(service, "/emulator/clusters").body == "[\"a\",\"u\",\"x\"]\n[\"a+b%\",\"p q\"]\n");
    CHECK(get(service, "/emulator/links").body ==
          "[\"create\",\"a\",\"u\"]\n[\"alias\",\"x\",\"u\"]\n[\"merge\",\"a+b%\",\"p q\"]\n");
  }

  TEST_CASE("ids with quotes, backslashes and line ends are listed as JSON") {
    Service service{{}, start};
    CHECK(create(service, R"(a\"\\\n)", "u\xc3\xa9").status == 200);
    CHECK(get(service, "/emulator/clusters").body == "[\"a\\\"\\\\\\n\",\"u\xc3\xa9\"]\n");
  }

  TEST_CASE("what the project's rules refuse is told, or silently not done") {
    Service service{{}, start};
    create(service, "a", "u");
    const Response told = create(service, "a", "v");
    CHECK(told.status == 200);
    CHECK(
        told.body ==
        R"({"status":0,"error":"errAnonDistinctIdAssignedAlready: anon id is already identified"})");
    ServiceOptions options;
    options.silent = true;
    Service silent{options, start};
    create(silent, "a", "u");
    CHECK(create(silent, "a", "v").body == R"({"status":1})");
    CHECK(get(silent, "/emulator/cluster?id=a").body == R"({"size":2,"members":["a","u"]})");
    counts(silent, R"("refused":{"errAnonDistinctIdAssignedAlready":1})");
    counts(silent, R"("accepted_links":1)");
  }

  TEST_CASE("a request that the OpenAPI does not allow is answered 400 with the reason") {
    Service service{{}, start};
    const Response answer = post(service, "/identity/create", R"({"$anon_id":"a","$token":"t"})");
    CHECK(answer.status == 400);
    CHECK(answer.body == R"({"status":0,"error":"$identified_id: is missing"})");
    const std::string body = create_body("a", "u");
    for (const std::string_view type : {"", "text/plain", "application/x-www-form-urlencoded",
                                        "application/jsonp", "application/"}) {
      CAPTURE(type);
      CHECK(service.answer({"POST", "/identity/create", type, "", "", body}, start).status == 400);
    }
    CHECK(service.answer({"POST", "/identity/create", "application/json", "gzip", "", body}, start)
              .status == 400);
    CHECK(service.graph().ids() == 0);
    for (const std::string_view type :
         {"application/json", "Application/JSON; charset=utf-8", "application/json ;x"}) {
      CAPTURE(type);
      CHECK(service.answer({"POST", "/identity/create", type, "", "", body}, start).status == 200);
    }
  }

  TEST_CASE("other paths are 404, other methods 405 with what is allowed, both in JSON") {
    Service service{{}, start};
    for (const std::string_view target : {"/", "", "/identity", "/identity/create/", "/emulator/",
                                          "/Identity/create", "/identity/creates", "*"}) {
      CAPTURE(target);
      const Response answer = get(service, target);
      CHECK(answer.status == 404);
      CHECK(answer.type == "application/json");
      CHECK(answer.body.starts_with(R"({"status":0,"error":")"));
    }
    CHECK(get(service, "/identity/create").status == 405);
    CHECK(get(service, "/identity/create").allow == "POST");
    CHECK(post(service, "/emulator/stats", "").status == 405);
    CHECK(post(service, "/emulator/stats", "").allow == "GET");
    CHECK(post(service, "/emulator/nothing", "").status == 404);
    CHECK(get(service, "/emulator/cluster").status == 400);
    CHECK(get(service, "/emulator/cluster?id=%4").status == 400);
    CHECK(get(service, "/emulator/cluster?id=%zz").status == 400);
    counts(service, R"("requests":0)");
  }

  TEST_CASE("a query and the absolute form of a target change nothing") {
    Service service{{}, start};
    const std::string body = create_body("a", "u");
    CHECK(post(service, "/identity/create?verbose=1", body).status == 200);
    CHECK(post(service, "http://127.0.0.1:80/identity/create", body).status == 200);
    CHECK(get(service, "http://127.0.0.1").status == 404);
  }

  TEST_CASE("with --require-auth only these credentials are let in, except to the watcher") {
    ServiceOptions options;
    options.require_auth = "Aladdin:open sesame";  // the example of RFC 7617
    Service service{options, start};
    const std::string body = create_body("a", "u");
    for (const std::string_view given :
         {"", "Basic", "Basic ", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
          "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== ",
          "Basic qWxhZGRpbjpvcGVuIHNlc2FtZQ=="}) {
      CAPTURE(given);
      CHECK(post(service, "/identity/create", body, given).status == 401);
    }
    CHECK(service.graph().ids() == 0);
    CHECK(post(service, "/identity/create", body, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").status ==
          200);
    CHECK(post(service, "/identity/create", body, "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").status ==
          200);
    CHECK(get(service, "/emulator/stats").status == 200);
    counts(service, R"("401":7)");
  }

  TEST_CASE("with --token another token is refused") {
    ServiceOptions options;
    options.token = "mine";
    Service service{options, start};
    CHECK(create(service, "a", "u").status == 400);
  }

  TEST_CASE("over the limit is 429 and says when to come back, and then it may") {
    ServiceOptions options;
    options.limit_per_s = 10;
    options.limit_burst = 3;
    Service service{options, start};
    for (int i = 0; i < 3; ++i)
      CHECK(create(service, "a", "u").status == 200);
    const Response answer = create(service, "b", "u");
    CHECK(answer.status == 429);
    CHECK(answer.retry_after_s == 1);
    CHECK(service.graph().cluster("b").empty());
    CHECK(create(service, "b", "u", start + milliseconds{99}).status == 429);
    CHECK(create(service, "b", "u", start + milliseconds{100}).status == 200);
    int served = 0;
    for (int ms = 1000; ms < 11'000; ++ms)
      served += create(service, "a", "u", start + milliseconds{ms}).status == 200 ? 1 : 0;
    CHECK(served >= 100);
    CHECK(served <= 103);
  }

  TEST_CASE("a slow limit names the seconds that it needs") {
    ServiceOptions options;
    options.limit_per_s = 0.25;
    options.limit_burst = 1;
    Service service{options, start};
    CHECK(create(service, "a", "u").status == 200);
    CHECK(create(service, "a", "u").retry_after_s == 4);
  }

  TEST_CASE("a fault before the link leaves no link, one after it leaves it made") {
    for (const std::string_view risks : {"503:1", "reset:1", "hang:1", "garbage:1", "html:1"}) {
      CAPTURE(risks);
      Service service{failing(risks), start};
      bool before = false;
      bool after = false;
      for (int i = 0; i < 64; ++i) {
        const std::string id = "a" + std::to_string(i);
        const Response answer = create(service, id, "u");
        CHECK((answer.mishap != Mishap::none || answer.body != R"({"status":1})"));
        (service.graph().cluster(id).empty() ? before : after) = true;
      }
      CHECK(before);
      CHECK(after);
    }
    Service refusing{failing("429:1"), start};
    for (int i = 0; i < 64; ++i)
      create(refusing, "a" + std::to_string(i), "u");
    CHECK(refusing.graph().ids() == 0);
    Service cutting{failing("truncate:1"), start};
    for (int i = 0; i < 64; ++i)
      create(cutting, "a" + std::to_string(i), "u");
    CHECK(cutting.graph().ids() == 65);
  }

  TEST_CASE("injected answers look like those of services and proxies") {
    const auto first = [](std::string_view risks) {
      Service service{failing(risks), start};
      return create(service, "a", "u");
    };
    CHECK(first("429:1").retry_after_s == 0);
    CHECK(first("503:1").retry_after_s == 0);
    CHECK(!first("429-bare:1").retry_after_s);
    ServiceOptions patient = failing("429:1");
    patient.retry_after_s = 7;
    Service waiting{patient, start};
    CHECK(create(waiting, "a", "u").retry_after_s == 7);
    CHECK(first("429-bare:1").body.empty());
    CHECK(!first("500:1").retry_after_s);
    CHECK(first("502-html:1").type == "text/html");
    CHECK(first("502-html:1").status == 502);
    CHECK(first("html:1").status == 200);
    CHECK(first("html:1").body.starts_with("<html>"));
    CHECK(first("status0:1").status == 200);
    CHECK(first("status0:1").body.starts_with(R"({"status":0,"error":)"));
  }

  TEST_CASE("the same seed gives the same run, and every request is accounted for") {
    const auto run = [](std::uint64_t seed) {
      Service service{failing("503:0.1,429:0.1,reset:0.1,truncate:0.1", seed), start};
      for (int i = 0; i < 5000; ++i)
        create(service, "a" + std::to_string(i), "u" + std::to_string(i));
      return service.stats(start);
    };
    CHECK(run(1) == run(1));
    CHECK(run(1) != run(2));
  }

  TEST_CASE("the statistics endpoint meets no fault, no limit and is not counted") {
    ServiceOptions options = failing("reset:1");
    options.limit_per_s = 1;
    Service service{options, start};
    for (int i = 0; i < 10; ++i) {
      const Response answer = get(service, "/emulator/stats");
      CHECK(answer.status == 200);
      CHECK(answer.mishap == Mishap::none);
      CHECK(!answer.delayed);
    }
    counts(service, R"("requests":0)");
  }
}
