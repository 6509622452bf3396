// Every volume that a recorded task or executor names, as the decoder finds it.
#include <catch2/catch.hpp>
#include <set>

#include "daemon/ingest/agent_answers.h"
#include "daemon/ingest/poll_decoder.h"
#include "tests/ingest/support.h"

namespace extvold::ingest::tests {

namespace {

using Texts = std::vector<std::string>;

// Ids of frameworks and executors are the recorder's; names are what the scenario gave.
class Found {
 public:
  void add(const TaskRecord& task) {
    for (const VolumeReference& one : task.volumes)
      add(fmt::format("task {} of {}", task.name, task.executor.empty() ? "itself" : task.executor.value),
          one);
  }
  void add(const ExecutorRecord& executor) {
    for (const VolumeReference& one : executor.volumes)
      add(fmt::format("executor {}", executor.executor.value), one);
  }
  void add(const std::vector<MesosEvent>& events) {
    for (const MesosEvent& event : events) {
      if (const auto* const task = std::get_if<TaskSeen>(&event)) add(task->task);
      if (const auto* const executor = std::get_if<ExecutorSeen>(&event)) add(executor->executor);
    }
  }
  Texts texts() const { return {lines_.begin(), lines_.end()}; }

 private:
  void add(const std::string& who, const VolumeReference& one) {
    lines_.insert(fmt::format("{}: {} {} \"{}\" at \"{}\"{}", who, to_text(one.spelling), one.driver,
                              one.name, one.container_path, one.read_only ? " ro" : ""));
  }
  std::set<std::string> lines_;
};

// The agents' own GET_EXECUTORS, without the rest of a round.
void add_agents_executors(const std::string& body, Found& found) {
  const std::string self = R"({"type":"GET_AGENT","get_agent":{"agent_info":{"id":{"value":"S"}}}})";
  IngestCounters counters;
  const auto read = decode_agent_answers(
      {AgentId("S"), "h:1", Instant{}, Instant{}},
      {self, R"({"type":"GET_CONTAINERS","get_containers":{}})", body, self, {}}, counters);
  REQUIRE(read);
  for (const ExecutorRecord& one : read->executors) found.add(one);
}

Texts references_of(const std::string& scenario) {
  Found found;
  for (const RecordedConnection& one : recorded_connections()) {
    if (one.scenario != scenario) continue;
    IngestCounters counters;
    RecordDecoder decoder(counters);
    std::vector<MesosEvent> events;
    REQUIRE(decoder.push(one.bytes, events));
    found.add(events);
  }
  const auto polls = [&](const char* files, MasterCall call) {
    for (const std::string& file : recorded_files(scenario, files)) {
      const std::string body = read_recorded(file);
      if (!body.starts_with('{')) continue;
      IngestCounters counters;
      const auto events = decode_poll(call, Instant(), body, counters);
      REQUIRE(events);
      found.add(*events);
    }
  };
  polls("-m1-GET_TASKS", MasterCall::get_tasks);
  polls("-m1-GET_EXECUTORS", MasterCall::get_executors);
  for (const char* const agent : {"-a1-GET_EXECUTORS", "-a2-GET_EXECUTORS", "-a3-GET_EXECUTORS"}) {
    for (const std::string& file : recorded_files(scenario, agent)) {
      const std::string body = read_recorded(file);
      if (body.starts_with('{')) add_agents_executors(body, found);
    }
  }
  return found.texts();
}

}  // namespace

TEST_CASE("recorded references: docker volumes, one read-only, and labels") {
  CHECK(references_of("basic") ==
        Texts{R"(executor fail.1: docker_volume extvold "scratch" at "s")",
              R"(executor lbl.1: label extvold "orders" at "data")",
              R"(executor pg.1: docker_volume rexray "pgdata" at "pg")",
              R"(executor pg.2: docker_volume rexray "pgdata" at "pg")",
              R"(executor ro.1: docker_volume extvold "catalog" at "cat" ro)",
              R"(task fail.1 of itself: docker_volume extvold "scratch" at "s")",
              R"(task lbl.1 of itself: label extvold "orders" at "data")",
              R"(task pg.1 of itself: docker_volume rexray "pgdata" at "pg")",
              R"(task pg.2 of itself: docker_volume rexray "pgdata" at "pg")",
              R"(task ro.1 of itself: docker_volume extvold "catalog" at "cat" ro)"});
}

TEST_CASE("recorded references: pods, CSI, docker parameters and DVDI variables") {
  CHECK(references_of("pods") ==
        Texts{R"(executor csi.1: csi_volume hostpath.csi "csi-vol-1" at "c")",
              R"(executor dvdi.1: dvdi_variable rexray "dvdi-task" at "")",
              R"(executor pod-1: docker_volume extvold "podshared" at "shared")",
              R"(executor pod-1: label extvold "podlabel" at "")",
              R"(task csi.1 of itself: csi_volume hostpath.csi "csi-vol-1" at "c")",
              R"(task docker.1 of itself: docker_parameter rexray "dockvol" at "/data")",
              R"(task pod-1.a of pod-1: docker_volume extvold "nested-a" at "a")"});
}

TEST_CASE("recorded references: a persistent volume") {
  CHECK(references_of("reservations") ==
        Texts{R"(task orders.1 of itself: persistent_volume persistent_volume "pv-orders" at "orders")"});
}

}  // namespace extvold::ingest::tests
