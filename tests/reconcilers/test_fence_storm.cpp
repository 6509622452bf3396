// Many hosts at once are a broken network: the storm guard, and how a person lets fencing go on.
#include <catch2/catch.hpp>

#include <tuple>

#include "tests/reconcilers/split.h"

using extvold::testing::fencing;
using extvold::testing::has;
using extvold::testing::kAfter;
using extvold::testing::Mishap;
using extvold::testing::Split;
namespace ev = extvold;

namespace {

// One more host with a volume that nobody hears of; a2 waits for that too.
void lose(Split& world, const std::string& name, const std::string& agent, const std::string& host) {
  world.make_volume(name);
  world.agent_added(agent, host);
  world.run_task(name + ".1", agent, name);
  world.advance(ev::seconds(10));
  REQUIRE(world.attached(name, host));
  world.silent_agents.insert(agent);
  world.task_updated(name + ".1", agent, ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.run_task(name + ".2", "A2", name);
}

}  // namespace

TEST_CASE("the storm guard stops before the first of too many hosts, and a person lets it go on") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  SECTION("more than a number") { policy.fence_storm_max = 1; }
  SECTION("more than a share of all") {  // one of four is always possible, two are the half
    policy.fence_storm_max = 100;
    policy.fence_storm_percent = 40;
  }
  Split world(policy);
  lose(world, "two", "A4", "a4");
  world.advance(kAfter + ev::minutes(5));
  CHECK(world.fence_calls.empty());
  CHECK(world.engine().snapshot().fence_stop);
  CHECK(world.blocked("pgdata", "a2") == "fence_stopped");
  CHECK(has(world, "guard.fence_storm/fence_storm"));
  REQUIRE(world.order(ev::FenceRelease{"", "a rack lost its power"}).status);
  if (GENERATE(false, true)) {  // as it is where that was ordered without one that runs
    INFO("extvold is started again");
    world.restart();
    world.rejoin();
    world.task_added(world.task("two.2", "A2", "two", ev::TaskState::task_running));
    world.advance(kAfter + ev::minutes(3));
  }
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.attached("two", "a2"));
}

TEST_CASE("who ends his own stop of fencing allows no storm, and who allows one allows no second") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.fence_storm_max = 1;
  Split world(policy);
  const bool stopped_by_guard = GENERATE(false, true);
  if (stopped_by_guard) {
    lose(world, "two", "A4", "a4");
    world.advance(kAfter + ev::minutes(5));
    REQUIRE(world.engine().snapshot().fence_stop);
  } else {
    REQUIRE(world.order(ev::FenceHold{"", "maintenance"}).status);
  }
  REQUIRE(world.order(ev::FenceRelease{"", "it is over"}).status);
  world.advance(kAfter + ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK_FALSE(world.engine().snapshot().fence_stop);
  for (const auto& [name, agent, host] :
       {std::tuple("x", "A5", "a5"), std::tuple("y", "A6", "a6"), std::tuple("z", "A7", "a7")})
    lose(world, name, agent, host);
  world.advance(kAfter + ev::minutes(5));
  CHECK(world.engine().snapshot().fence_stop);
  for (const char* name : {"x", "y", "z"}) CHECK_FALSE(world.attached(name, "a2"));
}

TEST_CASE("hosts that no agent belongs to make the share of a storm no larger") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.fence_storm_max = 100;
  policy.fence_storm_percent = 40;
  Split world(policy);
  world.make_volume("site", ev::Filesystem::none, ev::AccessMode::shared);
  for (int i = 0; i < 20; ++i)
    world.truth.at(world.volume("site").volume.key).hosts.insert("old-" + std::to_string(i));
  world.advance(ev::minutes(2));
  REQUIRE(world.engine().snapshot().hosts().size() > 20);
  lose(world, "two", "A4", "a4");
  world.advance(kAfter + ev::minutes(5));
  CHECK(world.engine().snapshot().fence_stop);
}
