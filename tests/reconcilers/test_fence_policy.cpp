// What the policy of fences says besides when and how: who is never fenced, and what Mesos is told.
#include <catch2/catch.hpp>

#include "tests/reconcilers/split.h"

using extvold::testing::fencing;
using extvold::testing::kAfter;
using extvold::testing::Split;
namespace ev = extvold;

TEST_CASE("extvold's own host and the masters are never fenced") {
  ev::Policy policy = fencing();
  SECTION("by name") { policy.never_fence = {"a1"}; }
  SECTION("a master that does not lead, by another name of its") { policy.masters = {"A1.cluster.example"}; }
  SECTION("by its address") { policy.masters = {"10.9.9.8", "127.0.0.1"}; }
  Split world(policy);
  world.advance(kAfter + ev::minutes(5));
  CHECK(world.fence_calls.empty());
  CHECK(world.blocked("pgdata", "a2") == "never_fenced");
}

TEST_CASE("another host's name or address protects nobody") {
  ev::Policy policy = fencing();
  policy.never_fence = {"a11", "a1x.cluster", "127.0.0.10", "x.a1"};
  Split world(policy);
  world.advance(kAfter + ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("Mesos is told by policy, once the fence is read back") {
  ev::Policy policy = fencing();
  policy.fences[0].policy.tell_mesos = ev::TellMesos::mark_agent_gone;
  policy.mesos_calls = {ev::MesosOperationKind::mark_agent_gone};
  Split world(policy);
  world.advance(kAfter - ev::minutes(1));
  CHECK(world.master.changes_asked.empty());
  world.advance(ev::minutes(3));
  REQUIRE(world.master.changes_asked.size() == 1);
  CHECK(world.master.changes_asked[0].kind == ev::MesosOperationKind::mark_agent_gone);
  CHECK(world.master.changes_asked[0].agent == ev::AgentId("A1"));
}

TEST_CASE("what Mesos could not be told when the fence was read back it is told later, and once") {
  ev::Policy policy = fencing();
  policy.fences[0].policy.tell_mesos = ev::TellMesos::mark_agent_gone;
  Split world(policy);  // [mesos] operations does not permit it yet
  world.advance(kAfter + ev::minutes(6));
  REQUIRE(world.attached("pgdata", "a2"));
  CHECK(world.master.changes_asked.empty());
  policy.mesos_calls = {ev::MesosOperationKind::mark_agent_gone};
  world.reload(policy);
  world.advance(ev::minutes(6));
  CHECK(world.master.changes_asked.size() == 1);
  world.advance(ev::minutes(30));
  CHECK(world.master.changes_asked.size() == 1);
}

TEST_CASE("an agent that came with the host since it was fenced is not marked gone, whatever becomes of it") {
  ev::Policy policy = fencing();
  policy.providers[0].capabilities.fence_bars_late_calls = true;
  policy.fences[0].policy.tell_mesos = ev::TellMesos::mark_agent_gone;
  policy.mesos_calls = {ev::MesosOperationKind::mark_agent_gone};
  Split world(policy);
  world.advance(kAfter + ev::minutes(5));
  REQUIRE(world.master.changes_asked.size() == 1);
  world.agent_added("A3", "a1");
  world.advance(ev::minutes(3));
  world.silent_agents.insert("A3");
  world.event(ev::AgentRemoved{ev::AgentId("A3")});
  world.master.registry["A3"] = {ev::AgentId("A3"), ev::RegistryList::unreachable, {}};
  world.advance(ev::minutes(10));
  world.disconnect("a new leader");
  world.rejoin();
  world.advance(ev::minutes(10));
  REQUIRE(world.a1().quarantined);
  CHECK(world.master.changes_asked.size() == 1);
}

TEST_CASE("an agent that comes back while its host is fenced is deactivated by policy, again and again") {
  ev::Policy policy = fencing();
  policy.providers[0].capabilities.fence_bars_late_calls = true;
  policy.fences[0].policy.tell_mesos = ev::TellMesos::deactivate_agent;
  policy.mesos_calls = {ev::MesosOperationKind::deactivate_agent};
  Split world(policy);
  world.advance(kAfter + ev::minutes(5));
  REQUIRE(world.attached("pgdata", "a2"));
  CHECK(world.master.changes_asked.empty());  // nobody is registered there whom Mesos could deactivate
  world.silent_agents.clear();
  world.agent_added("A3", "a1");
  world.advance(ev::minutes(3));
  REQUIRE(world.master.changes_asked.size() == 1);
  CHECK(world.master.changes_asked[0].kind == ev::MesosOperationKind::deactivate_agent);
  CHECK(world.master.changes_asked[0].agent == ev::AgentId("A3"));
  world.agent_added("A4", "a1");
  world.advance(ev::minutes(3));
  REQUIRE(world.master.changes_asked.size() == 2);
  CHECK(world.master.changes_asked[1].agent == ev::AgentId("A4"));
  REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
  world.advance(ev::minutes(2));
  world.agent_added("A5", "a1");
  world.advance(ev::minutes(3));
  CHECK(world.master.changes_asked.size() == 2);
}
