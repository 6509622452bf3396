// MesosCaller: what it asks is what a real master accepted, and each answer becomes what it means.
#include <catch2/catch.hpp>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "daemon/http_client.h"
#include "daemon/mesos_caller.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

using Json = nlohmann::json;

const std::string kRecording = std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/mesos/reservations";

std::string file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  INFO(path);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The n-th such call of the recording, as it was asked.
struct Recorded {
  Json request;
  int status = 0;
  std::string body;
};
Recorded recorded(const std::string& call, int number) {
  std::ifstream lines(kRecording + "/timeline.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const Json one = Json::parse(line);
    if (one.value("call", "") == call && number-- == 0)
      return {one["request"], one["status"], file(kRecording + "/" + one["file"].get<std::string>())};
  }
  FAIL("no such call");
  return {};
}

const std::string kAgent = "890b7b36-aed5-4fcd-bfe4-4d211781bd02-S1";
std::string slaves() { return file(kRecording + "/polls/0042-slaves.json"); }

MesosOperation warehouse(MesosOperationKind kind) {
  MesosOperation out;
  out.id = OperationId("op-1");
  out.kind = kind;
  out.agent = AgentId(kAgent);
  out.request.role = "db";
  out.request.resource = "ext-storage-inst1";
  out.request.amount_milli = 7'500'000'000;
  out.request.labels = {{"extvold.volume", "warehouse"},
                        {"extvold.fs", "xfs"},
                        {"extvold.iops", "900"},
                        {"extvold.profile", "gold"}};
  return out;
}

MesosOperation orders(MesosOperationKind kind) {
  MesosOperation out = warehouse(kind);
  out.request = {};
  out.request.role = "db";
  out.request.resource = "disk";
  out.request.amount_milli = 2'048'000;
  out.request.persistence_id = "pv-orders";
  out.request.container_path = "orders";
  return out;
}

Json body(const MesosOperation& operation, std::string_view answer, const std::string& principal = {}) {
  const auto text = mesos_call_body(operation, answer, principal);
  INFO((text ? *text : text.error().message));
  REQUIRE(text);
  return Json::parse(*text);
}

// A master that answers /slaves as recorded, and changes as it is told.
struct Master {
  explicit Master(std::string status, std::string said = {})
      : server([this, status = std::move(status), said = std::move(said)](Connection& connection, int) {
          while (true) {
            const std::string request = connection.read_request();
            if (request.empty()) return;
            const bool list = request.starts_with("GET /slaves?slave_id=" + kAgent);
            {
              const std::lock_guard lock(mutex);
              requests.push_back(request);
            }
            if ((!list && status.empty()) || (list && hangs_on_list)) return connection.wait_for_hangup();
            if (!connection.send(whole_answer(list ? "200 OK" : status, list ? slaves() : said))) return;
          }
        }) {}
  std::mutex mutex;
  std::vector<std::string> requests;
  bool hangs_on_list = false;
  RawServer server;
};

MesosCallResult ask(
    Master& master, MesosOperation operation, std::function<bool()> may_go_on = [] { return true; }) {
  SystemClock clock;
  uv::Loop loop;
  CurlHttpClient http(loop, clock);
  MesosCaller caller(http, clock, nullptr, milliseconds(500));
  std::optional<MesosCallResult> result;
  caller.call(master.server.url("/api/v1"), Recipient::trusted, std::move(operation), std::move(may_go_on),
              [&](MesosCallResult one) { result = std::move(one); });
  CHECK_FALSE(result);  // never from inside the call
  REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  return *result;
}

}  // namespace

TEST_CASE("mesos caller: a reservation is asked for as the recorded one was") {
  CHECK(body(warehouse(MesosOperationKind::reserve_resources), {}, "ops") ==
        recorded("RESERVE_RESOURCES", 0).request);
  MesosOperation named = warehouse(MesosOperationKind::reserve_resources);
  named.request.principal = "ops";
  CHECK(body(named, {}, "somebody else") == recorded("RESERVE_RESOURCES", 0).request);
}

TEST_CASE("mesos caller: what is there is named as the master lists it") {
  CHECK(body(warehouse(MesosOperationKind::unreserve_resources), slaves()) ==
        recorded("UNRESERVE_RESOURCES", 0).request);
  CHECK(body(orders(MesosOperationKind::destroy_volumes), slaves()) ==
        recorded("DESTROY_VOLUMES", 0).request);
  MesosOperation part = warehouse(MesosOperationKind::unreserve_resources);
  part.request.amount_milli = 500;
  const Json half = body(part, slaves());
  CHECK(half["unreserve_resources"]["resources"][0]["scalar"]["value"] == 0.5);
}

TEST_CASE("mesos caller: a volume is made of a reservation that is there") {
  // The list of before the volume was made: its disk, reserved and without a volume.
  Json before = Json::parse(slaves());
  for (Json& one : before["slaves"][0]["reserved_resources_full"]["db"]) {
    if (one["name"] == "disk") one.erase("disk");
  }
  CHECK(body(orders(MesosOperationKind::create_volumes), before.dump()) ==
        recorded("CREATE_VOLUMES", 0).request);
  before["slaves"][0]["reserved_resources_full"].erase("db");
  const auto none = mesos_call_body(orders(MesosOperationKind::create_volumes), before.dump(), {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Errc::not_found);
}

TEST_CASE("mesos caller: what could mean two things, or is no answer, is not asked") {
  Json twice = Json::parse(slaves());
  Json& of_db = twice["slaves"][0]["reserved_resources_full"]["db"];
  of_db.push_back(of_db[0]);
  const auto two = mesos_call_body(warehouse(MesosOperationKind::unreserve_resources), twice.dump(), {});
  REQUIRE_FALSE(two);
  CHECK(two.error().code == Errc::conflict);
  for (const std::string_view bad : {"", "{", "[]", "{\"slaves\":3}", "{\"slaves\":[7]}", "null"}) {
    INFO(bad);
    CHECK_FALSE(mesos_call_body(warehouse(MesosOperationKind::unreserve_resources), bad, {}));
  }
}

TEST_CASE("mesos caller: calls about agents have the master's own fields") {
  MesosOperation one = warehouse(MesosOperationKind::drain_agent);
  one.request = {};
  one.request.grace_seconds = 600;
  CHECK(body(one, {}) ==
        Json::parse(R"({"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":")" + kAgent +
                    R"("},"max_grace_period":{"seconds":600},"mark_gone":false}})"));
  one.kind = MesosOperationKind::mark_agent_gone;
  CHECK(body(one, {}) == Json::parse(R"({"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":")" +
                                     kAgent + R"("}}})"));
}

TEST_CASE("mesos caller: the recorded answers mean what they say") {
  SECTION("202 is accepted") {
    Master master("202 Accepted");
    CHECK(ask(master, warehouse(MesosOperationKind::unreserve_resources)).answer == MesosAnswer::accepted);
    REQUIRE(master.requests.size() == 2);
    CHECK(master.requests[1].starts_with("POST /api/v1"));
  }
  SECTION("409 is a refusal, in the master's words") {
    const Recorded said = recorded("UNRESERVE_RESOURCES", 1);
    REQUIRE(said.status == 409);
    Master master("409 Conflict", said.body);
    const MesosCallResult result = ask(master, warehouse(MesosOperationKind::unreserve_resources));
    CHECK(result.answer == MesosAnswer::refused);
    CHECK(result.error.code == Errc::conflict);
    CHECK(result.error.message.find("does not contain") != std::string::npos);
  }
  SECTION("400: in use") {
    const Recorded said = recorded("DESTROY_VOLUMES", 0);
    REQUIRE(said.status == 400);
    Master master("400 Bad Request", said.body);
    const MesosCallResult result = ask(master, orders(MesosOperationKind::destroy_volumes));
    CHECK(result.answer == MesosAnswer::refused);
    CHECK(result.error.message.find("Persistent volumes in use") != std::string::npos);
  }
  SECTION("503: it is just about to do something else with the agent") {
    Master master("503 Service Unavailable", "try again");
    CHECK(ask(master, warehouse(MesosOperationKind::mark_agent_gone)).answer == MesosAnswer::refused);
  }
  SECTION("500 says nothing") {
    Master master("500 Internal Server Error");
    CHECK(ask(master, warehouse(MesosOperationKind::deactivate_agent)).answer == MesosAnswer::unknown);
  }
  SECTION("no answer: it may have happened, and it is not sent again") {
    Master master("");
    const MesosCallResult result = ask(master, warehouse(MesosOperationKind::deactivate_agent));
    CHECK(result.answer == MesosAnswer::unknown);
    CHECK(master.requests.size() == 1);
  }
}

TEST_CASE("mesos caller: what was only looked up was not asked") {
  Master master("202 Accepted");
  SECTION("the list does not come") {
    master.hangs_on_list = true;
    CHECK(ask(master, warehouse(MesosOperationKind::unreserve_resources)).answer == MesosAnswer::refused);
  }
  SECTION("it is not to act any more") {
    const MesosCallResult result =
        ask(master, warehouse(MesosOperationKind::unreserve_resources), [] { return false; });
    CHECK(result.answer == MesosAnswer::refused);
  }
  CHECK(master.requests.size() == 1);
}

TEST_CASE("mesos caller: labels have no order, a static reservation is not meant, a principal may be") {
  MesosOperation other = warehouse(MesosOperationKind::unreserve_resources);
  std::reverse(other.request.labels.begin(), other.request.labels.end());
  CHECK(body(other, slaves()) == recorded("UNRESERVE_RESOURCES", 0).request);
  Json two = Json::parse(slaves());
  Json& of_db = two["slaves"][0]["reserved_resources_full"]["db"];
  Json fixed = of_db[0];
  fixed["reservations"][0]["type"] = "STATIC";
  of_db.push_back(fixed);
  CHECK(body(other, two.dump()) == recorded("UNRESERVE_RESOURCES", 0).request);
  of_db[2]["reservations"][0]["type"] = "DYNAMIC";
  of_db[2]["reservations"][0]["principal"] = "somebody";
  CHECK_FALSE(mesos_call_body(other, two.dump(), {}));
  other.request.principal = "ops";
  CHECK(body(other, two.dump()) == recorded("UNRESERVE_RESOURCES", 0).request);
}

TEST_CASE("mesos caller: odd shapes of what is listed are no trouble") {
  for (const char* disk : {"\"x\"", "7", "[]", "{}", "null"}) {
    for (const char* value : {"1e300", "-5", "\"x\"", "2048"}) {
      const std::string list = R"({"slaves":[{"id":")" + kAgent +
                               R"(","reserved_resources_full":{"db":[{"name":"disk","scalar":{"value":)" +
                               value + R"(},"reservations":[{"type":"DYNAMIC","role":"db"}],"disk":)" + disk +
                               "}]}}]}";
      INFO(list);
      const auto text = mesos_call_body(orders(MesosOperationKind::create_volumes), list, {});
      CHECK(text.has_value() == (std::string_view(value) == "2048"));
    }
  }
}

TEST_CASE("mesos caller: nobody there means that nothing happened") {
  SystemClock clock;
  uv::Loop loop;
  CurlHttpClient http(loop, clock);
  MesosCaller caller(http, clock, nullptr, milliseconds(500));
  std::optional<MesosCallResult> result;
  caller.call(
      "http://127.0.0.1:1/api/v1", Recipient::trusted, warehouse(MesosOperationKind::deactivate_agent),
      [] { return true; }, [&](MesosCallResult one) { result = std::move(one); });
  REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  CHECK(result->answer == MesosAnswer::refused);
}

}  // namespace extvold::daemon::tests
