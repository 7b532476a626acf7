// SPDX-License-Identifier: MIT
#include "send/sender.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libdeflate.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/process_identity.hpp"
#include "plan/planner.hpp"
#include "send/identity_api.hpp"
#include "send/import_api.hpp"
#include "send/open_run.hpp"
#include "send/run_log.hpp"
#include "util/exceptions.hpp"

#include "support/allocations.hpp"
#include "support/connected.hpp"
#include "support/loopback_server.hpp"
#include "support/outside.hpp"
#include "support/scratch.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::accepted;
using idmerge::testing::allocations;
using idmerge::testing::Certificates;
using idmerge::testing::free_port;
using idmerge::testing::http;
using idmerge::testing::LoopbackServer;
using idmerge::testing::Program;
using idmerge::testing::Reaction;
using idmerge::testing::Scratch;
using idmerge::testing::SeenRequest;
using idmerge::testing::ServerOptions;
using idmerge::testing::Welcome;

namespace fs = std::filesystem;

namespace {

/// A planned job of `links` links a0-u0, a1-u1, ...
struct Job {
  explicit Job(int links) {
    std::string text = "anonymous_id,user_id\n";
    for (int i = 0; i < links; ++i) {
      text += "a" + std::to_string(i) + ",u" + std::to_string(i) + "\n";
    }
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("pairs.csv", text)};
    REQUIRE(make_plan(options, dir(), files, progress));
  }

  /// Merges of two named columns, a and b.
  explicit Job(const std::string& merges) {
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("pairs.csv", merges)};
    options.row_reader.op = Op::merge;
    options.row_reader.id_fields = "a,b";
    REQUIRE(make_plan(options, dir(), files, progress));
  }

  std::string dir() const { return scratch.path("job"); }

  SendOptions options(const LoopbackServer& server) const { return options(server.url()); }
  SendOptions options(const std::string& url) const {
    SendOptions options;
    options.target = parse_target(url).value();
    options.service_api.token = Secret("token-0123456789");
    options.service_api.username = Secret("etl.12345");
    options.service_api.secret = Secret("s3cret");
    options.rate = Rate{0, false};
    options.connections = 4;
    options.backoff_min = 1ms;
    options.backoff_max = 4ms;
    options.timeout = 5s;
    options.seed = 1;
    return options;
  }

  SendOptions import_options(const LoopbackServer& server) const {
    auto options = this->options(server);
    options.service = &import_api;
    options.service_api.mode = ProjectMode::original;
    options.service_api.project_id = "12345";
    return options;
  }

  SendReport send(const SendOptions& options) {
    const auto report = send_plan(options, dir(), files, progress, stop);
    REQUIRE(report);
    CHECK(report->to_send == report->delivered + report->refused + report->pending);
    return *report;
  }

  Scratch scratch;
  RealFiles files;
  Progress progress;
  StopRequest stop;
};

Digest plan_digest(Job& job) {
  return PlanReader::open(job.files, job.dir() + "/plan").value().facts().digest;
}

/// Links that the checkpoint says may be delivered.
std::uint64_t in_doubt(Job& job) {
  const auto state = read_run(job.files, JobPaths{job.dir()}.run(), plan_digest(job));
  REQUIRE(state);
  return (*state)->checkpoint.in_doubt.size();
}

/// The anonymous id of a create request.
std::string anon_of(const SeenRequest& seen) {
  const std::string key = "\"$anon_id\":\"";
  const auto begin = seen.body.find(key) + key.size();
  return seen.body.substr(begin, seen.body.find('"', begin) - begin);
}

std::multiset<std::string> anons(const LoopbackServer& server) {
  std::multiset<std::string> ids;
  for (const auto& seen : server.seen())
    ids.insert(anon_of(seen));
  return ids;
}

/// Send a plan of which one link always meets this reaction: it alone is parked, in spite of its
/// neighbours. How often it was tried.
std::size_t tries_of_parked(const std::string& bad, const Reaction& reaction, int links,
                            std::uint32_t connections, std::uint32_t pipeline = 1,
                            Rate rate = {0, false}) {
  LoopbackServer server(
      [&](const SeenRequest& seen) { return anon_of(seen) == bad ? reaction : accepted(); });
  Job job(links);
  auto options = job.options(server);
  options.connections = connections;
  options.pipeline = pipeline;
  options.rate = rate;
  options.attempts = 3;
  const auto report = job.send(options);
  CHECK(!report.stop);
  CHECK(report.delivered == static_cast<std::uint64_t>(links) - 1);
  CHECK(report.parked == 1);
  return anons(server).count(bad);
}

/// The events of an import request.
std::string inflated(const SeenRequest& seen) {
  std::string body(1 << 20, '\0');
  std::size_t size = 0;
  libdeflate_decompressor* const inflate = libdeflate_alloc_decompressor();
  const auto done = libdeflate_gzip_decompress(inflate, seen.body.data(), seen.body.size(),
                                               body.data(), body.size(), &size);
  libdeflate_free_decompressor(inflate);
  REQUIRE(done == LIBDEFLATE_SUCCESS);
  body.resize(size);
  return body;
}

/// 200, and all links taken.
Reaction imported(std::size_t links) {
  return {
      http(200, fmt::format(R"({{"code":200,"num_records_imported":{},"status":"OK"}})", links))};
}

/// How many links an import request carries.
std::size_t links_of(const SeenRequest& seen) {
  const std::string body = inflated(seen);
  const std::string key = "\"$insert_id\"";
  std::size_t links = 0;
  for (auto at = body.find(key); at != std::string::npos; at = body.find(key, at + 1))
    ++links;
  return links;
}

/// Is it a request of one link, in JSON that is not compressed?
bool is_of_identity(const SeenRequest& seen) {
  return seen.body.front() == '{';
}

/// The anonymous ids of a request, whatever the API.
std::set<std::string> anons_of(const SeenRequest& seen) {
  const auto body = is_of_identity(seen) ? seen.body : inflated(seen);
  const std::string key = "\"$anon_id\":\"";
  std::set<std::string> anons;
  for (auto at = body.find(key); at != std::string::npos; at = body.find(key, at)) {
    at += key.size();
    anons.insert(body.substr(at, body.find('"', at) - at));
  }
  return anons;
}

/// A job whose process died while the service had the request of that number, after all before it
/// were accepted: the job directory as it stood then, and a service that says "already linked" ever
/// since.
class Crash {
 public:
  Crash(int links, bool batches, std::uint32_t connections, std::uint64_t requests,
        std::optional<Rate> rate = {})
      : job_(links),
        server_([this, requests](const SeenRequest& seen) { return react(seen, requests); }) {
    options_ = batches ? job_.import_options(server_) : job_.options(server_);
    options_.service_api.batch_links_max = 7;
    options_.connections = connections;
    options_.max_refused_percent.reset();
    if (rate) options_.rate = *rate;
    if (rate) options_.burst = 1;
    job_.send(options_);
    REQUIRE(std::filesystem::exists(image()));
    options_.rate = Rate{0, false};
  }

  /// Let the machine have been restarted. Returns the ceiling of the checkpoint.
  std::uint64_t lose_power() {
    const auto path = JobPaths{image()}.run().checkpoint();
    auto checkpoint = load_checkpoint(job_.files, path);
    REQUIRE(checkpoint);
    REQUIRE(*checkpoint);
    (*checkpoint)->boot = "before";
    REQUIRE(save_checkpoint(job_.files, path, **checkpoint));
    return (*checkpoint)->ceiling;
  }

  SendReport go_on() {
    says_already_ = true;
    const StopRequest stop;
    const auto report = send_plan(options_, image(), job_.files, job_.progress, stop);
    REQUIRE(report);
    return *report;
  }

  /// What had reached the service when the process died.
  const std::set<std::string>& seen_before() const { return seen_before_; }

  std::vector<std::string> listed_as_ambiguous() {
    std::istringstream lines(job_.scratch.read("image/runs/1-of-1/ambiguous.ndjson"));
    std::vector<std::string> anons;
    const std::string key = "\"anonymous_id\":\"";
    for (std::string line; std::getline(lines, line);) {
      const auto begin = line.find(key) + key.size();
      anons.push_back(line.substr(begin, line.find('"', begin) - begin));
    }
    return anons;
  }

 private:
  std::string image() const { return job_.scratch.path("image"); }

  /// The names and sizes of the job's files, and its checkpoint.
  std::string sketch() {
    std::set<std::string> lines;
    std::error_code gone;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(job_.dir(), gone)) {
      const auto size = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
      lines.insert(fmt::format("{} {}", entry.path().string(), size));
    }
    return fmt::format("{}\n{}", fmt::join(lines, "\n"),
                       job_.scratch.read("job/runs/1-of-1/checkpoint"));
  }

  /// Copy the job as a kill would leave it. The sync thread may be at work: then once more.
  void take_image() {
    std::error_code failed;
    std::string before;
    do {
      std::filesystem::remove_all(image(), failed);
      before = sketch();
      std::filesystem::copy(job_.dir(), image(), std::filesystem::copy_options::recursive, failed);
    } while (failed || sketch() != before);
  }

  Reaction react(const SeenRequest& seen, std::uint64_t requests) {
    const std::lock_guard lock(mutex_);
    const auto anons = anons_of(seen);
    if (!says_already_) {
      if (seen_ <= requests) seen_before_.insert(anons.begin(), anons.end());
      if (seen_++ == requests) {
        take_image();
        job_.stop.ask(SIGTERM);
        job_.stop.ask(SIGTERM);
      }
      return is_of_identity(seen) ? accepted() : imported(anons.size());
    }
    if (is_of_identity(seen)) {
      return {http(400, R"({"status":0,"error":"errAnonDistinctIdAssignedAlready"})")};
    }
    std::string failed;
    for (std::size_t i = 0; i < anons.size(); ++i) {
      failed += fmt::format(R"({}{{"index":{},"message":"errAnonDistinctIdAssignedAlready"}})",
                            i > 0 ? "," : "", i);
    }
    return {http(400, fmt::format(R"({{"code":400,"error":"e","failed_records":[{}],)"
                                  R"("num_records_imported":0,"status":"Bad Request"}})",
                                  failed))};
  }

  Job job_;
  SendOptions options_;
  std::mutex mutex_;
  std::uint64_t seen_ = 0;
  std::set<std::string> seen_before_;
  std::atomic<bool> says_already_ = false;
  LoopbackServer server_;  // last: it calls into the rest
};

/// A server that says yes to all requests it has read at once, and counts them.
class PipedServer {
 public:
  PipedServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { accept_all(); });
  }
  ~PipedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  const std::string& url() const { return url_; }
  int requests() const { return requests_; }
  int most_at_once() const { return most_at_once_; }

 private:
  void accept_all() {
    std::vector<std::thread> peers;
    for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;)
      peers.emplace_back([this, fd] { serve(fd); });
    for (auto& peer : peers)
      peer.join();
  }

  void serve(int fd) {
    std::string bytes(1 << 20, '\0');
    for (long n = 0; (n = ::recv(fd, bytes.data(), bytes.size(), 0)) > 0;) {
      const std::string_view read(bytes.data(), static_cast<std::size_t>(n));
      std::string answers;
      int count = 0;
      for (auto at = read.find("POST "); at != std::string_view::npos;
           at = read.find("POST ", at + 1)) {
        ++count;
        answers += accepted().bytes;
      }
      requests_ += count;
      int most = most_at_once_;
      while (count > most && !most_at_once_.compare_exchange_weak(most, count)) {
      }
      ::send(fd, answers.data(), answers.size(), MSG_NOSIGNAL);
    }
    ::close(fd);
  }

  int listener_;
  std::string url_;
  std::atomic<int> requests_ = 0;
  std::atomic<int> most_at_once_ = 0;
  std::thread thread_;
};

using Pair = std::pair<std::string, std::string>;

/// The ids of a merge request.
Pair merge_of(const SeenRequest& seen) {
  const std::string key = "\"$distinct_ids\":[\"";
  const auto begin = seen.body.find(key) + key.size();
  const auto middle = seen.body.find("\",\"", begin);
  return {seen.body.substr(begin, middle - begin),
          seen.body.substr(middle + 3, seen.body.find('"', middle + 3) - middle - 3)};
}

/// A planned job of merges within small clusters, some of which a service refuses.
struct MergeJob : Job {
  explicit MergeJob(std::mt19937_64& random) : MergeJob(random, draw(random)) {}

  MergeJob(std::mt19937_64& random, const std::vector<Pair>& drawn)
      : Job(text(drawn)), pairs(drawn) {
    // Each cluster loses a link that it has a spare for, and at random some more.
    std::bernoulli_distribution lot(0.3);
    for (const auto& pair : pairs) {
      if (pair.second.ends_with("_1") && pair.first.ends_with("_0")) {
        refused.insert(pair);
      } else if (lot(random)) {
        refused.insert(pair);
      }
    }
  }

  static std::vector<Pair> draw(std::mt19937_64& random) {
    std::vector<Pair> all;
    for (int cluster = 0; cluster < 12; ++cluster) {
      for (int a = 0; a < 5; ++a) {
        for (int b = a + 1; b < 5; ++b) {
          const auto name = "c" + std::to_string(cluster) + "_";
          all.emplace_back(name + std::to_string(a), name + std::to_string(b));
        }
      }
    }
    std::shuffle(all.begin(), all.end(), random);
    return all;
  }

  static std::string text(const std::vector<Pair>& all) {
    std::string out = "a,b\n";
    for (const auto& [a, b] : all)
      out += a + "," + b + "\n";
    return out;
  }

  bool is_refused(const Pair& pair) const { return refused.contains(pair); }
  static std::uint64_t union_find_links() { return 12 * 4; }

  std::vector<Pair> pairs;
  std::set<Pair> refused;
};

/// An outage ended the run, and put no link aside.
void check_outage(const SendReport& report, std::uint64_t pending) {
  REQUIRE(report.stop);
  CHECK(report.stop->code == Errc::outage);
  CHECK(report.pending == pending);
  CHECK(report.parked == 0);
}

#if defined(__SANITIZE_THREAD__)
constexpr bool threads_may_fork = false;  // it ends a forked process that starts a thread
#else
constexpr bool threads_may_fork = true;
#endif

/// How a process ended that went on here, with no memory for an operation of Asio's after so many:
/// 0 when it asked for no more than those, 2 when the run ended clean all the same, 3 when it ended
/// with an error that says so, 1 when it ended in words where nothing may be thrown.
int end_without_memory(Job& job, const SendOptions& options, std::size_t after) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    end_with_message();
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, STDERR_FILENO);
    testing::fail_of_asio(after);
    const auto sent = send_plan(options, job.dir(), job.files, job.progress, job.stop);
    if (!testing::has_failed_of_asio()) ::_exit(0);
    if (sent) ::_exit(sent->stop ? 4 : 2);
    ::_exit(sent.error() == thrown(std::bad_alloc()) ? 3 : 5);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_SUITE("send/sender") {
  TEST_CASE("every request that ends is reported, with what it took") {
    class Listener final : public Progress {
     public:
      void request_ended(const RequestEnded& request) override { requests.push_back(request); }
      std::vector<RequestEnded> requests;
    };
    LoopbackServer server([](const SeenRequest& seen) -> Reaction {
      if (seen.number == 0) return {http(503, "busy")};
      if (seen.number == 1) return {.bytes = {}, .then = Reaction::Then::close};
      auto reaction = accepted();
      reaction.wait = 2ms;
      return reaction;
    });
    Job job(5);
    auto options = job.options(server);
    options.connections = 1;
    Listener listener;
    const auto report = send_plan(options, job.dir(), job.files, listener, job.stop);
    REQUIRE(report);
    CHECK(report->delivered == 5);
    CHECK(listener.requests.size() == report->requests_now);
    const auto with_status = [&](unsigned status) {
      return std::count_if(listener.requests.begin(), listener.requests.end(),
                           [&](const auto& request) { return request.status == status; });
    };
    CHECK(with_status(503) == 1);
    CHECK(with_status(0) == 1);
    CHECK(with_status(200) == 5);
    const auto seen = server.seen();
    REQUIRE(seen.size() == listener.requests.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const auto& request = listener.requests[i];
      CHECK(request.links == 1);
      CHECK(request.request_bytes == seen[i].head.size() + seen[i].body.size());
      CHECK(request.latency > 0ns);
      if (request.status == 200) CHECK(request.latency >= 2ms);
      if (request.status == 200) CHECK(request.answer_body_bytes == 12);
      if (request.status == 503) CHECK(request.answer_body_bytes == 4);
    }
  }

  TEST_CASE("every link is sent once, with the body of the OpenAPI and Basic credentials") {
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    Job job(200);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 200);
    CHECK(report.pending == 0);
    CHECK(report.requests_now == 200);
    const auto seen = server.seen();
    CHECK(seen.size() == 200);
    const auto ids = anons(server);
    CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 200);
    CHECK(server.connections() <= 4);
    CHECK(seen[0].head.find("POST /identity/create HTTP/1.1\r\n") == 0);
    CHECK(seen[0].head.find("Authorization: Basic ZXRsLjEyMzQ1OnMzY3JldA==\r\n") !=
          std::string::npos);

    const auto again = job.send(job.options(server));
    CHECK(again.nothing_to_do);
    CHECK(again.delivered == 200);
    CHECK(server.seen().size() == 200);
  }

  TEST_CASE("a refusal is final, and its letter says why") {
    LoopbackServer server([](const SeenRequest& seen) {
      if (anon_of(seen) == "a3") return Reaction{http(400, R"({"error":"bad id","status":0})")};
      if (anon_of(seen) == "a4")
        return Reaction{http(200, R"({"status":0,"error":"no such user"})")};
      return accepted();
    });
    Job job(10);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 8);
    CHECK(report.refused == 2);
    CHECK(report.requests_now == 10);
    const auto letters = job.scratch.read("job/runs/1-of-1/refused.ndjson");
    CHECK(letters.find("\"anonymous_id\":\"a3\",\"user_id\":\"u3\"") != std::string::npos);
    CHECK(letters.find("\"status\":400,\"message\":\"bad id\"") != std::string::npos);
    CHECK(letters.find("\"status\":200,\"message\":\"no such user\"") != std::string::npos);
    CHECK(std::count(letters.begin(), letters.end(), '\n') == 2);
  }

  TEST_CASE("failures that pass are repeated until the link is delivered") {
    std::map<std::string, int> tries;
    LoopbackServer server([&](const SeenRequest& seen) {
      const auto attempt = tries[anon_of(seen)]++;
      const auto n = std::stoi(anon_of(seen).substr(1)) % 8;
      if (attempt > 1) return accepted();
      switch (n) {
        case 0:
          return Reaction{http(503, "busy")};
        case 1:
          return Reaction{http(500, "{}")};
        case 2:
          return Reaction{"", Reaction::Then::reset};
        case 3:
          return Reaction{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", Reaction::Then::close};
        case 4:
          return Reaction{"garbage\r\n\r\n", Reaction::Then::close};
        case 5:
          return Reaction{http(408, "")};
        case 6:
          return Reaction{http(502, "<html>bad gateway</html>", "Connection: close\r\n"),
                          Reaction::Then::close};
        default:
          return accepted();
      }
    });
    Job job(64);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 64);
    CHECK(report.retries_now >= 2 * 56);
  }

  TEST_CASE("a request without an answer ends with its deadline") {
    std::atomic<int> hung = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (anon_of(seen) == "a1" && hung++ == 0) return Reaction{"", Reaction::Then::hang};
      return accepted();
    });
    Job job(5);
    auto options = job.options(server);
    options.timeout = 300ms;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 5);
  }

  TEST_CASE("wrong credentials stop at once, lose nothing, and the right ones go on") {
    std::atomic<bool> right = false;
    LoopbackServer server([&](const SeenRequest&) {
      return right ? accepted() : Reaction{http(401, R"({"error":"Invalid credentials"})")};
    });
    Job job(100);
    const auto report = job.send(job.options(server));
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::service);
    CHECK(report.pending == 100);
    CHECK(report.requests_now <= 4);
    right = true;
    const auto again = job.send(job.options(server));
    CHECK(!again.stop);
    CHECK(again.delivered == 100);
  }

  TEST_CASE("credentials that stop being taken are read again, once") {
    const std::string changed = "Authorization: Basic ZXRsLjEyMzQ1Om5ldw==\r\n";
    LoopbackServer server([&](const SeenRequest& seen) {
      const bool is_new = seen.head.find(changed) != std::string::npos;
      if (seen.number < 50 || is_new) return accepted();
      return Reaction{http(401, R"({"error":"Invalid credentials"})")};
    });
    Job job(200);
    auto options = job.options(server);
    int read = 0;
    options.reread = [&]() -> Result<ServiceApiOptions> {
      ++read;
      auto fresh = options.service_api;
      fresh.secret = Secret("new");
      return fresh;
    };
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 200);
    CHECK(read == 1);

    Job astray(200);
    options.reread = [&]() -> Result<ServiceApiOptions> {
      auto fresh = options.service_api;
      fresh.token = Secret("token-of-another-project");
      fresh.secret = Secret("new");
      return fresh;
    };
    LoopbackServer both([&](const SeenRequest& seen) {
      const bool is_new = seen.head.find(changed) != std::string::npos;
      if (seen.number < 50 || is_new) return accepted();
      return Reaction{http(401, R"({"error":"Invalid credentials"})")};
    });
    options.target = parse_target(both.url()).value();
    const auto kept = astray.send(options);
    REQUIRE(kept.stop);
    CHECK(kept.stop->code == Errc::usage);
    CHECK(kept.stop->what.find("another project") != std::string::npos);
    CHECK(kept.delivered == 50);

    Job other(200);
    options.reread = [&] { return options.service_api; };
    LoopbackServer closed([&](const SeenRequest& seen) {
      return seen.number < 50 ? accepted() : Reaction{http(403, "{}")};
    });
    options.target = parse_target(closed.url()).value();
    const auto stopped = other.send(options);
    REQUIRE(stopped.stop);
    CHECK(stopped.stop->code == Errc::service);
    CHECK(stopped.delivered == 50);
  }

  TEST_CASE("a service that is not the one we think: nothing is delivered or refused") {
    LoopbackServer server(
        [](const SeenRequest&) { return Reaction{http(404, "<html>not here</html>")}; });
    Job job(100);
    const auto report = job.send(job.options(server));
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::service);
    CHECK(report.pending == 100);
    CHECK(report.requests_now <= 4);
  }

  TEST_CASE("what a job keeps and cannot go on with is named, unless it has served already") {
    struct World {
      std::string error;
      std::string_view unfit;
      std::string_view later;  // after a success
    };
    const std::vector<World> worlds{
        {R"({"code":400,"error":"some data points in the request failed validation",)"
         R"("failed_records":["identity events are not allowed when project is using simplified )"
         R"(identity management"],"num_records_imported":0,"status":"Bad Request"})",
         "project-mode", "project-mode"},
        {R"({"code":400,"error":"project_id: is required","status":"Bad Request"})", "project-id",
         ""}};
    for (const auto& world : worlds) {
      for (const int taken : {0, 1}) {
        CAPTURE(world.unfit);
        CAPTURE(taken);
        LoopbackServer server([&](const SeenRequest& seen) {
          if (seen.number < taken) {
            return Reaction{http(200, R"({"code":200,"num_records_imported":5,"status":"OK"})")};
          }
          return Reaction{http(400, world.error)};
        });
        Job job(20);
        auto options = job.import_options(server);
        options.service_api.batch_links_max = 5;
        options.connections = 1;
        const auto report = job.send(options);
        REQUIRE(report.stop);
        CHECK(report.stop->code == Errc::service);
        CHECK(report.unfit == (taken == 0 ? world.unfit : world.later));
        CHECK(report.delivered == 5U * static_cast<unsigned>(taken));
        CHECK(report.refused == 0);
      }
    }
  }

  TEST_CASE("foreign answers after a success are borne, three in a row are not") {
    LoopbackServer server([](const SeenRequest& seen) {
      if (seen.number < 50) return accepted();
      return Reaction{http(302, "", "Location: https://login.example/\r\n")};
    });
    Job job(100);
    auto options = job.options(server);
    options.connections = 1;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::service);
    CHECK(report.delivered == 50);
    CHECK(report.requests_now == 53);
  }

  TEST_CASE("one bad instant of a proxy stops no job, however many requests are under way") {
    std::mutex mutex;
    int foreign = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      const std::lock_guard lock(mutex);
      // Each of the workers meets it, at any rate, before the first of them tries again.
      if (seen.number < 20 || foreign >= 8) return accepted();
      ++foreign;
      return Reaction{http(404, "default backend - 404")};
    });
    Job job(200);
    auto options = job.options(server);
    options.connections = 8;
    options.backoff_min = 300ms;
    options.backoff_max = 400ms;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 200);
    CHECK(report.refused == 0);
    CHECK(foreign == 8);
  }

  TEST_CASE("an outage leaves all links pending, however often they were tried") {
    Job job(20);
    std::string url;
    {
      LoopbackServer gone([](const SeenRequest&) { return accepted(); });
      url = gone.url();
    }
    auto options = job.options(url);
    options.attempts = 2;
    options.give_up_after = 200ms;
    const auto report = job.send(options);
    check_outage(report, 20);
  }

  TEST_CASE("an outage that answers puts no link aside either: no neighbour is better off") {
    LoopbackServer server([](const SeenRequest&) { return Reaction{http(503, "down")}; });
    Job job(20);
    auto options = job.options(server);
    options.attempts = 2;
    options.give_up_after = 200ms;
    const auto report = job.send(options);
    check_outage(report, 20);
  }

  TEST_CASE("a service that wants a client certificate says so at once, whatever its TLS") {
    const Scratch scratch;
    const Certificates authority(scratch.path());
    const auto certificate = authority.sign("service", "DNS:localhost");
    for (const std::string version : {"-tls1_2", "-tls1_3"}) {
      CAPTURE(version);
      const auto port = free_port();
      const Program server(
          {"openssl", "s_server", "-accept", fmt::format("127.0.0.1:{}", port), "-cert",
           certificate, "-key", scratch.path("service.key"), "-CAfile", authority.authority,
           "-Verify", "2", "-verify_return_error", "-quiet", "-www", version},
          port);
      Job job(20);
      auto options = job.options(fmt::format("https://localhost:{}", port));
      options.tls.ca_cert = authority.authority;
      options.give_up_after = 5s;
      const auto report = job.send(options);
      REQUIRE(report.stop);
      CHECK(report.stop->code == Errc::service);
      CHECK_MESSAGE(report.stop->what.find("check --client-cert") != std::string::npos,
                    report.stop->what);
      CHECK(report.pending == 20);
      CHECK(report.parked == 0);
    }
  }

  TEST_CASE("what ends a connection is told with the target it was to") {
    LoopbackServer server([](const SeenRequest&) { return Reaction{"220 smtp ready\r\n\r\n"}; });
    Job job(1);
    auto options = job.options(server);
    options.give_up_after = 100ms;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK_MESSAGE(report.stop->what.find("last: " + options.target.authority() + ": not HTTP: ") !=
                      std::string::npos,
                  report.stop->what);
  }

  TEST_CASE("being limited for longer than --give-up-after is an outage") {
    LoopbackServer server(
        [](const SeenRequest&) { return Reaction{http(429, "{}", "Retry-After: 60\r\n")}; });
    Job job(20);
    auto options = job.options(server);
    options.give_up_after = 200ms;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::outage);
    CHECK(report.requests_now <= 4);
    CHECK(report.pending == 20);
  }

  TEST_CASE("Retry-After pauses all workers together") {
    std::mutex mutex;
    std::optional<std::chrono::steady_clock::time_point> limited_at;
    std::vector<std::chrono::nanoseconds> after;
    LoopbackServer server([&](const SeenRequest& seen) {
      const std::lock_guard lock(mutex);
      const auto now = std::chrono::steady_clock::now();
      if (limited_at) after.push_back(now - *limited_at);
      if (seen.number != 20) return accepted();
      limited_at = now;
      return Reaction{http(429, "{}", "Retry-After: 1\r\n")};
    });
    Job job(200);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 200);
    CHECK(report.rate_limited_now == 1);
    // Within the pause only that may arrive which left before the 429 was read: what the other
    // workers had under way, on a busy machine a few more. Without a pause it would be all 180.
    CHECK(std::count_if(after.begin(), after.end(), [](auto t) { return t < 900ms; }) <= 20);
  }

  TEST_CASE("a pause that the service asked for holds for the next run, and is told to people") {
    struct Heard : Progress {
      void note(Weight, std::string_view line) override { lines.emplace_back(line); }
      std::vector<std::string> lines;
    };
    for (const bool is_long : {false, true}) {
      std::mutex mutex;
      std::vector<std::chrono::steady_clock::time_point> at;
      LoopbackServer server([&](const SeenRequest&) {
        const std::lock_guard lock(mutex);
        at.push_back(std::chrono::steady_clock::now());
        if (at.size() > 1) return accepted();
        return Reaction{http(429, "{}", is_long ? "Retry-After: 3600\r\n" : "Retry-After: 1\r\n")};
      });
      Job job(20);
      auto options = job.options(server);
      options.connections = 1;
      options.give_up_after = 100ms;
      const auto rate_limited = job.send(options);
      REQUIRE(rate_limited.stop);
      CHECK(rate_limited.stop->code == Errc::outage);
      CHECK(rate_limited.requests_now == 1);
      if (!is_long) options.give_up_after = 1h;
      Heard heard;
      const auto report = send_plan(options, job.dir(), job.files, heard, job.stop);
      REQUIRE(report);
      if (is_long) {  // it is an outage still
        REQUIRE(report->stop);
        CHECK(report->stop->what.starts_with("the service asked for a pause until "));
        CHECK(report->stop->what.find("Z (for ") != std::string::npos);
        CHECK(report->requests_now == 0);
        REQUIRE(heard.lines.size() == 1);
        CHECK(heard.lines[0].starts_with("the service asked an earlier run to wait: 59m"));
      } else {
        REQUIRE(report->delivered == 20);
        CHECK(at[1] - at[0] >= 1s);
      }
    }
  }

  TEST_CASE("a service with a limit of its own is found out, and not pressed again and again") {
    std::mutex mutex;
    std::deque<std::chrono::steady_clock::time_point> taken;
    int rate_limited = 0;
    LoopbackServer server([&](const SeenRequest&) {
      const std::lock_guard lock(mutex);
      const auto now = std::chrono::steady_clock::now();
      while (!taken.empty() && now - taken.front() > 100ms)
        taken.pop_front();
      if (taken.size() >= 30) {
        ++rate_limited;
        return Reaction{http(429, "{}")};
      }
      taken.push_back(now);
      return accepted();
    });
    Job job(600);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 600);
    CHECK(rate_limited < 200);
    CHECK(report.elapsed >= 1'500ms);
  }

  TEST_CASE("a link that always fails while others succeed is parked, and tried again later") {
    std::atomic<bool> fixed = false;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (anon_of(seen) == "a5" && !fixed) return Reaction{http(500, "{}")};
      return accepted();
    });
    Job job(300);
    auto options = job.options(server);
    options.attempts = 3;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 299);
    CHECK(report.parked == 1);
    CHECK(report.pending == 1);
    CHECK(anons(server).count("a5") == 4);  // three, and once more at the end
    fixed = true;
    const auto again = job.send(options);
    CHECK(!again.nothing_to_do);
    CHECK(again.delivered == 300);
    CHECK(again.parked == 0);
    CHECK(job.send(options).nothing_to_do);
  }

  TEST_CASE("'already linked' on a repeat is a delivery that is not quite certain") {
    std::map<std::string, int> tries;
    LoopbackServer server([&](const SeenRequest& seen) {
      // a1 is linked, but its answer gets lost; a2 was somebody else's from the start.
      const std::string taken =
          http(400, R"({"status":0,"error":"errAnonDistinctIdAssignedAlready"})");
      if (anon_of(seen) == "a2") return Reaction{taken};
      if (anon_of(seen) != "a1") return accepted();
      return tries["a1"]++ == 0 ? Reaction{"", Reaction::Then::reset} : Reaction{taken};
    });
    Job job(4);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 3);
    CHECK(report.ambiguous == 1);
    CHECK(report.refused == 1);
  }

  TEST_CASE("'already linked' after answers that took nothing is a refusal") {
    const std::string taken = http(400, R"({"status":0,"error":"errAliasAlreadyExists"})");
    for (const auto& nothing :
         {http(429, "{}"), http(200, R"({"status":0,"error":"temporary failure"})")}) {
      CAPTURE(nothing);
      std::mutex mutex;
      std::set<std::string> asked;
      LoopbackServer server([&](const SeenRequest& seen) {
        const std::lock_guard lock(mutex);
        const auto anon = anon_of(seen);
        // The control: of a2 it is not known what became of the first try.
        if (asked.insert(anon).second) return Reaction{anon == "a2" ? http(502, "{}") : nothing};
        return Reaction{taken};
      });
      Job job(4);
      auto options = job.options(server);
      options.adaptive = false;
      options.max_refused_percent.reset();
      const auto report = job.send(options);
      CHECK(!report.stop);
      CHECK(report.refused == 3);
      CHECK(report.delivered == 1);
      CHECK(report.ambiguous == 1);
    }
  }

  TEST_CASE("nor do the halves of a batch that was not taken count as attempted") {
    for (const auto& nothing :
         {http(413, R"({"code":413,"error":"too large"})"),
          http(400,
               R"({"code":400,"error":"e","failed_records":["why"],"num_records_imported":0})"),
          http(429, "{}")}) {
      CAPTURE(nothing);
      LoopbackServer server([&](const SeenRequest& seen) {
        if (seen.number == 0) return Reaction{nothing};
        std::string failed;
        for (std::size_t i = 0; i < links_of(seen); ++i) {
          failed += fmt::format(R"({}{{"index":{},"message":"errAliasAlreadyExists"}})",
                                i > 0 ? "," : "", i);
        }
        return Reaction{http(400, fmt::format(R"({{"code":400,"error":"e","failed_records":[{}],)"
                                              R"("num_records_imported":0}})",
                                              failed))};
      });
      Job job(4);
      auto options = job.import_options(server);
      options.connections = 1;
      options.adaptive = false;
      options.max_refused_percent.reset();
      const auto report = job.send(options);
      CHECK(!report.stop);
      CHECK(report.refused == 4);
      CHECK(report.ambiguous == 0);
    }
  }

  TEST_CASE("after a kill 'already linked' is a delivery of what had left, else a refusal") {
    // At the first request nothing was settled that would have been written together with it.
    for (const std::uint64_t requests : {0U, 9U}) {
      for (const bool batches : {false, true}) {
        for (const std::uint32_t connections : {1U, 4U}) {
          CAPTURE(requests);
          CAPTURE(batches);
          CAPTURE(connections);
          Crash crash(200, batches, connections, requests);
          const auto report = crash.go_on();
          CHECK(!report.stop);
          CHECK(report.pending == 0);
          const auto& seen = crash.seen_before();
          const std::uint64_t under_way = std::uint64_t{connections} * (batches ? 7 : 1);
          const auto listed = crash.listed_as_ambiguous();
          CHECK(report.ambiguous == listed.size());
          CHECK(report.ambiguous >= 1);
          CHECK(report.ambiguous <= under_way);
          CHECK(report.delivered <= seen.size() + under_way);
          if (connections > 1) continue;  // others were on their way to the service
          CHECK(report.ambiguous == under_way);
          CHECK(report.delivered == seen.size());
          for (const auto& anon : listed)
            CHECK(seen.contains(anon));
        }
      }
    }
  }

  TEST_CASE("after a power loss it is a delivery below the ceiling, and nowhere else") {
    Crash crash(3'000, false, 2, 20, Rate{100, false});
    const auto ceiling = crash.lose_power();
    CHECK(ceiling > 20);
    CHECK(ceiling < 600);
    const auto report = crash.go_on();
    CHECK(!report.stop);
    CHECK(report.pending == 0);
    CHECK(report.delivered <= ceiling);
    CHECK(report.ambiguous > 300);
    CHECK(report.refused == 3'000 - report.delivered);
  }

  // tests/send/version_3 is what such a program left, when it was killed: 120 links a0-u0 ... at
  // 20/s over two connections; a2 was refused, and the answers to a27 and a28 were awaited.
  TEST_CASE("a job of the version before is gone on with, and its whole window counts as sent") {
    for (const bool power_lost : {false, true}) {
      CAPTURE(power_lost);
      LoopbackServer server([](const SeenRequest&) {
        return Reaction{http(400, R"({"status":0,"error":"errAnonDistinctIdAssignedAlready"})")};
      });
      Job job(1);
      auto options = job.options(server);
      options.max_refused_percent.reset();
      const std::filesystem::path old = std::filesystem::path(IDMERGE_TEST_DATA) / "send/version_3";
      const auto run = JobPaths{job.dir()}.run();
      const auto replace = std::filesystem::copy_options::overwrite_existing;
      std::filesystem::copy_file(old / "plan", JobPaths{job.dir()}.plan(), replace);
      for (const auto* name : {"checkpoint", "journal.3", "refused.ndjson"})
        std::filesystem::copy_file(old / name, run.dir + "/" + name, replace);
      auto checkpoint = load_checkpoint(job.files, run.checkpoint());
      REQUIRE_MESSAGE(checkpoint, checkpoint);
      REQUIRE(*checkpoint);
      REQUIRE((*checkpoint)->old_window == OldWindow{85});
      {
        // It was begun with another port, on another machine.
        const auto plan = PlanReader::open(job.files, JobPaths{job.dir()}.plan());
        REQUIRE(plan);
        (*checkpoint)->target = target_fingerprint(options, plan->facts());
        (*checkpoint)->boot = power_lost ? "before" : boot_here();
        REQUIRE(save_checkpoint(job.files, run.checkpoint(), **checkpoint));
      }
      const auto report = job.send(options);
      CHECK(!report.stop);
      CHECK(report.pending == 0);
      CHECK(report.ambiguous == (power_lost ? 4 + 85 : 4));
      CHECK(report.delivered == 26 + report.ambiguous);
      CHECK(report.refused == 120 - report.delivered);
      CHECK(server.seen().size() == 120 - 27);
      const auto now = load_checkpoint(job.files, run.checkpoint());
      REQUIRE(now);
      CHECK((*now)->finished);
      CHECK(!(*now)->old_window);
      CHECK(!std::filesystem::exists(run.journal(3)));
      CHECK(job.send(options).nothing_to_do);
    }
  }

  TEST_CASE("a kept connection that ends upon a request may have delivered it") {
    // The server takes a5 and closes without a word, as it might when it is restarted.
    int tries = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (anon_of(seen) != "a5") return accepted();
      if (tries++ == 0) return Reaction{"", Reaction::Then::close};
      return Reaction{http(400, R"({"status":0,"error":"errAnonDistinctIdAssignedAlready"})")};
    });
    Job job(10);
    auto options = job.options(server);
    options.connections = 1;
    options.attempts = 1;  // and it costs no attempt
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 10);
    CHECK(report.ambiguous == 1);
    CHECK(report.refused == 0);
  }

  TEST_CASE("a link upon which the service always hangs up is parked, on a kept connection, too") {
    CHECK(tries_of_parked("a5", {"", Reaction::Then::close}, 50, 2) <= 2 * 4);
    // Nor does it go from one kept connection to the next while its turns come slowly.
    CHECK(tries_of_parked("a5", {"", Reaction::Then::close}, 50, 8, 1, Rate{200, false}) <= 2 * 4);
  }

  TEST_CASE(
      "bad links one after the other hold up nobody, even if they are all that is under way") {
    LoopbackServer server([&](const SeenRequest& seen) {
      const auto number = std::stoi(anon_of(seen).substr(1));
      return number >= 20 && number < 27 ? Reaction{http(500, "{}")} : accepted();
    });
    for (const std::uint32_t connections : {1U, 4U}) {
      CAPTURE(connections);
      Job job(100);
      auto options = job.options(server);
      options.connections = connections;
      options.attempts = 3;
      const auto report = job.send(options);
      CHECK(!report.stop);
      CHECK(report.delivered == 93);
      CHECK(report.parked == 7);
    }
    for (int bad = 20; bad < 27; ++bad)
      CHECK(anons(server).count("a" + std::to_string(bad)) == 2 * 4);
  }

  TEST_CASE("the last link of a plan is parked, too, when nobody is left to succeed beside it") {
    CHECK(tries_of_parked("a19", {http(503, "{}")}, 20, 1) == 4);
  }

  TEST_CASE("the only batch of a plan is halved until its bad link stands alone") {
    std::mutex mutex;
    std::size_t taken = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (inflated(seen).find("\"a33\"") != std::string::npos) return Reaction{http(500, "{}")};
      const std::lock_guard lock(mutex);
      const auto links = links_of(seen);
      taken += links;
      return imported(links);
    });
    Job job(50);
    auto options = job.import_options(server);
    options.attempts = 2;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 49);
    CHECK(report.parked == 1);
    CHECK(taken == 49);
  }

  TEST_CASE("a service that may be closed is asked with one link, also by those who wait already") {
    std::mutex mutex;
    std::vector<std::size_t> sizes;
    std::chrono::steady_clock::time_point limited_at;
    std::optional<std::size_t> first_after;  // the pause, when nothing is under way any more
    LoopbackServer server([&](const SeenRequest& seen) {
      const auto links = links_of(seen);
      const std::lock_guard lock(mutex);
      const auto now = std::chrono::steady_clock::now();
      if (sizes.empty()) limited_at = now;
      if (now - limited_at >= 1s && !first_after) first_after = links;
      sizes.push_back(links);
      if (sizes.size() > 2) return imported(links);
      return Reaction{http(429, "{}", "Retry-After: 1\r\n")};
    });
    Job job(400);
    auto options = job.import_options(server);
    options.service_api.batch_links_max = 100;
    options.rate = Rate{1'000, false};  // the first one leaves, the others wait for a tenth
    options.burst = 1;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 400);
    REQUIRE(sizes.size() > 3);
    CHECK(sizes[0] == 100);
    CHECK(first_after == 1U);
    CHECK(*std::max_element(sizes.begin() + 3, sizes.end()) > 1);
  }

  TEST_CASE("an answer about the project stops the job, and no link is to blame") {
    LoopbackServer server([&](const SeenRequest&) {
      return Reaction{
          http(400, R"({"code":400,"error":"project_id: is required","status":"Bad Request"})")};
    });
    Job job(40);
    auto options = job.import_options(server);
    options.service_api.batch_links_max = 10;
    options.connections = 1;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::service);
    CHECK(report.stop->what.find("check --project-id") != std::string::npos);
    CHECK(report.requests_now == 1);
    CHECK(report.refused == 0);
    CHECK(report.pending == 40);
  }

  TEST_CASE("halves of a batch remember that the whole was sent") {
    LoopbackServer server([&](const SeenRequest& seen) {
      switch (seen.number) {
        case 0:
          return Reaction{"", Reaction::Then::close};  // taken, perhaps
        case 1:
          return Reaction{http(413, R"({"code":413,"error":"too large","status":"Bad Request"})")};
        default:
          return Reaction{http(400,
                               R"({"code":400,"error":"some data points in the request failed )"
                               R"(validation","failed_records":[{"index":0,)"
                               R"("field":"alias","message":"errAliasAlreadyExists"}],)"
                               R"("num_records_imported":1,"status":"Bad Request"})")};
      }
    });
    Job job(4);
    auto options = job.import_options(server);
    options.connections = 1;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.requests_now == 4);
    CHECK(report.delivered == 4);
    CHECK(report.ambiguous == 2);
    CHECK(report.refused == 0);
  }

  TEST_CASE("an answer too many takes back what its connection had settled") {
    // The service refuses a3 and a11. Something on the way answers one request twice, so that those
    // behind it get the answers of others, until it shows.
    const auto truth = [](const std::string& anon) {
      if (anon != "a3" && anon != "a11") return accepted();
      return Reaction{http(400, R"({"status":0,"error":"no"})")};
    };
    for (const std::uint32_t pipeline : {1U, 4U}) {
      for (const std::string doubled : {"a0", "a2", "a10", "a19"}) {
        CAPTURE(pipeline);
        CAPTURE(doubled);
        std::map<std::string, int> asked;
        std::string owed;
        int shifted = -1;
        LoopbackServer server([&](const SeenRequest& seen) {
          const auto anon = anon_of(seen);
          auto answer = truth(anon);
          const bool is_doubled = ++asked[anon] == 1 && anon == doubled;
          if (seen.connection == shifted) {  // its own comes when the next one is asked for
            std::swap(answer.bytes, owed);
          } else if (is_doubled) {
            shifted = seen.connection;
            owed = answer.bytes;
          }
          // The last one in time shows what is owed.
          if (seen.connection == shifted && anon == "a19") answer.bytes += std::exchange(owed, "");
          return answer;
        });
        Job job(20);
        auto options = job.options(server);
        options.connections = 1;
        options.pipeline = pipeline;
        options.sync_every = std::chrono::hours(1'000'000);  // nothing becomes durable
        options.max_refused_percent.reset();
        struct Notes : Progress {
          void note(Weight, std::string_view line) override { lines.emplace_back(line); }
          std::vector<std::string> lines;
        } notes;
        const auto report = send_plan(options, job.dir(), job.files, notes, job.stop);
        REQUIRE(report);
        CHECK(!report->stop);
        CHECK(report->delivered == 18);
        CHECK(report->refused == 2);
        CHECK(report->refused_now == 2);
        CHECK(report->pending == 0);
        CHECK(std::count_if(notes.lines.begin(), notes.lines.end(), [](const std::string& line) {
                return line.find("came without a request") != std::string::npos;
              }) == 1);
        const auto refused = job.scratch.read("job/runs/1-of-1/refused.ndjson");
        CHECK(std::count(refused.begin(), refused.end(), '\n') == 2);
        CHECK(refused.find("\"a3\"") != std::string::npos);
        CHECK(refused.find("\"a11\"") != std::string::npos);
        CHECK(asked["a19"] >= 2);
      }
    }
  }

  TEST_CASE("a service that answers everything twice is gone on with, and so is one with hints") {
    for (const std::uint32_t pipeline : {1U, 4U}) {
      CAPTURE(pipeline);
      LoopbackServer twice(
          [](const SeenRequest&) { return Reaction{accepted().bytes + accepted().bytes}; });
      Job job(40);
      auto options = job.options(twice);
      options.connections = 2;
      options.pipeline = pipeline;
      const auto report = job.send(options);
      CHECK(!report.stop);
      CHECK(report.delivered == 40);

      LoopbackServer hinting([](const SeenRequest&) {
        return Reaction{"HTTP/1.1 103 Early Hints\r\n\r\n" + accepted().bytes +
                        "HTTP/1.1 103 Early Hints\r\n\r\n"};
      });
      Job other(40);
      options = other.options(hinting);
      options.connections = 1;
      options.pipeline = pipeline;
      CHECK(other.send(options).delivered == 40);
      CHECK(anons(hinting).size() == 40);
      CHECK(hinting.connections() == 1);
    }
  }

  TEST_CASE("what is durable when an answer comes too many stays, and that is said once") {
    // All but the last second is on disk by then.
    LoopbackServer server([](const SeenRequest& seen) {
      auto answer = accepted();
      if (anon_of(seen) == "a29") answer.bytes += answer.bytes;
      return answer;
    });
    Job job(30);
    auto options = job.options(server);
    options.connections = 1;
    options.rate = Rate{30, false};
    options.burst = 1;
    options.sync_every = 1ms;
    struct Notes : Progress {
      void note(Weight, std::string_view line) override { text += std::string(line) + "\n"; }
      std::string text;
    } notes;
    const auto report = send_plan(options, job.dir(), job.files, notes, job.stop);
    REQUIRE(report);
    CHECK(report->delivered == 30);
    CHECK(anons(server).count("a0") == 1);
    CHECK(anons(server).count("a29") >= 2);
    CHECK(notes.text.find("are on disk and stay as they are") != std::string::npos);
    CHECK(notes.text.find("are on disk") == notes.text.rfind("are on disk"));
  }

  TEST_CASE("'too many' that may have been another request's answer leaves a link in doubt") {
    // a1's own answer stands behind a second one to a0, which was limited.
    std::map<std::string, int> asked;
    LoopbackServer server([&](const SeenRequest& seen) {
      const auto anon = anon_of(seen);
      const auto times = ++asked[anon];
      if (anon == "a1" && times == 1) {
        return Reaction{http(429, "", "Retry-After: 0\r\n") + accepted().bytes};
      }
      if (anon == "a1") {
        return Reaction{http(400, R"({"status":0,"error":"errAnonDistinctIdAssignedAlready"})")};
      }
      return accepted();
    });
    Job job(3);
    auto options = job.options(server);
    options.connections = 1;
    options.max_refused_percent.reset();
    const auto report = job.send(options);
    CHECK(report.delivered == 3);
    CHECK(report.ambiguous == 1);
  }

  TEST_CASE("what was closed on after it was sent may be delivered, and the next runs know") {
    for (const bool kept : {false, true}) {
      CAPTURE(kept);
      Job job(10);
      std::atomic<bool> hangs = true;
      LoopbackServer server([&](const SeenRequest& seen) {
        if (!hangs) {
          return Reaction{http(400, R"({"status":0,"error":"errAnonDistinctIdAssignedAlready"})")};
        }
        if (kept && seen.number == 0) return accepted();
        job.stop.ask(2);
        job.stop.ask(2);
        return Reaction{"", Reaction::Then::hang};
      });
      auto options = job.options(server);
      options.connections = 1;
      options.timeout = 600s;
      options.drain = 600s;
      const auto report = job.send(options);
      REQUIRE(report.stop);
      const auto run = JobPaths{job.dir()}.run();
      CHECK(in_doubt(job) == 1);

      // A run that ends before it has settled the doubtful link does not forget it.
      hangs = false;
      const StopRequest none;
      options.max_requests = 0;
      REQUIRE(send_plan(options, job.dir(), job.files, job.progress, none));
      CHECK(in_doubt(job) == 1);
      options.max_requests = 1;
      const auto again = send_plan(options, job.dir(), job.files, job.progress, none);
      REQUIRE(again);
      CHECK(again->ambiguous == 1);
      CHECK(again->refused == 0);
      options.max_requests.reset();
      options.max_refused_percent.reset();
      const auto last = send_plan(options, job.dir(), job.files, job.progress, none);
      REQUIRE(last);
      CHECK(last->ambiguous == 1);
      CHECK(last->refused == (kept ? 8 : 9));
    }
  }

  TEST_CASE("--pipeline: several requests under way on a line, every link once") {
    PipedServer server;
    Job job(1'000);
    auto options = job.options(server.url());
    options.connections = 2;
    options.pipeline = 16;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 1'000);
    CHECK(report.requests_now == 1'000);
    CHECK(report.retries_now == 0);
    CHECK(server.requests() == 1'000);
    // A pipe leaves with one write, and on loopback arrives as one.
    CHECK(server.most_at_once() == 16);
  }

  TEST_CASE("--pipeline 1 is one request at a time") {
    PipedServer server;
    Job job(100);
    CHECK(job.send(job.options(server.url())).delivered == 100);
    CHECK(server.most_at_once() == 1);
  }

  TEST_CASE("what comes behind a lost answer in a pipe is sent again, and costs no attempt") {
    // Every fifth answer ends the connection: said, unsaid, or in the middle of the answer.
    for (const int way : {0, 1, 2, 3}) {
      CAPTURE(way);
      LoopbackServer server([&](const SeenRequest& seen) {
        if (seen.number % 5 != 4) return accepted();
        switch (way) {
          case 0:
            return Reaction{http(200, R"({"status":1})", "Connection: close\r\n"),
                            Reaction::Then::close};
          case 1:
            return Reaction{accepted().bytes, Reaction::Then::close};
          case 2:
            return Reaction{"", Reaction::Then::reset};
          default:
            return Reaction{"HTTP/1.1 200 OK\r\nContent-Len", Reaction::Then::close};
        }
      });
      Job job(200);
      auto options = job.options(server);
      options.connections = 2;
      options.pipeline = 8;
      options.attempts = way == 3 ? 50 : 5;  // half an answer is a failure of its own link
      const auto report = job.send(options);
      CHECK(!report.stop);
      CHECK(report.delivered == 200);
      CHECK(report.parked == 0);
      CHECK(report.refused == 0);
    }
  }

  TEST_CASE("a service that closes after each answer is not sent a pipe") {
    LoopbackServer server([](const SeenRequest&) {
      return Reaction{http(200, R"({"status":1})", "Connection: close\r\n"), Reaction::Then::close};
    });
    Job job(50);
    auto options = job.options(server);
    options.pipeline = 16;
    const auto report = job.send(options);
    CHECK(report.delivered == 50);
    CHECK(report.requests_now == 50);
  }

  TEST_CASE("a link that breaks every pipe it is in is found, and its neighbours are not held up") {
    CHECK(tries_of_parked("a77", {"", Reaction::Then::close}, 300, 2, 8) <= 2 * 4);
  }

  TEST_CASE("429 in the middle of a pipe: that request waits, the answers behind it count") {
    std::atomic<int> rate_limited = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (anon_of(seen) == "a40" && rate_limited++ < 2) {
        return Reaction{http(429, "{}", "Retry-After: 0\r\n")};
      }
      return accepted();
    });
    Job job(100);
    auto options = job.options(server);
    options.connections = 1;
    options.pipeline = 16;
    const auto report = job.send(options);
    CHECK(report.delivered == 100);
    CHECK(report.rate_limited_now == 2);
    CHECK(report.requests_now == 102);
    for (const auto& anon : anons(server))
      CHECK(anons(server).count(anon) == (anon == "a40" ? 3 : 1));
  }

  TEST_CASE("the steady path allocates nothing, from the plan to the journal") {
    struct Samples : Progress {
      void sending(const SendingNow& now) override {
        if (taken.size() < taken.capacity()) taken.push_back({now.delivered, allocations()});
      }
      struct Sample {
        std::uint64_t delivered;
        std::size_t allocations;
      };
      std::vector<Sample> taken;
    };
    struct World {
      const ServiceFacts* service;
      std::uint32_t pipeline;
      int links;  // enough for many ticks
    };
    for (const World& world : {World{&identity_api, 1, 20'000}, World{&identity_api, 8, 100'000},
                               World{&import_api, 1, 40'000}, World{&import_api, 4, 100'000}}) {
      const bool batches = world.service == &import_api;
      const auto pipeline = world.pipeline;
      CAPTURE(world.service->name);
      CAPTURE(pipeline);
      LoopbackServer server(
          [&, all = imported(2)](const SeenRequest&) { return batches ? all : accepted(); });
      const auto links = static_cast<std::uint64_t>(world.links);
      Job job(world.links);
      auto options = batches ? job.import_options(server) : job.options(server);
      options.service_api.batch_links_max = 2;
      options.pipeline = pipeline;
      options.sync_every = 1h;  // a checkpoint is not of the path
      Samples samples;
      samples.taken.reserve(10'000);
      const auto report = send_plan(options, job.dir(), job.files, samples, job.stop);
      REQUIRE(report);
      REQUIRE(report->delivered == links);
      // Once every buffer has its size; blocks of the plan are read now and then.
      const auto begin =
          std::find_if(samples.taken.begin(), samples.taken.end(),
                       [&](const auto& sample) { return sample.delivered >= links / 4; });
      REQUIRE(begin != samples.taken.end());
      const auto& end = samples.taken.back();
      const auto delivered = end.delivered - begin->delivered;
      CHECK(delivered >= links / 4);
      CHECK(end.allocations - begin->allocations <= delivered / 100);
    }
  }

  TEST_CASE("a batch that is too large for the service is halved also within a pipe") {
    std::mutex mutex;
    std::size_t taken = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      // By its size: 50 links and more are too many.
      const auto links = links_of(seen);
      if (links >= 50) {
        return Reaction{http(413, R"({"code":413,"error":"too large","status":"Bad Request"})")};
      }
      const std::lock_guard lock(mutex);
      taken += links;
      return imported(links);
    });
    Job job(2'000);
    auto options = job.import_options(server);
    options.service_api.batch_links_max = 100;
    options.connections = 2;
    options.pipeline = 4;
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 2'000);
    CHECK(taken == 2'000);
  }

  TEST_CASE("limits hold in pipes: --max-requests to the request, --rate to the link") {
    PipedServer server;
    Job job(400);
    auto options = job.options(server.url());
    options.pipeline = 16;
    options.max_requests = 101;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::budget);
    CHECK(report.delivered == 101);
    CHECK(server.requests() == 101);

    options.max_requests.reset();
    options.rate = Rate{1'000, false};
    options.burst = 10;
    const auto paced = job.send(options);
    CHECK(paced.delivered == 400);
    CHECK(paced.elapsed >= 288ms);  // 299 links, of which 10 go at once
    CHECK(server.requests() == 400);
  }

  TEST_CASE("under a rate no pipelined request waits for what was taken after it") {
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    Job job(120);
    auto options = job.options(server);
    options.connections = 1;
    options.pipeline = 8;
    options.rate = Rate{2'000, false};
    options.burst = 1;
    CHECK(job.send(options).delivered == 120);
    const auto seen = server.seen();
    REQUIRE(seen.size() == 120);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      CAPTURE(i);
      const auto place = std::stoull(anon_of(seen[i]).substr(1));  // a17
      CHECK(place < i + 8);
      CHECK(i < place + 8);
    }
  }

  TEST_CASE("a turn does not last until a service is back, where others have gone meanwhile") {
    const Scratch scratch;
    const Certificates authority(scratch.path());
    std::vector<Instant> came;
    ServerOptions service;
    service.certificate = authority.sign("service", "DNS:localhost");
    service.key = scratch.path("service.key");
    service.react = [&](const SeenRequest&) {
      came.push_back(std::chrono::steady_clock::now());
      Reaction reaction = accepted();
      if (came.size() == 1) reaction.then = Reaction::Then::close;
      return reaction;
    };
    service.welcome = [](int connection) { return Welcome{.reset = connection == 1}; };
    LoopbackServer server(std::move(service));
    Job job(2);
    auto options = job.options(fmt::format("https://localhost:{}", server.port()));
    options.tls.ca_cert = authority.authority;
    options.connections = 1;
    options.rate = Rate{2, false};
    options.burst = 1;
    CHECK(job.send(options).delivered == 2);
    REQUIRE(came.size() == 2);
    // The turn after half a second came to a line that had ended, and to no other.
    CHECK(came[1] - came[0] >= 900ms);
  }

  TEST_CASE("what is under way at a kill is at most 2 x connections x pipeline x batch") {
    Job job(200);
    std::uint64_t most = 0;
    LoopbackServer server([&](const SeenRequest&) {
      const auto state = read_run(job.files, JobPaths{job.dir()}.run(), plan_digest(job));
      if (state && *state) most = std::max(most, (*state)->checkpoint.in_flight_max);
      return accepted();
    });
    auto options = job.options(server);
    options.connections = 3;
    options.pipeline = 5;
    CHECK(job.send(options).delivered == 200);
    CHECK(most == 2 * 3 * 5);
  }

  TEST_CASE("a service that refuses too much is looked at first") {
    LoopbackServer server([](const SeenRequest&) { return Reaction{http(400, "{}")}; });
    Job job(3'000);
    const auto report = job.send(job.options(server));
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::guard);
    CHECK(report.refused >= 1'000);
    CHECK(report.refused <= 1'003);
  }

  TEST_CASE("--max-requests stops with a checkpoint, the next run goes on") {
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    Job job(100);
    auto options = job.options(server);
    options.max_requests = 30;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::budget);
    CHECK(report.delivered == 30);
    options.max_requests.reset();
    CHECK(job.send(options).delivered == 100);
    CHECK(server.seen().size() == 100);
  }

  TEST_CASE("a signal drains: what was sent is settled, and nothing is sent twice") {
    Job job(2'000);
    LoopbackServer server([&](const SeenRequest& seen) {
      if (seen.number == 100) job.stop.ask(15);
      return accepted();
    });
    auto options = job.options(server);
    options.rate = Rate{1'000, false};  // slower than the signal
    options.burst = 10;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::interrupted);
    CHECK(report.pending > 0);
    CHECK(report.delivered == server.seen().size());
    const StopRequest none;
    const auto again = send_plan(job.options(server), job.dir(), job.files, job.progress, none);
    REQUIRE(again);
    CHECK(again->delivered == 2'000);
    CHECK(again->resent_at_most == 0);
    CHECK(server.seen().size() == 2'000);
  }

  TEST_CASE("a second signal does not wait for an answer") {
    Job job(10);
    LoopbackServer server([&](const SeenRequest&) {
      job.stop.ask(2);
      job.stop.ask(2);
      return Reaction{"", Reaction::Then::hang};
    });
    auto options = job.options(server);
    options.timeout = 600s;
    options.drain = 600s;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::interrupted);
    CHECK(report.pending == 10);

    // What hung may have been delivered: the next run knows, and believes the service.
    const auto state = read_run(job.files, JobPaths{job.dir()}.run(), plan_digest(job));
    REQUIRE(state);
    const auto in_doubt = (*state)->checkpoint.in_doubt.ranges();
    REQUIRE(in_doubt.size() == 1);  // the first of each worker that came so far
    CHECK(in_doubt[0].first == 0);
    CHECK(in_doubt[0].count >= 1);
    CHECK(in_doubt[0].count <= 4);
  }

  TEST_CASE("a job goes to one target only") {
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    LoopbackServer other([](const SeenRequest&) { return accepted(); });
    Job job(50);
    auto options = job.options(server);
    options.max_requests = 10;
    CHECK(job.send(options).delivered == 10);
    options = job.options(other);
    const auto moved = send_plan(options, job.dir(), job.files, job.progress, job.stop);
    REQUIRE(!moved);
    CHECK(moved.error().code == Errc::usage);
    options = job.options(server);
    options.service_api.token = Secret("another-token-42");
    CHECK(!send_plan(options, job.dir(), job.files, job.progress, job.stop));
    CHECK(other.seen().empty());
  }

  TEST_CASE("want of memory in the middle ends the run in words, and the next one goes on") {
    struct Starved : Progress {
      void sending(const SendingNow& now) override {
        if (now.delivered > 0) throw std::bad_alloc();
      }
    } starved;
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    Job job(300);
    auto options = job.options(server);
    options.rate = Rate{500, false};
    options.burst = 50;
    const auto ended = send_plan(options, job.dir(), job.files, starved, job.stop);
    REQUIRE(!ended);
    CHECK(ended.error().code == Errc::internal);
    CHECK(ended.error().what.starts_with("out of memory"));
    options.rate = Rate{0, false};
    CHECK(job.send(options).delivered == 300);
    CHECK(server.seen().size() >= 300);
    CHECK(server.seen().size() <= 300 + 2 * options.connections);
  }

  TEST_CASE("a rehearsal spoils nothing") {
    LoopbackServer stage([](const SeenRequest&) { return accepted(); });
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    Job job(50);
    auto options = job.options(stage);
    options.rehearsal = true;
    CHECK(job.send(options).delivered == 50);
    CHECK(job.send(options).delivered == 50);
    CHECK(stage.seen().size() == 100);
    CHECK(job.send(job.options(server)).delivered == 50);
    CHECK(server.seen().size() == 50);
  }

  TEST_CASE("a second process on the job is told who works there") {
    Job job(5);
    std::optional<Result<SendReport>> second;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (seen.number == 0) {
        second = send_plan(job.options("http://127.0.0.1:9"), job.dir(), job.files, job.progress,
                           job.stop);
      }
      return accepted();
    });
    CHECK(job.send(job.options(server)).delivered == 5);
    REQUIRE(second);
    REQUIRE(!*second);
    CHECK(second->error().code == Errc::locked);
  }

  TEST_CASE("--rate: no more links leave than the bucket allows") {
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    Job job(150);
    auto options = job.options(server);
    options.rate = Rate{100, false};
    options.burst = 10;
    const auto report = job.send(options);
    CHECK(report.delivered == 150);
    CHECK(report.elapsed >= 1'390ms);
  }

  TEST_CASE("a slow run needs one connection, and hands it from worker to worker") {
    for (const std::uint32_t pipeline : {1U, 4U}) {
      CAPTURE(pipeline);
      // On a busy machine an answer may take longer than a turn, so the best of some tries counts.
      int fewest = 20;
      for (int tries = 0; tries < 8 && fewest > 1; ++tries) {
        LoopbackServer server([](const SeenRequest&) { return accepted(); });
        Job job(20);
        auto options = job.options(server);
        options.connections = 16;
        options.pipeline = pipeline;
        options.rate = Rate{10, false};
        options.burst = 1;
        const auto report = job.send(options);
        CHECK(report.delivered == 20);
        CHECK(report.elapsed >= 1'890ms);
        fewest = std::min(fewest, server.connections());
        if (fewest > 1 || pipeline > 1) continue;
        const auto seen = server.seen();  // nobody's turn was skipped
        for (std::size_t i = 0; i < seen.size(); ++i)
          CHECK(anon_of(seen[i]) == "a" + std::to_string(i));
      }
      REQUIRE(fewest == 1);
    }
  }

  TEST_CASE("where answers take their time, all connections are used") {
    LoopbackServer server([](const SeenRequest&) {
      auto reaction = accepted();
      reaction.wait = 50ms;
      return reaction;
    });
    Job job(64);
    auto options = job.options(server);
    options.connections = 16;
    CHECK(job.send(options).delivered == 64);
    CHECK(server.connections() == 16);
  }

  TEST_CASE("whatever the service does, every link ends as it says") {
    const auto seed = idmerge::testing::seed();
    for (std::uint64_t world = 0; world < 6; ++world) {
      CAPTURE(world);
      std::mt19937_64 random(seed + world);
      std::set<std::string> linked, refused;
      LoopbackServer server([&](const SeenRequest& seen) {
        const auto anon = anon_of(seen);
        // Whether it is refused is up to the id; how often it goes wrong before is up to chance.
        const bool refuses = std::stoi(anon.substr(1)) % 50 == 7;
        const auto answer = refuses ? http(400, "{\"error\":\"no\"}") : accepted().bytes;
        const auto settle = [&] { (refuses ? refused : linked).insert(anon); };
        switch (random() % 24) {
          case 0:
            return Reaction{http(503, "")};
          case 1:
            return Reaction{"", Reaction::Then::reset};
          case 2:
            settle();
            return Reaction{"", Reaction::Then::close};
          case 3:
            settle();
            return Reaction{answer.substr(0, answer.size() - 3), Reaction::Then::reset};
          case 4:
            return Reaction{http(429, "", "Retry-After: 0\r\n")};
          case 5:
            return Reaction{http(429, "")};
          case 6:
            return Reaction{"\x16\x03\x01 what", Reaction::Then::close};
          case 7:
            settle();
            return Reaction{http(200, "{\"status\":1", "X-Odd: 1\r\n")};
          default:
            settle();
            return Reaction{answer};
        }
      });
      Job job(1'000);
      auto options = job.options(server);
      options.max_refused_percent.reset();
      options.adaptive = false;  // 429 by chance is no limit to be found
      options.seed = world + 1;
      options.pipeline = world % 2 == 0 ? 1 : 8;
      SendReport report;
      // Foreign answers in a row may stop a run; the next one goes on.
      for (int runs = 0; runs < 50 && report.delivered + report.refused < 1'000; ++runs) {
        report = job.send(options);
      }
      CHECK(report.refused == 20);
      CHECK(report.delivered == 980);
      CHECK(linked.size() == 980);
    }
  }

  TEST_CASE("spares take the place of refused merges, over any number of runs") {
    std::mt19937_64 random(testing::seed());
    for (const std::uint64_t requests_a_run : {std::uint64_t{0}, std::uint64_t{7}}) {
      MergeJob job(random);
      std::mutex mutex;
      std::multiset<Pair> asked;
      LoopbackServer server([&](const SeenRequest& seen) {
        const auto pair = merge_of(seen);
        const std::lock_guard lock(mutex);
        asked.insert(pair);
        return job.is_refused(pair) ? Reaction{http(200, R"({"status":0,"error":"no"})")}
                                    : accepted();
      });
      auto options = job.options(server);
      options.max_refused_percent.reset();
      if (requests_a_run > 0) options.max_requests = requests_a_run;
      SendReport report;
      int runs = 0;
      do {
        report = job.send(options);
        ++runs;
        REQUIRE(runs < 1'000);
        if (report.stop) CHECK(report.stop->code == Errc::budget);
      } while (report.stop);
      CHECK((runs > 5) == (requests_a_run > 0));
      CHECK(report.pending == 0);
      CHECK(report.spares_sent > 0);
      CHECK(report.to_send == asked.size());
      // No link twice, each refused one with one letter, and all that could be connected is.
      std::set<Pair> delivered;
      for (const auto& pair : asked) {
        CHECK(asked.count(pair) == 1);
        if (!job.is_refused(pair)) delivered.insert(pair);
      }
      CHECK(report.delivered == delivered.size());
      const auto letters = job.scratch.read("job/runs/1-of-1/refused.ndjson");
      CHECK(std::count(letters.begin(), letters.end(), '\n') ==
            static_cast<std::ptrdiff_t>(report.refused));
      std::set<Pair> acceptable;
      for (const auto& pair : job.pairs) {
        if (!job.is_refused(pair)) acceptable.insert(pair);
      }
      CHECK(idmerge::testing::connected(job.pairs, delivered) ==
            idmerge::testing::connected(job.pairs, acceptable));
      const auto again = job.send(options);
      CHECK(again.nothing_to_do);
      CHECK(again.spares_sent == report.spares_sent);
      CHECK(again.to_send == report.to_send);
    }
  }

  TEST_CASE("a checkpoint whose round the letters do not lead to is refused") {
    std::mt19937_64 random(testing::seed());
    MergeJob job(random);
    LoopbackServer server([&](const SeenRequest& seen) {
      return job.is_refused(merge_of(seen)) ? Reaction{http(200, R"({"status":0,"error":"no"})")}
                                            : accepted();
    });
    auto options = job.options(server);
    options.max_refused_percent.reset();
    options.max_requests = 1;
    options.connections = 1;
    const RunPaths paths{job.dir() + "/runs/1-of-1"};
    Checkpoint checkpoint;
    do {
      REQUIRE(job.send(options).stop);
      checkpoint = **load_checkpoint(job.files, paths.checkpoint());
    } while (checkpoint.round == 0);
    ++checkpoint.round_links;
    REQUIRE(save_checkpoint(job.files, paths.checkpoint(), checkpoint));
    const auto requests = server.seen().size();
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::input);
    CHECK(server.seen().size() == requests);
  }

  TEST_CASE("a canary settles as many links as asked for, to the link, and the next run goes on") {
    std::atomic<int> failures = 0;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (anon_of(seen) == "a2") return Reaction{http(400, R"({"error":"no","status":0})")};
      if (failures++ % 3 == 0) return Reaction{http(503, "busy")};
      return accepted();
    });
    Job job(100);
    auto options = job.options(server);
    options.canary = 20;
    for (const std::uint64_t settled : {20U, 20U, 33U}) {
      options.canary = settled;
      const auto requests = server.seen().size();
      const auto report = job.send(options);
      REQUIRE(report.stop);
      CHECK(report.stop->code == Errc::budget);
      CHECK(report.stop->what.find("--canary") == 0);
      CHECK(report.delivered + report.refused == settled);
      if (report.requests_now == 0) CHECK(server.seen().size() == requests);
    }
    options.canary = 33;
    const auto requests = server.seen().size();
    CHECK(job.send(options).requests_now == 0);
    CHECK(server.seen().size() == requests);
    options.canary = 100;  // no link is left out by it: the run ends as without one
    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 99);
    CHECK(report.refused == 1);
  }

  TEST_CASE("no round of spares begins behind a canary that ends before it") {
    std::mt19937_64 random(testing::seed());
    MergeJob job(random);
    LoopbackServer server([&](const SeenRequest& seen) {
      return job.is_refused(merge_of(seen)) ? Reaction{http(200, R"({"status":0,"error":"no"})")}
                                            : accepted();
    });
    auto options = job.options(server);
    options.max_refused_percent.reset();
    options.canary = job.union_find_links();
    auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::budget);
    CHECK(report.spares_sent == 0);
    CHECK(report.delivered + report.refused == *options.canary);
    CHECK(!load_checkpoint(job.files, job.dir() + "/runs/1-of-1/checkpoint").value()->finished);
    CHECK(job.send(options).requests_now == 0);
    ++*options.canary;
    report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.requests_now == 1);
    CHECK(report.spares_sent > 0);
    options.canary.reset();
    CHECK(!job.send(options).stop);
  }

  TEST_CASE("whatever Asio has no memory for ends the run in words, and the next one goes on" *
            doctest::skip(!threads_may_fork)) {
    LoopbackServer server([](const SeenRequest&) { return accepted(); });
    int by_error = 0;
    int end = -1;
    for (std::size_t after = 0; end != 0; ++after) {
      Job job(12);
      const auto options = job.options(server);
      end = end_without_memory(job, options, after);
      CAPTURE(after);
      REQUIRE(end <= 3);
      by_error += end == 3 ? 1 : 0;
      CHECK(job.send(options).pending == 0);
    }
    CHECK(by_error > 0);
  }

  TEST_CASE("a job that is replaced under a run stops it, and what took its place is left alone") {
    Job job(2'000);
    const auto away = job.scratch.path("away");
    const auto copy = job.scratch.path("copy");
    std::atomic<int> requests = 0, requests_before = 0;
    LoopbackServer server([&](const SeenRequest&) {
      if (++requests == 20) {
        fs::copy(job.dir(), copy, fs::copy_options::recursive);
        fs::rename(job.dir(), away);
        fs::copy(copy, job.dir(), fs::copy_options::recursive);
        requests_before = requests.load();
      }
      return accepted();
    });
    auto options = job.options(server);
    options.rate = Rate{200, false};
    options.burst = 1;
    options.sync_every = 100ms;
    std::shared_ptr<JobLock> hold;
    const auto report =
        send_plan(options, job.dir(), job.files, job.progress, job.stop, &hold).value();
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::input);
    CHECK(report.stop->what.find("another directory took its place") != std::string::npos);
    CHECK(requests < requests_before + 200);  // noticed within a second
    CHECK(hold->is_lost());
    CHECK(hold->current_path() == fs::canonical(away).string());
    for (const auto* name : {"checkpoint", "refused.ndjson", "lock"}) {
      const auto path = std::string("/runs/1-of-1/") + name;
      CHECK(job.scratch.read("copy" + path) == job.scratch.read("job" + path));
    }
    CHECK(*job.files.list(copy) == *job.files.list(job.dir()));
    // Where it is now, nobody else may work as long as it is held, and then it goes on as it was.
    options.rate = Rate{0, false};
    CHECK(send_plan(options, away, job.files, job.progress, job.stop).error().code == Errc::locked);
    hold.reset();
    const auto rest = send_plan(options, away, job.files, job.progress, job.stop).value();
    CHECK(!rest.stop);
    CHECK(rest.resent_at_most == 0);
    CHECK(anons(server).size() == 2'000);
  }

  TEST_CASE("a run that has lost its lock file saves no checkpoint any more") {
    Job job(2'000);
    const auto run = JobPaths{job.dir()}.run();
    std::atomic<int> requests = 0;
    std::string before;
    LoopbackServer server([&](const SeenRequest&) {
      if (++requests == 20) {
        fs::remove(run.lock());
        before = job.scratch.read("job/runs/1-of-1/checkpoint");
      }
      return accepted();
    });
    auto options = job.options(server);
    options.rate = Rate{200, false};
    options.burst = 1;
    options.sync_every = 1h;
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::input);
    CHECK(job.scratch.read("job/runs/1-of-1/checkpoint") == before);
    CHECK_FALSE(fs::exists(run.lock()));
    options.rate = Rate{0, false};
    const auto rest = job.send(options);
    CHECK(!rest.stop);
    CHECK(rest.delivered == 2'000);
  }

  TEST_CASE("whatever fails in a job that was removed, fails because it was") {
    Job job(2'000);
    std::atomic<int> requests = 0;
    LoopbackServer server([&](const SeenRequest&) {
      if (++requests == 20) {
        fs::rename(job.dir(), job.scratch.path("away"));
        fs::remove_all(job.scratch.path("away"));
      }
      // It is told to go slower, and saves that at once.
      return requests < 20 ? accepted() : Reaction{http(429, "")};
    });
    auto options = job.options(server);
    options.connections = 1;
    options.rate = Rate{0, false};
    const auto report = job.send(options);
    REQUIRE(report.stop);
    CHECK(report.stop->code == Errc::input);
    CHECK(report.stop->what.find("and is gone") != std::string::npos);
    CHECK_FALSE(fs::exists(job.dir()));
  }
}
