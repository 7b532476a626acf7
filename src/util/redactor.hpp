// SPDX-License-Identifier: MIT
//
// Takes our secrets out of texts that come from outside. A service, or what stands before it, may
// repeat a request in its answers: in clear, as base64, base32, hexadecimal or decimal numbers,
// percent-encoded, as escapes of JSON, HTML or CSS, in UTF-16, in pieces with something between
// them, in one within the other, whole or in part. Therefore texts are decoded and searched, and
// not compared with a list of spellings.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/secret.hpp"

namespace idmerge::util {

class Redactor {
 public:
  /// So many consecutive bytes of a secret are hidden, whatever stands around them.
  static constexpr std::size_t part_bytes = 8;

  /// So many consecutive letters and digits of a secret are hidden, whatever stands between them:
  /// more than of those that stand together, since then all of a text is one word.
  static constexpr std::size_t squeezed_bytes = 12;

  /// A shorter secret is not looked for: it would be found everywhere.
  static constexpr std::size_t secret_bytes_min = 4;

  /// Of a text, no more than these are looked at, and the rest is left out, as what stands just
  /// before such a cut is. Of an answer a quarter is shown, and a service that is out of order
  /// gives many of them.
  static constexpr std::size_t text_bytes_max = 2'048;

  Redactor() = default;
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  /// Hide a secret: it whole, and its parts. One that is shorter than a part is hidden where it is
  /// a word, and not in the middle of another. What stands between its letters and digits does not
  /// matter, where there are `squeezed_bytes` of them. Letters are compared without regard to case,
  /// blanks are as good as pluses.
  void hide(const Secret& secret);

  /// Hide the password of a login, also one that is too short for hide() where it stands behind its
  /// user name, as in Basic authentication. User names are shown to people and not hidden.
  void hide_login(const Secret& user, const Secret& password);

  /// The text with "…" in place of every secret.
  /// Bounds: `text_bytes_max`; time in proportion to the text, whatever it is: of one that decodes
  /// into ever more others, with secrets in them, nothing is left but "…".
  std::string operator()(std::string_view text) const;

 private:
  friend class SecretSearch;

  /// The first and the last bytes of a part; they overlap.
  using SqueezedPart = std::array<std::uint64_t, 2>;

  void hide_bytes(std::string_view secret);
  void hide_squeezed(std::string_view secret);
  void add_to_filter(std::uint64_t part);
  bool may_be_part(std::uint64_t part) const;
  static SqueezedPart squeezed_part(const char* bytes);

  /// One bit for a hash of each part, so that most places are left at the first look.
  static constexpr std::size_t filter_bits = 4'096;

  std::vector<Secret> whole_;           // folded, shorter than a part
  std::vector<std::uint64_t> parts_;    // folded, ascending
  std::vector<SqueezedPart> squeezed_;  // letters and digits alone, ascending
  std::array<std::uint64_t, filter_bits / 64> filter_{};
  std::size_t bytes_min_ = part_bytes;  // of the shortest
};

}  // namespace idmerge::util
