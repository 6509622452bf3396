// What is asked of the master: intent first, one at a time an agent, and done only when a list shows it.
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

namespace extvold::testing {
namespace {

Policy permissive() {
  Policy policy = EngineWorld::default_policy();
  for (std::string_view word : enum_texts(MesosOperationKind{}))
    policy.mesos_calls.push_back(*from_text<MesosOperationKind>(word));
  return policy;
}

AskMesos asking(MesosOperationKind kind, const std::string& agent = "A1") {
  AskMesos order;
  order.kind = kind;
  order.agent = agent;
  order.reason = "ticket 4711";
  return order;
}

AskMesos reserving(std::int64_t amount) {
  AskMesos order = asking(MesosOperationKind::reserve_resources);
  order.request.role = "db";
  order.request.resource = "disk";
  order.request.amount_milli = amount * 1000;
  return order;
}

struct Asking : EngineWorld {
  explicit Asking(Policy policy = permissive()) : EngineWorld(std::move(policy)) {
    subscribe();
    agent_added("A1", "a1");
    REQUIRE(order(Release{}).status);
    advance(seconds(70));  // every list was seen once
  }
  const MesosOperation* open(const std::string& agent = "A1") const {
    const auto found = engine().snapshot().mesos_operations().find(AgentId(agent));
    return found == engine().snapshot().mesos_operations().end() ? nullptr : &found->second;
  }
  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const HistoryEntry& one : history) {
      if (one.rule.starts_with("mesos.")) out.push_back(one.kind);
    }
    return out;
  }
  std::string last_text() const {
    std::string out;
    for (const HistoryEntry& one : history) {
      if (one.rule.starts_with("mesos.")) out = one.text;
    }
    return out;
  }
};

using Kinds = std::vector<std::string>;
const Kinds kDone = {"operation.recorded", "operation.done"};
const Kinds kFailed = {"operation.recorded", "operation.failed"};

}  // namespace

TEST_CASE("mesos operations: recorded, durable, asked once, done when the list shows it") {
  Asking world;
  world.hold_commits = true;
  world.post_order(asking(MesosOperationKind::deactivate_agent));
  CHECK(world.master.changes_asked.empty());  // not before its intent is durable
  REQUIRE(world.open() != nullptr);
  CHECK(world.open()->state == OperationState::recorded);
  world.hold_commits = false;
  world.settle();
  REQUIRE(world.master.changes_asked.size() == 1);
  world.advance(seconds(10));
  CHECK(world.open() == nullptr);
  CHECK(world.told() == kDone);
  CHECK(world.engine().snapshot().agent(AgentId("A1"))->deactivated);
  CHECK(world.master.changes_asked.size() == 1);
}

TEST_CASE("mesos operations: every kind is read back") {
  Asking world;
  const auto ask = [&](AskMesos order) {
    const Reply reply = world.order(std::move(order));
    INFO((reply.status ? reply.text : reply.status.error().message));
    REQUIRE(reply.status);
    world.advance(seconds(15));
    CHECK(world.open() == nullptr);
    CHECK(world.told().back() == "operation.done");
  };
  ask(reserving(1024));
  AskMesos volume = reserving(512);
  volume.kind = MesosOperationKind::create_volumes;
  volume.request.persistence_id = "pv";
  volume.request.container_path = "data";
  ask(volume);
  volume.kind = MesosOperationKind::destroy_volumes;
  volume.typed = "pv";
  ask(volume);
  AskMesos back = reserving(512);
  back.kind = MesosOperationKind::unreserve_resources;
  ask(back);
  ask(asking(MesosOperationKind::deactivate_agent));
  ask(asking(MesosOperationKind::reactivate_agent));
  ask(asking(MesosOperationKind::drain_agent, "a1"));  // by its hostname
  CHECK(world.master.changes_asked.size() == 7);
}

TEST_CASE("mesos operations: what the master shows at once of a reservation is not believed") {
  Asking world;
  REQUIRE(world.order(reserving(1024)).status);
  // The agent refuses: the master's guess is gone with the next list.
  world.advance(seconds(3));
  world.master.agents.at("A1").reservations = std::make_shared<const std::vector<ReservationRecord>>();
  ++world.master.agents.at("A1").agent.resources_hash;
  REQUIRE(world.open() != nullptr);
  CHECK(world.open()->state == OperationState::issued);
  world.advance(seconds(15));
  CHECK(world.told() == kFailed);
  CHECK(world.last_text().find("does not show it") != std::string::npos);
}

TEST_CASE("mesos operations: a refusal ends it, with the master's words") {
  Asking world;
  world.master.to_changes = MesosAnswer::refused;
  world.master.why_not = {Errc::conflict, "answered 409: does not contain"};
  REQUIRE(world.order(reserving(1)).status);
  CHECK(world.open() == nullptr);
  CHECK(world.told() == kFailed);
  CHECK(world.last_text().find("does not contain") != std::string::npos);
}

TEST_CASE("mesos operations: without an answer only a list tells, and absence only after a while") {
  Asking world;
  world.master.to_changes = MesosAnswer::unknown;
  world.master.why_not = {Errc::uncertain, "no answer within 60 s"};
  SECTION("it happened") {
    REQUIRE(world.order(reserving(64)).status);
    REQUIRE(world.open() != nullptr);
    CHECK(world.open()->state == OperationState::uncertain);
    world.advance(seconds(15));
    CHECK(world.told().back() == "operation.done");
  }
  SECTION("it did not") {
    world.master.changes_take_effect = false;
    REQUIRE(world.order(reserving(64)).status);
    world.advance(seconds(40));
    REQUIRE(world.open() != nullptr);
    CHECK(world.open()->state == OperationState::uncertain);
    world.advance(seconds(40));
    CHECK(world.open() == nullptr);
    CHECK(world.told().back() == "operation.failed");
  }
  CHECK(world.master.changes_asked.size() == 1);  // never again by itself
}

TEST_CASE("mesos operations: a crash in between leaves a question, not a second call") {
  Asking world;
  world.master.to_changes = MesosAnswer::unknown;
  REQUIRE(world.order(reserving(64)).status);
  world.restart();
  REQUIRE(world.open() != nullptr);
  CHECK(world.open()->state == OperationState::uncertain);
  world.subscribe({world.master.agents.at("A1")});
  world.advance(seconds(70));
  CHECK(world.open() == nullptr);
  CHECK(world.told().back() == "operation.done");
  CHECK(world.master.changes_asked.size() == 1);
}

TEST_CASE("mesos operations: what is refused is recorded nowhere") {
  const auto refusal = [](Asking& world, const AskMesos& order) {
    const std::size_t before = world.history.size();
    const Reply reply = world.order(order);
    REQUIRE_FALSE(reply.status);
    CHECK(world.open() == nullptr);
    CHECK(world.history.size() == before);
    CHECK(world.master.changes_asked.empty());
    return reply.status.error().message;
  };
  const auto says = [](const std::string& text, std::string_view part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  SECTION("by the configuration: it allows nothing by itself") {
    Asking world{EngineWorld::default_policy()};
    says(refusal(world, asking(MesosOperationKind::deactivate_agent)), "[mesos] operations");
  }
  Asking world;
  SECTION("while it only observes") {
    REQUIRE(world.order(Hold{}).status);
    says(refusal(world, asking(MesosOperationKind::deactivate_agent)), "observe mode");
  }
  SECTION("on a host that is held") {
    REQUIRE(world.order(Hold{"a1"}).status);
    says(refusal(world, asking(MesosOperationKind::deactivate_agent)), "host a1 is held");
  }
  SECTION("of an agent that nobody knows, or two have the name") {
    says(refusal(world, asking(MesosOperationKind::deactivate_agent, "zz")), "no agent zz");
    world.agent_added("A2", "a1");
    says(refusal(world, asking(MesosOperationKind::deactivate_agent, "a1")), "more than one agent");
  }
  SECTION("while the view is incomplete") {
    world.disconnect();
    says(refusal(world, asking(MesosOperationKind::deactivate_agent)), "not complete");
  }
  SECTION("where there is nothing to do") {
    says(refusal(world, asking(MesosOperationKind::reactivate_agent)), "nothing to do");
  }
  SECTION("what nobody reserved") {
    AskMesos back = reserving(1);
    back.kind = MesosOperationKind::unreserve_resources;
    says(refusal(world, back), "has only 0 of disk");
  }
  SECTION("words that are none") {
    AskMesos order = reserving(0);
    says(refusal(world, order), "more than 0");
    order = reserving(1);
    order.request.role = "*";
    says(refusal(world, order), "not reserved");
    order.request.role = "two words";
    says(refusal(world, order), "without spaces");
  }
  SECTION("what cannot be taken back, if it was not typed again or there is no reason") {
    AskMesos order = asking(MesosOperationKind::drain_agent);
    order.request.mark_gone = true;
    says(refusal(world, order), "not typed again");
    order.typed = "A1";
    order.reason.clear();
    says(refusal(world, order), "a reason is needed");
  }
  SECTION("marking gone what is there") {
    AskMesos order = asking(MesosOperationKind::mark_agent_gone);
    order.typed = "A1";
    says(refusal(world, order), "drain A1 --mark-gone");
  }
}

TEST_CASE("mesos operations: one at a time an agent") {
  Asking world;
  world.master.to_changes = MesosAnswer::unknown;
  world.master.changes_take_effect = false;
  REQUIRE(world.order(reserving(1)).status);
  Reply reply = world.order(asking(MesosOperationKind::deactivate_agent));
  REQUIRE_FALSE(reply.status);
  CHECK(reply.status.error().message.find("is uncertain") != std::string::npos);
  CHECK(world.master.changes_asked.size() == 1);
}

TEST_CASE("mesos operations: an agent is gone when the registry says so") {
  Asking world;
  world.silent_agents.insert("A1");
  world.master.agents.erase("A1");
  world.master.registry["A1"] = {AgentId("A1"), RegistryList::unreachable, {1}};
  world.advance(seconds(70));
  REQUIRE(world.engine().snapshot().agent(AgentId("A1"))->state == AgentState::unreachable);
  AskMesos order = asking(MesosOperationKind::mark_agent_gone);
  order.typed = "A1";
  SECTION("it does") {
    REQUIRE(world.order(order).status);
    world.advance(seconds(10));
    CHECK(world.told() == kDone);
  }
  SECTION("it does not: 200 was no result") {
    world.master.changes_take_effect = false;
    REQUIRE(world.order(order).status);
    world.advance(seconds(10));
    CHECK(world.told() == kFailed);
  }
  CHECK(world.open() == nullptr);
}

TEST_CASE("mesos operations: a persistent volume that is in use is not destroyed") {
  Asking world;
  AskMesos volume = reserving(512);
  volume.kind = MesosOperationKind::create_volumes;
  volume.request.persistence_id = "pv";
  volume.request.container_path = "data";
  REQUIRE(world.order(reserving(512)).status);
  world.advance(seconds(15));
  REQUIRE(world.order(volume).status);
  world.advance(seconds(15));
  TaskRecord task = world.task("t1", "A1", "");
  task.volumes.push_back({ReferenceSpelling::persistent_volume, "com.vendor", "pv", "data", false});
  world.task_added(task);
  volume.kind = MesosOperationKind::destroy_volumes;
  volume.typed = "pv";
  const Reply reply = world.order(volume);
  REQUIRE_FALSE(reply.status);
  CHECK(reply.status.error().message.find("is in use: task t1") != std::string::npos);
  CHECK(world.master.changes_asked.size() == 2);
}

TEST_CASE("mesos operations: --dry-run says it and does nothing") {
  Asking world;
  AskMesos order = reserving(7);
  order.dry_run = true;
  const std::size_t before = world.history.size();
  const Reply reply = world.order(order);
  REQUIRE(reply.status);
  CHECK(reply.text.find("would ask the master to reserve 7 of disk for role db agent A1 (a1)") !=
        std::string::npos);
  CHECK(world.open() == nullptr);
  CHECK(world.history.size() == before);
  CHECK(world.master.changes_asked.empty());
}

TEST_CASE("mesos operations: a hold that comes before the call stops it") {
  Asking world;
  world.hold_commits = true;
  world.post_order(asking(MesosOperationKind::deactivate_agent));
  world.post_order(Hold{"a1"});
  world.hold_commits = false;
  world.settle();
  CHECK(world.master.changes_asked.empty());
  CHECK(world.open() == nullptr);
  CHECK(world.last_text().find("superseded") != std::string::npos);
}

TEST_CASE("mesos operations: a list that an event overtook tells nothing of resources") {
  Asking world;
  REQUIRE(world.order(reserving(64)).status);
  AgentSeen listed = world.master.agents.at("A1");
  const Instant asked = world.now().at + seconds(6);
  AgentSeen back = listed;  // registers anew while the list is on its way; no event has resources
  back.reservations = nullptr;
  back.agent.resources_hash = 0;
  world.silent_master = true;
  world.advance(seconds(6));
  world.event(PollBegan{MasterCall::get_agents, asked});
  world.event(back);
  listed.origin = ElementOrigin::poll;
  world.event(listed);
  world.event(PollEnded{MasterCall::get_agents, asked});
  INFO(world.last_text());
  REQUIRE(world.open() != nullptr);
  CHECK(world.open()->state == OperationState::issued);
  world.silent_master = false;
  world.master.agents["A1"] = listed;
  world.advance(seconds(10));
  CHECK(world.told() == kDone);
}

TEST_CASE("mesos operations: of an agent that is lost nobody can tell, and it may be marked gone") {
  Asking world;
  world.master.to_changes = MesosAnswer::unknown;
  world.master.changes_take_effect = false;
  REQUIRE(world.order(reserving(64)).status);
  world.silent_agents.insert("A1");
  world.master.agents.erase("A1");
  world.master.registry["A1"] = {AgentId("A1"), RegistryList::unreachable, {1}};
  world.advance(seconds(200));
  CHECK(world.open() == nullptr);
  CHECK(world.last_text().find("unreachable") != std::string::npos);
  world.master.to_changes = MesosAnswer::accepted;
  world.master.changes_take_effect = true;
  AskMesos gone = asking(MesosOperationKind::mark_agent_gone);
  gone.typed = "A1";
  REQUIRE(world.order(gone).status);
  world.advance(seconds(10));
  CHECK(world.told().back() == "operation.done");
}

TEST_CASE("mesos operations: an agent of that name which is gone does not make the name mean two") {
  Asking world;
  world.silent_agents.insert("A1");
  world.master.agents.erase("A1");
  world.master.registry["A1"] = {AgentId("A1"), RegistryList::unreachable, {1}};
  world.advance(seconds(70));
  world.agent_added("A2", "a1");
  REQUIRE(world.order(asking(MesosOperationKind::deactivate_agent, "a1")).status);
  REQUIRE(world.master.changes_asked.size() == 1);
  CHECK(world.master.changes_asked[0].agent == AgentId("A2"));
}

TEST_CASE("mesos operations: labels have no order") {
  Asking world;
  AskMesos order = reserving(64);
  order.request.labels = {{"a", "1"}, {"b", "2"}};
  REQUIRE(world.order(order).status);
  world.advance(seconds(15));
  order.kind = MesosOperationKind::unreserve_resources;
  std::swap(order.request.labels[0], order.request.labels[1]);
  REQUIRE(world.order(order).status);
}

TEST_CASE("mesos operations: an open one stands in the plan") {
  Asking world;
  world.master.to_changes = MesosAnswer::unknown;
  world.master.changes_take_effect = false;
  REQUIRE(world.order(reserving(1)).status);
  const Plan plan = reconcilers::plan(world.engine().snapshot(), world.engine().observed(), world.now().at,
                                      world.engine().policy());
  REQUIRE(plan.mesos_operations.size() == 1);
  CHECK(to_text(plan, world.engine().snapshot(), world.now().at).find("under way: reserve 1 of disk") !=
        std::string::npos);
}

}  // namespace extvold::testing
