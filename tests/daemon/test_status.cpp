// What status says of the master's answers and of what was not understood, as JSON and as text.
#include <catch2/catch.hpp>

#include "daemon/api/views.h"
#include "daemon/cli/render.h"
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

}  // namespace extvold
