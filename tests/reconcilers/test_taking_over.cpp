// Of several daemons one acts: what the others know when they begin to.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

TEST_CASE("who begins to act looks first: another daemon may have acted until then") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  ev::Policy observes = EngineWorld::default_policy();
  observes.observe_only = "host m2 acts for this cluster";
  world.reload(observes);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(2));
  const auto attaches = [&] {
    return std::count_if(world.calls.begin(), world.calls.end(),
                         [](const std::string& call) { return call.starts_with("attach pgdata"); });
  };
  REQUIRE(attaches() == 0);
  REQUIRE(world.blocked("pgdata", "a1") == "planned_waits");

  extvold::testing::FakeVolume& truth = world.truth.at(world.volume("pgdata").volume.key);
  SECTION("which has attached the volume elsewhere") {
    truth.hosts.insert("a2");
    world.reload(EngineWorld::default_policy());
    world.advance(ev::seconds(1));
    CHECK(attaches() == 0);
    CHECK_FALSE(world.blocked("pgdata", "a1").empty());
    CHECK(world.blocked("pgdata", "a1") != "planned_waits");
  }
  SECTION("which has left the volume alone") {
    world.reload(EngineWorld::default_policy());
    world.advance(ev::seconds(1));
    CHECK(attaches() == 1);
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("and the look does not come") {
    world.inspects_fail = true;
    world.reload(EngineWorld::default_policy());
    CHECK(attaches() == 0);
    world.advance(ev::minutes(2));  // a list does as well
    CHECK(attaches() == 1);
  }
}
