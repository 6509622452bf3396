// Executors that hold volumes: pods and custom executors, of which no event tells, and what agents list for
// command tasks.
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

// shared at a1 by an executor of agent A1.
struct Pod : EngineWorld {
  explicit Pod(ev::Policy policy = EngineWorld::default_policy(), std::string name = "pod")
      : EngineWorld(std::move(policy)) {
    subscribe();
    ev::FrameworkSeen framework;
    framework.framework.framework = ev::FrameworkId("F");
    event(framework);
    agent_added("A1", "a1");
    agent_added("A2", "a2");
    make_volume("shared");
    containers["A1"].insert(name);
    event(ev::ExecutorSeen{executor(name), ev::ElementOrigin::poll});
    advance(ev::seconds(10));
    REQUIRE(attached("shared", "a1"));
  }
  ev::ExecutorRecord executor(const std::string& name, const std::string& volume = "shared") const {
    ev::ExecutorRecord out;
    out.framework = ev::FrameworkId("F");
    out.executor = ev::ExecutorId(name);
    out.agent = ev::AgentId("A1");
    out.volumes = task("any", "A1", volume).volumes;
    return out;
  }
  const ev::Claim& only_claim() const {
    REQUIRE(volume("shared").claims.size() == 1);
    return *volume("shared").claims[0];
  }
};

}  // namespace

TEST_CASE("the end of an executor is found by asking its agent again and again") {
  Pod world;
  world.end_container("pod", "A1");  // nothing says so
  world.advance(ev::seconds(150));
  CHECK_FALSE(world.attached("shared", "a1"));
}

TEST_CASE(
    "where the agents' word is no evidence, an executor that ended is not wanted, and a person can confirm") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.agents_api_unfiltered = false;
  Pod world(policy);
  CHECK_FALSE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);  // it is live there
  world.end_container("pod", "A1");
  world.advance(ev::seconds(150));
  CHECK(world.attached("shared", "a1"));
  CHECK_FALSE(world.only_claim().wanted);
  CHECK(world.only_claim().liveness == ev::Liveness::unknown);
  CHECK(world.blocked("shared", "a1") == "agents_not_trusted");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.advance(ev::seconds(30));
  CHECK_FALSE(world.attached("shared", "a1"));
}

TEST_CASE("an agent that could not destroy a container proves no end, and says so to a person") {
  Pod world;
  world.destroy_errors["A1"] = 2;
  world.end_container("pod", "A1");
  world.advance(ev::seconds(150));
  CHECK(world.attached("shared", "a1"));
  CHECK_FALSE(world.only_claim().wanted);
  REQUIRE(world.blocked("shared", "a1") == "containers_left_behind");
  CHECK(world.volume("shared").blocked[0].owner == ev::Owner::operator_);
  world.destroy_errors.clear();  // it was restarted
  world.advance(ev::seconds(150));
  CHECK_FALSE(world.attached("shared", "a1"));
}

TEST_CASE("the executors of a removed framework are not wanted, though their agent lists them for a while") {
  Pod world;
  world.master.executors.clear();
  world.event(ev::FrameworkRemoved{ev::FrameworkId("F")});
  CHECK_FALSE(world.only_claim().wanted);
  world.advance(ev::minutes(5));  // the kill hangs
  CHECK_FALSE(world.only_claim().wanted);
  CHECK(world.only_claim().liveness == ev::Liveness::unknown);
  CHECK(world.attached("shared", "a1"));
  world.end_container("pod", "A1");
  world.advance(ev::minutes(3));
  CHECK_FALSE(world.attached("shared", "a1"));
}

TEST_CASE("a pod's executor that is named like one of its tasks does not end with it") {
  Pod world(EngineWorld::default_policy(), "db");
  ev::TaskRecord task = world.task("db", "A1", "");
  task.executor = ev::ExecutorId("db");
  world.task_added(task);
  world.task_updated("db", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.task_updated("db", "A1", ev::TaskState::task_finished, ev::StatusSource::source_executor);
  world.advance(ev::minutes(5));
  CHECK(world.only_claim().wanted);
  CHECK(world.only_claim().liveness == ev::Liveness::live);
  CHECK(world.attached("shared", "a1"));
}

TEST_CASE(
    "an executor that its agent proved gone is not brought back by the master, which lists it for long") {
  Pod world;
  world.end_container("pod", "A1");
  world.master.executors[{"pod", "A1"}] = world.executor("pod");
  world.advance(ev::minutes(10));
  CHECK_FALSE(world.attached("shared", "a1"));
  const std::vector<std::string> once = {"create shared", "attach shared a1", "detach shared a1"};
  CHECK(world.calls == once);
  // Its agent's own list does: it was launched again.
  world.completed.clear();
  world.containers["A1"].insert("pod");
  world.executor_volumes["pod"] = world.executor("pod").volumes;
  world.task_added(world.task("pod.b", "A1", ""));
  world.advance(ev::minutes(2));
  CHECK(world.attached("shared", "a1"));
}

TEST_CASE("an executor that is started again under its name voids what proved it gone") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::minutes(1);
  Pod world(policy);
  world.end_container("pod", "A1");
  for (int i = 0; i < 150 && world.only_claim().liveness != ev::Liveness::dead; ++i)
    world.advance(ev::seconds(1));
  REQUIRE(world.only_claim().liveness == ev::Liveness::dead);
  REQUIRE(world.attached("shared", "a1"));
  // Its agent does not answer, so that only the master tells.
  world.silent_agents.insert("A1");
  ev::TaskRecord again = world.task("pod.2", "A1", "");
  again.executor = ev::ExecutorId("pod");
  world.task_added(again);
  world.advance(ev::minutes(5));
  CHECK(world.attached("shared", "a1"));
}

TEST_CASE("an executor that its agent ran under the Docker containerizer is not proven gone") {
  Pod world;
  world.end_container("pod", "A1");
  world.docker_executors.insert("pod");
  world.advance(ev::minutes(5));
  CHECK(world.attached("shared", "a1"));
  CHECK(world.only_claim().liveness == ev::Liveness::unknown);
}

TEST_CASE("an executor whose launch was lost does not keep the volume from others for ever") {
  Pod world;
  world.containers["A1"].clear();  // its agent has never heard of it
  world.master.executors.clear();
  world.advance(ev::minutes(3));
  CHECK(world.only_claim().liveness == ev::Liveness::unknown);
  CHECK(world.attached("shared", "a1"));  // nothing is proven
  world.run_task("t", "A2", "shared");
  world.advance(ev::seconds(10));
  CHECK(world.blocked("shared", "a2") == "waits_for_unknown_claim");
  // A person can tell now.
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "nothing of it runs there"}).status);
  world.advance(ev::seconds(10));
  CHECK(world.attached("shared", "a2"));
}

TEST_CASE("the master's list does not bring back an executor that its agent counts as completed") {
  ev::Policy policy = EngineWorld::default_policy();
  SECTION("proven gone") {}
  SECTION("not proven: somebody's word is missing") { policy.agents_api_unfiltered = false; }
  Pod world(policy);
  world.end_container("pod", "A1");
  // The message that it exited was lost: the master goes on listing it.
  world.master.executors[{"pod", "A1"}] = world.executor("pod");
  world.advance(ev::minutes(5));
  const std::size_t lines = world.history.size();
  world.advance(ev::minutes(30));
  CHECK(world.history.size() == lines);
  for (const ev::Claim* claim : world.volume("shared").claims) CHECK_FALSE(claim->wanted);
}
