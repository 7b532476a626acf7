// SPDX-License-Identifier: MIT
//
// A value that must not be seen: a password, a token, a prepared Authorization header. It has no
// formatter and no stream operator, so that printing one does not compile; its memory is wiped
// when it ends; whoever needs the bytes says `reveal()`, which is easy to search for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace idmerge {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  ~Secret();

  /// A copy of its own, wiped by itself.
  Secret(const Secret& other);
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;

  bool empty() const { return size_ == 0; }

  /// The bytes themselves.
  /// Shape: a view that ends with this object.
  std::string_view reveal() const { return {bytes_.get(), size_}; }

  /// For people to recognise it by: "…9f3c", or "…" alone when it is shorter than 12 bytes.
  std::string masked() const;

  /// In a time that depends on the lengths alone.
  bool operator==(const Secret& other) const;

 private:
  void wipe() noexcept;

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

/// Overwrite what is about to be freed, in a way that no optimiser removes.
void wipe(std::string& text) noexcept;

}  // namespace idmerge
