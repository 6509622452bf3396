// Which host an agent is on, and what is told apart: agents that change their id, their address, their host.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/held.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

ev::Policy by(std::vector<ev::HostRule> rules) {
  ev::Policy policy = EngineWorld::default_policy();
  policy.host_by = std::move(rules);
  return policy;
}

ev::AgentSeen agent(const std::string& id, const std::string& hostname, const std::string& address,
                    std::vector<std::pair<std::string, std::string>> attributes = {}) {
  ev::AgentSeen out;
  out.agent.agent = ev::AgentId(id);
  out.agent.hostname = hostname;
  out.agent.address = address;
  out.agent.attributes = std::move(attributes);
  return out;
}

std::string host_of(const EngineWorld& world, const std::string& agent) {
  const ev::Agent* row = world.engine().snapshot().agent(ev::AgentId(agent));
  REQUIRE(row != nullptr);
  const ev::Host* host = world.engine().snapshot().host(row->host);
  return host == nullptr ? std::string() : host->name;
}

}  // namespace

TEST_CASE("the first rule that gives a text names an agent's host") {
  const ev::HostRule unit{ev::HostBy::attribute, "unit"};
  const ev::HostRule ip{ev::HostBy::ip, {}};
  const ev::HostRule hostname{ev::HostBy::hostname, {}};
  const std::vector<std::pair<std::string, std::string>> attributes = {{"rack", "r1"}, {"unit", "r1-u7"}};
  const auto named = [&](std::vector<ev::HostRule> rules, const ev::AgentSeen& seen) {
    EngineWorld world(by(std::move(rules)));
    world.subscribe();
    world.event(seen);
    return host_of(world, "A1");
  };
  const ev::AgentSeen full = agent("A1", "a1", "10.0.0.1:5051", attributes);
  CHECK(named({hostname}, full) == "a1");
  CHECK(named({ip}, full) == "10.0.0.1");
  CHECK(named({ip}, agent("A1", "a1", "[fd00::7]:5051")) == "fd00::7");
  CHECK(named({unit, hostname}, full) == "r1-u7");
  CHECK(named({unit, hostname}, agent("A1", "a1", "10.0.0.1:5051")) == "a1");
  CHECK(named({unit}, agent("A1", "a1", "10.0.0.1:5051")).empty());
  ev::AgentSeen recovered = agent("A1", "a1", "");
  recovered.recovered = true;
  CHECK(named({ip, hostname}, recovered) == "a1");
}

TEST_CASE("an agent that is recovered has no address: it stays on the host that it was on") {
  EngineWorld world(by({{ev::HostBy::ip, {}}, {ev::HostBy::hostname, {}}}));
  world.subscribe();
  world.event(agent("A1", "a1", "10.0.0.1:5051"));
  ev::AgentSeen recovered = agent("A1", "a1", "");
  recovered.recovered = true;
  recovered.origin = ev::ElementOrigin::snapshot;
  world.subscribe({recovered});
  CHECK(host_of(world, "A1") == "10.0.0.1");
}

TEST_CASE("several agents are on one host, each for its own tasks") {
  EngineWorld world;
  world.subscribe();
  world.event(agent("A1", "a1", "10.0.0.1:5051"));
  world.event(agent("B1", "a1", "10.0.0.1:5052"));
  CHECK(host_of(world, "A1") == host_of(world, "B1"));
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.run_task("pg.2", "B1", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a1"));
  // The one ends, and is proven gone: the other one still has it.
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  // The other one's agent does not answer: the host is not read whole.
  world.silent_agents.insert("B1");
  world.task_updated("pg.2", "B1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("an agent that comes with another id is on the same host, and proves nothing about the old one") {
  extvold::testing::Held world;
  world.task_updated("pg.1", "A1", ev::TaskState::task_lost, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.event(ev::AgentRemoved{ev::AgentId("A1")});
  world.silent_agents.insert("A1");
  world.agent_added("A1b", "a1");
  world.advance(ev::minutes(10));
  CHECK(host_of(world, "A1b") == "a1");
  CHECK(host_of(world, "A1") == "a1");  // not forgotten: a claim needs it
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  CHECK(world.engine().snapshot().host(world.claim("pg.1")->host)->name == "a1");
  CHECK(world.attached("pgdata", "a1"));
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(10));
  CHECK_FALSE(world.attached("pgdata", "a2"));
}

TEST_CASE("another host's agent at an address that was used before takes nothing of the old one") {
  extvold::testing::Held world;
  const std::string address = world.master.agents.at("A1").agent.address;
  world.task_updated("pg.1", "A1", ev::TaskState::task_lost, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.event(ev::AgentRemoved{ev::AgentId("A1")});
  world.silent_agents.insert("A1");
  world.event(agent("C1", "c1", address));
  // Who answers there says that it is somebody else.
  ev::AgentApiRead read;
  read.expected = ev::AgentId("A1");
  read.address = address;
  read.first_answer = read.second_answer = ev::AgentId("C1");
  read.completed_executors.push_back(
      {ev::FrameworkId("F"), ev::ExecutorId("pg.1"), read.expected, ev::Containerizer::mesos, {}});
  world.advance(ev::seconds(1));
  read.first_sent_at = world.now().at;
  world.event(read);
  world.advance(ev::minutes(5));
  const ev::Agent* old = world.engine().snapshot().agent(ev::AgentId("A1"));
  REQUIRE(old != nullptr);
  CHECK(old->address == address);
  CHECK(host_of(world, "A1") == "a1");
  CHECK(host_of(world, "C1") == "c1");
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  CHECK(world.attached("pgdata", "a1"));
}

namespace {

// pgdata attached where A1 was, which then says that it is on b1; its task runs on.
struct Moved : EngineWorld {
  Moved() : EngineWorld(by({{ev::HostBy::attribute, "unit"}, {ev::HostBy::hostname, {}}})) {
    subscribe();
    event(seen("a1"));
    agent_added("A2", "a2");
    make_volume("pgdata");
    run_task("pg.1", "A1", "pgdata");
    advance(ev::seconds(5));
    REQUIRE(attached("pgdata", "a1"));
  }
  static ev::AgentSeen seen(const std::string& unit) {
    return agent("A1", "host", "127.0.0.1:5051", {{"unit", unit}});
  }
  void move() {
    ev::AgentSeen there = seen("b1");
    master.agents["A1"] = there;
    there.origin = ev::ElementOrigin::poll;
    event(ev::PollBegan{ev::MasterCall::get_agents, now().at});
    event(there);
    for (const char* id : {"A2", "B1"}) {
      if (!master.agents.contains(id)) continue;
      ev::AgentSeen other = master.agents.at(id);
      other.origin = ev::ElementOrigin::poll;
      event(other);
    }
    event(ev::PollEnded{ev::MasterCall::get_agents, now().at});
  }
};

}  // namespace

TEST_CASE("an agent that says under the same id that it is on another host leaves an unknown behind") {
  Moved world;
  world.advance(ev::seconds(1));
  SECTION("while its task runs") {
    world.move();
    CHECK(host_of(world, "A1") == "b1");
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
    CHECK_FALSE(world.attached("pgdata", "b1"));
    CHECK(world.blocked("pgdata", "a1") == "unexplained_attachment");
    CHECK(std::any_of(world.history.begin(), world.history.end(),
                      [](const ev::HistoryEntry& one) { return one.kind == "agent.moved"; }));
  }
  SECTION("and after its end, which its agent tells of itself") {
    world.move();
    world.end_container("pg.1", "A1");
    world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
    CHECK(world.blocked("pgdata", "a1") == "unexplained_attachment");
    world.run_task("pg.2", "A2", "pgdata");
    world.advance(ev::minutes(10));
    CHECK_FALSE(world.attached("pgdata", "a2"));
    REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "it is off"}).status);
    world.truth.at(world.volume("pgdata").volume.key).busy_hosts.clear();
    world.powered_off.insert("a1");
    world.advance(ev::minutes(2));
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("also where another agent of that host has a task of its own, which ends") {
    ev::AgentSeen other = agent("B1", "host", "127.0.0.1:5052", {{"unit", "a1"}});
    world.event(other);
    world.run_task("pg.2", "B1", "pgdata");
    world.advance(ev::seconds(5));
    world.move();
    world.advance(ev::minutes(2));
    world.end_container("pg.2", "B1");
    world.task_updated("pg.2", "B1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
    CHECK(world.blocked("pgdata", "a1") == "unexplained_attachment");
  }
  SECTION("also where that one's task stood in the master's snapshot") {
    const ev::AgentSeen other = agent("B1", "host", "127.0.0.1:5052", {{"unit", "a1"}});
    world.event(other);
    world.run_task("pg.2", "B1", "pgdata");
    world.advance(ev::seconds(5));
    const auto listed = [&](const char* id, const char* of) {
      return ev::TaskSeen{world.task(id, of, "pgdata", ev::TaskState::task_running),
                          ev::ElementOrigin::snapshot, ev::TaskList::tasks};
    };
    world.subscribe({Moved::seen("a1"), other, listed("pg.1", "A1"), listed("pg.2", "B1")});
    world.advance(ev::seconds(5));
    world.move();
    world.event(other);  // its own API is read anew
    world.advance(ev::minutes(2));
    world.end_container("pg.2", "B1");
    world.task_updated("pg.2", "B1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
    CHECK(world.blocked("pgdata", "a1") == "unexplained_attachment");
  }
  SECTION("what was proven of it before counts no more") {
    world.provider_silent = true;
    world.end_container("pg.1", "A1");
    world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.advance(ev::seconds(2));
    REQUIRE(world.engine().snapshot().evidence().size() == 1);
    world.move();
    CHECK(world.engine().snapshot().evidence().empty());
    world.provider_silent = false;
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
  }
}

TEST_CASE("rules that change move nobody: they hold for who comes, or says something else of itself") {
  EngineWorld world;
  world.subscribe();
  world.event(agent("A1", "a1", "127.0.0.1:5051", {{"unit", "u1"}}));
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a1"));
  world.reload(by({{ev::HostBy::attribute, "unit"}}));
  world.advance(ev::minutes(5));
  CHECK(host_of(world, "A1") == "a1");
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata").empty());
  world.event(agent("A2", "a2", "127.0.0.2:5051", {{"unit", "u2"}}));
  CHECK(host_of(world, "A2") == "u2");
}
