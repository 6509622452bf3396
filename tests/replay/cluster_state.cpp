#include "tests/replay/cluster_state.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace extvold::replay {
namespace {

struct ListName {
  const char* part;
  const char* name;
};
constexpr std::array<ListName, 8> kLists = {{{"get_tasks", "tasks"},
                                             {"get_tasks", "unreachable_tasks"},
                                             {"get_tasks", "completed_tasks"},
                                             {"get_executors", "executors"},
                                             {"get_frameworks", "frameworks"},
                                             {"get_frameworks", "completed_frameworks"},
                                             {"get_agents", "agents"},
                                             {"get_agents", "recovered_agents"}}};

bool is_terminal(std::string_view state) {
  constexpr std::array<std::string_view, 8> kTerminal = {
      "TASK_FINISHED", "TASK_FAILED",  "TASK_KILLED", "TASK_ERROR",
      "TASK_LOST",     "TASK_DROPPED", "TASK_GONE",   "TASK_GONE_BY_OPERATOR"};
  return std::find(kTerminal.begin(), kTerminal.end(), state) != kTerminal.end();
}

std::string task_id(const Json& task) { return text_at(task, {"task_id", "value"}); }
std::string framework_id(const Json& object) { return text_at(object, {"framework_id", "value"}); }
std::string agent_id(const Json& agent) { return text_at(agent, {"agent_info", "id", "value"}); }
std::string info_id(const Json& framework) { return text_at(framework, {"framework_info", "id", "value"}); }

bool same_task(const Json& a, const Json& b) {
  return task_id(a) == task_id(b) && framework_id(a) == framework_id(b);
}

template <typename Matches>
void erase_if(Json& array, Matches matches) {
  Json kept = Json::array();
  for (Json& element : array) {
    if (!matches(element)) kept.push_back(std::move(element));
  }
  array = std::move(kept);
}

template <typename Matches>
Json* find_if(Json& array, Matches matches) {
  for (Json& element : array) {
    if (matches(element)) return &element;
  }
  return nullptr;
}

// The master keeps one status per state, the latest, without its data; an update that it made itself has no
// uuid and leaves the acknowledgement state alone.
void record_status(Json& task, const Json& update) {
  Json status = update["status"];
  status.erase("data");
  Json& statuses = task["statuses"];
  if (!statuses.is_array()) statuses = Json::array();
  if (!statuses.empty() && text_at(statuses.back(), {"state"}) == text_at(status, {"state"})) {
    statuses.erase(statuses.size() - 1);
  }
  if (status.contains("uuid")) {
    task["status_update_state"] = status["state"];
    task["status_update_uuid"] = status["uuid"];
  }
  statuses.push_back(std::move(status));
  task["state"] = update["state"];
}

}  // namespace

Result<ClusterState> ClusterState::from_subscribed(const Json& record) {
  ClusterState state;
  state.record_ = record;
  for (const ListName& list : kLists) {
    const Json* found = find_path(record, {"subscribed", "get_state", list.part, list.name});
    if (found == nullptr || !found->is_array()) {
      return fail(Errc::invalid, "SUBSCRIBED has no array get_state.{}.{}", list.part, list.name);
    }
  }
  return state;
}

Json& ClusterState::list(const char* part, const char* name) {
  return record_["subscribed"]["get_state"][part][name];
}

const Json& ClusterState::list(const char* part, const char* name) const {
  return *find_path(record_, {"subscribed", "get_state", part, name});
}

void ClusterState::apply(Millis t, const Json& event) {
  const std::string type = text_at(event, {"type"});
  if (const Json* task = find_path(event, {"task_added", "task"})) {
    task_added(*task);
  } else if (const Json* update = find_path(event, {"task_updated"})) {
    if (update->contains("status") && update->contains("state")) task_updated(*update);
  } else if (const Json* agent = find_path(event, {"agent_added", "agent"})) {
    agent_added(t, *agent);
  } else if (type == "AGENT_REMOVED") {
    agent_gone(text_at(event, {"agent_removed", "agent_id", "value"}));
  } else if (const Json* added = find_path(event, {"framework_added", "framework"})) {
    framework_put(*added);
  } else if (const Json* updated = find_path(event, {"framework_updated", "framework"})) {
    framework_put(*updated);
  } else if (const Json* info = find_path(event, {"framework_removed", "framework_info"})) {
    framework_removed(*info);
  }
}

// An upsert that resurrects: a task comes back from unreachable, lost or completed under the same id.
void ClusterState::task_added(const Json& task) {
  for (const char* name : {"tasks", "unreachable_tasks", "completed_tasks"}) {
    erase_if(list("get_tasks", name), [&](const Json& known) { return same_task(known, task); });
  }
  list("get_tasks", "tasks").push_back(task);
}

void ClusterState::task_updated(const Json& update) {
  const std::string framework = framework_id(update);
  const std::string id = text_at(update, {"status", "task_id", "value"});
  const auto matches = [&](const Json& task) {
    return task_id(task) == id && framework_id(task) == framework;
  };
  for (const char* name : {"tasks", "unreachable_tasks"}) {
    Json* task = find_if(list("get_tasks", name), matches);
    if (task == nullptr) continue;
    record_status(*task, update);
    const char* to = nullptr;
    if (find_path(update, {"status", "unreachable_time"}) != nullptr) {
      // The only trace in the stream of an agent that became unreachable: it leaves the list without an
      // event.
      const std::string agent = text_at(*task, {"agent_id", "value"});
      agent_gone(agent);
      unreachable_.insert(agent);
      to = "unreachable_tasks";
    } else if (is_terminal(text_at(update, {"state"}))) {
      to = "completed_tasks";
    }
    if (to == nullptr) return;
    Json moved = std::move(*task);
    *task = Json();
    erase_if(list("get_tasks", name), [](const Json& left) { return left.is_null(); });
    list("get_tasks", to).push_back(std::move(moved));
    return;
  }
}

void ClusterState::agent_added(Millis t, const Json& agent) {
  const std::string id = agent_id(agent);
  registered_[id] = t;
  unreachable_.erase(id);
  erase_if(list("get_agents", "recovered_agents"), [&](const Json& info) {
    return text_at(info, {"id", "value"}) == id;
  });
  Json& agents = list("get_agents", "agents");
  if (Json* known = find_if(agents, [&](const Json& a) { return agent_id(a) == id; })) {
    *known = agent;
  } else {
    agents.push_back(agent);
  }
}

void ClusterState::agent_gone(const std::string& id) {
  erase_if(list("get_agents", "agents"), [&](const Json& agent) { return agent_id(agent) == id; });
  erase_if(list("get_executors", "executors"), [&](const Json& executor) {
    return text_at(executor, {"agent_id", "value"}) == id;
  });
}

void ClusterState::framework_put(const Json& framework) {
  const std::string id = info_id(framework);
  Json& frameworks = list("get_frameworks", "frameworks");
  if (Json* known = find_if(frameworks, [&](const Json& f) { return info_id(f) == id; })) {
    *known = framework;
  } else {
    frameworks.push_back(framework);
  }
}

void ClusterState::framework_removed(const Json& info) {
  const std::string id = text_at(info, {"id", "value"});
  Json& frameworks = list("get_frameworks", "frameworks");
  if (Json* known = find_if(frameworks, [&](const Json& f) { return info_id(f) == id; })) {
    Json completed = *known;
    completed["active"] = false;
    completed["connected"] = false;
    list("get_frameworks", "completed_frameworks").push_back(std::move(completed));
    erase_if(frameworks, [&](const Json& f) { return info_id(f) == id; });
  }
  for (const char* name : {"tasks", "unreachable_tasks"}) {
    Json& tasks = list("get_tasks", name);
    for (const Json& task : tasks) {
      if (framework_id(task) == id) list("get_tasks", "completed_tasks").push_back(task);
    }
    erase_if(tasks, [&](const Json& task) { return framework_id(task) == id; });
  }
  erase_if(list("get_executors", "executors"), [&](const Json& executor) {
    return text_at(executor, {"executor_info", "framework_id", "value"}) == id;
  });
}

void ClusterState::refresh_agents(Millis t, const Json& get_agents) {
  const Json* told = find_path(get_agents, {"get_agents", "agents"});
  if (told == nullptr || !told->is_array()) return;
  for (Json& agent : list("get_agents", "agents")) {
    const std::string id = agent_id(agent);
    const auto registered = registered_.find(id);
    if (registered != registered_.end() && registered->second >= t) continue;
    for (const Json& other : *told) {
      if (agent_id(other) == id) agent = other;
    }
  }
}

void ClusterState::refresh_executors(const Json& get_executors) {
  const Json* told = find_path(get_executors, {"get_executors", "executors"});
  if (told == nullptr || !told->is_array()) return;
  std::set<std::string> here;
  for (const Json& agent : list("get_agents", "agents")) here.insert(agent_id(agent));
  Json& executors = list("get_executors", "executors");
  executors = *told;
  erase_if(executors, [&](const Json& executor) {
    return !here.contains(text_at(executor, {"agent_id", "value"}));
  });
}

std::map<std::string, double> ClusterState::gauges() const {
  std::map<std::string, double> gauges;
  const auto count_tasks = [&](const char* list_name, const char* state, const char* gauge) {
    const Json& tasks = list("get_tasks", list_name);
    gauges[gauge] = static_cast<double>(std::count_if(
        tasks.begin(), tasks.end(), [&](const Json& task) { return text_at(task, {"state"}) == state; }));
  };
  count_tasks("tasks", "TASK_STAGING", "master/tasks_staging");
  count_tasks("tasks", "TASK_STARTING", "master/tasks_starting");
  count_tasks("tasks", "TASK_RUNNING", "master/tasks_running");
  count_tasks("tasks", "TASK_KILLING", "master/tasks_killing");
  count_tasks("unreachable_tasks", "TASK_UNREACHABLE", "master/tasks_unreachable");

  double active = 0;
  const Json& agents = list("get_agents", "agents");
  for (const Json& agent : agents) {
    const Json* flag = find_path(agent, {"active"});
    if (flag != nullptr && flag->is_boolean() && flag->get<bool>()) ++active;
  }
  const double inactive = static_cast<double>(agents.size()) - active;
  gauges["master/slaves_active"] = active;
  gauges["master/slaves_connected"] = active;
  gauges["master/slaves_inactive"] = inactive;
  gauges["master/slaves_disconnected"] = inactive;
  gauges["master/slaves_unreachable"] = static_cast<double>(unreachable_.size());
  return gauges;
}

}  // namespace extvold::replay
