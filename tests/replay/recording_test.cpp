#include "tests/replay/recording.h"

#include <algorithm>

#include "tests/replay/recordings_for_test.h"

namespace extvold::replay {
namespace {

TEST_CASE("every shared recording is read whole", "[recording]") {
  for (const char* name : kScenarios) {
    const Recording recording = load(name);
    INFO(name);
    CHECK(recording.name == name);
    CHECK(recording.endpoints.size() == 4);
    CHECK(recording.endpoints.front().is_master());
    CHECK(recording.remarks.empty());
    CHECK(recording.end > 5000);
    for (const Connection& connection : recording.connections) {
      CHECK(connection.records.back().end == connection.bytes.size());  // nothing half read
      for (std::size_t i = 1; i < connection.records.size(); ++i) {
        CHECK(connection.records[i - 1].t <= connection.records[i].t);
      }
    }
    CHECK(std::is_sorted(recording.rows.begin(), recording.rows.end(),
                         [](const Row& a, const Row& b) { return a.t < b.t; }));
  }
}

TEST_CASE("connections that overlap in the recording are kept apart", "[recording]") {
  const Recording recording = load("authenticated");
  REQUIRE(recording.connections.size() == 2);
  CHECK(recording.connections[0].records.size() == 9);
  CHECK(recording.connections[1].records.size() == 2);
  REQUIRE(recording.unauthorized);
  CHECK(recording.unauthorized->body == "401 Unauthorized.");
  CHECK(recording.unauthorized->www_authenticate == "Basic realm=\"mesos-master-readwrite\"");
}

TEST_CASE("polls of an agent's API are not taken for the master's", "[recording]") {
  const Recording recording = load("pods");
  int agents = 0;
  for (const Row& row : recording.rows) {
    if (!row.polled || row.endpoint == "m1") continue;
    CHECK(row.endpoint == "a1");
    ++agents;
  }
  CHECK(agents == 4);  // GET_EXECUTORS, GET_TASKS, GET_CONTAINERS, GET_STATE
}

TEST_CASE("records are found wherever the pieces are cut", "[recording]") {
  const std::string bytes = "2\n{}13\n{\"type\":\"X\"} 5\n{\"a\"";  // the last one broke off
  const auto at_once = split_records(bytes, {{10, 0, bytes.size()}});
  REQUIRE(at_once);
  REQUIRE(at_once->size() == 2);
  CHECK((*at_once)[1].t == 10);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    const auto records = split_records(bytes, {{10, 0, cut}, {20, cut, bytes.size()}});
    REQUIRE(records);
    REQUIRE(records->size() == 2);
    CHECK((*records)[0].t == ((*records)[0].end <= cut ? 10 : 20));
    CHECK((*records)[1].t == ((*records)[1].end <= cut ? 10 : 20));
  }
}

TEST_CASE("what is no recording is refused by name", "[recording]") {
  const auto nowhere = load_recording("/nonexistent/recording");
  REQUIRE(!nowhere);
  CHECK(nowhere.error().code == Errc::not_found);
  CHECK(nowhere.error().message.find("/nonexistent/recording") != std::string::npos);
  CHECK(!split_records("x\n{}", {{0, 0, 4}}));
  CHECK(!split_records("99999999999999999999\n{}", {{0, 0, 23}}));
  CHECK(!split_records("2\n[]", {{0, 0, 4}}));
}

}  // namespace
}  // namespace extvold::replay
