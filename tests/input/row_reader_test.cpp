// SPDX-License-Identifier: MIT
#include "input/row_reader.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "support/packed.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

struct Taken {
  std::string rows;  // "file:anon|user" or "file:fault@line", one after the other
  std::vector<InputFile> files;
  std::string error;
  Errc code = Errc::internal;
};

Taken take(RowReaderOptions options) {
  Taken taken;
  auto row_reader = RowReader::open(std::move(options));
  if (!row_reader) {
    taken.error = row_reader.error().what;
    taken.code = row_reader.error().code;
    return taken;
  }
  RowBlock block;
  for (;;) {
    const auto more = row_reader->next(block);
    if (!more) {
      taken.error = more.error().what;
      taken.code = more.error().code;
      CHECK(!row_reader->next(block));
      break;
    }
    if (!*more) break;
    for (const auto& row : block.rows) {
      if (taken.rows.size() > 1000) continue;
      taken.rows += (taken.rows.empty() ? "" : " ") + std::to_string(block.file) + ":";
      taken.rows += row.fault == Fault::none
                        ? std::string(row.anon) + "|" + std::string(row.user)
                        : std::string(name(row.fault)) + "@" + std::to_string(row.line);
    }
  }
  taken.files = row_reader->files();
  return taken;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("input/row_reader") {
  TEST_CASE("a CSV file is its rows behind the header") {
    const Scratch scratch;
    const auto path = scratch.write(
        "pairs.csv", "\xEF\xBB\xBFname,user_id,anonymous_id\r\nx,u1,a1\r\ny,u2,a2\r\n");
    const auto taken = take({.inputs = {path}});
    CHECK(taken.error == "");
    CHECK(taken.rows == "0:a1|u1 0:a2|u2");
    REQUIRE(taken.files.size() == 1);
    CHECK(taken.files[0].path == path);
    CHECK(taken.files[0].rows == 2);
    CHECK(taken.files[0].size == std::filesystem::file_size(path));
    CHECK(taken.files[0].mtime_ns != 0);
    CHECK(taken.files[0].format == Format::csv);
    CHECK(taken.files[0].compression == "none");
  }

  TEST_CASE("each part has its own header, format and compression, and rows know their file") {
    const Scratch scratch;
    scratch.write("d/p10.csv", "anon_id,user_id\na3,u3\n\n");
    scratch.write("d/p2.gz", gzip("user_id,anon_id\n") + gzip("u1,a1\n"));
    scratch.write("d/p3.zst", zstd("{\"anon_id\":\"a2\",\"user_id\":\"u2\"}\n"));
    scratch.write("d/_SUCCESS", "");
    const auto taken = take({.inputs = {scratch / "d"}});
    CHECK(taken.error == "");
    CHECK(taken.rows == "0:a1|u1 1:a2|u2 2:a3|u3");
    REQUIRE(taken.files.size() == 3);
    CHECK(taken.files[0].compression == "gzip");
    CHECK(taken.files[1].compression == "zstd");
    CHECK(taken.files[1].format == Format::ndjson);
    CHECK(taken.files[2].blank_lines == 1);
    auto row_reader = RowReader::open({.inputs = {scratch / "d"}});
    REQUIRE(row_reader);
    CHECK(row_reader->passed_over().size() == 1);
    CHECK(row_reader->bytes_total() ==
          taken.files[0].size + taken.files[1].size + taken.files[2].size);
  }

  TEST_CASE("a header that is repeated within a file is a fault of that line") {
    const Scratch scratch;
    const auto path = scratch.write("x", "anon_id,user_id\na,b\nanon_id,user_id\nc,d\n");
    CHECK(take({.inputs = {path}}).rows == "0:a|b 0:repeated-header@3 0:c|d");
  }

  TEST_CASE("without a header the first row is a row") {
    const Scratch scratch;
    const auto path = scratch.write("x", "\nu1;x;a1\nu2;x;a2\n");
    const auto taken = take({.inputs = {path},
                             .anon_field = "#3",
                             .user_field = "#1",
                             .delimiter = ';',
                             .no_header = true});
    CHECK(taken.rows == "0:a1|u1 0:a2|u2");
    CHECK(taken.files[0].blank_lines == 0);
  }

  TEST_CASE("blocks end where they may, and no row is lost between chunks") {
    const Scratch scratch;
    std::string csv = "anon_id,user_id\n";
    std::string json;
    std::uint64_t rows = 0;
    for (; csv.size() < 3'000'000; ++rows) {
      const auto number = std::to_string(rows);
      csv += number + ",u\n";
      json += "{\"anon_id\":" + number + ",\"user_id\":\"u\"}\n";
    }
    for (const auto& bytes : {csv, json, gzip(csv), zstd(json)}) {
      auto row_reader = RowReader::open({.inputs = {scratch.write("x", bytes)}});
      REQUIRE(row_reader);
      RowBlock block;
      std::uint64_t next = 0;
      for (;;) {
        const auto more = row_reader->next(block);
        REQUIRE(more);
        if (!*more) break;
        CHECK(block.rows.size() <= 16384);
        for (const auto& row : block.rows) {
          if (row.anon != std::to_string(next)) FAIL("row ", next, " is ", row.anon);
          ++next;
        }
      }
      CHECK(next == rows);
      CHECK(row_reader->files()[0].rows == rows);
      CHECK(row_reader->bytes_read() == bytes.size());
    }
  }

  TEST_CASE("rows longer than a chunk are read, up to row_max") {
    const Scratch scratch;
    const std::string longest(900'000, 'x');
    const auto path = scratch.write("x", "anon_id,user_id,note\na,b,\"" + longest + "\"\nc,d,\n" +
                                             "e,f," + longest + longest + "\ng,h,i\n");
    CHECK(take({.inputs = {path}}).rows == "0:a|b 0:c|d 0:row-too-long@4 0:g|h");
  }

  TEST_CASE("a quote that stays open is an error with file, line and column") {
    const Scratch scratch;
    std::string bytes = "anon_id,user_id\na,b\nc,\"d\n";
    while (bytes.size() < 3'000'000)
      bytes += "e,f\n";
    const auto path = scratch.write("x", bytes);
    const auto taken = take({.inputs = {path}});
    CHECK(taken.code == Errc::input);
    CHECK(contains(taken.error, path + ": line 3, column 3: a quote is opened here"));
  }

  TEST_CASE("what is uncertain is refused before a row is read") {
    const Scratch scratch;
    const auto good = scratch.write("good", "anon_id,user_id\na,b\n");
    struct Case {
      std::string_view bytes;
      std::string_view error;
      Errc code;
    };
    const Case cases[] = {
        {"anon_id,uid\na,b\n", "the header is: anon_id, uid", Errc::usage},
        {"anon_id,device_id,user_id\n", "anon_id (#1) or device_id (#2)", Errc::usage},
        {"anon_id;user_id\na;b\n", "--delimiter ';'", Errc::usage},
        {"anon_id\tuser_id\na\tb\n", "--format tsv", Errc::usage},
        {"anon_id|user_id\na|b\n", "--delimiter '|'", Errc::usage},
        {"550e8400-e29b-41d4-a716-446655440000,17\n", "--no-header", Errc::usage},
        {"anon_id,user_id\ra,b\r", "convert the line ends", Errc::usage},
        {"[{\"anon_id\":1}]\n", "jq -c", Errc::usage},
        {"{\"anon_id\":1}\n", "the keys of the first rows are: anon_id", Errc::usage},
        {"\xff\xfe"
         "a\0",
         "iconv", Errc::input},
        {"PAR1....", "Parquet", Errc::input},
        {"PK\x03\x04....", "zip", Errc::input},
        {"\xfd"
         "7zXZ",
         "xz", Errc::input},
    };
    for (const auto& c : cases) {
      CAPTURE(c.bytes);
      std::string bytes(c.bytes);
      if (c.error == "xz") bytes += '\0';
      const auto path = scratch.write("bad", bytes);
      const auto taken = take({.inputs = {good, path}});
      CHECK(taken.rows == "");
      CHECK(taken.code == c.code);
      CHECK(contains(taken.error, path + ": "));
      CHECK(contains(taken.error, c.error));
    }
    for (const auto& [zeros, encoding] : {std::pair{"x0", "UTF-16LE"},
                                          {"0x", "UTF-16BE"},
                                          {"x000", "UTF-32LE"},
                                          {"000x", "UTF-32BE"}}) {
      std::string bytes;
      for (const char c : std::string("anon_id,user_id\n")) {
        for (const char* place = zeros; *place != '\0'; ++place)
          bytes += *place == 'x' ? c : '\0';
      }
      const auto error = take({.inputs = {scratch.write("wide", bytes)}}).error;
      CHECK(contains(error, std::string("iconv -f ") + encoding + " -t UTF-8"));
    }
    const auto tar = std::string("pairs.csv").append(248, '\0') +
                     "ustar\0"
                     "00";
    for (const auto& [bytes, words] :
         {std::pair{gzip(gzip("anon_id,user_id\na,b\n")), "compressed twice: it contains gzip"},
          {gzip(zstd("anon_id,user_id\na,b\n")), "compressed twice: it contains zstd"},
          {zstd(gzip("anon_id,user_id\na,b\n")), "compressed twice: it contains gzip"},
          {tar, "a tar archive: unpack it with tar -x"},
          {gzip(tar), "a tar archive: unpack it with tar -x"},
          {std::string("x\x9c\xab\x56", 4), "zlib"},
          {std::string("\xff\x06\0\0sNaPpY\x01", 11), "snappy"},
          {std::string("\0\0\0\x19\0\0\0\x1b\x19\x60", 10) + "anon_id", "as Hadoop frames it"}}) {
      const auto error = take({.inputs = {scratch.write("packed", bytes)}}).error;
      CHECK_MESSAGE(contains(error, words), error);
    }
    const auto binary = scratch.write("binary", std::string("\x7f"
                                                            "ELF\x02\0\0\0\0",
                                                            9));
    CHECK(contains(take({.inputs = {binary}}).error, "byte 5: a zero byte"));
  }

  TEST_CASE("the separator that Excel names is the delimiter, unless another is asked for") {
    const Scratch scratch;
    const auto path = scratch.write("x.csv", "sep=;\r\nanon_id;user_id\r\na;u\r\n");
    CHECK(take({.inputs = {path}}).rows == "0:a|u");
    CHECK(take({.inputs = {path}, .delimiter = ';'}).rows == "0:a|u");
    CHECK(
        contains(take({.inputs = {path}, .delimiter = ','}).error, "line 1: names the separator"));
    const auto bare = scratch.write("y.csv", "sep=|\na|u\nb|v\n");
    CHECK(
        take({.inputs = {bare}, .anon_field = "#1", .user_field = "#2", .no_header = true}).rows ==
        "0:a|u 0:b|v");
  }

  TEST_CASE("Hive's Ctrl-A parts fields") {
    const Scratch scratch;
    const auto path = scratch.write("000000_0", "a\x01u\nb\x01v\n");
    CHECK(take({.inputs = {path},
                .anon_field = "#1",
                .user_field = "#2",
                .delimiter = '\x01',
                .no_header = true})
              .rows == "0:a|u 0:b|v");
  }

  TEST_CASE("a first line of NDJSON that is too long costs one row, as any other does") {
    const Scratch scratch;
    const std::string longer =
        "{\"anon_id\":\"" + std::string(200'000, 'x') + "\",\"user_id\":\"u\"}\n";
    const std::string rows = "{\"anon_id\":\"a\",\"user_id\":\"u\"}\n";
    for (const auto& [lines, taken] :
         {std::pair{longer + rows, "0:row-too-long@1 0:a|u"},
          {longer + longer + rows + rows, "0:row-too-long@1 0:row-too-long@2 0:a|u 0:a|u"},
          {longer + "no json\n" + rows, "0:row-too-long@1 0:not-json@2 0:a|u"}}) {
      const auto path = scratch.write("x.ndjson", lines);
      const auto read = take({.inputs = {path}, .row_max = 100'000});
      CHECK(read.error == "");
      CHECK(read.rows == taken);
    }
    const auto alone = scratch.write("x.ndjson", longer);
    CHECK(contains(take({.inputs = {alone}, .row_max = 100'000}).error, "is not a JSON object"));
  }

  TEST_CASE("a device is no table") {
    const auto taken = take({.inputs = {"/dev/null"}});
    CHECK(taken.code == Errc::input);
    CHECK(contains(taken.error, "/dev/null: this is a device"));
  }

  TEST_CASE("options that cannot be meant are refused") {
    const Scratch scratch;
    const auto path = scratch.write("x", "anon_id,user_id\na,b\n");
    CHECK(take({.inputs = {}}).code == Errc::usage);
    CHECK(take({.inputs = {path, path}}).code == Errc::usage);
    CHECK(take({.inputs = {path}, .delimiter = '"'}).code == Errc::usage);
    CHECK(take({.inputs = {path}, .row_max = 1}).code == Errc::usage);
    CHECK(take({.inputs = {path}, .format = Format::ndjson, .no_header = true}).code ==
          Errc::usage);
  }

  TEST_CASE("columns named by number must be the same in all tables") {
    const Scratch scratch;
    const auto first = scratch.write("1", "anonymous_id,user_id\na,u\n");
    const auto swapped = scratch.write("2", "user_id,anonymous_id\nv,b\n");
    const auto bare = scratch.write("3", "b,v\nc,w\n");
    const auto same = scratch.write("4", "anonymous_id,user_id,more\nb,v,x\n");
    const auto by_number = [](std::vector<std::string> inputs, bool no_header) {
      return take({.inputs = std::move(inputs),
                   .anon_field = "#1",
                   .user_field = "#2",
                   .no_header = no_header});
    };
    for (const auto& other : {swapped, bare}) {
      const auto taken = by_number({first, other}, false);
      CHECK(taken.code == Errc::usage);
      CHECK(taken.rows == "");
      CHECK(contains(taken.error, other + ": "));
      CHECK(contains(taken.error, first));
      CHECK(contains(taken.error, "--no-header"));
    }
    // A row that stands in place of a header is masked like ids.
    const auto masked = take({.inputs = {first, scratch.write("7", "dev-0042-77,u1\nc,w\n")},
                              .anon_field = "#1",
                              .user_field = "#2",
                              .mask = IdMask(false)});
    CHECK(contains(masked.error, "the header names the numbered columns "));
    CHECK(!contains(masked.error, "dev-0042-77"));
    CHECK(by_number({first, same}, false).rows == "0:a|u 1:b|v");
    CHECK(by_number({bare, scratch.write("5", "d,x\n")}, true).rows == "0:b|v 0:c|w 1:d|x");
    const auto wider = by_number({bare, scratch.write("6", "e,y,z\n")}, true);
    CHECK(contains(wider.error, "3 columns, and 2 in " + bare));
    // Named columns may stand anywhere.
    CHECK(take({.inputs = {first, swapped}}).rows == "0:a|u 1:b|v");
  }

  TEST_CASE("rows of several lines are counted, with the longest") {
    const Scratch scratch;
    const auto quotes = scratch.write("quotes",
                                      "anon_id,note,user_id\n"
                                      "a1,\"stray,u1\n"
                                      "a2,ok,u2\n"
                                      "a3,end\",u3\n"
                                      "a4,\"two\nlines\",u4\n"
                                      "\n"
                                      "a5,x,u5\n");
    const auto taken = take({.inputs = {quotes}});
    CHECK(taken.rows == "0:a1|u3 0:a4|u4 0:a5|u5");
    CHECK(taken.files[0].long_rows == 2);
    CHECK(taken.files[0].longest_lines == 3);
    CHECK(taken.files[0].longest_at == 2);
    const auto none = take({.inputs = {scratch.write("none", "anon_id,user_id\n\na,b\n\nc,d")}});
    CHECK(none.files[0].long_rows == 0);
  }

  TEST_CASE("a file that changes while the others are read is an error") {
    const Scratch scratch;
    const auto first = scratch.write("1", "anon_id,user_id\na,b\n");
    const auto second = scratch.write("2", "anon_id,user_id\nc,d\n");
    auto row_reader = RowReader::open({.inputs = {first, second}});
    REQUIRE(row_reader);
    RowBlock block;
    REQUIRE(row_reader->next(block));
    scratch.write("1", "anon_id,user_id\na,b\ne,f\n");
    REQUIRE(row_reader->next(block));
    const auto end = row_reader->next(block);
    REQUIRE(!end);
    CHECK(end.error().code == Errc::input);
    CHECK(contains(end.error().what, first + ": the file changed after it was read"));
  }

  TEST_CASE("what is no NDJSON says so, and a field that no row has is named") {
    const Scratch scratch;
    const auto pretty = scratch.write("pretty", "\n{\n  \"anon_id\": \"a\"\n}\n");
    CHECK(contains(take({.inputs = {pretty}}).error, pretty + ": line 2: is not a JSON object"));
    const auto csv = scratch.write("csv", "anon_id,user_id\na,b\n");
    CHECK(
        contains(take({.inputs = {csv}, .format = Format::ndjson}).error, "line 1: is not a JSON"));
    const auto good = scratch.write("good", "{\"anon_id\":\"a\",\"user_id\":\"b\"}\n");
    CHECK(contains(take({.inputs = {good}, .anon_field = "/zz"}).error,
                   "--anon-field /zz: no row has this field"));
    CHECK(contains(take({.inputs = {good}, .no_header = true}).error, "--no-header"));
  }

  TEST_CASE("an empty file is an error unless others have rows, a header alone is none") {
    const Scratch scratch;
    const auto good = scratch.write("good", "anon_id,user_id\na,b\n");
    const auto header = scratch.write("header", "anon_id,user_id\n");
    for (const auto& [name, bytes] : {std::pair<std::string, std::string>{"empty", ""},
                                      {"lines", "\n\r\n"},
                                      {"gzip", gzip("")},
                                      {"bom", "\xEF\xBB\xBF"}}) {
      const auto empty = scratch.write(name, bytes);
      CAPTURE(empty);
      CHECK(contains(take({.inputs = {empty}}).error, "the file is empty"));
      CHECK(take({.inputs = {empty}}).code == Errc::input);
      CHECK(take({.inputs = {empty, header}}).code == Errc::input);
      CHECK(take({.inputs = {empty, good}}).rows == "1:a|b");
    }
    CHECK(take({.inputs = {header}}).error == "");
    CHECK(take({.inputs = {header}, .min_rows = 1}).code == Errc::input);
  }

  TEST_CASE("numbers of files and rows are as expected, or it is an error") {
    const Scratch scratch;
    const auto path = scratch.write("x", "anon_id,user_id\na,b\nc\n");
    CHECK(take({.inputs = {path}, .expect_files = 1, .expect_rows = 2, .min_rows = 2}).error == "");
    CHECK(take({.inputs = {path}, .expect_files = 2}).code == Errc::input);
    CHECK(take({.inputs = {path}, .expect_rows = 1}).code == Errc::input);
    CHECK(take({.inputs = {path}, .min_rows = 3}).code == Errc::input);
  }

  TEST_CASE("a damaged stream is an error, however much came before") {
    const Scratch scratch;
    std::string bytes = "anon_id,user_id\n";
    while (bytes.size() < 3'000'000)
      bytes += std::to_string(bytes.size() * 7919) + ",f\n";
    for (auto packed : {gzip(bytes), zstd(bytes)}) {
      packed.resize(packed.size() - 3);
      const auto path = scratch.write("x", packed);
      const auto taken = take({.inputs = {path}});
      CHECK(taken.code == Errc::input);
      CHECK(contains(taken.error, path + ": byte " + std::to_string(packed.size())));
    }
  }

  TEST_CASE("a file that changes after the first look is an error") {
    const Scratch scratch;
    const auto path = scratch.write("x", "anon_id,user_id\na,b\n");
    auto row_reader = RowReader::open({.inputs = {path}});
    REQUIRE(row_reader);
    std::ofstream(path, std::ios::app) << "c,d\n";
    RowBlock block;
    const auto more = row_reader->next(block);
    REQUIRE(!more);
    CHECK(more.error().code == Errc::input);
    auto again = RowReader::open({.inputs = {path}});
    REQUIRE(again);
    std::filesystem::last_write_time(
        path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
    CHECK(!again->next(block));
  }

  TEST_CASE("a field that no row of NDJSON has is an error, one that some lack is not") {
    const Scratch scratch;
    const auto path = scratch.write("x", "{\"a\":1}\n{\"a\":2,\"u\":3}\n");
    CHECK(take({.inputs = {path}, .anon_field = "a", .user_field = "u"}).rows == "0:1| 0:2|3");
    const auto wrong = take({.inputs = {path}, .anon_field = "a", .user_field = "uid"});
    CHECK(wrong.code == Errc::usage);
    CHECK(contains(wrong.error, "--user-field"));
  }

  TEST_CASE("for the field of an alias that no row has, its own option is named") {
    const Scratch scratch;
    const auto path = scratch.write("x", "{\"a\":1,\"d\":2}\n");
    RowReaderOptions options{.inputs = {path}, .alias_field = "a", .distinct_id_field = "did"};
    options.op = Op::alias;
    CHECK(contains(take(options).error, "--distinct-id-field did"));
    options.alias_field = "al";
    options.distinct_id_field = "d";
    CHECK(contains(take(options).error, "--alias-field al"));
  }

  TEST_CASE("where the first kilobytes do not tell enough, more is read, up to a row") {
    const Scratch scratch;
    const std::string blanks(70'000, '\n');
    const std::string wide =
        "{\"x\":\"" + std::string(70'000, 'x') + "\",\"anon_id\":1,\"user_id\":2}\n";
    for (const auto& text : {wide, blanks + wide}) {
      const auto path = scratch.write("x.ndjson", text);
      CHECK(take({.inputs = {path}, .format = Format::ndjson}).rows == "0:1|2");
    }
    const auto path = scratch.write("x.ndjson", blanks + blanks);
    const auto empty = take({.inputs = {path}, .format = Format::ndjson, .row_max = 1000});
    CHECK(empty.code == Errc::input);
    CHECK(contains(empty.error, "bytes are blank lines: check the file"));
  }

  TEST_CASE("a pipe is read as it comes, and a last row without line end is a fault") {
    const Scratch scratch;
    const auto path = scratch / "pipe";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    std::thread writer([&] {
      std::ofstream out(path, std::ios::binary);
      for (const auto* part : {"anon_id,us", "er_id\na,b", "\nc,d\ne,", "f"}) {
        out << part << std::flush;
      }
    });
    const auto taken = take({.inputs = {path}});
    writer.join();
    CHECK(taken.error == "");
    CHECK(taken.rows == "0:a|b 0:c|d 0:partial-row@4");
    CHECK(taken.files[0].is_pipe);
    CHECK(taken.files[0].mtime_ns == 0);
    CHECK(taken.files[0].size == 27);
  }
}
