// Fences: the clock, the ladder, the read-back, the evidence, and the way back (DESIGN.md section 10).
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/reconcilers/split.h"

using extvold::testing::EngineWorld;
using extvold::testing::fencing;
using extvold::testing::has;
using extvold::testing::Held;
using extvold::testing::kAfter;
using extvold::testing::Mishap;
using extvold::testing::only_fences;
using extvold::testing::Split;
namespace ev = extvold;

namespace {

// pg.1 ends as it should, and pg.2 on a2 wants what a1 has.
void hand_over(EngineWorld& world) {
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_finished, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::seconds(5));
}

void lose_agent(EngineWorld& world) {
  world.silent_agents.insert("A1");
  world.master.agents.erase("A1");
  world.master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, {1}};
}

}  // namespace

TEST_CASE("a policy that fences nobody leaves it to a person") {
  ev::Policy policy = fencing();
  policy.fences.clear();
  Split world(policy);
  world.advance(ev::minutes(60));
  CHECK(world.fence_calls.empty());
  CHECK(world.blocked("pgdata", "a2") == "waits_for_unknown_claim");
}

TEST_CASE("a fence is due when its clock has run, is read back, and only then the volume moves") {
  Split world;
  CHECK(world.blocked("pgdata", "a2") == "fence_clock");
  world.advance(kAfter - ev::seconds(70));
  CHECK(world.fence_calls.empty());
  CHECK(world.attached("pgdata", "a1"));
  world.advance(ev::seconds(120));
  REQUIRE(world.fence_calls.size() >= 2);
  CHECK(world.fence_calls[0] == "set volume a1");
  CHECK(world.fence_calls[1] == "check volume a1");
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.claim("pg.1") == nullptr);
  CHECK(world.a1().quarantined);
  CHECK(has(world, "evidence.recorded/fenced"));
  CHECK(world.sets().size() == 1);
  REQUIRE(world.fence() != nullptr);
  CHECK(world.fence()->state == ev::FenceState::held);
  CHECK(world.fence()->target == "a1");
}

TEST_CASE("a fence names the identity and the addresses that were recorded, whatever the host has now") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.providers[0].host_identities = {{"a1", "node-1"}};
  EngineWorld world(policy);
  world.fence_addresses["a1"] = "10.0.0.1/32";
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  for (const char* name : {"pgdata", "later"}) world.make_volume(name);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(2));
  REQUIRE(world.attached("pgdata", "a1"));
  // The host is numbered anew, known by another name, and gets another volume.
  world.fence_addresses["a1"] = "10.0.0.17/32";
  world.run_task("later.1", "A1", "later");
  world.advance(ev::seconds(2));
  REQUIRE(world.attached("later", "a1"));
  policy.providers[0].host_identities = {{"a1", "node-9"}};
  world.reload(policy);
  world.silent_agents.insert("A1");
  for (const char* task : {"pg.1", "later.1"})
    world.task_updated(task, "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                       "REASON_AGENT_REMOVED");
  world.master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, {1}};
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(kAfter + ev::minutes(2));
  CHECK(world.fence_calls.at(0) == "set host node-1 by 10.0.0.1/32");
  CHECK(world.fence_calls.at(1) == "check host node-1 by 10.0.0.1/32");
  CHECK(world.attached("pgdata", "a2"));
  // What it had by its other address is not barred by that, and moves by a fence of its own.
  const auto of_later = [&] {
    const auto& all = world.volume("later").evidence;
    return std::count_if(all.begin(), all.end(),
                         [](const ev::Evidence* one) { return one->kind == ev::EvidenceKind::fenced; });
  };
  CHECK(of_later() == 0);
  world.run_task("later.2", "A2", "later");
  world.advance(kAfter + ev::minutes(2));
  CHECK(std::count(world.fence_calls.begin(), world.fence_calls.end(), "set host node-1 by 10.0.0.17/32") ==
        1);
  CHECK(world.attached("later", "a2"));
}

TEST_CASE("the clock runs only while the registry of this epoch says so, in a whole view, for who waits") {
  Split world;
  SECTION("the agent comes back: it begins anew") {
    world.advance(kAfter - ev::minutes(1));
    world.silent_agents.clear();
    world.agent_added("A1", "a1");
    world.event(ev::TaskUpdated{ev::FrameworkId("F1"), ev::TaskId("pg.1"), {}, ev::TaskState::task_running});
    world.advance(ev::minutes(30));
    CHECK(world.fence_calls.empty());
    CHECK(world.attached("pgdata", "a1"));
    CHECK_FALSE(world.a1().quarantined);
  }
  SECTION("nobody waits any more") {
    world.advance(kAfter - ev::minutes(1));
    world.end_container("pg.2", "A2");
    world.task_updated("pg.2", "A2", ev::TaskState::task_finished, ev::StatusSource::source_executor);
    world.advance(ev::minutes(30));
    CHECK(world.fence_calls.empty());
  }
  SECTION("the view is gone: it stands, and goes on when the registry of the new epoch says it again") {
    world.advance(ev::minutes(5));
    world.disconnect();
    world.advance(ev::minutes(60));
    CHECK(world.fence_calls.empty());
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("the registry does not say it") {
    world.master.registry.clear();
    world.advance(ev::minutes(60));
    CHECK(world.fence_calls.empty());
    CHECK(world.blocked("pgdata", "a2") == "waits_for_unknown_claim");
  }
  SECTION("held: a person said so") {
    REQUIRE(world.order(ev::Hold{"a1"}).status);
    world.advance(ev::minutes(60));
    CHECK(world.fence_calls.empty());
  }
  SECTION("no fence of this host") {
    REQUIRE(world.order(ev::FenceHold{"a1", "it is being moved"}).status);
    world.advance(ev::minutes(60));
    CHECK(world.fence_calls.empty());
    CHECK(world.blocked("pgdata", "a2") == "fence_stopped");
    REQUIRE(world.order(ev::FenceRelease{"a1", "moved"}).status);
    world.advance(ev::minutes(1));
    CHECK(world.attached("pgdata", "a2"));
  }
}

TEST_CASE("a crash loses the clock, never the fence") {
  Split world;
  world.advance(kAfter - ev::minutes(1));
  world.restart();
  world.rejoin();
  world.advance(ev::minutes(5));
  CHECK(world.fence_calls.empty());
  world.advance(kAfter);
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("what is said to be done and is not seen is no fence: the next rung, and no attach before") {
  Split world;
  world.fence_mishap[ev::FenceAct::set] = Mishap::lie;
  world.advance(kAfter + ev::seconds(30));
  REQUIRE(world.sets().size() >= 2);
  CHECK(world.sets()[0] == "set volume a1");
  CHECK(world.sets()[1] == "set host a1");
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.attached("pgdata", "a1"));
  world.fence_mishap.clear();
  world.advance(ev::minutes(20));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a rung that fails leads to the next, the last to a person, and it is tried again") {
  Split world(fencing({ev::FenceRung::volume, ev::FenceRung::operator_}));
  world.fence_mishap[ev::FenceAct::set] = Mishap::fail_before;
  world.advance(kAfter + ev::seconds(30));
  CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.a1().quarantined);  // nothing stands
  world.fence_mishap.clear();
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a rung that fails leads to the next where its volume is detached, and that proves nothing, too") {
  Held world(only_fences({ev::FenceRung::volume, ev::FenceRung::host}));
  hand_over(world);
  lose_agent(world);
  world.advance(ev::minutes(1));
  REQUIRE(world.attachment("pgdata", "a1")->state == ev::AttachmentState::detached);
  REQUIRE(world.blocked("pgdata", "a2") == "fence_clock");
  world.fence_mishap[ev::FenceAct::set] = Mishap::fail_before;
  world.advance(kAfter + ev::seconds(30));
  CHECK(world.fence_calls == std::vector<std::string>{"set volume a1", "set host a1"});
  CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
  world.fence_mishap.clear();
  world.advance(ev::minutes(3));  // after the pause of a rung that failed, and not the whole time once more
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("an agent that comes back while its host is being fenced begins its clock anew") {
  Split world(fencing({ev::FenceRung::volume, ev::FenceRung::host}));
  world.fence_mishap[ev::FenceAct::set] = Mishap::hang;
  world.advance(kAfter + ev::seconds(30));
  REQUIRE(world.fence() != nullptr);
  const ev::Fence fence = *world.fence();
  REQUIRE(fence.state == ev::FenceState::issued);
  world.agent_added("A1", "a1");
  world.master.registry.erase("A1");
  world.advance(ev::minutes(1));
  lose_agent(world);
  world.advance(ev::minutes(1));
  world.fence_mishap.clear();
  world.answer(fence, ev::FenceAct::set, ev::FenceCallState::failed);
  world.advance(ev::minutes(5));
  CHECK(world.blocked("pgdata", "a2") == "fence_clock");
  CHECK(world.sets().size() == 1);
  world.advance(kAfter);
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("an answer that was lost is read back") {
  Split world(only_fences({ev::FenceRung::host}));
  SECTION("it took effect") {
    world.fence_mishap[ev::FenceAct::set] = Mishap::lose_reply_after;
    world.advance(kAfter + ev::seconds(30));
    CHECK(world.attached("pgdata", "a2"));
    CHECK(world.sets().size() == 1);
  }
  SECTION("it did not, and it is tried again after a while") {
    world.fence_mishap[ev::FenceAct::set] = Mishap::lose_reply_before;
    world.advance(kAfter + ev::seconds(30));
    CHECK_FALSE(world.attached("pgdata", "a2"));
    world.fence_mishap.clear();
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("nobody can tell: no attach") {
    world.fences_unseen = true;
    world.advance(kAfter + ev::minutes(30));
    CHECK_FALSE(world.attached("pgdata", "a2"));
    world.fences_unseen = false;
    world.advance(ev::minutes(5));
    CHECK(world.attached("pgdata", "a2"));
  }
}

TEST_CASE("a daemon that dies at any effect of a fence reads back, and nothing moves before that") {
  for (int at = 1; at < 40; ++at) {
    Split world;
    world.advance(kAfter - ev::seconds(30));
    world.crash_before_effect = at;
    try {
      world.advance(ev::minutes(2));
    } catch (const extvold::testing::Crash&) {
      world.restart();
      world.rejoin();
    }
    world.crash_before_effect = 0;
    INFO(at);
    const std::size_t looks = world.fence_calls.size();
    const auto moves = [&] { return std::count(world.calls.begin(), world.calls.end(), "attach pgdata a2"); };
    const auto moved_before = moves();
    for (int second = 0; second < 900 && moves() == moved_before; ++second) {
      world.advance(ev::seconds(1));
      // Nothing goes to the next host before a look of this run at the fence.
      const bool looked =
          std::any_of(world.fence_calls.begin() + static_cast<std::ptrdiff_t>(looks), world.fence_calls.end(),
                      [](const std::string& one) { return one.starts_with("check"); });
      if (moves() > moved_before) CHECK(looked);
    }
    world.advance(ev::minutes(5));
    CHECK(world.attached("pgdata", "a2"));
  }
}

TEST_CASE("power: the host is off, then its volume is detached and read back, then attached elsewhere") {
  Split world(fencing({ev::FenceRung::power}));
  world.mishap[ev::OperationKind::detach] = Mishap::fail_before;
  world.advance(kAfter + ev::seconds(30));
  CHECK(world.sets() == std::vector<std::string>{"set power a1"});
  CHECK(world.fence()->state == ev::FenceState::held);
  CHECK_FALSE(world.attached("pgdata", "a2"));  // it would have it again when it is switched on
  world.mishap.clear();
  world.advance(ev::minutes(3));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("power: a host that was switched on before its detach is read back is no proof, after it it is") {
  Split world(only_fences({ev::FenceRung::power}));
  world.mishap[ev::OperationKind::detach] = Mishap::fail_before;
  world.advance(kAfter + ev::seconds(30));
  REQUIRE(world.fence()->state == ev::FenceState::held);
  SECTION("before") {
    world.powered_off.clear();
    world.advance(ev::minutes(1));
    CHECK(has(world, "fence.failed/fence.power"));
    world.mishap.clear();
    CHECK_FALSE(world.attached("pgdata", "a2"));
    CHECK(world.sets().size() == 1);  // not switched off again at once
    world.advance(ev::minutes(3));
    CHECK(world.attached("pgdata", "a2"));  // off once more, detached, and still off
    CHECK(world.sets().size() == 2);
  }
  SECTION("after") {
    world.mishap.clear();
    world.provider_silent = true;
    world.advance(ev::minutes(2));
    world.provider_silent = false;
    world.advance(ev::minutes(2));
    CHECK(world.attached("pgdata", "a2"));
    world.powered_off.clear();
    world.advance(ev::minutes(2));
    CHECK_FALSE(world.a1().quarantined);
    CHECK(world.attached("pgdata", "a2"));
    CHECK(world.attachment("pgdata", "a1") == nullptr);
    CHECK(world.sets().size() == 1);
  }
}

TEST_CASE("a fence that is lost is set again, and proves nothing meanwhile") {
  Split world;
  world.mishap[ev::OperationKind::attach] = Mishap::fail_before;  // so that it is still needed
  world.advance(kAfter + ev::seconds(30));
  REQUIRE(world.fence()->state == ev::FenceState::held);
  world.fenced_volumes.clear();  // somebody at the storage took it back
  world.fence_mishap[ev::FenceAct::set] = Mishap::fail_before;
  world.advance(ev::minutes(2));
  CHECK(has(world, "fence.lost/fence.volume"));
  CHECK(has(world, "evidence.void/fenced"));
  world.fence_mishap.clear();
  world.mishap.clear();
  world.advance(ev::minutes(10));
  CHECK(world.fenced_volumes.size() == 1);
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a fence that held, was lost and cannot be set again leaves its host in quarantine") {
  Split world(fencing({ev::FenceRung::volume, ev::FenceRung::operator_}));
  world.advance(kAfter + ev::seconds(90));
  REQUIRE(world.attached("pgdata", "a2"));
  world.fenced_volumes.clear();
  world.fence_mishap[ev::FenceAct::set] = Mishap::lie;
  world.advance(ev::minutes(30));
  CHECK(has(world, "fence.lost/fence.volume"));
  CHECK(world.a1().quarantined);
  CHECK_FALSE(world.a1().quarantine_fence);
  CHECK(world.fence() == nullptr);
  REQUIRE(world.order(ev::FenceRelease{"a1", "nothing of it runs there"}).status);
  CHECK_FALSE(world.a1().quarantined);
}

TEST_CASE("what runs out is renewed, and permits no attach when it runs out soon") {
  Split world(fencing({ev::FenceRung::host}));
  const ev::Duration year = ev::seconds(365 * 24 * 3600);
  world.fence_expires_at = {world.now().wall.ns + ev::seconds(20 * 24 * 3600).ns};
  world.advance(kAfter + ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.sets().size() >= 2);  // more is asked for
  world.fence_expires_at = {world.now().wall.ns + year.ns};
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.fence()->expires_at == world.fence_expires_at);
}

TEST_CASE("a fence that never lasts as long as the margin is renewed now and then, not at each look") {
  Split world(fencing({ev::FenceRung::host}));
  world.fence_lasts = ev::minutes(10);
  world.advance(kAfter + ev::minutes(2));
  const std::size_t before = world.sets().size();
  CHECK(before <= 4);
  world.advance(ev::minutes(30));
  CHECK(world.sets().size() - before >= 3);
  CHECK(world.sets().size() - before <= 31);  // a look a minute
  CHECK(world.fence()->state == ev::FenceState::held);
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.engine().snapshot().evidence().empty());  // it never counts, and so proves nothing
  CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "it is off"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a rung that does not last leads to the next") {
  Split world(fencing({ev::FenceRung::host, ev::FenceRung::power}));
  world.fence_lasts = ev::minutes(10);
  world.advance(kAfter + ev::minutes(1));
  CHECK(world.fence()->state == ev::FenceState::held);
  world.advance(ev::minutes(10));
  CHECK(world.powered_off.contains("a1"));
}

TEST_CASE("fences are looked at before anything else after a start, and count only then") {
  Split world(only_fences({ev::FenceRung::host}));
  world.mishap[ev::OperationKind::attach] = Mishap::fail_before;
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.fence()->state == ev::FenceState::held);
  REQUIRE_FALSE(world.attached("pgdata", "a2"));
  world.mishap.clear();
  SECTION("nobody can tell whether it holds") {
    world.fences_unseen = true;
    world.restart();
    world.rejoin();
    world.advance(ev::minutes(5));
    CHECK_FALSE(world.attached("pgdata", "a2"));
    world.fences_unseen = false;
    world.advance(ev::minutes(2));
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("nobody can ever tell again: a person can") {
    world.fences_unseen = true;
    world.restart();
    world.rejoin();
    world.advance(kAfter + ev::minutes(2));
    CHECK_FALSE(world.attached("pgdata", "a2"));
    CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
    world.advance(ev::minutes(60));
    CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
    REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "it burnt"}).status);
    world.advance(ev::minutes(2));
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("it ran out while extvold was down") {
    world.fenced_hosts.clear();
    world.fence_mishap[ev::FenceAct::set] = Mishap::hang;
    world.restart();
    world.rejoin();
    world.advance(ev::minutes(5));
    CHECK_FALSE(world.attached("pgdata", "a2"));
  }
}

TEST_CASE("a node side's word ends a quarantine, not its silence about what is not attached any more") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.providers[0].capabilities.host_reports = true;
  Split world(policy);
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.attached("pgdata", "a2"));
  REQUIRE_FALSE(world.attached("pgdata", "a1"));
  world.boot_ids["a1"] = "boot-1";
  world.still_open.insert("a1");
  world.advance(ev::minutes(10));
  CHECK(world.a1().quarantined);
  CHECK(world.fenced_hosts.contains("a1"));
  SECTION("it closed what it had") { world.still_open.clear(); }
  SECTION("it was started again") {
    world.boot_ids["a1"] = "boot-2";
    world.advance(ev::minutes(5));
    CHECK(world.a1().quarantined);  // in which boot it was attached nobody knows
    world.still_open.clear();
  }
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.a1().quarantined);
  CHECK(world.fenced_hosts.empty());
}

TEST_CASE("a fence that is released while it is set anew is lifted, whatever comes of that") {
  Split world(fencing({ev::FenceRung::host}));
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.attached("pgdata", "a2"));
  world.fence_mishap[ev::FenceAct::lift] = Mishap::hang;
  REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
  world.fence_mishap.clear();
  world.answer(*world.fence(), ev::FenceAct::set, ev::FenceCallState::uncertain);
  world.advance(ev::minutes(5));
  CHECK(world.fenced_hosts.empty());
  CHECK(world.fence() == nullptr);
  CHECK_FALSE(world.a1().quarantined);
}

TEST_CASE(
    "a daemon that dies at any effect of a lift goes on, and gives nothing back before it is read back") {
  int n = 1;
  for (; n < 200; ++n) {
    Split world(only_fences({ev::FenceRung::host}));
    world.advance(kAfter + ev::minutes(2));
    REQUIRE(world.a1().quarantined);
    world.crash_before_effect = n;
    bool crashed = false;
    try {
      static_cast<void>(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
      world.advance(ev::minutes(2));
    } catch (const extvold::testing::Crash&) {
      crashed = true;
      world.restart();
      world.rejoin();
    }
    world.crash_before_effect = 0;
    INFO("killed before effect " << n);
    if (world.a1().quarantined &&
        world.fence()->state != ev::FenceState::lifting)  // the order was lost with it
      REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
    CHECK(world.a1().quarantined == (world.fence() != nullptr));
    world.advance(ev::minutes(5));
    CHECK(world.fenced_hosts.empty());
    CHECK(world.fence() == nullptr);
    CHECK_FALSE(world.a1().quarantined);
    if (!crashed) break;
  }
  CHECK(n > 3);
  CHECK(n < 200);
}

TEST_CASE("a fence that only took an access away leaves nothing to be seen lifted") {
  Split world;
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.attached("pgdata", "a2"));
  world.fence_mishap[ev::FenceAct::lift] =
      Mishap::lie;  // there is no entry: a look goes on showing no access
  REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
  world.advance(ev::minutes(2));
  CHECK(world.fence() == nullptr);
  CHECK_FALSE(world.a1().quarantined);
  CHECK(has(world, "fence.lifted/fence.volume"));
}

TEST_CASE("who lets a fenced host be fenced again does not say that nothing of it is left") {
  Split world;
  world.advance(kAfter + ev::minutes(5));
  REQUIRE(world.attached("pgdata", "a2"));
  REQUIRE(world.order(ev::FenceHold{"a1", "it is looked at"}).status);
  const auto refused = world.order(ev::FenceRelease{"a1", "looked at"});
  CHECK_FALSE(refused.status);
  CHECK_THAT(refused.status.error().message, Catch::Contains("fence release a1 --only-hold"));
  REQUIRE(world.order(ev::FenceRelease{"a1", "looked at", true}).status);
  world.advance(ev::minutes(5));
  CHECK(world.a1().quarantined);
  CHECK(world.fence()->state == ev::FenceState::held);
  REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.a1().quarantined);
}

TEST_CASE("a cooperative fence counts only where the policy says so") {
  ev::Policy policy = fencing({ev::FenceRung::volume});
  policy.providers[0].capabilities.fence_cooperative = true;
  SECTION("no") {
    Split world(policy);
    world.advance(kAfter + ev::minutes(5));
    CHECK(world.fence_calls.empty());
    CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
  }
  SECTION("yes") {
    policy.fences[0].policy.accept_cooperative = true;
    Split world(policy);
    world.advance(kAfter + ev::minutes(5));
    CHECK(world.attached("pgdata", "a2"));
    CHECK(world.fence()->cooperative);
  }
}

TEST_CASE("a detach that nobody can tell about does not forbid the fence, which settles it") {
  Held world(fencing({ev::FenceRung::host}));
  world.mishap[ev::OperationKind::detach] = Mishap::lose_reply_before;
  hand_over(world);
  const auto open = [&] { return world.volume("pgdata").open_operation.get(); };
  REQUIRE(open() != nullptr);
  REQUIRE(open()->state == ev::OperationState::uncertain);
  world.provider_silent = true;  // and no look tells
  lose_agent(world);
  world.advance(kAfter + ev::minutes(3));
  CHECK(world.fenced_hosts.contains("a1"));
  CHECK(open() == nullptr);
  CHECK_FALSE(world.attached("pgdata", "a2"));
  world.provider_silent = false;
  world.mishap.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a fence is not taken back by an order to release that is not committed yet") {
  Split world(only_fences({ev::FenceRung::volume}));
  world.advance(kAfter + ev::seconds(30));
  REQUIRE(world.fence() != nullptr);
  REQUIRE(world.order(ev::Hold{}).status);
  REQUIRE(world.order(ev::FenceRelease{"a1", "nothing of it runs there"}).status);
  const auto lifts = [&] {
    return std::count(world.fence_calls.begin(), world.fence_calls.end(), "lift volume a1");
  };
  world.advance(ev::minutes(5));
  REQUIRE(world.fence() != nullptr);
  REQUIRE(world.fence()->state == ev::FenceState::lifting);
  CHECK(lifts() == 0);  // observe mode
  world.hold_commits = true;
  world.post_order(ev::Release{});
  world.advance(ev::minutes(2));
  CHECK(lifts() == 0);
  world.hold_commits = false;
  world.advance(ev::minutes(2));
  CHECK(lifts() == 1);
}

TEST_CASE("power: an attach that nobody can tell about is waited for at a host that is off") {
  ev::Policy policy = only_fences({ev::FenceRung::power});
  policy.providers[0].capabilities.shows_running_calls = false;
  policy.providers[0].settle_time = ev::minutes(30);
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(5));
  world.mishap.clear();
  REQUIRE(world.volume("pgdata").open_operation->state == ev::OperationState::uncertain);
  lose_agent(world);
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(kAfter + ev::minutes(2));
  REQUIRE(world.powered_off.contains("a1"));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  world.truth.begin()->second.hosts.insert("a1");  // now it has taken effect
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a2"));  // or something else has, and it comes yet
  world.advance(ev::minutes(30));
  CHECK(std::count(world.calls.begin(), world.calls.end(), "detach pgdata a1") == 1);
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("nothing begins with a volume whose host is being fenced") {
  Split world(fencing({ev::FenceRung::host}));
  world.fence_mishap[ev::FenceAct::set] = Mishap::hang;
  world.advance(kAfter + ev::seconds(30));
  REQUIRE(world.fence()->state == ev::FenceState::issued);
  world.silent_agents.clear();
  world.agent_added("A1", "a1");
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                     "REASON_EXECUTOR_TERMINATED");
  world.advance(ev::minutes(10));
  REQUIRE(has(world, "evidence.recorded/agent_clean"));
  const auto detaches = [&] {
    return std::count(world.calls.begin(), world.calls.end(), "detach pgdata a1");
  };
  CHECK(detaches() == 0);
  world.answer(*world.fence(), ev::FenceAct::set, ev::FenceCallState::failed);
  world.advance(ev::minutes(5));
  CHECK(detaches() == 1);
}

TEST_CASE("a volume whose format host was fenced says that it waits for that host") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.providers[0].format_host = "a1";
  Split world(policy);
  world.mishap[ev::OperationKind::format] = Mishap::fail_before;
  world.make_volume("later", ev::Filesystem::ext4);
  world.advance(kAfter + ev::minutes(2));
  REQUIRE(world.attached("pgdata", "a2"));
  REQUIRE(world.volume("later").claims.empty());
  CHECK(world.blocked("later", "a1") == "host_quarantined");
  world.mishap.clear();
  REQUIRE(world.order(ev::FenceRelease{"a1", "nothing of it runs there"}).status);
  world.advance(ev::minutes(20));
  CHECK(world.volume("later").volume.format == ev::FormatState::formatted);
}
