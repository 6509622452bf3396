// Synthetic claims: what is attached and nothing explains may be in use by somebody unknown, until somebody
// who can know says otherwise.
#include <catch2/catch.hpp>

#include "tests/reconcilers/held.h"

using extvold::testing::attach_by_order;
using extvold::testing::EngineWorld;
using extvold::testing::has;
using extvold::testing::Held;
namespace ev = extvold;

namespace {

// pgdata is attached to a1, and nothing says why.
struct Found : EngineWorld {
  Found() {
    subscribe();
    make_volume("pgdata");
  }
  void find() {
    truth.at(volume("pgdata").volume.key).hosts.insert("a1");
    advance(ev::minutes(2));
    REQUIRE(attached("pgdata", "a1"));
    REQUIRE(somebody_unknown());
  }
  bool somebody_unknown() const {
    for (const ev::Claim* claim : volume("pgdata").claims) {
      if (claim->kind == ev::ClaimKind::synthetic) return true;
    }
    return false;
  }
};

// What `ledger restore` makes of a ledger whose volume was just being formatted on fmt.
ev::Snapshot restored_while_formatting() {
  ev::Snapshot out;
  out.ledger = {"x", 2};
  out.counters.next_host = 2;
  out.counters.next_volume = 2;
  out.counters.next_claim = 2;
  out.counters.next_generation = 2;
  ev::Host host;
  host.id = {1};
  host.name = "fmt";
  out.apply(ev::Change(host));
  ev::Volume volume;
  volume.id = {1};
  volume.name = "pgdata";
  volume.key = "xv-pgdata";
  volume.pool = {ev::ProviderName("local~lab"), "p1"};
  volume.state = ev::VolumeState::available;
  volume.format = ev::FormatState::refused;
  out.apply(ev::Change(volume));
  ev::Attachment attachment;
  attachment.volume = volume.id;
  attachment.host = host.id;
  attachment.state = ev::AttachmentState::uncertain;
  attachment.generation = {1, 1};
  attachment.host_identity = "fmt";
  out.apply(ev::Change(attachment));
  ev::Claim claim;
  claim.id = {1};
  claim.kind = ev::ClaimKind::format;
  claim.volume = volume.id;
  claim.host = host.id;
  claim.wanted = true;
  claim.liveness = ev::Liveness::unknown;
  out.apply(ev::Change(claim));
  return out;
}

}  // namespace

TEST_CASE(
    "a restored ledger does not go on formatting, and does not know who has the volume on the format host") {
  ev::reconcilers::Engine engine(restored_while_formatting(), EngineWorld::default_policy());
  const ev::Now start{ev::Instant{ev::seconds(1000).ns}, ev::WallTime{1}};
  engine.step(start, ev::reconcilers::TimerFired{});
  CHECK(engine.snapshot().volume_by_name("pgdata")->claims.empty());
  ev::ProviderObservation seen;
  seen.provider = ev::ProviderName("local~lab");
  seen.volume_key = "xv-pgdata";
  seen.complete = true;
  seen.sent_at = start.at + ev::seconds(1);
  ev::ObservedVolume& volume = seen.volumes.emplace_back();
  volume.key = "xv-pgdata";
  volume.ledger_id = "x";
  volume.attachments.emplace_back().host_identity = "fmt";
  engine.step({start.at + ev::seconds(2), ev::WallTime{2}}, ev::reconcilers::ObservationArrived{seen});
  const ev::VolumeEntry& entry = *engine.snapshot().volume_by_name("pgdata");
  CHECK(entry.attachments.at(0).state == ev::AttachmentState::attached);
  REQUIRE(entry.claims.size() == 1);
  CHECK(entry.claims[0]->kind == ev::ClaimKind::synthetic);
}

TEST_CASE("first start on a live cluster: a task that was there before explains it once its agent was read") {
  Found world;
  // Its agent is not known yet, so nobody can tell that it runs at a1.
  world.run_task("pg.1", "A1", "pgdata");
  world.find();
  world.silent_agents.insert("A1");
  world.agent_added("A1", "a1");
  world.advance(ev::minutes(2));
  CHECK(world.somebody_unknown());
  world.silent_agents.clear();
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.somebody_unknown());
  CHECK(world.volume("pgdata").claims.size() == 1);
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.calls == std::vector<std::string>{"create pgdata"});
}

TEST_CASE("a task that came later explains nothing, alive or dead: who had the volume before is unknown") {
  Found world;
  world.agent_added("A1", "a1");
  world.find();
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(5));
  CHECK(world.somebody_unknown());
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(10));
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::dead);
  CHECK(world.somebody_unknown());
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "unexplained_attachment");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "looked at it"}).status);
  world.advance(ev::seconds(30));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("a dead claim explains its own attachment as long as its evidence counts") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::minutes(5);
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(3));  // several lists of the provider meanwhile
  REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
  CHECK(world.volume("pgdata").claims.size() == 1);
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("what ended before its volume was known has its end proven anew when the volume is adopted") {
  Held world;
  extvold::testing::FakeVolume stray;
  stray.made.name = "stray";
  stray.ledger_id = "ledger-of-the-test";
  stray.hosts = {"a1"};
  world.truth["xv-stray"] = stray;
  world.run_task("d.1", "A1", "data");
  world.advance(ev::minutes(1));
  for (const char* task : {"d.1", "pg.1"}) {
    world.end_container(task, "A1");
    world.task_updated(task, "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }
  world.advance(ev::minutes(1));
  REQUIRE(world.claim("d.1") != nullptr);
  REQUIRE(world.claim("d.1")->liveness == ev::Liveness::dead);
  REQUIRE(world
              .order(ev::AdoptVolume{"data",
                                     {ev::ProviderName("local~lab"), "p1"},
                                     "xv-stray",
                                     ev::Filesystem::ext4,
                                     ev::AccessMode::rw})
              .status);
  REQUIRE(world.claim("d.1") != nullptr);
  CHECK((world.claim("d.1")->liveness != ev::Liveness::dead || world.claim("d.1")->evidence));
  world.advance(ev::minutes(5));
  CHECK(has(world, "evidence.recorded/agent_gone"));
  CHECK(world.attached("data", "a1"));  // who else had it before nobody knows
}

TEST_CASE(
    "what an agent that left unwatched may have started on what was there by an order is not taken away") {
  EngineWorld world;
  attach_by_order(world);
  world.advance(ev::seconds(4));
  const bool watched = GENERATE(true, false);
  if (!watched) world.disconnect();
  world.advance(ev::minutes(3));  // it runs pg.1 on pgdata, and is marked gone
  if (!watched) world.subscribe();
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a1") == !watched);
  if (watched) return;
  CHECK(world.blocked("pgdata", "a1") == "unexplained_attachment");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "its power is off"}).status);
  world.advance(ev::minutes(1));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}
