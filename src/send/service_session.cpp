// SPDX-License-Identifier: MIT
#include "send/service_session.hpp"

#include <vector>

#include <fmt/format.h>

namespace idmerge::send {
namespace {

/// Logins to mask in answers, in addition to those in the requests.
std::vector<std::pair<util::Secret, util::Secret>> logins_to_hide(const SendOptions& options) {
  if (!options.proxy) return {};
  return {{util::Secret(options.proxy->username), options.proxy->password}};
}

}  // namespace

Result<ServiceSession> ServiceSession::make(const SendOptions& options,
                                            std::int64_t pinned_time_s) {
  auto first = options.service_api;
  first.pinned_time_s = pinned_time_s;
  first.other_logins = logins_to_hide(options);
  auto api = options.service->make(first, options.target.authority(), options.target.base);
  if (!api) return api.error();
  return ServiceSession(options, pinned_time_s, std::move(*api));
}

Result<bool> ServiceSession::renew() {
  if (!options_->reread || version_ > 0) return false;
  auto fresh = options_->reread();
  if (!fresh) return false;
  const ServiceApiOptions& before = options_->service_api;
  if (!(fresh->token == before.token)) {
    return Error{
        Errc::usage,
        fmt::format("the service no longer takes the credentials, and those that were read again "
                    "are of another project ({} is not the one that this job was begun with): "
                    "nothing was sent with them; give the credentials of this project, then go on",
                    options_->service->credentials.token.name)};
  }
  fresh->pinned_time_s = pinned_time_s_;
  // Answers to requests with the old credentials are still to come.
  fresh->other_logins = logins_to_hide(*options_);
  fresh->other_logins.emplace_back(util::Secret(), before.token);
  fresh->other_logins.emplace_back(before.username, before.secret);
  auto api = options_->service->make(*fresh, options_->target.authority(), options_->target.base);
  if (!api) return false;
  api_ = std::move(*api);
  ++version_;
  return true;
}

}  // namespace idmerge::send
