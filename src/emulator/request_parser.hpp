// SPDX-License-Identifier: MIT
//
// Beast's parser, reduced to the fields that a Service needs, in strings that are reused.
#pragma once

#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

namespace idmerge::emulator {

struct ParsedRequest {
  std::string method;
  std::string target;
  std::string content_type;
  std::string content_encoding;
  std::string authorization;
  std::string body;
  int version = 11;
  bool has_host = false;
  bool expects_continue = false;

  void clear() {
    for (std::string* text :
         {&method, &target, &content_type, &content_encoding, &authorization, &body})
      text->clear();
    version = 11;
    has_host = expects_continue = false;
  }
};

class RequestParser : public boost::beast::http::basic_parser<true> {
  using error_code = boost::beast::error_code;
  using view = boost::beast::string_view;
  using field = boost::beast::http::field;
  using verb = boost::beast::http::verb;

 public:
  explicit RequestParser(ParsedRequest& request) : request_(request) { request_.clear(); }

 private:
  void on_request_impl(verb, view method, view target, int version, error_code&) override {
    request_.method.assign(method.data(), method.size());
    request_.target.assign(target.data(), target.size());
    request_.version = version;
  }
  void on_response_impl(int, view, int, error_code&) override {}
  void on_field_impl(field known, view, view value, error_code&) override {
    const auto keep = [&](std::string& in) { in.assign(value.data(), value.size()); };
    if (known == field::content_type) keep(request_.content_type);
    if (known == field::content_encoding) keep(request_.content_encoding);
    if (known == field::authorization) keep(request_.authorization);
    if (known == field::host) request_.has_host = true;
    if (known == field::expect)
      request_.expects_continue = boost::beast::iequals(value, "100-continue");
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(view body, error_code&) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, view body, error_code&) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  ParsedRequest& request_;
};

}  // namespace idmerge::emulator
