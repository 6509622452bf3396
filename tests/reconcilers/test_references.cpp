// References: what the names in tasks mean, and when they begin or cease to mean one of our volumes.
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
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
