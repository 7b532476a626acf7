// SPDX-License-Identifier: MIT
#include "send/identity_api.hpp"

#include <algorithm>
#include <memory>
#include <random>

#include <doctest/doctest.h>

#include "util/version.hpp"

#include "support/seed.hpp"

namespace idmerge::testing {

using namespace input;
using namespace net;
using namespace send;
using namespace util;
namespace {

using namespace std::string_view_literals;

ServiceApiOptions options() {
  ServiceApiOptions it;
  it.token = Secret("0123456789abcdef");
  it.username = Secret("etl.12345.mp-service-account");
  it.secret = Secret("open sesame");
  return it;
}

std::unique_ptr<ServiceApi> identity(std::string_view host = "api-eu.mixpanel.com",
                                     std::string_view base = "") {
  auto made = identity_api.make(options(), host, base);
  REQUIRE_MESSAGE(made.has_value(), made.error().what);
  return std::move(*made);
}

Link link(Op op, std::string_view anon, std::string_view user) {
  Link it;
  it.op = op;
  it.anon = anon;
  it.user = user;
  return it;
}

std::string request(const std::unique_ptr<ServiceApi>& service_api, const Link& one) {
  std::string out;
  CHECK(service_api->encode({&one, 1}, out) == 1);
  return out;
}

Outcome answer(const std::unique_ptr<ServiceApi>& service_api, Response response) {
  const Link one = link(Op::create, "anon", "user");
  Outcome outcome;
  service_api->decode(response, {&one, 1}, outcome);
  return outcome;
}

Outcome answer(Response response) {
  const auto service_api = identity();
  return answer(service_api, response);
}

Response json(unsigned status, std::string_view body) {
  return {.status = status, .content_type = "application/json", .body = body};
}

TEST_SUITE("send/identity_api") {
  TEST_CASE("a link is one request, exactly as the OpenAPI has it") {
    const auto service_api = identity();
    CHECK(service_api->links_max() == 1);
    CHECK(request(service_api, link(Op::create, "anon-1", "user-1")) ==
          "POST /identity/create HTTP/1.1\r\n"
          "Host: api-eu.mixpanel.com\r\n"
          "User-Agent: idmerge/" +
              std::string(version()) +
              "\r\n"
              "Accept: application/json\r\n"
              "Content-Type: application/json\r\n"
              "Authorization: Basic ZXRsLjEyMzQ1Lm1wLXNlcnZpY2UtYWNjb3VudDpvcGVuIHNlc2FtZQ==\r\n"
              "Content-Length: 75\r\n"
              "\r\n"
              R"({"$identified_id":"user-1","$anon_id":"anon-1","$token":"0123456789abcdef"})");
    const auto alias = request(service_api, link(Op::alias, "new name", "old"));
    CHECK(alias.starts_with("POST /identity/create-alias HTTP/1.1\r\n"));
    CHECK(
        alias.ends_with("\r\n\r\n"
                        R"({"alias":"new name","distinct_id":"old","$token":"0123456789abcdef"})"));
    const auto merge = request(service_api, link(Op::merge, "a", "b"));
    CHECK(merge.starts_with("POST /identity/merge HTTP/1.1\r\n"));
    CHECK(
        merge.ends_with("\r\n\r\n"
                        R"({"$distinct_ids":["a","b"],"$token":"0123456789abcdef"})"));
  }

  TEST_CASE("the base path of the target stands in front, and requests are appended") {
    const auto service_api = identity("127.0.0.1:8080", "/proxy/v1");
    std::string out = request(service_api, link(Op::create, "a", "b"));
    CHECK(out.starts_with("POST /proxy/v1/identity/create HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"));
    const std::string first = out;
    const Link other = link(Op::create, "c", "d");
    service_api->encode({&other, 1}, out);
    CHECK(out.starts_with(first));
    CHECK(out.size() == 2 * first.size());
  }

  TEST_CASE("no id can break out of its string, and the length counts bytes") {
    const auto service_api = identity();
    const auto out = request(
        service_api, link(Op::create, "\",\"$token\":\"x\r\n\r\nPOST / HTTP/1.1\0"sv, "名前\\"));
    const auto end = out.find("\r\n\r\n");
    REQUIRE(end != std::string::npos);
    const auto body = out.substr(end + 4);
    CHECK(body.find('\r') == std::string::npos);
    CHECK(body.find('\n') == std::string::npos);
    CHECK(body == R"({"$identified_id":"名前\\","$anon_id":"\",\"$token\":\"x\u000d\u000a)"
                  R"(\u000d\u000aPOST / HTTP/1.1\u0000","$token":"0123456789abcdef"})");
    CHECK(out.find("Content-Length: " + std::to_string(body.size()) + "\r\n") != std::string::npos);
  }

  TEST_CASE("status 1 is delivered, however it is written") {
    for (const auto body : {R"({"status":1})"sv, R"({"status": 1, "error": null})"sv,
                            " {\n\"error\":\"\",\"status\":1,\"more\":[1,{}]}\n"sv}) {
      CAPTURE(body);
      CHECK(answer(json(200, body)).kind == OutcomeKind::delivered);
      CHECK(answer({.status = 200, .body = body}).kind == OutcomeKind::delivered);
    }
  }

  TEST_CASE("a repeated good answer is recognised, and a bad one after it is not mistaken") {
    const auto service_api = identity();
    for (int i = 0; i < 3; ++i) {
      CHECK(answer(service_api, json(200, R"({"status":1})")).kind == OutcomeKind::delivered);
      CHECK(answer(service_api, json(200, R"({"status":0})")).kind == OutcomeKind::refused);
      CHECK(answer(service_api, json(400, R"({"status":1})")).kind == OutcomeKind::foreign);
      CHECK(answer(service_api, json(503, R"({"status":1})")).kind == OutcomeKind::retry);
      CHECK(answer(service_api, json(200, "")).kind == OutcomeKind::foreign);
    }
  }

  TEST_CASE("status 0 and 400 are refused in the words of the service") {
    auto outcome = answer(json(200, R"({"status":0,"error":"anon id\nalready identified"})"));
    CHECK(outcome.kind == OutcomeKind::refused);
    CHECK(outcome.message == "anon id already identified");
    outcome = answer(json(400, R"({"status":0,"error":"\u001b[31mno such token"})"));
    CHECK(outcome.kind == OutcomeKind::refused);
    CHECK(outcome.message == "[31mno such token");
    CHECK(answer(json(400, "")).kind == OutcomeKind::refused);
    CHECK_FALSE(answer(json(400, "")).message.empty());
    CHECK(answer({.status = 400, .body = "bad\xff request"}).message == "bad? request");
    CHECK(answer(json(200, R"({"status":0})")).kind == OutcomeKind::refused);
  }

  TEST_CASE("a page for people refuses nothing, also with 400") {
    const Response typed{.status = 400, .content_type = "text/html", .body = "Bad Request"};
    CHECK(answer(typed).kind == OutcomeKind::foreign);
    const auto page =
        answer({.status = 400, .body = "<html><title>400 Bad Request</title></html>"});
    CHECK(page.kind == OutcomeKind::foreign);
    CHECK(page.message.find("check --to and what stands between") != std::string::npos);
    for (const auto* own : {R"({"code":400,"error":"no such token","status":"Bad Request"})",
                            R"({"status":400,"title":"Bad Request"})", R"({"status":0})"}) {
      CHECK(answer(json(400, own)).kind == OutcomeKind::refused);
    }
    CHECK(answer(json(400, R"({"status":0,"status":1})")).kind == OutcomeKind::foreign);
  }

  TEST_CASE("a refusal that calls itself temporary is tried again") {
    CHECK(answer(json(200, R"({"status":0,"error":"a temporary failure occurred"})")).kind ==
          OutcomeKind::retry);
    CHECK(answer(json(200, R"({"status":0,"error":"Temporary failure"})")).kind ==
          OutcomeKind::retry);
    // Not where only an id does.
    const auto service_api = identity();
    const Link named = link(Op::create, "Temporary failure 9", "temporary failure");
    Outcome outcome;
    for (const auto* body : {R"({"status":0,"error":"no such id: Temporary failure 9"})",
                             R"({"status":0,"error":"no such id: temporary failure 9"})",
                             R"({"status":0,"error":"no such user: 'temporary failure'"})"}) {
      CAPTURE(body);
      service_api->decode(json(200, body), {&named, 1}, outcome);
      CHECK(outcome.kind == OutcomeKind::refused);
    }
    service_api->decode(
        json(200, R"({"status":0,"error":"Temporary failure 9: a temporary failure"})"),
        {&named, 1}, outcome);
    CHECK(outcome.kind == OutcomeKind::refused);  // it is its user, word for word
    const Link part = link(Op::create, "failure", "temporary");
    service_api->decode(json(200, R"({"status":0,"error":"a temporary failure"})"), {&part, 1},
                        outcome);
    CHECK(outcome.kind == OutcomeKind::retry);
  }

  TEST_CASE("too much and too early is throttled, and Retry-After is read") {
    auto outcome = answer({.status = 429, .retry_after = "7"});
    CHECK(outcome.kind == OutcomeKind::rate_limited);
    CHECK(outcome.retry_after == std::chrono::seconds(7));
    CHECK_FALSE(answer({.status = 429}).retry_after.has_value());
    CHECK(answer({.status = 429, .retry_after = "soon"}).kind == OutcomeKind::rate_limited);
    CHECK(answer({.status = 503, .retry_after = "2"}).kind == OutcomeKind::rate_limited);
    outcome = answer({.status = 503, .retry_after = "soon"});
    CHECK(outcome.kind == OutcomeKind::rate_limited);
    CHECK(outcome.retry_after_is_unreadable);
    CHECK(answer({.status = 503}).kind == OutcomeKind::retry);
    CHECK_FALSE(answer({.status = 503}).retry_after_is_unreadable);
    CHECK_FALSE(answer({.status = 429, .retry_after = "0"}).retry_after_is_unreadable);
    outcome = answer({.status = 503,
                      .retry_after = "Sun, 06 Nov 1994 08:50:07 GMT",
                      .date = "Sun, 06 Nov 1994 08:49:37 GMT"});
    CHECK(outcome.retry_after == std::chrono::seconds(30));
    outcome = answer({.status = 429,
                      .retry_after = "Sun, 06 Nov 1994 08:50:07 GMT",
                      .received_unix_s = 784'111'777});
    CHECK(outcome.retry_after == std::chrono::seconds(30));
  }

  TEST_CASE("408 and every 5xx say nothing about the link, also as HTML") {
    for (const unsigned status : {408U, 500U, 501U, 502U, 503U, 504U, 524U, 599U}) {
      CAPTURE(status);
      const auto outcome = answer(
          {.status = status, .content_type = "text/html", .body = "<title>Bad gateway</title>"});
      CHECK(outcome.kind == OutcomeKind::retry);
      CHECK(outcome.message.ends_with(": Bad gateway"));
    }
  }

  TEST_CASE("401 and 403 are about credentials, which are never repeated") {
    for (const unsigned status : {401U, 403U}) {
      const auto outcome = answer(
          json(status, R"({"error":"no role for etl:open sesame with token 0123456789abcdef"})"));
      CHECK(outcome.kind == OutcomeKind::unauthorized);
      CHECK(outcome.message == "no role for etl:… with token …");
    }
  }

  TEST_CASE("secrets are hidden in every part of an answer that is kept, in any dress") {
    const std::string basic = "ZXRsOm9wZW4gc2VzYW1l";  // etl:open sesame
    for (const std::string& secret : {std::string("open sesame"), basic, std::string("open+sesame"),
                                      std::string("%6Fpen%20sesam%65"), "Basic " + basic}) {
      CAPTURE(secret);
      std::vector<Outcome> outcomes;
      for (const unsigned status : {200U, 302U, 400U, 404U, 429U, 500U}) {
        outcomes.push_back(answer({.status = status,
                                   .content_type = "text/" + secret,
                                   .location = "http://a/?" + secret,
                                   .body = "<title>" + secret + "</title>"}));
        outcomes.push_back(answer(json(status, R"({"status":0,"error":")" + secret + "\"}")));
        outcomes.push_back(answer(json(status, "[\"" + secret + "\"]")));
      }
      for (const auto& outcome : outcomes) {
        CAPTURE(outcome.message);
        for (const auto* part : {"sesam", "c2VzYW1l", "cGVuI", "%6F"})
          CHECK(outcome.message.find(part) == std::string::npos);
        CHECK(outcome.message.find("…") != std::string::npos);
      }
    }
  }

  TEST_CASE("what is not an answer of this API is foreign, and the message says what to do") {
    auto outcome = answer({.status = 404,
                           .content_type = "text/html",
                           .body = "<html><title>Not Found</title></html>"});
    CHECK(outcome.kind == OutcomeKind::foreign);
    CHECK(outcome.message ==
          "the target answered 404 text/html \"Not Found\": it has no Identity API at this path: "
          "check --to, or use --api import, Mixpanel's public ingestion");
    outcome = answer({.status = 302, .location = "https://login.example.com/"});
    CHECK(outcome.kind == OutcomeKind::foreign);
    CHECK(outcome.message.find("https://login.example.com/") != std::string::npos);
    for (const unsigned status : {201U, 202U, 204U, 206U, 301U, 304U, 307U, 402U, 404U, 405U, 407U,
                                  410U, 413U, 415U, 421U, 422U, 426U, 431U, 451U, 600U, 999U}) {
      CAPTURE(status);
      CHECK(answer(json(status, R"({"status":1})")).kind == OutcomeKind::foreign);
    }
  }

  TEST_CASE("200 without a clear status is foreign, never a success") {
    for (const auto body : {""sv,
                            "1"sv,
                            "0"sv,
                            "null"sv,
                            "[]"sv,
                            "{}"sv,
                            "OK"sv,
                            R"({"status":2})"sv,
                            R"({"status":-1})"sv,
                            R"({"status":"1"})"sv,
                            R"({"status":1.0})"sv,
                            R"({"status":true})"sv,
                            R"({"status":"OK","code":200})"sv,
                            R"({"status":1)"sv,
                            R"({"status":1}})"sv,
                            R"({"status":1} {"status":0})"sv,
                            R"({"status":1,"status":0})"sv,
                            R"({"status":0,"status":1})"sv,
                            R"({"data":{"status":1}})"sv,
                            "\xff\xfe"sv,
                            "<html>{\"status\":1}</html>"sv,
                            R"({"status":1,"error":"\ud800"})"sv,
                            R"({"status":1,"error":"it was not"})"sv,
                            R"({"error":"it was not","status":1})"sv,
                            R"({"status":1,"error":{"why":"not"}})"sv,
                            R"({"status":1,"error":1})"sv,
                            R"({"status":1,"error":"a","error":""})"sv,
                            R"({"status":1,"code":400})"sv,
                            R"({"status":0,"error":"a","error":"b"})"sv,
                            R"({"status":1,"code":200,"code":500})"sv,
                            R"({"status":0,"code":500,"error":"e"})"sv,
                            R"({"status":1,"num_records_imported":0})"sv,
                            R"({"status":1,"num_records_imported":"1"})"sv,
                            R"({"status":1,"failed_records":[{"index":0}]})"sv,
                            R"({"status":1,"failed_records":["no"]})"sv,
                            R"({"status":1,"errors":["no"]})"sv,
                            R"({"status":1,"errors":{"a":"no"}})"sv,
                            R"({"status":1,"success":false})"sv,
                            R"({"status":1,"ok":false})"sv,
                            R"({"status":1,"success":"no"})"sv,
                            R"({"status":1,"Error":"no"})"sv,
                            R"({"status":1,"STATUS":0})"sv,
                            R"({"status":1,"Num_Records_Imported":0})"sv,
                            R"({"status":0,"error":"e","num_records_imported":1})"sv,
                            R"({"status":0,"error":"e","success":true})"sv,
                            "{\"status\":1}\0"sv}) {
      CAPTURE(body);
      const auto outcome = answer(json(200, body));
      CHECK(outcome.kind == OutcomeKind::foreign);
      CHECK_FALSE(outcome.message.empty());
    }
    CHECK(answer({.status = 200, .body = R"({"status":1})", .body_cut = true}).kind ==
          OutcomeKind::foreign);
  }

  TEST_CASE("an error that is none contradicts nothing") {
    for (const auto body :
         {R"({"status":1,"error":null})"sv, R"({"error":"","status":1})"sv,
          R"({"status":1,"error":[]})"sv, R"({"status":1,"error":{},"code":200})"sv,
          R"({"status":1,"num_records_imported":1,"failed_records":[],"success":true})"sv,
          R"({"status":1,"num_records_imported":null,"errors":[],"ok":null,"Error":""})"sv}) {
      CAPTURE(body);
      CHECK(answer(json(200, body)).kind == OutcomeKind::delivered);
    }
    CHECK(answer(json(400, R"({"status":0,"code":200,"error":"e"})")).kind == OutcomeKind::foreign);
    CHECK(answer(json(400, R"({"status":0,"code":400,"error":"e"})")).kind == OutcomeKind::refused);
    CHECK(answer(json(400, R"({"status":"OK","error":"e"})")).kind == OutcomeKind::foreign);
    CHECK(answer(json(400, R"({"status":0,"error":"a","error":"b"})")).kind ==
          OutcomeKind::foreign);
    // What repeats itself does not contradict itself.
    CHECK(answer(json(400, R"({"status":0,"error":"a","error":"a"})")).kind ==
          OutcomeKind::refused);
    CHECK(answer(json(200, R"({"status":1,"status":1})")).kind == OutcomeKind::delivered);
  }

  TEST_CASE("whatever is answered, the message is short and clean") {
    std::mt19937_64 random(seed());
    const auto service_api = identity();
    std::string body;
    for (int round = 0; round < 5'000; ++round) {
      body.resize(random() % 2'000);
      for (char& c : body)
        c = static_cast<char>(random());
      if (round % 2 == 0) body = R"({"status":0,"error":")" + body;
      const auto status = static_cast<unsigned>(100 + random() % 500);
      const auto outcome = answer(service_api, {.status = status,
                                                .content_type = body.substr(0, body.size() / 3),
                                                .retry_after = body,
                                                .location = body,
                                                .body = body});
      CHECK(outcome.message.size() <= message_bytes_max);
      CHECK(std::all_of(outcome.message.begin(), outcome.message.end(),
                        [](char c) { return static_cast<unsigned char>(c) >= 0x20; }));
    }
  }
}

}  // namespace
}  // namespace idmerge::testing
