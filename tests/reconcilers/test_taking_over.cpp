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

TEST_CASE("who takes over from another ledger waits for its calls") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  ev::Policy policy = EngineWorld::default_policy();
  policy.observe_only = "host m2 acts for this cluster";
  world.reload(policy);
  world.run_task("pg.1", "A1", "pgdata");
  policy.observe_only.clear();
  policy.others_acted = policy.takes_over = true;
  world.reload(policy);
  SECTION("also with an intent that it had recorded") {
    policy.takes_over = false;
    world.hold_commits = true;
    world.reload(policy);
    policy.takes_over = true;
    world.reload(policy);
    world.hold_commits = false;
  }
  SECTION("with new ones") {}
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "planned_waits");
  policy.takes_over = false;
  world.reload(policy);
  world.advance(ev::minutes(1));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("where others have acted a call that is nobody's intent is waited for") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.others_acted = true;
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.running_calls.insert(world.volume("pgdata").volume.key);
  world.advance(ev::minutes(1));
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(10));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  world.running_calls.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("who takes over from another ledger formats nothing meanwhile") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  ev::Policy policy = EngineWorld::default_policy();
  policy.others_acted = policy.takes_over = true;
  world.reload(policy);
  world.make_volume("pgdata", ev::Filesystem::ext4);
  world.advance(ev::minutes(5));
  const auto formats = [&] {
    return std::count_if(world.calls.begin(), world.calls.end(),
                         [](const std::string& call) { return call.starts_with("format"); });
  };
  CHECK(formats() == 0);
  policy.takes_over = false;
  world.reload(policy);
  world.advance(ev::minutes(5));
  CHECK(formats() == 1);
}

namespace {

// A ledger that began just now, and a volume of which it had to be told.
class NewLedger : public EngineWorld {
 public:
  explicit NewLedger(ev::Duration age)
      : EngineWorld(EngineWorld::default_policy(),
                    ev::WallTime{1'700'000'000'000'000'000 + ev::seconds(1000).ns - age.ns}) {
    subscribe();
    agent_added("A1", "a1");
    agent_added("A2", "a2");
    extvold::testing::FakeVolume old;
    old.made.name = "old";
    truth["old"] = old;
    advance(ev::minutes(1));
    REQUIRE(order(ev::AdoptVolume{"old",
                                  {ev::ProviderName("local~lab"), "p1"},
                                  "old",
                                  ev::Filesystem::ext4,
                                  ev::AccessMode::rw})
                .status);
    make_volume("new");
  }
};

}  // namespace

TEST_CASE("a ledger that just began waits for calls that were made before it, and for no longer") {
  NewLedger world(ev::seconds(0));
  world.run_task("old.1", "A2", "old");
  world.run_task("new.1", "A2", "new");
  world.advance(ev::seconds(20));
  CHECK(world.attached("new", "a2"));  // nobody else ever knew it
  CHECK_FALSE(world.attached("old", "a2"));
  CHECK(world.blocked("old", "a2") == "planned_waits");
  SECTION("none came") {
    world.advance(ev::seconds(180));  // the deadline and the settle time
    CHECK(world.attached("old", "a2"));
  }
  SECTION("the attach of the ledger before it takes effect now") {
    world.truth.at("old").hosts.insert("a1");
    world.advance(ev::minutes(10));
    CHECK_FALSE(world.attached("old", "a2"));
    CHECK_FALSE(world.blocked("old", "a2").empty());
  }
}

TEST_CASE("a ledger that has been there for long waits for no calls") {
  NewLedger world(ev::minutes(60));
  world.run_task("old.1", "A2", "old");
  world.advance(ev::seconds(20));
  CHECK(world.attached("old", "a2"));
}

TEST_CASE("a call at the provider that is nobody's intent is waited for") {
  NewLedger world(ev::minutes(60));
  world.running_calls.insert("old");
  world.advance(ev::minutes(1));
  world.run_task("old.1", "A2", "old");
  world.advance(ev::minutes(10));
  CHECK_FALSE(world.attached("old", "a2"));
  world.running_calls.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("old", "a2"));
}
