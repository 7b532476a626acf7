// SPDX-License-Identifier: MIT
#include "util/secret.hpp"

#include <cstring>
#include <utility>

namespace idmerge::util {

Secret::Secret(std::string_view value) : size_(value.size()) {
  if (size_ == 0) return;
  bytes_ = std::make_unique<char[]>(size_);
  std::memcpy(bytes_.get(), value.data(), size_);
}

Secret::~Secret() {
  wipe();
}

Secret::Secret(const Secret& other) : Secret(other.reveal()) {}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other.reveal());
  return *this;
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  bytes_ = std::move(other.bytes_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

std::string Secret::masked() const {
  constexpr std::size_t shown = 4;
  constexpr std::size_t long_enough = 12;
  std::string text = "…";
  if (size_ >= long_enough) text += reveal().substr(size_ - shown);
  return text;
}

bool Secret::operator==(const Secret& other) const {
  if (size_ != other.size_) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    difference |= static_cast<unsigned char>(bytes_[i]) ^
                  static_cast<unsigned>(static_cast<unsigned char>(other.bytes_[i]));
  }
  return difference == 0;
}

void Secret::wipe() noexcept {
  if (bytes_) explicit_bzero(bytes_.get(), size_);
  bytes_.reset();
  size_ = 0;
}

void wipe(std::string& text) noexcept {
  if (text.capacity() > 0) explicit_bzero(text.data(), text.capacity());
  text.clear();
}

}  // namespace idmerge::util
