// What status says of the master's answers and of what was not understood, as JSON and as text.
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "daemon/api/views.h"
#include "daemon/cli/render.h"
#include "daemon/record/record.h"
#include "tests/daemon/api_world.h"

namespace extvold {
namespace {

namespace api = daemon::api;
using daemon::cli::render_status;
using daemon::record::Json;

struct Shown {
  Snapshot snapshot;
  Observed observed;
  Policy policy;
  api::StatusFacts facts;
  tests::FixedClock clock;

  Json json() const {
    return api::status_view({snapshot, observed, policy, {clock.now(), clock.wall()}}, facts);
  }
  std::string text() const { return render_status(json(), {}); }
};

// Everything that can be said, said at least once.
Shown full() {
  Shown out;
  for (const MasterCall call : {MasterCall::get_agents, MasterCall::metrics})
    out.observed.master_calls[call] = {out.clock.now(), {}, 0, ""};
  Agent agent;
  agent.id = AgentId("A1");
  agent.state = AgentState::registered;
  out.snapshot.apply(Change(agent));
  out.observed.agents[agent.id].api_error = "no answer";
  Claim claim;
  claim.id = {1};
  claim.agent = agent.id;
  claim.unresolved = Unresolved::unmapped_driver;
  claim.reference.driver = "glusterfs";
  out.snapshot.apply(Change(claim));
  out.policy.providers.emplace_back().name = ProviderName("local~lab");
  out.policy.drivers.push_back({"extvold", ProviderName("local~lab"), AttachBy::extvold, {}});
  daemon::DriverStatus driver;
  driver.zookeeper.emplace();
  driver.zookeeper->leader_node = "json.info_0000000001";
  out.facts.driver = driver;
  return out;
}

// "mesos.calls[].call" of each value, and of what is between.
void add_paths(const Json& value, const std::string& path, std::set<std::string>& leaves,
               std::set<std::string>& nodes) {
  const bool inner = (value.is_object() && !value.empty()) || (value.is_array() && !value.empty());
  nodes.insert(path);
  if (!inner) {
    leaves.insert(path);
  } else if (value.is_array() && !value[0].is_object()) {
    leaves.insert(path);
  } else if (value.is_array()) {
    for (const Json& one : value) add_paths(one, path + "[]", leaves, nodes);
  } else {
    for (const auto& [key, one] : value.items())
      add_paths(one, path.empty() ? key : path + "." + key, leaves, nodes);
  }
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("status: how the master answers each call that it is asked again and again") {
  Shown status;
  CHECK(status.json()["mesos"]["calls"] == Json::array());
  CHECK_FALSE(contains(status.text(), "polls"));

  const auto ago = [&](std::int64_t s) { return Instant{status.clock.now().ns - seconds(s).ns}; };
  status.observed.master_calls[MasterCall::get_agents] = {ago(5), {}, 0, ""};
  status.observed.master_calls[MasterCall::get_tasks] = {{}, ago(1), 3, "get_tasks of m: answered 403"};
  status.observed.master_calls[MasterCall::metrics] = {ago(60), ago(1), 1, "no answer"};
  const Json calls = status.json()["mesos"]["calls"];
  REQUIRE(calls.size() == 3);
  CHECK(calls[0] == Json({{"call", "get_agents"},
                          {"answered_at", "2025-12-31T23:59:55Z"},
                          {"failed_at", nullptr},
                          {"failures", 0},
                          {"error", nullptr}}));
  CHECK(calls[1]["answered_at"] == nullptr);
  CHECK(calls[1]["failed_at"] == "2025-12-31T23:59:59Z");
  CHECK(calls[1]["error"] == "get_tasks of m: answered 403");
  const std::string text = status.text();
  CHECK(contains(text, "polls       answered: get_agents 2025-12-31T23:59:55Z\n"));
  CHECK(contains(text, "get_tasks fails: get_tasks of m: answered 403 (3 in a row; last answered: never)\n"));
  CHECK(contains(text, "metrics fails: no answer (1 in a row; last answered: 2025-12-31T23:59:00Z)\n"));
}

TEST_CASE("status: what agents are in, and what is planned for them") {
  Shown status;
  const auto put = [&](const char* id, AgentState state, const char* drain, bool deactivated,
                       Maintenance maintenance) {
    Agent agent;
    agent.id = AgentId(id);
    agent.state = state;
    agent.drain_state = drain;
    agent.deactivated = deactivated;
    agent.maintenance = maintenance;
    status.snapshot.apply(agent);
  };
  put("S1", AgentState::registered, "", false, Maintenance::none);
  put("S2", AgentState::registered, "DRAINING", true, Maintenance::scheduled);
  put("S3", AgentState::disconnected, "DRAINED", true, Maintenance::none);
  put("S4", AgentState::unreachable, "", false, Maintenance::down);
  put("S5", AgentState::gone, "", false, Maintenance::none);
  const Json agents = status.json()["agents"];
  CHECK(agents["registered"] == 2);
  CHECK(agents["disconnected"] == 1);
  CHECK(agents["unreachable"] == 1);
  CHECK(agents["gone"] == 1);
  CHECK(agents["absent"] == 0);
  CHECK(agents["draining"] == 1);
  CHECK(agents["drained"] == 1);
  CHECK(agents["deactivated"] == 2);
  CHECK(agents["in_maintenance"] == 2);
  CHECK(
      contains(status.text(), "2 registered, 1 disconnected, 1 unreachable, 1 gone, 1 draining, 1 drained"));
}

TEST_CASE("status: what of Mesos' words was not understood, and when the stream had to wait") {
  Shown status;
  daemon::DriverStatus driver;
  driver.ingest.records = 7;
  driver.ingest.elements = 9;
  status.facts.driver = driver;
  CHECK(status.json()["activity"]["ingest"]["records"] == 7);
  CHECK(status.json()["activity"]["ingest"]["unknown_fields"] == 0);
  CHECK_FALSE(contains(status.text(), "\ningest"));

  driver.counts.streams_undecodable = 1;
  driver.counts.stream_pauses = 2;
  driver.ingest.unknown_types = 3;
  driver.ingest.unknown_fields = 4;
  driver.ingest.unknown_values = 5;
  driver.ingest.replaced_bytes = 6;
  driver.ingest.cut_texts = 8;
  status.facts.driver = driver;
  const Json activity = status.json()["activity"];
  CHECK(activity["streams_undecodable"] == 1);
  CHECK(activity["stream_pauses"] == 2);
  CHECK(activity["ingest"] == Json({{"bytes", 0},
                                    {"records", 7},
                                    {"elements", 9},
                                    {"elements_copied", 0},
                                    {"unknown_types", 3},
                                    {"unknown_fields", 4},
                                    {"unknown_values", 5},
                                    {"replaced_bytes", 6},
                                    {"cut_texts", 8}}));
  CHECK(contains(status.text(),
                 "\ningest      1 streams_undecodable, 2 stream_pauses, 3 unknown_types, 4 unknown_fields, "
                 "5 unknown_values, 6 replaced_bytes, 8 cut_texts\n"));
}

TEST_CASE("status: every field is documented, and every documented field is there") {
  const auto page = daemon::record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/docs/api.md");
  REQUIRE(page);
  const std::size_t begin = page->find("### GET /v1/status\n");
  REQUIRE(begin != std::string::npos);
  const std::string section = page->substr(begin, page->find("\n### ", begin) - begin);
  std::set<std::string> leaves;
  std::set<std::string> nodes;
  add_paths(full().json(), "", leaves, nodes);
  CHECK(leaves.size() > 100);
  std::set<std::string> documented;  // first column of the table
  std::istringstream lines(section);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string column = line.substr(2, line.find(" |") - 2);
    for (std::size_t at = 0; (at = column.find('`', at)) != std::string::npos;) {
      const std::size_t close = column.find('`', at + 1);
      documented.insert(column.substr(at + 1, close - at - 1));
      at = close + 1;
    }
  }
  for (const std::string& path : leaves) {
    INFO(path);
    CHECK(documented.contains(path));
  }
  for (const std::string& path : documented) {
    INFO(path);
    CHECK(nodes.contains(path));
  }
}

}  // namespace extvold
