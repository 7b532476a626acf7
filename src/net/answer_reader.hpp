// SPDX-License-Identifier: MIT
//
// Splits the bytes that a connection reads into answers. It has no socket, so that a fuzzer can
// supply the bytes of a service.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>

#include "net/response.hpp"
#include "net/response_parser.hpp"

namespace idmerge::net {

/// The kind of the bytes that arrive while no answer is expected.
enum class Unasked : std::uint8_t {
  nothing,   // or only interim answers (such as 103 Early Hints)
  farewell,  // no answer: line ends, or the 408 with which servers close idle connections
  answer,    // an answer, or a possible beginning of one
};

class AnswerReader {
 public:
  using error_code = boost::beast::error_code;

  /// Minimum size of the buffer for a read. Units: bytes.
  static constexpr std::size_t read_bytes_min = 4 * 1024;

  /// Maximum of all interim answers (100 Continue, 102 Processing, 103 Early Hints) before one
  /// answer. A proxy may send one per second for the duration of a request. Units: bytes.
  static constexpr std::size_t interim_bytes_max = 1024 * 1024;

  /// Maximum size, head and body, of an answer that is remembered for comparison with the next one.
  /// Units: bytes.
  static constexpr std::size_t repeat_bytes_max = 1024;

  /// The end of a chunked body without trailers: "0" and two line ends.
  static constexpr std::size_t chunked_end_bytes = 5;

  /// Units: bytes of an answer. Bounds: a longer head is an error (detected at up to three times
  /// the limit, depending on how it arrives); of a longer body the rest is discarded.
  AnswerReader(std::size_t head_bytes_max, std::size_t body_bytes_max)
      : head_bytes_max_(head_bytes_max),
        body_bytes_max_(body_bytes_max),
        buffer_(head_bytes_max + read_bytes_min) {}

  /// Reset the state of the connection; the last answer stays valid.
  void clear() {
    begin_ = end_ = 0;
    parsing_ = tunnel_ = false;
    known_.clear();
    shortest_ = awaited_ = 0;
  }

  /// The buffer for the next read. Bounds: `read_bytes_min` or more; less if an overlong line fills
  /// the buffer, and empty only while no answer is expected.
  boost::asio::mutable_buffer room() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (buffer_.size() - end_ < read_bytes_min && begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return boost::asio::buffer(buffer_.data() + end_, buffer_.size() - end_);
  }

  /// Report that a read has put `bytes` bytes into room().
  void came(std::size_t bytes) { end_ += bytes; }

  /// Number of bytes that have arrived and are not parsed.
  std::size_t unparsed() const { return end_ - begin_; }

  /// The kind of the unparsed bytes, when no answer is expected.
  Unasked unasked() const {
    constexpr std::size_t status_bytes = 12;  // "HTTP/1.1 103"
    std::string_view rest(buffer_.data() + begin_, unparsed());
    while (!rest.empty()) {
      const auto text = rest.find_first_not_of("\r\n");
      if (text == std::string_view::npos) return Unasked::farewell;
      const auto said = rest.substr(text, status_bytes);
      if (said.size() < status_bytes || said.substr(0, 7) != "HTTP/1.") return Unasked::answer;
      const auto status = said.substr(8);
      if (status == " 408") return Unasked::farewell;
      if (status.substr(0, 2) != " 1" || status == " 101") return Unasked::answer;
      if (text > 0) return Unasked::farewell;
      const auto end = rest.find("\r\n\r\n");
      if (end == std::string_view::npos) return Unasked::nothing;
      rest.remove_prefix(end + 4);
    }
    return Unasked::nothing;
  }

  /// Returns whether an expected answer has not been taken yet.
  bool is_awaiting() const { return awaited_ > 0; }

  /// Returns whether no byte of the next answer has arrived.
  bool nothing_came() const { return begin_ == end_ && (!parsing_ || !parser_->got_some()); }

  /// Set the number of expected answers.
  void await(std::size_t answers) { awaited_ = answers; }

  /// Begin with the answer to CONNECT, which ends with its head: after success, the tunnel follows.
  /// Continue with parse(), and end with tunnel().
  void start_tunnel() {
    tunnel_ = true;
    start();
  }
  void tunnel() { parsing_ = tunnel_ = false; }

  /// Parse the bytes that were read. Returns: true when the answer is complete.
  bool parse(error_code& ec) {
    while (begin_ != end_) {
      ec = {};
      // Beast wrongly asserts that it is never given an incomplete end of a chunked body twice.
      const bool in_chunks = parser_->is_header_done() && parser_->chunked();
      if (in_chunks && unparsed() < chunked_end_bytes) return false;
      const std::size_t size =
          parser_->put(boost::asio::const_buffer(buffer_.data() + begin_, end_ - begin_), ec);
      begin_ += size;
      interim_bytes_ += size;  // also counts the final answer, which is not checked
      if (ec == boost::beast::http::error::need_more) {
        ec = {};
        // The parser does not limit the length of a chunk's header or of a trailer.
        if (unparsed() == buffer_.size()) ec = boost::beast::http::error::header_limit;
        return false;
      }
      if (ec) return false;
      if (!parser_->is_done()) continue;
      if (parser_->status() >= 200) return true;
      if (parser_->status() == 101 || interim_bytes_ > interim_bytes_max) {
        ec = boost::beast::http::error::bad_status;
        return false;
      }
      restart();
    }
    return false;
  }

  /// Continue with the next answer. Returns: true when it is complete, until taken(). An answer
  /// that repeats the previous one byte for byte has the same content and is not parsed again.
  bool next(error_code& ec) {
    const std::string_view there(buffer_.data() + begin_, end_ - begin_);
    if (there.empty()) return false;
    const bool from_its_first_byte = !parsing_;
    if (from_its_first_byte) {
      if (!known_.empty() && there.substr(0, known_.size()) == known_) {
        begin_ += known_.size();
        return true;
      }
      start();
    }
    const bool complete = parse(ec);
    const std::size_t size = there.size() - (end_ - begin_);
    parsed_ += size;
    if (!complete) return false;
    shortest_ = shortest_ == 0 ? parsed_ : std::min(shortest_, parsed_);
    if (from_its_first_byte && size <= repeat_bytes_max) known_ = there.substr(0, size);
    return true;
  }

  /// Report the end of the connection. Returns: true if it completes an answer without a length.
  bool ends_with_connection() {
    if (!parsing_ || !parser_->is_header_done() || !parser_->need_eof()) return false;
    error_code ec;
    parser_->put_eof(ec);
    return !ec;
  }

  /// Take the complete answer and decrement the number of expected ones.
  /// Lifetime: its views are valid until the next bytes are parsed.
  Response taken() {
    parsing_ = false;
    if (awaited_ > 0) --awaited_;
    return {.status = parser_->status(),
            .content_type = parts_.content_type,
            .retry_after = parts_.retry_after,
            .date = parts_.date,
            .location = parts_.location,
            .body = parts_.body,
            .body_cut = parts_.body_cut};
  }

  unsigned status() const { return parser_->status(); }

  /// Returns whether the last answer keeps the connection alive.
  bool keep_alive() const { return parser_->keep_alive(); }

  /// Estimates the number of bytes still to come, assuming that no answer is shorter than the
  /// earlier ones; 1 if there is no estimate.
  std::size_t bytes_awaited() const {
    const std::size_t all = awaited_ * shortest_;
    const std::size_t there = end_ - begin_ + (parsing_ ? parsed_ : 0);
    if (awaited_ <= 1 || all <= there) return 1;
    return std::min(all - there, buffer_.size() - end_);
  }

 private:
  void start() {
    parsing_ = true;
    parsed_ = 0;
    interim_bytes_ = 0;
    known_.clear();
    restart();
  }

  void restart() {
    parser_.emplace(parts_, head_bytes_max_, body_bytes_max_);
    parser_->skip(tunnel_);
  }

  std::size_t head_bytes_max_;
  std::size_t body_bytes_max_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the bytes that were read and not yet parsed
  std::size_t end_ = 0;
  ResponseParts parts_;
  std::optional<ResponseParser> parser_;
  bool tunnel_ = false;            // the answer is the one to CONNECT
  bool parsing_ = false;           // the parser has begun with the next answer
  std::size_t parsed_ = 0;         // bytes of this answer that are parsed
  std::size_t interim_bytes_ = 0;  // bytes of interim answers before it
  std::string known_;              // bytes of the last parsed answer, if remembered
  std::size_t shortest_ = 0;       // bytes of the shortest answer; 0 before the first
  std::size_t awaited_ = 0;        // expected answers
};

}  // namespace idmerge::net
