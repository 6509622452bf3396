// The guard of several daemons, with a real server.
#include <catch2/catch.hpp>

#include "daemon/zookeeper/link.h"
#include "tests/lib/skip.h"
#include "tests/zookeeper/server.h"

namespace extvold::daemon::zookeeper::tests {
namespace {

using extvold::tests::skip_test;

// What one daemon has of ZooKeeper. All of them share the test's loop.
struct Daemon {
  Daemon(uv::Loop& loop, Address address, std::string host, std::string path = "/extvold/mesos",
         const std::string& ledger = "L.1")
      : link(loop, clock, random,
             {std::move(address), false, options(), std::move(path), {std::move(host), 7}},
             {[] {}, [this] { note(); }, [] {}}) {
    link.set_candidate(true);
    link.set_ledger(ledger);
    link.start();
  }
  void note() {
    const bool now = link.guard_acting(clock.now());
    if (std::exchange(acted, now) == now) return;
    if (now) ++times;
  }
  bool acting() const { return link.guard_acting(clock.now()); }
  bool attaches() const { return acting() && !link.takes_over(); }
  std::string reason() const { return link.guard_reason(clock.now()); }

  SystemClock clock;
  FixedRandom random{3};
  bool acted = false;
  int times = 0;
  Link link;
};

bool until(uv::Loop& loop, const std::function<bool()>& holds) { return run_until(loop, holds, seconds(60)); }

TEST_CASE("of two daemons one acts, the other names it and takes over", "[zookeeper][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  uv::Loop loop;
  auto first = std::make_unique<Daemon>(loop, server.address("/mesos", "extvold:secret"), "m1");
  CHECK_FALSE(first->acting());
  REQUIRE(until(loop, [&] { return first->acting(); }));
  CHECK(first->reason().empty());
  const LinkStatus status = first->link.status();
  CHECK(status.guard_epoch > 0);
  CHECK(status.guard_holder == "host m1 (pid 7)");
  CHECK(status.address.find("secret") == std::string::npos);

  Daemon second(loop, server.address("/mesos", "extvold:secret"), "m2");
  REQUIRE(until(loop, [&] { return second.reason().find("host m1 (pid 7) acts for this cluster") == 0; }));
  CHECK_FALSE(second.acting());

  SECTION("when the first ends") {
    first.reset();
    REQUIRE(until(loop, [&] { return second.acting(); }));
    CHECK(second.link.status().guard_epoch > status.guard_epoch);
  }
  SECTION("when the first does not want to act any more") {
    first->link.set_candidate(false);
    CHECK(first->reason() == "this daemon does not ask for the guard in ZooKeeper");
    REQUIRE(until(loop, [&] { return second.acting(); }));
    first->link.set_candidate(true);
    REQUIRE(until(loop, [&] { return first->reason().find("host m2 (pid 7) acts") == 0; }));
  }
  SECTION("when an operator removes the first one's node") {
    Client operator_(loop, server.address("/mesos", "extvold:secret"));
    operator_.remove("/extvold/mesos/" + status.guard_node);
    REQUIRE(until(loop, [&] { return second.acting(); }));
    REQUIRE(until(loop, [&] { return first->reason().find("host m2 (pid 7) acts") == 0; }));
    CHECK_FALSE(first->acting());
  }
}

TEST_CASE("who takes over from another ledger waits, whoever was only started again does not",
          "[zookeeper][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  uv::Loop loop;
  std::unique_ptr<Daemon> daemon;
  const auto start = [&](const std::string& ledger) {
    daemon.reset();
    daemon = std::make_unique<Daemon>(loop, server.address(), "m", "/extvold/mesos", ledger);
    REQUIRE(until(loop, [&] { return daemon->acting(); }));
  };
  const auto waits = [&] {
    run_for(loop, milliseconds(300));
    return daemon->acting() && daemon->link.takes_over() && daemon->link.others_acted();
  };
  start("one.1");
  REQUIRE(until(loop, [&] { return daemon->attaches(); }));  // nobody acted before
  CHECK_FALSE(daemon->link.others_acted());
  start("one.1");
  REQUIRE(until(loop, [&] { return daemon->attaches(); }));
  CHECK_FALSE(daemon->link.others_acted());

  start("two.1");
  CHECK(waits());
  CHECK(daemon->link.status().guard_takes_over);
  SECTION("it attached nothing: nobody waits for it") {
    start("one.1");
    REQUIRE(until(loop, [&] { return daemon->attaches(); }));
  }
  SECTION("it was started again while it waited: it waits again") {
    start("two.1");
    CHECK(waits());
  }
  SECTION("its wait was over: the first one waits for it") {
    daemon->link.end_takeover();
    REQUIRE(until(loop, [&] { return daemon->attaches(); }));
    CHECK(daemon->link.others_acted());
    start("two.1");
    REQUIRE(until(loop, [&] { return daemon->attaches(); }));
    start("one.1");
    CHECK(waits());
  }
  SECTION("the server is away for a moment when its wait is over") {
    server.freeze();
    daemon->link.end_takeover();
    run_for(loop, milliseconds(200));
    CHECK(daemon->link.takes_over());
    server.thaw();
    REQUIRE(until(loop, [&] { return daemon->attaches(); }));
  }
  SECTION("another incarnation of a ledger is another one") {
    start("one.2");
    CHECK(waits());
  }
  SECTION("without a ledger nothing is known") {
    start("");
    daemon->link.end_takeover();
    CHECK(waits());
    daemon->link.set_ledger("one.1");
    REQUIRE(until(loop, [&] { return daemon->attaches(); }));
  }
}

TEST_CASE("without a server for two thirds of the time-out nobody acts", "[zookeeper][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  uv::Loop loop;
  Daemon first(loop, server.address(), "m1");
  REQUIRE(until(loop, [&] { return first.acting(); }));
  Daemon second(loop, server.address(), "m2");
  REQUIRE(until(loop, [&] { return !second.link.status().guard_holder.empty(); }));

  server.freeze();
  // Whenever its loop comes to it: it knows at once, and before any server could end the session.
  CHECK_FALSE(first.link.guard_acting(first.clock.now() + Duration{kTimeout.ns / 3 * 2}));
  REQUIRE(until(loop, [&] { return !first.acted; }));
  CHECK(first.reason().find("extvold's guard /extvold/mesos is not held for certain") == 0);
  CHECK(first.times == 1);
  REQUIRE(until(loop, [&] { return first.link.session_state() == SessionState::lost; }));
  server.thaw();
  REQUIRE(until(loop, [&] { return first.acting() || second.acting(); }));
  for (int i = 0; i < 20; ++i) {
    run_for(loop, milliseconds(5));
    CHECK_FALSE((first.acting() && second.acting()));
  }

  // A short absence costs nothing: the session is taken up again.
  Daemon& holder = first.acting() ? first : second;
  REQUIRE(holder.acting());
  const int times = holder.times;
  const std::string session = holder.link.status().session_id;
  server.freeze();
  run_for(loop, milliseconds(200));
  server.thaw();
  const Instant thawed = holder.clock.now();  // confirmed by a question that was asked after it
  REQUIRE(until(loop, [&] { return holder.link.guard_acting(thawed + Duration{kTimeout.ns / 3 * 2}); }));
  CHECK(holder.times == times);
  CHECK(holder.link.status().session_id == session);
}

TEST_CASE("a daemon that was frozen knows at once that it does not act", "[zookeeper][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  uv::Loop loop;
  Daemon daemon(loop, server.address(), "m1");
  REQUIRE(until(loop, [&] { return daemon.acting(); }));
  const std::int64_t epoch = daemon.link.status().guard_epoch;
  freeze_ourselves();
  CHECK_FALSE(daemon.acting());  // before its loop has turned
  CHECK_FALSE(daemon.reason().empty());
  REQUIRE(until(loop, [&] { return daemon.acting(); }));
  CHECK(daemon.link.status().guard_epoch > epoch);  // another node: the old one went with its session
}

TEST_CASE("a guard that may not be made says so", "[zookeeper][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  uv::Loop loop;
  Client stranger(loop, server.address("/mesos", "somebody:else"));
  stranger.create("/extvold");
  Daemon daemon(loop, server.address("/mesos", "extvold:secret"), "m1");
  REQUIRE(until(
      loop, [&] { return daemon.reason().find("the right to create nodes there") != std::string::npos; }));
  CHECK_FALSE(daemon.acting());
  Daemon elsewhere(loop, server.address("/mesos", "extvold:secret"), "m1", "/a/b/c");
  REQUIRE(until(loop, [&] { return elsewhere.acting(); }));
  // Nodes that are not ours are no members; one that is written by nobody knows whom holds the guard.
  Client other(loop, server.address("/mesos", "extvold:secret"));
  other.create("/a/b/c/notes");
  other.create("/a/b/c/guard-0000000000000000-0000000000", "\xff{");
  other.remove("/a/b/c/" + elsewhere.link.status().guard_node);
  REQUIRE(until(loop, [&] { return elsewhere.reason().find("an unknown daemon (node guard-") == 0; }));
  other.remove("/a/b/c/guard-0000000000000000-0000000000");
  REQUIRE(until(loop, [&] { return elsewhere.acting(); }));
}

}  // namespace
}  // namespace extvold::daemon::zookeeper::tests
