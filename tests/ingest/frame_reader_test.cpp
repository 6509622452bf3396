#include "daemon/ingest/frame_reader.h"

#include <catch2/catch.hpp>

namespace extvold::ingest {

namespace {

// "began 3", "bytes abc", "ended"; the last entry is the error, if there is one.
std::vector<std::string> parts(FrameReader& reader, std::string_view input) {
  std::vector<std::string> out;
  while (true) {
    auto part = reader.next(input);
    if (!part) {
      CHECK(part.error().code == Errc::corrupt);
      out.push_back("error " + part.error().message);
      return out;
    }
    switch (part->kind) {
      case FramePart::Kind::need_more:
        CHECK(input.empty());
        return out;
      case FramePart::Kind::began:
        out.push_back(fmt::format("began {}", part->length));
        break;
      case FramePart::Kind::bytes:
        out.push_back(fmt::format("bytes {}", part->bytes));
        break;
      case FramePart::Kind::ended:
        out.emplace_back("ended");
        break;
    }
  }
}

std::string only_error(std::string_view input, std::uint64_t bound = FrameReader::kDefaultMaxRecordBytes) {
  FrameReader reader(bound);
  const auto all = parts(reader, input);
  return all.empty() ? "" : all.back();
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("frames: records, one after the other") {
  FrameReader reader;
  CHECK(parts(reader, "3\nabc2\nde") ==
        Texts{"began 3", "bytes abc", "ended", "began 2", "bytes de", "ended"});
  CHECK(reader.at_boundary());
  CHECK(reader.offset() == 9);
}

TEST_CASE("frames: a record in pieces is handed on in pieces") {
  FrameReader reader;
  CHECK(parts(reader, "1") == Texts{});
  CHECK_FALSE(reader.at_boundary());
  CHECK(parts(reader, "0\n01") == Texts{"began 10", "bytes 01"});
  CHECK(parts(reader, "2345678") == Texts{"bytes 2345678"});
  CHECK(parts(reader, "9") == Texts{"bytes 9", "ended"});
  CHECK(reader.at_boundary());
}

TEST_CASE("frames: empty lines before a length, and empty records") {
  FrameReader reader;
  CHECK(parts(reader, "\n\n1\nx\n0\n") == Texts{"began 1", "bytes x", "ended", "began 0", "ended"});
}

TEST_CASE("frames: what is no length is refused, with the place and what stood there") {
  CHECK(only_error("<html>") ==
        "error stream: at byte 0 a record's length (decimal digits, newline) was expected, found \"<html>\"");
  CHECK_THAT(only_error("3\nabcx"), Catch::Contains("at byte 5") && Catch::Contains("found \"x\""));
  CHECK_THAT(only_error("-1\n"), Catch::Contains("found \"-1?\""));
  CHECK_THAT(only_error("1 \nx"), Catch::Contains("at byte 1"));
  CHECK_THAT(only_error("0x10\n"), Catch::Contains("at byte 1"));
  CHECK_THAT(only_error("12345678901234567890\n"), Catch::Contains("at byte 19"));
  CHECK_THAT(only_error("\r\n"), Catch::Contains("at byte 0"));
}

TEST_CASE("frames: an absurd length is refused before anything is read") {
  CHECK_THAT(only_error("9999999999999999999\n"),
             Catch::Contains("a record of 9999999999999999999 bytes is announced"));
  CHECK_THAT(only_error("101\n", 100), Catch::Contains("the bound is 100 bytes"));
  CHECK(only_error("100\n", 100) == "began 100");
}

TEST_CASE("frames: a broken reader stays broken") {
  FrameReader reader;
  parts(reader, "x");
  const auto again = parts(reader, "3\nabc");
  REQUIRE(again.size() == 1);
  CHECK_THAT(again[0], Catch::Contains("drop the connection"));
}

}  // namespace extvold::ingest
