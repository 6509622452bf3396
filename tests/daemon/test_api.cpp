// The query API over a real ledger, without sockets.
#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <set>

#include "daemon/api/api.h"
#include "daemon/api/ledger_backend.h"
#include "daemon/api/reasons.h"
#include "daemon/record/record.h"
#include "daemon/version.h"
#include "tests/daemon/api_world.h"

namespace extvold {
namespace {

namespace api = daemon::api;
namespace record = daemon::record;
using daemon::HttpServer;
using daemon::kVersion;

using record::Json;

struct Answered {
  int status = 0;
  Json json;
  std::map<std::string, std::string> headers;
};

struct World {
  World() {
    tests::make_small_ledger(folder / "ledger.db");
    reopen();
  }

  void reopen() {
    auto opened = api::LedgerBackend::open(folder / "ledger.db", tests::small_policy(), clock);
    if (!opened) FAIL(opened.error().message);
    backend = *std::move(opened);
    api = std::make_unique<api::Api>(*backend);
  }

  Answered ask(const std::string& method, const std::string& path,
               std::map<std::string, std::string> query = {}, const std::string& body = {}) {
    HttpServer::Request request;
    request.method = method;
    request.path = path;
    request.query = std::move(query);
    request.body = body;
    request.peer.uid = 4711;
    std::optional<HttpServer::Response> answer;
    api->handle(request, [&](HttpServer::Response response) {
      REQUIRE_FALSE(answer);
      answer = std::move(response);
    });
    REQUIRE(answer);
    CHECK(answer->content_type == "application/json");
    return {answer->status, Json::parse(answer->body), answer->headers};
  }
  Answered get(const std::string& path, std::map<std::string, std::string> query = {}) {
    return ask("GET", path, std::move(query));
  }
  std::string error_of(const Answered& answered) {
    CHECK(answered.status >= 400);
    CHECK(answered.json["error"]["code"].is_string());
    return answered.json["error"]["message"].get<std::string>();
  }

  tests::TempFolder folder;
  tests::FixedClock clock;
  std::unique_ptr<api::LedgerBackend> backend;
  std::unique_ptr<api::Api> api;
};

}  // namespace

TEST_CASE("api: volumes, with what is wrong about each") {
  World world;
  const Answered list = world.get("/v1/volumes");
  CHECK(list.status == 200);
  REQUIRE(list.json["volumes"].size() == 3);
  const Json& pgdata = list.json["volumes"][0];
  CHECK(pgdata["name"] == "pgdata");
  CHECK(pgdata["size_mb"] == 10'240);
  CHECK(pgdata["pool"] == "local~laptop~hdd");
  CHECK(pgdata["attached_to"] == Json::array({"a1"}));
  CHECK(pgdata["claims_wanted"] == 1);
  CHECK(pgdata["claims_unknown"] == 1);
  CHECK(pgdata["blocked"][0]["reason"] == "waits_for_unknown_claim");
  CHECK(pgdata["blocked"][0]["owner"] == "operator");
  CHECK(pgdata["blocked"][0]["next_look"].is_null());
  CHECK(list.json["next"].is_null());

  const Answered one = world.get("/v1/volumes/pgdata");
  CHECK(one.status == 200);
  CHECK(one.json["attachments"][0]["device"] == "/dev/loop7");
  CHECK(one.json["claims"].size() == 2);
  CHECK(one.json["claims"][0]["who"] == "task pg.1 of marathon");
  CHECK(one.json["claims"][0]["host"] == "a1");

  CHECK(world.get("/v1/volumes/nothing").status == 404);
  CHECK(world.error_of(world.get("/v1/volumes/nothing")) == "no volume nothing");
}

TEST_CASE("api: long lists come in parts") {
  World world;
  std::vector<std::string> names;
  std::string after = "0";
  int parts = 0;
  while (!after.empty()) {
    const Answered part = world.get("/v1/volumes", {{"after", after}, {"limit", "2"}});
    for (const Json& one : part.json["volumes"]) names.push_back(one["name"]);
    after = part.json["next"].is_null() ? "" : part.json["next"].dump();
    ++parts;
  }
  CHECK(parts == 2);
  CHECK(names == std::vector<std::string>{"pgdata", "logs", "new"});
  CHECK(world.get("/v1/claims", {{"limit", "1"}}).json["next"] == 1);
  CHECK(world.get("/v1/attachments", {{"limit", "1"}}).json["next"] == 1);
  CHECK(world.get("/v1/attachments", {{"after", "1"}}).json["attachments"].empty());
}

TEST_CASE("api: parameters that are not understood are refused") {
  World world;
  CHECK(world.error_of(world.get("/v1/volumes", {{"colour", "red"}})) ==
        "parameter \"colour\" is not known here; known: removed, after, limit");
  CHECK(world.error_of(world.get("/v1/volumes", {{"limit", "0"}})) ==
        "limit=0: a whole number from 1 to 10000 is expected");
  CHECK(world.error_of(world.get("/v1/volumes", {{"removed", "maybe"}})) ==
        "removed=: true or false is expected");
  CHECK(world.get("/v1/status", {{"x", ""}}).status == 400);
  CHECK(world.get("/v1/history", {{"since", "yesterday"}}).status == 400);
  CHECK(world.get("/v1/history", {{"volume", "nothing"}}).status == 404);
}

TEST_CASE("api: routes and methods that are not there") {
  World world;
  CHECK(world.get("/v1/nothing").status == 404);
  CHECK(world.get("/v1/volumes/").status == 404);
  CHECK(world.get("/").status == 404);
  const Answered wrong = world.ask("PUT", "/v1/volumes/pgdata");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.at("Allow") == "GET, DELETE");
}

TEST_CASE("api: what is not ours, in parts") {
  ForeignVolumes foreign;
  for (const char* key : {"a", "b", "c"}) {
    ObservedVolume& one = foreign[{ProviderName("csi~fast"), key}];
    one.provider_ref = std::string("id-") + key;
    one.size_mb = 16;
    one.attachments.emplace_back().host_identity = "node-1";
  }
  foreign.begin()->second.pool = "p";
  const Json first = api::foreign_view(foreign, {0, 2});
  CHECK(first["volumes"].size() == 2);
  CHECK(first["volumes"][0]["pool"] == "csi~fast~p");
  CHECK(first["volumes"][1]["pool"].is_null());
  CHECK(first["volumes"][1]["attached_to"] == Json::array({"node-1"}));
  CHECK(first["next"] == 2);
  const Json second = api::foreign_view(foreign, {2, 2});
  CHECK(second["volumes"].size() == 1);
  CHECK(second["volumes"][0]["key"] == "c");
  CHECK(second["next"].is_null());
}

TEST_CASE("api: the rest of the lists") {
  World world;
  const Json hosts = world.get("/v1/hosts").json["hosts"];
  REQUIRE(hosts.size() == 2);
  CHECK(hosts[0]["agents"][0]["id"] == "S1");
  CHECK(hosts[0]["volumes"] == Json::array({{{"volume", "pgdata"}, {"state", "attached"}}}));
  CHECK(hosts[1]["hold"] == "held");
  const Json pools = world.get("/v1/pools").json["pools"];
  CHECK(pools[0]["allocated_mb"] == 10'240 + 512 + 1'536);
  CHECK(pools[0]["capacity_mb"] == 100'000);
  CHECK(world.get("/v1/operations").json["open"].empty());
  CHECK(world.get("/v1/claims").json["claims"].size() == 3);
  const Json history = world.get("/v1/history", {{"volume", "pgdata"}}).json["history"];
  REQUIRE(history.size() == 3);
  CHECK(history[0]["user_uid"] == 1000);
  CHECK(history[1]["operation"] == "op-aaaaaaaaaaaaaaaaaaaaaaaaaa");
  CHECK(history[2]["host"] == "a2");
  const Json plan = world.get("/v1/plan").json;
  CHECK(plan["based_on"] == 2);
  CHECK(plan["text"].get<std::string>().find("create volume new of 1536 MB") != std::string::npos);
}

TEST_CASE("api: status without a daemon") {
  World world;
  const Json status = world.get("/v1/status").json;
  CHECK(status["version"] == std::string(kVersion));
  CHECK(status["daemon"] == "none");
  CHECK(status["mode"] == "observe");
  CHECK(status["mesos"]["epoch"] == 3);
  CHECK(status["mesos"]["view_complete"] == false);
  CHECK(status["agents"]["registered"] == 1);
  CHECK(status["agents"]["absent"] == 1);
  CHECK(status["agents"]["unreachable"] == 0);
  CHECK(status["agents"]["drained"] == 0);
  CHECK(status["hosts"]["held"] == Json::array({"a2"}));
  CHECK(status["volumes"]["available"] == 2);
  CHECK(status["claims"]["unknown"] == 1);
  CHECK(status["blocked"]["volumes"] == 1);
  CHECK(status["blocked"]["by_owner"]["operator"] == 1);
  CHECK(status["unresolved"][0]["name"] == "shared/web");
  CHECK(status["unresolved"][0]["why"] == "unmapped_driver");
  CHECK(status["providers"][0]["why_incomplete"] == "not listed yet");
}

TEST_CASE("api: an explanation says who must act and what to do") {
  World world;
  const Json why = world.get("/v1/explain/pgdata").json;
  CHECK(why["summary"] ==
        "volume pgdata is available, attached to a1; wanted by task pg.2 of marathon on a2; blocked: "
        "waits_for_unknown_claim (operator must act)");
  CHECK(why["live"] == false);
  CHECK(why["blocked"][0]["remedy"].get<std::string>().find("extvold fence confirm") != std::string::npos);
  CHECK(why["history"].size() == 3);
  CHECK(world.get("/v1/explain/web").status == 404);
}

TEST_CASE("api: a recording is what the plan was made from") {
  World world;
  const Json recording = world.get("/v1/recording").json;
  const auto snapshot = record::snapshot_from_json(recording["snapshot"]);
  REQUIRE(snapshot);
  CHECK(*snapshot == world.backend->snapshot());
  CHECK(record::value_from_json<Policy>(recording["policy"]));
}

TEST_CASE("api: orders are committed with who asked, and nothing else happens") {
  World world;
  const Answered made =
      world.ask("POST", "/v1/volumes", {},
                R"({"name": "db", "pool": "local~laptop~hdd", "size_mb": 100, "filesystem": "xfs"})");
  INFO(made.json.dump());
  CHECK(made.status == 200);
  CHECK(made.json["message"] == "volume db of 100 MB is recorded and will be created in local~laptop~hdd");
  CHECK(world.ask("POST", "/v1/hold", {}, R"({"target": "logs"})").status == 200);
  CHECK(world.ask("POST", "/v1/release").json["message"] ==
        "everything is released, save what is held by name");
  world.reopen();
  const VolumeEntry* db = world.backend->snapshot().volume_by_name("db");
  REQUIRE(db != nullptr);
  CHECK(db->volume.state == VolumeState::planned);
  CHECK(db->open_operation == nullptr);
  CHECK(world.backend->snapshot().volume_by_name("logs")->volume.hold == HoldState::held);
  CHECK(world.backend->snapshot().mode == Mode::active);
  const Json history = world.get("/v1/history", {{"volume", "db"}}).json["history"];
  CHECK(history[0]["user_uid"] == 4711);
}

TEST_CASE("api: orders that cannot be obeyed say why") {
  World world;
  const auto refusal = [&](const std::string& method, const std::string& path, const std::string& body,
                           int status) {
    const Answered answered = world.ask(method, path, {}, body);
    CHECK(answered.status == status);
    return world.error_of(answered);
  };
  CHECK(refusal("POST", "/v1/volumes", R"({"name": "pgdata", "pool": "local~laptop~hdd", "size_mb": 1})",
                409) == "volume pgdata exists (available)");
  CHECK(refusal("POST", "/v1/volumes", R"({"name": "x", "pool": "local~laptop~ssd", "size_mb": 1})", 404) ==
        "provider local~laptop has no pool \"ssd\"; it has: hdd");
  CHECK(refusal("POST", "/v1/volumes", R"({"name": "x", "pool": "ssd"})", 400) ==
        "pool: \"ssd\" is no pool: type~instance~pool");
  CHECK(refusal("POST", "/v1/volumes", R"({"size": "10GB"})", 400) ==
        "size: this version knows no such field");
  CHECK(refusal("POST", "/v1/volumes", "[]", 400) == "the body must be a JSON object");
  CHECK(refusal("POST", "/v1/volumes", "{", 400).starts_with("not JSON: "));
  CHECK(refusal("DELETE", "/v1/volumes/logs", R"({"typed_name": "log"})", 400) ==
        "volume logs is not removed: its name was not typed again");
  CHECK(refusal("DELETE", "/v1/volumes/pgdata", R"({"typed_name": "pgdata"})", 409) ==
        "volume pgdata is not removed: it is attached at a1");
  CHECK(refusal("POST", "/v1/volumes/logs/attach", R"({"name": "pgdata", "host": "a1"})", 400) ==
        "name: the path and the body name two different volumes");
  CHECK(refusal("POST", "/v1/volumes/x/adopt", R"({"pool": "local~laptop~hdd", "provider_key": "y"})", 503)
            .starts_with("adopt asks the provider"));
  CHECK(refusal("POST", "/v1/reconcile", R"({"now": true})", 400) == "this order takes no fields");
  CHECK(refusal("POST", "/v1/hold", R"({"target": "nobody"})", 404) ==
        "no volume and no host is named nobody");
}

TEST_CASE("api: fences, and what a person says of them") {
  World world;
  const Json none = world.get("/v1/fences").json;
  CHECK(none["stopped"] == false);
  CHECK(none["fences"].empty());
  CHECK(world.get("/v1/fences", {{"host", "a1"}}).status == 400);
  CHECK(world.error_of(world.get("/v1/fences/nobody")) == "no host nobody");
  CHECK(world.get("/v1/fences/a1").json["ended"].empty());

  const auto post = [&](const char* what, const char* body) {
    return world.ask("POST", std::string("/v1/fence/") + what, {}, body);
  };
  CHECK(post("hold", R"({"host": "nobody"})").status == 404);
  CHECK(post("hold", R"({"host": "a1", "reason": "it is being moved"})").status == 200);
  CHECK(post("hold", "{}").json["message"] ==
        "no host is fenced until `extvold fence release --all --reason ...`");
  world.reopen();
  const Json held = world.get("/v1/fences").json;
  CHECK(held["stopped"] == true);
  REQUIRE(held["hosts"].size() == 1);
  CHECK(held["hosts"][0]["name"] == "a1");
  CHECK(held["hosts"][0]["fence_held"] == true);
  CHECK(world.get("/v1/status").json["fence_stop"] == true);
  CHECK(world.get("/v1/status").json["hosts"]["fence_held"] == Json::array({"a1"}));
  CHECK(world.error_of(post("release", "{}")) == "fencing is not released: a reason is needed (--reason)");
  CHECK(post("release", R"({"reason": "it was a switch"})").status == 200);
  CHECK(post("release", R"({"host": "a1", "reason": "moved"})").status == 200);
  world.reopen();
  CHECK(world.get("/v1/fences").json["stopped"] == false);
  CHECK(world.get("/v1/fences").json["hosts"].empty());
}

TEST_CASE("api: fences that ended are read from the ledger") {
  World world;
  ledger::OpenOptions options;
  auto ledger = ledger::Ledger::open(world.folder / "ledger.db", options);
  REQUIRE(ledger);
  Fence fence;
  fence.id = {1};
  fence.key = OperationId("op-fence-1");
  fence.host = {1};
  fence.provider = ProviderName("local~laptop");
  fence.volume = {1};
  fence.target = "a1";
  fence.generation = {1, 3};
  fence.cause = "task pg.2 of marathon on a2 waits for volume pgdata";
  fence.recorded_at = {1'767'222'100'000'000'000};
  Batch batch;
  batch.sequence = {(*ledger)->sequence().value + 1};
  batch.at = fence.recorded_at;
  batch.changes.push_back(fence);
  fence.state = FenceState::failed;
  fence.error = "no answer";
  fence.ended_at = {1'767'222'160'000'000'000};
  batch.changes.push_back(fence);
  Counters counters;
  counters.next_host = 3;
  counters.next_volume = 4;
  counters.next_claim = 4;
  counters.next_generation = 4;
  counters.next_fence = 2;
  batch.changes.push_back(counters);
  const auto committed = (*ledger)->commit(batch);
  if (!committed) FAIL(committed.error().message);
  ledger->reset();
  world.reopen();
  CHECK(world.get("/v1/fences").json["fences"].empty());
  const Json ended = world.get("/v1/fences/a1").json["ended"];
  REQUIRE(ended.size() == 1);
  CHECK(ended[0]["state"] == "failed");
  CHECK(ended[0]["volume"] == "pgdata");
  CHECK(ended[0]["error"] == "no answer");
  CHECK(ended[0]["held_at"].is_null());
  CHECK(ended[0]["ended_at"] == "2025-12-31T23:02:40Z");
  CHECK(world.get("/v1/fences/a2").json["ended"].empty());
}

TEST_CASE("api: every route is documented, and every documented route is there") {
  const auto page = record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/docs/api.md");
  REQUIRE(page);
  std::vector<std::string> documented;
  std::size_t at = 0;
  while ((at = page->find("\n### ", at)) != std::string::npos) {
    at += 5;
    documented.push_back(page->substr(at, page->find('\n', at) - at));
  }
  std::vector<std::string> there;
  for (const auto& [method, path] : api::routes())
    there.push_back(std::string(method) + " " + std::string(path));
  CHECK(documented == there);
}

TEST_CASE("api: every reason of the reconcilers has a remedy and stands in the operator's guide") {
  std::set<std::string> used;
  for (const char* file : {"attach", "detach", "fence", "format", "open_operation", "orphan", "planner",
                           "provision", "resize", "unresolved", "look", "engine"}) {
    const auto text = record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/reconcilers/" + file + ".cpp");
    REQUIRE(text);
    for (const api::Reason& reason : api::reasons()) {
      if (text->find("\"" + std::string(reason.word) + "\"") != std::string::npos)
        used.insert(std::string(reason.word));
    }
    // Each word that is followed by its owner, or begins a refusal, is a reason.
    for (std::size_t at = text->find("\", Owner::"); at != std::string::npos;
         at = text->find("\", Owner::", at + 1)) {
      const std::size_t begin = text->rfind('"', at - 1) + 1;
      const std::string word = text->substr(begin, at - begin);
      INFO(file << ".cpp: " << word);
      CHECK_FALSE(api::remedy_of(word).empty());
    }
  }
  const auto guide = record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/docs/operations.md");
  REQUIRE(guide);
  for (const api::Reason& reason : api::reasons()) {
    INFO(reason.word);
    CHECK(used.contains(std::string(reason.word)));
    CHECK(guide->find("### `" + std::string(reason.word) + "`") != std::string::npos);
  }
}

TEST_CASE("api: error codes and HTTP statuses") {
  CHECK(api::http_status(Errc::conflict) == 409);
  CHECK(api::http_status(Errc::exhausted) == 507);
  CHECK(api::http_status(Errc::busy) == 503);
  CHECK(api::errc_of_http_status(409) == Errc::conflict);
  CHECK(api::errc_of_http_status(413) == Errc::invalid);
  CHECK(api::errc_of_http_status(500) == Errc::internal);
}

TEST_CASE("version: it is the one that is built") {
  const auto cmake = record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/CMakeLists.txt");
  REQUIRE(cmake);
  CHECK(cmake->find("project(extvold VERSION " + std::string(kVersion) + " ") != std::string::npos);
}

}  // namespace extvold
