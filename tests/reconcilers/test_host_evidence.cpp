// What hosts say of themselves, and what that permits (DESIGN.md section 4, host_unmounted and
// host_rebooted).
#include <algorithm>

#include "tests/reconcilers/held.h"

using extvold::testing::attach_beside_node_side;
using extvold::testing::EngineWorld;
using extvold::testing::has;
using extvold::testing::Held;
using extvold::testing::lose_untold;
namespace ev = extvold;

TEST_CASE("host_unmounted and host_rebooted come only from a host that tells its boot id") {
  const auto lose = [](EngineWorld& world) {
    lose_untold(world);
    world.advance(ev::minutes(5));
  };
  SECTION("no node side") {
    Held world;
    lose(world);
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("a node side that came after the attach: its boot id was never recorded") {
    Held world;
    world.boot_ids["a1"] = "boot-1";
    lose(world);
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("same boot, not mounted, not open") {
    EngineWorld world;
    attach_beside_node_side(world);
    lose(world);
    CHECK_FALSE(world.attached("pgdata", "a1"));
    CHECK(has(world, "evidence.recorded/host_unmounted"));
  }
  SECTION("another boot") {
    EngineWorld world;
    attach_beside_node_side(world);
    world.boot_ids["a1"] = "boot-2";
    lose(world);
    CHECK_FALSE(world.attached("pgdata", "a1"));
    CHECK(has(world, "evidence.recorded/host_rebooted"));
  }
  SECTION("still mounted") {
    EngineWorld world;
    attach_beside_node_side(world);
    world.truth.begin()->second.busy_hosts.insert("a1");
    lose(world);
    CHECK(world.attached("pgdata", "a1"));
  }
}

TEST_CASE("a host's report that is older than one of two users ends neither") {
  EngineWorld world;
  attach_beside_node_side(world);
  world.silent_agents.insert("A1");
  const auto lose = [&](const std::string& id) {
    world.task_updated(id, "A1", ev::TaskState::task_lost, ev::StatusSource::source_master,
                       "REASON_AGENT_REMOVED");
  };
  for (const char* boot : {"boot-1", "boot-2"}) {
    world.provider_silent = true;
    world.boot_ids["a1"] = boot;
    lose("pg.1");
    world.advance(ev::seconds(60));
    ev::ProviderObservation report;
    report.provider = ev::ProviderName("local~lab");
    report.volume_key = world.volume("pgdata").volume.key;
    report.complete = true;
    report.sent_at = world.now().at;
    report.hosts.push_back({"a1", boot, ev::TriState::unknown});
    ev::ObservedVolume seen;
    seen.key = report.volume_key;
    seen.ledger_id = "ledger-of-the-test";
    ev::ObservedAttachment& there = seen.attachments.emplace_back();
    there.host_identity = "a1";
    there.mounted = there.open = ev::TriState::no;
    report.volumes.push_back(seen);
    // pg.2 came and went between the question and its answer.
    world.run_task(std::string("pg.2 ") + boot, "A1", "pgdata");
    lose(std::string("pg.2 ") + boot);
    world.observe(report);
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
    CHECK(world.claim(std::string("pg.2 ") + boot)->liveness == ev::Liveness::unknown);
  }
  world.provider_silent = false;
  world.advance(ev::minutes(2));  // asked after both
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("what a host said before a detach that enforces nothing is asked again after it") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  policy.providers[0].capabilities.exclusive_attach = false;
  EngineWorld world(policy);
  attach_beside_node_side(world);
  world.agent_added("A2", "a2");
  world.mishap[ev::OperationKind::detach] = ev::testing::Mishap::hang;
  lose_untold(world);
  world.run_task("pg.2", "A2", "pgdata");
  for (int i = 0; i < 300 && world.calls.back() != "detach pgdata a1"; ++i) world.advance(ev::seconds(1));
  REQUIRE(has(world, "evidence.recorded/host_unmounted"));
  world.still_open.insert("a1");  // what was told to be over opened it between the host's word and the detach
  world.mishap.clear();
  world.finish_hung();
  world.advance(ev::minutes(10));
  CHECK(world.attachment("pgdata", "a1")->state == ev::AttachmentState::detached);
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.blocked("pgdata", "a2") == "detach_not_enforced");
  const auto lists = world.volume("pgdata").evidence.size();
  world.still_open.clear();
  world.advance(ev::minutes(2));
  CHECK(world.volume("pgdata").evidence.size() == lists + 1);  // its word of after the detach is recorded
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("nothing is taken from where the host itself says that somebody uses it") {
  Held world;
  world.truth.begin()->second.busy_hosts.insert("a1");
  world.advance(ev::minutes(1));
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(10));
  REQUIRE(has(world, "evidence.recorded/agent_gone"));
  CHECK(std::count(world.calls.begin(), world.calls.end(), "detach pgdata a1") == 0);
  CHECK(world.attached("pgdata", "a1"));
  world.truth.begin()->second.busy_hosts.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
}

namespace {

// pg.1 ends, as its agent proves.
void end_proven(EngineWorld& world) {
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(30));
  REQUIRE(has(world, "evidence.recorded/agent_gone"));
}

}  // namespace

TEST_CASE("a host that falls silent has not taken back that somebody uses the volume there") {
  Held world;
  world.truth.begin()->second.busy_hosts.insert("a1");
  world.advance(ev::minutes(1));
  CHECK_FALSE(world.attachment("pgdata", "a1")->unexplained_use);
  end_proven(world);
  world.advance(ev::minutes(1));  // it is asked once more
  CHECK(world.attachment("pgdata", "a1")->unexplained_use);
  world.mute_hosts.insert("a1");
  world.advance(ev::minutes(1));
  SECTION("in this run") {}
  SECTION("and the ledger keeps it") {
    world.restart();
    world.subscribe();
    world.agent_added("A1", "a1");
    world.agent_added("A2", "a2");
  }
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(10));
  CHECK(std::count(world.calls.begin(), world.calls.end(), "detach pgdata a1") == 0);
  CHECK(world.blocked("pgdata", "a1") == "orphan_mount");
  world.mute_hosts.clear();
  world.truth.begin()->second.busy_hosts.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK_FALSE(world.attachment("pgdata", "a1")->unexplained_use);
}

TEST_CASE("what a host said of who is proven gone since does not keep the volume there") {
  Held world;
  world.truth.begin()->second.busy_hosts.insert("a1");
  world.advance(ev::minutes(1));
  world.mute_hosts.insert("a1");
  world.truth.begin()->second.busy_hosts.clear();
  end_proven(world);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("what a host said of itself is void when it uses the volume again") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::minutes(5);
  EngineWorld world(policy);
  attach_beside_node_side(world);
  lose_untold(world);
  world.advance(ev::minutes(2));
  REQUIRE(has(world, "evidence.recorded/host_unmounted"));
  REQUIRE(world.attached("pgdata", "a1"));
  CHECK_FALSE(has(world, "evidence.void/host_unmounted"));
  world.truth.begin()->second.busy_hosts.insert("a1");
  world.advance(ev::minutes(2));
  CHECK(has(world, "evidence.void/host_unmounted"));
}
