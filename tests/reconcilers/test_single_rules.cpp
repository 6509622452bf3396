// Rules that others guard as well, so that no story goes wrong without one of them: what each does by itself.
#include <catch2/catch.hpp>

#include <algorithm>

#include "reconcilers/look.h"
#include "tests/reconcilers/split.h"

using extvold::testing::attach_beside_node_side;
using extvold::testing::EngineWorld;
using extvold::testing::FakeVolume;
using extvold::testing::fencing;
using extvold::testing::has;
using extvold::testing::Held;
using extvold::testing::kAfter;
using extvold::testing::lose_untold;
using extvold::testing::Mishap;
using extvold::testing::Split;
namespace ev = extvold;

namespace {

const ev::ProviderName kLab("local~lab");

// The provider's list or, with a key, its word about one volume, sent and answered then.
ev::ProviderObservation shows(const EngineWorld& world, const std::string& volume, const char* host,
                              ev::Instant sent_at) {
  ev::ProviderObservation out;
  out.provider = kLab;
  out.complete = true;
  out.sent_at = out.ended_at = sent_at;
  ev::ObservedVolume& seen = out.volumes.emplace_back();
  seen.key = world.volume(volume).volume.key;
  seen.provider_ref = "ref-" + seen.key;
  seen.ledger_id = "ledger-of-the-test";
  seen.pool = "p1";
  seen.size_mb = world.volume(volume).volume.size_mb;
  seen.call_running = ev::TriState::no;
  if (host != nullptr) {
    seen.attachments.emplace_back().host_identity = host;
    seen.attachments.back().mounted = seen.attachments.back().open = ev::TriState::no;
  }
  return out;
}

class Fencing : public Split {
 public:
  using Split::Split;
  void look(ev::TriState held, ev::Instant sent_at) {
    ev::FenceResult result;
    result.id = fence()->id;
    result.act = ev::FenceAct::check;
    result.state = ev::FenceCallState::done;
    result.held = held;
    result.sent_at = sent_at;
    result.ended_at = now().at;
    post(ev::reconcilers::FenceCallEnded{std::move(result)});
    settle();
  }
};

std::int64_t count(const EngineWorld& world, const std::string& call) {
  return std::count(world.calls.begin(), world.calls.end(), call);
}

// Killed while the detach of what pg.1 had is at work.
void die_in_detach(Held& world) {
  world.end_container("pg.1", "A1");
  world.mishap[ev::OperationKind::detach] = Mishap::hang;
  world.end(ev::TaskState::task_killed, ev::StatusSource::source_executor);
  REQUIRE(count(world, "detach pgdata a1") == 1);
  world.restart();
}

}  // namespace

TEST_CASE("rule: a look that was sent before our last call ended says nothing") {
  Held world;
  const ev::Instant before{world.now().at.ns - ev::seconds(60).ns};
  ev::ProviderObservation old = shows(world, "pgdata", nullptr, before);
  old.volume_key = old.volumes.front().key;
  world.observe(std::move(old));
  CHECK_FALSE(has(world, "attachment.vanished/observed"));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("rule: a list that broke off, and one that is empty, are no lists") {
  Held world;
  const auto why = [&] { return world.engine().observed().providers.at(kLab).why_incomplete; };
  SECTION("it broke off") {
    ev::ProviderObservation list = shows(world, "pgdata", "a1", world.now().at);
    list.complete = false;
    list.why_incomplete = "page 3 of 7 was not answered";
    world.observe(std::move(list));
    CHECK(why() == "page 3 of 7 was not answered");
  }
  SECTION("it is empty") {
    ev::ProviderObservation list = shows(world, "pgdata", "a1", world.now().at);
    list.volumes.clear();
    world.observe(std::move(list));
    CHECK_FALSE(why().empty());
  }
}

TEST_CASE("rule: what was under way at a start may go on until its deadline, where nobody shows it") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.shows_running_calls = false;
  policy.providers[0].capabilities.exclusive_attach = false;
  Held world(policy);
  die_in_detach(world);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  const ev::Duration settles = policy.providers[0].settle_time;
  world.advance(settles + ev::seconds(30));
  REQUIRE(settles + ev::seconds(30) < settles + policy.operation_deadline);
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  CHECK(world.volume("pgdata").open_operation->state == ev::OperationState::uncertain);
  world.mishap.clear();
  world.advance(policy.operation_deadline + ev::minutes(3));
  CHECK(count(world, "detach pgdata a1") == 2);
}

TEST_CASE("rule: a volume that carries another ledger's tag was not made by us") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.mishap[ev::OperationKind::create] = Mishap::lose_reply_before;
  ev::CreateVolume create;
  create.name = "late";
  create.pool = {kLab, "p1"};
  create.size_mb = 64;
  REQUIRE(world.order(create).status);
  FakeVolume others;
  others.made.name = "late";
  others.made.size_mb = 64;
  others.ledger_id = "another-ledger";
  world.truth[world.volume("late").volume.key] = others;
  world.advance(ev::minutes(10));
  CHECK(world.volume("late").volume.state != ev::VolumeState::available);
}

TEST_CASE("rule: nothing is deleted without a fresh look") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("old");
  world.make_volume("other");
  world.inspects_fail = world.provider_silent = true;
  world.restart();
  world.subscribe();
  world.agent_added("A1", "a1");
  REQUIRE(world.order(ev::RemoveVolume{"old", "old"}).status);
  REQUIRE(world.order(ev::PurgeVolume{"old", "old", true}).status);
  world.advance(ev::minutes(10));
  CHECK(count(world, "remove old") == 0);
  world.inspects_fail = world.provider_silent = false;
  world.advance(ev::minutes(10));
  CHECK(count(world, "remove old") == 1);
}

TEST_CASE("rule: what is attached is not deleted") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  world.make_volume("old");
  world.inspects_fail = world.provider_silent = true;
  world.advance(ev::minutes(5));
  REQUIRE(world.order(ev::RemoveVolume{"old", "old"}).status);
  REQUIRE(world.order(ev::PurgeVolume{"old", "old", true}).status);
  world.truth.begin()->second.hosts.insert("a1");  // by hand
  world.inspects_fail = world.provider_silent = false;
  world.advance(ev::minutes(10));
  CHECK(count(world, "remove old") == 0);
  CHECK(world.blocked("old") == "still_attached");
}

TEST_CASE("rule: only what was created here and refused is formatted again") {
  Held world;
  CHECK_FALSE(world.order(ev::ForceFormat{"pgdata", "pgdata", "because"}).status);
  FakeVolume found;
  found.made.name = "data";
  world.truth["data"] = found;
  world.advance(ev::minutes(2));
  REQUIRE(world.order(ev::AdoptVolume{"data", {kLab, "p1"}, "data", ev::Filesystem::ext4, ev::AccessMode::rw})
              .status);
  CHECK_FALSE(world.order(ev::ForceFormat{"data", "data", "because"}).status);
  CHECK(std::none_of(world.calls.begin(), world.calls.end(),
                     [](const std::string& call) { return call.starts_with("format"); }));
}

TEST_CASE("rule: a fence is read back by a look that was sent after its call") {
  Fencing world(fencing({ev::FenceRung::host}));
  world.fence_mishap[ev::FenceAct::set] = world.fence_mishap[ev::FenceAct::check] = Mishap::hang;
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.fence() != nullptr);
  const ev::Instant before = world.now().at;
  world.advance(ev::seconds(1));
  world.answer(*world.fence(), ev::FenceAct::set, ev::FenceCallState::done);
  world.look(ev::TriState::yes, before);
  CHECK(world.fence()->state == ev::FenceState::issued);
  world.look(ev::TriState::yes, world.now().at + ev::Duration{1});
  CHECK(world.fence()->state == ev::FenceState::held);
}

TEST_CASE("rule: a fence that no look shows has not failed before its call has settled") {
  Fencing world(fencing({ev::FenceRung::host}));
  world.fence_mishap[ev::FenceAct::set] = world.fence_mishap[ev::FenceAct::check] = Mishap::hang;
  world.advance(kAfter + ev::minutes(1));
  world.answer(*world.fence(), ev::FenceAct::set, ev::FenceCallState::uncertain);
  world.look(ev::TriState::no, world.now().at + ev::Duration{1});
  CHECK(world.fence()->state == ev::FenceState::uncertain);
  CHECK_FALSE(has(world, "fence.failed/fence.host"));
}

TEST_CASE("rule: a fence that has run out does not hold, whatever its provider says") {
  Split world(fencing({ev::FenceRung::host}));
  world.fence_expires_at = {world.now().wall.ns + ev::seconds(1).ns};
  world.advance(kAfter + ev::minutes(2));
  CHECK_FALSE(world.sets().empty());
  CHECK_FALSE(has(world, "fence.held/fence.host"));
}

TEST_CASE("rule: a fence that nobody can see is not begun") {
  ev::Policy policy = fencing({ev::FenceRung::volume, ev::FenceRung::host});
  policy.providers[0].capabilities.fence_verifiable = false;
  Split world(policy);
  world.advance(kAfter + ev::minutes(10));
  CHECK(world.sets().empty());
  CHECK(world.blocked("pgdata", "a2") == "no_rung_left");
}

TEST_CASE("rule: a host is not fenced while a call for what it has is at work") {
  Held world(fencing({ev::FenceRung::host}));
  world.make_volume("other");
  REQUIRE(world.order(ev::AttachVolume{"other", "a1"}).status);
  world.advance(ev::seconds(2));
  REQUIRE(world.attached("other", "a1"));
  world.mishap[ev::OperationKind::detach] = Mishap::hang;
  REQUIRE(world.order(ev::DetachVolume{"other", "a1"}).status);
  world.advance(ev::seconds(10));
  REQUIRE(count(world, "detach other a1") == 1);
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(kAfter + ev::minutes(2));
  CHECK(world.fence_calls.empty());
  world.mishap.clear();
  world.finish_hung();
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.fence_calls.empty());
}

TEST_CASE("rule: a host keeps its quarantine while what was taken from it is still attached there") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.providers[0].capabilities.host_reports = true;
  Split world(policy);
  world.mishap[ev::OperationKind::detach] = Mishap::fail_before;
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.fence()->state == ev::FenceState::held);
  REQUIRE(world.attached("pgdata", "a1"));
  SECTION("a person may not release it") {
    CHECK_FALSE(world.order(ev::FenceRelease{"a1", "nothing runs there"}).status);
  }
  SECTION("nor does its node side") { world.boot_ids["a1"] = "boot-1"; }
  world.advance(ev::minutes(10));
  CHECK(world.a1().quarantined);
  CHECK(world.fenced_hosts.contains("a1"));
}

TEST_CASE("rule: a node side's word ends a quarantine only if it is newer than the fence") {
  ev::Policy policy = fencing({ev::FenceRung::host});
  policy.providers[0].capabilities.host_reports = true;
  Split world(policy);
  const ev::Instant before = world.now().at;
  world.advance(kAfter + ev::minutes(1));
  REQUIRE(world.attached("pgdata", "a2"));
  ev::ProviderObservation list = shows(world, "pgdata", "a2", before);
  list.hosts.push_back({"a1", "boot-1", ev::TriState::no});
  world.observe(list);
  CHECK(world.a1().quarantined);
  list.sent_at = list.ended_at = world.now().at + ev::Duration{1};
  world.observe(std::move(list));
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.a1().quarantined);
}

TEST_CASE("rule: what was under way at a start is settled by no look before its deadline") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.shows_running_calls = false;
  Held world(policy);
  die_in_detach(world);
  world.truth.begin()->second.hosts.erase("a1");  // by the child of the old daemon, which is still at work
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.advance(ev::seconds(30));
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  CHECK(world.volume("pgdata").open_operation->state == ev::OperationState::uncertain);
  world.advance(EngineWorld::default_policy().operation_deadline + ev::minutes(3));
  CHECK(world.volume("pgdata").open_operation == nullptr);
}

TEST_CASE("rule: what a host says of itself counts only in a complete view") {
  EngineWorld world;
  attach_beside_node_side(world);
  world.provider_silent = true;
  lose_untold(world);
  world.advance(ev::seconds(1));
  world.disconnect();
  world.provider_silent = false;
  world.advance(ev::minutes(5));
  CHECK_FALSE(has(world, "evidence.recorded/host_unmounted"));
}

namespace {

// An attach is answered, and no look shows it.
class SaidToBeDone : public EngineWorld {
 public:
  using EngineWorld::EngineWorld;

 protected:
  void before_call(const ev::OperationCall& call) override {
    if (call.operation.kind == ev::OperationKind::attach) inspects_fail = true;
  }
};

}  // namespace

TEST_CASE("rule: a volume is not fenced while an attach that would undo it may come") {
  ev::Policy policy = fencing({ev::FenceRung::volume});
  const bool bars = GENERATE(false, true);
  policy.providers[0].capabilities.fence_bars_late_calls = bars;
  SaidToBeDone world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("other");
  world.make_volume("pgdata");
  world.list_omits.insert(world.volume("pgdata").volume.key);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  REQUIRE_FALSE(world.attachment("pgdata", "a1")->host_identity.empty());
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(kAfter + ev::minutes(5));
  CHECK(world.fence_calls.empty() == !bars);
}

namespace {

// pgdata was on a1, which fence 1 keeps from it; planned by hand, row by row.
struct ByHand {
  ev::Snapshot snapshot;
  ev::Observed observed;
  ev::Policy policy = fencing();
  ev::Fence fence;
  ev::Attachment attachment;
  ev::Evidence evidence;

  ByHand() {
    ev::Host host;
    host.id = {1};
    host.name = "a1";
    snapshot.apply(ev::Change(host));
    ev::Volume volume;
    volume.id = {1};
    volume.name = volume.key = "pgdata";
    volume.pool = {kLab, "p1"};
    volume.state = ev::VolumeState::available;
    snapshot.apply(ev::Change(volume));
    attachment.volume = {1};
    attachment.host = {1};
    attachment.state = ev::AttachmentState::attached;
    attachment.generation = {1, 7};
    attachment.host_identity = "a1";
    fence.id = {1};
    fence.host = {1};
    fence.rung = ev::FenceRung::volume;
    fence.state = ev::FenceState::held;
    fence.provider = kLab;
    fence.volume = {1};
    fence.target = "a1";
    fence.generation = {1, 9};
    evidence.id = {1};
    evidence.kind = ev::EvidenceKind::fenced;
    evidence.volume = {1};
    evidence.host = {1};
    evidence.attachment_generation = attachment.generation;
    evidence.fence = {1};
    observed.fences[{1}] = {kNow, ev::kNever, {}};
  }
  bool counts() {
    snapshot.apply(ev::Change(attachment));
    snapshot.apply(ev::Change(fence));
    return ev::reconcilers::in_force({snapshot, observed, policy, kNow + ev::seconds(10)}, evidence);
  }
  static constexpr ev::Instant kNow{ev::seconds(1000).ns};
};

}  // namespace

TEST_CASE("rule: a fence counts while it is held, seen in this run and not about to end") {
  ByHand given;
  CHECK(given.counts());
  SECTION("held") {
    for (const ev::FenceState state :
         {ev::FenceState::uncertain, ev::FenceState::lifting, ev::FenceState::lifted}) {
      given.fence.state = state;
      CHECK_FALSE(given.counts());
    }
  }
  SECTION("seen") {
    given.observed.fences.clear();
    CHECK_FALSE(given.counts());
  }
  SECTION("not about to end") {
    given.observed.fences[{1}].good_until = ByHand::kNow;
    CHECK_FALSE(given.counts());
  }
}

TEST_CASE("rule: a host that is off counts by a look that is later than the detach") {
  ByHand given;
  given.fence.rung = ev::FenceRung::power;
  given.fence.volume = {};
  given.attachment.state = ev::AttachmentState::detached;
  given.attachment.read_back = true;
  given.attachment.gone_at = ByHand::kNow + ev::seconds(5);
  CHECK_FALSE(given.counts());
  given.observed.fences[{1}].checked_at = ByHand::kNow + ev::seconds(6);
  CHECK(given.counts());
}

TEST_CASE("rule: a volume's fence covers what was attached before it") {
  ByHand given;
  REQUIRE(given.counts());
  const ev::VolumeEntry& entry = *given.snapshot.volume({1});
  CHECK(ev::reconcilers::covers(given.fence, entry, given.attachment));
  given.attachment.generation = {1, 10};
  CHECK_FALSE(ev::reconcilers::covers(given.fence, entry, given.attachment));
}
