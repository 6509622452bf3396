#include "tests/replay/answers.h"

#include "tests/replay/recordings_for_test.h"

namespace extvold::replay {
namespace {

struct Cluster {
  explicit Cluster(const std::string& name, std::uint16_t shift = 0)
      : recording(load(name)), history(recording), credentials(Credentials::defaults()) {
    addresses.learn(recording);
    for (const Endpoint& endpoint : recording.endpoints) {
      addresses.add(endpoint, static_cast<std::uint16_t>(endpoint.port + shift));
    }
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Reply ask(const std::string& endpoint, const std::string& body, Moment at,
            std::optional<std::string> authorization = {}) const {
    return Answers(history, addresses, credentials)
        .answer(
            {endpoint, "POST", "/api/v1", "application/json", std::nullopt, std::move(authorization), body},
            at);
  }
  Reply get(const std::string& endpoint, const std::string& path, Moment at,
            std::optional<std::string> authorization = {}) const {
    return Answers(history, addresses, credentials)
        .answer({endpoint, "GET", path, std::nullopt, std::nullopt, std::move(authorization), ""}, at);
  }

  Recording recording;
  History history;
  Addresses addresses;
  Credentials credentials;
};

std::string header(const Reply& reply, const std::string& name) {
  for (const auto& [key, value] : reply.headers) {
    if (key == name) return value;
  }
  return {};
}

const char* const kGetMaster = R"({"type":"GET_MASTER"})";

TEST_CASE("an answer is the recorded one, byte for byte", "[answers]") {
  const Cluster cluster("move");
  const Reply reply = cluster.ask("m1", R"({"type":"GET_TASKS"})", 10'000);
  CHECK(reply.status == 200);
  CHECK(header(reply, "Content-Type") == "application/json");
  CHECK(reply.body == cluster.history.row("m1", "GET_TASKS", Json(), 0, 10'000)->body);
  CHECK(cluster.get("m1", "/registrar(1)/registry", 10'000).status == 200);
  CHECK(cluster.ask("a1", R"({"type":"GET_AGENT"})", 10'000).status == 200);
  CHECK(cluster.get("a1", "/metrics/snapshot", 10'000).status == 200);
}

TEST_CASE("of all agents the one that is asked for", "[answers]") {
  const Cluster cluster("reservations");
  Ask ask{"m1", "GET", "/slaves", std::nullopt, std::nullopt, std::nullopt, ""};
  const Answers answers(cluster.history, cluster.addresses, cluster.credentials);
  CHECK(find_path(parse_json(answers.answer(ask, 9000).body), {"slaves"})->size() == 2);
  ask.slave_id = "890b7b36-aed5-4fcd-bfe4-4d211781bd02-S1";
  CHECK(find_path(parse_json(answers.answer(ask, 9000).body), {"slaves"})->size() == 1);
  ask.slave_id = "nosuch";
  CHECK(find_path(parse_json(answers.answer(ask, 9000).body), {"slaves"})->empty());
}

TEST_CASE("the checks before a call are Mesos' own", "[answers]") {
  const Cluster cluster("move");
  const Answers answers(cluster.history, cluster.addresses, cluster.credentials);
  Ask ask{"m1", "POST", "/api/v1", "application/json", std::nullopt, std::nullopt, kGetMaster};
  int status = 200;
  std::string text;
  SECTION("fine") {}
  SECTION("with the process id") { ask.path = "/master/api/v1"; }
  SECTION("any type accepted") { ask.accept = "text/html, */*;q=0.1"; }
  SECTION("no POST") {
    ask.method = "GET";
    status = 405;
    text = "Expecting one of { 'POST' }, but received 'GET'";
  }
  SECTION("no Content-Type") {
    ask.content_type.reset();
    status = 400;
    text = "Expecting 'Content-Type' to be present";
  }
  SECTION("a Content-Type with a charset") {
    ask.content_type = "application/json; charset=utf-8";
    status = 415;
    text = "Expecting 'Content-Type' of application/json or application/x-protobuf";
  }
  SECTION("no JSON") {
    ask.body = "{";
    status = 400;
  }
  SECTION("no type") {
    ask.body = "{}";
    status = 400;
    text = "Failed to validate master::Call: Expecting 'type' to be present";
  }
  SECTION("RecordIO is no type of this API") {
    ask.accept = "application/recordio";
    status = 406;
  }
  SECTION("an unknown call") {
    ask.body = R"({"type":"GET_COFFEE"})";
    status = 501;
  }
  SECTION("a call that was never recorded") {
    ask.body = R"({"type":"GET_FLAGS"})";
    status = 501;
  }
  SECTION("an unknown path") {
    ask.path = "/state";
    status = 404;
  }
  const Reply reply = answers.answer(ask, 5000);
  CHECK(reply.status == status);
  if (status != 200) CHECK(header(reply, "Content-Type") == "text/plain; charset=utf-8");
  if (!text.empty()) CHECK(reply.body == text);
  CHECK(reply.note.empty() == (status != 501 && status != 404));  // what is lacking is said
}

TEST_CASE("calls with arguments are answered only as they were asked", "[answers]") {
  const Cluster cluster("reservations");
  const auto destroy = [](const char* mb) {
    return std::string(R"({"type":"DESTROY_VOLUMES","destroy_volumes":{"agent_id":)") +
           R"({"value":"890b7b36-aed5-4fcd-bfe4-4d211781bd02-S1"},"volumes":[{)" +
           R"("name":"disk","type":"SCALAR","scalar":{"value":)" + mb +
           R"(},"reservations":[{"type":"DYNAMIC","role":"db","principal":"ops"}],"disk":{"persistence":)" +
           R"({"id":"pv-orders","principal":"ops"},"volume":{"mode":"RW","container_path":"orders"}}}]}})";
  };
  const Reply in_use = cluster.ask("m1", destroy("2048"), 7000);
  CHECK(in_use.status == 400);
  CHECK(in_use.body == "Invalid DESTROY operation: Persistent volumes in use");
  CHECK(cluster.ask("m1", destroy("2048.0"), 9000).status == 202);
  CHECK(cluster.ask("m1", destroy("4096"), 9000).status == 501);
  CHECK(cluster.ask("a1", R"({"type":"GET_CONTAINERS"})", 9000).status == 501);
}

TEST_CASE("a master that asks for credentials answers each principal as it did", "[answers]") {
  const Cluster cluster("authenticated");
  const std::string good = "Basic " + base64("extvold:extvold");
  const std::string blind = "Basic " + base64("blind:blind");
  const char* const tasks = R"({"type":"GET_TASKS"})";
  CHECK(base64("blind:blind") == "YmxpbmQ6YmxpbmQ=");

  const Reply none = cluster.ask("m1", R"({"type":"SUBSCRIBE"})", std::nullopt);
  CHECK(none.status == 401);
  CHECK(none.body == "401 Unauthorized.");
  CHECK(header(none, "WWW-Authenticate") == "Basic realm=\"mesos-master-readwrite\"");
  CHECK(cluster.ask("m1", tasks, 3000, "Basic " + base64("extvold:wrong")).status == 401);
  CHECK(cluster.get("m1", "/metrics/snapshot", 3000).status == 401);
  CHECK(cluster.get("m1", "/redirect", 3000).status == 307);
  CHECK(cluster.ask("a1", R"({"type":"GET_AGENT"})", 3000).status == 200);

  CHECK(cluster.ask("m1", tasks, 3500, good).body.find("t.1") != std::string::npos);
  const Reply empty = cluster.ask("m1", tasks, 3500, blind);
  CHECK(empty.status == 200);
  CHECK(empty.body.find("t.1") == std::string::npos);
  // The counts betray what the principal may not see.
  const Json metrics = parse_json(cluster.get("m1", "/metrics/snapshot", 3500, blind).body);
  CHECK(metrics["master/tasks_running"] == 1.0);
  const Reply stream = cluster.ask("m1", R"({"type":"SUBSCRIBE"})", 3500, blind);
  CHECK(stream.kind == Reply::Kind::stream);
  CHECK(stream.view == 2);
}

TEST_CASE("the metric counts are those of the moment", "[answers]") {
  const Cluster cluster("partition");
  const auto count = [&](Millis at, const char* gauge) {
    return parse_json(cluster.get("m1", "/metrics/snapshot", at).body)[gauge].get<double>();
  };
  CHECK(count(1600, "master/tasks_running") == 0);  // recorded at 5.5 s only
  CHECK(count(3000, "master/tasks_running") == 2);
  CHECK(count(7000, "master/tasks_running") == 0);
  CHECK(count(7000, "master/slaves_active") == 1);
  CHECK(count(7000, "master/slaves_unreachable") == 1);
  CHECK(count(10'000, "master/tasks_running") == 3);
}

TEST_CASE("addresses are rewritten wherever a recording names one", "[answers]") {
  const Cluster cluster("failover", 1000);
  for (const Row& row : cluster.recording.rows) {
    if (row.outcome != Outcome::answered || row.status != 200) continue;
    if (row.call != "GET_MASTER" && row.call != "GET_AGENTS" && row.call != "GET_AGENT" && row.call[0] != '/')
      continue;
    const std::string body = cluster.addresses.rewrite(row.body);
    INFO(row.source);
    CHECK(body.find("5051") == std::string::npos);
    CHECK(body.find(":5050") == std::string::npos);
    if (row.call == "GET_AGENT") CHECK(body.find("\"port\":6051") != std::string::npos);
  }
  const Cluster same("failover");
  const Row* row = same.history.row("m1", "GET_AGENTS", Json(), 0, 3000);
  CHECK(same.addresses.rewrite(row->body) == row->body);
}

TEST_CASE("credentials are written USER:PASSWORD=CONNECTION", "[answers]") {
  Credentials credentials;
  CHECK(credentials.add("a:b=c=2"));
  CHECK(credentials.view("Basic " + base64("a:b=c")) == 2);
  for (const char* bad : {"", "a", "a:b", "a=1", "a:b=", "a:b=0", "a:b=x", "a:b=12"}) {
    INFO(bad);
    CHECK(!credentials.add(bad));
  }
}

}  // namespace
}  // namespace extvold::replay
