// Settling: which answer of a provider ends an operation, and what is recorded of it. A list is a weaker
// witness than a direct look.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
using extvold::testing::Mishap;
namespace ev = extvold;

namespace {

// Agents A1, A2 on a1, a2; volume pgdata, and another, so that a list without pgdata is not an empty one.
struct Cluster : EngineWorld {
  explicit Cluster(ev::Policy policy = EngineWorld::default_policy()) : EngineWorld(std::move(policy)) {
    join();
    make_volume("pgdata");
    make_volume("other");
  }
  void join() {
    subscribe();
    agent_added("A1", "a1");
    agent_added("A2", "a2");
  }
  void end(const std::string& task, const std::string& agent) {
    end_container(task, agent);
    task_updated(task, agent, ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }
  std::string key() const { return volume("pgdata").volume.key; }
  std::int64_t count(const std::string& call) const { return std::count(calls.begin(), calls.end(), call); }
  const ev::Operation* open() const { return volume("pgdata").open_operation.get(); }
};

// Nothing but our own reading back keeps the second host out.
ev::Policy permissive() {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.exclusive_attach = false;
  return policy;
}

}  // namespace

TEST_CASE("a list that leaves a volume out does not read its detach back") {
  Cluster world(permissive());
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  REQUIRE(world.attached("pgdata", "a1"));
  world.mishap[ev::OperationKind::detach] = Mishap::lie;
  world.list_omits.insert(world.key());
  world.inspects_fail = true;
  world.end("pg.1", "A1");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(10));
  REQUIRE(world.open() != nullptr);
  CHECK(world.open()->kind == ev::OperationKind::detach);
  CHECK(world.count("attach pgdata a2") == 0);
  // The direct look tells the truth: it is still there, and is detached once more.
  world.inspects_fail = false;
  world.mishap.clear();
  world.advance(ev::minutes(5));
  CHECK(world.count("detach pgdata a1") == 2);
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a list that leaves a volume out does not read its removal back, nor end an uncertain attach") {
  Cluster world;
  SECTION("removal") {
    REQUIRE(world.order(ev::RemoveVolume{"pgdata", "pgdata"}).status);
    world.mishap[ev::OperationKind::remove] = Mishap::lie;
    world.list_omits.insert(world.key());
    world.inspects_fail = true;
    const ev::VolumeId id = world.volume("pgdata").volume.id;
    REQUIRE(world.order(ev::PurgeVolume{"pgdata", "pgdata", true}).status);
    world.advance(ev::minutes(10));
    CHECK(world.engine().snapshot().volume(id)->volume.state == ev::VolumeState::removing);
  }
  SECTION("attach") {
    world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_after;
    world.list_omits.insert(world.key());
    world.inspects_fail = true;
    world.run_task("pg.1", "A1", "pgdata");
    world.advance(ev::seconds(1));
    world.end("pg.1", "A1");
    world.run_task("pg.2", "A2", "pgdata");
    world.advance(ev::minutes(10));
    REQUIRE(world.open() != nullptr);
    CHECK(world.open()->state == ev::OperationState::uncertain);
    CHECK(world.count("attach pgdata a2") == 0);
  }
}

TEST_CASE("an attach that nobody can tell about is settled beside a volume that somebody mapped elsewhere") {
  ev::Policy policy = permissive();
  policy.providers[0].capabilities.shows_running_calls = false;
  Cluster world(policy);
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  REQUIRE(world.open() != nullptr);
  REQUIRE(world.open()->state == ev::OperationState::uncertain);
  const bool known_to_mesos = GENERATE(true, false);
  world.truth.at(world.key()).hosts.insert(known_to_mesos ? "a2" : "c9");
  world.advance(ev::minutes(20));
  if (known_to_mesos) {
    CHECK(world.count("detach pgdata a1") == 1);
    CHECK(world.attached("pgdata", "a2"));
  } else {  // it may be a1 under another name: a detach would take it away
    CHECK(world.count("detach pgdata a1") == 0);
    CHECK(world.open()->state == ev::OperationState::uncertain);
  }
}

TEST_CASE("a create is not given up because no list has the volume yet") {
  Cluster world(permissive());
  world.mishap[ev::OperationKind::create] = Mishap::lose_reply_before;
  world.inspects_fail = true;
  ev::CreateVolume create;
  create.name = "late";
  create.pool = {ev::ProviderName("local~lab"), "p1"};
  create.size_mb = 64;
  REQUIRE(world.order(create).status);
  world.advance(ev::minutes(10));
  CHECK(world.count("create late") == 1);
  REQUIRE(world.volume("late").open_operation != nullptr);
  CHECK(world.volume("late").open_operation->state == ev::OperationState::uncertain);
}

TEST_CASE("where a storage keeps no tag and tells no size, a volume of ours is known by its key") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.keeps_tags = false;
  EngineWorld world(policy);
  world.sizes_untold = true;
  world.subscribe();
  world.make_volume("pgdata");
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::available);
  CHECK(world.volume("pgdata").volume.size_mb == 64);
  CHECK(world.volume("pgdata").volume.provider_ref == "ref-" + world.truth.begin()->first);
}

TEST_CASE("where attachments are not listed, a look that shows none takes none away") {
  ev::Policy policy = permissive();
  policy.providers[0].capabilities.list_attachments = false;
  Cluster world(policy);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a1"));
  world.attachments_untold = true;
  world.run_task("pg.2", "A2", "pgdata");
  SECTION("while somebody uses it") {}
  SECTION("when he has ended, and a detach was said to be done") {
    world.end("pg.1", "A1");
    world.mishap[ev::OperationKind::detach] = Mishap::lie;
  }
  SECTION("over a restart") {
    world.restart();
    world.join();
    for (const auto& [id, agent] : {std::pair{"pg.1", "A1"}, std::pair{"pg.2", "A2"}})
      world.task_added(world.task(id, agent, "pgdata", ev::TaskState::task_running));
  }
  world.advance(ev::minutes(10));
  CHECK(world.truth.at(world.key()).hosts == std::set<std::string>{"a1"});
  REQUIRE(world.attachment("pgdata", "a1") != nullptr);
  CHECK(world.attachment("pgdata", "a1")->state != ev::AttachmentState::detached);
}

TEST_CASE("a list settles what it shows: an attach whose answer was lost") {
  Cluster world;
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_after;
  world.inspects_fail = true;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.open() == nullptr);
}

TEST_CASE("what a lost answer did not say of the host is recorded from the look, before the attach is done") {
  Cluster world;
  world.boot_ids["a1"] = "boot-1";
  SECTION("the answer was lost") {
    world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_after;
    world.run_task("pg.1", "A1", "pgdata");
  }
  SECTION("killed before the answer") {
    world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_after;
    world.inspects_fail = true;
    world.run_task("pg.1", "A1", "pgdata");
    world.restart();
    world.inspects_fail = false;
    world.join();
  }
  world.boot_ids["a1"] = "boot-2";  // it was attached in the boot before
  world.advance(ev::minutes(5));
  REQUIRE(world.attached("pgdata", "a1"));
  CHECK(world.attachment("pgdata", "a1")->host_identity == "a1");
  CHECK(world.attachment("pgdata", "a1")->device == "/dev/loop-" + world.key());
  CHECK(world.attachment("pgdata", "a1")->boot_id == "boot-1");
  const auto identified = [](const ev::HistoryEntry& one) { return one.kind == "attachment.identified"; };
  CHECK(std::count_if(world.history.begin(), world.history.end(), identified) == 1);
}

TEST_CASE("an attachment that the provider can give no host is held by a host with a name of its own") {
  Cluster world;
  world.truth.at(world.key()).hosts.insert("");  // somebody's own losetup
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(2));
  CHECK(world.engine().snapshot().host_by_name("") == nullptr);
  CHECK(world.blocked("pgdata", "unnamed@local~lab") == "unexplained_attachment");
  CHECK(world.blocked("pgdata", "a1") == "waits_for_unknown_claim");
}

TEST_CASE(
    "an uncertain attach that no look settles is settled by a detach, after the provider's settle time") {
  ev::Policy policy = permissive();
  policy.providers[0].capabilities.shows_running_calls = false;
  policy.providers[0].settle_time = ev::minutes(3);
  Cluster world(policy);
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
  world.run_task("pg.1", "A1", "pgdata");
  SECTION("its task is gone: it goes elsewhere") {
    world.end("pg.1", "A1");
    world.mishap.clear();
    world.run_task("pg.2", "A2", "pgdata");
    world.advance(ev::seconds(170));
    CHECK(world.count("detach pgdata a1") == 0);
    CHECK(world.open()->state == ev::OperationState::uncertain);
    world.advance(ev::minutes(2));
    CHECK(world.count("detach pgdata a1") == 1);
    CHECK(world.attached("pgdata", "a2"));
  }
  SECTION("its task waits: it is attached anew") {
    world.mishap.clear();
    world.advance(ev::minutes(5));
    CHECK(world.count("detach pgdata a1") == 1);
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("it took effect after all, late") {
    world.truth.at(world.key()).hosts.insert("a1");
    world.mishap.clear();
    world.advance(ev::minutes(5));
    CHECK(world.count("detach pgdata a1") == 0);
    CHECK(world.attached("pgdata", "a1"));
  }
  SECTION("a person's word settles it too, where there is no detach to be had") {
    world.mishap[ev::OperationKind::detach] = Mishap::hang;
    world.end("pg.1", "A1");
    world.run_task("pg.2", "A2", "pgdata");
    REQUIRE(world.order(ev::Hold{"a1"}).status);
    world.advance(ev::minutes(10));
    REQUIRE(world.open()->state == ev::OperationState::uncertain);
    REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
    world.mishap.clear();
    world.advance(ev::seconds(30));
    CHECK(world.attached("pgdata", "a2"));
  }
}

TEST_CASE("a provider that cannot list attachments brings only what this ledger made and never adopted") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.list_attachments = false;
  Cluster world(policy);
  extvold::testing::FakeVolume stray;
  stray.made.name = "stray";
  world.truth["stray"] = stray;
  world.advance(ev::minutes(1));
  REQUIRE(world
              .order(ev::AdoptVolume{"stray",
                                     {ev::ProviderName("local~lab"), "p1"},
                                     "stray",
                                     ev::Filesystem::ext4,
                                     ev::AccessMode::rw})
              .status);
  world.run_task("pg.1", "A1", "pgdata");
  world.run_task("s.1", "A1", "stray");
  world.advance(ev::minutes(1));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("stray", "a1"));
  CHECK(world.blocked("stray", "a1") == "attachments_not_listed");
  REQUIRE(world.order(ev::AttachVolume{"stray", "a1"}).status);  // a person says that nobody else has it
  world.advance(ev::minutes(1));
  CHECK(world.attached("stray", "a1"));
}

TEST_CASE("mounts are recorded as the host tells them, and one that nobody can be using is reported") {
  Cluster world;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  world.truth.at(world.key()).busy_hosts.insert("a1");
  world.advance(ev::minutes(1));
  REQUIRE(world.volume("pgdata").mounts.size() == 1);
  CHECK(world.volume("pgdata").mounts[0].path == "/mnt/a1");
  CHECK(world.blocked("pgdata", "a1").empty());
  REQUIRE(world.order(ev::Hold{"pgdata"}).status);
  world.end("pg.1", "A1");
  world.advance(ev::minutes(2));
  CHECK(world.blocked("pgdata", "a1") == "orphan_mount");
  CHECK(world.count("detach pgdata a1") == 0);
  world.truth.at(world.key()).busy_hosts.clear();
  world.advance(ev::minutes(1));
  CHECK(world.volume("pgdata").mounts.empty());
  CHECK(world.blocked("pgdata", "a1") == "planned_waits");
}

TEST_CASE("an attach in doubt is over only when its call cannot come any more, whatever a look shows") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.shows_running_calls = false;
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = extvold::testing::Mishap::lose_reply_before;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(5));
  world.mishap.clear();
  world.truth.begin()->second.hosts.insert("a1");  // by a person's hand
  world.advance(ev::seconds(30));
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  CHECK(world.volume("pgdata").open_operation->state == ev::OperationState::uncertain);
  world.advance(policy.providers[0].settle_time + ev::minutes(1));
  CHECK(world.volume("pgdata").open_operation == nullptr);
  CHECK(world.attached("pgdata", "a1"));
  CHECK(std::count(world.calls.begin(), world.calls.end(), "attach pgdata a1") == 1);
}
