// SPDX-License-Identifier: MIT
//
// A secret value: a password, a token, a prepared Authorization header. It has no formatter and no
// stream operator, so that printing one does not compile, and its memory is wiped on destruction.
// Code that needs the bytes calls `reveal()`, which is easy to search for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace idmerge::util {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  ~Secret();

  /// Each copy owns its bytes and wipes them.
  Secret(const Secret& other);
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;

  bool empty() const { return size_ == 0; }

  /// Lifetime: the view ends with this object or an assignment to it.
  std::string_view reveal() const { return {bytes_.get(), size_}; }

  /// Returns a form to recognize the secret by: "…9f3c", or "…" alone below 12 bytes.
  std::string masked() const;

  /// Compares in a time that depends on the lengths only.
  bool operator==(const Secret& other) const;

 private:
  void wipe() noexcept;

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

/// Overwrites and clears a string, in a way that no optimizer removes.
void wipe(std::string& text) noexcept;

}  // namespace idmerge::util
