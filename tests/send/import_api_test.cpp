// SPDX-License-Identifier: MIT
#include "send/import_api.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <libdeflate.h>

#include "send/identity_api.hpp"

namespace idmerge::testing {

using namespace input;
using namespace net;
using namespace plan;
using namespace send;
using namespace util;
namespace {

ServiceApiOptions options(ProjectMode mode) {
  ServiceApiOptions it;
  it.api = Api::import;
  it.mode = mode;
  it.project_id = "2195193";
  it.token = Secret("0123456789abcdef");
  it.username = Secret("etl.12345");
  it.secret = Secret("open sesame");
  it.pinned_time_s = 1'795'000'000;
  return it;
}

ServiceApi service_api(const ServiceApiOptions& chosen) {
  auto made = ServiceApi::make(chosen, "api-eu.mixpanel.com", "");
  REQUIRE_MESSAGE(made.has_value(), made.error().what);
  return std::move(*made);
}

Link link(std::string_view anon, std::string_view user, Op op = Op::create) {
  Link it;
  it.op = op;
  it.anon = anon;
  it.user = user;
  return it;
}

std::string insert_id(const Link& one) {
  std::string out;
  append_insert_id(one, out);
  return out;
}

/// Head and inflated body of the one request that `text` is.
std::pair<std::string, std::string> taken_apart(const std::string& text) {
  const auto end = text.find("\r\n\r\n") + 4;
  const std::string head = text.substr(0, end);
  const auto length = head.find("Content-Length: ");
  CHECK(std::stoul(head.substr(length + 16)) == text.size() - end);
  std::string body(20'000'000, '\0');
  std::size_t size = 0;
  auto* inflater = libdeflate_alloc_decompressor();
  const auto result = libdeflate_gzip_decompress(inflater, text.data() + end, text.size() - end,
                                                 body.data(), body.size(), &size);
  libdeflate_free_decompressor(inflater);
  CHECK(result == LIBDEFLATE_SUCCESS);
  body.resize(size);
  return {head, body};
}

std::string body_of(ProjectMode mode, const Link& one) {
  ServiceApi it = service_api(options(mode));
  std::string out;
  CHECK(it.encode({&one, 1}, out) == 1);
  return taken_apart(out).second;
}

/// Many distinct links with the texts they view.
struct Many {
  explicit Many(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      texts.push_back("anon-" + std::to_string(i));
    for (const auto& text : texts)
      links.push_back(link(text, "user"));
  }
  std::vector<std::string> texts;
  std::vector<Link> links;
};

Outcome answer(unsigned status, std::string_view body, std::size_t count = 3,
               ProjectMode mode = ProjectMode::original) {
  ServiceApi it = service_api(options(mode));
  const Many many(count);
  Outcome outcome;
  it.decode({.status = status, .content_type = "application/json", .body = body}, many.links,
            outcome);
  return outcome;
}

TEST_SUITE("send/import_api") {
  TEST_CASE("a batch is one gzip request to /import") {
    ServiceApiOptions chosen = options(ProjectMode::original);
    auto made = ServiceApi::make(chosen, "127.0.0.1:8080", "/base");
    REQUIRE(made.has_value());
    CHECK(made->links_max() == 2'000);
    const Many many(3);
    std::string out;
    CHECK(made->encode(many.links, out) == 3);
    const auto [head, body] = taken_apart(out);
    CHECK(
        head.starts_with("POST /base/import?strict=1&project_id=2195193 HTTP/1.1\r\n"
                         "Host: 127.0.0.1:8080\r\n"));
    CHECK(head.find("\r\nContent-Encoding: gzip\r\n") != std::string::npos);
    CHECK(head.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
    CHECK(head.find("\r\nAuthorization: Basic ") != std::string::npos);
    CHECK(head.find("open sesame") == std::string::npos);
  }

  TEST_CASE("each operation is the event that the project mode knows") {
    const auto tail = [](const Link& one) {
      return R"(,"token":"0123456789abcdef","time":1795000000,"$insert_id":")" + insert_id(one) +
             "\"}}]";
    };
    auto one = link("a\"1", "u1");
    CHECK(body_of(ProjectMode::original, one) ==
          R"([{"event":"$identify","properties":{"$identified_id":"u1","$anon_id":"a\"1",)"
          R"("distinct_id":"u1")" +
              tail(one));
    one = link("new", "old", Op::alias);
    const std::string alias =
        R"([{"event":"$create_alias","properties":{"alias":"new","distinct_id":"old")" + tail(one);
    CHECK(body_of(ProjectMode::original, one) == alias);
    CHECK(body_of(ProjectMode::legacy, one) == alias);
    one = link("a", "b", Op::merge);
    CHECK(body_of(ProjectMode::original, one) ==
          R"([{"event":"$merge","properties":{"$distinct_ids":["a","b"],"distinct_id":"b")" +
              tail(one));
    one = link("d1", "u1");
    CHECK(body_of(ProjectMode::simplified, one) ==
          R"([{"event":"Identity Link","properties":{"$device_id":"d1","$user_id":"u1")" +
              tail(one));
  }

  TEST_CASE("ids are sent as the plan has them") {
    CHECK(body_of(ProjectMode::simplified, link("d1", "u")).find(R"("$device_id":"d1")") !=
          std::string::npos);
    CHECK(body_of(ProjectMode::original, link("$device:d1", "u")).find(R"("$device:d1")") !=
          std::string::npos);
  }

  TEST_CASE("the same link has the same insert id for ever, and no other link has it") {
    CHECK(insert_id(link("anon", "user")) == insert_id(link("anon", "user")));
    std::set<std::string> ids;
    int count = 0;
    for (const Op op : {Op::create, Op::alias, Op::merge}) {
      for (const auto& [anon, user] :
           {std::pair{"a_b", "c"}, {"a", "_bc"}, {"", "a_bc"}, {"a_bc", ""}, {"c", "a_b"}}) {
        // The service also compares the event and the user.
        const auto id = insert_id(link(anon, user, op));
        CHECK(id.size() <= 36);
        ids.insert(fmt::format("{} {} {}", name(op), user, id));
        ++count;
      }
    }
    CHECK(ids.size() == static_cast<std::size_t>(count));
    // Pinned: a change here would make the service take repeated batches for new ones.
    CHECK(insert_id(link("anon", "user", Op::alias)) == "46238472d7e76d70a928f4dfc17d5b04");
    CHECK(insert_id(link("a_b", "user")) == "8cda6a42afc95fdf3b2b3df1b7852212");
  }

  TEST_CASE("to create a link, an anonymous id that may be an insert id is one") {
    const std::string uuid = "d6c157a4-4c38-46b9-94c1-f6536817233c";
    CHECK(insert_id(link(uuid, "user")) == uuid);
    CHECK(insert_id(link("A-9z", "user")) == "A-9z");
    const std::string digits = "0123456789abcdef0123456789abcdef";  // as a hash looks
    for (const std::string& anon : {uuid + "0", std::string("$device:1"), std::string("a b"),
                                    std::string("\xc3\xa4"), digits, std::string("a.b")}) {
      CAPTURE(anon);
      const auto id = insert_id(link(anon, "user"));
      CHECK(id != anon);
      CHECK(id.size() == 32);
      CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
      CHECK(id != insert_id(link(anon, "other")));
    }
    CHECK(insert_id(link(uuid, "user", Op::alias)) != uuid);
    CHECK(insert_id(link(uuid, "user", Op::merge)) != uuid);
  }

  TEST_CASE("a refusal by an insert id that two links have is a matter for halves") {
    const std::vector<Link> both{link("a", "u"), link("a", "v"), link("b", "v")};
    auto reader = service_api(options(ProjectMode::original));
    Outcome outcome;
    const auto decode = [&](std::string_view id) {
      const auto body = fmt::format(
          R"({{"code":400,"error":"some failed","failed_records":[{{"$insert_id":"{}","message":)"
          R"("no"}}],"num_records_imported":2,"status":"Bad Request"}})",
          id);
      Response response;
      response.status = 400;
      response.body = body;
      reader.decode(response, both, outcome);
    };
    decode("a");
    CHECK(outcome.kind == OutcomeKind::split);
    CHECK(outcome.refusals.empty());
    decode("b");
    CHECK(outcome.kind == OutcomeKind::delivered);
    REQUIRE(outcome.refusals.size() == 1);
    CHECK(outcome.refusals[0].link == 2);
  }

  TEST_CASE("a batch ends at the limit of links or of bytes, whichever comes first") {
    ServiceApiOptions chosen = options(ProjectMode::original);
    const Many many(2'500);
    std::string out;
    CHECK(service_api(chosen).encode(many.links, out) == 2'000);
    for (const std::size_t wrong : {0U, 2'001U}) {
      chosen.batch_links_max = wrong;
      const auto made = ServiceApi::make(chosen, "h", "");
      REQUIRE(!made);
      CHECK(made.error().what == "batch: an import request takes 1 to 2,000 links");
    }
    chosen.batch_links_max = 7;
    out.clear();
    CHECK(service_api(chosen).encode(many.links, out) == 7);
    chosen.batch_links_max = 2'000;
    chosen.batch_bytes_max = 10'000;
    out.clear();
    const auto fit = service_api(chosen).encode(many.links, out);
    CHECK(fit > 10);
    CHECK(fit < 100);
    CHECK(taken_apart(out).second.size() <= 10'000);
    chosen.batch_bytes_max = 1;  // one link always goes
    out.clear();
    CHECK(service_api(chosen).encode(many.links, out) == 1);
    CHECK(taken_apart(out).second.ends_with("}]"));
  }

  TEST_CASE("all taken is delivered, also when it is said again and again") {
    ServiceApi it = service_api(options(ProjectMode::original));
    const Many many(3);
    const Many fewer(2);
    Outcome outcome;
    const Response response{.status = 200,
                            .body = R"({"code":200,"num_records_imported":3,"status":"OK"})"};
    for (int i = 0; i < 3; ++i) {
      it.decode(response, many.links, outcome);
      CHECK(outcome.kind == OutcomeKind::delivered);
      CHECK(outcome.refusals.empty());
      it.decode(response, fewer.links, outcome);  // 3 of 2 is no answer to this batch
      CHECK(outcome.kind == OutcomeKind::foreign);
    }
  }

  TEST_CASE("less than all without a word which is halved") {
    CHECK(answer(200, R"({"code":200,"num_records_imported":2,"status":"OK"})").kind ==
          OutcomeKind::split);
    CHECK(answer(200, R"({"code":200,"num_records_imported":0,"status":"OK"})", 1).kind ==
          OutcomeKind::foreign);
  }

  TEST_CASE("200 with anything else is foreign") {
    for (const auto* body :
         {"", "1", "{}", R"({"status":1})", R"({"status":"OK"})", R"({"num_records_imported":3})",
          "<html>", R"({"code":200,"num_records_imported":-1,"status":"OK"})",
          R"({"code":200,"num_records_imported":"3","status":"OK"})"}) {
      CAPTURE(body);
      CHECK(answer(200, body).kind == OutcomeKind::foreign);
    }
  }

  TEST_CASE("a part is refused by index, and the rest is delivered") {
    const auto outcome = answer(
        400, R"({"code":400,"error":"some data points in the request failed validation",)"
             R"("failed_records":[{"index":2,"field":"properties.time","message":"too old"},)"
             R"({"index":0,"field":"","$insert_id":"","insert_id":null,"message":"bad id"}],)"
             R"("num_records_imported":1,"status":"Bad Request"})");
    CHECK(outcome.kind == OutcomeKind::delivered);
    REQUIRE(outcome.refusals.size() == 2);
    CHECK(outcome.refusals[0].link == 0);
    CHECK(outcome.refusals[0].message == "bad id");
    CHECK(outcome.refusals[1].link == 2);
    CHECK(outcome.refusals[1].message == "properties.time: too old");
  }

  TEST_CASE("a part is refused by insert id, in both spellings") {
    const Many many(3);
    for (const std::string key : {"$insert_id", "insert_id"}) {
      const auto outcome =
          answer(400, R"({"code":400,"error":"some failed","failed_records":[{")" + key + "\":\"" +
                          insert_id(many.links[1]) +
                          R"(","message":"no"}],"num_records_imported":2,"status":"Bad Request"})");
      CHECK(outcome.kind == OutcomeKind::delivered);
      REQUIRE(outcome.refusals.size() == 1);
      CHECK(outcome.refusals[0].link == 1);
    }
  }

  TEST_CASE("all may be refused, each by name") {
    const auto outcome = answer(
        400,
        R"({"error":"e","failed_records":[{"index":0,"message":"a"},{"index":1,"message":"b"}],)"
        R"("num_records_imported":0,"status":"Bad Request"})",
        2);
    CHECK(outcome.kind == OutcomeKind::delivered);
    CHECK(outcome.refusals.size() == 2);
  }

  TEST_CASE("a single link that is refused is refused, however it is said") {
    for (
        const auto* body :
        {R"({"error":"e","failed_records":[{"index":0,"message":"why"}],"num_records_imported":0})",
         R"({"error":"e","failed_records":["why"],"num_records_imported":0})",
         R"({"error":"why","failed_records":[],"num_records_imported":0})",
         R"({"code":400,"error":"why","status":"Bad Request"})", R"({"error":"why"})"}) {
      CAPTURE(body);
      const auto outcome = answer(400, body, 1);
      CHECK(outcome.kind == OutcomeKind::refused);
      CHECK(outcome.message == "why");
      CHECK(outcome.refusals.empty());
    }
  }

  TEST_CASE("an answer that contradicts itself is believed of no link") {
    const Many many(3);
    const auto id = [&](std::size_t i) { return insert_id(many.links[i]); };
    const auto body = [](std::string_view records, std::string_view rest) {
      return fmt::format(R"({{"error":"e","failed_records":[{}]{}}})", records, rest);
    };
    const std::vector<std::string> doubtful{
        body(R"({"index":1,"$insert_id":")" + id(2) + R"(","message":"m"})",
             R"(,"num_records_imported":2)"),
        body(R"({"index":1,"insert_id":"x","message":"m"})", R"(,"num_records_imported":2)"),
        body(R"({"index":3,"message":"m"})", R"(,"num_records_imported":2)"),
        body(R"({"index":"1","message":"m"})", R"(,"num_records_imported":2)"),
        body(R"({"index":1,"message":"m"})", ""),
        body(R"({"index":1,"message":"m"})", R"(,"num_records_imported":1)"),
        body(R"({"index":1,"message":"m"})", R"(,"num_records_imported":2,"code":200)"),
        body(R"({"index":1,"message":"m"})", R"(,"num_records_imported":2,"code":"400")"),
        body(R"({"index":1,"message":"m"})", R"(,"num_records_imported":2,"status":"OK")"),
        body(R"({"$insert_id":"unknown","message":"m"})", R"(,"num_records_imported":2)"),
        body(R"({"index":1,"$insert_id":7,"message":"m"})", R"(,"num_records_imported":2)"),
        body(R"({"index":1,"message":"m"},{"index":1,"message":"m"})",
             R"(,"num_records_imported":2)"),
        body(R"({"index":1,"index":2,"message":"m"})", R"(,"num_records_imported":2)"),
        body(R"({"$insert_id":")" + id(1) + R"(","insert_id":")" + id(2) + R"(","message":"m"})",
             R"(,"num_records_imported":2)"),
        body(R"({"index":1,"message":"m"})",
             R"(,"num_records_imported":2,"num_records_imported":0)"),
        body(R"({"index":1,"message":"m"})", R"(,"num_records_imported":"2")"),
        body("\"why\"", R"(,"num_records_imported":-1)"),
        R"({"error":"e","failed_records":"all","num_records_imported":0})",
        R"({"error":"no project","num_records_imported":3})"};
    for (const auto& text : doubtful) {
      CAPTURE(text);
      const auto outcome = answer(400, text);
      CHECK(outcome.kind == OutcomeKind::split);
      CHECK(outcome.refusals.empty());
      CHECK_FALSE(outcome.took_nothing);
    }
    // Of one link there is nothing left to split.
    for (
        const auto* text :
        {R"({"error":"e","failed_records":[{"index":9,"message":"why"}],"num_records_imported":0})",
         R"({"error":"e","failed_records":[{"index":0,"message":"why"}],"num_records_imported":1})",
         R"({"error":"e","failed_records":[{"index":0,"message":"why"}]})",
         R"({"error":"e","failed_records":[],"num_records_imported":1})",
         R"({"code":200,"error":"why"})", R"({"error":"why","status":"OK"})"}) {
      CAPTURE(text);
      CHECK(answer(400, text, 1).kind == OutcomeKind::foreign);
    }
    for (const auto* text :
         {R"({"code":400,"num_records_imported":3,"status":"OK"})",
          R"({"code":200,"error":"some failed","num_records_imported":3,"status":"OK"})",
          R"({"code":200,"error":{"a":1},"num_records_imported":3,"status":"OK"})",
          R"({"code":200,"errors":["no"],"num_records_imported":3,"status":"OK"})",
          R"({"code":200,"success":false,"num_records_imported":3,"status":"OK"})",
          R"({"code":200,"ERROR":"no","num_records_imported":3,"status":"OK"})"}) {
      CAPTURE(text);
      CHECK(answer(200, text).kind == OutcomeKind::foreign);
    }
    // An error that is none contradicts nothing, nor does an id that agrees.
    for (const auto* none : {"null", "\"\"", "[]", "{}"}) {
      CHECK(answer(200,
                   fmt::format(
                       R"({{"code":200,"error":{},"num_records_imported":3,"status":"OK"}})", none))
                .kind == OutcomeKind::delivered);
    }
    const auto agreed =
        answer(400, body(R"({"index":1,"$insert_id":")" + id(1) + R"(","message":"m"})",
                         R"(,"num_records_imported":2,"code":400,"status":"Bad Request")"));
    CHECK(agreed.kind == OutcomeKind::delivered);
    REQUIRE(agreed.refusals.size() == 1);
    CHECK(agreed.refusals[0].link == 1);
  }

  TEST_CASE("whether anything was taken is said with every answer that is repeated") {
    CHECK(answer(429, "").took_nothing);
    CHECK(answer(413, "").took_nothing);
    CHECK(answer(401, "").took_nothing);
    // Unless the body says otherwise.
    for (const unsigned status : {429U, 413U, 401U, 403U}) {
      CAPTURE(status);
      CHECK(answer(status, R"({"code":0,"status":0,"error":"e"})").took_nothing);
      CHECK(answer(status, R"({"num_records_imported":0})").took_nothing);
      for (const auto* taken : {R"({"code":200})", R"({"num_records_imported":1})",
                                R"({"status":"OK"})", R"({"status":1})"}) {
        CAPTURE(taken);
        CHECK_FALSE(answer(status, taken).took_nothing);
      }
    }
    CHECK(answer(413, R"({"code":200,"status":"OK"})", 1).kind == OutcomeKind::foreign);
    CHECK_FALSE(answer(413, "<html>413 Request Entity Too Large</html>").took_nothing);
    CHECK_FALSE(answer(429, R"({"num_records_imported":0,"status":"ok"})").took_nothing);
    CHECK_FALSE(answer(429, R"({"num_records_imported":"3"})").took_nothing);
    CHECK(answer(400, R"({"error":"project_id: is required","num_records_imported":0})")
              .took_nothing);
    CHECK(answer(400, R"({"error":"why","num_records_imported":0})").took_nothing);
    CHECK(answer(400, R"({"error":"why","failed_records":null,"num_records_imported":0})")
              .took_nothing);
    // Figures that are missing or do not add up say nothing.
    for (const auto* doubtful :
         {R"({"error":"project_id: is required"})", R"({"error":"why"})",
          R"({"error":"why","num_records_imported":null})",
          R"({"error":"why","failed_records":null})", R"({"error":"why","failed_records":[]})",
          R"({"error":"why","failed_records":[],"num_records_imported":0})",
          R"({"error":"e","failed_records":[{"index":1,"message":"m"}],"num_records_imported":0})",
          R"({"error":"e","failed_records":["a",{"index":1}],"num_records_imported":0})",
          R"({"error":"why","num_records_imported":0,"success":true})",
          R"({"error":"why","num_records_imported":0,"Num_Records_Imported":2})",
          R"({"error":"identity events are not allowed"})"}) {
      CAPTURE(doubtful);
      CHECK_FALSE(answer(400, doubtful).took_nothing);
    }
    CHECK(answer(400, R"({"error":"e","failed_records":["why"],"num_records_imported":0})")
              .took_nothing);
    CHECK_FALSE(answer(400, R"({"error":"e","failed_records":["why"],"num_records_imported":1})")
                    .took_nothing);
    CHECK_FALSE(answer(200, R"({"code":200,"num_records_imported":2,"status":"OK"})").took_nothing);
    for (const unsigned status : {408U, 500U, 502U, 503U, 504U, 404U, 302U}) {
      CHECK_FALSE(answer(status, "").took_nothing);
    }
  }

  TEST_CASE("a batch that fails without naming a link of it is halved") {
    for (
        const auto* body :
        {R"({"error":"why"})", R"({"error":"why","failed_records":[]})",
         R"({"error":"e","failed_records":["why"],"num_records_imported":0})",
         R"({"error":"e","failed_records":[{"index":3,"message":"why"}],"num_records_imported":2})",
         R"({"error":"e","failed_records":[{"index":-1,"message":"why"}]})",
         R"({"error":"e","failed_records":[{"$insert_id":"unknown","message":"why"}]})",
         R"({"error":"e","failed_records":[{"index":0,"message":"x"},"why"]})",
         R"({"error":"why","failed_records":[{"index":0,"message":"x"}],"num_records_imported":0})",
         R"({"error":"why","failed_records":[{"index":0,"message":"x"}],"num_records_imported":3})",
         R"({"error":"e","failed_records":[7]})", R"({"error":"e","failed_records":[{}]})"}) {
      CAPTURE(body);
      const auto outcome = answer(400, body);
      CHECK(outcome.kind == OutcomeKind::split);
      CHECK(outcome.refusals.empty());
    }
  }

  TEST_CASE("too large is halved, and of a single link it is the word of something between") {
    CHECK(answer(413, R"({"error":"request exceeds max limit of 2097152 bytes"})").kind ==
          OutcomeKind::split);
    CHECK(answer(413, "<html>413</html>").kind == OutcomeKind::split);
    for (const auto* body : {"", "<html>413</html>", R"({"code":413,"error":"too large"})"}) {
      CAPTURE(body);
      const auto outcome = answer(413, body, 1);
      CHECK(outcome.kind == OutcomeKind::foreign);
      CHECK(outcome.message.starts_with("the target answered 413"));
    }
  }

  TEST_CASE("the wrong project mode stops the job, with the remedy") {
    auto outcome = answer(
        400,
        R"({"code":400,"error":"some data points in the request failed validation",)"
        R"("failed_records":["identity events are not allowed when project is using simplified )"
        R"(identity management"],"num_records_imported":0,"status":"Bad Request"})");
    CHECK(outcome.kind == OutcomeKind::wrong_mode);
    CHECK(outcome.message.find("--project-mode simplified") != std::string::npos);

    const auto* missing =
        R"({"code":400,"error":"some data points in the request failed validation","failed_records":)"
        R"([{"index":0,"field":"properties.distinct_id","message":"'properties.distinct_id' is )"
        R"(invalid: must not be missing"}],"num_records_imported":0,"status":"Bad Request"})";
    outcome = answer(400, missing, 1, ProjectMode::simplified);
    CHECK(outcome.kind == OutcomeKind::wrong_mode);
    CHECK(outcome.message.find("--project-mode original") != std::string::npos);
    CHECK(answer(400, missing, 1, ProjectMode::original).kind == OutcomeKind::refused);

    outcome =
        answer(400, R"({"code":400,"error":"project_id: is required","status":"Bad Request"})");
    CHECK(outcome.kind == OutcomeKind::wrong_project);
    CHECK(outcome.message.find("--project-id") != std::string::npos);
  }

  TEST_CASE("ids within the service's words decide nothing") {
    ServiceApi it = service_api(options(ProjectMode::simplified));
    const std::vector<Link> links{link("bob@myproject.com", "u"), link("The Project", "v"),
                                  link("identity events are not allowed", "w"),
                                  link("a", "distinct_id must not be missing")};
    Outcome outcome;
    const auto kind = [&](std::string_view error) {
      const auto body =
          fmt::format(R"({{"code":400,"error":"{}","num_records_imported":0}})", error);
      it.decode({.status = 400, .content_type = "application/json", .body = body}, links, outcome);
      return outcome.kind;
    };
    for (const auto* error :
         {"invalid value: bob@myproject.com", "invalid value: carol@project.example",
          "invalid value: the project", "bad id 'identity events are not allowed'",
          "user distinct_id must not be missing: no"}) {
      CAPTURE(error);
      CHECK(kind(error) == OutcomeKind::split);
    }
    CHECK(kind("invalid project: bob@myproject.com") == OutcomeKind::wrong_project);
    CHECK(kind("a: identity events are not allowed") ==
          OutcomeKind::split);  // it is an id, word for word
    CHECK(kind("distinct_id: must not be missing") == OutcomeKind::wrong_mode);
  }

  TEST_CASE("secrets are hidden in all that a batch answer says, in any dress") {
    for (const std::string secret : {"open sesame", "b3BlbiBzZXNhbWU=", "6f70656e20736573616d65"}) {
      CAPTURE(secret);
      const auto outcome =
          answer(400, R"({"num_records_imported":2,"failed_records":[{"index":0,"field":")" +
                          secret + R"(","message":")" + secret + R"("}]})");
      REQUIRE(outcome.refusals.size() == 1);
      CHECK(outcome.refusals.front().message == "…: …");
      const auto whole = answer(400, R"({"error":"project )" + secret + "\"}");
      CHECK(whole.message.starts_with("project …: check --project-id"));
    }
  }

  TEST_CASE("a page for people refuses nothing") {
    CHECK(answer(400, "<html><title>400 Bad Request</title></html>").kind == OutcomeKind::foreign);
    CHECK(answer(404, "<html><title>Not Found</title></html>").message.find("--to") !=
          std::string::npos);
    CHECK(answer(404, "").kind == OutcomeKind::foreign);
    CHECK(answer(404, "").message.find("it has no /import at this path") != std::string::npos);
    CHECK(answer(401, R"({"code":401,"error":"Invalid credentials"})").kind ==
          OutcomeKind::unauthorized);
    CHECK(answer(429, R"({"code":429,"error":"Project exceeded rate limits."})").kind ==
          OutcomeKind::rate_limited);
    CHECK(answer(502, "<html>").kind == OutcomeKind::retry);
  }

  TEST_CASE("what an import needs is asked for before anything is sent") {
    for (const auto* id : {"", "abc", "12 3", "1&x=2", "999999999999999999999"}) {
      ServiceApiOptions it = options(ProjectMode::original);
      it.project_id = id;
      const auto made = ServiceApi::make(it, "h", "");
      REQUIRE(made.has_error());
      CHECK(made.error().what.starts_with("--project-id"));
    }
    const auto made = ServiceApi::make(options(ProjectMode::none), "h", "");
    REQUIRE(made.has_error());
    CHECK(made.error().what.find("--project-mode") != std::string::npos);
  }
}

}  // namespace
}  // namespace idmerge::testing
