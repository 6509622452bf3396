// attach_by = "plugin": the agents' own plugin attaches by itself, by the storage's names; extvold records
// and reports.
#include <catch2/catch.hpp>

#include <algorithm>

#include "reconcilers/planner.h"
#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

ev::Policy with_plugin() {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.exclusive_attach = false;
  policy.drivers[0].attach_by = ev::AttachBy::plugin;
  return policy;
}

struct World : EngineWorld {
  World() : EngineWorld(with_plugin()) {
    subscribe();
    agent_added("A1", "a1");
    agent_added("A2", "a2");
    make_volume("pgdata");
  }
  std::string key() const { return volume("pgdata").volume.key; }
  // The plugin on that host takes it, wherever it is (preempt).
  void take(const std::string& host) { truth.begin()->second.hosts.insert(host); }
};

std::vector<ev::BlockedRow> blocked_rows(const EngineWorld& world) {
  const auto& engine = world.engine();
  return ev::reconcilers::plan(engine.snapshot(), engine.observed(), world.now().at, engine.policy()).blocked;
}

std::string unresolved_text(const EngineWorld& world, const std::string& reason) {
  for (const ev::BlockedRow& row : blocked_rows(world)) {
    if (row.reason == reason) return row.text;
  }
  return {};
}

}  // namespace

TEST_CASE("a task's name is looked up as the agents' plugin does it: among the storage's own") {
  World world;
  world.run_task("pg.1", "A1", world.key());
  world.advance(ev::seconds(1));
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->volume == world.volume("pgdata").volume.id);
  CHECK(world.blocked("pgdata", "a1") == "plugin_attaches");
  world.take("a1");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1").empty());
}

TEST_CASE("a task that has extvold's name of a volume gets an empty one of its plugin's: that is told") {
  World world;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  CHECK_FALSE(world.claim("pg.1")->volume);
  CHECK(unresolved_text(world, "no_such_volume").find("knows that volume as " + world.key()) !=
        std::string::npos);
  world.run_task("other.1", "A2", "nosuch");
  world.advance(ev::seconds(1));
  bool adopts = false;
  for (const ev::BlockedRow& row : blocked_rows(world))
    adopts = adopts ||
             row.text.find("make nosuch at local~lab and `extvold volume adopt` it") != std::string::npos;
  CHECK(adopts);
}

TEST_CASE("a volume that a plugin took while another host has it is reported, and taken from neither") {
  World world;
  world.run_task("pg.1", "A1", world.key());
  world.take("a1");
  world.advance(ev::minutes(2));
  REQUIRE(world.attached("pgdata", "a1"));
  world.run_task("pg.2", "A2", world.key());
  world.others_attach = true;
  world.take("a2");
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.blocked("pgdata", "a2") == "attached_twice");
  CHECK(std::none_of(world.calls.begin(), world.calls.end(),
                     [](const std::string& one) { return one.starts_with("detach"); }));
}
