// `volume adopt`: what is at a provider already, under that provider's names, and given back again.
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
using extvold::testing::Reply;
namespace ev = extvold;

namespace {

const ev::ProviderName kLab("local~lab");

struct World : EngineWorld {
  explicit World(ev::Policy policy = EngineWorld::default_policy()) : EngineWorld(std::move(policy)) {
    subscribe();
    put("data");
    advance(ev::minutes(2));
  }
  void put(const std::string& key) {
    extvold::testing::FakeVolume one;
    one.made.size_mb = 32;
    one.blank = false;
    truth.emplace(key, one);
  }
  Reply adopt(const std::string& name, const std::string& key, const std::string& pool = "p1") {
    ev::AdoptVolume order;
    order.name = name;
    order.pool = {kLab, pool};
    order.provider_key = key;
    return EngineWorld::order(order);
  }
};

std::string text_of(const Reply& reply) { return reply.status ? reply.text : reply.status.error().message; }

}  // namespace

TEST_CASE("an adopted volume is in a pool of the configuration, and in its own where that is told") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].pools = {"p1", "p2"};
  World world(policy);
  CHECK(text_of(world.adopt("pg", "data", "nonsense")).find("in the pool local~lab~p1, not in") !=
        std::string::npos);
  CHECK(text_of(world.adopt("pg", "data", "p2")).find("in the pool local~lab~p1, not in") !=
        std::string::npos);
  REQUIRE(world.adopt("pg", "data").status);
  CHECK(world.volume("pg").volume.pool.pool == "p1");
  CHECK(text_of(world.adopt("other", "data")).find("is volume pg already") != std::string::npos);
  CHECK(text_of(world.adopt("other", "nobody")).find("volume list --foreign") != std::string::npos);
}

TEST_CASE("an adopted volume that is removed is given back: it stays, and can be adopted again") {
  World world;
  REQUIRE(world.adopt("pg", "data").status);
  world.advance(ev::minutes(2));
  const ev::VolumeId id = world.volume("pg").volume.id;
  const Reply reply = world.order(ev::RemoveVolume{"pg", "pg"});
  REQUIRE(reply.status);
  CHECK(reply.text.find("it stays at the provider") != std::string::npos);
  world.advance(ev::minutes(10));
  CHECK(world.truth.contains("data"));
  CHECK(world.calls.empty());
  CHECK(world.engine().snapshot().volume(id)->volume.state == ev::VolumeState::removed);
  REQUIRE(world.adopt("again", "data").status);
  CHECK(world.volume("again").volume.state == ev::VolumeState::available);
  world.agent_added("A1", "a1");
  world.run_task("pg.1", "A1", "again");
  world.advance(ev::minutes(1));
  CHECK(world.attached("again", "a1"));
}

TEST_CASE(
    "who had it before it was given back, and what was wished then, is forgotten when it is adopted again") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  World world(policy);
  REQUIRE(world.adopt("pg", "data").status);
  world.agent_added("A1", "a1");
  world.advance(ev::minutes(2));
  world.run_task("pg.1", "A1", "pg");
  world.advance(ev::minutes(1));
  REQUIRE(world.attached("pg", "a1"));
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(5));
  REQUIRE_FALSE(world.attached("pg", "a1"));
  world.mishap[ev::OperationKind::resize] = extvold::testing::Mishap::fail_before;
  REQUIRE(world.order(ev::ResizeVolume{"pg", 100}).status);
  while (world.volume("pg").open_operation != nullptr) world.advance(ev::milliseconds(10));
  REQUIRE(world.order(ev::RemoveVolume{"pg", "pg"}).status);
  world.truth.at("data").made.size_mb = 200;  // by hand
  world.advance(ev::minutes(2));
  REQUIRE(world.adopt("again", "data").status);
  CHECK(world.volume("again").volume.size_mb == 200);
  CHECK(world.volume("again").volume.wanted_size_mb == 0);
  CHECK(world.volume("again").attachments.empty());
  CHECK(world.volume("again").evidence.empty());
}

TEST_CASE("a look that was asked for before a volume was given back says nothing of it") {
  World world;
  REQUIRE(world.adopt("pg", "data").status);
  world.truth.at("data").hosts.insert("a9");
  const ev::VolumeId id = world.volume("pg").volume.id;
  REQUIRE(world.order(ev::RemoveVolume{"pg", "pg"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.engine().snapshot().volume(id)->attachments.empty());
}
