// The session and the leader's detector, with a real server.
#include <catch2/catch.hpp>

#include "daemon/zookeeper/leader_detector.h"
#include "tests/lib/skip.h"
#include "tests/zookeeper/server.h"

namespace extvold::daemon::zookeeper::tests {
namespace {

using extvold::tests::skip_test;

std::string master_json(int number) {
  return fmt::format(
      R"({{"address":{{"hostname":"m{0}","ip":"10.0.0.{0}","port":5050}},"id":"id-{0}","version":"1.11.0"}})",
      number);
}

struct Watched {
  explicit Watched(Address address)
      : session(loop, clock, random, address, options(),
                {[this](SessionState state) {
                   states.push_back(state);
                   detector.on_session(state);
                 },
                 {}}),
        detector(
            loop, session, address.path, [this] { ++changes; }, [this] { ++member_changes; }) {
    session.start();
  }
  std::string leader() const { return detector.leader() ? detector.leader()->master.url() : ""; }
  bool until(const std::function<bool()>& holds) { return run_until(loop, holds, seconds(60)); }
  bool leads(const std::string& url) {
    const bool came = until([&] { return leader() == url; });
    UNSCOPED_INFO("leader \"" << leader() << "\", " << detector.why_none() << "; " << session.error());
    return came;
  }

  SystemClock clock;
  FixedRandom random{3};
  uv::Loop loop;
  std::vector<SessionState> states;
  int changes = 0;
  int member_changes = 0;
  Session session;
  LeaderDetector detector;
};

TEST_CASE("the master with the lowest number leads, whatever its label", "[zookeeper]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  Watched watched(server.address());
  REQUIRE(watched.until([&] { return watched.detector.why_none().find("no /mesos") != std::string::npos; }));
  Client masters(watched.loop, server.address());
  masters.create("/mesos");
  masters.create("/mesos/log_replicas");
  REQUIRE(watched.until([&] { return watched.detector.why_none() == "no master has a node below /mesos"; }));

  masters.create("/mesos/json.info_0000000012", master_json(1));
  CHECK(watched.leads("http://10.0.0.1:5050"));
  CHECK(watched.detector.leader()->master.id == "id-1");
  CHECK(watched.detector.leader()->node == "json.info_0000000012");
  const int changes = watched.changes;
  masters.create("/mesos/json.info_0000000013", master_json(2));
  run_for(watched.loop, milliseconds(50));
  CHECK(watched.changes == changes);  // the leader is the same: nothing to do
  // Who does not lead is a master, too, and stays one when he has left.
  const std::set<std::string> both{"10.0.0.1", "10.0.0.2", "m1", "m2"};
  CHECK(watched.until([&] { return watched.detector.members() == both; }));
  masters.remove("/mesos/json.info_0000000013");
  run_for(watched.loop, milliseconds(50));
  CHECK(watched.detector.members() == both);
  CHECK(watched.member_changes == 2);
  masters.create("/mesos/json.info_0000000013", master_json(2));

  masters.create("/mesos/0000000011", "master@10.0.0.9:5050");
  CHECK(watched.leads("http://10.0.0.9:5050"));
  masters.create("/mesos/info_0000000010", std::string("\x0a\x02id\x22\x14master@10.0.0.8:5050"));
  CHECK(watched.leads("http://10.0.0.8:5050"));
  masters.remove("/mesos/info_0000000010");
  CHECK(watched.leads("http://10.0.0.9:5050"));
  masters.remove("/mesos/0000000011");
  CHECK(watched.leads("http://10.0.0.1:5050"));
  masters.remove("/mesos/json.info_0000000012");
  CHECK(watched.leads("http://10.0.0.2:5050"));

  // What cannot be read leads all the same; another master is asked, and redirects.
  masters.create("/mesos/other_0000000003", "whatever");
  REQUIRE(watched.until([&] { return !watched.detector.leader()->unreadable.empty(); }));
  CHECK(watched.leader() == "http://10.0.0.2:5050");
  CHECK(watched.detector.leader()->node == "other_0000000003");
  CHECK(watched.detector.leader()->unreadable.find("label that this version") != std::string::npos);
  masters.remove("/mesos/json.info_0000000013");
  REQUIRE(watched.until([&] { return !watched.detector.leader(); }));
  CHECK(watched.detector.why_none().find("other_0000000003 has a label") != std::string::npos);
  masters.create("/mesos/json.info_0000000001", "{\"garbage\": [");
  REQUIRE(watched.until(
      [&] { return watched.detector.why_none().find("is no JSON object") != std::string::npos; }));
  masters.create("/mesos/json.info_0000000000", master_json(4));
  CHECK(watched.leads("http://10.0.0.4:5050"));
}

TEST_CASE("nodes that vanish while they are looked at", "[zookeeper]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  Watched watched(server.address());
  Client masters(watched.loop, server.address());
  masters.create("/mesos");
  masters.create("/mesos/json.info_0000000500", master_json(1));
  REQUIRE(watched.leads("http://10.0.0.1:5050"));
  for (int i = 0; i < 100; ++i) {  // masters that register and die at once, each lower than the others
    const std::string path = fmt::format("/mesos/json.info_{:010}", 400 - i);
    masters.create(path, master_json(2));
    masters.remove_soon(path);
    if (i % 7 == 0) run_for(watched.loop, milliseconds(1));
  }
  CHECK(watched.leads("http://10.0.0.1:5050"));
  masters.remove("/mesos/json.info_0000000500");
  CHECK(watched.until([&] { return !watched.detector.leader(); }));
  CHECK(watched.states == std::vector{SessionState::connected});
}

TEST_CASE("a server that dies and returns, and one that freezes", "[zookeeper]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  Watched watched(server.address());
  {
    Client masters(watched.loop, server.address());
    masters.create("/mesos");
    masters.create("/mesos/json.info_0000000001", master_json(1));
  }
  REQUIRE(watched.leads("http://10.0.0.1:5050"));
  REQUIRE(watched.until([&] { return watched.session.confirmed_at() != Instant{}; }));
  const std::int64_t first = watched.session.id();

  server.freeze();
  REQUIRE(watched.until([&] { return watched.session.state() == SessionState::disconnected; }));
  CHECK(watched.leader() == "http://10.0.0.1:5050");  // as far as anyone can know
  REQUIRE(watched.until([&] { return watched.session.state() == SessionState::lost; }));
  CHECK(watched.leader().empty());
  CHECK(watched.detector.why_none().find("no answer from zk://127.0.0.1:") != std::string::npos);
  server.thaw();
  CHECK(watched.leads("http://10.0.0.1:5050"));
  CHECK(watched.session.id() != first);

  server.kill();
  REQUIRE(watched.until([&] { return watched.session.state() == SessionState::lost; }));
  run_for(watched.loop, milliseconds(200));
  CHECK(watched.leader().empty());
  server.start();
  CHECK(watched.leads("http://10.0.0.1:5050"));
}

TEST_CASE("a session that the servers have ended while this process was frozen", "[zookeeper]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  Watched watched(server.address());
  REQUIRE(watched.until([&] { return watched.session.connected(); }));
  const std::int64_t first = watched.session.id();
  freeze_ourselves();
  REQUIRE(watched.until([&] { return watched.session.connected() && watched.session.id() != first; }));
  CHECK(std::count(watched.states.begin(), watched.states.end(), SessionState::lost) == 1);
}

TEST_CASE("credentials: nodes are the writer's, and readable by all", "[zookeeper]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  uv::Loop loop;
  Client owner(loop, server.address("/mesos", "extvold:secret"));
  owner.create("/mesos", "data");
  Client stranger(loop, server.address());
  CHECK(stranger.get("/mesos").data == "data");
  CHECK(stranger.children("/mesos").empty());
  const Status refused = stranger.try_create("/mesos/x");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::permission);
  CHECK(refused.error().message.find("/mesos/x") != std::string::npos);
  Client wrong(loop, server.address("/mesos", "extvold:wrong"));
  CHECK_FALSE(wrong.try_create("/mesos/x"));
  Client same(loop, server.address("/mesos", "extvold:secret"));
  CHECK(same.try_create("/mesos/x"));
  CHECK(same.try_create("/mesos/x").error().code == Errc::conflict);
  CHECK(same.try_create("/no/such").error().code == Errc::not_found);
}

TEST_CASE("nobody is there, or the name is no host", "[zookeeper]") {
  Address address{{{"extvold-no-such-host.invalid", 2181}}, "user:secret", "/mesos"};
  Watched nameless(address);
  REQUIRE(nameless.until([&] { return nameless.session.state() == SessionState::lost; }));
  CHECK(nameless.session.error().find("extvold-no-such-host.invalid: ") == 0);
  Address closed{{{"127.0.0.1", 1}, {"::1", 1}}, "user:secret", "/mesos"};
  Watched alone(closed);
  REQUIRE(alone.until([&] { return alone.session.state() == SessionState::lost; }));
  CHECK(alone.session.error() == "no answer from zk://127.0.0.1:1,[::1]:1/mesos for 4000 ms");
  REQUIRE(alone.until([&] { return alone.session.state() == SessionState::connecting; }));  // and tries on
  Watched given_up(closed);  // destroyed in the middle
  run_for(given_up.loop, milliseconds(1));
}

}  // namespace
}  // namespace extvold::daemon::zookeeper::tests
