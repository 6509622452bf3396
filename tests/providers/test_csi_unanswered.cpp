// Creates whose answer was lost, at drivers that find no volume by its name; and copies by way of a snapshot.
#include <catch2/catch.hpp>

#include "tests/providers/csi_world.h"

using namespace extvold;
using namespace extvold::tests;
using conformance::Fault;
using conformance::Stage;

namespace {

// It neither lists nor inspects (ceph-csi).
CsiDoubleOptions blind() {
  CsiDoubleOptions options;
  options.without = {3, 10, 12};
  options.validates_anything = true;
  return options;
}

struct BlindWorld : CsiWorld {
  BlindWorld() : CsiWorld(blind()) {
    config.list_attachments = false;
    config.resize = false;
    restart();
  }
};

void lose_create(CsiWorld& world, const std::string& key) {
  world.driver.arm(Stage::change, Fault::lost_answer);
  const OperationResult lost = world.execute(world.call(OperationKind::create, world.volume(key)));
  CHECK(lost.state == OperationState::uncertain);
  world.driver.disarm();
}

CsiDoubleOptions by_snapshot() {
  CsiDoubleOptions options;
  options.without = {7};
  return options;
}

// The copy is told before its snapshot goes.
bool snapshots_go(CsiWorld& world) {
  for (int i = 0; i < 100 && !world.driver.snapshots().empty(); ++i) world.observe();
  return world.driver.snapshots().empty();
}

OperationCall copy_of(CsiWorld& world, const Volume& source, const std::string& key) {
  OperationCall copy = world.call(OperationKind::create, world.volume(key));
  copy.source_ref = source.provider_ref;
  return copy;
}

}  // namespace

TEST_CASE("csi: a name of ours is sent to no driver as the id of a volume", "[csi]") {
  BlindWorld world;
  lose_create(world, "xv-one");
  const ProviderObservation seen = world.observe("xv-one");
  CHECK(seen.complete);
  CHECK(seen.volumes.empty());  // and not one with the id "xv-one"
  CHECK_FALSE(world.provider->info().capabilities.shows_created);
  CHECK(world.created("xv-one").provider_ref == "vol-1");
  CHECK(world.driver.volumes().size() == 1);
}

TEST_CASE("csi: what a create left whose answer was lost is removed, though nobody knows its id", "[csi]") {
  CsiWorld world;
  lose_create(world, "xv-one");
  REQUIRE(world.driver.volumes().size() == 1);
  const OperationCall remove = world.call(OperationKind::remove, world.volume("xv-one"));
  CHECK(world.execute(remove).state == OperationState::done);
  CHECK(world.driver.volumes().empty());
  // One that the driver never had is not made to be removed where that is refused.
  world.driver.refuse("CreateVolume", 3, "no such parameter");
  CHECK(world.execute(remove).outcome == Outcome::unchanged);
  world.driver.refuse("CreateVolume", 7, "not you");
  CHECK(world.execute(remove).error.code == Errc::permission);
}

TEST_CASE("csi: a driver that says of anything that it is there is believed once about a removal", "[csi]") {
  BlindWorld world;
  Volume volume = world.created("xv-one");
  CHECK(world.observe("xv-one").volumes.size() == 1);
  CHECK(world.execute(world.call(OperationKind::remove, volume)).outcome == Outcome::changed);
  CHECK(world.driver.volumes().empty());
  const ProviderObservation gone = world.observe("xv-one");
  CHECK(gone.complete);
  CHECK(gone.volumes.empty());
}

TEST_CASE("csi: what is on no page of several is asked for by itself", "[csi]") {
  CsiDoubleOptions options;
  options.page = 1;
  options.without = {12};
  CsiWorld world(options);
  const Volume one = world.created("xv-one");
  world.created("xv-two");
  CsiDoubleVolume moved;
  for (const CsiDoubleVolume& each : world.driver.volumes()) {
    if (each.name == "xv-one") moved = each;
  }
  // As where an earlier volume is deleted between two pages: it is on none of them, and there.
  world.driver.hide_from_lists(moved.id);
  const ProviderObservation seen = world.observe("xv-one");
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("does not say where it is published") != std::string::npos);
  CHECK(world.execute(world.call(OperationKind::remove, one)).state == OperationState::failed);
}

TEST_CASE("csi: another driver at the endpoint is noticed at the next look", "[csi]") {
  CsiWorld world;
  CHECK(world.observe().complete);
  world.driver.lose_capability(10);
  CHECK_FALSE(world.observe().complete);
}

TEST_CASE("csi: a driver that makes no copies makes them from a snapshot, which goes again", "[csi]") {
  CsiWorld world(by_snapshot());
  const Volume source = world.created("xv-source");
  const OperationCall copy = copy_of(world, source, "xv-copy");
  CHECK(world.execute(copy).outcome == Outcome::changed);
  CHECK(world.driver.volumes().back().source.starts_with("snap-"));
  CHECK(snapshots_go(world));
}

TEST_CASE("csi: a snapshot that is not ready is asked for again, and is the same one", "[csi]") {
  CsiDoubleOptions options = by_snapshot();
  options.snapshot_ready_after = 1;
  CsiWorld world(options);
  const Volume source = world.created("xv-source");
  const OperationResult early = world.execute(copy_of(world, source, "xv-copy"));
  CHECK(early.state == OperationState::failed);
  CHECK(early.error.code == Errc::busy);
  CHECK(world.driver.volumes().size() == 1);
  CHECK(world.execute(copy_of(world, source, "xv-copy")).state == OperationState::done);
  CHECK(snapshots_go(world));
}

TEST_CASE("csi: a copy whose answer was lost is made from the same snapshot", "[csi]") {
  CsiWorld world(by_snapshot());
  const Volume source = world.created("xv-source");
  world.driver.refuse("CreateVolume", 14, "gone for a moment");
  CHECK(world.execute(copy_of(world, source, "xv-copy")).state == OperationState::uncertain);
  REQUIRE(world.driver.snapshots().size() == 1);
  const std::string snapshot = world.driver.snapshots().front().id;
  CHECK(world.execute(copy_of(world, source, "xv-copy")).state == OperationState::done);
  CHECK(world.driver.volumes().back().source == snapshot);
  CHECK(snapshots_go(world));
  // The driver may refuse to delete what the copy is made of: the copy is made all the same.
  world.driver.refuse("DeleteSnapshot", 9, "in use");
  CHECK(world.execute(copy_of(world, source, "xv-second")).state == OperationState::done);
}

TEST_CASE("csi: what a lost copy left is removed by its id, whatever the answer says else", "[csi]") {
  CsiWorld world(by_snapshot());
  const Volume source = world.created("xv-source");
  world.driver.arm(Stage::change, Fault::lost_answer);
  CHECK(world.execute(copy_of(world, source, "xv-copy")).state != OperationState::done);
  world.driver.disarm();
  world.driver.refuse("CreateVolume", 14, "gone, and made all the same");
  CHECK(world.execute(copy_of(world, source, "xv-copy")).state == OperationState::uncertain);
  OperationCall remove = world.call(OperationKind::remove, world.volume("xv-copy"));
  remove.source_ref = source.provider_ref;
  // Short of space, asked too often, or without its source: that says nothing of what is there.
  for (const int code : {8, 5}) {
    world.driver.refuse("CreateVolume", code, "no");
    CHECK(world.execute(remove).state == OperationState::failed);
  }
  CHECK(world.execute(remove).state == OperationState::done);
  CHECK(world.driver.volumes().size() == 1);
  CHECK(snapshots_go(world));
}
