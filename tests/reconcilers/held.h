// Held: the world in which most questions about evidence are asked, one volume at one host with a task.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "tests/reconcilers/engine_world.h"

namespace extvold::testing {

// pgdata at a1 by task pg.1 of agent A1; a2 (agent A2) would like to have it.
struct Held : EngineWorld {
  explicit Held(Policy policy = EngineWorld::default_policy(),
                Containerizer containerizer = Containerizer::mesos)
      : EngineWorld(std::move(policy)) {
    subscribe();
    agent_added("A1", "a1");
    agent_added("A2", "a2");
    make_volume("pgdata");
    TaskRecord record = task("pg.1", "A1", "pgdata");
    record.containerizer = containerizer;
    containers["A1"].insert("pg.1");
    task_added(record);
    task_updated("pg.1", "A1", TaskState::task_running, StatusSource::source_executor);
    advance(seconds(1));
    REQUIRE(attached("pgdata", "a1"));
  }
  void end(TaskState state, StatusSource source, std::string reason = {}, std::string message = {}) {
    task_updated("pg.1", "A1", state, source, std::move(reason), std::move(message));
    advance(seconds(90));
  }
};

// pgdata at a1, whose agent A1 runs nothing, by a person's order.
inline void attach_by_order(EngineWorld& world) {
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  REQUIRE(world.order(AttachVolume{"pgdata", "a1"}).status);
  world.advance(seconds(1));
  REQUIRE(world.attached("pgdata", "a1"));
}

// pgdata at a1 by task pg.1 of agent A1, whose node side told in which boot it was attached.
inline void attach_beside_node_side(EngineWorld& world) {
  world.subscribe();
  world.boot_ids["a1"] = "boot-1";
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(seconds(1));
  REQUIRE(world.attached("pgdata", "a1"));
}

// The master lost pg.1, which proves nothing, and its agent does not answer.
inline void lose_untold(EngineWorld& world) {
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", TaskState::task_lost, StatusSource::source_master, "REASON_AGENT_REMOVED");
}

// A volume that this ledger did not make, at `host`, is adopted under its name.
inline void adopt_found(EngineWorld& world, const std::string& name, const std::string& host) {
  FakeVolume found;
  found.made.name = name;
  found.hosts = {host};
  world.truth[name] = found;
  world.advance(minutes(1));
  const AdoptVolume order{name, {ProviderName("local~lab"), "p1"}, name, Filesystem::ext4, AccessMode::rw};
  REQUIRE(world.order(order).status);
}

inline bool has(const EngineWorld& world, const std::string& kind_and_rule) {
  for (const HistoryEntry& entry : world.history) {
    if (entry.kind + "/" + entry.rule == kind_and_rule) return true;
  }
  return false;
}

}  // namespace extvold::testing
