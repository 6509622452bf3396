// One storage under two names of providers.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

TEST_CASE("a volume that another provider shows too keeps its row and gets no second one") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers.push_back(policy.providers[0]);
  policy.providers[1].name = ev::ProviderName("fake~renamed");
  EngineWorld world(policy);
  world.subscribe();
  world.make_volume("pgdata");
  world.advance(ev::minutes(5));
  CHECK(world.engine().snapshot().volumes().size() == 1);
  CHECK(world.volume("pgdata").volume.pool.provider == policy.providers[0].name);
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::available);
  const auto lost = [](const ev::HistoryEntry& one) { return one.kind == "volume.lost"; };
  CHECK(std::none_of(world.history.begin(), world.history.end(), lost));
}
