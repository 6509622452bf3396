// How often a provider is asked (controllers.md, invariant 33; scenarios 16 and 66).
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/reconcilers/split.h"

using extvold::testing::EngineWorld;
using extvold::testing::fencing;
using extvold::testing::kAfter;
using extvold::testing::Split;
namespace ev = extvold;

namespace {

// n volumes and a task for each on one host.
struct Crowd : EngineWorld {
  explicit Crowd(ev::Policy policy = EngineWorld::default_policy()) : EngineWorld(std::move(policy)) {
    subscribe();
    agent_added("A1", "a1");
  }
  void make(int from, int to) {
    for (int n = from; n < to; ++n) make_volume("v" + std::to_string(n));
  }
  void run(int from, int to) {
    for (int n = from; n < to; ++n) {
      const std::string number = std::to_string(n);
      event(ev::TaskSeen{task("t" + number, "A1", "v" + number), ev::ElementOrigin::event,
                         ev::TaskList::tasks});
    }
    settle();
  }
  std::int64_t attached_of(int from, int to) const {
    std::int64_t out = 0;
    for (int n = from; n < to; ++n) out += attached("v" + std::to_string(n), "a1") ? 1 : 0;
    return out;
  }
  const ev::Budget& budget() const {
    return engine().observed().providers.at(ev::ProviderName("local~lab")).budget;
  }
};

std::int64_t asked_between(const EngineWorld& world, ev::Instant from, ev::Instant to) {
  return std::count_if(world.asked.begin(), world.asked.end(),
                       [&](ev::Instant at) { return at >= from && at < to; });
}

ev::Policy limited(int calls_per_second) {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].calls_per_second = calls_per_second;
  return policy;
}

}  // namespace

TEST_CASE("16: a provider that is asked too often is left alone, and then asked less") {
  Crowd world;
  world.make(0, 40);
  world.advance(ev::seconds(5));
  world.serves_per_second = 4;
  world.retry_after = GENERATE(ev::Duration{}, ev::seconds(30));
  world.run(0, 40);
  REQUIRE_FALSE(world.throttled_at.empty());
  CHECK(world.throttled_at.size() <= 5);  // what had left already
  const ev::Instant paused = world.budget().paused_until;
  CHECK(paused >= world.throttled_at.front() + std::max(world.retry_after, ev::seconds(1)));
  CHECK(world.budget().learned_milli == 8'000);
  CHECK(world.blocked("v39", "a1") == "provider_throttled");
  const std::size_t asked = world.asked.size();
  world.advance(paused - world.now().at + ev::milliseconds(-1));
  CHECK(world.asked.size() == asked);
  world.advance(ev::minutes(5));
  CHECK(world.attached_of(0, 40) == 40);
  CHECK(world.throttled_at.size() <= 16);  // no storm while it learns
}

TEST_CASE("16: a provider that is asked too often is asked for a fence all the same") {
  Split world;
  world.advance(kAfter - ev::minutes(1));
  REQUIRE(world.fence_calls.empty());
  ev::ProviderObservation slow;
  slow.provider = ev::ProviderName("local~lab");
  slow.throttled = true;
  slow.retry_after = ev::minutes(10);
  slow.why_incomplete = "slow down";
  slow.sent_at = slow.ended_at = world.now().at;
  world.observe(std::move(slow));
  world.advance(ev::minutes(3));
  CHECK_FALSE(world.fence_calls.empty());
  CHECK(world.blocked("pgdata", "a2") == "provider_throttled");
  world.advance(ev::minutes(8));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("16: a fence that is refused because too much is asked is put off, and switches nobody off") {
  Split world(fencing({ev::FenceRung::volume, ev::FenceRung::power}));
  world.fences_throttled = true;
  world.retry_after = ev::seconds(30);
  world.advance(kAfter);
  const auto budget = [&] { return world.engine().observed().budget(ev::ProviderName("local~lab")); };
  REQUIRE_FALSE(world.fence_calls.empty());
  CHECK(budget().paused_until > world.now().at);
  SECTION("for a while") {
    world.advance(ev::minutes(1));
    CHECK(world.sets().size() <= 3);
    world.fences_throttled = false;
    world.advance(ev::minutes(1));
    CHECK(world.powered_off.empty());
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("again and again: that is no rung to wait for") {
    world.advance(ev::minutes(10));
    CHECK(world.powered_off.contains("a1"));
  }
}

TEST_CASE(
    "invariant 33: no more is asked than the configuration says, after a start either, and hardly less") {
  const int limit = 20;
  Crowd world(limited(limit));
  world.make(0, 200);
  world.advance(ev::minutes(2));
  const bool again = GENERATE(false, true);
  world.run(0, 200);
  if (again) {
    world.advance(ev::seconds(2));
    world.restart();
    world.asked.clear();
    world.subscribe();
    world.agent_added("A1", "a1");
    world.run(0, 200);
  }
  const ev::Instant began = world.now().at;
  world.advance(ev::seconds(10));
  const std::int64_t asked = asked_between(world, began, began + ev::seconds(10));
  CHECK(asked <= limit * 10 + 2);
  CHECK(asked >= limit * 10 * 95 / 100);
  for (ev::Instant from = began; from < world.now().at; from = from + ev::milliseconds(100))
    REQUIRE(asked_between(world, from, from + ev::seconds(1)) <= limit + 2);
  world.advance(ev::minutes(2));
  CHECK(world.attached_of(0, 200) == 200);
}

TEST_CASE("66: a cold start on many intents, at a provider that serves few, is no storm and converges") {
  Crowd world;
  world.make(0, 120);
  world.advance(ev::minutes(1));
  world.mishap[ev::OperationKind::attach] = ev::testing::Mishap::hang;
  world.run(0, 120);
  world.restart();
  world.mishap.clear();
  world.asked.clear();
  world.serves_per_second = 10;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.run(0, 120);
  world.advance(ev::minutes(4));
  CHECK(world.attached_of(0, 120) == 120);
  CHECK(world.throttled_at.size() * 10 < world.asked.size());
}

TEST_CASE("9: of a budget for fewer than could be called both lanes have their share") {
  Crowd world(limited(2));
  world.make(0, 20);
  world.run(0, 10);
  world.advance(ev::minutes(3));
  REQUIRE(world.attached_of(0, 10) == 10);
  world.calls.clear();
  world.run(10, 20);
  for (int n = 0; n < 10; ++n) {
    const std::string task = "t" + std::to_string(n);
    world.end_container(task, "A1");
    world.task_updated(task, "A1", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                       "REASON_EXECUTOR_TERMINATED");
  }
  world.advance(ev::seconds(30));
  const auto begun = [&](std::string_view kind) {
    return std::count_if(world.calls.begin(), world.calls.end(),
                         [&](const std::string& call) { return call.starts_with(kind); });
  };
  CHECK(begun("attach") >= 5);
  CHECK(begun("detach") >= 5);
}
