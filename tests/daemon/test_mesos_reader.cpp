// MesosReader: one question, one ending event, whatever the other side does.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "daemon/http_client.h"
#include "daemon/mesos_reader.h"
#include "tests/daemon/reading.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

constexpr std::string_view kMaster =
    R"({"type":"GET_MASTER","get_master":{"master_info":{"id":"m-1","ip":1,"port":5050,"version":"1.11.0"},"elected_time":1.5,"start_time":1.0}})";
constexpr std::string_view kTasks =
    R"({"type":"GET_TASKS","get_tasks":{"tasks":[{"name":"pg","task_id":{"value":"pg.1"},"framework_id":{"value":"F"},"agent_id":{"value":"S0"},"state":"TASK_RUNNING"}]}})";
constexpr std::string_view kAgents =
    R"({"type":"GET_AGENTS","get_agents":{"agents":[],"recovered_agents":[]}})";
constexpr std::string_view kRegistry =
    R"({"master":{"info":{"id":"m-1"}},"slaves":{"slaves":[]},"unreachable":{"slaves":[{"id":{"value":"S1"},"timestamp":{"nanoseconds":1795405662771228928}}]}})";
constexpr std::string_view kMetrics = R"({"master/tasks_running":3.0,"master/slaves_active":2.0})";
constexpr std::string_view kAgent =
    R"({"type":"GET_AGENT","get_agent":{"agent_info":{"hostname":"a1","id":{"value":"S0"}}}})";
constexpr std::string_view kContainers = R"({"type":"GET_CONTAINERS","get_containers":{"containers":[]}})";
constexpr std::string_view kExecutors = R"({"type":"GET_EXECUTORS","get_executors":{"executors":[]}})";

std::string_view answer_to(const std::string& request) {
  if (request.find("/metrics/snapshot") != std::string::npos) return kMetrics;
  if (request.find("GET_MASTER") != std::string::npos) return kMaster;
  if (request.find("GET_TASKS") != std::string::npos) return kTasks;
  if (request.find("GET_AGENTS") != std::string::npos) return kAgents;
  if (request.find("GET_CONTAINERS") != std::string::npos) return kContainers;
  if (request.find("GET_EXECUTORS") != std::string::npos) return kExecutors;
  return kAgent;
}

// Answers everything, keeps what it was asked; `special` may answer instead.
struct Peer {
  using Special = std::function<bool(Connection&, const std::string& request)>;
  explicit Peer(Special special = {})
      : special_(std::move(special)), server([this](Connection& connection, int) { serve(connection); }) {}
  void serve(Connection& connection) {
    while (true) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (special_ && special_(connection, request)) continue;
      if (!connection.send(whole_answer("200 OK", answer_to(request)))) return;
    }
  }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  Special special_;
  std::mutex mutex_;
  std::vector<std::string> requests_;

 public:
  RawServer server;  // last: its threads use all of the above
};

bool hang_up_later(Connection& connection, const std::string&) {
  connection.wait_for_hangup();
  return true;
}

}  // namespace

TEST_CASE("reader: a list comes as began, its elements, ended, with the time it was sent") {
  Peer master;
  Reading reading;
  const Instant before = reading.clock.now();
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::get_tasks);
  CHECK(reading.events.empty());  // never from inside
  REQUIRE(reading.until_idle());
  REQUIRE(reading.events.size() == 3);
  CHECK(std::get<PollBegan>(reading.events[0]).sent_at >= before);
  CHECK(std::get<TaskSeen>(reading.events[1]).task.task == TaskId("pg.1"));
  CHECK(std::get<TaskSeen>(reading.events[1]).origin == ElementOrigin::poll);
  CHECK(std::get<PollEnded>(reading.events[2]).call == MasterCall::get_tasks);
  CHECK(std::get<PollEnded>(reading.events[2]).sent_at == std::get<PollBegan>(reading.events[0]).sent_at);
  const std::string request = master.requests().at(0);
  CHECK(request.starts_with("POST /api/v1 HTTP/1.1\r\n"));
  CHECK(request.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(request.find("Accept-Encoding: gzip\r\n") != std::string::npos);
  CHECK(request.ends_with(R"({"type":"GET_TASKS"})"));
}

TEST_CASE("reader: the registry of who leads, and that nothing follows from one who does not") {
  std::atomic<bool> leads = true;
  Peer master([&](Connection& connection, const std::string& request) {
    if (!request.starts_with("GET /registrar(1)/registry HTTP/1.1\r\n")) return false;
    return connection.send(whole_answer("200 OK", leads ? kRegistry : "{}"));
  });
  Reading reading;
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::registry);
  REQUIRE(reading.until_idle());
  REQUIRE(reading.events.size() == 3);
  const auto& seen = std::get<RegistryAgentSeen>(reading.events[1]);
  CHECK(seen.agent == AgentId("S1"));
  CHECK(seen.since.ns == 1795405662771228928);
  CHECK(std::get<PollEnded>(reading.events[2]).call == MasterCall::registry);
  leads = false;
  reading.events.clear();
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::registry);
  REQUIRE(reading.until_idle());
  CHECK(reading.all<PollEnded>().empty());
  REQUIRE(reading.all<PollFailed>().size() == 1);
  CHECK(reading.all<PollFailed>()[0].call == MasterCall::registry);
  CHECK(reading.all<PollFailed>()[0].why.find("not the leader's") != std::string::npos);
}

TEST_CASE("reader: the epoch and the counts of the master") {
  Peer master;
  Reading reading;
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::get_master);
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::metrics);
  REQUIRE(reading.until_idle());
  REQUIRE(reading.all<MasterSeen>().size() == 1);
  CHECK(reading.all<MasterSeen>()[0].master_id == "m-1");
  REQUIRE(reading.all<MasterMetricsSeen>().size() == 1);
  CHECK(reading.all<MasterMetricsSeen>()[0].tasks_running == 3);
  CHECK(master.requests().at(1).starts_with("GET /metrics/snapshot HTTP/1.1\r\n"));
  CHECK(reading.reader.counts().polls == 2);
  CHECK(reading.reader.counts().polls_failed == 0);
}

TEST_CASE("reader: a poll that fails, however it does, ends in one PollFailed, and the next one goes on") {
  struct Row {
    const char* name;
    Peer::Special special;
    const char* why;
  };
  const std::vector<Row> rows = {
      {"refused",
       [](Connection& c, const std::string&) {
         c.send(whole_answer("503 Service Unavailable", "No leader elected"));
         return true;
       },
       "answered 503: No leader elected"},
      {"of another call",
       [](Connection& c, const std::string&) {
         c.send(whole_answer("200 OK", kMaster));
         return true;
       },
       "get_tasks"},
      {"cut",
       [](Connection& c, const std::string&) {
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(kTasks.substr(0, 60)));
         c.reset();
         return true;
       },
       "get_tasks"},
      {"not JSON",
       [](Connection& c, const std::string&) {
         c.send(whole_answer("200 OK", "<html>"));
         return true;
       },
       "get_tasks"},
      {"half an answer that looks whole",
       [](Connection& c, const std::string&) {
         c.send(whole_answer("200 OK", kTasks.substr(0, kTasks.size() - 3)));
         return true;
       },
       "get_tasks"},
      {"never", hang_up_later, "no whole answer within 300 ms"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Peer bad(row.special);
    Peer good;
    MesosReaderOptions options = Reading::fast();
    options.master_deadline = milliseconds(300);
    Reading reading(options);
    reading.reader.poll_master(bad.server.url("/api/v1"), MasterCall::get_tasks);
    reading.reader.poll_master(good.server.url("/api/v1"), MasterCall::get_agents);
    REQUIRE(reading.until_idle());
    const auto failed = reading.all<PollFailed>();
    REQUIRE(failed.size() == 1);
    CHECK(failed[0].call == MasterCall::get_tasks);
    CHECK(failed[0].why.find(row.why) != std::string::npos);
    CHECK(failed[0].why.find(bad.server.host_port()) != std::string::npos);
    REQUIRE(reading.all<PollEnded>().size() == 1);
    CHECK(reading.all<PollEnded>()[0].call == MasterCall::get_agents);
    CHECK(reading.reader.counts().polls_failed == 1);
  }
}

TEST_CASE("reader: the deadline of a list does not run while we do not read it, within a bound") {
  Peer master;
  MesosReaderOptions options = Reading::fast();
  options.master_deadline = milliseconds(300);
  options.pause_max = milliseconds(900);
  Reading reading(options);
  reading.flow = Flow::pause;
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::get_tasks);
  REQUIRE(run_until(reading.loop, [&] { return !reading.events.empty(); }));
  SECTION("resumed after more than the deadline") {
    run_for(reading.loop, milliseconds(500));
    CHECK_FALSE(reading.reader.idle());
    reading.flow = Flow::go_on;
    reading.reader.resume();
    REQUIRE(reading.until_idle());
    CHECK(reading.all<PollFailed>().empty());
    CHECK(reading.all<PollEnded>().size() == 1);
  }
  SECTION("never resumed") {
    REQUIRE(reading.until_idle());
    REQUIRE(reading.all<PollFailed>().size() == 1);
    CHECK(reading.all<PollFailed>()[0].why.find("did not keep up") != std::string::npos);
  }
  SECTION("cancelled meanwhile") {
    reading.reader.cancel_master();
    reading.reader.resume();
    run_for(reading.loop, milliseconds(50));
    CHECK(reading.reader.idle());
    CHECK(reading.all<PollFailed>().empty());
  }
}

TEST_CASE("reader: a list whose deadline is over soon after a pause fails") {
  Peer master([](Connection& connection, const std::string&) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" +
                    std::string(kTasks.substr(0, kTasks.size() - 3)));
    connection.wait_for_hangup();
    return true;
  });
  MesosReaderOptions options = Reading::fast();
  options.master_deadline = milliseconds(300);
  Reading reading(options);
  reading.flow = Flow::pause;
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::get_tasks);
  REQUIRE(run_until(reading.loop, [&] { return !reading.events.empty(); }));
  run_for(reading.loop, milliseconds(400));
  reading.reader.resume();
  reading.reader.resume();
  REQUIRE(reading.until_idle());
  REQUIRE(reading.all<PollFailed>().size() == 1);
  CHECK(reading.all<PollFailed>()[0].why.find("no whole answer within 300 ms") != std::string::npos);
}

TEST_CASE("reader: the master is asked one thing at a time, and the same thing once") {
  std::atomic<int> at_once = 0;
  std::atomic<int> most = 0;
  Peer master([&](Connection& connection, const std::string& request) {
    most = std::max(most.load(), ++at_once);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --at_once;
    connection.send(whole_answer("200 OK", answer_to(request)));
    return true;
  });
  Reading reading;
  for (int i = 0; i < 2; ++i) {
    for (MasterCall call : {MasterCall::get_agents, MasterCall::get_tasks, MasterCall::get_master})
      reading.reader.poll_master(master.server.url("/api/v1"), call);
  }
  REQUIRE(reading.until_idle());
  CHECK(most == 1);
  CHECK(master.requests().size() == 3);
}

TEST_CASE("reader: a round of an agent's API is its calls in order, its identity first and last") {
  Peer agent([](Connection& connection, const std::string& request) {
    if (request.find("/metrics") == std::string::npos) return false;
    connection.send(whole_answer("200 OK", R"({"containerizer/mesos/container_destroy_errors":0.0})"));
    return true;
  });
  Reading reading;
  const Instant before = reading.clock.now();
  reading.reader.read_agent(AgentId("S0"), agent.server.host_port());
  reading.reader.read_agent(AgentId("S0"), agent.server.host_port());  // the same question
  REQUIRE(reading.until_idle());
  const auto reads = reading.all<AgentApiRead>();
  REQUIRE(reads.size() == 1);
  CHECK(reads[0].expected == AgentId("S0"));
  CHECK(reads[0].first_answer == AgentId("S0"));
  CHECK(reads[0].second_answer == AgentId("S0"));
  CHECK(reads[0].address == agent.server.host_port());
  CHECK(reads[0].container_destroy_errors == 0);
  CHECK(reads[0].first_sent_at >= before);
  CHECK(reads[0].ended_at > reads[0].first_sent_at);
  const auto requests = agent.requests();
  REQUIRE(requests.size() == 5);
  CHECK(requests[0].ends_with(R"({"type":"GET_AGENT"})"));
  CHECK(requests[1].ends_with(
      R"({"type":"GET_CONTAINERS","get_containers":{"show_nested":true,"show_standalone":true}})"));
  CHECK(requests[2].ends_with(R"({"type":"GET_EXECUTORS"})"));
  CHECK(requests[3].starts_with("GET /metrics/snapshot"));
  CHECK(requests[4].ends_with(R"({"type":"GET_AGENT"})"));
}

TEST_CASE("reader: an agent's answer that is not 200 is no answer, its metrics may be missing") {
  const auto refuse = [](std::string_view what) {
    return [what](Connection& connection, const std::string& request) {
      if (request.find(what) == std::string::npos) return false;
      connection.send(whole_answer("403 Forbidden", "403 Forbidden."));
      return true;
    };
  };
  for (const char* call : {"\"GET_AGENT\"", "GET_CONTAINERS", "GET_EXECUTORS"}) {
    INFO(call);
    Peer agent(refuse(call));
    Reading reading;
    reading.reader.read_agent(AgentId("S0"), agent.server.host_port());
    REQUIRE(reading.until_idle());
    CHECK(reading.all<AgentApiRead>().empty());
    const auto failed = reading.all<AgentApiFailed>();
    REQUIRE(failed.size() == 1);
    CHECK(failed[0].agent == AgentId("S0"));
    CHECK(failed[0].why.find("answered 403: 403 Forbidden.") != std::string::npos);
    CHECK(failed[0].why.find(agent.server.host_port()) != std::string::npos);
  }
  Peer agent(refuse("/metrics"));
  Reading reading;
  reading.reader.read_agent(AgentId("S0"), agent.server.host_port());
  REQUIRE(reading.until_idle());
  REQUIRE(reading.all<AgentApiRead>().size() == 1);
  CHECK_FALSE(reading.all<AgentApiRead>()[0].container_destroy_errors.has_value());
}

TEST_CASE("reader: an agent that restarts around the reading of its metrics fails the round") {
  bool answers_metrics = false;
  SECTION("while they are read") {}
  SECTION("after them") { answers_metrics = true; }
  std::atomic<bool> read = false;
  Peer agent([&](Connection& connection, const std::string& request) {
    const bool metrics = request.find("/metrics") != std::string::npos;
    read = read || metrics;
    if (metrics ? answers_metrics : !(read && answers_metrics)) return false;
    connection.reset();
    return true;
  });
  Reading reading;
  reading.reader.read_agent(AgentId("S0"), agent.server.host_port());
  REQUIRE(reading.until_idle());
  CHECK(reading.all<AgentApiRead>().empty());
  CHECK(reading.all<AgentApiFailed>().size() == 1);
}

TEST_CASE("reader: an answer of an agent beyond the bound is refused, and the bound is named") {
  Peer agent;
  MesosReaderOptions options = Reading::fast();
  options.agent_answer_bytes_max = 10;
  Reading reading(options);
  reading.reader.read_agent(AgentId("S0"), agent.server.host_port());
  REQUIRE(reading.until_idle());
  const auto failed = reading.all<AgentApiFailed>();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].why.find(fmt::format("larger than {} bytes", options.agent_answer_bytes_max)) !=
        std::string::npos);
}

TEST_CASE("reader: a frozen agent fails at its deadline and holds up nobody") {
  Peer frozen(hang_up_later);
  Peer awake;
  Reading reading;
  reading.reader.read_agent(AgentId("S0"), frozen.server.host_port());
  reading.reader.read_agent(AgentId("S1"), awake.server.host_port());
  reading.reader.poll_master(awake.server.url("/api/v1"), MasterCall::get_tasks);
  REQUIRE(run_until(reading.loop, [&] {
    return reading.all<AgentApiRead>().size() == 1 && reading.all<PollEnded>().size() == 1;
  }));
  CHECK(reading.all<AgentApiFailed>().empty());
  REQUIRE(reading.until_idle());
  REQUIRE(reading.all<AgentApiFailed>().size() == 1);
  CHECK(reading.all<AgentApiFailed>()[0].agent == AgentId("S0"));
  CHECK(reading.reader.counts().agent_reads_failed == 1);
}

TEST_CASE("reader: nothing comes of what was cancelled") {
  Peer slow([](Connection& connection, const std::string& request) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    connection.send(whole_answer("200 OK", answer_to(request)));
    return true;
  });
  Reading reading;
  reading.reader.read_agent(AgentId("S0"), slow.server.host_port());
  reading.reader.poll_master(slow.server.url("/api/v1"), MasterCall::get_tasks);
  SECTION("the master's") {
    run_for(reading.loop, milliseconds(20));
    reading.reader.cancel_master();
    REQUIRE(reading.until_idle());
    CHECK(reading.all<PollEnded>().empty());
    CHECK(reading.all<AgentApiRead>().size() == 1);
    reading.reader.poll_master(slow.server.url("/api/v1"), MasterCall::get_master);
    REQUIRE(reading.until_idle());
    CHECK(reading.all<MasterSeen>().size() == 1);
  }
  SECTION("everything, at each moment") {
    for (int moment_ms : {0, 5, 30, 60, 100}) {
      reading.reader.cancel();
      reading.events.clear();
      reading.reader.read_agent(AgentId("S0"), slow.server.host_port());
      reading.reader.poll_master(slow.server.url("/api/v1"), MasterCall::get_tasks);
      reading.reader.poll_master(slow.server.url("/api/v1"), MasterCall::metrics);
      run_for(reading.loop, milliseconds(moment_ms));
      reading.reader.cancel();
      const std::size_t before = reading.events.size();
      run_for(reading.loop, milliseconds(150));
      CHECK(reading.events.size() == before);
    }
  }
}

TEST_CASE("reader: it may be cancelled from inside its own event") {
  Peer master;
  Reading reading;
  reading.on_events = [&] { reading.reader.cancel(); };
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::metrics);
  reading.reader.poll_master(master.server.url("/api/v1"), MasterCall::get_master);
  REQUIRE(run_until(reading.loop, [&] { return !reading.events.empty(); }));
  run_for(reading.loop, milliseconds(50));
  CHECK(reading.events.size() == 1);
}

}  // namespace extvold::daemon::tests
