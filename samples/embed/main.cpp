// SPDX-License-Identifier: MIT
//
// Plans and sends a small table from another program.
//
//   cmake --install build/release --prefix /opt/idmerge
//   cmake -S samples/embed -B build/embed -DCMAKE_PREFIX_PATH=/opt/idmerge
//   cmake --build build/embed
//   build/embed/embed pairs.csv http://127.0.0.1:8080
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <idmerge/job.hpp>

namespace api = idmerge::api;

namespace {

/// Counts requests, and prints what a person should know.
class Console final : public api::Listener {
 public:
  void request(const api::Request& request) override {
    if (request.status == 200) ++answered_;
  }
  void message(api::Severity severity, std::string_view text) override {
    if (severity >= api::Severity::warning) std::cerr << text << '\n';
  }
  int answered() const { return answered_; }

 private:
  int answered_ = 0;
};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: embed PAIRS.csv URL\n";
    return 2;
  }
  Console console;
  api::Options options;
  options.input(arguments[1])
      .to(arguments[2])
      .credentials(
          {variable("MIXPANEL_TOKEN"), variable("MIXPANEL_USERNAME"), variable("MIXPANEL_SECRET")});

  const auto planned = api::plan(options, console);
  if (!planned) {
    std::cerr << planned.error().text << '\n';
    return static_cast<int>(planned.error().code);
  }
  if (planned->exit_code != 0) {  // a guard: look before anything is sent
    std::cerr << planned->stop << '\n';
    return planned->exit_code;
  }
  std::cout << "plan " << planned->job.plan_id << ": " << planned->job.to_send << " links\n";

  // The consent is to this plan: if the table changes meanwhile, nothing is sent.
  const auto ended = api::run(options, api::Consent::to_plan(planned->job.plan_id), console);
  if (!ended) {
    std::cerr << ended.error().text << '\n';
    return static_cast<int>(ended.error().code);
  }
  const auto& account = ended->job.account;
  std::cout << account.read << " rows: " << account.delivered << " delivered, " << account.duplicate
            << " duplicate, " << account.rejected << " rejected, " << account.held << " held, "
            << account.pending << " pending; " << console.answered() << " requests\n";
  return ended->exit_code;
}
