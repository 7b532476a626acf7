// SPDX-License-Identifier: MIT
//
// A planned job for the simulated sender, and a service that keeps account of what it was asked.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <libdeflate.h>

#include "plan/planner.hpp"
#include "send/import_api.hpp"
#include "send/sender.hpp"
#include "send/simulation.hpp"

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

namespace idmerge::testing {

/// A job of links a0-u0, a1-u1 ... on a disk that can be broken, or on another one.
struct SimulatedJob {
  explicit SimulatedJob(std::uint64_t links) : SimulatedJob(links, flaky, "/w/job") {}
  SimulatedJob(std::uint64_t links, io::Files& its_files, std::string its_dir)
      : files(its_files), dir(std::move(its_dir)) {
    std::string rows = "anonymous_id,user_id\n";
    for (std::uint64_t i = 0; i < links; ++i)
      rows += "a" + std::to_string(i) + ",u" + std::to_string(i) + "\n";
    plan::PlanOptions options;
    options.row_reader.inputs = {scratch.write("rows.csv", rows)};
    REQUIRE(plan::make_plan(options, dir, files, progress));
  }

  send::SendOptions identity_options() const {
    send::SendOptions options;
    options.target = net::parse_target("http://127.0.0.1:9").value();
    options.service_api.token = util::Secret("token-0123456789");
    options.service_api.username = util::Secret("etl.12345");
    options.service_api.secret = util::Secret("s3cret");
    options.rate = util::Rate{0, false};
    options.max_refused_percent.reset();
    options.seed = 1;
    return options;
  }

  send::SendOptions import_options(std::size_t batch) const {
    auto options = identity_options();
    options.service = &send::import_api;
    options.service_api.mode = plan::ProjectMode::original;
    options.service_api.project_id = "12345";
    options.service_api.batch_links_max = batch;
    return options;
  }

  Result<send::SendReport> send(Simulation& simulation, const send::SendOptions& options) {
    return send::send_plan(options, dir, files, progress, stop, simulation);
  }

  FlakyFiles flaky;
  io::Files& files;
  std::string dir;
  Scratch scratch;
  plan::Progress progress;
  send::StopRequest stop;
};

/// The ordinals of the links of a request, which are those of their anonymous ids.
inline std::vector<std::uint64_t> links_of(const SimulatedRequest& request) {
  std::string_view body = request.body;
  if (body.front() != '{') {
    static std::string inflated(1 << 20, '\0');
    static auto* const inflate = libdeflate_alloc_decompressor();
    std::size_t size = 0;
    REQUIRE(libdeflate_gzip_decompress(inflate, body.data(), body.size(), inflated.data(),
                                       inflated.size(), &size) == LIBDEFLATE_SUCCESS);
    body = std::string_view(inflated).substr(0, size);
  }
  constexpr std::string_view key = "\"$anon_id\":\"a";
  std::vector<std::uint64_t> links;
  for (auto at = body.find(key); at != std::string_view::npos; at = body.find(key, at)) {
    at += key.size();
    links.push_back(std::stoull(std::string(body.substr(at, 20))));
  }
  REQUIRE(!links.empty());
  return links;
}

/// 200, and all links taken.
inline SimulatedReaction taken(const SimulatedRequest& request, std::size_t links) {
  SimulatedReaction reaction;
  if (request.body.front() != '{') {
    reaction.body =
        "{\"code\":200,\"num_records_imported\":" + std::to_string(links) + ",\"status\":\"OK\"}";
  }
  return reaction;
}

inline SimulatedReaction status(unsigned status, std::string body = "",
                                std::string retry_after = "") {
  SimulatedReaction reaction;
  reaction.status = status;
  reaction.body = std::move(body);
  reaction.retry_after = std::move(retry_after);
  return reaction;
}

/// Checks that what leaves keeps to a rate: never more in any time t than rate * t + burst.
class RateMeter {
 public:
  RateMeter(double per_s, double burst) : per_s_(per_s), burst_(burst) {}

  void left(Instant now, double links) {
    const std::chrono::duration<double> passed = now - last_;
    level_ = std::max(0.0, level_ - passed.count() * per_s_) + links;
    last_ = now;
    most_ = std::max(most_, level_);
  }

  /// Returns: the most that left beyond the rate. At most the burst, if the rate is kept.
  double most() const { return most_; }
  bool is_kept() const { return most_ <= burst_ + 1e-6; }

 private:
  double per_s_;
  double burst_;
  double level_ = 0;
  double most_ = 0;
  Instant last_{};
};

}  // namespace idmerge::testing
