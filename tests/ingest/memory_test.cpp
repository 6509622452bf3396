// Memory does not follow the size of a record.
#include <catch2/catch.hpp>

#include "daemon/ingest/poll_decoder.h"
#include "daemon/ingest/record_decoder.h"
#include "tests/ingest/support.h"
#include "tests/lib/heap_bytes.h"

namespace extvold::ingest::tests {

namespace {

using extvold::tests::heap_bytes;

constexpr std::size_t kTasks = 200'000;
constexpr std::string_view kHead =
    R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[)";
constexpr std::string_view kTail = R"(]},"unknown":[)";
constexpr std::string_view kEnd = "]}}}";

std::string task(std::size_t number) {
  return fmt::format(R"({{"name":"n","task_id":{{"value":"{0:06}"}},"framework_id":{{"value":"F"}},)"
                     R"("agent_id":{{"value":"A"}},)"
                     R"("state":"TASK_RUNNING","labels":{{"labels":[{{"key":"k","value":"{1}"}}]}}}}{2})",
                     number, std::string(100, 'x'), number + 1 < kTasks ? "," : "");
}

}  // namespace

TEST_CASE("memory: a large snapshot, streamed, costs what one element costs") {
  const std::size_t before = heap_bytes();
  const std::string skipped(std::size_t{1} << 20,
                            '7');  // sixteen of these stand in a list that nobody asked for
  const std::size_t length =
      kHead.size() + kTasks * task(0).size() - 1 + kTail.size() + 16 * skipped.size() + kEnd.size();
  IngestCounters counters;
  RecordDecoder decoder(counters);
  std::vector<MesosEvent> events;
  std::size_t count = 0;
  std::size_t most = 0;
  const auto push = [&](std::string_view bytes) {
    REQUIRE(decoder.push(bytes, events));
    most = std::max(most, heap_bytes());
    count += events.size();
    events.clear();
  };
  push(fmt::format("{}\n{}", length, kHead));
  std::string chunk;
  for (std::size_t i = 0; i < kTasks; ++i) {
    chunk += task(i);
    if (chunk.size() < 60'000 && i + 1 < kTasks) continue;
    push(chunk);
    chunk.clear();
  }
  push(kTail);
  for (int i = 0; i < 16; ++i) push(skipped);
  push(kEnd);
  CHECK(decoder.finish());
  CHECK(count == kTasks + 2);
  CHECK(counters.bytes > 60'000'000);
  CHECK(most - before < std::size_t{2} << 20);
}

TEST_CASE("memory: a giant element costs what is kept of it, which is bounded and given back") {
  IngestCounters counters;
  RecordDecoder decoder(counters);
  std::vector<MesosEvent> events;
  REQUIRE(decoder.push(framed(subscribed()), events));
  const std::size_t before = heap_bytes();
  const auto update = [](std::string_view field, std::size_t bytes) {
    return framed(fmt::format(
        R"({{"type":"TASK_UPDATED","task_updated":{{"framework_id":{{"value":"F"}},"state":"TASK_RUNNING",)"
        R"("status":{{"task_id":{{"value":"t"}},"state":"TASK_RUNNING","{}":"{}"}}}}}})",
        field, std::string(bytes, 'd')));
  };
  const std::string giant = update("message", std::size_t{15} << 20);
  REQUIRE(decoder.push(std::string_view(giant).substr(0, 1000), events));
  REQUIRE(decoder.push(std::string_view(giant).substr(1000), events));
  REQUIRE(decoder.push(update("message", 10), events));
  REQUIRE(decoder.push(update("message", 10), events));
  CHECK(events.size() == 5);
  CHECK(heap_bytes() - before < giant.size() + (std::size_t{2} << 20));

  const std::string dropped = update("data", std::size_t{64} << 20);
  const std::size_t between = heap_bytes();
  std::size_t most = 0;
  for (std::size_t at = 0; at < dropped.size(); at += 60'000) {
    REQUIRE(decoder.push(std::string_view(dropped).substr(at, 60'000), events));
    most = std::max(most, heap_bytes());
  }
  CHECK(events.size() == 6);
  CHECK(most - between < std::size_t{4} << 20);

  const std::string beyond = update("message", std::size_t{17} << 20);
  const Status done = decoder.push(beyond, events);
  REQUIRE_FALSE(done);
  CHECK_THAT(done.error().message, Catch::Contains("task_updated: an element of more than 16777216 bytes"));
}

}  // namespace extvold::ingest::tests
