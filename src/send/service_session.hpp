// SPDX-License-Identifier: MIT
//
// The API of the service with the credentials of a run. Credentials may be replaced while a long
// run is on its way; they are then read again, once.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "send/send_options.hpp"
#include "send/service_api.hpp"
#include "util/result.hpp"

namespace idmerge::send {

class ServiceSession {
 public:
  /// Lifetime: `options` must outlive the session. Errors: those of ServiceFacts::make.
  static Result<ServiceSession> make(const SendOptions& options, std::int64_t pinned_time_s);

  ServiceApi& api() { return *api_; }
  const ServiceApi& api() const { return *api_; }

  /// Returns: how often the credentials were read again. A request that was encoded before is not
  /// worth another reading when it is answered with 401.
  std::uint32_t version() const { return version_; }

  /// Reads the credentials again, at most once.
  /// Returns: whether there are new ones. Errors: Errc::usage if they are of another project.
  Result<bool> renew();

 private:
  ServiceSession(const SendOptions& options, std::int64_t pinned_time_s,
                 std::unique_ptr<ServiceApi> api)
      : options_(&options), pinned_time_s_(pinned_time_s), api_(std::move(api)) {}

  const SendOptions* options_;
  std::int64_t pinned_time_s_;
  std::unique_ptr<ServiceApi> api_;
  std::uint32_t version_ = 0;
};

}  // namespace idmerge::send
