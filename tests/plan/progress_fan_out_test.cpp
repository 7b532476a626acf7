// SPDX-License-Identifier: MIT
#include "plan/progress_fan_out.hpp"

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace idmerge;
using namespace idmerge::plan;

namespace {

class Recorder final : public Progress {
 public:
  Recorder(char name, std::string& heard) : name_(name), heard_(heard) {}

  void planning(const PlanningNow& now) override { add(fmt::format("planning {}", now.rows)); }
  void sending(const SendingNow& now) override { add(fmt::format("sending {}", now.delivered)); }
  void request_ended(const RequestEnded& request) override {
    add(fmt::format("request {} {} {}", request.status, request.links, request.latency.count()));
  }
  void note(Weight weight, std::string_view text) override {
    add(fmt::format("{} {}", weight == Weight::warning ? "warning" : "info", text));
  }

 private:
  void add(const std::string& text) { heard_ += fmt::format("{}: {}\n", name_, text); }

  char name_;
  std::string& heard_;
};

}  // namespace

TEST_SUITE("plan/progress_fan_out") {
  TEST_CASE("every report reaches every listener once, in their order") {
    std::string heard;
    Recorder a('a', heard);
    Recorder b('b', heard);
    Recorder c('c', heard);
    ProgressFanOut all{&a, &b, &c};
    all.planning({.rows = 7});
    all.sending({.delivered = 8});
    all.request_ended({.status = 207, .links = 3, .latency = std::chrono::nanoseconds(9)});
    all.note(Weight::warning, "slow");
    CHECK(heard ==
          "a: planning 7\nb: planning 7\nc: planning 7\n"
          "a: sending 8\nb: sending 8\nc: sending 8\n"
          "a: request 207 3 9\nb: request 207 3 9\nc: request 207 3 9\n"
          "a: warning slow\nb: warning slow\nc: warning slow\n");
  }

  TEST_CASE("without listeners nothing happens, and one may fan out again") {
    ProgressFanOut nobody{};
    nobody.planning({});
    nobody.sending({});
    nobody.request_ended({});
    nobody.note(Weight::info, "");
    std::string heard;
    Recorder a('a', heard);
    ProgressFanOut inner{&a, &a};
    ProgressFanOut outer{&nobody, &inner};
    outer.note(Weight::info, "x");
    CHECK(heard == "a: info x\na: info x\n");
  }
}
