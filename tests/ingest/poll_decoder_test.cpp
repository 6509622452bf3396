#include "daemon/ingest/poll_decoder.h"

#include <catch2/catch.hpp>

#include "daemon/ingest/agent_answers.h"
#include "tests/ingest/support.h"

namespace extvold::ingest::tests {

namespace {

using Texts = std::vector<std::string>;

struct Kind {
  MasterCall call;
  const char* file;
};
const Kind kKinds[] = {{MasterCall::get_agents, "-m1-GET_AGENTS"},
                       {MasterCall::get_tasks, "-m1-GET_TASKS"},
                       {MasterCall::get_executors, "-m1-GET_EXECUTORS"},
                       {MasterCall::get_master, "-m1-GET_MASTER"},
                       {MasterCall::metrics, "-m1-metrics"}};

// The registry of a leader, also one that no agent has come to yet.
constexpr std::string_view kRegistryMaster = R"("master":{"info":{"id":"m"}})";

std::string poll_error(MasterCall call, std::string_view body) {
  IngestCounters counters;
  const auto events = decode_poll(call, Instant(), body, counters);
  if (events) return "";
  CHECK(events.error().code == Errc::corrupt);
  return events.error().message;
}

// The files of agent `a1` that were not text, i.e. not a 503.
Texts agent_files(const std::string& scenario, const std::string& agent, const std::string& call) {
  Texts out;
  for (const std::string& file : recorded_files(scenario, fmt::format("-{}-{}", agent, call))) {
    if (read_recorded(file).starts_with('{')) out.push_back(file);
  }
  return out;
}

}  // namespace

TEST_CASE("polls: every recorded answer of the master decodes, whole and in pieces") {
  std::size_t answers = 0;
  for (const std::string& scenario : scenarios()) {
    for (const Kind& kind : kKinds) {
      for (const std::string& file : recorded_files(scenario, kind.file)) {
        INFO(file);
        const std::string body = read_recorded(file);
        IngestCounters counters;
        auto events = decode_poll(kind.call, Instant{7}, body, counters);
        REQUIRE(events);
        CHECK(counters.unknown_fields == 0);
        CHECK(std::get<PollBegan>(events->front()).sent_at == Instant{7});
        CHECK(std::get<PollEnded>(events->back()).sent_at == Instant{7});
        PollDecoder decoder(kind.call, Instant{7}, counters);
        std::vector<MesosEvent> split;
        for (const char c : body) REQUIRE(decoder.push({&c, 1}, split));
        REQUIRE(decoder.finish(split));
        CHECK(event_texts(split) == event_texts(*events));
        ++answers;
      }
    }
  }
  CHECK(answers > 100);
}

TEST_CASE("polls: reservations and volumes as recorded") {
  std::string all;
  for (const std::string& file : recorded_files("reservations", "GET_AGENTS")) {
    IngestCounters counters;
    const auto events = decode_poll(MasterCall::get_agents, Instant(), read_recorded(file), counters);
    REQUIRE(events);
    for (const std::string& event : event_texts(*events)) all += event + "\n";
  }
  CHECK_THAT(all,
             Catch::Contains(
                 "role=db resource=ext-storage-inst1 persistence= path= source= amount=7500000000 "
                 "labels=extvold.volume=warehouse;extvold.fs=xfs;extvold.iops=900;extvold.profile=gold;"));
  CHECK_THAT(all,
             Catch::Contains(
                 "role=db resource=disk persistence=pv-orders path=orders source= amount=2048000 labels="));
}

TEST_CASE("polls: every recorded registry decodes, and its times are exact") {
  std::string all;
  std::size_t answers = 0;
  for (const std::string& scenario : scenarios()) {
    for (const std::string& file : recorded_files(scenario, "registrar1-registry")) {
      INFO(file);
      const std::string body = read_recorded(file);
      IngestCounters counters;
      const auto events = decode_poll(MasterCall::registry, Instant{7}, body, counters);
      REQUIRE(events);
      CHECK(counters.unknown_fields == 0);
      CHECK(std::get<PollBegan>(events->front()).sent_at == Instant{7});
      CHECK(std::get<PollEnded>(events->back()).call == MasterCall::registry);
      PollDecoder decoder(MasterCall::registry, Instant{7}, counters);
      std::vector<MesosEvent> split;
      for (const char c : body) REQUIRE(decoder.push({&c, 1}, split));
      REQUIRE(decoder.finish(split));
      CHECK(event_texts(split) == event_texts(*events));
      for (const std::string& event : event_texts(*events)) all += event + "\n";
      ++answers;
    }
  }
  CHECK(answers > 60);
  CHECK_THAT(all, Catch::Contains("registry unreachable agent=8daac0d0-dd28-4596-86c5-900c1439d344-S0 "
                                  "since=1795405662771228928"));
}

TEST_CASE("polls: a registry without a master is not the leader's") {
  for (const char* body : {"{}", R"({"unreachable":{"slaves":[{"id":{"value":"S"}}]}})", R"({"slaves":{}})"})
    CHECK_THAT(poll_error(MasterCall::registry, body), Catch::Contains("not the leader's"));
  CHECK(poll_error(MasterCall::registry, fmt::format("{{{}}}", kRegistryMaster)).empty());
  CHECK_THAT(
      poll_error(MasterCall::registry, fmt::format(R"({{{},"gone":{{"slaves":[{{}}]}}}})", kRegistryMaster)),
      Catch::Contains("id"));
  CHECK_THAT(
      poll_error(MasterCall::registry, fmt::format(R"({{{},"unreachable":{{"slaves":[)", kRegistryMaster)),
      Catch::Contains("registry"));
}

TEST_CASE("polls: unreachable and gone agents, as many as the registry keeps") {
  std::string body =
      fmt::format(R"({{{},"slaves":{{"slaves":[{{"info":{{}}}}]}},"gone":{{"slaves":[)"
                  R"({{"id":{{"value":"G"}},"timestamp":{{"nanoseconds":1795405662771228929}}}}]}},)"
                  R"("unreachable":{{"slaves":[)",
                  kRegistryMaster);
  constexpr int kEntries = 102'400;
  for (int i = 0; i < kEntries; ++i) {
    body +=
        fmt::format(R"({}{{"deactivated":false,"id":{{"value":"S{}"}},"timestamp":{{"nanoseconds":{}}}}})",
                    i == 0 ? "" : ",", i, 1'795'405'662'771'228'928 + i);
  }
  body += "]}}";
  IngestCounters counters;
  // Element by element: nothing near the size of the whole is ever held.
  PollDecoder decoder(MasterCall::registry, Instant(), counters, 1 << 10);
  std::vector<MesosEvent> events;
  for (std::size_t at = 0; at < body.size(); at += 1000) {
    REQUIRE(decoder.push(std::string_view(body).substr(at, 1000), events));
  }
  REQUIRE(decoder.finish(events));
  REQUIRE(events.size() == kEntries + 3);
  CHECK(event_texts({events[1]}) == Texts{"registry gone agent=G since=1795405662771228929"});
  CHECK(std::get<RegistryAgentSeen>(events[kEntries + 1]).since.ns ==
        1'795'405'662'771'228'928 + kEntries - 1);
}

TEST_CASE("polls: the maintenance of machines") {
  const auto texts = [](MasterCall call, std::string_view body) {
    IngestCounters counters;
    const auto events = decode_poll(call, Instant(), body, counters);
    REQUIRE(events);
    CHECK(counters.unknown_fields == 0);
    Texts out = event_texts(*events);
    out.erase(out.begin());
    out.pop_back();
    return out;
  };
  CHECK(
      texts(MasterCall::get_maintenance_schedule,
            R"({"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{"windows":[)"
            R"({"machine_ids":[{"hostname":"a1","ip":"10.0.0.1"},{"hostname":"a2"},{"ip":"10.0.0.3"},{}],)"
            R"("unavailability":{"start":{"nanoseconds":1800000000123456789},"duration":{"nanoseconds":5}}},)"
            R"({"machine_ids":[]}]}}})") ==
      Texts{"maintenance scheduled start=1800000000123456789 (a1, 10.0.0.1) (a2, ) (, 10.0.0.3)",
            "maintenance scheduled start=0"});
  CHECK(texts(MasterCall::get_maintenance_status,
              R"({"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{"draining_machines":[)"
              R"({"id":{"hostname":"a1"},"statuses":[{"status":"ACCEPT"}]}],)"
              R"("down_machines":[{"hostname":"a2","ip":"10.0.0.2"}]}}})") ==
        Texts{"maintenance draining start=0 (a1, )", "maintenance down start=0 (a2, 10.0.0.2)"});
  CHECK(texts(MasterCall::get_maintenance_schedule,
              R"({"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{}}})")
            .empty());
  CHECK_THAT(poll_error(MasterCall::get_maintenance_schedule,
                        R"({"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{}}})"),
             Catch::Contains("its type"));
  CHECK_THAT(poll_error(MasterCall::get_maintenance_status, R"({"type":"GET_MAINTENANCE_STATUS"})"),
             Catch::Contains("it has no get_maintenance_status"));
}

TEST_CASE("polls: an agent that did not change is parsed once") {
  const auto answer = [](std::string_view disk_of_s2, bool with_s3) {
    const auto agent = [](std::string_view id, std::string_view amount) {
      return fmt::format(
          R"({{"total_resources":[{{"name":"disk","scalar":{{"value":{}}},"reservations":[{{"role":"db",)"
          R"("labels":{{"labels":[{{"key":"extvold.volume","value":"w"}}]}}}}]}}],)"
          R"("agent_info":{{"id":{{"value":"{}"}},"hostname":"h"}},"active":true}})",
          amount, id);
    };
    return R"({"type":"GET_AGENTS","get_agents":{"agents":[)" + agent("S1", "1.0") + "," +
           agent("S2", disk_of_s2) + (with_s3 ? "," + agent("S3", "1.0") : "") + "]}}";
  };
  IngestCounters counters;
  AgentMemory memory;
  const auto lists = [&](const std::string& body) {
    PollDecoder decoder(MasterCall::get_agents, Instant(), counters, memory);
    std::vector<MesosEvent> events;
    REQUIRE(decoder.push(body, events));
    REQUIRE(decoder.finish(events));
    std::vector<SharedReservations> out;
    for (const MesosEvent& one : events) {
      const auto* const seen = std::get_if<AgentSeen>(&one);
      if (seen == nullptr) continue;
      REQUIRE(seen->reservations);
      REQUIRE(seen->reservations->size() == 1);
      CHECK(seen->reservations->front().agent == seen->agent.agent);
      out.push_back(seen->reservations);
    }
    return out;
  };
  const auto first = lists(answer("1.0", true));
  const auto same = lists(answer("1.0", true));
  CHECK(same == first);  // the very same lists
  const auto other = lists(answer("2.0", false));
  CHECK(other[0] == first[0]);
  CHECK(other[1] != first[1]);
  CHECK(other[1]->front().amount_milli == 2000);
  CHECK(memory.size() == 3);
  lists(answer("2.0", false));
  CHECK(memory.size() == 2);  // S3 is forgotten
  const auto back = lists(answer("1.0", true));
  CHECK(back[0] == first[0]);
  CHECK(*back[1] == *first[1]);
  CHECK(*back[2] == *first[2]);
}

TEST_CASE("polls: the epoch and the metrics") {
  IngestCounters counters;
  const auto files = recorded_files("pods", "-m1-GET_MASTER");
  REQUIRE_FALSE(files.empty());
  const auto master = decode_master(read_recorded(files[0]), counters);
  REQUIRE(master);
  CHECK(master->master_id == "c1b8a0aa-1e5e-47c4-9250-853736662b5d");
  CHECK(master->elected_time == "1795405737.721652");
  CHECK(master->version == "1.12.0");
  const auto metrics =
      decode_metrics(R"({"a/b":1,"master/tasks_running":3.0,"c":"x","master/slaves_active":2.0})", counters);
  REQUIRE(metrics);
  CHECK(metrics->tasks_running == 3);
  CHECK(metrics->agents_active == 2);
  const auto none = decode_metrics(R"({"master/tasks_running":"many"})", counters);
  REQUIRE(none);
  CHECK(none->tasks_running == -1);
  CHECK(none->agents_active == -1);
}

TEST_CASE("polls: an answer that is another's, or empty, is no empty cluster") {
  CHECK_THAT(poll_error(MasterCall::get_tasks, R"({"type":"GET_AGENTS","get_agents":{"agents":[]}})"),
             Catch::Contains("answer to get_tasks: its type is \"GET_AGENTS\""));
  CHECK_THAT(poll_error(MasterCall::get_tasks, R"({"get_agents":{}})"),
             Catch::Contains("it holds get_agents"));
  CHECK_THAT(poll_error(MasterCall::get_tasks, R"({"type":"GET_TASKS"})"),
             Catch::Contains("it has no get_tasks"));
  CHECK_THAT(poll_error(MasterCall::get_tasks, R"({"get_tasks":{}})"), Catch::Contains("it has no type"));
  CHECK_THAT(poll_error(MasterCall::get_tasks, R"({"type":"GET_TASKS","get_tasks":{},"get_tasks":{}})"),
             Catch::Contains("a second get_tasks"));
  CHECK_THAT(poll_error(MasterCall::get_master, R"({"type":"GET_MASTER","get_master":{}})"),
             Catch::Contains("no master_info.id"));
  for (const Kind& kind : kKinds) {
    CHECK_FALSE(poll_error(kind.call, "").empty());
    CHECK_FALSE(poll_error(kind.call, "Master has not finished recovery").empty());
    CHECK_FALSE(poll_error(kind.call, R"({"type":"GET_TASKS","get_tasks":{"tasks":[)").empty());
  }
  CHECK(poll_error(MasterCall::get_tasks, R"({"get_tasks":{},"type":"GET_TASKS"})").empty());
}

TEST_CASE("agents: every recorded round decodes") {
  std::size_t rounds = 0;
  std::string all;
  for (const std::string& scenario : scenarios()) {
    for (const char* const agent : {"a1", "a2", "a3"}) {
      const Texts selves = agent_files(scenario, agent, "GET_AGENT.");
      const Texts containers = agent_files(scenario, agent, "GET_CONTAINERS");
      const Texts executors = agent_files(scenario, agent, "GET_EXECUTORS");
      const Texts metrics = agent_files(scenario, agent, "metrics");
      if (selves.empty() || executors.empty()) continue;
      for (std::size_t i = 0; i < containers.size(); ++i) {
        INFO(containers[i]);
        const std::string self = read_recorded(selves.back());
        const std::string container = read_recorded(containers[i]);
        const std::string executor = read_recorded(executors[i % executors.size()]);
        const std::string metric = metrics.empty() ? "" : read_recorded(metrics[i % metrics.size()]);
        IngestCounters counters;
        const auto read = decode_agent_answers({AgentId("S"), "127.0.0.11:5051", Instant{1}, Instant{2}},
                                               {self, container, executor, self, metric}, counters);
        INFO((read ? std::string() : read.error().message));
        REQUIRE(read);
        CHECK(counters.unknown_fields == 0);
        CHECK(read->containers.empty() == (container == R"({"type":"GET_CONTAINERS"})"));
        CHECK(read->container_destroy_errors.has_value() == !metrics.empty());
        all += event_text(*read) + "\n";
        ++rounds;
      }
    }
  }
  CHECK(rounds > 100);
  CHECK_THAT(all, Catch::Contains("[dvdi_variable driver=rexray name=dvdi-task path= ro=false]"));
  CHECK_THAT(all, Catch::Contains("container(3479df1b-c7f2-41d4-80dd-a6696d9277a5 "
                                  "parent=6e2e76ee-9269-499b-b090-e98483f14673 framework= executor=)"));
  CHECK_THAT(all, Catch::Contains("completed(framework="));
}

TEST_CASE("agents: evidence is read strictly") {
  IngestCounters counters;
  const std::string self = R"({"type":"GET_AGENT","get_agent":{"agent_info":{"id":{"value":"S1"}}}})";
  const std::string containers = R"({"type":"GET_CONTAINERS","get_containers":{}})";
  const std::string executors =
      R"({"type":"GET_EXECUTORS","get_executors":{"executors":[],"completed_executors":[)"
      R"({"executor_info":{"executor_id":{"value":"e"},"framework_id":{"value":"F"}}}]}})";
  const auto decode_round = [&](AgentAnswers answers) {
    return decode_agent_answers({AgentId("S1"), "h:1", Instant{}, Instant{}}, answers, counters);
  };
  const auto good = decode_round({self, containers, executors, self, {}});
  REQUIRE(good);
  CHECK(good->first_answer.value == "S1");
  CHECK(good->containers.empty());
  REQUIRE(good->completed_executors.size() == 1);
  CHECK(good->completed_executors[0].agent.value == "S1");
  CHECK_FALSE(good->container_destroy_errors);

  const auto young = decode_round(
      {R"({"type":"GET_AGENT","get_agent":{"agent_info":{}}})", containers, executors, self, "{"});
  REQUIRE(young);
  CHECK(young->first_answer.empty());
  CHECK_FALSE(young->container_destroy_errors);

  const auto refused = [&](AgentAnswers answers) {
    const auto read = decode_round(answers);
    return read ? std::string() : read.error().message;
  };
  CHECK_THAT(refused({self, executors, executors, self, {}}),
             Catch::Contains("agent's answer to GET_CONTAINERS: its type is \"GET_EXECUTORS\""));
  CHECK(refused({self, R"({"type":"GET_CONTAINERS"})", executors, self, {}}).empty());
  CHECK_THAT(refused({self, containers, R"({"type":"GET_EXECUTORS"})", self, {}}),
             Catch::Contains("it has no get_executors"));
  CHECK_THAT(refused({self, R"({"get_containers":{}})", executors, self, {}}),
             Catch::Contains("it has no type"));
  CHECK_THAT(
      refused(
          {self, R"({"type":"GET_CONTAINERS","get_containers":{"containers":[{}]}})", executors, self, {}}),
      Catch::Contains("get_containers.containers[0]: container: no container_id"));
  CHECK_THAT(refused({self, containers.substr(0, 40), executors, self, {}}),
             Catch::Contains("ends too early"));
  CHECK_FALSE(refused({self, containers, executors, "", {}}).empty());
}

TEST_CASE("agents: destroy errors are counted up, never down") {
  IngestCounters counters;
  const std::string self = R"({"type":"GET_AGENT","get_agent":{"agent_info":{"id":{"value":"S1"}}}})";
  const auto errors = [&](std::string_view metrics) {
    const auto read = decode_agent_answers({AgentId("S1"), "h:1", Instant{}, Instant{}},
                                           {self, R"({"type":"GET_CONTAINERS","get_containers":{}})",
                                            R"({"type":"GET_EXECUTORS","get_executors":{}})", self, metrics},
                                           counters);
    REQUIRE(read);
    return read->container_destroy_errors;
  };
  CHECK(errors(R"({"containerizer/mesos/container_destroy_errors":0.0})") == 0);
  CHECK(errors(R"({"containerizer/mesos/container_destroy_errors":0.5})") == 1);
  CHECK(errors(R"({"containerizer/mesos/container_destroy_errors":-1})") == std::nullopt);
  CHECK(errors(R"({"other":1})") == std::nullopt);
}

}  // namespace extvold::ingest::tests
