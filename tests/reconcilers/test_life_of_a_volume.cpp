// The main job, from creation to detach, with nothing going wrong.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/reconcilers/held.h"

using extvold::testing::attach_by_order;
using extvold::testing::EngineWorld;
namespace ev = extvold;

TEST_CASE("a volume is created, formatted on the format host and let go again") {
  EngineWorld world;
  world.subscribe();
  world.make_volume("pgdata", ev::Filesystem::ext4);
  CHECK(world.calls == std::vector<std::string>{"create pgdata", "attach pgdata fmt", "format pgdata fmt",
                                                "detach pgdata fmt"});
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::available);
  CHECK(world.volume("pgdata").volume.format == ev::FormatState::formatted);
  CHECK(world.volume("pgdata").volume.provider_ref == "ref-" + world.volume("pgdata").volume.key);
  CHECK_FALSE(world.attached("pgdata", "fmt"));
  CHECK(world.volume("pgdata").claims.empty());
  CHECK(world.blocked("pgdata").empty());
}

TEST_CASE("a volume for readers is writable where it is formatted, and nowhere else") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.mishap[ev::OperationKind::format] = ev::testing::Mishap::hang;
  world.make_volume("site", ev::Filesystem::ext4, ev::AccessMode::ro);
  REQUIRE(world.attachment("site", "fmt") != nullptr);
  CHECK_FALSE(world.attachment("site", "fmt")->read_only);
  world.make_volume("plain", ev::Filesystem::none, ev::AccessMode::ro);
  world.run_task("web.1", "A1", "plain");
  world.advance(ev::milliseconds(1));
  REQUIRE(world.attached("plain", "a1"));
  CHECK(world.attachment("plain", "a1")->read_only);
}

TEST_CASE("a task's volume is attached when the task appears and detached when its agent proves it gone") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::milliseconds(1));
  REQUIRE(world.attached("pgdata", "a1"));

  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(20));
  CHECK(world.attached("pgdata", "a1"));  // the executor's word is no evidence
  CHECK(world.blocked("pgdata", "a1") == "waits_for_agent");
  REQUIRE(world.claim("pg.1") != nullptr);
  CHECK_FALSE(world.claim("pg.1")->wanted);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);

  world.end_container("pg.1", "A1");
  world.advance(ev::seconds(60));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.attachment("pgdata", "a1")->state == ev::AttachmentState::detached);
  CHECK(world.attachment("pgdata", "a1")->read_back);
  CHECK(world.claim("pg.1") == nullptr);
  CHECK(world.calls == std::vector<std::string>{"create pgdata", "attach pgdata a1", "detach pgdata a1"});
}

TEST_CASE("a volume moves with its task, detach first, attach after its read-back") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::seconds(3));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.blocked("pgdata", "a2") == "waits_for_unknown_claim");
  world.end_container("pg.1", "A1");
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.attached("pgdata", "a2"));
  const std::vector<std::string> expected = {"create pgdata", "attach pgdata a1", "detach pgdata a1",
                                             "attach pgdata a2"};
  CHECK(world.calls == expected);
}

TEST_CASE("a restarting task within the linger keeps its attachment") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_finished, ev::StatusSource::source_executor);
  world.advance(ev::seconds(2));
  world.run_task("pg.2", "A1", "pgdata");
  world.advance(ev::seconds(60));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.calls == std::vector<std::string>{"create pgdata", "attach pgdata a1"});
}

TEST_CASE(
    "of two tasks that want one single-writer volume on two hosts the first wins and the other says why") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::seconds(30));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.blocked("pgdata", "a2") == "attached_elsewhere");
}

TEST_CASE("a volume that is read-only for everybody goes to several hosts") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("media", ev::Filesystem::none, ev::AccessMode::ro);
  world.run_task("m.1", "A1", "media");
  world.run_task("m.2", "A2", "media");
  world.advance(ev::seconds(1));
  CHECK(world.attached("media", "a1"));
  CHECK(world.attached("media", "a2"));
  CHECK(world.attachment("media", "a1")->read_only);
}

TEST_CASE("60: two people want one volume on two hosts at once: one of them gets it, the other is told") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.hold_commits = true;
  world.post_order(ev::AttachVolume{"pgdata", "a1"});
  world.post_order(ev::AttachVolume{"pgdata", "a2"});
  world.hold_commits = false;
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(std::count(world.calls.begin(), world.calls.end(), "attach pgdata a2") == 0);
  CHECK_FALSE(world.blocked("pgdata", "a2").empty());
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  world.advance(ev::minutes(1));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("an order attaches a volume without a task and gives it back") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  REQUIRE(world.order(ev::AttachVolume{"pgdata", "a1"}).status);
  world.advance(ev::seconds(1));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.order(ev::RemoveVolume{"pgdata", "pgdata"}).status);
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  world.advance(ev::seconds(1));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  REQUIRE(world.order(ev::RemoveVolume{"pgdata", "pgdata"}).status);
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::trashed);
  CHECK_FALSE(world.order(ev::PurgeVolume{"pgdata", "pgdata", false}).status);
  CHECK(world.truth.size() == 1);
  REQUIRE(world.order(ev::PurgeVolume{"pgdata", "pgdata", true}).status);
  world.advance(ev::seconds(1));
  CHECK(world.truth.empty());
  CHECK(world.engine().snapshot().volume_by_name("pgdata") == nullptr);
}

TEST_CASE("nobody reads a read-only volume while the host that formatted it can still write") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.mishap[ev::OperationKind::detach] = extvold::testing::Mishap::fail_before;
  world.make_volume("mirror", ev::Filesystem::ext4, ev::AccessMode::ro);
  world.run_task("m.1", "A1", "mirror");
  world.run_task("m.2", "A2", "mirror");
  world.advance(ev::minutes(5));
  CHECK(world.attached("mirror", "fmt"));
  CHECK_FALSE(world.attached("mirror", "a1"));
  CHECK_FALSE(world.attached("mirror", "a2"));
  world.mishap.clear();
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("mirror", "fmt"));
  CHECK(world.attached("mirror", "a1"));
  CHECK(world.attached("mirror", "a2"));
}

TEST_CASE("nothing is changed in observe mode, and the plan says what would be") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  REQUIRE(world.order(ev::Hold{}).status);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(60));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "planned_waits");
  const ev::Plan plan = ev::reconcilers::plan(world.engine().snapshot(), world.engine().observed(),
                                              world.now().at, world.engine().policy());
  REQUIRE(plan.operations.size() == 1);
  CHECK(plan.operations[0].waits_for.find("observe mode") != std::string::npos);
  REQUIRE(world.order(ev::Release{}).status);
  world.advance(ev::seconds(1));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("an operator's order that a restored ledger does not trust is given again") {
  EngineWorld world;
  attach_by_order(world);
  for (auto& [key, volume] : world.truth) volume.hosts.clear();  // done after the backup was made
  world.restore();
  world.subscribe();
  world.agent_added("A1", "a1");
  REQUIRE(world.order(ev::Release{}).status);
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  REQUIRE(world.volume("pgdata").claims.size() == 1);
  CHECK(world.volume("pgdata").claims.front()->liveness == ev::Liveness::unknown);

  const ev::testing::Reply again = world.order(ev::AttachVolume{"pgdata", "a1"});
  REQUIRE(again.status);
  CHECK(again.text.find("is wanted at a1") != std::string::npos);
  world.advance(ev::seconds(1));
  CHECK(world.attached("pgdata", "a1"));
  REQUIRE(world.volume("pgdata").claims.size() == 1);
  CHECK(world.volume("pgdata").claims.front()->liveness == ev::Liveness::live);
  CHECK(std::count_if(world.history.begin(), world.history.end(),
                      [](const ev::HistoryEntry& one) { return one.kind == "claim.ordered"; }) == 2);
  CHECK(world.order(ev::AttachVolume{"pgdata", "a1"}).text.find("already") != std::string::npos);
}

TEST_CASE("a volume that is not made yet is not ordered to be formatted again") {
  EngineWorld world;
  world.subscribe();
  world.mishap[ev::OperationKind::create] = extvold::testing::Mishap::fail_before;
  world.make_volume("pgdata", ev::Filesystem::ext4);
  world.restore();
  REQUIRE(world.volume("pgdata").volume.state == ev::VolumeState::planned);
  REQUIRE(world.volume("pgdata").volume.format == ev::FormatState::refused);
  const ev::testing::Reply early = world.order(ev::ForceFormat{"pgdata", "pgdata", "nothing is on it"});
  REQUIRE_FALSE(early.status);
  CHECK(early.status.error().message.find("planned") != std::string::npos);
  world.mishap.clear();
  world.subscribe();
  REQUIRE(world.order(ev::Release{}).status);
  world.advance(ev::minutes(10));
  REQUIRE(world.volume("pgdata").volume.state == ev::VolumeState::available);
  CHECK(world.order(ev::ForceFormat{"pgdata", "pgdata", "nothing is on it"}).status);
  world.advance(ev::minutes(10));
  CHECK(world.volume("pgdata").volume.format == ev::FormatState::formatted);
}

TEST_CASE("hold --all takes back what was released by name, and leaves what is held") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  for (const char* name : {"pgdata", "logs", "held"}) world.make_volume(name);
  REQUIRE(world.order(ev::Release{"pgdata"}).status);
  REQUIRE(world.order(ev::Release{"a2"}).status);
  REQUIRE(world.order(ev::Hold{"held"}).status);
  REQUIRE(world.order(ev::Hold{}).status);
  CHECK(world.volume("pgdata").volume.hold == ev::HoldState::inherit);
  CHECK(world.engine().snapshot().host_by_name("a2")->hold == ev::HoldState::inherit);
  CHECK(world.volume("held").volume.hold == ev::HoldState::held);
  CHECK(std::count_if(world.history.begin(), world.history.end(), [](const ev::HistoryEntry& one) {
          return one.kind == "volume.inherit" || one.kind == "host.inherit";
        }) == 2);
  world.run_task("pg.1", "A1", "pgdata");
  world.run_task("log.1", "A2", "logs");
  world.advance(ev::seconds(60));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("logs", "a2"));
}

TEST_CASE("the plan in place is a fixpoint and a look at it writes nothing") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata", ev::Filesystem::xfs);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(2));  // the lists are refused in this world, which is written once
  const ev::Plan plan = ev::reconcilers::plan(world.engine().snapshot(), world.engine().observed(),
                                              world.now().at, world.engine().policy());
  CHECK(plan.operations.empty());
  CHECK(plan.blocked.empty());
  const auto before = world.engine().counts().commits;
  world.advance(ev::minutes(30));
  CHECK(world.engine().counts().sweeps > 0);
  CHECK(world.engine().counts().commits == before);
}
