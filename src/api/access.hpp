// SPDX-License-Identifier: MIT
//
// What the public classes of include/idmerge hold, for the sources of this module.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "send/send_options.hpp"
#include "util/secret.hpp"

#include "idmerge/job.hpp"

namespace idmerge::api {

struct Credentials::Secrets {
  util::Secret token;
  util::Secret username;
  util::Secret secret;
};

struct StopRequest::State {
  send::StopRequest request;
};

struct Access {
  static const Credentials::Secrets& secrets(const Credentials& it) { return *it.secrets_; }
  static const std::vector<std::string>& inputs(const Options& it) { return it.inputs_; }
  static const auto& values(const Options& it) { return it.values_; }
  static const auto& switches(const Options& it) { return it.switches_; }
  static const Credentials* credentials(const Options& it) {
    return it.credentials_ ? &*it.credentials_ : nullptr;
  }
  static const std::string& plan_id(const Consent& it) { return it.plan_id_; }
  static const send::StopRequest& request(const StopRequest& it) { return it.state_->request; }
};

}  // namespace idmerge::api
