// The authorisation self-check: what the master counts is compared with what it shows (controllers.md,
// section 7c, 33).
#include <fmt/format.h>

#include <algorithm>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

struct Cluster : EngineWorld {
  Cluster() {
    subscribe();
    agent_added("A1", "a1");
    agent_added("A2", "a2");
  }
};

std::ptrdiff_t count_history(const Cluster& world, std::string_view kind) {
  return std::count_if(world.history.begin(), world.history.end(),
                       [&](const ev::HistoryEntry& one) { return one.kind == kind; });
}

}  // namespace

TEST_CASE("33: a principal that may not see tasks makes the view incomplete, never empty") {
  Cluster world;
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  world.disconnect();
  world.master.tasks_hidden = 5;
  world.subscribe();
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.engine().observed().view_complete);
  CHECK(world.engine().observed().view_incomplete_why.find("VIEW_TASK") != std::string::npos);
  world.advance(ev::minutes(60));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("33: a single task that stays hidden among many makes the view incomplete") {
  Cluster world;
  for (int i = 0; i < 200; ++i) world.run_task(fmt::format("web.{}", i), "A1", "");
  world.advance(ev::minutes(5));
  REQUIRE(world.engine().observed().view_complete);
  world.master.tasks_hidden = 1;
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.engine().observed().view_complete);
}

TEST_CASE("33: what began to run between the list and the count is not hidden") {
  Cluster world;
  world.run_task("web.0", "A1", "");
  world.advance(ev::minutes(5));
  REQUIRE(world.engine().observed().view_complete);
  world.master.refused[ev::MasterCall::get_tasks] = "it hangs";
  for (int i = 1; i <= 20; ++i) world.run_task(fmt::format("web.{}", i), "A1", "");
  world.advance(ev::minutes(5));
  CHECK(world.engine().observed().view_complete);
  SECTION("but one more is") { world.master.tasks_hidden = 1; }
  SECTION("and the next list counts anew") {
    world.master.refused.clear();
    world.advance(ev::minutes(5));
    CHECK(world.engine().observed().view_complete);
    world.master.tasks_hidden = 1;
  }
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.engine().observed().view_complete);
}

TEST_CASE("33: a self-check that cannot be made is not passed") {
  Cluster world;
  world.disconnect();
  std::string why;
  SECTION("refused") {
    why = "metrics of http://m: answered 403: 403 Forbidden.";
    world.master.refused[ev::MasterCall::metrics] = why;
  }
  SECTION("without the count") {
    why = "master/tasks_running";
    world.master.metrics = ev::MasterMetricsSeen{-1, -1};
  }
  world.subscribe();
  CHECK(world.engine().observed().view_complete);  // one miss is tolerated
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.engine().observed().view_complete);
  CHECK(world.engine().observed().view_incomplete_why.find(why) != std::string::npos);
  world.advance(ev::minutes(10));
  CHECK(count_history(world, "view.authorisation") == 1);
  world.master.refused.clear();
  world.master.metrics = ev::MasterMetricsSeen{0, 0};
  world.advance(ev::minutes(2));
  CHECK(count_history(world, "view.authorisation") == 2);
  CHECK_FALSE(world.engine().observed().view_complete);
  world.subscribe();
  CHECK(world.engine().observed().view_complete);
}

TEST_CASE("33: a view in which something was hidden is made anew when all is shown") {
  Cluster world;
  world.master.tasks_hidden = 5;
  world.advance(ev::minutes(5));
  REQUIRE_FALSE(world.engine().observed().view_complete);
  REQUIRE(world.resubscribed.empty());
  world.master.tasks_hidden = 0;
  world.advance(ev::minutes(5));
  CHECK(world.resubscribed.size() == 1);
  CHECK_FALSE(world.engine().observed().view_complete);
  world.subscribe();
  world.advance(ev::minutes(5));
  CHECK(world.engine().observed().view_complete);
  CHECK(world.resubscribed.size() == 1);
}

TEST_CASE("33: one failed self-check between good ones changes nothing") {
  Cluster world;
  for (int i = 0; i < 5; ++i) {
    world.event(ev::PollFailed{ev::MasterCall::metrics, "no whole answer"});
    CHECK(world.engine().observed().view_complete);
    world.event(ev::MasterMetricsSeen{0, 0});
  }
  CHECK(count_history(world, "view.authorisation") == 0);
}
