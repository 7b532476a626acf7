// SPDX-License-Identifier: MIT
//
// What both APIs of Mixpanel have in common: credentials, request heads, regions, and the parts of
// answers that are alike. Request heads are prepared once, and a body that repeats the last good
// one byte for byte is not parsed.
//
// Source: mixpanel-facts sections 1 and 2.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "net/response.hpp"
#include "send/service_api.hpp"
#include "util/redactor.hpp"
#include "util/result.hpp"
#include "util/secret.hpp"

namespace idmerge::send {

inline constexpr std::array<Region, 3> mixpanel_regions{{{"us", "US", "api.mixpanel.com"},
                                                         {"eu", "EU", "api-eu.mixpanel.com"},
                                                         {"in", "India", "api-in.mixpanel.com"}}};

/// The older names are those of mixpanel-import.
inline constexpr CredentialNames mixpanel_credentials{{"MIXPANEL_TOKEN", "MP_TOKEN"},
                                                      {"MIXPANEL_USERNAME", "MP_ACCT"},
                                                      {"MIXPANEL_SECRET", "MP_PASS"}};

/// Checks token, user name and secret, and that `host` and `base` can stand in a request.
/// Errors: usage.
Result<void> check_mixpanel_options(const ServiceApiOptions& options, std::string_view host,
                                    std::string_view base);

class MixpanelApi : public ServiceApi {
 public:
  std::size_t links_max() const final { return links_max_; }
  void decode(const net::Response& response, std::span<const input::Link> links,
              Outcome& outcome) final;

 protected:
  /// For messages about foreign answers; see decode_foreign().
  struct ForeignWords {
    std::string_view api;
    std::string_view absent;
  };

  MixpanelApi(const ServiceApiOptions& options, std::size_t links_max, ForeignWords words);

  /// Returns: the head of a request up to the value of Content-Length. `more` are header lines.
  static util::Secret request_head(const ServiceApiOptions& options, std::string_view host,
                                   std::string_view base, std::string_view path,
                                   std::string_view more = {});
  static void append_request(const util::Secret& head, std::string_view content, std::string& out);

  /// Sets the outcome of an answer whose status HTTP does not define for every service.
  /// Returns: false if it is not an answer of this API.
  virtual bool decode_own(const net::Response& response, std::span<const input::Link> links,
                          Outcome& outcome) = 0;

  /// Appends the error that the body reports, or a short form of the body.
  void append_message(const net::Response& response, std::string& out);

  util::Redactor secrets_;
  simdjson::dom::parser json_;

 private:
  bool took_nothing(const net::Response& response);
  void decode_answer(const net::Response& response, std::span<const input::Link> links,
                     Outcome& outcome);

  std::size_t links_max_;
  ForeignWords words_;

  // The last body that meant "delivered", and for how many links: the service repeats itself.
  std::string known_good_;
  std::size_t known_good_links_ = 0;
};

/// Parses the body as an object, which is valid until `json` parses the next one.
/// Returns: false if it is none, or was truncated.
bool parse_object(simdjson::dom::parser& json, const net::Response& response,
                  simdjson::dom::object& object);

/// Returns whether a member `code` differs from the status it came with.
bool contradicts(simdjson::dom::element code, unsigned status);

/// Returns whether the object gives two values to one of the members that determine an outcome, or
/// one under a name that differs from it in case.
bool has_differing_members(simdjson::dom::object object);

/// Returns whether it says that something was taken, whatever status it came with.
bool says_taken(simdjson::dom::object object);

/// Returns whether it says so by more than its codes: with a count (also one that cannot be read),
/// or in words.
bool says_success(simdjson::dom::object object);

/// Returns whether it says that something failed, or that nothing was taken, whatever status it
/// came with.
bool says_failed(simdjson::dom::object object);

/// Returns whether there is an error, or a member that denies a success.
bool has_error_or_failure(simdjson::dom::object object);

/// Returns whether a member `success` or `ok` is true.
bool is_called_success(simdjson::dom::object object);

/// Returns whether this member is null or empty.
bool means_none(simdjson::dom::element member);

}  // namespace idmerge::send
