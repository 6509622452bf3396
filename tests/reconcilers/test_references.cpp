// References: what the names in tasks mean, and when they begin or cease to mean one of our volumes.
#include <catch2/catch.hpp>

#include "tests/reconcilers/held.h"

using extvold::testing::EngineWorld;
using extvold::testing::has;
using extvold::testing::Held;
namespace ev = extvold;

TEST_CASE(
    "a task that names a volume that does not exist is unresolved, and resolved when the volume is made") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.run_task("pg.1", "A1", "pgdata");
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->unresolved == ev::Unresolved::no_such_volume);
  CHECK(world.calls.empty());  // never created implicitly
  world.make_volume("pgdata");
  world.advance(ev::seconds(1));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("a driver that is mapped later resolves the tasks that were seen before") {
  const ev::Policy mapped = EngineWorld::default_policy();
  ev::Policy unmapped = mapped;
  unmapped.drivers.clear();
  EngineWorld world(unmapped);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.run_task("o.1", "A1", "other");
  REQUIRE(world.claim("pg.1")->unresolved == ev::Unresolved::unmapped_driver);
  SECTION("while it runs") { world.reload(mapped); }
  SECTION("when it is started again") {
    world.restart(mapped);
    ev::AgentSeen agent = world.master.agents.at("A1");
    agent.origin = ev::ElementOrigin::snapshot;
    world.subscribe({agent, ev::TaskSeen{world.task("pg.1", "A1", "pgdata", ev::TaskState::task_running),
                                         ev::ElementOrigin::snapshot, ev::TaskList::tasks}});
  }
  world.advance(ev::seconds(5));
  CHECK(world.claim("o.1")->unresolved == ev::Unresolved::no_such_volume);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("a volume that is being deleted, or was, is none: the next one of its name serves who waits") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  REQUIRE(world.order(ev::RemoveVolume{"pgdata", "pgdata"}).status);
  world.provider_silent = true;  // so that it takes a while
  world.advance(ev::minutes(10));
  REQUIRE(world.order(ev::PurgeVolume{"pgdata", "pgdata", true}).status);
  const ev::VolumeId first = world.volume("pgdata").volume.id;
  world.run_task("pg.1", "A1", "pgdata");
  CHECK(world.claim("pg.1")->unresolved == ev::Unresolved::no_such_volume);
  const bool ordered = world.order(ev::AttachVolume{"pgdata", "a1"}).status.has_value();
  world.provider_silent = false;
  world.advance(ev::minutes(2));
  REQUIRE(world.truth.empty());
  INFO("an order of its own was taken: " << ordered);
  CHECK(world.engine().snapshot().volume(first)->claims.empty());
  world.make_volume("pgdata");
  world.advance(ev::seconds(5));
  CHECK(world.attached("pgdata", "a1"));
}

namespace {

// Another task with one more reference, on the host that has pgdata; then pgdata's own task is over.
void end_beside(Held& world, ev::VolumeReference reference) {
  ev::TaskRecord other = world.task("other.1", "A1", "");
  other.volumes.push_back(std::move(reference));
  world.containers["A1"].insert("other.1");
  world.task_added(other);
  world.task_updated("other.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.end_container("pg.1", "A1");
  world.end(ev::TaskState::task_killed, ev::StatusSource::source_executor);
}

}  // namespace

TEST_CASE("a reference without a driver is text that could mean any volume") {
  Held world;
  end_beside(world, {ev::ReferenceSpelling::docker_parameter, "", "other-container", "", false});
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "unresolved_reference");
}

TEST_CASE("docker's own driver may be ours where the name is") {
  Held foreign;
  end_beside(foreign, {ev::ReferenceSpelling::docker_parameter, "local", "cache", "/cache", false});
  CHECK_FALSE(foreign.attached("pgdata", "a1"));
  Held same;
  end_beside(same, {ev::ReferenceSpelling::docker_parameter, "local", "pgdata", "/data", false});
  CHECK(same.attached("pgdata", "a1"));
  CHECK(same.blocked("pgdata", "a1") == "unresolved_reference");
  Held another;  // ours too, and not this one
  another.make_volume("cache");
  end_beside(another, {ev::ReferenceSpelling::docker_parameter, "local", "cache", "/cache", false});
  CHECK_FALSE(another.attached("pgdata", "a1"));
}

TEST_CASE("a name of docker's own driver is looked at again when a volume gets it") {
  Held world;
  ev::TaskRecord other = world.task("other.1", "A1", "");
  other.volumes.push_back({ev::ReferenceSpelling::docker_parameter, "local", "late", "/data", false});
  world.task_added(other);
  REQUIRE(world.claim("other.1")->unresolved == ev::Unresolved::unmapped_driver);
  world.make_volume("late");
  CHECK(world.claim("other.1")->unresolved == ev::Unresolved::not_understood);
}

TEST_CASE("a persistent volume on the agent's own disk is no claim, unless it is mapped") {
  const ev::VolumeReference plain{ev::ReferenceSpelling::persistent_volume,
                                  std::string(ev::kPlainPersistentVolume), "pgdata", "data", false};
  Held world;
  end_beside(world, plain);
  CHECK(world.claim("other.1") == nullptr);
  CHECK_FALSE(world.attached("pgdata", "a1"));
  ev::Policy policy = EngineWorld::default_policy();
  policy.drivers.push_back({std::string(ev::kPlainPersistentVolume), policy.drivers[0].provider, {}, {}});
  Held mapped(policy);
  end_beside(mapped, plain);
  REQUIRE(mapped.claim("other.1") != nullptr);
  CHECK(mapped.attached("pgdata", "a1"));
}

TEST_CASE("a persistent volume of a pod's task is held by the pod, not by the task") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  ev::TaskRecord record = world.task("pod.a", "A1", "");
  record.executor = ev::ExecutorId("pod");
  record.volumes.push_back({ev::ReferenceSpelling::persistent_volume, "extvold", "pgdata", "data", false});
  world.containers["A1"].insert("pod");
  world.task_added(record);
  world.advance(ev::seconds(1));
  REQUIRE(world.attached("pgdata", "a1"));
  REQUIRE(world.volume("pgdata").claims.size() == 1);
  CHECK(world.volume("pgdata").claims[0]->kind == ev::ClaimKind::executor);
  const auto end_task = [&] {
    ev::TaskUpdated update;
    update.framework = record.framework;
    update.task = record.task;
    update.state = update.status.state = ev::TaskState::task_failed;
    update.status.source = ev::StatusSource::source_agent;
    update.status.reason = "REASON_EXECUTOR_TERMINATED";
    update.status.agent = record.agent;
    update.status.executor = record.executor;
    world.event(update);
    world.advance(ev::minutes(3));
  };
  end_task();
  CHECK(world.attached("pgdata", "a1"));
  world.end_container("pod", "A1");
  end_task();
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(has(world, "evidence.recorded/agent_gone"));
}
