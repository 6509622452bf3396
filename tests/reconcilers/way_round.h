// WayRound: the world of an attack. Nothing but extvold's own rules keeps the second host out, and the world
// itself fails a test as soon as both hosts have the volume.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/reconcilers/held.h"

namespace extvold::testing {

// A provider that gives the volume to whoever is named, and shows only what is attached where.
inline Policy unguarded() {
  Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.exclusive_attach = false;
  policy.providers[0].capabilities.shows_running_calls = false;
  return policy;
}

// ... and whose hosts write on after a detach.
inline Policy unenforced() {
  Policy policy = unguarded();
  policy.providers[0].capabilities.detach_enforced = false;
  return policy;
}

struct WayRound : Held {
  explicit WayRound(Policy policy = unguarded()) : Held(std::move(policy)) {}

  std::int64_t count(const std::string& call) const { return std::count(calls.begin(), calls.end(), call); }
  FakeVolume& real() { return truth.at(volume("pgdata").volume.key); }

  // The agent is not heard of any more. Nobody says whether its task runs.
  void lose(const std::string& id, const std::string& agent) {
    silent_agents.insert(agent);
    task_updated(id, agent, TaskState::task_unreachable, StatusSource::source_master, "REASON_AGENT_REMOVED");
  }
  // Over, by a word that proves nothing of its container.
  void over(const std::string& id, const std::string& agent) {
    task_updated(id, agent, TaskState::task_killed, StatusSource::source_executor);
  }
  // The agent is here again, and shows that the task's container is gone.
  void proves(const std::string& id, const std::string& agent, const std::string& host) {
    end_container(id, agent);
    silent_agents.erase(agent);
    agent_added(agent, host);
    over(id, agent);
    advance(minutes(2));
  }
  bool confirm(const std::string& host, bool off = true) {
    if (off) powered_off.insert(host);
    return order(FenceConfirm{host, host, "it has no power"}).status.has_value();
  }

  // kill -9, started again, and the master tells all that it knows.
  void start_again() {
    restart();
    std::vector<MesosEvent> snapshot;
    for (const auto& [id, agent] : master.agents) {
      AgentSeen seen = agent;
      seen.origin = ElementOrigin::snapshot;
      snapshot.emplace_back(std::move(seen));
    }
    for (const auto& [key, task] : master.tasks) {
      const TaskList list = task.state == TaskState::task_unreachable ? TaskList::unreachable_tasks
                            : is_terminal(task.state)                 ? TaskList::completed_tasks
                                                                      : TaskList::tasks;
      snapshot.emplace_back(TaskSeen{task, ElementOrigin::snapshot, list});
    }
    subscribe(std::move(snapshot));
  }

  // However long it is waited, and though the daemon is killed: a1 keeps it, a2 does not get it.
  void wait_in_vain(bool again = true) {
    const std::int64_t detaches = count("detach pgdata a1");
    for (int round = 0; round < (again ? 2 : 1); ++round) {
      if (round > 0) start_again();
      advance(minutes(20));
      INFO((round > 0 ? "after the daemon was started again" : "in the daemon's first life"));
      CHECK(attached("pgdata", "a1"));
      CHECK(count("attach pgdata a2") == 0);
      CHECK(count("detach pgdata a1") == detaches);
    }
  }
  void moves() {
    advance(minutes(5));
    INFO(story());
    CHECK(attached("pgdata", "a2"));
    CHECK(count("attach pgdata a2") == 1);
  }

  // What `explain` shows of the volume on that host: why, who must act, and of whom it speaks.
  void says(const std::string& host, const std::string& reason, Owner owner,
            const std::vector<std::string>& parts = {}, const std::string& name = "pgdata") const {
    const Host* at = engine().snapshot().host_by_name(host);
    REQUIRE(at != nullptr);
    const auto& rows = volume(name).blocked;
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const BlockedRow& one) { return one.host == at->id; });
    INFO(story());
    REQUIRE(row != rows.end());
    CHECK(row->reason == reason);
    CHECK(to_text(row->owner) == to_text(owner));
    for (const std::string& part : parts) CHECK_THAT(row->text, Catch::Contains(part));
  }
  std::string story() const {
    std::string out;
    for (const std::string& call : calls) out += call + ", ";
    for (const BlockedRow& row : volume("pgdata").blocked)
      out += "\n" + row.reason + " (" + std::string(to_text(row.owner)) + "): " + row.text;
    return out;
  }
};

}  // namespace extvold::testing
