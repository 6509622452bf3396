// What the master's lists (GET_TASKS, GET_AGENTS, GET_EXECUTORS) may bring about, and what not: most of what
// they show is older, or less, than what is known already.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/held.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

struct Held : extvold::testing::Held {
  using extvold::testing::Held::Held;
  void lose_a1() {
    silent_agents.insert("A1");
    task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                 "REASON_AGENT_REMOVED");
  }
  bool has(const std::string& kind, const std::string& text) const {
    return std::any_of(history.begin(), history.end(), [&](const ev::HistoryEntry& one) {
      return one.kind == kind && one.text.find(text) != std::string::npos;
    });
  }
};

}  // namespace

TEST_CASE(
    "GET_TASKS, which lists the task of a confirmed host as unreachable for days, undoes no `fence "
    "confirm`") {
  Held world;
  world.lose_a1();
  world.provider_silent = true;  // so that the evidence is not used at once
  world.advance(ev::minutes(10));
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.advance(ev::minutes(10));
  CHECK(world.master.answers[ev::MasterCall::get_tasks] > 10);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::dead);
  CHECK_FALSE(world.claim("pg.1")->wanted);
  CHECK(world.engine().snapshot().evidence().size() == 1);
  world.provider_silent = false;
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  // It is listed as before, and nothing of the volume is at a1 any more.
  world.advance(ev::minutes(10));
  CHECK(world.claim("pg.1") == nullptr);
}

TEST_CASE("nor does a task of that host which was never heard of before") {
  Held world;
  world.lose_a1();
  world.provider_silent = true;
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  ev::TaskRecord other = world.task("pg.0", "A1", "pgdata", ev::TaskState::task_unreachable);
  world.master.tasks[{"pg.0", "A1"}] = other;
  world.advance(ev::minutes(5));
  CHECK(world.claim("pg.0") == nullptr);
  CHECK(world.engine().snapshot().evidence().size() == 1);
}

TEST_CASE("a task that is unreachable is taken up where its volume is still attached: it protects it") {
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata");
  world.make_volume("other");
  world.truth.at(world.volume("pgdata").volume.key).hosts.insert("a1");
  world.agent_added("A1", "a1");
  world.advance(ev::seconds(60));
  REQUIRE(world.attached("pgdata", "a1"));
  world.master.tasks[{"pg.1", "A1"}] = world.task("pg.1", "A1", "pgdata", ev::TaskState::task_unreachable);
  world.master.tasks[{"o.1", "A1"}] = world.task("o.1", "A1", "other", ev::TaskState::task_unreachable);
  world.advance(ev::minutes(2));
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK(world.claim("pg.1")->wanted);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  CHECK(world.claim("o.1") == nullptr);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("the master's lists, asked again and again, write nothing that is written already") {
  Held world;
  world.advance(ev::minutes(3));
  const auto before = world.engine().counts().commits;
  world.advance(ev::minutes(30));
  CHECK(world.master.answers[ev::MasterCall::get_tasks] > 30);
  CHECK(world.engine().counts().commits == before);
}

TEST_CASE("a hidden end (a scheduler that is away holds the update back) is found by GET_TASKS") {
  Held world;
  world.silent_agents.insert("A1");
  world.master.tasks[{"pg.1", "A1"}].state = ev::TaskState::task_finished;
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.claim("pg.1")->wanted);
  CHECK(world.attached("pgdata", "a1"));  // a list proves nothing
}

TEST_CASE("a dead claim whose task runs again by an update loses what proved it dead, as by a list") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::seconds(30);
  Held world(policy);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(5));
  REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
  REQUIRE(world.engine().snapshot().evidence().size() == 1);
  world.task_updated("pg.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  CHECK(world.engine().snapshot().evidence().empty());
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::live);
  CHECK(world.has("evidence.void", "alive again"));
}

TEST_CASE("a state that this version does not know is no sign of life") {
  Held world;
  world.task_updated("pg.1", "A1", ev::TaskState::task_other, ev::StatusSource::source_executor);
  CHECK(world.claim("pg.1")->wanted);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
}
