// SPDX-License-Identifier: MIT
//
// Mixpanel's public batch ingestion: links as events, thousands in a request, compressed, and the
// answers to them. Everything about an event follows from its link and the pinned time of the job,
// so that a batch that is sent again is made of the same events and the service drops the
// repetition. A batch may succeed in part, and it may fail without a word about which event was
// bad; then it is for the caller to send it again in halves.
//
// Source: mixpanel-facts sections 1.2 to 1.6 and 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "send/service_api.hpp"
#include "util/redactor.hpp"

struct libdeflate_compressor;

namespace idmerge::send {

extern const ServiceFacts import_api;

/// Append the id by which the service tells repeated events; it depends on the operation and both
/// ids alone. For `create` it is the anonymous id itself where that is spelled as such an id may be
/// (a UUID is), which compresses to nothing; otherwise 32 hexadecimal digits.
///
/// Shape: no two links of the same distinct id (the user id) and event have the same one.
/// Source: mixpanel-facts 1.3: at most 36 letters, digits and '-'; 1.6: the service compares event,
/// time, distinct id and insert id.
void append_insert_id(const input::Link& link, std::string& out);

class ImportWriter {
 public:
  explicit ImportWriter(const ServiceApiOptions& options);
  ~ImportWriter();
  ImportWriter(const ImportWriter&) = delete;
  ImportWriter& operator=(const ImportWriter&) = delete;

  /// Make the body for as many of `links` as fit, and say how many these are: at least one.
  /// Shape: a JSON array of events; ends with the next call.
  std::size_t write(std::span<const input::Link> links);

  std::string_view body() const { return body_; }

  /// The body as gzip has it. Shape: ends with the next call.
  std::string_view compressed();

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const;
  };

  void append_event(const input::Link& link);

  plan::ProjectMode mode_;
  std::size_t links_max_;
  std::size_t bytes_max_;
  std::string common_;  // of all events: token and time
  std::string body_;
  std::string gzip_;
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

/// Say what an answer with status 200, 400 or 413 means for the links of a batch.
///
/// Shape: sets kind, message and refusals of `outcome`; false when it is not an answer of this API.
bool decode_import(simdjson::dom::parser& json, const util::Redactor& secrets,
                   const net::Response& response, std::span<const input::Link> links,
                   plan::ProjectMode mode, Outcome& outcome);

}  // namespace idmerge::send
