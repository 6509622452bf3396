// What a host still has of a volume that another one was given, or that a look shows it to have and no row
// does: nothing is built on it, and nobody overlooks it.
#include <catch2/catch.hpp>

#include "tests/reconcilers/split.h"

using extvold::testing::EngineWorld;
using extvold::testing::fencing;
using extvold::testing::has;
using extvold::testing::Held;
using extvold::testing::kAfter;
using extvold::testing::Mishap;
using extvold::testing::Split;
namespace ev = extvold;

namespace {

ev::Policy not_enforced() {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  policy.providers[0].capabilities.exclusive_attach = false;
  return policy;
}

// a1 was confirmed dead and the detach there could not be had; pgdata is at a2, and at a1 still.
struct Leftover : Held {
  Leftover() : Held(not_enforced()) {
    silent_agents.insert("A1");
    task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                 "REASON_AGENT_REMOVED");
    run_task("pg.2", "A2", "pgdata");
    mishap[ev::OperationKind::detach] = Mishap::fail_before;
    powered_off.insert("a1");
    advance(ev::seconds(30));
    REQUIRE(order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
    advance(ev::minutes(2));
    REQUIRE(attached("pgdata", "a2"));
    REQUIRE(attached("pgdata", "a1"));
  }
  // The master's next snapshot, without A1.
  void interrupt() {
    disconnect("a new leader");
    subscribe();
    agent_added("A2", "a2");
    task_added(task("pg.2", "A2", "pgdata", ev::TaskState::task_running));
    advance(ev::minutes(2));
    REQUIRE(has(*this, "view.closed/subscription"));
  }
  const ev::Host& a1() const { return *engine().snapshot().host_by_name("a1"); }
};

}  // namespace

TEST_CASE("a host keeps its quarantine while what was given to another is attached there, proof or not") {
  Leftover world;
  world.interrupt();  // the person's word counts no more
  const auto refused = world.order(ev::FenceRelease{"a1", "it was switched on again"});
  REQUIRE_FALSE(refused.status);
  CHECK_THAT(refused.status.error().message, Catch::Contains("pgdata is still attached there"));
  CHECK(world.a1().quarantined);
  world.truth.begin()->second.hosts.erase("a1");  // by hand
  world.advance(ev::minutes(2));
  CHECK(world.order(ev::FenceRelease{"a1", "it was switched on again"}).status);
  CHECK_FALSE(world.a1().quarantined);
}

TEST_CASE("who comes to a host that has only a leftover of the volume waits, and is told so") {
  Leftover world;
  world.interrupt();
  world.silent_agents.clear();
  world.agent_added("A3", "a1");
  world.run_task("pg.3", "A3", "pgdata");
  world.advance(ev::minutes(1));
  SECTION("another host has it") { CHECK(world.blocked("pgdata", "a1") == "attached_elsewhere"); }
  SECTION("another host may have it") {
    world.silent_agents.insert("A2");
    world.task_updated("pg.2", "A2", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                       "REASON_AGENT_REMOVED");
    world.advance(ev::minutes(1));
    CHECK(world.blocked("pgdata", "a1") == "waits_for_unknown_claim");
  }
}

TEST_CASE("what a look shows while an operation is open keeps the volume from the next host") {
  EngineWorld world(not_enforced());
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.hold_commits = true;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::milliseconds(1));
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  REQUIRE(world.volume("pgdata").open_operation->kind == ev::OperationKind::attach);
  world.truth.begin()->second.hosts.insert("a2");  // by hand, before the intent is durable
  world.advance(ev::minutes(3));
  world.hold_commits = false;
  world.advance(ev::minutes(3));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.attached("pgdata", "a2"));
  CHECK_FALSE(world.blocked("pgdata", "a1").empty());
}

TEST_CASE("a host that a person released is in nobody's way any more with what is read back as detached") {
  Held world(not_enforced());
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(5));
  REQUIRE(world.blocked("pgdata", "a2") == "detach_not_enforced");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.advance(ev::seconds(10));
  REQUIRE(world.attached("pgdata", "a2"));
  REQUIRE(world.order(ev::FenceRelease{"a1", "looked at it"}).status);
  CHECK(world.attachment("pgdata", "a1") == nullptr);
  // So the next move needs a word about a2, and none about a1, whatever became of the old one.
  world.disconnect("a new leader");
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.advance(ev::minutes(2));
  REQUIRE(world.order(ev::FenceConfirm{"a2", "a2", "power is off"}).status);
  world.agent_added("A4", "a4");
  world.run_task("pg.4", "A4", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a4"));
}

TEST_CASE("a list that has one of ours twice counts for nothing") {
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata");
  world.list_repeats = world.volume("pgdata").volume.key;
  world.advance(ev::minutes(3));
  const auto& view = world.engine().observed().providers.begin()->second;
  CHECK_THAT(view.why_incomplete, Catch::Contains("twice"));
  world.list_repeats.clear();
  world.advance(ev::minutes(3));
  CHECK(world.engine().observed().providers.begin()->second.why_incomplete.empty());
}

TEST_CASE("addresses that are told after the attach are not those of its day") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  Held world(policy);  // nobody has told the addresses of a1
  REQUIRE(world.attachment("pgdata", "a1")->fence_addresses.empty());
  world.fence_addresses["a1"] = "10.0.0.17/32";
  world.advance(ev::minutes(3));
  CHECK(world.attachment("pgdata", "a1")->fence_addresses.empty());
  world.restore();
  world.subscribe();
  world.advance(ev::minutes(3));
  REQUIRE(world.attachment("pgdata", "a1") != nullptr);
  CHECK(world.attachment("pgdata", "a1")->fence_addresses.empty());
}

TEST_CASE("hosts that map their volumes by themselves are fenced as well as others") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  // As a provider has it that only shows who has an image open, and can bar a host.
  ev::Capabilities& can = policy.providers[0].capabilities;
  can = {.create = true,
         .list_attachments = true,
         .fence_host = true,
         .fence_verifiable = true,
         .fence_bars_late_calls = true};
  policy.providers[0].format_host.clear();
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.truth.begin()->second.hosts.insert("a1");
  world.advance(ev::minutes(2));
  REQUIRE(world.attached("pgdata", "a1"));
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, {1}};
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(kAfter + ev::minutes(3));
  CHECK(world.fenced_hosts.contains("a1"));
  CHECK(has(world, "evidence.recorded/fenced"));
  CHECK(world.blocked("pgdata", "a2") == "cannot_attach");
}
