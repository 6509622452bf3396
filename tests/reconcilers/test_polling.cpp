// Polling: whom extvold asks and when, and which answers count.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

// pgdata at a1 by task pg.1, of which Mesos says that it is over; its agent does not answer.
struct Over : EngineWorld {
  Over() {
    subscribe();
    agent_added("A1", "a1");
    make_volume("pgdata");
    run_task("pg.1", "A1", "pgdata");
    advance(ev::seconds(1));
    REQUIRE(attached("pgdata", "a1"));
    silent_agents.insert("A1");
    task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    advance(ev::seconds(5));
  }
  // A round that shows pg.1 gone.
  ev::AgentApiRead round() const {
    ev::AgentApiRead read;
    read.expected = read.first_answer = read.second_answer = ev::AgentId("A1");
    read.first_sent_at = now().at;
    read.completed_executors.push_back(
        {ev::FrameworkId("F"), ev::ExecutorId("pg.1"), read.expected, ev::Containerizer::mesos, {}});
    return read;
  }
  ev::AgentSeen listed() const {
    ev::AgentSeen agent = master.agents.at("A1");
    agent.origin = ev::ElementOrigin::snapshot;
    return agent;
  }
};

}  // namespace

TEST_CASE("a round of an agent's API counts in the view in which it was sent") {
  Over world;
  SECTION("the same view") {
    world.event(world.round());
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::dead);
  }
  SECTION("the stream was lost meanwhile") {
    const ev::AgentApiRead read = world.round();
    world.disconnect();
    world.event(read);
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  }
  SECTION("it was lost and is open again") {
    const ev::AgentApiRead read = world.round();
    const ev::AgentSeen agent = world.listed();
    world.disconnect();
    world.event(ev::SubscriptionOpened{"127.0.0.1:5050"});
    world.event(read);
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
    world.event(ev::SnapshotBegan{});
    world.event(agent);
    world.event(ev::SnapshotEnded{});
    world.event(read);
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
    world.event(world.round());
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::dead);
  }
}

TEST_CASE("an answer to GET_AGENTS that was sent for before an agent came or went says nothing of it") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.advance(ev::seconds(1));
  const ev::AgentId a1("A1");
  ev::AgentSeen listed = world.master.agents.at("A1");
  listed.origin = ev::ElementOrigin::poll;
  const auto answer = [&](ev::Instant sent_at, bool with_a1) {
    world.event(ev::PollBegan{ev::MasterCall::get_agents, sent_at});
    if (with_a1) world.event(listed);
    world.event(ev::PollEnded{ev::MasterCall::get_agents, sent_at});
  };
  const auto registered = [&] {
    const ev::Agent* row = world.engine().snapshot().agent(a1);  // none: removed, and forgotten
    const ev::AgentView* view = world.engine().observed().agent(a1);
    const bool in_row = row != nullptr && row->state == ev::AgentState::registered;
    CHECK((view != nullptr && view->registered) == in_row);
    return in_row;
  };
  world.advance(ev::seconds(1));
  SECTION("it was removed") {
    const ev::Instant sent_at = world.now().at;
    world.event(ev::AgentRemoved{a1});
    answer(sent_at, true);
    CHECK_FALSE(registered());
    answer(world.now().at, true);
    CHECK(registered());
  }
  SECTION("it registered anew") {
    world.event(ev::AgentRemoved{a1});
    const ev::Instant sent_at = world.now().at;
    world.agent_added("A1", "a1");
    answer(sent_at, false);
    CHECK(registered());
    world.master.agents.clear();
    answer(world.now().at, false);
    CHECK_FALSE(registered());
  }
}

TEST_CASE("an agent that was to come back after a failover and vanishes from the list is absent") {
  EngineWorld world;
  ev::AgentSeen recovered;
  recovered.agent.agent = ev::AgentId("A1");
  recovered.agent.hostname = "a1";
  recovered.origin = ev::ElementOrigin::snapshot;
  recovered.recovered = true;
  world.subscribe({recovered});
  world.advance(ev::minutes(2));
  CHECK(world.engine().snapshot().agent(ev::AgentId("A1"))->state == ev::AgentState::recovered);
  world.master.agents.clear();
  world.advance(ev::minutes(2));
  CHECK(world.engine().snapshot().agent(ev::AgentId("A1"))->state == ev::AgentState::absent);
}

namespace {

// A task a second, for as long, each of an executor of its own if `executors`.
void launch(EngineWorld& world, int seconds, bool executors) {
  for (int i = 0; i < seconds; ++i) {
    ev::TaskRecord task = world.task("t." + std::to_string(i), "A1", "");
    task.executor = ev::ExecutorId(executors ? "e." + std::to_string(i) : "e");
    world.task_added(task);
    world.advance(ev::seconds(1));
  }
}

}  // namespace

TEST_CASE("GET_EXECUTORS is asked for when an executor is new, and not in a storm") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  int& asked = world.master.answers[ev::MasterCall::get_executors];
  SECTION("one executor") {
    world.containers["A1"].insert("e");
    launch(world, 30, false);
    CHECK(asked == 1);
  }
  SECTION("one each second") {
    launch(world, 30, true);
    CHECK(asked >= 5);
    CHECK(asked <= 8);
  }
  SECTION("failures make the pause longer, whatever happens meanwhile") {
    world.master.refused[ev::MasterCall::get_executors] = "timed out";
    launch(world, 60, true);
    CHECK(asked >= 3);
    CHECK(asked <= 8);
    world.master.refused.clear();
    world.advance(ev::minutes(2));
    const int before = asked;
    launch(world, 30, true);
    CHECK(asked <= before + 8);
  }
}

TEST_CASE("news of an agent that had been quiet for long makes a round within a moment") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("shared");
  world.make_volume("pgdata");
  ev::ExecutorRecord executor;  // so that its agent is asked again and again
  executor.framework = ev::FrameworkId("F");
  executor.executor = ev::ExecutorId("pod");
  executor.agent = ev::AgentId("A1");
  executor.volumes = world.task("pod.a", "A1", "shared").volumes;
  world.containers["A1"].insert("pod");
  world.event(ev::ExecutorSeen{executor, ev::ElementOrigin::snapshot});
  world.advance(ev::minutes(30));
  const int before = world.agent_rounds["A1"];
  // A command task with DVDI variables, which nobody but its agent knows.
  world.executor_volumes["d.1"] = world.task("d.1", "A1", "pgdata").volumes;
  world.run_task("d.1", "A1", "");
  world.advance(ev::seconds(3));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.agent_rounds["A1"] <= before + 3);
  // One whose API fails is not asked more often for it.
  world.silent_agents.insert("A1");
  world.advance(ev::minutes(10));
  const int failing = world.agent_rounds["A1"];
  for (int i = 0; i < 60; ++i) {
    world.task_added(world.task(fmt::format("t.{}", i), "A1", ""));
    world.advance(ev::seconds(1));
  }
  CHECK(world.agent_rounds["A1"] <= failing + 2);
}

TEST_CASE("an agent that is gone is not asked for ever") {
  Over world;
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.advance(ev::minutes(5));
  REQUIRE_FALSE(world.engine().observed().agent(ev::AgentId("A1"))->registered);
  const int before = world.agent_rounds["A1"];
  world.advance(ev::minutes(60));
  CHECK(world.agent_rounds["A1"] <= before + 10);  // with each full audit, for the claim's sake
  world.silent_agents.clear();
  world.agent_added("A1", "a1");
  world.advance(ev::seconds(1));
  CHECK(world.engine().observed().agent(ev::AgentId("A1"))->complete());
}

TEST_CASE("of more agents than are asked at once, those that have waited longest come first") {
  ev::Snapshot snapshot;
  snapshot.ledger = {"x", 1};
  ev::reconcilers::Engine engine(std::move(snapshot), EngineWorld::default_policy());
  ev::Now now{ev::Instant{ev::seconds(1000).ns}, ev::WallTime{1}};
  std::vector<ev::MesosEvent> events = {ev::SubscriptionOpened{"m"}, ev::SnapshotBegan{}};
  for (int i = 0; i < 40; ++i) {
    ev::AgentSeen seen;
    seen.agent.agent = ev::AgentId(fmt::format("A{:02}", i));
    seen.agent.hostname = fmt::format("a{:02}", i);
    seen.agent.address = "127.0.0.1:5051";
    seen.origin = ev::ElementOrigin::snapshot;
    events.emplace_back(seen);
  }
  events.emplace_back(ev::SnapshotEnded{});
  const auto asked_after = [&](std::vector<ev::MesosEvent> input) {
    std::vector<ev::AgentId> asked;
    for (const auto& effect : engine.step(now, ev::reconcilers::EventsArrived{std::move(input)})) {
      if (const auto* read = std::get_if<ev::reconcilers::ReadAgent>(&effect)) asked.push_back(read->agent);
    }
    now.at = now.at + ev::seconds(10);  // past every pause
    return asked;
  };
  const auto fail = [](const std::vector<ev::AgentId>& agents) {
    std::vector<ev::MesosEvent> out;
    for (const ev::AgentId& agent : agents) out.emplace_back(ev::AgentApiFailed{agent, "timed out"});
    return out;
  };
  const auto first = asked_after(std::move(events));
  const auto second = asked_after(fail(first));
  const auto third = asked_after(fail(second));
  REQUIRE(first.size() == 16);
  REQUIRE(second.size() == 16);
  REQUIRE(third.size() == 16);
  CHECK(second.front() == ev::AgentId("A16"));
  CHECK(third.front() == ev::AgentId("A32"));
  CHECK(third[8] == ev::AgentId("A00"));
}

TEST_CASE("an agent that became unreachable is missed at once, though no event names it") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(10));
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.advance(ev::seconds(6));
  CHECK_FALSE(world.engine().observed().agent(ev::AgentId("A1"))->registered);
  CHECK(world.engine().snapshot().agent(ev::AgentId("A1"))->state == ev::AgentState::unreachable);
}

TEST_CASE("a task on an agent that nobody knows asks for the list of agents, and not in a storm") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.advance(ev::seconds(20));
  int& asked = world.master.answers[ev::MasterCall::get_agents];
  REQUIRE(asked == 0);
  ev::AgentSeen hidden = world.master.agents.at("A1");
  hidden.agent.agent = ev::AgentId("A9");
  hidden.agent.hostname = "a9";
  world.master.agents["A9"] = hidden;  // no event told of it
  world.task_added(world.task("t.1", "A9", ""));
  CHECK(asked == 1);
  REQUIRE(world.engine().snapshot().agent(ev::AgentId("A9")) != nullptr);
  world.task_added(world.task("t.2", "A9", ""));
  world.advance(ev::seconds(10));
  CHECK(asked == 1);
  for (int i = 0; i < 30; ++i) {
    world.task_added(world.task(fmt::format("s.{}", i), fmt::format("B{}", i), ""));
    world.advance(ev::seconds(1));
  }
  CHECK(asked >= 5);
  CHECK(asked <= 9);
}

TEST_CASE("nothing is asked beside a snapshot, neither before it is whole nor after the stream is lost") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.advance(ev::minutes(3));
  const auto asked = [&] {
    int sum = 0;
    for (const auto& [call, count] : world.master.answers) {
      if (call != ev::MasterCall::get_master) sum += count;  // who it is costs it nothing
    }
    return sum;
  };
  world.disconnect();
  int before = asked();
  world.advance(ev::minutes(3));
  CHECK(asked() == before);
  world.event(ev::SubscriptionOpened{"127.0.0.1:5050"});
  world.event(ev::SnapshotBegan{});
  // News while the snapshot is under way wait for its end.
  world.task_updated("t.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master);
  world.task_added(world.task("t.2", "A9", ""));
  world.advance(ev::minutes(3));
  CHECK(asked() == before);
  world.event(ev::SnapshotEnded{});
  CHECK(asked() > before);
}

TEST_CASE("polling: the master is asked who it is before its snapshot and after it") {
  EngineWorld world;
  world.event(ev::SubscriptionOpened{"127.0.0.1:5050"});
  CHECK(world.polls[ev::MasterCall::get_master].size() == 1);
  CHECK(world.engine().snapshot().view.master_id == "the-master");
  world.event(ev::SnapshotBegan{});
  world.event(ev::SnapshotEnded{});
  CHECK(world.engine().observed().view_complete);
  SECTION("it is the same") {
    world.advance(ev::seconds(120));
    CHECK(world.polls[ev::MasterCall::get_master].size() >= 2);
    CHECK(world.resubscribed.empty());
    CHECK(world.engine().observed().view_complete);
  }
  SECTION("it is another: nothing of this stream counts any more") {
    world.master.master_id = "another";
    world.advance(ev::seconds(6));
    REQUIRE(world.resubscribed.size() == 1);
    CHECK(world.resubscribed.front().find("another master answers") != std::string::npos);
    CHECK_FALSE(world.engine().observed().view_complete);
    world.disconnect(world.resubscribed.front());
    world.subscribe();
    CHECK(world.engine().snapshot().view.master_id == "another");
    CHECK(world.engine().observed().view_complete);
    world.advance(ev::seconds(120));
    CHECK(world.resubscribed.size() == 1);
  }
}
