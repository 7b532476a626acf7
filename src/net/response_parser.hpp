// SPDX-License-Identifier: MIT
//
// An HTTP response parser based on Beast's, with callbacks of its own that copy only the few parts
// in use into buffers that are reused from response to response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace idmerge::net {

/// The parts of a response that are kept; reused from response to response.
struct ResponseParts {
  std::string content_type;
  std::string retry_after;
  std::string date;
  std::string location;
  std::string body;
  bool body_cut = false;

  void clear() {
    content_type.clear();
    retry_after.clear();
    date.clear();
    location.clear();
    body.clear();
    body_cut = false;
  }
};

class ResponseParser : public boost::beast::http::basic_parser<false> {
 public:
  ResponseParser(ResponseParts& parts, std::size_t head_bytes_max, std::size_t body_bytes_max)
      : parts_(parts), body_bytes_max_(body_bytes_max) {
    parts_.clear();
    header_limit(static_cast<std::uint32_t>(head_bytes_max));
    body_limit(boost::none);  // keep_body() truncates instead of failing
    eager(true);
  }

  unsigned status() const { return status_; }

 private:
  using error_code = boost::beast::error_code;
  using view = boost::beast::string_view;

  // Not truncated, however long a head may be: text that is cut before secrets are removed from it
  // may end in part of a secret.
  static void keep(std::string& field, view value) { field.assign(value.data(), value.size()); }

  std::size_t keep_body(view bytes) {
    const std::size_t room = body_bytes_max_ - parts_.body.size();
    if (bytes.size() > room) parts_.body_cut = true;
    parts_.body.append(bytes.data(), bytes.size() < room ? bytes.size() : room);
    return bytes.size();
  }

  void on_request_impl(boost::beast::http::verb, view, view, int, error_code&) override {}

  void on_response_impl(int code, view, int, error_code& ec) override {
    ec = {};
    status_ = static_cast<unsigned>(code);
    if (code < 100) ec = boost::beast::http::error::bad_status;  // would be treated as interim
  }

  void on_field_impl(boost::beast::http::field name, view, view value, error_code& ec) override {
    ec = {};
    if (is_header_done()) return;  // ignore trailers
    using boost::beast::http::field;
    if (name == field::content_type) keep(parts_.content_type, value);
    if (name == field::retry_after) keep(parts_.retry_after, value);
    if (name == field::date) keep(parts_.date, value);
    if (name == field::location) keep(parts_.location, value);
  }

  void on_header_impl(error_code& ec) override { ec = {}; }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code& ec) override {
    ec = {};
  }

  std::size_t on_body_impl(view bytes, error_code& ec) override {
    ec = {};
    return keep_body(bytes);
  }

  void on_chunk_header_impl(std::uint64_t, view, error_code& ec) override { ec = {}; }

  std::size_t on_chunk_body_impl(std::uint64_t, view bytes, error_code& ec) override {
    ec = {};
    return keep_body(bytes);
  }

  void on_finish_impl(error_code& ec) override { ec = {}; }

  ResponseParts& parts_;
  std::size_t body_bytes_max_;
  unsigned status_ = 0;
};

}  // namespace idmerge::net
