// The real program on loopback: started, asked over plain sockets, stopped.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/lib/skip.h"
#include "tests/replay/program_for_test.h"
#include "tests/replay/recordings_for_test.h"

namespace extvold::replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const char* const kSubscribe = R"({"type":"SUBSCRIBE"})";

std::string answer_to(const std::string& address, const std::string& call,
                      milliseconds patience = milliseconds(5000)) {
  Dialled dialled(address);
  if (dialled.refused()) return "refused";
  dialled.post(call, "Connection: close\r\n");
  const std::string& answer = dialled.read(within(patience));
  return dialled.closed() ? answer : "no answer";
}

std::vector<Json> records(const Chunked& stream) {
  std::vector<Json> all;
  for (const std::string& chunk : stream.chunks) {
    const std::size_t newline = chunk.find('\n');
    REQUIRE(newline != std::string::npos);
    CHECK(std::stoul(chunk.substr(0, newline)) == chunk.size() - newline - 1);  // one record is one chunk
    all.push_back(parse_json(std::string_view(chunk).substr(newline + 1)));
  }
  return all;
}

int count_type(const std::vector<Json>& all, const std::string& type) {
  int count = 0;
  for (const Json& record : all) count += text_at(record, {"type"}) == type ? 1 : 0;
  return count;
}

TEST_CASE("failover is replayed: the stream breaks, the port refuses, the thin snapshot follows",
          "[program]") {
  Program program({"--recording", recording_folder("failover"), "--speed", "10"});
  CHECK(program.ready()["recording"] == "failover");
  CHECK(program.ready()["rewritten"] == true);

  // Before the first subscriber nothing moves.
  CHECK(answer_to(program.master(), R"({"type":"GET_MASTER"})").find(program.master()) != std::string::npos);
  CHECK(answer_to(program.agent("a3"), R"({"type":"GET_AGENT"})").starts_with("HTTP/1.1 200"));

  Dialled first(program.master());
  first.post(kSubscribe);
  const Chunked stream = dechunk(first.read(within(milliseconds(5000))));
  CHECK(first.closed());
  CHECK(!stream.finished);  // no final chunk: it broke
  CHECK(stream.head.find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(stream.head.find("Content-Type: application/json") != std::string::npos);
  const Recording recording = load("failover");
  CHECK(records(stream).size() == recording.connections.front().records.size());

  // Dead for 2.5 recorded seconds; meanwhile the frozen agent accepts and says nothing.
  CHECK(answer_to(program.master(), R"({"type":"GET_MASTER"})") == "refused");
  CHECK(answer_to(program.agent("a3"), R"({"type":"GET_AGENT"})", milliseconds(50)) == "no answer");

  const Deadline deadline = within(milliseconds(5000));
  std::optional<Chunked> second;
  while (!second && steady_clock::now() < deadline) {
    Dialled again(program.master());
    if (again.refused()) {
      std::this_thread::sleep_for(milliseconds(10));  // tidy: allow sleep (a port opens without a sign)
      continue;
    }
    again.post(kSubscribe);
    second = dechunk(again.read(deadline, "t.3"));  // a3's task comes with its agent, after the thaw
  }
  REQUIRE(second);
  const std::vector<Json> all = records(*second);
  REQUIRE(all.size() > 4);
  const Json* recovered = find_path(all[0], {"subscribed", "get_state", "get_agents", "recovered_agents"});
  REQUIRE(recovered != nullptr);
  CHECK(recovered->size() == 3);
  CHECK(text_at(all[1], {"type"}) == "HEARTBEAT");
  CHECK(answer_to(program.agent("a3"), R"({"type":"GET_AGENT"})").starts_with("HTTP/1.1 200"));
  CHECK(program.stop() == 0);
}

// A subscribed program whose clock is held 0.2 recorded seconds after a1 froze, and a request that a1 has
// accepted.
struct Frozen {
  Frozen() : program({"--recording", recording_folder("partition"), "--speed", "10", "--hold-at", "3.0"}) {
    stream.emplace(program.master());
    stream->post(kSubscribe);
    const Deadline deadline = within(milliseconds(5000));
    while (steady_clock::now() < deadline) {
      asked.emplace(program.agent("a1"));
      if (asked->refused()) {                           // it was not up yet at the recording's beginning
        std::this_thread::sleep_for(milliseconds(10));  // tidy: allow sleep (a port opens without a sign)
        continue;
      }
      asked->post(R"({"type":"GET_AGENT"})");
      if (asked->read(within(milliseconds(200)), "}}}").empty() && !asked->closed()) break;
    }
  }

  Program program;
  std::optional<Dialled> stream;
  std::optional<Dialled> asked;
};

TEST_CASE("a request to a frozen agent is answered after the thaw", "[program]") {
  Frozen frozen;
  CHECK(frozen.asked->read(within(milliseconds(100))).empty());
  CHECK(!frozen.asked->closed());
  frozen.program.signal(SIGUSR1);
  CHECK(frozen.asked->read(within(milliseconds(5000)), "}}}").starts_with("HTTP/1.1 200"));
  CHECK(frozen.program.stop() == 0);
}

TEST_CASE("the program stops while it holds requests and streams", "[program]") {
  Frozen frozen;
  CHECK(frozen.program.stop() == 0);
  CHECK(frozen.asked->read(within(milliseconds(1000))).empty());
  CHECK(frozen.asked->closed());
}

TEST_CASE("the clock goes on for a second subscriber, and is held where it should be", "[program]") {
  Program program({"--recording", recording_folder("move"), "--speed", "100", "--hold-at", "20"});
  Dialled first(program.master());
  first.post(kSubscribe);
  first.read(within(milliseconds(5000)), "pg.2\"},\"state\":\"TASK_RUNNING");

  Dialled second(program.master());
  second.post(kSubscribe);
  second.read(within(milliseconds(600)));
  const std::vector<Json> all = records(dechunk(second.read(within(milliseconds(1)))));
  REQUIRE(all.size() >= 2);
  const Json* tasks = find_path(all[0], {"subscribed", "get_state", "get_tasks"});
  REQUIRE(tasks != nullptr);
  CHECK(dump_json(*tasks).find("pg.1") != std::string::npos);
  CHECK(text_at(all[1], {"type"}) == "HEARTBEAT");
  CHECK(count_type(all, "HEARTBEAT") == static_cast<int>(all.size()) - 1);  // held: nothing but heartbeats,
  CHECK(all.size() >= 4);                                                   // every 150 ms

  program.signal(SIGUSR1);
  CHECK(second.read(within(milliseconds(5000)), "FRAMEWORK_REMOVED").find("pg.4") != std::string::npos);
  CHECK(program.stop() == 0);
}

TEST_CASE("the program says where it listens and takes that back", "[program]") {
  char folder[] = "/tmp/extvold-replay-test-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string file = std::string(folder) + "/ports.json";
  {
    Program program({"--recording", recording_folder("basic"), "--ports-file", file});
    std::ifstream in(file);
    const Json told =
        parse_json(std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()));
    CHECK(told == program.ready());
    CHECK(answer_to(program.agent("a3"), R"({"type":"GET_AGENT"})") ==
          "refused");  // never ran in this recording
    CHECK(answer_to(program.master(), R"({"type":"NO_SUCH"})").starts_with("HTTP/1.1 501"));
    Dialled plain(program.master());
    plain.send(
        "GET /registrar%281%29/registry HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: "
        "close\r\n\r\n");
    const std::string& answer = plain.read(within(milliseconds(5000)));
    CHECK(answer.starts_with("HTTP/1.1 200"));
    CHECK(program.stop() == 0);
  }
  CHECK(!std::filesystem::exists(file));
  std::filesystem::remove_all(folder);
}

TEST_CASE("large answers are compressed for who accepts it", "[program]") {
  Program program({"--recording", recording_folder("basic")});
  Dialled plain(program.master());
  plain.send(
      "GET /metrics/snapshot HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
  const std::string& answer = plain.read(within(milliseconds(5000)));
  CHECK(answer.find("Content-Encoding: gzip") != std::string::npos);
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4, 2) == "\x1f\x8b");
  CHECK(program.stop() == 0);
}

TEST_CASE("a subscriber who leaves does no harm", "[program]") {
  Program program({"--recording", recording_folder("move"), "--speed", "50"});
  for (int i = 0; i < 20; ++i) {
    Dialled dialled(program.master());
    dialled.post(kSubscribe);
    if (i % 2 == 0) dialled.read(within(milliseconds(20)));
  }
  CHECK(answer_to(program.master(), R"({"type":"GET_MASTER"})").starts_with("HTTP/1.1 200"));
  CHECK(program.stop() == 0);
}

// In a namespace of its own the recorded addresses hold as they are.
TEST_CASE("in a network namespace nothing is rewritten, and the namespace goes with the program",
          "[program]") {
  if (geteuid() != 0) return tests::skip_test("needs root: a network namespace");
  const std::string name = "extvold-replay-test-" + std::to_string(getpid());
  const std::string path = "/run/netns/" + name;
  {
    Program program({"--recording", recording_folder("move"), "--netns", name});
    if (program.ready()["netns"].is_null())
      return tests::skip_test("no right to make a network namespace here");
    CHECK(program.ready()["rewritten"] == false);
    CHECK(program.master() == "127.0.0.1:5050");
    CHECK(program.agent("a1") == "127.0.0.11:5051");
    std::string answer;
    std::thread inside([&] {  // a namespace is entered by a thread, not by the process
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0 || ::setns(fd, CLONE_NEWNET) != 0) return;
      ::close(fd);
      answer = answer_to("127.0.0.11:5051", R"({"type":"GET_AGENT"})");
    });
    inside.join();
    CHECK(answer.find("\"port\":5051") != std::string::npos);
    CHECK(program.stop() == 0);
  }
  CHECK(!std::filesystem::exists(path));
}

}  // namespace
}  // namespace extvold::replay
