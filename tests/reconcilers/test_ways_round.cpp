// Ways round the rules: what could make extvold take the word of the wrong one for proof. Each is told from
// the attack to the attach that is refused, and on to the proof that permits it.
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

// A round of an agent's API, of which each part can be said.
ev::AgentApiRead round_of(const EngineWorld& world, const std::string& expected, const std::string& first,
                          const std::string& second) {
  ev::AgentApiRead read;
  read.expected = ev::AgentId(expected);
  read.address = "127.0.0.1:5051";
  read.first_answer = ev::AgentId(first);
  read.second_answer = ev::AgentId(second);
  read.container_destroy_errors = 0;
  read.first_sent_at = read.ended_at = world.now().at;
  return read;
}

void counts_as_completed(ev::AgentApiRead& read, const std::string& executor) {
  read.completed_executors.push_back(
      {ev::FrameworkId("F"), ev::ExecutorId(executor), read.expected, ev::Containerizer::mesos, {}});
}

}  // namespace

TEST_CASE("way round: what proved one container gone says nothing of the next one on that host") {
  ev::Policy policy = unguarded();
  policy.detach_linger = ev::minutes(1);
  WayRound world(policy);
  SECTION("its agent's word") {
    world.end_container("pg.1", "A1");
    world.over("pg.1", "A1");
    world.advance(ev::seconds(10));
    REQUIRE(has(world, "evidence.recorded/agent_gone"));
    REQUIRE(world.attached("pgdata", "a1"));
    world.run_task("pg.9", "A1", "pgdata");
    CHECK(has(world, "evidence.void/agent_gone"));
    world.lose("pg.9", "A1");
    world.run_task("pg.2", "A2", "pgdata");
    world.wait_in_vain();
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"may still write", "a1"});
    world.proves("pg.9", "A1", "a1");
    world.moves();
  }
  SECTION("a person's word") {
    world.lose("pg.1", "A1");
    world.mishap[ev::OperationKind::detach] = Mishap::fail_before;
    world.advance(ev::minutes(5));
    REQUIRE(world.confirm("a1", /*off=*/false));
    REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
    // It is not dead at all: it runs a new container, and is lost again.
    world.end_container("pg.1", "A1");
    world.silent_agents.erase("A1");
    world.agent_added("A1", "a1");
    world.run_task("pg.9", "A1", "pgdata");
    CHECK(has(world, "evidence.void/operator"));
    world.lose("pg.9", "A1");
    world.run_task("pg.2", "A2", "pgdata");
    world.mishap.clear();
    world.wait_in_vain();
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"may still write", "a1"});
    REQUIRE(world.confirm("a1"));
    world.moves();
  }
}

TEST_CASE("way round: an agent that answers before it has registered proves nothing") {
  WayRound world;
  SECTION("it has no id yet, and lists nothing") {
    world.silent_agents.insert("A1");
    world.over("pg.1", "A1");
    world.run_task("pg.2", "A2", "pgdata");
    for (const auto& [first, second] :
         std::vector<std::pair<std::string, std::string>>{{"", ""}, {"", "A1"}, {"A1", ""}, {"A1", "A1b"}}) {
      world.advance(ev::seconds(1));
      ev::AgentApiRead read = round_of(world, "A1", first, second);
      counts_as_completed(read, "pg.1");
      world.event(read);
      REQUIRE(world.claim("pg.1") != nullptr);
      CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
    }
    world.says("a1", "waits_for_agent", ev::Owner::extvold, {"task pg.1 of F", "not both times as \"A1\""});
    world.wait_in_vain();
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.1 of F"});
    world.proves("pg.1", "A1", "a1");
    world.moves();
  }
  SECTION("a master that took over does not have it yet, and it has not found its containers again") {
    world.disconnect();
    world.containers["A1"].clear();
    world.completed["A1"] = {"pg.1"};
    ev::AgentSeen other = world.master.agents.at("A2");
    ev::AgentSeen recovered = world.master.agents.at("A1");
    recovered.recovered = true;
    recovered.agent.address.clear();
    other.origin = recovered.origin = ev::ElementOrigin::snapshot;
    world.subscribe({other, recovered});
    world.task_updated("pg.1", "A1", ev::TaskState::task_lost, ev::StatusSource::source_master,
                       "REASON_RECONCILIATION");
    world.run_task("pg.2", "A2", "pgdata");
    world.wait_in_vain(/*again=*/false);
    CHECK(world.agent_rounds["A1"] > 1);
    world.says("a1", "host_view_incomplete", ev::Owner::extvold, {"agent A1", "registered"});
    // It comes back, and so does its container.
    world.agent_added("A1", "a1");
    world.run_task("pg.1", "A1", "pgdata");
    world.wait_in_vain();
    world.says("a2", "attached_elsewhere", ev::Owner::operator_, {"a1", "first"});
    world.proves("pg.1", "A1", "a1");
    world.moves();
  }
}

namespace {

// An agent that shows a container below one that it does not show.
struct Nested : WayRound {
  bool nested = false;
  void answer_agent(const ev::reconcilers::ReadAgent& wish) override {
    if (!nested || wish.agent != ev::AgentId("A1")) return WayRound::answer_agent(wish);
    ev::AgentApiRead read = round_of(*this, "A1", "A1", "A1");
    counts_as_completed(read, "pg.1");
    read.containers.push_back({ev::ContainerId("below"), ev::ContainerId("container-of-pg.1"), {}, {}});
    post(ev::reconcilers::EventsArrived{{std::move(read)}});
  }
};

}  // namespace

TEST_CASE(
    "way round: a container that leaked, or is nested, keeps the volume though its root is in no list") {
  Nested world;
  world.run_task("pg.2", "A2", "pgdata");
  SECTION("leaked: the agent could not destroy it, and lists it no more") {
    world.destroy_errors["A1"] = 1;
    world.end_container("pg.1", "A1");
    world.over("pg.1", "A1");
    world.wait_in_vain();
    world.says("a1", "containers_left_behind", ev::Owner::operator_, {"agent A1 counts 1", "task pg.1 of F"});
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.1 of F"});
    REQUIRE(world.confirm("a1"));
    world.moves();
  }
  SECTION("nested: what runs below it is listed") {
    world.nested = true;
    world.over("pg.1", "A1");
    world.wait_in_vain();
    world.says("a1", "waits_for_agent", ev::Owner::extvold, {"task pg.1 of F"});
    world.nested = false;
    world.end_container("pg.1", "A1");
    world.moves();
  }
  SECTION("its agent knows nothing of it, not even that it ended") {
    world.containers["A1"].clear();
    world.over("pg.1", "A1");
    world.wait_in_vain();
    world.says("a1", "waits_for_agent", ev::Owner::extvold, {"task pg.1 of F"});
    world.end_container("pg.1", "A1");
    world.moves();
  }
}

TEST_CASE("way round: an attach that takes effect after the detach that was to settle it") {
  ev::Policy policy = unguarded();
  policy.providers[0].settle_time = ev::minutes(3);
  WayRound world(policy);
  // pgdata is free again. The next attach to a1 is lost on its way, and its task is over.
  world.proves("pg.1", "A1", "a1");
  REQUIRE_FALSE(world.attached("pgdata", "a1"));
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
  world.run_task("pg.3", "A1", "pgdata");
  world.advance(ev::seconds(1));
  world.mishap.clear();
  world.end_container("pg.3", "A1");
  world.over("pg.3", "A1");
  world.advance(ev::seconds(1));
  const std::int64_t detaches = world.count("detach pgdata a1");
  SECTION("before its end is read back") {
    world.mishap[ev::OperationKind::detach] = Mishap::hang;
    world.run_task("pg.2", "A2", "pgdata");
    world.advance(ev::minutes(5));
    REQUIRE(world.count("detach pgdata a1") == detaches + 1);
    CHECK(world.count("attach pgdata a2") == 0);
    world.inspects_fail = true;
    world.mishap.clear();
    world.finish_hung();
    world.real().hosts.insert("a1");
    world.advance(ev::minutes(2));
    CHECK(world.count("attach pgdata a2") == 0);
    world.inspects_fail = false;
    world.moves();
  }
  SECTION("after it, and before anybody else had it") {
    world.advance(ev::minutes(10));
    REQUIRE(world.count("detach pgdata a1") == detaches + 1);
    REQUIRE(world.volume("pgdata").open_operation == nullptr);
    world.real().hosts.insert("a1");
    world.real().busy_hosts.insert("a1");
    world.run_task("pg.2", "A2", "pgdata");
    world.wait_in_vain();
    world.says("a1", "unexplained_attachment", ev::Owner::operator_, {"a1", "nothing says who uses it"});
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"somebody unknown", "a1"});
    world.real().busy_hosts.clear();
    REQUIRE(world.confirm("a1"));
    world.moves();
  }
}

// ---- what is used again

TEST_CASE("way round: another machine takes a host's name") {
  WayRound world;
  world.lose("pg.1", "A1");
  // B1 calls itself a1, and has run an executor of that framework and name to its end.
  world.completed["B1"] = {"pg.1"};
  ev::AgentSeen other;
  other.agent.agent = ev::AgentId("B1");
  other.agent.hostname = "a1";
  other.agent.address = "10.7.7.7:5051";
  world.event(other);
  world.run_task("pg.2", "A2", "pgdata");
  world.wait_in_vain();
  CHECK(world.agent_rounds["B1"] > 0);
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.1 of F", "fence confirm a1"});
  world.proves("pg.1", "A1", "a1");
  world.moves();
}

TEST_CASE("way round: another machine takes an agent's address") {
  WayRound world;
  world.lose("pg.1", "A1");
  ev::AgentSeen other;
  other.agent.agent = ev::AgentId("C1");
  other.agent.hostname = "c1";
  other.agent.address = world.engine().snapshot().agent(ev::AgentId("A1"))->address;
  world.event(other);
  world.run_task("pg.2", "A2", "pgdata");
  world.over("pg.1", "A1");
  world.advance(ev::seconds(1));
  ev::AgentApiRead read = round_of(world, "A1", "C1", "C1");
  counts_as_completed(read, "pg.1");
  world.event(read);
  world.says("a1", "agent_not_registered", ev::Owner::operator_, {"agent A1", "task pg.1 of F"});
  world.wait_in_vain();
  world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.1 of F"});
  world.proves("pg.1", "A1", "a1");
  world.moves();
}

namespace {

// With node sides that say in which boot they are.
struct Booted : WayRound {
  explicit Booted(bool told_when_attached) {
    proves("pg.1", "A1", "a1");
    REQUIRE_FALSE(attached("pgdata", "a1"));
    if (told_when_attached) boot_ids["a1"] = "boot-1";
    run_task("pg.3", "A1", "pgdata");
    advance(ev::seconds(5));
    REQUIRE(attached("pgdata", "a1"));
    calls.clear();
    boot_ids.erase("a1");
    lose("pg.3", "A1");
    over("pg.3", "A1");
    run_task("pg.2", "A2", "pgdata");
  }
};

}  // namespace

TEST_CASE("way round: a boot id that another host tells, or that nobody had recorded") {
  SECTION("another host tells that boot, and that nothing is mounted") {
    Booted world(true);
    world.boot_ids["a0"] = world.boot_ids["a2"] = "boot-1";
    world.wait_in_vain();
    world.boot_ids["a0"] = world.boot_ids["a2"] = "boot-2";
    world.wait_in_vain();
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.3 of F", "a1"});
    world.boot_ids["a1"] = "boot-2";
    world.moves();
    CHECK(has(world, "evidence.recorded/host_rebooted"));
  }
  SECTION("the host tells a boot, and nobody knows in which it was attached") {
    Booted world(false);
    world.boot_ids["a1"] = "boot-1";
    world.wait_in_vain();
    world.boot_ids["a1"] = "boot-2";
    world.wait_in_vain();
    world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.3 of F", "a1"});
    world.proves("pg.3", "A1", "a1");
    world.moves();
  }
}

TEST_CASE("way round: a task id that is used again on another agent") {
  WayRound world;
  world.lose("pg.1", "A1");
  world.run_task("pg.1", "A2", "pgdata");
  world.advance(ev::minutes(1));
  const auto on = [&](const char* agent) {
    for (const ev::Claim* claim : world.volume("pgdata").claims) {
      if (claim->agent == ev::AgentId(agent)) return claim;
    }
    return static_cast<const ev::Claim*>(nullptr);
  };
  SECTION("its end there, by that agent, is not the end of the first") {
    world.task_updated("pg.1", "A2", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                       "REASON_EXECUTOR_TERMINATED");
    world.end_container("pg.1", "A2");
    world.advance(ev::minutes(1));
    world.run_task("pg.1", "A2", "pgdata");
  }
  SECTION("an end by an agent that is not named is nobody's") {
    world.task_updated("pg.1", "", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                       "REASON_EXECUTOR_TERMINATED");
    world.advance(ev::minutes(1));
    world.run_task("pg.1", "A2", "pgdata");
  }
  REQUIRE(on("A1") != nullptr);
  CHECK(on("A1")->liveness == ev::Liveness::unknown);
  CHECK_FALSE(has(world, "evidence.recorded/agent_clean"));
  world.wait_in_vain();
  world.says("a2", "waits_for_unknown_claim", ev::Owner::operator_, {"task pg.1 of F", "a1"});
  world.end_container("pg.1", "A1");
  world.silent_agents.clear();
  world.agent_added("A1", "a1");
  world.moves();
}
