// What a master would put into SUBSCRIBED: a recorded snapshot, brought up to date event by event as the
// master's own books are (reference: Mesos 1.12 src/master, as the operator API shows it). A value; one
// thread at a time.
#pragma once

#include <map>
#include <set>
#include <string>

#include "model/result.h"
#include "tests/replay/json.h"
#include "tests/replay/recording.h"

namespace extvold::replay {

class ClusterState {
 public:
  // `record` is a whole SUBSCRIBED record. Errors: invalid.
  static Result<ClusterState> from_subscribed(const Json& record);

  // Events of other types, and updates of tasks that are not known, change nothing.
  void apply(Millis t, const Json& event);

  // What no event ever tells (flags, reservations, volumes, allocation of an agent): taken from an answer to
  // GET_AGENTS that came at `t`, for agents that did not register after it. Agents neither come nor go by it.
  void refresh_agents(Millis t, const Json& get_agents);
  // The same for executors, which have no events at all; those of agents that are not there are left out.
  void refresh_executors(const Json& get_executors);

  const Json& subscribed() const { return record_; }           // the record that a subscriber gets now
  const Json& list(const char* part, const char* name) const;  // list("get_tasks", "unreachable_tasks")

  // The gauges of /metrics/snapshot that follow from the state: "master/tasks_running" and the like.
  std::map<std::string, double> gauges() const;

 private:
  Json& list(const char* part, const char* name);
  void task_added(const Json& task);
  void task_updated(const Json& update);
  void agent_added(Millis t, const Json& agent);
  void agent_gone(const std::string& id);
  void framework_put(const Json& framework);
  void framework_removed(const Json& info);

  Json record_;
  std::map<std::string, Millis> registered_;  // agent id → its last AGENT_ADDED
  std::set<std::string> unreachable_;         // agent ids
};

}  // namespace extvold::replay
