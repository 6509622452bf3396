// Who may have a volume open from before another host had it does not get it back. docs/decisions/0028, 0032.
#include <catch2/catch.hpp>

#include "tests/reconcilers/held.h"

using extvold::testing::EngineWorld;
using extvold::testing::Held;
namespace ev = extvold;

namespace {

// pgdata was at a1, by pg.1, and is at a2 now, by pg.2.
struct Moved : Held {
  Moved() {
    end_container("pg.1", "A1");
    run_task("pg.2", "A2", "pgdata");
    task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    advance(ev::minutes(3));
    REQUIRE(attached("pgdata", "a2"));
  }
  // A process of A1 that the master tells of as one that runs already.
  void show_running(const std::string& id) {
    containers["A1"].insert(id);
    task_added(task(id, "A1", "pgdata", ev::TaskState::task_running));
  }
  // A command task with DVDI variables: only its executor, in its agent's own list, names the volume.
  void run_dvdi_task(const std::string& id) {
    executor_volumes[id] = task(id, "A1", "pgdata").volumes;
    executor_volumes[id][0].spelling = ev::ReferenceSpelling::dvdi_variable;
    run_task(id, "A1", "");
  }
};

void end_of_second(EngineWorld& world) {
  world.end_container("pg.2", "A2");
  world.task_updated("pg.2", "A2", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(10));
  REQUIRE_FALSE(world.attached("pgdata", "a2"));
}

// pg.9 of A1 ends, and another takes its place.
void start_anew(EngineWorld& world) {
  world.end_container("pg.9", "A1");
  world.task_updated("pg.9", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.10", "A1", "pgdata");
  world.advance(ev::minutes(3));
}

// pgdata is being taken from pg.1 of A1, for pg.2 of A2, and pg.9 of A1 opens the device before that takes
// effect.
void start_before_detach(EngineWorld& world) {
  world.mishap[ev::OperationKind::detach] = extvold::testing::Mishap::hang;
  world.end_container("pg.1", "A1");
  world.run_task("pg.2", "A2", "pgdata");  // first in line
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(20));
  world.run_task("pg.9", "A1", "pgdata");  // opens the device before the detach takes effect
}

void finish_detach(EngineWorld& world) {
  world.mishap.clear();
  world.finish_hung();
  world.advance(ev::minutes(3));
  REQUIRE(world.attached("pgdata", "a2"));
}

}  // namespace

TEST_CASE("who ran while its volume was detached under it does not get it back after another host had it") {
  Held world;
  start_before_detach(world);
  finish_detach(world);
  end_of_second(world);
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "open_from_before");
  SECTION("a restart forgets nothing") {
    world.restart();
    world.subscribe();
    world.agent_added("A1", "a1");
    world.agent_added("A2", "a2");
    world.task_added(world.task("pg.9", "A1", "pgdata", ev::TaskState::task_running));
    world.advance(ev::minutes(10));
    CHECK(world.blocked("pgdata", "a1") == "open_from_before");
  }
  SECTION("started anew it does") {
    start_anew(world);
    CHECK(world.attached("pgdata", "a1"));
  }
}

TEST_CASE("who ended by his own word after the volume was taken from under him is remembered") {
  Held world;
  start_before_detach(world);
  world.destroy_errors["A1"] = 1;  // it leaks, perhaps
  world.task_updated("pg.9", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  finish_detach(world);
  world.run_task("pg.10", "A1", "pgdata");
  end_of_second(world);
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "open_from_before");
  SECTION("until its agent proves it gone") {
    world.destroy_errors.clear();
    world.end_container("pg.9", "A1");
    world.advance(ev::minutes(10));
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("or until a person answers for the host") {
    world.destroy_errors.clear();
    world.end_container("pg.10", "A1");
    world.task_updated("pg.10", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.destroy_errors["A1"] = 1;
    world.advance(ev::minutes(3));
    REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "it was rebooted"}).status);
    world.advance(ev::minutes(1));
    REQUIRE(world.order(ev::FenceRelease{"a1", "it is clean"}).status);
    world.run_task("pg.11", "A1", "pgdata");
    world.advance(ev::minutes(3));
    CHECK(world.attached("pgdata", "a1"));
  }
}

TEST_CASE("open from before: of whom only a list told, he may be older than the detach") {
  Moved world;
  world.show_running("pg.9");
  end_of_second(world);
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "open_from_before");
  // Started anew, it gets the volume.
  start_anew(world);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("open from before: who is told of as launched after the detach cannot be older") {
  Moved world;
  world.run_task("pg.9", "A1", "pgdata");
  end_of_second(world);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("open from before: an executor is as new as the task that it was launched for") {
  Moved world;
  world.run_dvdi_task("d.1");
  end_of_second(world);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("open from before: not if one of its name may have been there before its agent was asked") {
  Moved world;
  world.silent_agents.insert("A1");
  world.agent_added("A1", "a1");  // it registers again, and has not told yet what runs there
  world.run_dvdi_task("d.1");
  world.silent_agents.clear();
  world.advance(ev::minutes(3));
  end_of_second(world);
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "open_from_before");
}

TEST_CASE("open from before: a ledger that did not see where the volume was takes nobody for new by a list") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  extvold::testing::adopt_found(world, "pgdata", "a2");
  world.run_task("pg.2", "A2", "pgdata");
  const bool told = GENERATE(false, true);
  world.containers["A1"].insert("pg.9");
  world.task_added(
      world.task("pg.9", "A1", "pgdata", told ? ev::TaskState::task_staging : ev::TaskState::task_running));
  world.advance(ev::minutes(3));
  REQUIRE(world.attached("pgdata", "a2"));
  world.silent_agents.insert("A2");
  world.task_updated("pg.2", "A2", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.advance(ev::seconds(10));
  REQUIRE(world.order(ev::FenceConfirm{"a2", "a2", "power is off"}).status);
  world.advance(ev::minutes(3));
  CHECK(world.attached("pgdata", "a1") == told);
  if (!told) CHECK(world.blocked("pgdata", "a1") == "open_from_before");
}
