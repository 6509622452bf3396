// The table of liveness.h: a case for each row, with what Mesos, agents, hosts and people really send; what
// the table as a whole never does; and that the documentation shows it.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "reconcilers/liveness.h"
#include "tests/reconcilers/engine_world.h"

using extvold::reconcilers::Fact;
using extvold::reconcilers::FactSet;
using extvold::reconcilers::LivenessRow;
using extvold::reconcilers::ReasonClass;
using extvold::reconcilers::Said;
using extvold::reconcilers::Saying;
using extvold::testing::EngineWorld;
namespace ev = extvold;

namespace {

constexpr auto kYes = true;
constexpr auto kNo = false;

struct Setting {
  ev::Containerizer containerizer = ev::Containerizer::mesos;
  bool node_side = false;  // its host tells its boot id
  void (*adjust)(ev::Policy&) = nullptr;
};

// pgdata at a1 by task pg.1 of agent A1, which says nothing by itself. What is proven is not used: it
// lingers.
struct World : EngineWorld {
  explicit World(const Setting& setting) : EngineWorld(policy_of(setting)) {
    subscribe();
    if (setting.node_side) boot_ids["a1"] = "boot-1";
    agent_added("A1", "a1");
    agent_added("A2", "a2");
    make_volume("pgdata");
    ev::TaskRecord record = task("pg.1", "A1", "pgdata");
    record.containerizer = setting.containerizer;
    containers["A1"].insert("pg.1");
    task_added(record);
    task_updated("pg.1", "A1", ev::TaskState::task_running, ev::StatusSource::source_executor);
    advance(ev::seconds(1));
    REQUIRE(attached("pgdata", "a1"));
    silent_agents.insert("A1");
  }
  static ev::Policy policy_of(const Setting& setting) {
    ev::Policy policy = default_policy();
    policy.detach_linger = ev::minutes(600);
    if (setting.adjust != nullptr) setting.adjust(policy);
    return policy;
  }

  const ev::Claim* pg() const { return claim("pg.1"); }
  // TASK_UPDATED as a master sends it.
  const ev::Claim* update(ev::TaskState state, ev::StatusSource source, std::string reason,
                          std::string message = {}, bool unreachable_time = false) {
    ev::TaskUpdated update;
    update.framework = ev::FrameworkId("F");
    update.task = ev::TaskId("pg.1");
    update.state = update.status.state = state;
    update.status.source = source;
    update.status.reason = std::move(reason);
    update.status.message = std::move(message);
    update.status.agent = ev::AgentId("A1");
    update.status.executor = ev::ExecutorId("pg.1");
    update.status.container = ev::ContainerId("container-of-pg.1");
    update.status.unreachable_time_set = unreachable_time;
    event(update);
    return pg();
  }
  const ev::Claim* executor_says(ev::TaskState state = ev::TaskState::task_killed) {
    return update(state, ev::StatusSource::source_executor, "");
  }
  const ev::Claim* lost() {
    return update(ev::TaskState::task_lost, ev::StatusSource::source_master, "REASON_AGENT_REMOVED");
  }
  // A list of the master's, with these elements.
  const ev::Claim* poll(ev::MasterCall call, std::vector<ev::MesosEvent> elements) {
    advance(ev::seconds(1));
    const ev::Instant at = now().at;
    event(ev::PollBegan{call, at});
    for (ev::MesosEvent& one : elements) event(std::move(one));
    event(ev::PollEnded{call, at});
    return pg();
  }
  ev::TaskSeen seen(ev::TaskState state, ev::TaskList list, ev::ElementOrigin origin) const {
    ev::TaskSeen out{task("pg.1", "A1", "pgdata", state), origin, list};
    out.task.last_status.emplace();
    out.task.last_status->state = state;
    out.task.last_status->source = ev::StatusSource::source_agent;
    out.task.last_status->reason = "REASON_EXECUTOR_TERMINATED";
    return out;
  }
  ev::AgentSeen agent(const std::string& name, ev::ElementOrigin origin = ev::ElementOrigin::poll) const {
    ev::AgentSeen out;
    out.agent.agent = ev::AgentId(name);
    out.agent.hostname = name == "A1" ? "a1" : "a2";
    out.agent.address = "127.0.0.1:5051";
    out.origin = origin;
    return out;
  }
  // GET_AGENTS, in which A1 stands like this.
  const ev::Claim* poll_agent(const std::function<void(ev::AgentSeen&)>& change) {
    ev::AgentSeen first = agent("A1");
    change(first);
    return poll(ev::MasterCall::get_agents, {first, agent("A2")});
  }
  // A round of A1's own API: it counts pg.1 as completed, unless that is changed.
  const ev::Claim* read(const std::function<void(ev::AgentApiRead&)>& change = [](ev::AgentApiRead&) {}) {
    advance(ev::seconds(1));
    ev::AgentApiRead read;
    read.expected = read.first_answer = read.second_answer = ev::AgentId("A1");
    read.completed_executors.push_back(executor("pg.1"));
    read.container_destroy_errors = 0;
    read.first_sent_at = read.ended_at = now().at;
    change(read);
    event(read);
    return pg();
  }
  static ev::ExecutorRecord executor(const std::string& id) {
    return {ev::FrameworkId("F"), ev::ExecutorId(id), ev::AgentId("A1"), ev::Containerizer::mesos, {}};
  }
  // A custom executor at A1 whose own container has the volume.
  const ev::Claim* custom_executor(const std::string& id) {
    ev::ExecutorRecord record = executor(id);
    record.volumes = task("", "A1", "pgdata").volumes;
    event(ev::ExecutorSeen{record, ev::ElementOrigin::snapshot});
    return claim_of_executor(id);
  }
  const ev::Claim* claim_of_executor(const std::string& id) const {
    for (const ev::Claim* one : volume("pgdata").claims) {
      if (one->kind == ev::ClaimKind::executor && one->executor.value == id) return one;
    }
    return nullptr;
  }
  void framework_seen() {
    ev::FrameworkSeen seen;
    seen.framework.framework = ev::FrameworkId("F");
    event(seen);
  }
};

struct Case {
  std::string_view row;
  // What must be true of the claim afterwards.
  bool wanted;
  ev::Liveness liveness;
  std::optional<ev::EvidenceKind> evidence;
  std::function<const ev::Claim*(World&)> act;
  Setting setting{};
};

constexpr auto kLive = ev::Liveness::live;
constexpr auto kUnknown = ev::Liveness::unknown;
constexpr auto kDead = ev::Liveness::dead;
constexpr auto kMaster = ev::StatusSource::source_master;
constexpr auto kAgent = ev::StatusSource::source_agent;
constexpr auto kExecutor = ev::StatusSource::source_executor;
constexpr std::nullopt_t kNone = std::nullopt;
using S = ev::TaskState;
using K = ev::EvidenceKind;

const std::vector<Case>& cases_of_updates() {
  static const std::vector<Case> cases = {
      {"task_alive", kYes, kLive, kNone, [](World& w) { return w.update(S::task_killing, kExecutor, ""); }},
      {"task_unreachable", kYes, kUnknown, kNone,
       [](World& w) { return w.update(S::task_unreachable, kMaster, "REASON_AGENT_REMOVED", "", true); }},
      {"task_untold", kYes, kUnknown, kNone,
       [](World& w) { return w.update(S::task_unknown, kMaster, "REASON_RECONCILIATION"); }},
      {"status_of_another_state", kNo, kUnknown, kNone,
       [](World& w) {
         ev::TaskUpdated update;
         update.framework = ev::FrameworkId("F");
         update.task = ev::TaskId("pg.1");
         update.state = S::task_finished;
         update.status.state = S::task_failed;
         update.status.source = kAgent;
         update.status.reason = "REASON_EXECUTOR_TERMINATED";
         update.status.agent = ev::AgentId("A1");
         w.event(update);
         return w.pg();
       }},
      {"agent_clean", kNo, kDead, K::agent_clean,
       [](World& w) {
         return w.update(S::task_failed, kAgent, "REASON_CONTAINER_LIMITATION_MEMORY",
                         "Memory limit exceeded");
       }},
      {"agent_unnamed", kNo, kUnknown, kNone,
       [](World& w) {
         // The same task id on another agent, which ends: whose status it is, it does not say.
         w.task_added(w.task("pg.1", "A2", "other"));
         ev::TaskUpdated update;
         update.framework = ev::FrameworkId("F");
         update.task = ev::TaskId("pg.1");
         update.state = update.status.state = S::task_failed;
         update.status.source = kAgent;
         update.status.reason = "REASON_EXECUTOR_TERMINATED";
         w.event(update);
         return w.pg();
       }},
      {"agent_abnormal", kNo, kUnknown, kNone,
       [](World& w) {
         return w.update(S::task_failed, kAgent, "REASON_EXECUTOR_TERMINATED",
                         "Abnormal executor termination: Failed to kill all processes in the container");
       }},
      {"agent_not_mesos_containerizer",
       kNo,
       kUnknown,
       kNone,
       [](World& w) { return w.update(S::task_failed, kAgent, "REASON_EXECUTOR_TERMINATED"); },
       {.containerizer = ev::Containerizer::docker}},
      {"agent_draining", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_gone_by_operator, kAgent, "REASON_AGENT_DRAINING"); }},
      {"agent_dropped", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_dropped, kAgent, "REASON_GC_ERROR"); }},
      {"agent_never_ran", kNo, kUnknown, kNone,
       [](World& w) {
         return w.update(S::task_lost, kAgent, "REASON_RECONCILIATION",
                         "Reconciliation: task unknown to the agent");
       }},
      {"agent_other", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_failed, kAgent, "REASON_CONTAINER_LAUNCH_FAILED"); }},
      {"executor_word", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_finished, kExecutor, ""); }},
      {"master_lost_sight", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_lost, kMaster, "REASON_AGENT_REMOVED", "", true); }},
      {"master_gone_by_operator", kNo, kUnknown, kNone,
       [](World& w) {
         return w.update(S::task_gone_by_operator, kMaster, "REASON_AGENT_REMOVED_BY_OPERATOR");
       }},
      {"master_removed_framework", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_killed, kMaster, "REASON_FRAMEWORK_REMOVED"); }},
      {"master_disconnected_agent", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_lost, kMaster, "REASON_AGENT_DISCONNECTED"); }},
      {"master_removed_agent", kNo, kUnknown, kNone,
       [](World& w) {
         w.lost();
         w.event(ev::AgentRemoved{ev::AgentId("A1")});
         return w.pg();
       }},
      {"master_other", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_failed, kMaster, "REASON_TASK_INVALID"); }},
      {"no_source", kNo, kUnknown, kNone,
       [](World& w) { return w.update(S::task_killed, ev::StatusSource::source_none, ""); }},
  };
  return cases;
}

const std::vector<Case>& cases_of_lists() {
  static const std::vector<Case> cases = {
      {"listed_completed", kNo, kUnknown, kNone,
       [](World& w) {
         return w.poll(ev::MasterCall::get_tasks,
                       {w.seen(S::task_running, ev::TaskList::completed_tasks, ev::ElementOrigin::poll)});
       }},
      {"listed_terminal", kNo, kUnknown, kNone,
       [](World& w) {
         return w.poll(ev::MasterCall::get_tasks,
                       {w.seen(S::task_failed, ev::TaskList::tasks, ev::ElementOrigin::poll)});
       }},
      {"listed_alive", kYes, kLive, kNone,
       [](World& w) {
         w.update(S::task_unreachable, kMaster, "REASON_AGENT_REMOVED", "", true);
         w.event(w.seen(S::task_running, ev::TaskList::tasks, ev::ElementOrigin::event));
         return w.pg();
       }},
      {"listed_unreachable", kYes, kUnknown, kNone,
       [](World& w) {
         w.disconnect();
         w.subscribe(
             {w.seen(S::task_unreachable, ev::TaskList::unreachable_tasks, ev::ElementOrigin::snapshot)});
         return w.pg();
       }},
      {"not_in_snapshot", kYes, kUnknown, kNone,
       [](World& w) {
         w.disconnect();
         w.subscribe();
         return w.pg();
       }},
      {"task_in_no_list", kYes, kUnknown, kNone,
       [](World& w) {
         w.poll(ev::MasterCall::get_tasks, {});
         return w.poll(ev::MasterCall::get_tasks, {});
       }},
      {"framework_removed", kNo, kUnknown, kNone,
       [](World& w) {
         w.custom_executor("e.1");
         w.event(ev::FrameworkRemoved{ev::FrameworkId("F")});
         return w.claim_of_executor("e.1");
       }},
      {"executor_in_no_list", kYes, kUnknown, kNone,
       [](World& w) {
         w.custom_executor("e.1");
         w.event(ev::AgentRemoved{ev::AgentId("A1")});
         w.poll(ev::MasterCall::get_executors, {});
         return w.claim_of_executor("e.1");
       }},
      {"executor_leaves", kNo, kUnknown, kNone,
       [](World& w) {
         w.framework_seen();
         w.event(ev::FrameworkRemoved{ev::FrameworkId("F")});
         return w.custom_executor("e.1");
       }},
  };
  return cases;
}

const std::vector<Case>& cases_of_agents() {
  static const std::vector<Case> cases = {
      {"agent_absent", kYes, kLive, kNone,
       [](World& w) { return w.poll(ev::MasterCall::get_agents, {w.agent("A2")}); }},
      {"agent_recovered", kYes, kLive, kNone,
       [](World& w) { return w.poll_agent([](ev::AgentSeen& one) { one.recovered = true; }); }},
      {"agent_disconnected", kYes, kLive, kNone,
       [](World& w) { return w.poll_agent([](ev::AgentSeen& one) { one.agent.active = false; }); }},
      {"agent_drained", kYes, kLive, kNone,
       [](World& w) { return w.poll_agent([](ev::AgentSeen& one) { one.agent.drain_state = "DRAINED"; }); }},
      {"agent_registered", kNo, kUnknown, kNone,
       [](World& w) {
         w.lost();
         w.event(w.agent("A1", ev::ElementOrigin::event));  // back, and its task list lacks ours
         return w.pg();
       }},
      {"agent_removed", kYes, kLive, kNone,
       [](World& w) {
         w.event(ev::AgentRemoved{ev::AgentId("A1")});
         return w.pg();
       }},
      {"agent_lists_it", kNo, kUnknown, kNone,
       [](World& w) {
         w.executor_says();
         return w.read([](ev::AgentApiRead& read) {
           read.containers.push_back({ev::ContainerId("container-of-pg.1"), {}, {}, {}});
         });
       }},
      {"agent_lost_executor", kYes, kUnknown, kNone,
       [](World& w) {
         const ev::ClaimId id = w.custom_executor("custom")->id;
         w.read([](ev::AgentApiRead& read) { read.completed_executors.clear(); });
         return w.engine().snapshot().claim(id);
       }},
      {"agent_does_not_know", kNo, kUnknown, kNone,
       [](World& w) {
         w.executor_says();
         return w.read([](ev::AgentApiRead& read) { read.completed_executors.clear(); });
       }},
      {"agent_asked_before", kNo, kUnknown, kNone,
       [](World& w) {
         const ev::Instant before = w.now().at;
         w.executor_says();
         return w.read([&](ev::AgentApiRead& read) { read.first_sent_at = before; });
       }},
      {"agent_before_mesos", kYes, kLive, kNone, [](World& w) { return w.read(); }},
      {"agent_gone", kNo, kDead, K::agent_gone,
       [](World& w) {
         w.executor_says();
         return w.read();
       }},
      {"agent_ran_docker", kNo, kUnknown, kNone,
       [](World& w) {
         w.executor_says();
         return w.read([](ev::AgentApiRead& read) {
           read.completed_executors[0].containerizer = ev::Containerizer::docker;
         });
       }},
      {"agent_launcher_untold",
       kNo,
       kUnknown,
       kNone,
       [](World& w) {
         w.executor_says();
         return w.read();
       },
       {.adjust = [](ev::Policy& policy) { policy.agents_use_linux_launcher = false; }}},
      {"agent_may_filter",
       kNo,
       kUnknown,
       kNone,
       [](World& w) {
         w.executor_says();
         return w.read();
       },
       {.adjust = [](ev::Policy& policy) { policy.agents_api_unfiltered = false; }}},
      {"agent_could_not_destroy", kNo, kUnknown, kNone,
       [](World& w) {
         w.executor_says();
         return w.read([](ev::AgentApiRead& read) { read.container_destroy_errors = 1; });
       }},
  };
  return cases;
}

const std::vector<Case>& cases_of_others() {
  static const std::vector<Case> cases = {
      {"host_boot_unknown", kNo, kUnknown, kNone,
       [](World& w) {
         w.boot_ids["a1"] = "boot-1";  // a node side that came after the attach
         w.lost();
         w.advance(ev::minutes(5));
         return w.pg();
       }},
      {"host_uses_it",
       kNo,
       kUnknown,
       kNone,
       [](World& w) {
         w.truth.begin()->second.busy_hosts.insert("a1");
         w.lost();
         w.advance(ev::minutes(5));
         return w.pg();
       },
       {.node_side = true}},
      {"host_unmounted",
       kNo,
       kDead,
       K::host_unmounted,
       [](World& w) {
         w.lost();
         w.advance(ev::minutes(5));
         return w.pg();
       },
       {.node_side = true}},
      {"host_rebooted",
       kNo,
       kDead,
       K::host_rebooted,
       [](World& w) {
         w.boot_ids["a1"] = "boot-2";
         w.lost();
         w.advance(ev::minutes(5));
         return w.pg();
       },
       {.node_side = true}},
      {"found_attached", kNo, kUnknown, kNone,
       [](World& w) {
         w.make_volume("other");
         w.truth.at(w.volume("other").volume.key).hosts.insert("a2");
         w.advance(ev::minutes(2));
         REQUIRE(w.volume("other").claims.size() == 1);
         return w.volume("other").claims[0];
       }},
      {"executor_word_accepted",
       kNo,
       kDead,
       K::agent_clean,
       [](World& w) {
         w.executor_says();
         w.advance(ev::minutes(9));
         CHECK(w.pg()->liveness == kUnknown);
         w.advance(ev::minutes(2));
         CHECK(w.engine().snapshot().evidence(w.pg()->evidence)->grade == ev::EvidenceGrade::assumed);
         return w.pg();
       },
       {.adjust =
            [](ev::Policy& policy) { policy.drivers[0].accept_executor_terminal_after = ev::minutes(10); }}},
      {"fenced",
       kNo,
       kDead,
       K::fenced,
       [](World& w) {
         w.update(S::task_unreachable, kMaster, "REASON_AGENT_REMOVED", "", true);
         w.mishap[ev::OperationKind::detach] = extvold::testing::Mishap::fail_before;
         w.run_task("pg.2", "A2", "pgdata");
         w.advance(ev::minutes(4));
         CHECK(w.pg()->liveness == kUnknown);
         w.advance(ev::minutes(3));
         return w.pg();
       },
       {.adjust =
            [](ev::Policy& policy) {
              policy.providers[0].capabilities.fence_host = true;
              policy.providers[0].capabilities.fence_verifiable = true;
              policy.fences = {{{}, {}, {.when = ev::FenceWhen::after, .after = ev::minutes(5)}}};
            }}},
      {"operator_confirmed", kNo, kDead, K::operator_,
       [](World& w) {
         w.update(S::task_unreachable, kMaster, "REASON_AGENT_REMOVED", "", true);
         REQUIRE(w.order(ev::FenceConfirm{"a1", "a1", "power is off"}).status);
         return w.pg();
       }},
  };
  return cases;
}

std::vector<const Case*> cases_for(std::string_view row) {
  std::vector<const Case*> out;
  for (const auto* list : {&cases_of_updates(), &cases_of_lists(), &cases_of_agents(), &cases_of_others()}) {
    for (const Case& one : *list) {
      if (one.row == row) out.push_back(&one);
    }
  }
  return out;
}

// Everything that can be said in a row's terms: `visit` gets each saying of that kind.
void all_sayings(Said said, const std::function<void(const Saying&)>& visit) {
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < ev::reconcilers::Fact_texts.size(); ++i) {
    for (const LivenessRow& row : ev::reconcilers::liveness_rows()) {
      const auto fact = static_cast<Fact>(i);
      if (row.said != said || (!row.with.has(fact) && !row.without.has(fact))) continue;
      facts.push_back(fact);
      break;
    }
  }
  const bool status = said == Said::task_updated;  // only that has a source and a reason
  for (unsigned bits = 0; bits < 1U << facts.size(); ++bits) {
    Saying saying{.said = said};
    for (std::size_t i = 0; i < facts.size(); ++i) saying.facts.put(facts[i], (bits >> i & 1U) != 0);
    for (std::size_t state = 0; state < ev::TaskState_texts.size(); ++state) {
      saying.state = static_cast<S>(state);
      for (std::size_t source = 0; source < (status ? ev::StatusSource_texts.size() : 1); ++source) {
        saying.source = static_cast<ev::StatusSource>(source);
        for (std::size_t reason = 1; reason < (status ? ev::reconcilers::ReasonClass_texts.size() : 2);
             ++reason) {
          saying.reason = static_cast<ReasonClass>(reason);
          visit(saying);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("each row of the liveness table") {
  for (const LivenessRow& row : ev::reconcilers::liveness_rows()) {
    DYNAMIC_SECTION(row.name) {
      const std::vector<const Case*> cases = cases_for(row.name);
      REQUIRE(cases.size() == 1);  // a row without a case is a row that nobody holds the engine to
      const Case& one = *cases[0];
      World world(one.setting);
      const ev::Claim* claim = one.act(world);
      REQUIRE(claim != nullptr);
      INFO(claim->liveness_why);
      CHECK(claim->wanted == one.wanted);
      CHECK(claim->liveness == one.liveness);
      const ev::Evidence* evidence = world.engine().snapshot().evidence(claim->evidence);
      CHECK((evidence == nullptr ? std::nullopt : std::optional(evidence->kind)) == one.evidence);
      CHECK(row.evidence == one.evidence);
      if (row.liveness) CHECK(*row.liveness == one.liveness);
      if (row.liveness && !row.evidence && !row.text.empty())
        CHECK(claim->liveness_why.starts_with(std::string(row.name) + ": "));
      CHECK(world.attached("pgdata", "a1"));
    }
  }
}

TEST_CASE("every case is of a row, and rows have names of their own") {
  std::set<std::string_view> names;
  for (const LivenessRow& row : ev::reconcilers::liveness_rows()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(row.origin.empty());
    CHECK(row.evidence.has_value() == (row.liveness == kDead));
  }
  std::size_t cases = 0;
  for (const auto* list : {&cases_of_updates(), &cases_of_lists(), &cases_of_agents(), &cases_of_others()}) {
    cases += list->size();
    for (const Case& one : *list) CHECK(names.contains(one.row));
  }
  CHECK(cases == names.size());
}

TEST_CASE("whatever is said a row holds, and each row is the first for something") {
  std::set<std::string_view> used;
  for (std::size_t i = 0; i < ev::reconcilers::Said_texts.size(); ++i) {
    all_sayings(static_cast<Said>(i),
                [&](const Saying& saying) { used.insert(ev::reconcilers::liveness_row(saying).name); });
  }
  for (const LivenessRow& row : ev::reconcilers::liveness_rows()) {
    INFO(row.name);
    CHECK(used.contains(row.name));
  }
}

TEST_CASE("evidence comes of exactly what DESIGN section 4 says, in whatever order the rows stand") {
  const auto check = [](Said said, const std::function<std::optional<K>(const Saying&)>& design) {
    int wrong = 0;
    all_sayings(said, [&](const Saying& saying) {
      wrong += ev::reconcilers::liveness_row(saying).evidence == design(saying) ? 0 : 1;
    });
    INFO(to_text(said));
    CHECK(wrong == 0);
  };
  check(Said::task_updated, [](const Saying& one) -> std::optional<K> {
    const bool clean = one.facts.has(Fact::same_state) && ev::is_terminal(one.state) &&
                       one.source == kAgent && one.reason == ReasonClass::cleaned_up &&
                       one.facts.has(Fact::of_its_agent) && one.facts.has(Fact::mesos_containerizer) &&
                       one.facts.has(Fact::normal_message);
    return clean ? std::optional(K::agent_clean) : std::nullopt;
  });
  check(Said::agent_read, [](const Saying& one) -> std::optional<K> {
    const bool gone =
        !one.facts.has(Fact::listed) &&
        one.facts.has_all({Fact::completed, Fact::asked_later, Fact::open_question, Fact::mesos_containerizer,
                           Fact::linux_launcher, Fact::unfiltered, Fact::no_destroy_errors});
    return gone ? std::optional(K::agent_gone) : std::nullopt;
  });
  check(Said::host_reported, [](const Saying& one) -> std::optional<K> {
    if (!one.facts.has_all({Fact::boot_known, Fact::unused})) return std::nullopt;
    return one.facts.has(Fact::same_boot) ? K::host_unmounted : K::host_rebooted;
  });
  for (const Said silent :
       {Said::task_listed, Said::snapshot_ended, Said::framework_removed, Said::executors_polled,
        Said::executor_listed, Said::agent_listed, Said::agent_removed, Said::attachment_found}) {
    check(silent, [](const Saying&) -> std::optional<K> { return std::nullopt; });
  }
}

TEST_CASE("what is wanted ends with a terminal state from whomever, and with nothing less") {
  int wrong = 0;
  all_sayings(Said::task_updated, [&](const Saying& one) {
    const LivenessRow& row = ev::reconcilers::liveness_row(one);
    const bool wanted = row.wanted == ev::reconcilers::Wanted::yes;
    wrong += row.wanted != ev::reconcilers::Wanted::as_it_was && wanted != ev::is_terminal(one.state) ? 0 : 1;
  });
  CHECK(wrong == 0);
}

TEST_CASE("the closed list of reasons is closed") {
  for (const char* reason : {"REASON_EXECUTOR_TERMINATED", "REASON_CONTAINER_PREEMPTED",
                             "REASON_CONTAINER_LIMITATION", "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"})
    CHECK(ev::reconcilers::reason_class(reason) == ReasonClass::cleaned_up);
  for (const char* reason :
       {"", "REASON_EXECUTOR_PREEMPTED", "REASON_EXECUTOR_UNREGISTERED", "REASON_CONTAINER_LAUNCH_FAILED",
        "REASON_CONTAINER_UPDATE_FAILED", "REASON_CONTAINER_LIMITATIONS", "executor_terminated"})
    CHECK(ev::reconcilers::reason_class(reason) == ReasonClass::other);
  CHECK(ev::reconcilers::reason_class("REASON_SLAVE_REMOVED") == ReasonClass::agent_removed);
}

// EXTVOLD_UPDATE_GOLDEN=1 writes it.
TEST_CASE("docs/liveness.md ends with the table as it is") {
  const std::string path = std::string(EXTVOLD_SOURCE_DIR) + "/docs/liveness.md";
  std::ifstream in(path);
  std::stringstream read;
  read << in.rdbuf();
  const std::string page = read.str();
  const std::size_t table = page.find("| row |");
  const std::string now = ev::reconcilers::liveness_page();
  if (std::getenv("EXTVOLD_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << page.substr(0, table) << now;
  REQUIRE(table != std::string::npos);
  CHECK(page.substr(table) == now);
}
