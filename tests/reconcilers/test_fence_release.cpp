// The way back of a fenced host: its fences are lifted one by one, or, where nobody can, forgotten by order.
#include <catch2/catch.hpp>

#include "tests/reconcilers/split.h"

using extvold::testing::fencing;
using extvold::testing::has;
using extvold::testing::kAfter;
using extvold::testing::Mishap;
using extvold::testing::Split;
namespace ev = extvold;

TEST_CASE(
    "a host that comes back stays quarantined until it is released, and its fences are lifted one by one") {
  ev::Policy policy = fencing();
  policy.providers[0].capabilities.fence_bars_late_calls = true;
  Split world(policy);
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.attached("pgdata", "a2"));
  world.silent_agents.clear();
  world.agent_added("A3", "a1");
  world.make_volume("other");
  world.run_task("o.1", "A3", "other");
  world.advance(ev::minutes(5));
  CHECK(world.blocked("other", "a1") == "host_quarantined");
  CHECK_FALSE(world.order(ev::FenceRelease{"a1", ""}).status);
  SECTION("lifted and read back") {
    REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted, nothing mounted"}).status);
    world.advance(ev::minutes(2));
    CHECK(world.fenced_volumes.empty());
    CHECK(world.fence() == nullptr);
    CHECK_FALSE(world.a1().quarantined);
    CHECK(world.attached("other", "a1"));
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("not while an entry still stands") {
    world.fence_mishap[ev::FenceAct::lift] = Mishap::lie;
    REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
    world.advance(ev::minutes(10));
    CHECK(world.a1().quarantined);
    CHECK_FALSE(world.attached("other", "a1"));
    world.restart();
    world.rejoin();
    world.fence_mishap.clear();
    world.advance(ev::minutes(5));
    CHECK_FALSE(world.a1().quarantined);
  }
}

TEST_CASE("each fence of a host is lifted and read back, also where the first lift breaks off") {
  ev::Policy policy = fencing({ev::FenceRung::volume});
  policy.providers[0].capabilities.fence_bars_late_calls = true;
  Split world(policy);
  world.make_volume("logs");
  REQUIRE(world.order(ev::AttachVolume{"logs", "a1"}).status);
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("logs", "a1"));
  REQUIRE(world.order(ev::AttachVolume{"logs", "a2"}).status);
  world.advance(kAfter + ev::minutes(5));
  REQUIRE(world.fenced_volumes.size() == 2);
  world.fence_mishap[ev::FenceAct::lift] = Mishap::hang;
  REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);
  world.advance(ev::minutes(2));
  world.fence_mishap[ev::FenceAct::lift] = Mishap::lose_reply_before;
  world.restart();
  world.rejoin();
  world.advance(ev::minutes(3));
  CHECK(world.fenced_volumes.size() == 2);
  CHECK(world.a1().quarantined);
  world.fence_mishap.clear();
  world.advance(ev::minutes(10));
  CHECK(world.fenced_volumes.empty());
  CHECK_FALSE(world.a1().quarantined);
}

TEST_CASE("a process that a release overlooked gets nothing back from after another host's writes") {
  ev::Policy policy = fencing({ev::FenceRung::volume});
  policy.providers[0].capabilities.fence_bars_late_calls = true;
  Split world(policy);
  world.advance(kAfter + ev::minutes(3));
  REQUIRE(world.attached("pgdata", "a2"));
  const bool is_back_before = GENERATE(true, false);
  const auto come_back = [&] {
    world.silent_agents.clear();
    world.master.registry.erase("A1");
    world.agent_added("A1", "a1");
    world.task_added(world.task("pg.1", "A1", "pgdata", ev::TaskState::task_running));
    world.advance(ev::minutes(1));
  };
  if (is_back_before) come_back();
  REQUIRE(world.order(ev::FenceRelease{"a1", "rebooted"}).status);  // it was not
  world.advance(ev::minutes(2));
  REQUIRE_FALSE(world.a1().quarantined);
  if (!is_back_before) come_back();
  world.end_container("pg.2", "A2");
  world.task_updated("pg.2", "A2", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(3));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "open_from_before");
}

TEST_CASE("a fence that nobody can take back any more is forgotten by order, and no other is") {
  ev::Policy policy = fencing({ev::FenceRung::power});
  Split world(policy);
  world.advance(kAfter + ev::minutes(3));
  REQUIRE(world.fence()->state == ev::FenceState::held);
  const auto early = world.order(ev::FenceRelease{"a1", "scrapped", false, true});
  CHECK_FALSE(early.status);  // it is not even asked for
  world.fence_mishap[ev::FenceAct::lift] = Mishap::fail_before;
  REQUIRE(world.order(ev::FenceRelease{"a1", "scrapped"}).status);
  world.advance(ev::minutes(10));
  REQUIRE(world.fence()->state == ev::FenceState::lifting);
  CHECK(world.a1().quarantined);
  REQUIRE(world.order(ev::FenceRelease{"a1", "scrapped", false, true}).status);
  CHECK(world.fence() == nullptr);
  CHECK_FALSE(world.a1().quarantined);
  CHECK(has(world, "fence.forgotten/fence.power"));
}
