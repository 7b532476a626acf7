// SPDX-License-Identifier: MIT
#include "io/inflate.hpp"

#include <algorithm>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/packed.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::testing;

namespace {

/// All that comes out, and "! error" behind it if it ends badly.
std::string inflated(Compression kind, std::string_view bytes, std::size_t in_step = 1 << 20,
                     std::size_t out_step = 1 << 20) {
  Inflater inflater(kind);
  std::string all;
  std::string room(out_step, '\0');
  for (;;) {
    const auto step = inflater.inflate(bytes.substr(0, in_step), room);
    if (!step) return all + "! " + step.error().what;
    all.append(room.data(), step->made);
    bytes.remove_prefix(step->taken);
    if (bytes.empty() && step->made < room.size()) break;
  }
  const auto whole = inflater.finish();
  return whole ? all : all + "! " + whole.error().what;
}

std::string text(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; bytes.size() < size; ++i)
    bytes += std::to_string(i * i) + ",\n";
  return bytes;
}

bool contains(const std::string& all, std::string_view part) {
  return all.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("io/inflate") {
  TEST_CASE("the first bytes tell what a file is") {
    CHECK(detect_compression(gzip("x")) == Compression::gzip);
    CHECK(detect_compression(zstd("x")) == Compression::zstd);
    CHECK(detect_compression(std::string_view("\x5a\x2a\x4d\x18")) == Compression::zstd);
    CHECK(detect_compression("anon,user") == Compression::none);
    CHECK(detect_compression("") == Compression::none);
  }

  TEST_CASE("members and frames follow each other, in steps of any size") {
    const auto a = text(100'000);
    const auto b = text(10);
    for (const std::size_t in_step : {1U, 7U, 1000U, 1U << 20U}) {
      for (const std::size_t out_step : {1U, 100U, 1U << 20U}) {
        if (in_step * out_step < 100) continue;
        CAPTURE(in_step);
        CAPTURE(out_step);
        CHECK(inflated(Compression::gzip, gzip(a) + gzip("") + gzip(b), in_step, out_step) ==
              a + b);
        CHECK(inflated(Compression::zstd, zstd(a) + zstd("") + zstd(b, false), in_step, out_step) ==
              a + b);
      }
    }
  }

  TEST_CASE("a gzip header may have a name, a comment, extra bytes and a checksum") {
    const auto plain = gzip("hello");
    std::string header = plain.substr(0, 10);
    header[3] = 2 | 4 | 8 | 16;
    header +=
        std::string("\x03\0xyz", 5) + std::string("name\0", 5) + std::string("note\0", 5) + "##";
    CHECK(inflated(Compression::gzip, header + plain.substr(10)) == "hello");
    CHECK(inflated(Compression::gzip, header + plain.substr(10), 1) == "hello");
    header[3] = 4;
    CHECK(inflated(Compression::gzip, plain.substr(0, 3) + "\x04" + plain.substr(4, 6) +
                                          std::string(2, '\0') + plain.substr(10)) == "hello");
  }

  TEST_CASE("zeros may fill up a gzip file, other bytes may not") {
    CHECK(inflated(Compression::gzip, gzip("x") + std::string(600, '\0')) == "x");
    CHECK(contains(inflated(Compression::gzip, gzip("x") + "more"), "byte 21: "));
    CHECK(contains(inflated(Compression::gzip, gzip("x") + std::string(6, '\0') + "m"),
                   "byte 27: data follows the last gzip member"));
    CHECK(contains(inflated(Compression::zstd, zstd("x") + "more"), "! byte"));
  }

  TEST_CASE("only frames of today's zstd are read, in steps as at once") {
    // libzstd may also take what releases before 1.0 wrote: this frame of 0.6 it finds whole at
    // once and damaged in steps of four bytes.
    const std::string legacy("\x26\xb5\x2f\xfd\x04X\0\0", 8);
    for (const std::size_t in_step : {1U, 4U, 1000U}) {
      CAPTURE(in_step);
      for (const std::size_t out_step : {1U, 1000U}) {
        CAPTURE(out_step);
        CHECK(inflated(Compression::zstd, legacy, in_step, out_step) ==
              "! byte 0: no zstd frame begins here: make or copy the file again");
      }
      CHECK(contains(inflated(Compression::zstd, zstd("x") + legacy, in_step),
                     "! byte 14: no zstd frame begins here"));
      const std::string skippable("\x5f\x2a\x4d\x18\x03\0\0\0abc", 11);
      CHECK(inflated(Compression::zstd, skippable + zstd("x") + skippable + zstd("y"), in_step) ==
            "xy");
    }
  }

  TEST_CASE("a stream cut anywhere is an error, never a short table") {
    for (const auto& [kind, packed] : {std::pair{Compression::gzip, gzip(text(300)) + gzip("x")},
                                       std::pair{Compression::zstd, zstd(text(300), false)}}) {
      const auto first_ends = kind == Compression::gzip ? gzip(text(300)).size() : packed.size();
      for (std::size_t size = 1; size < packed.size(); ++size) {
        if (size == first_ends) continue;  // as good as a file of its own
        CAPTURE(size);
        const auto all = inflated(kind, std::string_view(packed).substr(0, size));
        CHECK(contains(all, "stream ends in the middle"));
        CHECK(contains(all, "! byte " + std::to_string(size)));
      }
    }
  }

  TEST_CASE("one flipped bit anywhere in the stream or its checksums is found") {
    std::mt19937_64 random(seed());
    const auto original = text(3000);
    for (const auto& [kind, packed] : {std::pair{Compression::gzip, gzip(original)},
                                       std::pair{Compression::zstd, zstd(original)}}) {
      for (int round = 0; round < 300; ++round) {
        auto broken = packed;
        // Not in a gzip header, whose time and system say nothing of the content.
        const std::size_t from = kind == Compression::gzip ? 10 : 4;
        const auto at = from + random() % (packed.size() - from);
        broken[at] = static_cast<char>(broken[at] ^ (1 << random() % 8));
        CAPTURE(at);
        const auto all = inflated(kind, broken);
        // zstd's header and the padding of deflate's last byte have bits without meaning for the
        // content: then it is all there.
        CHECK((contains(all, "! byte") || all == original));
      }
    }
  }

  TEST_CASE("a zstd window beyond 16 MiB is refused with the remedy") {
    const auto packed = zstd(text(1000), false, 27);
    CHECK(contains(inflated(Compression::zstd, packed), "--long=31"));
    CHECK(!contains(inflated(Compression::zstd, zstd(text(1000), false, 23)), "!"));
  }
}
