// Crash points, one by one: a run from creation to a move, killed before its n-th effect (a commit, a call, a
// look), for n = 1, 2, … until a run completes without reaching it. What was not committed is
// lost, calls that were made have happened, their answers are lost. Every run must end in the same state.
#include <catch2/catch.hpp>
#include <functional>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::Crash;
using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

class Run {
 public:
  // Killed before the n-th effect from here on; what a script does next is done by the next daemon.
  void crash_before(int n) { world.crash_before_effect = n; }

  void moves() {
    play({
        [&] { subscribe(); },
        [&] { create(); },
        [&] { start("pg.1", "A1"); },
        [&] { world.advance(ev::seconds(5)); },
        [&] { end("pg.1", "A1"); },
        [&] { start("pg.2", "A2"); },
        [&] { world.advance(ev::seconds(30)); },
        [&] { create(); },  // answered "exists" where it was made before
        [&] { world.advance(ev::minutes(5)); },
    });
  }

  void ends_and_is_purged() {
    play({
        [&] { end("pg.2", "A2"); },
        [&] { world.advance(ev::seconds(30)); },
        [&] { remove(); },
        [&] { world.advance(ev::minutes(1)); },
        [&] { remove(); },  // where the order was not committed, or it was in use yet
        [&] { world.advance(ev::minutes(5)); },
    });
  }

  EngineWorld world;
  bool crashed = false;

 private:
  void play(const std::vector<std::function<void()>>& script) {
    for (const auto& act : script) {
      try {
        act();
      } catch (const Crash&) {
        crashed = true;
        world.restart();
        subscribe();
      }
    }
  }

  void subscribe() {
    std::vector<ev::MesosEvent> snapshot;
    for (const char* id : {"A1", "A2"}) {
      ev::AgentSeen seen;
      seen.agent.agent = ev::AgentId(id);
      seen.agent.hostname = std::string(id) == "A1" ? "a1" : "a2";
      seen.agent.address = "127.0.0.1:5051";
      seen.origin = ev::ElementOrigin::snapshot;
      snapshot.emplace_back(seen);
    }
    for (const ev::TaskRecord& task : alive_)
      snapshot.emplace_back(ev::TaskSeen{task, ev::ElementOrigin::snapshot, ev::TaskList::tasks});
    world.subscribe(std::move(snapshot));
  }

  void create() {
    if (world.engine().snapshot().volume_by_name("pgdata") != nullptr) return;
    ev::CreateVolume order;
    order.name = "pgdata";
    order.pool = {ev::ProviderName("local~lab"), "p1"};
    order.size_mb = 64;
    order.filesystem = ev::Filesystem::ext4;
    const auto reply = world.order(order);  // outside of REQUIRE, which would take the Crash for itself
    REQUIRE(reply.status);
    world.advance(ev::seconds(1));
  }

  void remove() {
    const auto known = [&] { return world.engine().snapshot().volume_by_name("pgdata"); };
    if (known() != nullptr && known()->volume.state == ev::VolumeState::available)
      static_cast<void>(world.order(ev::RemoveVolume{"pgdata", "pgdata"}));
    if (known() != nullptr && known()->volume.state == ev::VolumeState::trashed)
      static_cast<void>(world.order(ev::PurgeVolume{"pgdata", "pgdata", true}));
  }

  void start(const std::string& id, const std::string& agent) {
    alive_.push_back(world.task(id, agent, "pgdata", ev::TaskState::task_running));
    world.containers[agent].insert(id);
    world.task_added(alive_.back());
  }

  void end(const std::string& id, const std::string& agent) {
    std::erase_if(alive_, [&](const ev::TaskRecord& task) { return task.task.value == id; });
    world.end_container(id, agent);
    world.task_updated(id, agent, ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }

  std::vector<ev::TaskRecord> alive_;
};

}  // namespace

TEST_CASE("killed before each effect in turn, every run ends where the undisturbed one does") {
  int n = 1;
  for (; n < 1000; ++n) {
    Run run;
    INFO("killed before effect " << n);
    run.crash_before(n);
    run.moves();
    CHECK(run.world.attached("pgdata", "a2"));
    CHECK_FALSE(run.world.attached("pgdata", "a1"));
    CHECK(run.world.volume("pgdata").volume.format == ev::FormatState::formatted);
    CHECK(run.world.volume("pgdata").open_operation == nullptr);
    CHECK(run.world.truth.size() == 1);
    if (!run.crashed) break;
  }
  CHECK(n > 50);    // the run has that many places to die at
  CHECK(n < 1000);  // and came to its end
}

TEST_CASE("killed before each effect of a removal in turn, the volume is detached and then gone, once") {
  int n = 1;
  for (; n < 1000; ++n) {
    Run run;
    INFO("killed before effect " << n);
    run.moves();
    run.crash_before(n);
    run.ends_and_is_purged();
    CHECK(run.world.truth.empty());
    CHECK(run.world.engine().snapshot().volume_by_name("pgdata") == nullptr);
    if (!run.crashed) break;
  }
  CHECK(n > 10);
  CHECK(n < 1000);
}
