// What is known of agents: by whom, since when, and that nothing of it ends a claim.
#include <catch2/catch.hpp>

#include "tests/reconcilers/held.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

const ev::WallTime kLost{1'795'405'662'771'228'928};  // as recorded; no double holds it

// pgdata at a1 for pg.1, which runs there.
struct Agents : extvold::testing::Held {
  using Held::Held;

  const ev::Agent& row(const std::string& agent = "A1") const {
    const ev::Agent* found = engine().snapshot().agent(ev::AgentId(agent));
    REQUIRE(found != nullptr);
    return *found;
  }
  // An answer to `call`, sent at that time.
  void answered(ev::MasterCall call, ev::Instant sent_at, std::vector<ev::MesosEvent> elements) {
    event(ev::PollBegan{call, sent_at});
    for (ev::MesosEvent& one : elements) event(std::move(one));
    event(ev::PollEnded{call, sent_at});
  }
  void lists(ev::AgentSeen agent) {
    agent.origin = ev::ElementOrigin::poll;
    answered(ev::MasterCall::get_agents, now().at, {agent, listed("A2")});
  }
  ev::AgentSeen listed(const std::string& agent) const {
    ev::AgentSeen out = master.agents.at(agent);
    out.origin = ev::ElementOrigin::poll;
    return out;
  }
  // No list has it any more, and the registry says why.
  void lose(ev::RegistryList list) {
    master.agents.erase("A1");
    silent_agents.insert("A1");
    master.registry["A1"] = {ev::AgentId("A1"), list, kLost};
    advance(ev::minutes(2));
  }
  // Said just now, within the second.
  bool is_new(const ev::AgentFact& fact, ev::AgentSource source) const {
    const std::int64_t age = now().wall.ns - fact.since.ns;
    return fact.source == source && age >= 0 && age < ev::seconds(1).ns;
  }
  std::int64_t commits() const { return engine().counts().commits; }
};

}  // namespace

TEST_CASE("what an agent is in has a source and a time, which do not move while it stays so") {
  Agents world;
  const ev::WallTime came = world.row().state_fact.since;
  CHECK(world.row().state_fact.source == ev::AgentSource::event);
  CHECK(world.row().drain_fact == ev::AgentFact{});
  world.advance(ev::seconds(10));
  ev::AgentSeen agent = world.listed("A1");
  agent.agent.drain_state = "DRAINING";
  agent.agent.deactivated = true;
  agent.agent.active = false;  // because it is deactivated: it is there
  world.lists(agent);
  CHECK(world.row().state == ev::AgentState::registered);
  CHECK(world.row().state_fact == ev::AgentFact{ev::AgentSource::event, came});
  CHECK(world.is_new(world.row().drain_fact, ev::AgentSource::get_agents));
  CHECK(world.is_new(world.row().deactivated_fact, ev::AgentSource::get_agents));
  const ev::WallTime deactivated = world.row().deactivated_fact.since;
  world.advance(ev::seconds(10));
  const std::int64_t before = world.commits();
  world.lists(agent);
  CHECK(world.commits() == before);
  agent.agent.drain_state = "DRAINED";
  world.lists(agent);
  CHECK(world.is_new(world.row().drain_fact, ev::AgentSource::get_agents));
  CHECK(world.row().deactivated_fact.since == deactivated);
  // A recovered agent's entry has neither: they stay as they were said.
  world.advance(ev::seconds(10));
  agent.recovered = true;
  agent.agent.deactivated = false;
  agent.agent.drain_state.clear();
  agent.origin = ev::ElementOrigin::snapshot;
  world.subscribe({agent});
  CHECK(world.row().state == ev::AgentState::recovered);
  CHECK(world.row().state_fact.source == ev::AgentSource::snapshot);
  CHECK(world.row().drain_state == "DRAINED");
  CHECK(world.row().deactivated_fact.since == deactivated);
}

TEST_CASE("an agent whose process is away is disconnected, and stays in the master's list") {
  Agents world;
  world.advance(ev::seconds(10));
  ev::AgentSeen agent = world.listed("A1");
  agent.agent.active = false;
  world.master.agents["A1"].agent.active = false;
  world.lists(agent);
  CHECK(world.row().state == ev::AgentState::disconnected);
  CHECK(world.is_new(world.row().state_fact, ev::AgentSource::get_agents));
  CHECK(world.engine().observed().agent(ev::AgentId("A1"))->complete());
  const int rounds = world.agent_rounds["A1"];
  SECTION("nothing ends by it") {
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::live);
    CHECK(world.row().state == ev::AgentState::disconnected);
  }
  SECTION("it is back: the same agent, of which nothing has to be read anew") {
    world.master.agents["A1"].agent.active = true;
    world.lists(world.listed("A1"));
    CHECK(world.row().state == ev::AgentState::registered);
    CHECK(world.agent_rounds["A1"] == rounds);
    CHECK(world.engine().observed().agent(ev::AgentId("A1"))->complete());
  }
  SECTION("it is missing from the list") {
    world.master.agents.erase("A1");
    world.advance(ev::minutes(2));
    CHECK(world.row().state == ev::AgentState::absent);
  }
  SECTION("it is missing from a snapshot") {
    world.subscribe();
    CHECK(world.row().state == ev::AgentState::absent);
    CHECK(world.row().state_fact.source == ev::AgentSource::snapshot);
  }
}

TEST_CASE("why an agent is in no list the registry says, with its own time") {
  Agents world;
  const auto list = GENERATE(ev::RegistryList::unreachable, ev::RegistryList::gone);
  world.lose(list);
  const ev::AgentState state =
      list == ev::RegistryList::gone ? ev::AgentState::gone : ev::AgentState::unreachable;
  CHECK(world.row().state == state);
  CHECK(world.row().state_fact == ev::AgentFact{ev::AgentSource::registry, kLost});
  CHECK(world.engine().observed().agent(ev::AgentId("A1"))->registry_asked_at.ns != 0);
  // Neither proves anything.
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->liveness != ev::Liveness::dead);
  CHECK(world.engine().snapshot().evidence().empty());
  const std::int64_t before = world.commits();
  world.advance(ev::minutes(10));
  CHECK(world.commits() == before);
  SECTION("it comes back") {
    world.silent_agents.clear();
    world.agent_added("A1", "a1");
    CHECK(world.row().state == ev::AgentState::registered);
    CHECK(world.engine().observed().agent(ev::AgentId("A1"))->registry_asked_at.ns == 0);
    world.advance(ev::minutes(5));
    CHECK(world.row().state == ev::AgentState::registered);
  }
  SECTION("the registry has forgotten it") {
    world.master.registry.clear();
    world.advance(ev::minutes(2));
    CHECK(world.row().state == ev::AgentState::absent);
    CHECK(world.row().state_fact.source == ev::AgentSource::registry);
  }
  SECTION("a master that does not lead answers without a list: nobody came back by it") {
    world.master.refused[ev::MasterCall::registry] = "it names no master, so it is not the leader's";
    world.master.registry.clear();
    world.advance(ev::minutes(5));
    CHECK(world.row().state == state);
  }
  SECTION("the view is interrupted: what is known stands, and is not of this epoch") {
    world.disconnect();
    CHECK(world.row().state == state);
    CHECK(world.engine().observed().agent(ev::AgentId("A1"))->registry_asked_at.ns == 0);
    world.subscribe();
    world.advance(ev::seconds(10));
    CHECK(world.row().state == state);
    CHECK(world.engine().observed().agent(ev::AgentId("A1"))->registry_asked_at.ns != 0);
  }
}

TEST_CASE("an answer of the registry that was sent for before an agent came says nothing of it") {
  Agents world;
  world.advance(ev::seconds(1));
  const ev::Instant sent_at = world.now().at;
  const ev::RegistryAgentSeen entry{ev::AgentId("A1"), ev::RegistryList::unreachable, kLost};
  world.event(ev::AgentRemoved{ev::AgentId("A1")});
  world.agent_added("A1", "a1");
  world.answered(ev::MasterCall::registry, sent_at, {entry});
  CHECK(world.row().state == ev::AgentState::registered);
  CHECK(world.engine().observed().agent(ev::AgentId("A1"))->registered);
  world.advance(ev::seconds(1));
  const ev::Instant before = world.now().at;
  world.advance(ev::seconds(1));
  // One that was sent later knows more than the list before it.
  world.answered(ev::MasterCall::registry, world.now().at, {entry});
  CHECK(world.row().state == ev::AgentState::unreachable);
  CHECK_FALSE(world.engine().observed().agent(ev::AgentId("A1"))->registered);
  // And than a list that was sent for before.
  world.answered(ev::MasterCall::get_agents, before, {world.listed("A1"), world.listed("A2")});
  CHECK(world.row().state == ev::AgentState::unreachable);
  world.advance(ev::seconds(1));
  world.lists(world.listed("A1"));
  CHECK(world.row().state == ev::AgentState::registered);
}

TEST_CASE("agents that nobody here knows leave nothing, whatever the registry remembers of them") {
  Agents world;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = "old-S" + std::to_string(i);
    world.master.registry[id] = {ev::AgentId(id), ev::RegistryList::unreachable, kLost};
  }
  world.advance(ev::minutes(2));
  CHECK(world.engine().snapshot().agents().size() == 2);
  CHECK(world.master.answers[ev::MasterCall::registry] >= 2);
}

TEST_CASE("an agent that was marked gone is forgotten when no claim needs it") {
  Agents world;
  world.agent_added("A3", "a3");
  world.advance(ev::seconds(10));
  world.master.agents.erase("A3");
  world.master.registry["A3"] = {ev::AgentId("A3"), ev::RegistryList::gone, kLost};
  world.lose(ev::RegistryList::gone);
  world.advance(ev::minutes(3));
  CHECK(world.engine().snapshot().agent(ev::AgentId("A3")) == nullptr);
  CHECK(world.row("A1").state == ev::AgentState::gone);
}

TEST_CASE("the registry is asked at once when an agent goes missing, and seldom otherwise") {
  Agents world;
  world.advance(ev::minutes(10));
  const int before = world.master.answers[ev::MasterCall::registry];
  CHECK(before >= 9);
  CHECK(before <= 13);
  SECTION("a task's update says so") {
    ev::TaskUpdated update;
    update.framework = ev::FrameworkId("F");
    update.task = ev::TaskId("pg.1");
    update.status.agent = ev::AgentId("A1");
    update.status.state = update.state = ev::TaskState::task_lost;
    update.status.source = ev::StatusSource::source_master;
    update.status.unreachable_time_set = true;
    world.master.agents.erase("A1");
    world.master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, kLost};
    world.event(update);
    world.advance(ev::seconds(6));
    CHECK(world.row().state == ev::AgentState::unreachable);
    CHECK(world.master.answers[ev::MasterCall::registry] == before + 1);
  }
  SECTION("a list lacks it") {
    world.master.agents.erase("A1");
    world.master.registry["A1"] = {ev::AgentId("A1"), ev::RegistryList::unreachable, kLost};
    world.answered(ev::MasterCall::get_agents, world.now().at, {world.listed("A2")});
    world.advance(ev::seconds(6));
    CHECK(world.row().state == ev::AgentState::unreachable);
  }
}

TEST_CASE("the maintenance of an agent's machine is found by its hostname, its ip, or both") {
  Agents world;
  const ev::WallTime start{1'800'000'000'123'456'789};
  ev::AgentSeen agent = world.listed("A1");
  agent.agent.address = "10.0.0.1:5051";
  world.master.agents["A1"].agent.address = agent.agent.address;
  world.lists(agent);
  const auto read = [&](std::vector<ev::MaintenanceSeen> windows, std::vector<ev::MaintenanceSeen> machines) {
    world.master.windows = std::move(windows);
    world.master.machines = std::move(machines);
    world.advance(ev::minutes(6));
  };
  const auto window = [&](ev::MachineId id) {
    return ev::MaintenanceSeen{ev::Maintenance::scheduled, {{"other", ""}, std::move(id)}, start};
  };
  for (const ev::MachineId& id :
       {ev::MachineId{"a1", ""}, ev::MachineId{"A1", "10.0.0.1"}, ev::MachineId{"", "10.0.0.1"}}) {
    read({window(id)}, {});
    INFO(id.hostname << " " << id.ip);
    CHECK(world.row().maintenance == ev::Maintenance::scheduled);
    CHECK(world.row().maintenance_start == start);
    CHECK(world.row().maintenance_fact.source == ev::AgentSource::get_maintenance_schedule);
    CHECK(world.row("A2").maintenance == ev::Maintenance::none);
    read({}, {});
    CHECK(world.row().maintenance == ev::Maintenance::none);
    CHECK(world.row().maintenance_start == ev::WallTime{});
  }
  for (const ev::MachineId& id :
       {ev::MachineId{"a1", "10.0.0.2"}, ev::MachineId{"a2", "10.0.0.1"}, ev::MachineId{"", "10.0.0.11"}}) {
    read({window(id)}, {});
    CHECK(world.row().maintenance == ev::Maintenance::none);
  }
  read({window({"a1", ""})}, {{ev::Maintenance::draining, {{"a1", ""}}, {}}});
  CHECK(world.row().maintenance == ev::Maintenance::draining);
  CHECK(world.row().maintenance_start == start);
  CHECK(world.row().maintenance_fact.source == ev::AgentSource::get_maintenance_status);
  const ev::WallTime since = world.row().maintenance_fact.since;
  const std::int64_t before = world.commits();
  world.advance(ev::minutes(20));
  CHECK(world.commits() == before);
  CHECK(world.row().maintenance_fact.since == since);
  read({window({"a1", ""})}, {{ev::Maintenance::down, {{"a1", ""}}, {}}});
  CHECK(world.row().maintenance == ev::Maintenance::down);
  CHECK(world.attached("pgdata", "a1"));  // nothing follows from it
  // An agent that comes later is of a machine too.
  world.master.machines.push_back({ev::Maintenance::draining, {{"a9", ""}}, {}});
  world.advance(ev::minutes(6));
  world.agent_added("A9", "a9");
  CHECK(world.row("A9").maintenance == ev::Maintenance::draining);
}

TEST_CASE("who may not see the maintenance is told so once, and asks seldom") {
  Agents world;
  world.advance(ev::minutes(6));
  const int asked = world.master.answers[ev::MasterCall::get_maintenance_schedule];
  CHECK(asked <= 3);
  const auto call =
      GENERATE(ev::MasterCall::get_maintenance_schedule, ev::MasterCall::get_maintenance_status);
  world.master.refused[call] = "answered 403";
  world.master.machines = {{ev::Maintenance::draining, {{"a1", ""}}, {}}};
  const auto lines = world.history.size();
  world.advance(ev::minutes(60));
  CHECK(world.history.size() == lines + 1);  // view.call_failing
  CHECK(world.master.answers[ev::MasterCall::get_maintenance_status] <= asked + 30);
  const bool readable = call == ev::MasterCall::get_maintenance_schedule;
  CHECK(world.row().maintenance == (readable ? ev::Maintenance::draining : ev::Maintenance::none));
}

TEST_CASE("an answer without resources is of an agent that has none, and the next one is read") {
  Agents world;
  ev::AgentSeen agent = world.listed("A1");
  ev::ReservationRecord disk;
  disk.agent = agent.agent.agent;
  disk.role = "db";
  disk.resource = "disk";
  agent.agent.resources_hash = 7;
  agent.reservations = std::make_shared<const std::vector<ev::ReservationRecord>>(1, disk);
  const auto reserved = [&] { return world.engine().snapshot().reservations().size(); };
  world.lists(agent);
  CHECK(reserved() == 1);
  ev::AgentSeen without = agent;
  without.agent.resources_hash = 0;
  without.reservations = std::make_shared<const std::vector<ev::ReservationRecord>>();
  world.lists(without);
  CHECK(reserved() == 0);
  world.lists(agent);
  CHECK(reserved() == 1);
  // An event says nothing of them.
  ev::AgentSeen event = world.listed("A1");
  event.origin = ev::ElementOrigin::event;
  world.event(event);
  CHECK(reserved() == 1);
  CHECK(world.row().resources_hash == 7);
}
