// `volume resize`: a volume grows, once, and never shrinks; nothing that matters more waits for it.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/split.h"

using extvold::testing::attach_by_order;
using extvold::testing::EngineWorld;
using extvold::testing::has;
using extvold::testing::kAfter;
using extvold::testing::Mishap;
using extvold::testing::Reply;
using extvold::testing::Split;
namespace ev = extvold;

namespace {

Reply resize(EngineWorld& world, const std::string& name, std::int64_t size_mb) {
  return world.order(ev::ResizeVolume{name, size_mb});
}

int resizes(const EngineWorld& world) {
  return static_cast<int>(std::count_if(world.calls.begin(), world.calls.end(),
                                        [](const std::string& one) { return one.starts_with("resize "); }));
}

ev::Policy without_resize_of_attached() {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.resize_attached = false;
  return policy;
}

}  // namespace

TEST_CASE("a volume is made larger by order, and its ledger has the size that a look shows") {
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata");
  const Reply reply = resize(world, "pgdata", 100);
  REQUIRE(reply.status);
  CHECK(reply.text.find("from 64 MB to 100 MB") != std::string::npos);
  world.advance(ev::seconds(1));
  CHECK(world.calls.back() == "resize pgdata");
  CHECK(world.volume("pgdata").volume.size_mb == 100);
  CHECK(world.volume("pgdata").volume.wanted_size_mb == 0);
  CHECK(has(world, "volume.grown/observed"));
  world.advance(ev::minutes(10));
  CHECK(resizes(world) == 1);
}

TEST_CASE("a volume is never made smaller, and its own size takes an order back") {
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata");
  const Reply smaller = resize(world, "pgdata", 63);
  REQUIRE_FALSE(smaller.status);
  CHECK(smaller.status.error().code == ev::Errc::invalid);
  CHECK(smaller.status.error().message.find("never made smaller") != std::string::npos);
  CHECK(resize(world, "pgdata", 64).status);  // it has it
  REQUIRE(world.order(ev::Hold{"pgdata"}).status);
  REQUIRE(resize(world, "pgdata", 100).status);
  CHECK(world.volume("pgdata").volume.wanted_size_mb == 100);
  REQUIRE(resize(world, "pgdata", 64).status);
  CHECK(world.volume("pgdata").volume.wanted_size_mb == 0);
  REQUIRE(world.order(ev::Release{"pgdata"}).status);
  world.advance(ev::minutes(1));
  CHECK(resizes(world) == 0);
}

TEST_CASE("a size is rounded to the provider's steps, and one beyond all sense is refused") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].size_step_mb = 8192;
  EngineWorld world(policy);
  world.subscribe();
  world.make_volume("pgdata");
  REQUIRE(resize(world, "pgdata", 8193).status);
  world.advance(ev::seconds(1));
  CHECK(world.volume("pgdata").volume.size_mb == 16384);
  CHECK_FALSE(resize(world, "pgdata", INT64_MAX).status);
  CHECK(resize(world, "nobody", 100).status.error().code == ev::Errc::not_found);
}

TEST_CASE("an order at a provider that makes nothing larger is refused") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.resize = false;
  EngineWorld world(policy);
  world.subscribe();
  world.make_volume("pgdata");
  const Reply reply = resize(world, "pgdata", 100);
  REQUIRE_FALSE(reply.status);
  CHECK(reply.status.error().code == ev::Errc::conflict);
}

TEST_CASE("a resize whose answer is lost is settled by a look, whether it happened or not") {
  const Mishap mishap = GENERATE(Mishap::lose_reply_before, Mishap::lose_reply_after);
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::resize] = mishap;
  REQUIRE(resize(world, "pgdata", 100).status);
  world.advance(ev::seconds(1));
  world.mishap.clear();
  world.advance(ev::minutes(5));
  CHECK(world.volume("pgdata").volume.size_mb == 100);
  CHECK((resizes(world) > 1) == (mishap == Mishap::lose_reply_before));
  CHECK(world.volume("pgdata").open_operation == nullptr);
}

TEST_CASE("no other size is ordered while a resize is under way") {
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::resize] = Mishap::hang;
  REQUIRE(resize(world, "pgdata", 100).status);
  for (const std::int64_t size : {64, 100, 200}) {
    const Reply reply = resize(world, "pgdata", size);
    REQUIRE_FALSE(reply.status);
    CHECK(reply.status.error().code == ev::Errc::conflict);
  }
}

TEST_CASE("a volume grows under its host where the provider can do so") {
  EngineWorld world;
  attach_by_order(world);
  REQUIRE(resize(world, "pgdata", 100).status);
  world.advance(ev::seconds(1));
  CHECK(world.volume("pgdata").volume.size_mb == 100);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("else it waits until no host has it, says so, and comes before the next host") {
  EngineWorld world(without_resize_of_attached());
  attach_by_order(world);
  world.agent_added("A2", "a2");
  REQUIRE(resize(world, "pgdata", 100).status);
  world.advance(ev::seconds(1));
  CHECK(resizes(world) == 0);
  CHECK(world.blocked("pgdata", "a1") == "resize_waits");
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  REQUIRE(world.order(ev::AttachVolume{"pgdata", "a2"}).status);
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.volume("pgdata").volume.size_mb == 100);
  const auto at = [&](const std::string& call) {
    return std::find(world.calls.begin(), world.calls.end(), call) - world.calls.begin();
  };
  CHECK(at("detach pgdata a1") < at("resize pgdata"));
  CHECK(at("resize pgdata") < at("attach pgdata a2"));
}

TEST_CASE("a resize holds up no fence, whatever becomes of its call") {
  const Mishap mishap = GENERATE(Mishap::hang, Mishap::none, Mishap::fail_before);
  Split world;
  world.mishap[ev::OperationKind::resize] = mishap;
  world.advance(kAfter - ev::minutes(1));
  REQUIRE(resize(world, "pgdata", 100).status);
  world.advance(ev::seconds(90));
  CHECK_FALSE(world.sets().empty());
}

TEST_CASE("a resize that fails again and again keeps no host from its volume") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::resize] = Mishap::fail_before;
  REQUIRE(resize(world, "pgdata", 100).status);
  REQUIRE(world.order(ev::AttachVolume{"pgdata", "a1"}).status);
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a1"));
}
