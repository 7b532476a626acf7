// SPDX-License-Identifier: MIT
#include "idmerge/options.hpp"

#include "api/access.hpp"

namespace idmerge::api {

Credentials::Credentials(std::string_view token, std::string_view username, std::string_view secret)
    : secrets_(std::make_unique<Secrets>(
          Secrets{util::Secret(token), util::Secret(username), util::Secret(secret)})) {}

Credentials::~Credentials() = default;

Credentials::Credentials(const Credentials& other)
    : secrets_(std::make_unique<Secrets>(*other.secrets_)) {}

Credentials& Credentials::operator=(const Credentials& other) {
  *secrets_ = *other.secrets_;
  return *this;
}

Options& Options::input(std::string path) {
  inputs_.push_back(std::move(path));
  return *this;
}

Options& Options::set(std::string name, std::string value) {
  values_.emplace_back(std::move(name), std::move(value));
  return *this;
}

Options& Options::set(std::string name) {
  switches_.push_back(std::move(name));
  return *this;
}

Options& Options::credentials(Credentials credentials) {
  credentials_ = std::move(credentials);
  return *this;
}

}  // namespace idmerge::api
