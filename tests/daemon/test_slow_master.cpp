// A master that sends its snapshot slowly, byte by byte, or stalls in it: real sockets, the subscription and
// the decoder behind it. Times are a hundredth and less of the real ones (75 s of silence end a connection).
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "daemon/http_client.h"
#include "daemon/ingest/record_decoder.h"
#include "daemon/subscription.h"
#include "tests/daemon/support.h"
#include "tests/lib/heap_bytes.h"

namespace extvold::daemon::tests {
namespace {

// What the daemon has between the socket and its events.
struct Reader {
  uv::Loop loop;
  SystemClock clock;
  FixedRandom random{0};
  CurlHttpClient http{loop, clock};
  ingest::IngestCounters counters;
  std::unique_ptr<ingest::RecordDecoder> decoder;
  std::vector<MesosEvent> events;
  std::size_t tasks = 0;
  std::size_t most = 0;  // of the heap, while bytes came
  std::string error;     // of the decoder
  std::vector<std::string> closed;
  int snapshots = 0;
  int opened = 0;
  std::unique_ptr<Subscription> subscription;

  void start(const std::string& url, Duration heartbeat_interval) {
    SubscriptionConfig config;
    config.heartbeat_interval = heartbeat_interval;
    config.backoff_min = milliseconds(5);
    config.backoff_max = milliseconds(40);
    const Subscription::Callbacks callbacks = {[this](const SubscriptionOpened&) {
                                                 ++opened;
                                                 decoder = std::make_unique<ingest::RecordDecoder>(counters);
                                               },
                                               [this](std::string_view bytes) { return take(bytes); },
                                               [this](const SubscriptionClosed& got) {
                                                 decoder.reset();
                                                 closed.push_back(got.message);
                                               }};
    subscription = std::make_unique<Subscription>(
        loop, http, clock, random, config,
        [url]() -> Result<std::vector<std::string>> { return std::vector{url}; }, nullptr, callbacks);
    subscription->start();
  }
  Flow take(std::string_view bytes) {
    const Status done = decoder->push(bytes, events);
    if (!done) error = done.error().message;
    for (const MesosEvent& event : events) {
      tasks += std::holds_alternative<TaskSeen>(event) ? 1 : 0;
      snapshots += std::holds_alternative<SnapshotEnded>(event) ? 1 : 0;
    }
    events.clear();
    most = std::max(most, extvold::tests::heap_bytes());
    return Flow::go_on;
  }
};

void wait(Duration time) { std::this_thread::sleep_for(std::chrono::nanoseconds(time.ns)); }

std::string recorded_snapshot() {
  const std::string stream =
      read_file(std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/mesos/basic/stream.recordio");
  return stream.substr(0, std::min<std::size_t>(stream.size(), 20'000));
}

std::string task(std::size_t number, bool last) {
  return fmt::format(R"({{"name":"n","task_id":{{"value":"{:06}"}},"framework_id":{{"value":"F"}},)"
                     R"("agent_id":{{"value":"A"}},"state":"TASK_RUNNING","labels":{{"labels":[)"
                     R"({{"key":"k","value":"{}"}}]}}}}{})",
                     number, std::string(100, 'x'), last ? "" : ",");
}

constexpr std::string_view kHead =
    R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[)";
constexpr std::string_view kTail = R"(]}},"heartbeat_interval_seconds":15.0}})";

std::string small_snapshot() {
  const std::string record = fmt::format("{}{}{}{}", kHead, task(0, false), task(1, true), kTail);
  return fmt::format("{}\n{}", record.size(), record);
}

}  // namespace

TEST_CASE("a recorded stream is read one byte at a time", "[daemon][subscription][slow]") {
  const std::string bytes = recorded_snapshot();
  REQUIRE(bytes.size() > 1'000);
  Reader whole;
  whole.decoder = std::make_unique<ingest::RecordDecoder>(whole.counters);
  whole.take(bytes);
  REQUIRE(whole.snapshots == 1);
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    for (const char one : bytes) connection.send(chunk(std::string_view(&one, 1)));
    connection.wait_for_hangup();
  });
  Reader reader;
  reader.start(master.url(), seconds(15));
  REQUIRE(run_until(reader.loop, [&] { return reader.counters.bytes >= whole.counters.bytes; }));
  CHECK(reader.error.empty());
  CHECK(reader.snapshots == 1);
  CHECK(reader.tasks == whole.tasks);
  CHECK(reader.counters.elements == whole.counters.elements);
  CHECK(reader.closed.empty());
}

TEST_CASE("a stall in the middle of the snapshot is waited for as long as a heartbeat may be missing",
          "[daemon][subscription][slow]") {
  const Duration interval = milliseconds(200);  // of which five may pass in silence: 60 of 75 s are four
  const std::string bytes = small_snapshot();
  const std::size_t middle = bytes.size() - kTail.size() - 10;  // in the second of two tasks
  RawServer master([&](Connection& connection, int number) {
    connection.read_request();
    connection.send(kStreamHead);
    connection.send(chunk(bytes.substr(0, middle)));
    if (number == 0) return connection.wait_for_hangup();  // for ever
    wait(interval * 4);
    connection.send(chunk(bytes.substr(middle)));
    connection.wait_for_hangup();
  });
  Reader reader;
  reader.start(master.url(), interval);
  // The first connection is given up, and what came of the record is worth nothing; the second is waited for.
  REQUIRE(run_until(reader.loop, [&] { return reader.snapshots == 1; }));
  REQUIRE(reader.closed.size() == 1);
  CHECK(reader.closed[0].find("not a byte for 1 s, 5 heartbeats are missing") != std::string::npos);
  CHECK(reader.opened == 2);
  CHECK(reader.tasks == 3);  // the first of the two came twice
  CHECK(reader.error.empty());
}

TEST_CASE("a large snapshot at a bounded rate costs what a piece of it costs",
          "[daemon][subscription][slow]") {
  constexpr std::size_t kTasks = 200'000;
  constexpr std::size_t kPiece = 64 << 10;
  const std::size_t length = kHead.size() + kTasks * task(0, false).size() - 1 + kTail.size();
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    std::string piece = fmt::format("{}\n{}", length, kHead);
    for (std::size_t i = 0; i < kTasks; ++i) {
      piece += task(i, i + 1 == kTasks);
      if (piece.size() < kPiece && i + 1 < kTasks) continue;
      connection.send(chunk(piece));
      piece.clear();
      wait(milliseconds(1));  // 60 MB a second at most
    }
    connection.send(chunk(kTail));
    connection.wait_for_hangup();
  });
  Reader reader;
  const std::size_t before = extvold::tests::heap_bytes();
  reader.start(master.url(), seconds(15));
  REQUIRE(run_until(
      reader.loop, [&] { return reader.snapshots == 1; }, seconds(120)));
  CHECK(reader.tasks == kTasks);
  CHECK(reader.counters.bytes > 40'000'000);
  CHECK(reader.error.empty());
  INFO("heap: " << before << ", at most " << reader.most);
  CHECK(reader.most - before < std::size_t{8} << 20);  // the client's and the master's buffers in it
}

}  // namespace extvold::daemon::tests
