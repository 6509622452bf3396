// A create whose answer was lost, at a storage that shows no volume by our name (CSI): only the same call
// again tells, and what it left is not forgotten.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
using extvold::testing::Mishap;
namespace ev = extvold;

namespace {

ev::Policy by_id_only() {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.shows_created = false;
  policy.providers[0].capabilities.shows_running_calls = false;
  policy.providers[0].capabilities.keeps_tags = false;
  return policy;
}

std::int64_t count(const EngineWorld& world, const std::string& call) {
  return std::count(world.calls.begin(), world.calls.end(), call);
}

}  // namespace

TEST_CASE("what no look shows is asked for again by the same name, and is the same volume") {
  EngineWorld world(by_id_only());
  world.subscribe();
  world.mishap[ev::OperationKind::create] = Mishap::lose_reply_after;
  world.make_volume("pgdata");
  world.advance(ev::seconds(30));
  CHECK(world.volume("pgdata").open_operation->state == ev::OperationState::uncertain);
  world.mishap.clear();
  world.advance(ev::minutes(10));
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::available);
  CHECK(world.volume("pgdata").volume.provider_ref == "ref-" + world.truth.begin()->first);
  CHECK(count(world, "create pgdata") == 2);
  CHECK(world.truth.size() == 1);
}

TEST_CASE(
    "rule: what a lost create left is removed with its order, and no look that shows nothing ends that") {
  EngineWorld world(by_id_only());
  world.subscribe();
  world.make_volume("other");
  world.mishap[ev::OperationKind::create] = Mishap::lose_reply_after;
  world.make_volume("pgdata");
  world.advance(ev::seconds(100));  // given up once, and waiting to be asked for again
  REQUIRE(world.volume("pgdata").volume.state == ev::VolumeState::planned);
  REQUIRE(world.truth.size() == 2);
  while (world.volume("pgdata").open_operation != nullptr) world.advance(ev::seconds(1));
  world.mishap[ev::OperationKind::remove] = Mishap::lose_reply_before;
  const auto reply = world.order(ev::RemoveVolume{"pgdata", "pgdata"});
  REQUIRE(reply.status);
  CHECK(reply.text.find("what its creation may have left is removed") != std::string::npos);
  const ev::VolumeId id = world.volume("pgdata").volume.id;
  world.advance(ev::minutes(3));
  CHECK(world.truth.size() == 2);
  CHECK(world.engine().snapshot().volume(id)->volume.state == ev::VolumeState::removing);
  world.mishap.clear();
  world.advance(ev::minutes(30));
  CHECK(world.truth.size() == 1);
  CHECK(world.engine().snapshot().volume(id)->volume.state == ev::VolumeState::removed);
}

TEST_CASE("what a create may have left anywhere is removed with its order") {
  EngineWorld world;
  world.subscribe();
  world.mishap[ev::OperationKind::create] = Mishap::fail_before;
  world.make_volume("pgdata");
  const ev::VolumeId id = world.volume("pgdata").volume.id;
  world.advance(ev::seconds(30));
  while (world.volume("pgdata").open_operation != nullptr) world.advance(ev::milliseconds(10));
  // By a program that outlived its call.
  world.truth.emplace(world.volume("pgdata").volume.key,
                      extvold::testing::FakeVolume{
                          world.volume("pgdata").volume, world.engine().snapshot().ledger.id, {}, {}, {}});
  REQUIRE(world.order(ev::RemoveVolume{"pgdata", "pgdata"}).status);
  world.advance(ev::minutes(10));
  CHECK(world.truth.empty());
  CHECK(world.engine().snapshot().volume(id)->volume.state == ev::VolumeState::removed);
}

TEST_CASE("rule: what a restored ledger only planned is not deleted without the trash") {
  EngineWorld world;
  world.subscribe();
  world.mishap[ev::OperationKind::create] = Mishap::fail_before;
  world.make_volume("pgdata");
  const std::string key = world.volume("pgdata").volume.key;
  while (world.volume("pgdata").open_operation != nullptr) world.advance(ev::milliseconds(10));
  REQUIRE(world.volume("pgdata").last_operation != nullptr);
  // After the backup: it was made, and used for weeks.
  world.truth.emplace(key,
                      extvold::testing::FakeVolume{
                          world.volume("pgdata").volume, world.engine().snapshot().ledger.id, {}, {}, {}});
  ev::Policy restored = EngineWorld::default_policy();
  restored.others_acted = true;
  world.restart(restored);
  const auto reply = world.order(ev::RemoveVolume{"pgdata", "pgdata"});
  REQUIRE_FALSE(reply.status);
  CHECK(reply.status.error().message.find("may have been made and used meanwhile") != std::string::npos);
  world.mishap.clear();
  world.subscribe();
  world.advance(ev::minutes(30));
  REQUIRE(world.volume("pgdata").volume.state == ev::VolumeState::available);
  REQUIRE(world.order(ev::RemoveVolume{"pgdata", "pgdata"}).status);
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::trashed);
  CHECK(world.truth.contains(key));
}
