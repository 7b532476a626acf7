// SPDX-License-Identifier: MIT
//
// What a connection reads, taken apart into answers: the bytes go in as they come, without a socket
// in here, so that a fuzzer can play the service.
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

#include "idmerge/core/reply.hpp"

#include "reply_parser.hpp"

namespace idmerge {

/// What lies on a connection while no answer is to come.
enum class Unasked : std::uint8_t {
  nothing,   // or what only announces an answer (103 Early Hints, say)
  farewell,  // no answer: ends of lines, or the 408 with which servers end what was idle for long
  answer,    // an answer, or what may become one
};

class AnswerReader {
 public:
  using error_code = boost::beast::error_code;

  /// Room that a read is given at least.
  static constexpr std::size_t read_bytes_min = 4 * 1024;

  /// Answers that only announce another one (100 Continue, 102 Processing, 103 Early Hints), all
  /// together before each. A proxy may send one a second for as long as a request takes.
  /// Units: bytes.
  static constexpr std::size_t interim_bytes_max = 1024 * 1024;

  /// Answers of at most so many bytes, head and body, are known when they come again.
  static constexpr std::size_t repeat_bytes_max = 1024;

  /// The end of a chunked body without trailers: "0", and two ends of lines.
  static constexpr std::size_t chunked_end_bytes = 5;

  /// Units: bytes of an answer. A longer head is an error (up to thrice as long, as it comes), of a
  /// longer body the rest is not kept.
  AnswerReader(std::size_t head_bytes_max, std::size_t body_bytes_max)
      : head_bytes_max_(head_bytes_max),
        body_bytes_max_(body_bytes_max),
        buffer_(head_bytes_max + read_bytes_min) {}

  /// Forget the connection; the latest answer stays.
  void clear() {
    begin_ = end_ = 0;
    parsing_ = tunnel_ = false;
    known_.clear();
    shortest_ = awaited_ = 0;
  }

  /// Where the next bytes go. Units: at least one, and `read_bytes_min` but for overlong lines.
  boost::asio::mutable_buffer room() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (buffer_.size() - end_ < read_bytes_min && begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return boost::asio::buffer(buffer_.data() + end_, buffer_.size() - end_);
  }

  /// So many bytes were put into the room.
  void came(std::size_t bytes) { end_ += bytes; }

  /// How many bytes have come that are not parsed.
  std::size_t unparsed() const { return end_ - begin_; }

  /// What has come though no answer is awaited.
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

  /// Is an answer to come that was not taken?
  bool is_awaiting() const { return awaited_ > 0; }

  /// Has no byte come of an answer?
  bool nothing_came() const { return begin_ == end_ && (!parsing_ || !parser_->got_some()); }

  /// From now on so many answers are to come.
  void await(std::size_t answers) { awaited_ = answers; }

  /// Begin with the answer to CONNECT, which ends where its head does: what follows a good one is
  /// the tunnel. parse() goes on with it, tunnel() is its end.
  void start_tunnel() {
    tunnel_ = true;
    start();
  }
  void tunnel() { parsing_ = tunnel_ = false; }

  /// Parse what was read; true when the answer is complete.
  bool parse(error_code& ec) {
    while (begin_ != end_) {
      ec = {};
      // Beast asserts, wrongly, that it is never given less of the end of a chunked body twice.
      const bool in_chunks = parser_->is_header_done() && parser_->chunked();
      if (in_chunks && unparsed() < chunked_end_bytes) return false;
      const std::size_t size =
          parser_->put(boost::asio::const_buffer(buffer_.data() + begin_, end_ - begin_), ec);
      begin_ += size;
      interim_bytes_ += size;  // unless they turn out to be of the answer itself
      if (ec == boost::beast::http::error::need_more) {
        ec = {};
        // Of a chunk's header and of a trailer the parser bounds no length.
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

  /// Go on with the next answer; true when it is complete, and then until taken(). One that repeats
  /// the answer before, byte for byte, says the same and is not parsed again.
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

  /// No more bytes come; true when that is the end of an answer without a length.
  bool ends_with_connection() {
    if (!parsing_ || !parser_->is_header_done() || !parser_->need_eof()) return false;
    error_code ec;
    parser_->put_eof(ec);
    return !ec;
  }

  /// The answer that is complete, and is one less to come.
  /// Shape: its views last until the next bytes are parsed.
  Reply taken() {
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

  /// Of the latest answer.
  bool keep_alive() const { return parser_->keep_alive(); }

  /// How many bytes are still to come, if no answer is shorter than those before; 1 when that says
  /// nothing.
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
  ReplyParts parts_;
  std::optional<ReplyParser> parser_;
  bool tunnel_ = false;            // is it the one to CONNECT?
  bool parsing_ = false;           // has the parser begun with the next answer?
  std::size_t parsed_ = 0;         // how many bytes of it
  std::size_t interim_bytes_ = 0;  // of the answers that announced it
  std::string known_;         // the bytes of the answer that parser and parts hold, if remembered
  std::size_t shortest_ = 0;  // bytes of the shortest answer; 0 before the first
  std::size_t awaited_ = 0;   // answers
};

}  // namespace idmerge
