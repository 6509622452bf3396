#include "daemon/ingest/element_scanner.h"

#include <catch2/catch.hpp>

namespace extvold::ingest {

namespace {

using Texts = std::vector<std::string>;

// "entered get_tasks", "task {...}", "unknown key"; the last entry is the error, if there is one.
Texts scan(std::string_view record, std::size_t piece, std::span<const Node> nodes = stream_nodes(),
           std::size_t max_element = ElementScanner::kDefaultMaxElementBytes) {
  Texts out;
  ElementScanner scanner(max_element);
  scanner.begin(nodes);
  for (std::size_t at = 0; at < record.size(); at += piece) {
    const std::string exact(record.substr(at, piece));
    scanner.feed(exact);
    while (true) {
      auto part = scanner.next();
      if (!part) {
        CHECK(part.error().code == Errc::corrupt);
        out.push_back("error " + part.error().message);
        return out;
      }
      if (part->kind == ScanPart::Kind::need_more) break;
      const bool entered = part->kind == ScanPart::Kind::entered;
      const bool unknown = part->kind == ScanPart::Kind::unknown;
      const std::string_view place = to_text(part->place);
      out.push_back(entered ? fmt::format("entered {}", place)
                            : fmt::format("{} {}", unknown ? "unknown" : place, part->json));
    }
  }
  if (const Status done = scanner.finish(); !done) out.push_back("error " + done.error().message);
  return out;
}

Texts scan(std::string_view record) {
  const Texts whole = scan(record, record.size());
  for (std::size_t piece = 1; piece < 9; ++piece) {
    const Texts split = scan(record, piece);
    if (whole.empty() || whole.back().starts_with("error")) {
      CHECK(split.size() == whole.size());  // the words differ: a piece shows less of what was found
    } else {
      CHECK(split == whole);
    }
  }
  return whole;
}

std::string error_of(std::string_view record) {
  const Texts all = scan(record);
  return all.empty() || !all.back().starts_with("error") ? "" : all.back();
}

}  // namespace

TEST_CASE("scanner: cuts the elements of a snapshot, whatever the order of the keys") {
  CHECK(scan(R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[{"a":1},)"
             R"( {"b":[]}]}}}})") == Texts{"type \"SUBSCRIBED\"", "entered subscribed", "entered get_state",
                                           "entered get_tasks", R"(task {"a":1})", R"(task {"b":[]})"});
  CHECK(scan(R"( { "subscribed" : { "heartbeat_interval_seconds" : 15.0 , "get_state" : { "get_agents" :
      { "recovered_agents" : [ { } ] , "agents":[] } } } , "type" : "SUBSCRIBED" } )") ==
        Texts{"entered subscribed", "heartbeat_interval 15.0", "entered get_state", "entered get_agents",
              "recovered_agent { }", "type \"SUBSCRIBED\""});
}

TEST_CASE("scanner: an event is one value") {
  CHECK(scan(R"({"type":"TASK_ADDED","task_added":{"task":{"x":"}"}}})") ==
        Texts{"type \"TASK_ADDED\"", R"(task_added {"task":{"x":"}"}})"});
}

TEST_CASE("scanner: unknown keys are named and their values skipped") {
  CHECK(scan(R"({"new":{"tasks":[{"a":1}]},"type":"X","other":[[1],"]"],"n":-1.5e3,"s":"a\"b","t":true})") ==
        Texts{"unknown new", "type \"X\"", "unknown other", "unknown n", "unknown s", "unknown t"});
  CHECK(scan(R"({"ty\u0070e":1,"a\"b":2})") == Texts{R"(unknown ty\u0070e)", R"(unknown a\"b)"});
  const Texts cut = scan("{\"" + std::string(500, 'k') + "\":1}");
  REQUIRE(cut.size() == 1);
  CHECK(cut[0] == "unknown " + std::string(128, 'k'));
}

TEST_CASE("scanner: null counts as absent") {
  CHECK(scan(R"({"type":null,"subscribed":null})").empty());
  CHECK(scan(R"({"subscribed":{"get_state":{"get_tasks":{"tasks":null}}}})").size() == 3);
}

TEST_CASE("scanner: what is not of the shape is refused, with its place") {
  CHECK_THAT(error_of("[]"), Catch::Contains("record: an object was expected at byte 0"));
  CHECK_THAT(error_of(R"({"subscribed":[]})"),
             Catch::Contains("subscribed: an object was expected at byte 14"));
  CHECK_THAT(error_of(R"({"subscribed":{"get_state":{"get_tasks":{"tasks":{}}}}})"),
             Catch::Contains("subscribed.get_state.get_tasks.tasks: an array was expected"));
  CHECK_THAT(error_of(R"({"subscribed":{"get_state":{"get_tasks":{"tasks":[{},{} {}]}}}})"),
             Catch::Contains("subscribed.get_state.get_tasks.tasks[1]: ',' or ']' was expected"));
  CHECK_THAT(error_of(R"({"type":"X",})"), Catch::Contains("a key was expected"));
  CHECK_THAT(error_of(R"({"type" "X"})"), Catch::Contains("':' was expected"));
  CHECK_THAT(error_of(R"({"type":"X"]})"), Catch::Contains("',' or '}' was expected"));
  CHECK_THAT(error_of(R"({"type":})"), Catch::Contains("a value was expected"));
  CHECK_THAT(error_of(R"({"x":tru_e})"), Catch::Contains("a number or literal was expected"));
  CHECK_THAT(error_of(R"({"type":"X"} {)"), Catch::Contains("more than one value"));
  CHECK_THAT(error_of("{\"x\":" + std::string(200, '[')), Catch::Contains("x: nested too deep"));
}

TEST_CASE("scanner: a record that ends too early is refused") {
  const std::string record = R"({"type":"T","subscribed":{"get_state":{"get_tasks":{"tasks":[{"a":"b"}]}}}})";
  for (std::size_t n = 0; n < record.size(); ++n) {
    const Texts all = scan(record.substr(0, n), std::max<std::size_t>(n, 1));
    REQUIRE_FALSE(all.empty());
    CHECK_THAT(all.back(), Catch::Contains("the record ends too early"));
  }
}

TEST_CASE("scanner: an element beyond the bound is refused, whole or in pieces") {
  const std::string record = R"({"task_added":{"task":"0123456789012345678901234567890123456789"}})";
  for (const std::size_t piece : {record.size(), std::size_t{7}}) {
    const Texts all = scan(record, piece, stream_nodes(), 32);
    REQUIRE_FALSE(all.empty());
    CHECK_THAT(all.back(), Catch::Contains("task_added: an element of more than 32 bytes"));
  }
  const std::string skipped = R"({"unknown":{"task":"0123456789012345678901234567890123456789"}})";
  CHECK(scan(skipped, 7, stream_nodes(), 32) == Texts{"unknown unknown"});
}

TEST_CASE("scanner: of a large element what nobody reads is left out, and the bound holds for the rest") {
  const auto update = [](std::size_t data) {
    return fmt::format(R"({{"task_updated":{{"status":{{"data":"{}","state":"S"}}}}}})",
                       std::string(data, 'd'));
  };
  const Texts without{R"(task_updated {"status":{"data":null,"state":"S"}})"};
  const std::string small = update(17);  // 51 bytes, a sixteenth of 816
  const std::string large = update(18);
  const std::string huge = update(100'000);
  for (const std::size_t piece : {huge.size(), std::size_t{50}, std::size_t{7}, std::size_t{1}}) {
    CHECK(scan(small, piece, stream_nodes(), 816) ==
          Texts{R"(task_updated {"status":{"data":"ddddddddddddddddd","state":"S"}})"});
    CHECK(scan(large, piece, stream_nodes(), 816) == without);
    CHECK(scan(huge, piece, stream_nodes(), 816) == without);
    CHECK(scan(huge, piece, stream_nodes(), 36) == without);  // what is kept is 36 bytes
    const Texts beyond = scan(huge, piece, stream_nodes(), 35);
    REQUIRE_FALSE(beyond.empty());
    CHECK_THAT(beyond.back(), Catch::Contains("task_updated: an element of more than 35 bytes"));
  }
}

}  // namespace extvold::ingest
