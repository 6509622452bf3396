// `volume create --from`: a copy is made of what is there, and takes after it.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
using extvold::testing::Mishap;
using extvold::testing::Reply;
namespace ev = extvold;

namespace {

ev::CreateVolume copy_order(const std::string& name, const std::string& from) {
  ev::CreateVolume order;
  order.name = name;
  order.pool = {ev::ProviderName("local~lab"), "p1"};
  order.from = from;
  return order;
}

bool says(const Reply& reply, const std::string& part) {
  INFO((reply.status ? reply.text : reply.status.error().message));
  return (reply.status ? reply.text : reply.status.error().message).find(part) != std::string::npos;
}

std::int64_t creates(const EngineWorld& world, const std::string& name) {
  return std::count(world.calls.begin(), world.calls.end(), "create " + name);
}

}  // namespace

TEST_CASE("rule: a copy waits until its source is made: of nothing it would be an empty volume") {
  EngineWorld world;
  world.subscribe();
  world.mishap[ev::OperationKind::create] = Mishap::fail_before;
  world.make_volume("source");
  REQUIRE(world.volume("source").volume.state == ev::VolumeState::planned);
  REQUIRE(world.order(copy_order("copy", "source")).status);
  world.mishap.clear();
  world.advance(ev::milliseconds(100));  // the source waits out its failure
  CHECK(creates(world, "copy") == 0);
  CHECK(world.blocked("copy") == "waits_for_source");
  world.advance(ev::minutes(10));
  REQUIRE(world.volume("source").volume.state == ev::VolumeState::available);
  CHECK(world.volume("copy").volume.state == ev::VolumeState::available);
  CHECK(creates(world, "copy") == 1);
  CHECK(world.source_refs == std::vector<std::string>{"ref-" + world.volume("source").volume.key});
}

TEST_CASE("a copy of what a restart has not made yet waits as well") {
  EngineWorld world;
  world.subscribe();
  world.mishap[ev::OperationKind::create] = Mishap::hang;
  world.make_volume("source");
  REQUIRE(world.order(copy_order("copy", "source")).status);
  world.restart();
  world.subscribe();
  world.mishap.clear();
  world.advance(ev::minutes(10));
  CHECK(world.volume("copy").volume.state == ev::VolumeState::available);
  CHECK(world.source_refs == std::vector<std::string>{"ref-" + world.volume("source").volume.key});
}

TEST_CASE("a copy has the filesystem and the size of its source, and is never formatted") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("F", "fmt");
  world.make_volume("source", ev::Filesystem::xfs);
  world.advance(ev::minutes(1));
  REQUIRE(world.volume("source").volume.format == ev::FormatState::formatted);
  REQUIRE(world.order(copy_order("copy", "source")).status);
  world.advance(ev::minutes(1));
  const ev::Volume copy = world.volume("copy").volume;
  CHECK(copy.filesystem == ev::Filesystem::xfs);
  CHECK(copy.size_mb == 64);
  CHECK(copy.format == ev::FormatState::not_wanted);
  CHECK(copy.origin == ev::VolumeOrigin::cloned);
  CHECK(std::count(world.calls.begin(), world.calls.end(), "format copy fmt") == 0);

  ev::CreateVolume order = copy_order("small", "source");
  order.size_mb = 63;
  CHECK(says(world.order(order), "has 64 MB, and a copy cannot have less"));
  order.size_mb = 100;
  order.filesystem = ev::Filesystem::ext4;
  CHECK(says(world.order(order), "leave --fs out"));
  order.filesystem = ev::Filesystem::xfs;
  CHECK(world.order(order).status);
  CHECK(world.volume("small").volume.size_mb == 100);
}

TEST_CASE("what cannot be copied is refused when it is ordered") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.clone = false;
  EngineWorld world(policy);
  world.subscribe();
  world.make_volume("source");
  CHECK(says(world.order(copy_order("copy", "source")), "makes no volume from another one"));
  CHECK(says(world.order(copy_order("copy", "nobody")), "no such volume"));
  world.reload(EngineWorld::default_policy());
  REQUIRE(world.order(ev::RemoveVolume{"source", "source"}).status);
  CHECK(says(world.order(copy_order("copy", "source")), "it is trashed"));
  REQUIRE(world.order(ev::RestoreVolume{"source"}).status);
  world.mishap[ev::OperationKind::create] = Mishap::fail_before;
  REQUIRE(world.order(copy_order("copy", "source")).status);
  CHECK(says(world.order(ev::RemoveVolume{"source", "source"}), "still to be made from it"));
  world.reload(policy);  // whose provider makes none any more
  world.advance(ev::minutes(10));
  CHECK(world.blocked("copy") == "cannot_clone");
}

TEST_CASE("who makes the filesystem is the provider's matter") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.formatting = ev::Formatting::node_side;
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata", ev::Filesystem::ext4);
  CHECK(world.volume("pgdata").volume.format == ev::FormatState::not_wanted);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(1));
  CHECK(world.attached("pgdata", "a1"));

  policy.providers[0].capabilities.formatting = ev::Formatting::nobody;
  world.reload(policy);
  ev::CreateVolume order;
  order.name = "other";
  order.pool = {ev::ProviderName("local~lab"), "p1"};
  order.size_mb = 64;
  order.filesystem = ev::Filesystem::ext4;
  CHECK(says(world.order(order), "create it with --fs none"));
  order.filesystem = ev::Filesystem::none;
  CHECK(world.order(order).status);
  order.name = "third";
  order.iops = -5;
  CHECK(says(world.order(order), "-5 IOPS"));
}
