// What this view was told to be over stays over: an answer that is older, or an executor that is still going
// down, does not bring a claim back. Seen in the recordings `basic`, `partition` and `pods`.
#include <catch2/catch.hpp>

#include "tests/reconcilers/held.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

// pg.1 holds pgdata at a1 and was killed, but nothing proves it yet; pg.2 was wanted at a2 and was killed
// too.
struct BothKilled : ev::testing::Held {
  BothKilled() {
    silent_agents = {"A1", "A2"};
    kill("pg.1", "A1");
    second = task("pg.2", "A2", "pgdata");
    task_added(second);
    kill("pg.2", "A2");
    REQUIRE(claim("pg.2") == nullptr);  // nothing of it is at a2
  }
  void kill(const std::string& id, const std::string& agent) {
    task_updated(id, agent, ev::TaskState::task_killed, ev::StatusSource::source_master,
                 "REASON_FRAMEWORK_REMOVED");
  }
  // GET_TASKS, sent at `sent_at`, that shows pg.2 running.
  void late_answer(ev::Instant sent_at) {
    ev::TaskRecord running = second;
    running.state = ev::TaskState::task_running;
    event(ev::PollBegan{ev::MasterCall::get_tasks, sent_at});
    event(ev::TaskSeen{running, ev::ElementOrigin::poll, ev::TaskList::tasks});
    event(ev::PollEnded{ev::MasterCall::get_tasks, sent_at});
  }
  // A2's own API still lists the executor that it generated for pg.2, volume included.
  void read_of_a2() {
    ev::AgentApiRead read;
    read.expected = read.first_answer = read.second_answer = ev::AgentId("A2");
    read.first_sent_at = now().at;
    read.ended_at = now().at;
    ev::ExecutorRecord executor;
    executor.framework = second.framework;
    executor.executor = ev::ExecutorId("pg.2");
    executor.agent = read.expected;
    executor.volumes = second.volumes;
    read.executors.push_back(executor);
    event(read);
  }
  bool wanted_at_a2() const {
    for (const ev::Claim* one : volume("pgdata").claims) {
      if (one->wanted && one->agent == ev::AgentId("A2")) return true;
    }
    return false;
  }
  ev::TaskRecord second;
};

}  // namespace

TEST_CASE("an answer that was sent for before the end does not bring a claim back") {
  BothKilled world;
  world.late_answer({world.now().at.ns - 1});
  CHECK_FALSE(world.wanted_at_a2());
}

TEST_CASE("terminal is sticky for a master: a list that shows the task running is older than its end") {
  BothKilled world;
  world.advance(ev::seconds(1));
  world.late_answer(world.now().at);
  CHECK_FALSE(world.wanted_at_a2());
}

TEST_CASE("the executor of a command task that is over is on its way out") {
  BothKilled world;
  world.advance(ev::seconds(1));
  world.read_of_a2();
  CHECK_FALSE(world.wanted_at_a2());
  world.silent_agents = {"A2"};
  world.end_container("pg.1", "A1");
  world.advance(ev::seconds(120));
  CHECK_FALSE(world.attached("pgdata", "a1"));  // proven gone, and nobody wants it
  CHECK_FALSE(world.attached("pgdata", "a2"));
}

TEST_CASE("TASK_ADDED does bring it back, and so does a snapshot") {
  BothKilled world;
  SECTION("TASK_ADDED") {
    world.task_added(world.second);
    CHECK(world.wanted_at_a2());
    world.late_answer({world.now().at.ns + 1});
    CHECK(world.wanted_at_a2());
  }
  SECTION("snapshot") {
    world.disconnect();
    ev::TaskRecord running = world.second;
    running.state = ev::TaskState::task_running;
    world.subscribe({ev::TaskSeen{running, ev::ElementOrigin::snapshot, ev::TaskList::tasks}});
    CHECK(world.wanted_at_a2());
  }
}

TEST_CASE("an answer that is older than the newest event of a living task changes nothing") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  const ev::Instant before{world.now().at.ns - 1};
  world.run_task("pg.1", "A1", "pgdata");
  ev::TaskRecord staging = world.task("pg.1", "A1", "pgdata");
  world.event(ev::PollBegan{ev::MasterCall::get_tasks, before});
  world.event(ev::TaskSeen{staging, ev::ElementOrigin::poll, ev::TaskList::tasks});
  CHECK(world.claim("pg.1")->task_state == ev::TaskState::task_running);
}

namespace {

// A command task with DVDI variables: nothing but its executor, in its agent's own list, names the volume.
void run_short_dvdi_task(EngineWorld& world, const std::string& id, const std::string& volume) {
  world.executor_volumes[id] = world.task(id, "A1", volume).volumes;
  world.executor_volumes[id][0].spelling = ev::ReferenceSpelling::dvdi_variable;
  world.run_task(id, "A1", "");
  world.task_updated(id, "A1", ev::TaskState::task_finished, ev::StatusSource::source_executor);
}

}  // namespace

TEST_CASE("the lingering executor of a short task, whose volume nobody named before, is no wish") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  run_short_dvdi_task(world, "d.1", "pgdata");
  world.advance(ev::seconds(90));
  CHECK(world.volume("pgdata").claims.empty());
  CHECK(world.calls == std::vector<std::string>{"create pgdata"});
}

TEST_CASE("but it keeps what is attached there until its agent shows it gone") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  run_short_dvdi_task(world, "d.1", "pgdata");
  world.advance(ev::seconds(90));
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  world.end_container("d.1", "A1");
  world.advance(ev::minutes(3));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("agents and frameworks that Mesos removed are forgotten once no claim needs them") {
  EngineWorld world;
  world.subscribe();
  for (const char* name : {"A1", "A2", "A3"}) world.agent_added(name, "host-of-" + std::string(name));
  for (const char* name : {"F", "G"}) {
    ev::FrameworkSeen seen;
    seen.framework.framework = ev::FrameworkId(name);
    world.event(seen);
  }
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  const auto& snapshot = world.engine().snapshot();
  const auto poll = [&] {
    const ev::Instant at = world.now().at;
    world.event(ev::PollBegan{ev::MasterCall::get_agents, at});
    ev::AgentSeen third;
    third.agent.agent = ev::AgentId("A3");
    third.origin = ev::ElementOrigin::poll;
    world.event(third);
    world.event(ev::PollEnded{ev::MasterCall::get_agents, at});
  };
  for (const char* name : {"A1", "A2"}) world.event(ev::AgentRemoved{ev::AgentId(name)});
  for (const char* name : {"F", "G"}) world.event(ev::FrameworkRemoved{ev::FrameworkId(name)});
  CHECK(snapshot.agents().size() == 3);
  poll();
  CHECK(snapshot.agent(ev::AgentId("A1")) != nullptr);  // its claim says where that is
  CHECK(snapshot.agent(ev::AgentId("A2")) == nullptr);
  CHECK(snapshot.agent(ev::AgentId("A3")) != nullptr);
  CHECK(snapshot.frameworks().contains(ev::FrameworkId("F")));
  CHECK_FALSE(snapshot.frameworks().contains(ev::FrameworkId("G")));
  CHECK(world.attached("pgdata", "host-of-A1"));

  world.subscribe();  // without A3
  CHECK(snapshot.agent(ev::AgentId("A3"))->state == ev::AgentState::absent);
  world.subscribe();
  CHECK(snapshot.agent(ev::AgentId("A3")) == nullptr);
  world.agent_added("A3", "host-of-A3");
  CHECK(snapshot.agent(ev::AgentId("A3")) != nullptr);
  CHECK(snapshot.agent(ev::AgentId("A1")) != nullptr);
}

TEST_CASE("a task that the master lost and its executor brings back is asked for, whose claim was let go") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = ev::testing::Mishap::fail_before;
  world.task_added(world.task("pg.1", "A1", "pgdata"));
  world.advance(ev::milliseconds(10));
  world.task_updated("pg.1", "A1", ev::TaskState::task_lost, ev::StatusSource::source_master,
                     "REASON_RECONCILIATION");
  world.advance(ev::seconds(1));
  REQUIRE(world.claim("pg.1") == nullptr);  // nothing of it is there
  world.mishap.clear();
  world.task_updated("pg.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.advance(ev::seconds(30));
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::live);
  CHECK(world.attached("pgdata", "a1"));
}
