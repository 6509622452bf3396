// Three servers: what the loss of one, and of two, does to the session, the leader and the guard.
#include <catch2/catch.hpp>

#include "daemon/zookeeper/link.h"
#include "tests/lib/skip.h"
#include "tests/zookeeper/server.h"

namespace extvold::daemon::zookeeper::tests {
namespace {

using extvold::tests::skip_test;

constexpr std::string_view kMaster =
    R"({"address":{"hostname":"m1","ip":"10.0.0.1","port":5050},"id":"id-1","version":"1.11.0"})";

// A daemon whose address names all three servers.
struct Daemon {
  Daemon(uv::Loop& loop, const Address& address)
      : link(loop, clock, random, {address, false, options(), "/extvold/mesos", {"m1", 7}},
             {[this] { ++leader_changes; },
              [this] {
                if (!acting() && stopped_at == Instant{}) stopped_at = clock.now();
              },
              [] {}}) {
    link.set_candidate(true);
    link.start();
  }
  bool acting() const { return link.guard_acting(clock.now()); }
  bool led() const { return link.leader_url() == "http://10.0.0.1:5050"; }

  SystemClock clock;
  FixedRandom random{3};
  int leader_changes = 0;
  Instant stopped_at;  // {}: it acts
  Link link;
};

bool until(uv::Loop& loop, const std::function<bool()>& holds) { return run_until(loop, holds, seconds(60)); }

}  // namespace

TEST_CASE("of three servers one may die, with two of them the guard goes", "[zookeeper][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Ensemble ensemble;
  uv::Loop loop;
  {
    Client masters(loop, ensemble.address());
    masters.create("/mesos");
    masters.create("/mesos/json.info_0000000001", kMaster);
  }
  Daemon daemon(loop, ensemble.address());
  REQUIRE(until(loop, [&] { return daemon.acting() && daemon.led(); }));
  const LinkStatus before = daemon.link.status();
  const int leader_changes = daemon.leader_changes;
  REQUIRE(before.guard_epoch > 0);

  // The one that serves us dies: the session moves to another server, and is the same one. If it led the
  // ensemble, the others elect; that may take longer than the guard is held without an answer.
  const std::size_t first = ensemble.connected();
  ensemble.server(first).kill();
  REQUIRE(until(loop, [&] { return daemon.link.session_state() == SessionState::disconnected; }));
  const Instant broken = daemon.clock.now();
  REQUIRE(until(loop, [&] { return daemon.link.guard_acting(broken + Duration{kTimeout.ns / 3 * 2}); }));
  const std::size_t second = ensemble.connected();
  CHECK(second != first);
  const LinkStatus moved = daemon.link.status();
  CHECK(moved.session_id == before.session_id);
  CHECK(moved.guard_node == before.guard_node);
  CHECK(moved.guard_epoch == before.guard_epoch);
  CHECK(daemon.led());
  CHECK(daemon.leader_changes == leader_changes);

  // The majority goes: whoever is left answers nothing that needs the others.
  daemon.stopped_at = {};
  const Instant killed = daemon.clock.now();
  ensemble.server(3 - first - second).kill();  // not the one that serves us
  CHECK_FALSE(daemon.link.guard_acting(killed + kTimeout));
  REQUIRE(until(loop, [&] { return daemon.stopped_at != Instant{}; }));
  CHECK(daemon.stopped_at - killed < kTimeout);
  CHECK_FALSE(daemon.acting());
  REQUIRE(until(loop, [&] { return daemon.link.session_state() == SessionState::lost; }));
  CHECK_FALSE(daemon.led());  // what it was told is too old by now

  // A majority again. A guard that was lost with its session is taken anew.
  ensemble.server(first).start();
  REQUIRE(until(loop, [&] { return daemon.acting() && daemon.led(); }));
  CHECK(daemon.link.status().guard_epoch != before.guard_epoch);
}

}  // namespace extvold::daemon::zookeeper::tests
