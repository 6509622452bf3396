#include <catch2/catch.hpp>
#include <climits>

#include "model/budget.h"

using extvold::Budget;
using extvold::Instant;
namespace ev = extvold;

namespace {

constexpr Instant kBegin{ev::seconds(1000).ns};

// How often one that asks whenever it may does so, by a clock that is late by up to 5 ms.
std::int64_t ask_for(Budget& budget, int limit, Instant& now, ev::Duration how_long) {
  std::int64_t calls = 0;
  for (const Instant end = now + how_long; now < end; now = now + ev::milliseconds(5)) {
    while (budget.calls_now(limit, now) > 0) {
      budget.spend(limit, now);
      ++calls;
      if (calls > 1'000'000) return calls;
    }
  }
  return calls;
}

}  // namespace

TEST_CASE("budget: without a limit and without a complaint nothing is counted") {
  Budget budget;
  CHECK(budget.calls_now(0, kBegin) == INT_MAX);
  budget.spend(0, kBegin);
  budget.served(0, kBegin);
  CHECK(budget == Budget{});
}

TEST_CASE("budget: a limit is kept, and used") {
  for (const int limit : {1, 7, 50, 400}) {
    Budget budget;
    Instant now = kBegin;
    const std::int64_t calls = ask_for(budget, limit, now, ev::seconds(20));
    CHECK(calls <= limit * 20 + limit / 50 + 1);
    CHECK(calls >= limit * 20 * 97 / 100);
  }
}

TEST_CASE("budget: what was not used is lost but for a moment's worth") {
  Budget budget;
  CHECK(budget.calls_now(100, kBegin) == 3);
  CHECK(budget.calls_now(10, kBegin) == 1);
}

TEST_CASE("budget: who waits for no turn takes the next one's, and never more") {
  Budget budget;
  budget.spend(1, kBegin);
  const Instant next = budget.next_call(1);
  for (int n = 0; n < 100; ++n) budget.spend(1, kBegin + ev::milliseconds(n));
  CHECK(budget.next_call(1) == next);
  CHECK(budget.calls_now(1, next) == 1);
}

TEST_CASE("budget: a complaint pauses and halves, one that was on its way does not halve again") {
  Budget budget;
  budget.throttled(20, {}, kBegin);
  CHECK(budget.rate_milli(20) == 10'000);
  CHECK(budget.calls_now(20, kBegin + ev::milliseconds(999)) == 0);
  CHECK(budget.calls_now(20, kBegin + ev::seconds(1)) == 1);
  CHECK(budget.next_call(20) == kBegin + ev::seconds(1));
  budget.throttled(20, {}, kBegin + ev::milliseconds(500));
  CHECK(budget.rate_milli(20) == 10'000);
  budget.throttled(20, ev::seconds(7), kBegin + ev::milliseconds(600));
  CHECK(budget.rate_milli(20) == 10'000);
  CHECK(budget.next_call(20) == kBegin + ev::milliseconds(7600));
  budget.throttled(20, {}, kBegin + ev::seconds(10));
  CHECK(budget.rate_milli(20) == 5'000);
  CHECK(budget.next_call(20) == kBegin + ev::seconds(12));  // longer each time
}

TEST_CASE("budget: it never waits for ever, whatever it is told") {
  Budget budget;
  Instant now = kBegin;
  for (int n = 0; n < 100; ++n) {
    budget.throttled(0, ev::seconds(900'000), now);
    CHECK(budget.next_call(0) - now <= ev::minutes(10));
    now = budget.next_call(0);
  }
  CHECK(budget.rate_milli(0) == 100);
  CHECK(budget.calls_now(0, now) == 1);
}

TEST_CASE("budget: it grows back, and forgets what it had learned") {
  const int limit = GENERATE(0, 20);
  Budget budget;
  Instant now = kBegin;
  for (int n = 0; n < 5; ++n) {
    budget.throttled(limit, {}, now);
    now = budget.next_call(limit);
  }
  REQUIRE(budget.rate_milli(limit) < 1'000);
  for (int n = 0; n < 3600 && budget.learned_milli != 0; ++n) {
    now = now + ev::seconds(1);
    budget.served(limit, now);
  }
  CHECK(budget.rate_milli(limit) == limit * 1000);
  CHECK(budget.complaints == 0);
}
