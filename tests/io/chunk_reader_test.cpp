// SPDX-License-Identifier: MIT
#include "io/chunk_reader.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "support/packed.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

Result<std::string> read(ChunkReader& source) {
  std::string all;
  Chunk chunk;
  do {
    if (auto next = source.next(chunk); !next) return next.error();
    all.append(chunk.bytes.data() + chunk.begin, chunk.end - chunk.begin);
  } while (!chunk.last);
  return all;
}

std::string text(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; bytes.size() < size; ++i)
    bytes += std::to_string(i * i) + ",\n";
  return bytes;
}

}  // namespace

TEST_SUITE("io/chunk_reader") {
  TEST_CASE("plain, gzip and zstd files are read whole, and the facts are those of the raw bytes") {
    const Scratch scratch;
    const auto original = text(700'000);
    for (const auto& [kind, raw] :
         {std::pair{Compression::none, original}, std::pair{Compression::gzip, gzip(original)},
          std::pair{Compression::zstd, zstd(original)}}) {
      const auto path = scratch.write("file", raw);
      for (const std::size_t chunk : {1000U, 256U << 10U}) {
        auto source = ChunkReader::open(path, {.chunk_bytes = chunk});
        REQUIRE(source);
        CHECK(source->size() == raw.size());
        const auto all = read(*source);
        REQUIRE(all);
        CHECK(*all == original);
        CHECK(source->bytes_read() == raw.size());
        CHECK(source->facts().size == raw.size());
        CHECK(source->facts().compression == kind);
        XXH128_canonical_t digest;
        XXH128_canonicalFromHash(&digest, XXH3_128bits(raw.data(), raw.size()));
        CHECK(std::memcmp(digest.digest, source->facts().digest.data(), 16) == 0);
      }
    }
  }

  TEST_CASE("sizes at the edge of a chunk lose nothing") {
    const Scratch scratch;
    for (const std::size_t size : {0U, 1U, 3U, 99U, 100U, 101U, 200U, 300U}) {
      CAPTURE(size);
      const auto original = text(1000).substr(0, size);
      for (const auto& raw : {original, gzip(original), zstd(original, false)}) {
        auto source = ChunkReader::open(scratch.write("file", raw), {.chunk_bytes = 100});
        REQUIRE(source);
        const auto all = read(*source);
        REQUIRE(all);
        CHECK(*all == original);
      }
    }
  }

  TEST_CASE("a look at the head reads no more than it has to") {
    const Scratch scratch;
    const auto original = text(5000);
    auto source = ChunkReader::open(scratch.write("file", gzip(original)), {.head_bytes = 100});
    REQUIRE(source);
    Chunk chunk;
    REQUIRE(source->next(chunk));
    CHECK(std::string(chunk.bytes.data() + chunk.begin, chunk.end - chunk.begin) ==
          original.substr(0, 100));
    CHECK(!chunk.last);
  }

  TEST_CASE("a file that grows, shrinks or changes while it is read is an error") {
    const Scratch scratch;
    const auto original = text(3'000'000);
    for (const int how : {0, 1, 2}) {
      CAPTURE(how);
      const auto path = scratch.write("file", original);
      auto source = ChunkReader::open(path);
      REQUIRE(source);
      Chunk chunk;
      REQUIRE(source->next(chunk));
      if (how == 0) std::ofstream(path, std::ios::app) << "more";
      if (how == 1) std::filesystem::resize_file(path, 100);
      if (how == 2) {
        std::filesystem::last_write_time(
            path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
      }
      const auto rest = read(*source);
      REQUIRE(!rest);
      CHECK(rest.error().code == Errc::input);
      const auto* const what = how == 0 ? "grew" : how == 1 ? "shrank" : "changed";
      CHECK(
          rest.error().what.starts_with(path + ": the file " + what + " while it was being read"));
    }
  }

  TEST_CASE("damage names the file and the byte") {
    const Scratch scratch;
    const auto packed = gzip(text(5000));
    const auto path = scratch.write("file", packed.substr(0, 500));
    auto source = ChunkReader::open(path);
    REQUIRE(source);
    const auto all = read(*source);
    REQUIRE(!all);
    CHECK(all.error() == Error{Errc::input, path + ": byte 500: the gzip stream ends in the middle:"
                                                   " make or copy the file again"});
  }

  TEST_CASE("what its thread throws is an error of whoever waits") {
    const Scratch scratch;
    const auto path = scratch.write("file", text(100));
    // More than any vector can have.
    auto source =
        ChunkReader::open(path, {.chunk_bytes = std::numeric_limits<std::size_t>::max() / 2});
    REQUIRE(source);
    const auto all = read(*source);
    REQUIRE(!all);
    CHECK(all.error().code == Errc::internal);
    CHECK(all.error().what.starts_with("unexpected error: "));
  }

  TEST_CASE("the digest of an input is that of its raw bytes, links followed") {
    const Scratch scratch;
    const auto packed = gzip(text(700'000));
    const auto path = scratch.write("file", packed);
    std::filesystem::create_symlink(path, scratch / "link");
    auto source = ChunkReader::open(path);
    REQUIRE(source);
    REQUIRE(read(*source));
    CHECK(ChunkReader::digest_of(scratch / "link").value() == source->facts().digest);
    CHECK(ChunkReader::digest_of(scratch.write("empty", "")).has_value());
    CHECK(ChunkReader::digest_of(scratch / "none").error().code == Errc::input);
    REQUIRE(::mkfifo((scratch / "pipe").c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream out(scratch / "pipe"); });
    CHECK(ChunkReader::digest_of(scratch / "pipe").error().code == Errc::input);
    writer.join();
  }

  TEST_CASE("what is not there or is no file says so") {
    const Scratch scratch;
    CHECK(ChunkReader::open(scratch / "none").error().code == Errc::input);
    CHECK(ChunkReader::open(scratch.path()).error().code == Errc::usage);
  }

  TEST_CASE("a pipe is read to its end, and left when nobody writes to it") {
    const Scratch scratch;
    const auto path = scratch / "pipe";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const auto original = text(500'000);
    {
      std::thread writer([&] { std::ofstream(path, std::ios::binary) << gzip(original); });
      auto source = ChunkReader::open(path);
      REQUIRE(source);
      CHECK(source->is_pipe());
      CHECK(source->size() == 0);
      const auto all = read(*source);
      writer.join();
      REQUIRE(all);
      CHECK(*all == original);
    }
    std::ofstream silent;
    std::thread writer([&] { silent.open(path, std::ios::binary); });
    auto source = ChunkReader::open(path);
    writer.join();
    REQUIRE(source);
    silent << text(7000) << std::flush;
    Chunk chunk;
    REQUIRE(source->next(chunk));
    CHECK(chunk.end > chunk.begin);
  }  // the source must go although the writer stays
}
