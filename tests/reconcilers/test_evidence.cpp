// Evidence: one test a row of DESIGN.md section 4, what permits what, and how evidence ends.
#include <catch2/catch.hpp>

#include "tests/reconcilers/held.h"

using extvold::testing::attach_by_order;
using extvold::testing::EngineWorld;
using extvold::testing::has;
using extvold::testing::Held;
namespace ev = extvold;

TEST_CASE("agent_clean: a terminal SOURCE_AGENT status with a reason on the closed list permits the detach") {
  for (const char* reason : {"REASON_EXECUTOR_TERMINATED", "REASON_CONTAINER_LIMITATION_MEMORY",
                             "REASON_CONTAINER_PREEMPTED", "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"}) {
    Held world;
    world.silent_agents.insert("A1");  // its own API is not needed for this
    world.end(ev::TaskState::task_failed, ev::StatusSource::source_agent, reason);
    INFO(reason);
    CHECK_FALSE(world.attached("pgdata", "a1"));
    CHECK(has(world, "evidence.recorded/agent_clean"));
  }
}

TEST_CASE(
    "agent_clean is not: an abnormal termination, another reason, another source, another containerizer") {
  const auto stays = [](Held& world) {
    CHECK(world.attached("pgdata", "a1"));
    CHECK_FALSE(has(world, "evidence.recorded/agent_clean"));
    CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
    CHECK_FALSE(world.blocked("pgdata", "a1").empty());
  };
  SECTION("abnormal") {
    Held world;
    world.end(ev::TaskState::task_failed, ev::StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED",
              "Abnormal executor termination: Failed to kill all processes");
    stays(world);
  }
  SECTION("reason") {
    Held world;
    world.end(ev::TaskState::task_lost, ev::StatusSource::source_agent, "REASON_RECONCILIATION");
    stays(world);
  }
  SECTION("a reason of which nobody says what it means") {
    Held world;
    world.end(ev::TaskState::task_failed, ev::StatusSource::source_agent, "REASON_EXECUTOR_PREEMPTED");
    stays(world);
  }
  SECTION("executor") {
    Held world;
    world.end(ev::TaskState::task_finished, ev::StatusSource::source_executor, "REASON_EXECUTOR_TERMINATED");
    stays(world);
  }
  SECTION("master") {
    Held world;
    world.end(ev::TaskState::task_killed, ev::StatusSource::source_master, "REASON_FRAMEWORK_REMOVED");
    stays(world);
  }
  SECTION("docker") {
    Held world(EngineWorld::default_policy(), ev::Containerizer::docker);
    world.end(ev::TaskState::task_failed, ev::StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED");
    stays(world);
    CHECK(world.blocked("pgdata", "a1") == "no_evidence_possible");
  }
  SECTION("an update whose status is not the task's state") {
    Held world;
    ev::TaskUpdated update;
    update.framework = ev::FrameworkId("F");
    update.task = ev::TaskId("pg.1");
    update.state = ev::TaskState::task_finished;
    update.status.state = ev::TaskState::task_failed;
    update.status.source = ev::StatusSource::source_agent;
    update.status.reason = "REASON_EXECUTOR_TERMINATED";
    update.status.agent = ev::AgentId("A1");
    world.event(update);
    world.advance(ev::seconds(90));
    stays(world);
  }
}

TEST_CASE("no timer, no loss and no removal is evidence") {
  for (const auto& [state, reason] : std::vector<std::pair<ev::TaskState, std::string>>{
           {ev::TaskState::task_lost, "REASON_AGENT_REMOVED"},
           {ev::TaskState::task_unreachable, "REASON_AGENT_REMOVED"},
           {ev::TaskState::task_gone_by_operator, "REASON_AGENT_REMOVED_BY_OPERATOR"},
           {ev::TaskState::task_gone, ""}}) {
    Held world;
    world.silent_agents.insert("A1");
    world.task_updated("pg.1", "A1", state, ev::StatusSource::source_master, reason);
    world.event(ev::AgentRemoved{ev::AgentId("A1")});
    world.run_task("pg.2", "A2", "pgdata");
    world.advance(ev::minutes(600));
    INFO(ev::to_text(state));
    CHECK(world.attached("pgdata", "a1"));
    CHECK_FALSE(world.attached("pgdata", "a2"));
    CHECK(world.blocked("pgdata", "a2") == "waits_for_unknown_claim");
  }
}

TEST_CASE("what the master lost sight of is said to be just that") {
  Held world;
  world.silent_agents.insert("A1");
  ev::TaskUpdated update;
  update.framework = ev::FrameworkId("F");
  update.task = ev::TaskId("pg.1");
  update.state = update.status.state = ev::TaskState::task_lost;
  update.status.source = ev::StatusSource::source_master;
  update.status.reason = "REASON_AGENT_REMOVED";
  update.status.agent = ev::AgentId("A1");
  update.status.unreachable_time_set = true;
  world.event(update);
  CHECK(world.claim("pg.1")->liveness_why.find("lost sight of its agent") != std::string::npos);
}

TEST_CASE("agent_gone needs the agent's whole word") {
  const auto stays = [](Held& world) {
    world.end(ev::TaskState::task_killed, ev::StatusSource::source_executor);
    CHECK(world.attached("pgdata", "a1"));
    CHECK_FALSE(has(world, "evidence.recorded/agent_gone"));
  };
  SECTION("the executor is not among the completed ones") {
    Held world;
    world.containers["A1"].clear();
    stays(world);
  }
  SECTION("the container is still listed") {
    Held world;
    world.completed["A1"].insert("pg.1");
    stays(world);
  }
  SECTION("a container could not be destroyed") {
    Held world;
    world.end_container("pg.1", "A1");
    world.destroy_errors["A1"] = 1;
    stays(world);
  }
  SECTION("the agent does not answer") {
    Held world;
    world.end_container("pg.1", "A1");
    world.silent_agents.insert("A1");
    stays(world);
  }
  SECTION("the operator did not say that the agents use the linux launcher") {
    ev::Policy policy = EngineWorld::default_policy();
    policy.agents_use_linux_launcher = false;
    Held world(policy);
    world.end_container("pg.1", "A1");
    stays(world);
    CHECK(world.blocked("pgdata", "a1") == "agents_not_trusted");
  }
  SECTION("the agent's API may be filtered") {
    ev::Policy policy = EngineWorld::default_policy();
    policy.agents_api_unfiltered = false;
    Held world(policy);
    world.end_container("pg.1", "A1");
    stays(world);
  }
  SECTION("the docker containerizer") {
    Held world(EngineWorld::default_policy(), ev::Containerizer::docker);
    world.end_container("pg.1", "A1");
    stays(world);
  }
  SECTION("another agent answered, or one that has not registered yet") {
    for (const char* answered : {"", "A9"}) {
      Held world;
      world.silent_agents.insert("A1");
      world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
      ev::AgentApiRead read;
      read.expected = ev::AgentId("A1");
      read.first_answer = ev::AgentId("A1");
      read.second_answer = ev::AgentId(answered);
      read.completed_executors.push_back(
          {ev::FrameworkId("F"), ev::ExecutorId("pg.1"), ev::AgentId("A1"), ev::Containerizer::mesos, {}});
      read.first_sent_at = world.now().at;
      world.event(read);
      world.advance(ev::seconds(60));
      CHECK(world.attached("pgdata", "a1"));
    }
  }
  SECTION("it was asked before the claim's last event") {
    Held world;
    world.silent_agents.insert("A1");
    ev::AgentApiRead read;
    read.expected = read.first_answer = read.second_answer = ev::AgentId("A1");
    read.completed_executors.push_back(
        {ev::FrameworkId("F"), ev::ExecutorId("pg.1"), ev::AgentId("A1"), ev::Containerizer::mesos, {}});
    read.first_sent_at = world.now().at;
    world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.event(read);
    world.advance(ev::seconds(60));
    CHECK(world.attached("pgdata", "a1"));
  }
}

TEST_CASE("an interrupted view voids evidence that was not used yet, and the agent is asked again") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::seconds(30);
  Held world(policy);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(5));
  REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
  REQUIRE(world.engine().snapshot().evidence().size() == 1);
  world.disconnect();
  CHECK(world.engine().snapshot().evidence().empty());
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a1"));
  // The new view has the agent and not the task.
  ev::AgentSeen agent;
  agent.agent.agent = ev::AgentId("A1");
  agent.agent.hostname = "a1";
  agent.agent.address = "127.0.0.1:5051";
  agent.origin = ev::ElementOrigin::snapshot;
  world.subscribe({agent});
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("a thin snapshot after a failover ends nothing") {
  Held world;
  world.disconnect();
  world.subscribe();  // no agents, no tasks
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(60));
  CHECK(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.claim("pg.1")->wanted);
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
}

TEST_CASE("a task that comes back alive voids what proved it dead") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::seconds(30);
  Held world(policy);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_lost, ev::StatusSource::source_executor);
  world.advance(ev::seconds(5));
  REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
  world.run_task("pg.1", "A1", "pgdata");
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.claim("pg.1")->wanted);
  CHECK(world.calls == std::vector<std::string>{"create pgdata", "attach pgdata a1"});
}

TEST_CASE("an agent that lists one container again says nothing of the others that are over") {
  Held world;
  REQUIRE(world.order(ev::Hold{"a1"}).status);
  world.run_task("pg.3", "A1", "pgdata");
  world.advance(ev::seconds(5));
  world.containers["A1"].erase("pg.3");
  for (const char* task : {"pg.3", "pg.1"}) {  // the agent errs about pg.1
    world.task_updated(task, "A1", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                       "REASON_EXECUTOR_TERMINATED");
  }
  world.advance(ev::seconds(5));
  REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
  world.make_volume("other");  // something asks the agent
  world.run_task("other.1", "A1", "other");
  world.end_container("other.1", "A1");
  world.task_updated("other.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(1));
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  CHECK(world.claim("pg.3")->liveness == ev::Liveness::dead);
}

TEST_CASE("a newer claim on the same host keeps the volume there") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.detach_linger = ev::seconds(30);
  Held world(policy);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(5));
  world.run_task("pg.9", "A1", "pgdata");
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(has(world, "evidence.void/agent_gone"));
}

TEST_CASE("operator: a confirmed host's volumes go elsewhere, and it gets nothing until it is released") {
  Held world;
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(5));
  REQUIRE(world.blocked("pgdata", "a2") == "waits_for_unknown_claim");
  CHECK_FALSE(world.order(ev::FenceConfirm{"a1", "a2", "power is off"}).status);
  CHECK_FALSE(world.order(ev::FenceConfirm{"a1", "a1", ""}).status);
  CHECK(world.attached("pgdata", "a1"));
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(world.attached("pgdata", "a2"));
  // Back from the dead: nothing is attached there.
  world.agent_added("A3", "a1");
  world.make_volume("other");
  world.run_task("o.1", "A3", "other");
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.attached("other", "a1"));
  CHECK(world.blocked("other", "a1") == "host_quarantined");
  REQUIRE(world.order(ev::FenceRelease{"a1", "looked at it"}).status);
  world.advance(ev::seconds(10));
  CHECK(world.attached("other", "a1"));
}

TEST_CASE("operator: nobody can answer for a host to which an attach may still take effect") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.shows_running_calls = false;
  policy.providers[0].settle_time = ev::seconds(300);
  EngineWorld world(policy);
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.make_volume("pgdata");
  world.mishap[ev::OperationKind::attach] = extvold::testing::Mishap::hang;
  world.run_task("pg.1", "A1", "pgdata");
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(10));
  const auto confirm = [&] { return world.order(ev::FenceConfirm{"a1", "a1", "nothing of it runs"}).status; };
  CHECK_FALSE(confirm());  // under way
  world.restart();
  world.subscribe();
  world.agent_added("A1", "a1");
  world.agent_added("A2", "a2");
  world.inspects_fail = true;  // no look settles it
  world.advance(ev::seconds(250));
  CHECK_FALSE(confirm());  // the call may linger
  CHECK_FALSE(world.engine().snapshot().host_by_name("a1")->quarantined);
  world.advance(ev::seconds(200));
  CHECK(confirm());
}

TEST_CASE("operator: a host with a live task is not confirmed") {
  Held world;
  CHECK_FALSE(world.order(ev::FenceConfirm{"a1", "a1", "I think so"}).status);
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("operator: void when the host's agent is heard of again with such a container") {
  Held world;
  world.task_updated("pg.1", "A1", ev::TaskState::task_lost, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.provider_silent = true;  // so that the evidence is not used at once
  world.advance(ev::minutes(10));
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  REQUIRE(world.claim("pg.1")->liveness == ev::Liveness::dead);
  world.agent_added("A1", "a1");  // it is back, and lists the container
  world.advance(ev::seconds(5));
  CHECK(world.claim("pg.1")->liveness == ev::Liveness::unknown);
  world.provider_silent = false;
  world.advance(ev::minutes(10));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("weaker grounds count only where the configuration accepts them, and say so") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.drivers[0].accept_executor_terminal_after = ev::minutes(10);
  Held world(policy);
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_finished, ev::StatusSource::source_executor);
  world.advance(ev::minutes(9));
  CHECK(world.attached("pgdata", "a1"));
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK(has(world, "evidence.assumed/agent_clean"));
}

TEST_CASE("weaker grounds that fall due while the view is incomplete count when it is complete again") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.drivers[0].accept_executor_terminal_after = ev::minutes(10);
  Held world(policy);
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_finished, ev::StatusSource::source_executor);
  world.advance(ev::minutes(9));
  world.master.tasks_hidden = 5;  // the self-check fails
  world.advance(ev::minutes(5));
  REQUIRE_FALSE(world.engine().observed().view_complete);
  CHECK(world.attached("pgdata", "a1"));
  world.master.tasks_hidden = 0;
  world.advance(ev::minutes(5));
  REQUIRE(world.resubscribed.size() == 1);
  CHECK_FALSE(has(world, "evidence.assumed/agent_clean"));
  world.subscribe();
  REQUIRE(world.engine().observed().view_complete);
  world.advance(ev::minutes(1));
  CHECK(has(world, "evidence.assumed/agent_clean"));
}

TEST_CASE("a detach alone permits no attach elsewhere at a provider that does not enforce it") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  Held world(policy);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(5));
  CHECK_FALSE(world.attached("pgdata", "a1"));
  CHECK_FALSE(world.attached("pgdata", "a2"));
  CHECK(world.blocked("pgdata", "a2") == "detach_not_enforced");
}

TEST_CASE("what a plugin attached by itself is not detached because its containers are gone") {
  ev::Policy policy = EngineWorld::default_policy();
  Held world(policy);
  // As found: the driver turns out to be one whose plugin attaches.
  policy.drivers[0].attach_by = ev::AttachBy::plugin;
  world.reload(policy);
  world.end_container("pg.1", "A1");
  world.end(ev::TaskState::task_failed, ev::StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED");
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "plugin_left_it");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "the plugin's process is gone"}).status);
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("an order that is withdrawn waits for the host's agents, all of them") {
  EngineWorld world;
  attach_by_order(world);
  // A second agent of that host registers and does not answer: what it runs, nobody knows.
  world.silent_agents.insert("A9");
  world.agent_added("A9", "a1");
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "host_view_incomplete");
  world.silent_agents.clear();
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("a detach waits until its host's agents were asked what was launched since") {
  EngineWorld world;
  attach_by_order(world);
  world.advance(ev::minutes(1));
  // What it names only its agent shows, which does not answer.
  world.silent_agents.insert("A1");
  world.containers["A1"].insert("t.1");
  const bool names_it = GENERATE(true, false);
  if (names_it)
    world.executor_volumes["t.1"] = {
        {ev::ReferenceSpelling::dvdi_variable, "extvold", "pgdata", "data", false}};
  world.task_added(world.task("t.1", "A1", "", ev::TaskState::task_running));
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "host_view_incomplete");
  world.silent_agents.clear();
  world.advance(ev::minutes(2));
  CHECK(world.attached("pgdata", "a1") == names_it);
}

TEST_CASE("while the master is not heard nobody is sent to confirm hosts, and who does is told so") {
  Held world;
  world.run_task("pg.2", "A2", "pgdata");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(2));
  REQUIRE(world.blocked("pgdata", "a1") == "waits_for_agent");
  world.disconnect("connection reset");
  world.advance(ev::seconds(2));
  CHECK(world.blocked("pgdata", "a1") == "view_incomplete");
  CHECK(world.blocked("pgdata", "a2") == "view_incomplete");
  const auto reply = world.order(ev::FenceConfirm{"a1", "a1", "power is off"});
  REQUIRE(reply.status);
  CHECK_THAT(reply.text, Catch::Contains("the Mesos view is incomplete"));
}

TEST_CASE("a name that is there only in other letters keeps the volume where it is") {
  Held world;
  world.task_added(world.task("loud.1", "A1", "PGDATA"));
  world.containers["A1"].insert("loud.1");
  world.task_updated("loud.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "unresolved_reference");
}

TEST_CASE("an order that is withdrawn waits for an agent that is lost, until another takes its place") {
  EngineWorld world;
  attach_by_order(world);
  // It may run a task since that names the volume where only its agent shows it; being gone ends no process.
  world.event(ev::AgentRemoved{ev::AgentId("A1")});
  REQUIRE(world.order(ev::DetachVolume{"pgdata", "a1"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "agent_not_registered");
  world.agent_added("A9", "a1");
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("what ended on an agent that was removed since waits for a person, not for that agent") {
  Held world;
  REQUIRE(world.order(ev::Hold{"pgdata"}).status);  // it is not detached at once
  world.end_container("pg.1", "A1");
  world.end(ev::TaskState::task_failed, ev::StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED");
  world.event(ev::AgentRemoved{ev::AgentId("A1")});  // a new one took its place, say
  REQUIRE(world.order(ev::Release{"pgdata"}).status);
  world.advance(ev::minutes(5));
  CHECK(world.attached("pgdata", "a1"));
  CHECK(world.blocked("pgdata", "a1") == "agent_not_registered");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "nothing of it runs there"}).status);
  world.advance(ev::seconds(10));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("the agent of a task that the master does not know any more is asked, and proves it gone") {
  Held world;
  world.task_updated("pg.1", "A1", ev::TaskState::task_unknown, ev::StatusSource::source_master,
                     "REASON_RECONCILIATION");
  world.advance(ev::minutes(5));
  REQUIRE(world.attached("pgdata", "a1"));
  world.end_container("pg.1", "A1");  // Mesos does not say so
  world.advance(ev::minutes(2));
  CHECK_FALSE(world.attached("pgdata", "a1"));
}

TEST_CASE("operator: a person's word covers a detach that its provider does not enforce") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  Held world(policy);
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::minutes(5));
  REQUIRE(world.blocked("pgdata", "a2") == "detach_not_enforced");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.advance(ev::seconds(10));
  CHECK(world.attached("pgdata", "a2"));
  // What it covers is that attachment: the next one there is covered by nothing.
  REQUIRE(world.order(ev::FenceRelease{"a1", "looked at it"}).status);
  CHECK(world.engine().snapshot().evidence().size() == 1);
}

TEST_CASE("operator: a person's word stands for the detach too, where that cannot be had") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  policy.providers[0].capabilities.exclusive_attach = false;
  Held world(policy);
  world.silent_agents.insert("A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_unreachable, ev::StatusSource::source_master,
                     "REASON_AGENT_REMOVED");
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::seconds(30));
  REQUIRE(world.order(ev::Hold{"a1"}).status);  // nothing is detached there
  world.powered_off.insert("a1");
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.advance(ev::seconds(10));
  CHECK(world.attached("pgdata", "a2"));
  CHECK(world.attached("pgdata", "a1"));
}

TEST_CASE("agent_clean: a task of an executor ends with a container of the executor's containerizer") {
  EngineWorld world;
  world.subscribe();
  world.agent_added("A1", "a1");
  REQUIRE(world.order(ev::Release{}).status);
  world.make_volume("pgdata");
  ev::ExecutorRecord executor;
  executor.framework = ev::FrameworkId("F");
  executor.executor = ev::ExecutorId("custom");
  executor.agent = ev::AgentId("A1");
  const bool listed = GENERATE(true, false);
  const auto containerizer = GENERATE(ev::Containerizer::mesos, ev::Containerizer::docker);
  executor.containerizer = containerizer;
  if (listed) world.master.executors[{"custom", "A1"}] = executor;
  // One of that name under MESOS was there before: the name is used again.
  const bool reused = listed && containerizer == ev::Containerizer::docker;
  if (reused) {
    ev::ExecutorRecord first = executor;
    first.containerizer = ev::Containerizer::mesos;
    world.event(ev::ExecutorSeen{first, ev::ElementOrigin::poll});
    world.master.executors[{"custom", "A1"}] = executor;
  }
  world.silent_agents.insert("A1");
  ev::TaskRecord task = world.task("pg.1", "A1", "pgdata");
  task.executor = executor.executor;
  world.task_added(task);
  world.task_updated("pg.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
  world.advance(ev::seconds(90));
  REQUIRE(world.attached("pgdata", "a1"));
  world.task_updated("pg.1", "A1", ev::TaskState::task_failed, ev::StatusSource::source_agent,
                     "REASON_EXECUTOR_TERMINATED");
  world.advance(ev::seconds(30));
  const bool clean = listed && containerizer == ev::Containerizer::mesos;
  INFO("listed " << listed << " as " << ev::to_text(containerizer));
  CHECK(has(world, "evidence.recorded/agent_clean") == clean);
}

TEST_CASE("every host that had the volume is checked again when an attach starts, not only the last one") {
  ev::Policy policy = EngineWorld::default_policy();
  policy.providers[0].capabilities.detach_enforced = false;
  policy.providers[0].capabilities.exclusive_attach = false;
  Held world(policy);
  world.agent_added("A3", "a3");
  // Two hosts had it, each detached, read back and covered by a person's word.
  world.end_container("pg.1", "A1");
  world.task_updated("pg.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(30));
  REQUIRE(world.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
  world.run_task("pg.2", "A2", "pgdata");
  world.advance(ev::seconds(5));
  REQUIRE(world.attached("pgdata", "a2"));
  world.end_container("pg.2", "A2");
  world.task_updated("pg.2", "A2", ev::TaskState::task_killed, ev::StatusSource::source_executor);
  world.advance(ev::seconds(30));
  REQUIRE_FALSE(world.attached("pgdata", "a2"));
  REQUIRE(world.order(ev::FenceConfirm{"a2", "a2", "power is off"}).status);
  // The intent is written, and before it is durable the first host's evidence is void.
  world.hold_commits = true;
  world.run_task("pg.3", "A3", "pgdata");
  REQUIRE(world.volume("pgdata").open_operation != nullptr);
  world.run_task("pg.9", "A1", "pgdata");
  world.hold_commits = false;
  world.advance(ev::seconds(30));
  CHECK_FALSE(world.attached("pgdata", "a3"));
}

TEST_CASE("an unresolved reference on a host keeps its attachments there") {
  const auto blocked_by = [](const std::string& driver, const std::string& name) {
    Held world;
    ev::TaskRecord strange = world.task("strange.1", "A1", "");
    strange.volumes.push_back({ev::ReferenceSpelling::docker_parameter, driver, name, "", false});
    world.containers["A1"].insert("strange.1");
    world.task_added(strange);
    world.task_updated("strange.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
    world.end_container("pg.1", "A1");
    world.end(ev::TaskState::task_killed, ev::StatusSource::source_executor);
    const std::string reason = world.attached("pgdata", "a1") ? world.blocked("pgdata", "a1") : "detached";
    world.end_container("strange.1", "A1");
    world.task_updated("strange.1", "A1", ev::TaskState::task_killed, ev::StatusSource::source_executor);
    world.advance(ev::seconds(60));
    CHECK_FALSE(world.attached("pgdata", "a1"));
    return reason;
  };
  // What docker's --mount, --volumes-from and a --volume without a driver become: no driver, and the text.
  CHECK(blocked_by("", "type=volume,source=pgdata,target=/x") == "unresolved_reference");
  CHECK(blocked_by("", "pgdata") == "unresolved_reference");
  CHECK(blocked_by("mount", "") == "unresolved_reference");
  CHECK(blocked_by("another-name-of-it", "pgdata") == "unresolved_reference");
  CHECK(blocked_by("another-name-of-it", "other") == "detached");  // somebody else's
}
