// Faults: what a provider's lost, late and false answers, crashes and commits that hang lead to. Numbers:
// controllers.md, section 7c.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
using extvold::testing::Mishap;
namespace ev = extvold;

namespace {

struct Cluster : EngineWorld {
  explicit Cluster(ev::Policy policy = EngineWorld::default_policy()) : EngineWorld(std::move(policy)) {
    join();
  }
  void join() {
    const auto agent = [](const char* id, const char* host) {
      ev::AgentSeen seen;
      seen.agent.agent = ev::AgentId(id);
      seen.agent.hostname = host;
      seen.agent.address = "127.0.0.1:5051";
      seen.origin = ev::ElementOrigin::snapshot;
      return seen;
    };
    subscribe({agent("A1", "a1"), agent("A2", "a2")});
  }
  std::int64_t count(const std::string& call) const { return std::count(calls.begin(), calls.end(), call); }
};

}  // namespace

TEST_CASE("12: an attach that timed out but worked is found by looking, not repeated") {
  Cluster world;
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_after;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(30));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.count("attach pgdata a1") == 1);
}

TEST_CASE(
    "12: an attach that timed out and did nothing is settled by looking and tried again under a new id") {
  Cluster world;
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(5));
  world.mishap.clear();
  world.advance(ev::seconds(60));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.count("attach pgdata a1") >= 2);
}

TEST_CASE(
    "an uncertain attach stays uncertain while its call is still at work, and blocks every other host") {
  Cluster world;
  world.make_volume("pgdata");
  const std::string key = world.volume("pgdata").volume.key;
  world.mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
  world.running_calls.insert(key);
  world.run_task("pg.1", "A1", "pgdata");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.end_container("pg.1", "A1");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(60));
  CHECK(world.blocked("pgdata", "a1") == "uncertain_operation");
  CHECK(world.count("attach pgdata a2") == 0);
  world.truth.at(key).hosts.insert("a1");  // it takes effect an hour late
  world.running_calls.clear();
  world.mishap.clear();
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.count("detach pgdata a1") == 1);
}

namespace {

// At a provider that cannot tell the attach to a1 got no answer; its task is over, and another waits on a2.
struct Unanswered : Cluster {
  Unanswered() : Cluster(cannot_tell()) {
    make_volume("pgdata");
    mishap[ev::OperationKind::attach] = Mishap::lose_reply_before;
    run_task("pg.1", "A1", "pgdata");
    advance(ev::seconds(1));
    task_updated("pg.1", "A1", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                 "REASON_EXECUTOR_TERMINATED");
    run_task("pg.2", "A2", "pgdata");
  }
  static ev::Policy cannot_tell() {
    ev::Policy policy = EngineWorld::default_policy();
    policy.providers[0].capabilities.shows_running_calls = false;
    policy.providers[0].capabilities.exclusive_attach = false;
    return policy;
  }
};

}  // namespace

TEST_CASE("an uncertain attach at a provider that cannot tell is not settled by absence") {
  Unanswered world;
  world.mishap[ev::OperationKind::detach] = Mishap::hang;
  world.advance(ev::minutes(600));
  CHECK(world.count("attach pgdata a2") == 0);
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  CHECK(world.volume("pgdata").open_operation->kind == ev::OperationKind::detach);
  CHECK(world.count("detach pgdata a1") == 1);
}

TEST_CASE("a detach that is to settle an attach, and itself fails or is lost, settles nothing") {
  for (const Mishap mishap : {Mishap::fail_before, Mishap::lose_reply_before}) {
    Unanswered world;
    world.mishap[ev::OperationKind::detach] = mishap;
    world.advance(ev::minutes(60));
    INFO("mishap " << static_cast<int>(mishap));
    CHECK(world.count("attach pgdata a2") == 0);
    REQUIRE(world.volume("pgdata").open_operation != nullptr);
    CHECK(world.count("detach pgdata a1") >= 2);     // one takes the other's place,
    CHECK(world.count("detach pgdata a1") <= 70);    // less and less often
    world.truth.begin()->second.hosts.insert("a1");  // the attach takes effect, an hour late
    world.mishap.clear();
    world.advance(ev::minutes(20));
    CHECK(world.attached("pgdata", "a2"));  // and the truth never showed both
  }
}

TEST_CASE("an attach that nobody can tell about is settled by no list, which may be stale") {
  Unanswered world;
  world.truth.begin()->second.hosts.insert("a1");  // it did take effect
  world.inspects_fail = true;
  const std::string key = world.truth.begin()->first;
  world.list_omits.insert(key);
  world.make_volume("other");  // so that the list is not empty
  world.advance(ev::minutes(60));
  CHECK(world.count("detach pgdata a1") == 0);
  world.inspects_fail = false;
  world.mishap.clear();
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("13: a provider that says done and did nothing is not believed") {
  Cluster world;
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = Mishap::lie;
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  world.mishap.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("13: a detach that is only said to be done permits no attach elsewhere") {
  Cluster world;
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.mishap[ev::OperationKind::detach] = Mishap::lie;
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.count("attach pgdata a2") == 0);
  world.mishap.clear();
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE(
    "a detach that the provider refuses because something holds the volume is tried again, slower and "
    "slower") {
  Cluster world;
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.truth.begin()->second.held_hosts.insert("a1");
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "retrying");
  CHECK(world.volume("pgdata").blocked.front().owner == ev::Owner::operator_);  // it does not mend itself
  const auto tries = world.count("detach pgdata a1");
  CHECK(tries >= 5);
  CHECK(tries <= 25);
  world.truth.begin()->second.held_hosts.clear();
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("2, 3: a crash after the intent, or after the effect, ends in the same state") {
  for (const Mishap mishap : {Mishap::lose_reply_after, Mishap::hang, Mishap::none}) {
    for (const ev::OperationKind kind : {ev::OperationKind::create, ev::OperationKind::format,
                                         ev::OperationKind::attach, ev::OperationKind::detach}) {
      Cluster world;
      world.mishap[kind] = mishap;
      ev::CreateVolume create{"pgdata",
                              {ev::ProviderName("local~lab"), "p1"},
                              64,
                              ev::Filesystem::ext4,
                              ev::AccessMode::rw,
                              0,
                              "",
                              "",
                              ""};
      REQUIRE(world.order(create).status);
      world.run_task("pg.1", "A1", "pgdata");
      world.restart();
      world.mishap.clear();
      world.join();
      world.event(ev::TaskSeen{world.task("pg.1", "A1", "pgdata", ev::TaskState::task_running),
                               ev::ElementOrigin::event, ev::TaskList::tasks});
      world.advance(ev::minutes(5));
      std::string story;
      for (const std::string& call : world.calls) story += call + "; ";
      for (const ev::BlockedRow& row : world.volume("pgdata").blocked) story += row.text + "; ";
      INFO(ev::to_text(kind) << " mishap " << static_cast<int>(mishap) << ": " << story);
      CHECK(world.attached("pgdata", "a1"));
      CHECK(world.volume("pgdata").volume.format == ev::FormatState::formatted);
      CHECK(world.truth.size() == 1);
      CHECK(world.volume("pgdata").open_operation == nullptr);
    }
  }
}

TEST_CASE("1: an intent that is not durable is not carried out") {
  Cluster world;
  world.make_volume("pgdata");
  world.hold_commits = true;
  world.event(
      ev::TaskSeen{world.task("pg.1", "A1", "pgdata"), ev::ElementOrigin::event, ev::TaskList::tasks});
  world.event(ev::TaskUpdated{ev::FrameworkId("F"), ev::TaskId("pg.1"), {}, ev::TaskState::task_running});
  CHECK(world.count("attach pgdata a1") == 0);
  world.hold_commits = false;
  world.advance(ev::milliseconds(1));
  CHECK(world.count("attach pgdata a1") == 1);
}

TEST_CASE("what permitted an operation is checked again when it starts") {
  Cluster world;
  world.make_volume("pgdata");
  world.hold_commits = true;
  world.event(
      ev::TaskSeen{world.task("pg.1", "A1", "pgdata"), ev::ElementOrigin::event, ev::TaskList::tasks});
  world.event(ev::TaskUpdated{ev::FrameworkId("F"), ev::TaskId("pg.1"), {}, ev::TaskState::task_killed});
  world.hold_commits = false;
  world.advance(ev::seconds(30));
  CHECK(world.count("attach pgdata a1") == 0);
}

TEST_CASE(
    "a host that is confirmed dead before an attach to it is begun gets nothing, who lives there again too") {
  Cluster world;
  world.make_volume("pgdata");
  world.hold_commits = true;
  world.event(
      ev::TaskSeen{world.task("pg.1", "A1", "pgdata"), ev::ElementOrigin::event, ev::TaskList::tasks});
  world.task_updated("pg.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master);
  world.post_order(ev::FenceConfirm{"a1", "a1", "it burnt"});
  world.advance(ev::milliseconds(1));
  world.task_updated("pg.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.hold_commits = false;
  world.advance(ev::seconds(30));
  CHECK(world.blocked("pgdata", "a1") == "host_quarantined");
  CHECK(world.count("attach pgdata a1") == 0);
}

TEST_CASE("what is held by name before its intent is durable is not begun") {
  Cluster world;
  world.hold_commits = true;
  world.post_order(ev::CreateVolume{"pgdata",
                                    {ev::ProviderName("local~lab"), "p1"},
                                    64,
                                    ev::Filesystem::none,
                                    ev::AccessMode::rw,
                                    0,
                                    {},
                                    {},
                                    {}});
  world.post_order(ev::Hold{"pgdata"});
  world.hold_commits = false;
  world.advance(ev::seconds(30));
  CHECK(world.volume("pgdata").volume.hold == ev::HoldState::held);
  CHECK(world.count("create pgdata") == 0);
}

TEST_CASE("what permitted a detach is checked again when it starts, all of it") {
  Cluster world;
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a1"));
  world.end_container("pg.1", "A1");
  world.hold_commits = true;
  world.task_updated("pg.1", "A1", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                     "REASON_EXECUTOR_TERMINATED");
  world.advance(ev::seconds(6));  // the linger
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  const bool named = GENERATE(true, false);
  if (named) {  // before the intent is durable a task comes there that could mean it
    ev::TaskRecord task = world.task("t.1", "A1", "");
    task.volumes.push_back({ev::ReferenceSpelling::docker_parameter, "", "--volume=$X", "data", false});
    world.event(ev::TaskSeen{task, ev::ElementOrigin::event, ev::TaskList::tasks});
  }
  world.hold_commits = false;
  world.advance(ev::seconds(2));
  CHECK(world.count("detach pgdata a1") == (named ? 0 : 1));
}

TEST_CASE("18: an empty list detaches and deletes nothing") {
  Cluster world;
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  world.list_empty = true;
  const auto calls = world.calls.size();
  world.advance(ev::minutes(30));
  CHECK(world.calls.size() == calls);
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::available);
}

TEST_CASE("59: an attachment that somebody else made blocks and is never taken away") {
  Cluster world;
  world.make_volume("pgdata");
  world.truth.begin()->second.hosts.insert("c9");
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(30));
  CHECK(world.attached("pgdata", "c9"));
  CHECK(world.attachment("pgdata", "c9")->origin == ev::AttachmentOrigin::found);
  CHECK(world.blocked("pgdata", "a1") == "waits_for_unknown_claim");
  CHECK(world.blocked("pgdata", "c9") == "unexplained_attachment");
  CHECK(world.count("attach pgdata a1") <=
        1);  // refused by the provider if it was tried before the next list
}

TEST_CASE(
    "59: at a provider that would not refuse a second host, the volume is looked at once more before an "
    "attach") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.exclusive_attach = false;
  Cluster world(policy);
  world.make_volume("pgdata");
  world.run_task("pg.0", "A1", "pgdata");
  world.advance(ev::seconds(1));
  CHECK(world.attached("pgdata", "a1"));
  world.make_volume("other");
  world.truth.at(world.volume("other").volume.key).hosts.insert("c9");
  world.run_task("o.1", "A1", "other");
  world.advance(ev::minutes(30));
  CHECK(world.attached("other", "c9"));
  CHECK(world.count("attach other a1") == 0);
}

TEST_CASE("62: a volume with our tag that no row explains is shown as lost and never touched") {
  Cluster world;
  extvold::testing::FakeVolume stray;
  stray.made.name = "stray";
  stray.ledger_id = "ledger-of-the-test";
  world.truth["xv-stray"] = stray;
  world.advance(ev::minutes(5));
  CHECK(world.volume("xv-stray").volume.state == ev::VolumeState::lost);
  CHECK(world.blocked("xv-stray") == "lost");
  CHECK(world.calls.empty());
  REQUIRE(world
              .order(ev::AdoptVolume{"found-again",
                                     {ev::ProviderName("local~lab"), "p1"},
                                     "xv-stray",
                                     ev::Filesystem::ext4,
                                     ev::AccessMode::rw})
              .status);
  CHECK(world.volume("found-again").volume.state == ev::VolumeState::available);
  CHECK(world.volume("found-again").volume.origin == ev::VolumeOrigin::adopted);
}

TEST_CASE("a volume that vanished at its provider is not made again") {
  Cluster world;
  world.make_volume("pgdata");
  world.make_volume("other");
  world.truth.erase(world.volume("pgdata").volume.key);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(30));
  CHECK(world.count("create pgdata") == 1);
  CHECK(world.count("attach pgdata a1") <= 1);
  CHECK_FALSE(world.blocked("pgdata").empty());
}

TEST_CASE("48-like: more detaches in a window than allowed stop and ask a person") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_storm_max = 3;
  policy.detach_storm_percent = 0;
  Cluster world(policy);
  for (int i = 0; i < 8; ++i) {
    const std::string name = "v" + std::to_string(i);
    world.make_volume(name);
    world.run_task("t." + std::to_string(i), "A1", name);
  }
  world.advance(ev::seconds(5));
  for (int i = 0; i < 8; ++i) {
    const std::string id = "t." + std::to_string(i);
    world.end_container(id, "A1");
    world.task_updated(id, "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }
  world.advance(ev::minutes(5));
  const auto still_there = [&] {
    int count = 0;
    for (int i = 0; i < 8; ++i) count += world.attached("v" + std::to_string(i), "a1") ? 1 : 0;
    return count;
  };
  CHECK(still_there() == 5);
  CHECK(world.engine().snapshot().detach_storm);
  // No restart goes on without the person.
  world.restart();
  world.join();
  for (int i = 0; i < 8; ++i) {
    const std::string id = "t." + std::to_string(i);
    world.task_updated(id, "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }
  world.advance(ev::minutes(5));
  CHECK(still_there() == 5);
  REQUIRE(world.order(ev::Release{}).status);
  world.advance(ev::seconds(30));
  CHECK(still_there() == 2);
}

TEST_CASE("the storm guard counts attachments: neither tries, nor what goes from the format host") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_storm_max = 3;
  policy.detach_storm_percent = 0;
  Cluster world(policy);
  SECTION("tries") {
    world.make_volume("pgdata");
    world.run_task("pg.1", "A1", "pgdata");
    world.truth.begin()->second.held_hosts.insert("a1");
    world.end_container("pg.1", "A1");
    world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.advance(ev::minutes(10));
    CHECK(world.count("detach pgdata a1") > 3);
  }
  SECTION("formatted volumes") {
    for (int i = 0; i < 8; ++i) world.make_volume("v" + std::to_string(i), ev::Filesystem::ext4);
    world.advance(ev::minutes(1));
    for (int i = 0; i < 8; ++i) CHECK_FALSE(world.attached("v" + std::to_string(i), "fmt"));
  }
  CHECK_FALSE(world.engine().snapshot().detach_storm);
}

TEST_CASE("a place in a lane that its next waiter does not want any more goes to the one after") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].calls_max = 1;
  Cluster world(policy);
  for (const char* name : {"s1", "s2", "s3"}) world.make_volume(name);
  world.mishap[ev::OperationKind::attach] = Mishap::hang;
  world.run_task("t1", "A1", "s1");
  world.run_task("t2", "A1", "s2");
  world.run_task("t3", "A1", "s3");
  world.task_updated("t2", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  REQUIRE(world.count("attach s2 a1") == 0);
  world.mishap.clear();
  world.finish_hung();
  CHECK(world.attached("s1", "a1"));
  CHECK(world.attached("s3", "a1"));  // at once: no audit, no timer
}

TEST_CASE("a failure at one host holds up no other, and news end the pause") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.retry_min = ev::minutes(10);
  policy.retry_max = ev::minutes(10);
  Cluster world(policy);
  SECTION("another host") {
    world.make_volume("mirror", ev::Filesystem::none, ev::AccessMode::ro);
    world.mishap[ev::OperationKind::attach] = Mishap::fail_before;
    world.run_task("m.1", "A1", "mirror");
    world.mishap.clear();
    world.run_task("m.2", "A2", "mirror");
    world.advance(ev::seconds(1));
    CHECK(world.attached("mirror", "a2"));
  }
  SECTION("news") {
    world.make_volume("pgdata");
    world.mishap[ev::OperationKind::attach] = Mishap::fail_before;
    world.run_task("pg.1", "A1", "pgdata");
    world.advance(ev::seconds(1));
    REQUIRE(world.blocked("pgdata", "a1") == "retrying");
    world.mishap.clear();
    world.advance(ev::seconds(1));
    REQUIRE_FALSE(world.attached("pgdata", "a1"));
    world.run_task("pg.2", "A1", "pgdata");
    world.advance(ev::seconds(1));
    CHECK(world.attached("pgdata", "a1"));
  }
}

TEST_CASE("`extvold reconcile` asks the master and every registered agent again") {
  Cluster world;
  world.advance(ev::seconds(5));
  world.polls.clear();
  world.agent_rounds.clear();
  REQUIRE(world.order(ev::ReconcileNow{}).status);
  for (ev::MasterCall call :
       {ev::MasterCall::get_agents, ev::MasterCall::get_tasks, ev::MasterCall::get_executors,
        ev::MasterCall::get_master, ev::MasterCall::metrics}) {
    INFO(to_text(call));
    CHECK(world.polls[call].size() == 1);
  }
  CHECK(world.agent_rounds == std::map<std::string, int>{{"A1", 1}, {"A2", 1}});
}

TEST_CASE("31: a call that hangs holds up nothing but its volume") {
  Cluster world;
  world.make_volume("stuck");
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = Mishap::hang;
  world.run_task("s.1", "A1", "stuck");
  world.advance(ev::seconds(1));
  world.mishap.clear();
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::seconds(1));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("stuck", "a1"));
}

TEST_CASE("9: a full attach lane does not hold up detaches, and every host gets its turn") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].calls_max = 2;
  Cluster world(policy);
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  for (const char* name : {"s1", "s2", "s3"}) world.make_volume(name);
  world.advance(ev::seconds(1));
  world.mishap[ev::OperationKind::attach] = Mishap::hang;
  for (const char* name : {"s1", "s2", "s3"}) world.run_task(std::string("t-") + name, "A2", name);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(60));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.count("attach s3 a2") == 0);
}

TEST_CASE("56: a full detach lane does not hold up attaches") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].calls_max = 2;
  policy.detach_storm_max = 1000;
  Cluster world(policy);
  const std::vector<std::string> moving{"m1", "m2", "m3", "m4", "m5", "m6"};
  for (const std::string& name : moving) {
    world.make_volume(name);
    world.run_task("t-" + name, "A1", name);
  }
  world.make_volume("pgdata");
  world.advance(ev::seconds(30));
  world.mishap[ev::OperationKind::detach] = Mishap::hang;
  for (const std::string& name : moving) {
    world.end_container("t-" + name, "A1");
    world.task_updated("t-" + name, "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  }
  world.advance(ev::seconds(30));
  const auto detaches = [&] {
    std::int64_t calls = 0;
    for (const std::string& name : moving) calls += world.count("detach " + name + " a1");
    return calls;
  };
  REQUIRE(detaches() == 2);  // as many as there may be at once; the others wait
  world.run_task("pg.1", "A2", "pgdata");
  world.advance(ev::seconds(2));
  CHECK(detaches() == 2);
  CHECK(world.attached("pgdata", "a2"));
}

TEST_CASE("a format that was refused is not tried again and blocks with the operator as its owner") {
  Cluster world;
  // The fake provider formats anything; a refusal comes as the result of the call.
  world.mishap[ev::OperationKind::format] = Mishap::fail_before;
  ev::CreateVolume create{"pgdata",
                          {ev::ProviderName("local~lab"), "p1"},
                          64,
                          ev::Filesystem::ext4,
                          ev::AccessMode::rw,
                          0,
                          "",
                          "",
                          ""};
  REQUIRE(world.order(create).status);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  world.mishap.clear();
  world.advance(ev::minutes(3));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("polls: a call that the master always refuses is seen, said once and asked less and less often") {
  Cluster world;
  world.disconnect();
  world.master.refused[ev::MasterCall::get_tasks] = "get_tasks of http://m: answered 403";
  world.subscribe();
  world.event(ev::PollEnded{ev::MasterCall::get_agents, world.now().at});
  const ev::Instant answered = world.now().at;
  world.history.clear();
  world.advance(ev::minutes(10));
  const auto& calls = world.engine().observed().master_calls;
  const ev::MasterCallView& tasks = calls.at(ev::MasterCall::get_tasks);
  CHECK(tasks.error == "get_tasks of http://m: answered 403");
  CHECK(tasks.answered_at.ns == 0);
  CHECK(tasks.failed_at > answered);
  CHECK(tasks.failures > 8);
  CHECK(tasks.failures < 20);
  CHECK(calls.at(ev::MasterCall::get_agents).answered_at >= answered);
  CHECK(calls.at(ev::MasterCall::metrics).error.empty());
  const auto said = [&](std::string_view kind) {
    return std::count_if(world.history.begin(), world.history.end(), [&](const ev::HistoryEntry& one) {
      return one.kind == kind && one.text.find("get_tasks") != std::string::npos;
    });
  };
  CHECK(said("view.call_failing") == 1);
  world.event(ev::PollEnded{ev::MasterCall::get_tasks, world.now().at});
  CHECK(said("view.call_answered") == 1);
  CHECK(tasks.failures == 0);
  CHECK(tasks.error.empty());
}

TEST_CASE("polls: the interval is spread over its last tenth") {
  Cluster world;
  world.advance(ev::minutes(60));
  const std::vector<ev::Instant>& asked = world.polls.at(ev::MasterCall::get_agents);
  REQUIRE(asked.size() >= 60);
  std::set<std::int64_t> gaps;
  for (std::size_t i = 1; i < asked.size(); ++i) {
    const ev::Duration gap = asked[i] - asked[i - 1];
    CHECK(gap >= ev::seconds(54));
    CHECK(gap <= ev::seconds(60));
    gaps.insert(gap.ns / ev::milliseconds(500).ns);
  }
  CHECK(gaps.size() >= 6);  // of twelve
}

TEST_CASE("54: a task that moves to and fro quickly ends where its last live task is") {
  Cluster world;
  world.make_volume("pgdata");
  world.run_task("pg.1", "A1", "pgdata");
  for (int i = 2; i < 7; ++i) {
    const std::string from = i % 2 == 0 ? "A1" : "A2";
    const std::string to = i % 2 == 0 ? "A2" : "A1";
    world.end_container("pg." + std::to_string(i - 1), from);
    world.task_updated("pg." + std::to_string(i - 1), from, ev::TaskState::task_killed,
                       ev::StatusSource::source_executor);
    world.run_task("pg." + std::to_string(i), to, "pgdata");
  }
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a2"));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("the end of the ledger halts the engine") {
  ev::Snapshot snapshot;
  snapshot.ledger = {"x", 1};
  ev::reconcilers::Engine engine(std::move(snapshot), EngineWorld::default_policy());
  const ev::Now now{ev::Instant{1}, ev::WallTime{1}};
  auto effects = engine.step(now, ev::reconcilers::CommitFailed{{ev::Errc::exhausted, "disk full"}});
  REQUIRE(effects.size() == 1);
  CHECK(std::holds_alternative<ev::reconcilers::Stop>(effects[0]));
  CHECK(engine.step(now, ev::reconcilers::TimerFired{}).empty());
}
