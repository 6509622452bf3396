// Hosts that a provider knows by names of its own (an SDC, a CSI node, an address): the ledger records them,
// a fence names them, and what is found under them is at the host that is meant.
#include <catch2/catch.hpp>

#include "tests/reconcilers/split.h"

namespace ev = extvold;
using extvold::testing::EngineWorld;

namespace {

ev::Policy named(ev::Policy policy) {
  policy.providers[0].hosts_by_name = false;
  policy.providers[0].host_identities = {{"a1", "sdc-1"}, {"a2", "sdc-2"}};
  return policy;
}

// Nor does a detach, or what a host says, prove anything.
ev::Policy unproven(std::vector<ev::HostIdentity> identities) {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].hosts_by_name = false;
  policy.providers[0].capabilities.detach_enforced = false;
  policy.providers[0].capabilities.host_reports = false;
  policy.providers[0].host_identities = std::move(identities);
  return policy;
}

// Of the ledger's host for who was sdc-1.
std::string former_name() { return "sdc-1@" + EngineWorld::default_policy().providers[0].name.value; }

// pg.1 has pgdata on a1, which is sdc-1 there.
struct World : ev::testing::Held {
  World() : Held(named(EngineWorld::default_policy())) {}
  void end() {
    end_container("pg.1", "A1");
    task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }
  void know_as(std::vector<ev::HostIdentity> identities) {
    ev::Policy policy = named(EngineWorld::default_policy());
    policy.providers[0].host_identities = std::move(identities);
    reload(policy);
  }
};

}  // namespace

TEST_CASE("a volume moves between hosts that its provider knows by other names") {
  World world;
  CHECK(world.attachment("pgdata", "a1")->host_identity == "sdc-1");
  world.end();
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(1));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.attachment("pgdata", "a2")->host_identity == "sdc-2");
  CHECK(world.engine().snapshot().host_by_name("sdc-1") == nullptr);
  CHECK(world.engine().snapshot().host_by_name("sdc-2") == nullptr);
}

TEST_CASE("what is found at a host's other name is at that host, and nobody else's") {
  EngineWorld world(named(EngineWorld::default_policy()));
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.truth.begin()->second.hosts.insert("a2");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.attachment("pgdata", "a2")->host_identity == "sdc-2");
  CHECK(world.blocked("pgdata", "a2") == "unexplained_attachment");
}

TEST_CASE("a fence names the host as the provider knows it") {
  ev::testing::Split world(named(ev::testing::fencing()));
  world.advance(ev::testing::kAfter + ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  REQUIRE(world.fence() != nullptr);
  CHECK(world.fence()->target == "sdc-1");
}

TEST_CASE("rule: a host that its provider shows under another name is not who was recorded") {
  World world;
  const ev::Attachment before = *world.attachment("pgdata", "a1");
  // It came up with another address, and the table was corrected.
  world.truth.begin()->second.identities["a1"] = "sdc-8";
  world.know_as({{"a1", "sdc-8"}, {"a2", "sdc-2"}});
  world.advance(ev::minutes(5));
  const ev::Attachment* now = world.attachment("pgdata", "a1");
  CHECK(now->state == ev::AttachmentState::attached);
  CHECK(now->host_identity == "sdc-8");
  CHECK(before.generation < now->generation);  // what was proven of the other says nothing of this one
  CHECK(now->origin == ev::AttachmentOrigin::found);
}

TEST_CASE("rule: what is proven of a host's new name says nothing of its former one") {
  World world;
  world.truth.begin()->second.identities["a1"] = "sdc-8";
  world.reload(unproven({{"a1", "sdc-8"}, {"a2", "sdc-2"}}));
  world.advance(ev::minutes(5));
  CHECK(world.attachment("pgdata", "a1")->host_identity == "sdc-8");
  const std::string name = former_name();
  const ev::Attachment* former = world.attachment("pgdata", name);
  REQUIRE(former != nullptr);
  CHECK(former->host_identity == "sdc-1");
  CHECK(former->state == ev::AttachmentState::detached);  // read back, and that proves nothing here

  world.end();
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(5));
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "it has no power"}).status);
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  REQUIRE(world.order(ev::FenceConfirm{name, name, "it has no power"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a host is not given a volume under a new name before its former one is proven") {
  World world;
  world.reload(unproven({{"a1", "sdc-1"}, {"a2", "sdc-2"}}));
  world.truth.begin()->second.hosts.clear();  // somebody took it away, and nothing proves anything
  world.end();
  world.advance(ev::minutes(5));
  REQUIRE(world.attachment("pgdata", "a1")->state == ev::AttachmentState::detached);
  CHECK(world.attachment("pgdata", "a1")->host_identity == "sdc-1");
  world.reload(unproven({{"a1", "sdc-8"}, {"a2", "sdc-2"}}));
  world.run_task("pg.2", "A1", "pgdata");
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  const std::string name = former_name();
  REQUIRE(world.attachment("pgdata", name) != nullptr);
  REQUIRE(world.order(ev::FenceConfirm{name, name, "it has no power"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("an identity that has moved to another host is that host's, whoever had it before") {
  World world;
  world.end();
  world.advance(ev::minutes(1));
  world.know_as({{"a2", "sdc-1"}, {"a1", "sdc-9"}});
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.attachment("pgdata", "a2")->host_identity == "sdc-1");
  CHECK(world.volume("pgdata").open_operation == nullptr);
}

TEST_CASE("who is shown under two names at once is two hosts") {
  World world;
  world.others_attach = true;
  world.truth.begin()->second.hosts.insert("ghost");
  world.truth.begin()->second.identities["ghost"] = "sdc-8";
  world.know_as({{"a1", "sdc-8"}, {"a2", "sdc-2"}});
  world.advance(ev::minutes(5));
  CHECK(world.attachment("pgdata", "a1")->host_identity == "sdc-1");
  REQUIRE(world.attachment("pgdata", "sdc-8") != nullptr);
  CHECK(world.attachment("pgdata", "sdc-8")->state == ev::AttachmentState::attached);
}
