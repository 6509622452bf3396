// The proof of the fold: after every recorded answer of the real master to GET_TASKS and GET_AGENTS, the
// state made of its snapshot and its events says the same.
#include <set>

#include "tests/replay/history.h"
#include "tests/replay/recordings_for_test.h"

namespace extvold::replay {
namespace {

// An answer was made a little before it was noted, and an event came a little after it was true.
constexpr Millis kBefore = 120;
constexpr Millis kAfter = 30;

using Names = std::multiset<std::string>;

Names tasks_of(const Json& get_tasks, bool deep) {
  Names names;
  for (const char* list : {"tasks", "unreachable_tasks", "completed_tasks"}) {
    const Json* tasks = find_path(get_tasks, {list});
    REQUIRE(tasks != nullptr);
    for (const Json& task : *tasks) {
      std::string name =
          std::string(list) + " " + text_at(task, {"task_id", "value"}) + " " + text_at(task, {"state"});
      if (deep) name += " " + nlohmann::json(task).dump();  // keys sorted: only order may differ
      names.insert(std::move(name));
    }
  }
  return names;
}

Names agents_of(const Json& get_agents) {
  Names names;
  for (const Json& agent : *find_path(get_agents, {"agents"})) {
    names.insert(text_at(agent, {"agent_info", "id", "value"}));
  }
  for (const Json& info : *find_path(get_agents, {"recovered_agents"})) {
    names.insert("recovered " + text_at(info, {"id", "value"}));
  }
  return names;
}

std::vector<Millis> moments(const Connection& connection, Millis t) {
  std::vector<Millis> all{t};
  for (const StreamRecord& record : connection.records) {
    if (record.t < t - kBefore || record.t > t + kAfter) continue;
    all.push_back(record.t - 1);
    all.push_back(record.t);
  }
  return all;
}

template <typename Compare>
bool agrees_soon(const Connection& connection, Millis t, Compare same) {
  for (const Millis moment : moments(connection, t)) {
    if (same(History::state_by_events(connection, moment))) return true;
  }
  return false;
}

template <typename Visit>
int for_each_answer(const History& history, const std::string& call, Visit visit) {
  int count = 0;
  for (const Row& row : history.recording().rows) {
    if (row.endpoint != "m1" || row.call != call || row.outcome != Outcome::answered || row.status != 200)
      continue;
    const Connection* connection = history.connection(history.view_of(row), row.t);
    if (connection == nullptr) continue;
    INFO(history.recording().name << " t=" << row.t << " " << row.source);
    visit(row, *connection);
    ++count;
  }
  return count;
}

TEST_CASE("folded tasks are those that the real master listed", "[fold]") {
  int compared = 0;
  for (const char* name : kScenarios) {
    const Recording recording = load(name);
    const History history(recording);
    compared += for_each_answer(history, "GET_TASKS", [](const Row& row, const Connection& connection) {
      const Json answer = parse_json(row.body);
      const Json& told = answer["get_tasks"];
      const bool same = agrees_soon(connection, row.t, [&](const ClusterState& state) {
        const Json* tasks = find_path(state.subscribed(), {"subscribed", "get_state", "get_tasks"});
        return tasks_of(*tasks, true) == tasks_of(told, true);
      });
      if (!same) {
        const ClusterState state = History::state_by_events(connection, row.t);
        CHECK(tasks_of(state.subscribed()["subscribed"]["get_state"]["get_tasks"], true) ==
              tasks_of(told, true));
      }
    });
  }
  CHECK(compared >= 95);
}

TEST_CASE("folded agents are those that the real master listed", "[fold]") {
  int compared = 0;
  for (const char* name : kScenarios) {
    const Recording recording = load(name);
    const History history(recording);
    compared += for_each_answer(history, "GET_AGENTS", [](const Row& row, const Connection& connection) {
      const Json answer = parse_json(row.body);
      const Json& told = answer["get_agents"];
      const bool same = agrees_soon(connection, row.t, [&](const ClusterState& state) {
        return agents_of(*find_path(state.subscribed(), {"subscribed", "get_state", "get_agents"})) ==
               agents_of(told);
      });
      CHECK(same);
    });
  }
  CHECK(compared >= 95);
}

// The stream never says that an agent is disconnected. In the recordings that happens to the killed agents of
// agent_restart and to nobody else; the served state takes it from the latest answer.
TEST_CASE("an agent's active flag comes from the latest answer, not from events", "[fold]") {
  std::set<std::string> silent;
  for (const char* name : kScenarios) {
    const Recording recording = load(name);
    const History history(recording);
    for_each_answer(history, "GET_AGENTS", [&](const Row& row, const Connection& connection) {
      const Json answer = parse_json(row.body);
      const ClusterState by_events = History::state_by_events(connection, row.t);
      const ClusterState served = history.state(connection, row.t);
      for (const Json& told : answer["get_agents"]["agents"]) {
        const std::string id = text_at(told, {"agent_info", "id", "value"});
        for (const Json& agent : by_events.list("get_agents", "agents")) {
          if (text_at(agent, {"agent_info", "id", "value"}) != id) continue;
          if (agent["active"] != told["active"]) {
            silent.insert(std::string(name) + " " + text_at(agent, {"agent_info", "hostname"}));
          }
        }
        for (const Json& agent : served.list("get_agents", "agents")) {
          if (text_at(agent, {"agent_info", "id", "value"}) == id) CHECK(agent["active"] == told["active"]);
        }
      }
    });
  }
  CHECK(silent == std::set<std::string>{"agent_restart a1.cluster", "agent_restart a2.cluster"});
}

TEST_CASE("computed gauges are those that the real master reported", "[fold]") {
  int compared = 0;
  for (const char* name : kScenarios) {
    const Recording recording = load(name);
    const History history(recording);
    for (const Row& row : recording.rows) {
      if (row.endpoint != "m1" || row.call != "/metrics/snapshot" || row.status != 200) continue;
      const Connection* connection = history.connection(1, row.t);
      if (!history.has_views()) connection = history.connection(0, row.t);
      if (connection == nullptr) continue;
      const Json told = parse_json(row.body);
      INFO(name << " t=" << row.t << " " << row.source);
      bool same = false;
      for (const Millis moment : moments(*connection, row.t)) {
        bool all = true;
        for (const auto& [gauge, value] : history.state(*connection, moment).gauges()) {
          if (told.contains(gauge) && told[gauge].get<double>() != value) {
            all = false;
            UNSCOPED_INFO(gauge << " computed " << value << " recorded " << told[gauge].get<double>());
          }
        }
        same = same || all;
      }
      CHECK(same);
      ++compared;
    }
  }
  CHECK(compared >= 38);
}

TEST_CASE("what only polls tell is in the served state", "[fold]") {
  SECTION("reservations and persistent volumes of an agent") {
    const Recording recording = load("reservations");
    const History history(recording);
    const ClusterState state = history.state(*history.connection(0, 6000), 6000);
    CHECK(dump_json(state.list("get_agents", "agents")).find("pv-orders") != std::string::npos);
    const ClusterState events = History::state_by_events(*history.connection(0, 6000), 6000);
    CHECK(dump_json(events.list("get_agents", "agents")).find("pv-orders") == std::string::npos);
  }
  SECTION("the executor of a pod") {
    const Recording recording = load("pods");
    const History history(recording);
    const ClusterState state = history.state(*history.connection(0, 5000), 5000);
    CHECK(dump_json(state.list("get_executors", "executors")).find("podshared") != std::string::npos);
  }
}

}  // namespace
}  // namespace extvold::replay
