// Ways round the rules, told to their end: what was proven before something began anew (a daemon, a ledger, a
// host, a fence), and what is still at work from before.
#include <catch2/catch.hpp>

#include "tests/reconcilers/way_round.h"

using extvold::testing::EngineWorld;
using extvold::testing::has;
using extvold::testing::Mishap;
using extvold::testing::unenforced;
using extvold::testing::unguarded;
using extvold::testing::WayRound;
namespace ev = extvold;

namespace {

constexpr ev::Duration kAfter = ev::minutes(10);

// Nothing but the fence of the whole host keeps it from writing.
ev::Policy fencing() {
  ev::Policy policy = unenforced();
  ev::Capabilities& can = policy.providers[0].capabilities;
  can.host_reports = false;
  can.fence_host = can.fence_verifiable = true;
  policy.fences = {
      {{}, {}, {.when = ev::FenceWhen::after, .after = kAfter, .ladder = {ev::FenceRung::host}}}};
  return policy;
}

const ev::Fence& fence_of(const EngineWorld& world) {
  REQUIRE(world.engine().snapshot().fences().size() == 1);
  return world.engine().snapshot().fences().begin()->second;
}

}  // namespace

TEST_CASE("way round: a fence that runs out while the daemon is down") {
  WayRound world(fencing());
  world.lose("pg.1", "A1");
  world.run_task("pg.2", "A2", "pgdata");
  world.mishap[ev::OperationKind::attach] = Mishap::fail_before;  // so that it is still needed
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(fence_of(world).state == ev::FenceState::held);
  REQUIRE_FALSE(world.attached("pgdata", "a2"));
  const std::int64_t tries = world.count("attach pgdata a2");
  world.mishap.clear();
  // The daemon dies, and the fence goes meanwhile: a1 can write again.
  world.fenced_hosts.clear();
  world.fences_unseen = true;
  world.fence_mishap[ev::FenceAct::set] = Mishap::fail_before;
  world.start_again();
  world.advance(ev::minutes(20));
  CHECK(world.count("attach pgdata a2") == tries);
  world.says("a2", "no_rung_left", ev::Owner::operator_,
             {"cannot be seen: the storage does not say", "extvold fence confirm a1"});
  world.fences_unseen = false;
  world.start_again();
  world.advance(ev::minutes(20));
  CHECK(has(world, "fence.lost/fence.host"));
  CHECK(has(world, "evidence.void/fenced"));
  CHECK(world.count("attach pgdata a2") == tries);
  world.says("a2", "fence_under_way", ev::Owner::provider, {"may or may not hold"});
  // Set again and seen: that permits it.
  world.fence_mishap.clear();
  world.advance(ev::minutes(10));
  INFO(world.story());
  CHECK(world.fenced_hosts.contains("a1"));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("way round: what is attached at the first start, of which a later task seems to tell") {
  // A ledger that never saw the volume: it is adopted, and a1 has it.
  WayRound world;
  REQUIRE(world.order(ev::Hold{}).status);
  extvold::testing::adopt_found(world, "data", "a1");
  world.advance(ev::minutes(2));
  REQUIRE(world.attached("data", "a1"));
  REQUIRE(world.order(ev::Release{}).status);
  // A task that names it comes to a1, and its agent proves that it is gone again.
  world.run_task("d.1", "A1", "data");
  world.run_task("d.2", "A2", "data");
  world.advance(ev::minutes(5));
  world.end_container("d.1", "A1");
  world.over("d.1", "A1");
  world.advance(ev::minutes(5));
  REQUIRE(has(world, "evidence.recorded/agent_gone"));
  for (int round = 0; round < 2; ++round) {
    if (round > 0) world.start_again();
    world.advance(ev::minutes(20));
    CHECK(world.attached("data", "a1"));
    CHECK(world.count("attach data a2") == 0);
    CHECK(world.count("detach data a1") == 0);
    world.says("a1", "unexplained_attachment", ev::Owner::operator_, {"nothing says who uses it"}, "data");
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"somebody unknown", "a1"}, "data");
  }
  world.end_container("pg.1", "A1");
  world.over("pg.1", "A1");
  world.advance(ev::minutes(2));
  REQUIRE(world.confirm("a1"));
  world.advance(ev::minutes(2));
  CHECK(world.attached("data", "a2"));
}

TEST_CASE("way round: a ledger of yesterday, which has the volume where it is no more") {
  ev::Policy policy = unguarded();
  policy.detach_linger = ev::minutes(30);
  WayRound world(policy);
  world.agent_added("A3", "a3");
  world.make_volume("log");
  // Yesterday: a1 has it, its task is over, and its agent's proof is not used yet.
  world.end_container("pg.1", "A1");
  world.over("pg.1", "A1");
  world.advance(ev::minutes(2));
  REQUIRE(world.engine().snapshot().evidence().size() == 1);
  REQUIRE(world.attached("pgdata", "a1"));
  world.provider_silent = true;
  // Since then it went to a2, where pg.2 uses it; that ledger is lost, and yesterday's is restored.
  world.real().hosts = {"a2"};
  world.containers["A2"].insert("pg.2");
  world.master.tasks.clear();
  world.master.tasks[{"pg.2", "A2"}] = world.task("pg.2", "A2", "pgdata", ev::TaskState::task_running);
  world.restore();
  CHECK(world.engine().snapshot().evidence().empty());
  world.start_again();
  world.run_task("pg.3", "A3", "pgdata");
  world.run_task("log.1", "A3", "log");
  const std::size_t calls = world.calls.size();
  world.advance(ev::minutes(20));
  // It does nothing, also once its provider answers, before a person lets it.
  world.provider_silent = false;
  world.advance(ev::minutes(20));
  CHECK(world.calls.size() == calls);
  world.says("a3", "planned_waits", ev::Owner::operator_, {"observe mode", "release --all"}, "log");
  world.provider_silent = true;
  world.start_again();
  REQUIRE(world.order(ev::Release{}).status);
  world.advance(ev::minutes(20));
  CHECK(world.calls.size() == calls);
  world.says("a3", "attached_elsewhere", ev::Owner::operator_, {"task pg.3 of F", "a2"});
  // It answers: a2 has it, and keeps it.
  world.provider_silent = false;
  world.advance(ev::minutes(20));
  CHECK(world.attached("log", "a3"));
  CHECK(world.calls.size() == calls + 1);
  CHECK(world.attached("pgdata", "a2"));
  world.says("a3", "attached_elsewhere", ev::Owner::operator_, {"task pg.3 of F", "a2"});
  world.start_again();
  world.advance(ev::minutes(20));
  CHECK(world.calls.size() == calls + 1);
  CHECK(world.attached("pgdata", "a2"));
  world.proves("pg.2", "A2", "a2");
  world.advance(ev::minutes(2));
  INFO(world.story());
  CHECK(world.attached("pgdata", "a3"));
}

TEST_CASE("way round: a host that attaches what it had anew after its reboot") {
  WayRound world(unenforced());
  // Attached once more, by a host that tells its boot.
  world.boot_ids["a1"] = "boot-1";
  world.proves("pg.1", "A1", "a1");
  world.run_task("pg.3", "A1", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a1"));
  world.calls.clear();
  world.lose("pg.3", "A1");
  world.over("pg.3", "A1");
  world.boot_ids["a1"] = "boot-2";
  world.advance(ev::minutes(3));
  REQUIRE(has(world, "evidence.recorded/host_rebooted"));
  REQUIRE(world.count("detach pgdata a1") == 1);
  REQUIRE_FALSE(world.attached("pgdata", "a1"));
  // Its own boot scripts attach and mount it.
  world.real().hosts.insert("a1");
  world.real().boots["a1"] = "boot-2";
  world.real().busy_hosts.insert("a1");
  const bool seen = GENERATE(true, false);
  if (seen) world.advance(ev::minutes(2));
  world.run_task("pg.2", "A2", "pgdata");
  world.wait_in_vain();
  CHECK(has(world, "evidence.void/host_rebooted"));
  world.says("a1", "unexplained_attachment", ev::Owner::operator_, {"a1", "nothing says who uses it"});
  world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"somebody unknown", "a1"});
  // Not even where it says that nothing is mounted: in which boot it was attached nobody recorded.
  world.real().busy_hosts.clear();
  world.wait_in_vain();
  REQUIRE(world.confirm("a1"));
  world.moves();
}

TEST_CASE("way round: of three daemons the third begins to act on what it saw before the others acted") {
  // This is the third. It watches, and has seen that nobody has the volume.
  WayRound world;
  world.proves("pg.1", "A1", "a1");
  REQUIRE_FALSE(world.attached("pgdata", "a1"));
  ev::Policy watches = unguarded();
  watches.observe_only = "host m1 acts for this cluster";
  world.reload(watches);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.count("attach pgdata a2") == 0);
  world.says("a2", "planned_waits", ev::Owner::operator_, {"host m1 acts for this cluster"});
  // The first attached it to a1, for a task that only it was told of, and died; the second died before it
  // acted.
  world.real().hosts.insert("a1");
  const bool looks = GENERATE(true, false);
  world.inspects_fail = !looks;
  world.reload(unguarded());
  world.wait_in_vain(/*again=*/looks);
  world.inspects_fail = false;
  world.wait_in_vain();
  world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"somebody unknown", "a1"});
  // Another one acts again: its orders are not this one's.
  world.reload(watches);
  REQUIRE(world.confirm("a1"));
  world.advance(ev::minutes(20));
  CHECK(world.count("attach pgdata a2") == 0);
  world.reload(unguarded());
  world.moves();
}

TEST_CASE("way round: a mkfs that outlives its daemon, on a disk that looks blank") {
  ev::Policy policy = unguarded();
  policy.providers[0].capabilities.shows_running_calls = true;
  WayRound world(policy);
  world.mishap[ev::OperationKind::format] = Mishap::hang;
  world.make_volume("disk", ev::Filesystem::ext4);
  world.run_task("d.1", "A1", "disk");
  world.advance(ev::seconds(10));
  REQUIRE(world.count("format disk fmt") == 1);
  const std::string key = world.volume("disk").volume.key;
  world.running_calls.insert(key);
  for (int life = 0; life < 3; ++life) {
    world.start_again();
    world.mishap.clear();
    world.advance(ev::minutes(60));
    CHECK(world.count("format disk fmt") == 1);
    CHECK(world.count("attach disk a1") == 0);
    CHECK(world.count("detach disk fmt") == 0);
    CHECK(world.attached("disk", "fmt"));
    world.says("fmt", "uncertain_operation", ev::Owner::provider, {"format of volume disk", "still at work"},
               "disk");
  }
  // It ends. What is on the disk a new probe tells, and only then the task gets it.
  world.truth.at(key).blank = false;
  world.running_calls.clear();
  world.advance(ev::minutes(5));
  CHECK(world.count("format disk fmt") == 2);
  CHECK(world.volume("disk").volume.format == ev::FormatState::formatted);
  CHECK(world.attached("disk", "a1"));
}

namespace {

// The detach from a1 hangs; then its agent is lost, and the task on a2 waits.
struct Hanging : WayRound {
  Hanging() : WayRound(fencing()) {
    mishap[ev::OperationKind::detach] = Mishap::hang;
    end_container("pg.1", "A1");
    over("pg.1", "A1");
    run_task("pg.2", "A2", "pgdata");
    advance(ev::seconds(10));
    REQUIRE(count("detach pgdata a1") == 1);
    lose("pg.1", "A1");
    master.agents.erase("A1");
    master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, {1}};
  }
  // Its driver waited as long as it may.
  void deadline() {
    ev::OperationResult result;
    result.id = volume("pgdata").open_operation->id;
    result.error = {ev::Errc::uncertain, "no answer in time"};
    result.ended_at = now().at;
    post(ev::reconcilers::OperationEnded{result});
    settle();
  }
};

}  // namespace

TEST_CASE("way round: a detach that hangs, so that its host is never fenced") {
  Hanging world;
  world.advance(ev::seconds(30));
  CHECK(world.fence_calls.empty());
  CHECK(world.count("attach pgdata a2") == 0);
  SECTION("its driver gives it up") { world.deadline(); }
  SECTION("the daemon dies over it") { world.start_again(); }
  world.provider_silent = true;  // and no look tells what came of it
  world.advance(kAfter - ev::minutes(1));
  CHECK(world.fence_calls.empty());
  CHECK(world.count("attach pgdata a2") == 0);
  world.says("a1", "uncertain_operation", ev::Owner::provider, {"detach of volume pgdata"});
  world.advance(ev::minutes(5));
  CHECK(world.fenced_hosts.contains("a1"));
  CHECK(has(world, "evidence.recorded/fenced"));
  CHECK(world.count("attach pgdata a2") == 0);
  // One more detach is tried where it can be had, and hangs as well.
  world.provider_silent = false;
  world.advance(ev::minutes(1));
  REQUIRE(world.count("detach pgdata a1") == 2);
  world.deadline();
  world.advance(ev::minutes(5));
  INFO(world.story());
  CHECK(world.attached("pgdata", "a2"));
  // The old calls take effect late, and take nothing from anybody.
  world.finish_hung();
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

namespace {

// Whatever is asked of the provider once it said that the detach is done, it does not answer.
struct Unread : WayRound {
  Unread() : WayRound(fencing()) {}
  void before_call(const ev::OperationCall& call) override {
    if (call.operation.kind == ev::OperationKind::detach) provider_silent = true;
  }
};

}  // namespace

TEST_CASE(
    "way round: a detach that is said to be done and never read back, so that its host is never fenced") {
  Unread world;
  world.end_container("pg.1", "A1");
  world.over("pg.1", "A1");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::seconds(10));
  REQUIRE(world.count("detach pgdata a1") == 1);
  world.lose("pg.1", "A1");
  world.master.agents.erase("A1");
  world.master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, {1}};
  world.advance(ev::minutes(10));
  CHECK(world.fence_calls.empty());
  world.says("a1", "not_read_back", ev::Owner::provider, {"detach of volume pgdata", "local~lab"});
  world.says("a2", "fence_clock", ev::Owner::extvold, {"task pg.2 of F", "a1"});
  world.advance(kAfter);
  CHECK(world.fenced_hosts.contains("a1"));
  CHECK(has(world, "evidence.recorded/fenced"));
  CHECK(world.count("attach pgdata a2") == 0);
  world.provider_silent = false;
  world.advance(ev::minutes(5));
  INFO(world.story());
  CHECK(world.attached("pgdata", "a2"));
}

namespace {

// A detach takes the volume out of the provider's list, and no mount from the host.
struct WritesOn : WayRound {
  WritesOn() : WayRound(unenforced()) {}
  bool writes = false;
  void before_call(const ev::OperationCall& call) override {
    if (call.operation.kind != ev::OperationKind::detach) return;
    writes = writes || real().busy_hosts.contains("a1");
    real().busy_hosts.clear();
  }
};

}  // namespace

TEST_CASE("way round: a host that mounts the volume again after it said that it does not use it") {
  WritesOn world;
  world.boot_ids["a1"] = "boot-1";
  world.proves("pg.1", "A1", "a1");
  world.run_task("pg.3", "A1", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a1"));
  world.calls.clear();
  REQUIRE(world.order(ev::Hold{"a1"}).status);  // so that its word is not used at once
  world.lose("pg.3", "A1");
  world.over("pg.3", "A1");
  const bool rebooted = GENERATE(true, false);
  const std::string word = rebooted ? "host_rebooted" : "host_unmounted";
  if (rebooted) world.boot_ids["a1"] = "boot-2";
  world.advance(ev::minutes(3));
  REQUIRE(has(world, "evidence.recorded/" + word));
  REQUIRE(world.attached("pgdata", "a1"));
  world.real().busy_hosts.insert("a1");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(3));
  REQUIRE(world.order(ev::Release{"a1"}).status);
  world.wait_in_vain();
  CHECK_FALSE(world.writes);
  CHECK(has(world, "evidence.void/" + word));
  world.says("a1", "agent_not_registered", ev::Owner::operator_, {"agent A1", "task pg.3 of F"});
  world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.3 of F", "a1"});
  world.real().busy_hosts.clear();
  world.moves();
  CHECK_FALSE(world.writes);
}
