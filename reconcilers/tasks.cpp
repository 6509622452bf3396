// Tasks: what Mesos says of tasks and executors, and the claims that come of it. Facts and traps: Mesos 1.11
// operator API, reference sections 2 to 4. A task that is missing from a list becomes `unknown`, never gone.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

// A claim follows the container that holds the mount.
const ContainerId& root_container(const TaskStatus& status) {
  return status.parent_container.empty() ? status.container : status.parent_container;
}

// What ended while nobody knew which volume it named left no evidence about that volume: its end is an open
// question, which its agent answers again.
void reopen(Claim& claim) {
  claim.liveness = Liveness::unknown;
  claim.liveness_why = "it ended before its volume was known";
  claim.evidence = {};
}

std::size_t hash_of(const FrameworkId& framework, const std::string& executor) {
  return std::hash<std::string>{}(fmt::format("{}/{}", framework.value, executor));
}

// Also an agent that registers again makes the master add tasks, in the state that they have; one that just
// went out is staging, and nobody has said anything of it yet (Mesos 1.11 operator API, reference 2.3).
bool is_launched(const TaskSeen& event) {
  return event.origin == ElementOrigin::event && event.task.state == TaskState::task_staging &&
         !event.task.last_status;
}

}  // namespace

bool Engine::stale_poll(const Claim& claim, ElementOrigin origin, MasterCall call) const {
  if (origin != ElementOrigin::poll) return false;
  const auto sent = poll_sent_at_.find(call);
  return sent == poll_sent_at_.end() || claim.last_event_at.value >= sent->second;
}

// The claims that follow the root container of this task: its own, and those of the executor that its agent
// generated for it (a command task's, named like the task).
std::vector<const Claim*> Engine::claims_following(const FrameworkId& framework, const TaskId& task,
                                                   const AgentId& agent) const {
  std::vector<const Claim*> out = snapshot_.claims_of_task(framework, task);
  for (const Claim* claim : snapshot_.claims_of_task(framework, TaskId{})) {
    if (claim->kind == ClaimKind::executor && claim->executor.value == task.value &&
        !asked_executors_.contains({framework, task.value, claim->agent}))
      out.push_back(claim);
  }
  std::erase_if(out, [&](const Claim* claim) { return !agent.empty() && claim->agent != agent; });
  return out;
}

void Engine::forget_ended(const TaskRecord& task) {
  for (const std::string& id : {task.task.value, task.executor.value})
    ended_tasks_.erase({task.framework, id, task.agent});
}

// TASK_LOST counts as an end, and the task may be there all the same. What its claim was for only a list
// tells.
void Engine::note_back(const FrameworkId& framework, const TaskId& task, const AgentId& agent) {
  if (!has_ended(framework, task, agent)) return;
  ended_tasks_.erase({framework, task.value, agent});
  master_polls_[MasterCall::get_tasks].wanted = true;
}

bool Engine::has_ended(const FrameworkId& framework, const TaskId& task, const AgentId& agent) const {
  return ended_tasks_.contains({framework, task.value, agent});
}

void Engine::on(TaskSeen& event, Now now) {
  const TaskRecord& task = event.task;
  const bool over = is_terminal(task.state) || event.list == TaskList::completed_tasks;
  if (task.state == TaskState::task_running && event.list == TaskList::tasks)
    ++(event.origin == ElementOrigin::event ? tasks_began_running_ : tasks_running_in_poll_);
  if (!over && task.executor.value == task.task.value)
    asked_executors_.insert({task.framework, task.executor.value, task.agent});
  if (!over && event.origin == ElementOrigin::poll && has_ended(task.framework, task.task, task.agent))
    return;  // the answer is older than the end
  if (!over && event.origin != ElementOrigin::poll) forget_ended(task);
  const bool launched = is_launched(event);
  if (launched) note_launched(task);
  if (event.origin == ElementOrigin::event) {
    if (!over && !task.executor.empty()) hear_of_executor(task, now);
    // An executor or an agent that nobody has heard of; DVDI variables are only in the agent's own answer.
    if (!task.executor.empty() && know_executor({task.framework, task.executor.value, task.agent}, now))
      master_polls_[MasterCall::get_executors].wanted = true;
    want_agent_soon(task.agent, now);
    if (const auto agent = observed_.agents.find(task.agent); !over && agent != observed_.agents.end())
      agent->second.launched_at = now.at;
    if (snapshot_.agent(task.agent) == nullptr) master_polls_[MasterCall::get_agents].wanted = true;
  }
  const std::size_t changes_before = changes_.size();
  bool stale = false;
  for (const Claim* claim : claims_following(task.framework, task.task, task.agent)) {
    if (event.origin == ElementOrigin::poll) tasks_of_poll_.insert(claim->id);
    if (stale_poll(*claim, event.origin, MasterCall::get_tasks)) {
      stale = true;
      continue;
    }
    if (claim->kind == ClaimKind::executor && !over) continue;  // the agent's own answer speaks of it
    if (event.origin == ElementOrigin::snapshot) {
      snapshot_.note_claim_listed(claim->id, !over);
      if (over && claim->listed_alive.value) continue;  // it also stands there alive
    }
    if (!over) continue;  // see_task_claims
    // A terminal status out of a list is Mesos' latest word, but not evidence: only the stream's own update
    // is.
    Saying saying{.said = Said::task_listed, .state = task.state};
    saying.facts.put(Fact::among_completed, event.list == TaskList::completed_tasks);
    const Verdict verdict = judge(*claim, saying);
    if (event.origin == ElementOrigin::poll)
      ended_tasks_.insert({task.framework, task.task.value, task.agent});
    move_claim(*claim, task.state, verdict, {}, now);
  }
  if (!over && !stale && !task.volumes.empty()) see_task_claims(task, launched, now);
  // What a poll only repeats is written already.
  if (event.origin != ElementOrigin::poll || changes_.size() != changes_before) put_task(task);
}

// A new task of it: an executor that was proven gone was started again under its name, and may use what it
// used before, whatever an agent said that was asked before.
void Engine::hear_of_executor(const TaskRecord& task, Now now) {
  gone_executors_.erase({task.framework, task.executor.value, task.agent});
  for (const Claim* claim : snapshot_.claims_of_task(task.framework, TaskId{})) {
    const bool its = claim->kind == ClaimKind::executor && claim->executor == task.executor;
    if (!its || claim->agent != task.agent) continue;
    snapshot_.note_claim_event(claim->id, now.at);
    if (EXTVOLD_FORBIDS(evidence_voided_by_claim, claim->liveness == Liveness::dead && claim->volume))
      void_evidence(*snapshot_.volume(claim->volume), claim->host, /*keep_fenced=*/true,
                    "its executor was started again");
  }
}

// Whether nobody had heard of it.
bool Engine::know_executor(const NameOnAgent& name, Now now) {
  const auto& [framework, executor, agent] = name;
  return known_executors_[agent].insert_or_assign(hash_of(framework, executor), now.at).second;
}

bool Engine::is_known_executor(const NameOnAgent& name) const {
  const auto& [framework, executor, agent] = name;
  const auto known = known_executors_.find(agent);
  return known != known_executors_.end() && known->second.contains(hash_of(framework, executor));
}

// Who was heard of before its agent was asked, and is not in its own list, is not there any more.
void Engine::forget_executors(const AgentApiRead& read) {
  const auto known = known_executors_.find(read.expected);
  if (known == known_executors_.end()) return;
  std::set<std::size_t> listed;
  for (const ExecutorRecord& one : read.executors) listed.insert(hash_of(one.framework, one.executor.value));
  std::erase_if(known->second, [&](const auto& one) {
    return one.second < read.first_sent_at && !listed.contains(one.first);
  });
}

// Its executor is as new as the task if none of that name can have been there before.
void Engine::note_launched(const TaskRecord& task) {
  const NameOnAgent name{task.framework, task.executor.empty() ? task.task.value : task.executor.value,
                         task.agent};
  const AgentView* agent = observed_.agent(task.agent);
  const bool may_be_older =
      agent == nullptr || !agent->complete() || is_known_executor(name) || launched_executors_.contains(name);
  if (may_be_older && !gone_executors_.contains(name)) return;
  launched_executors_.erase(name);
  launched_executors_.insert(name, snapshot_.sequence.value + 1);
}

// The commit that told of it as new. 0: it may have run before this view, or nobody knows.
std::int64_t Engine::executor_began(const NameOnAgent& name) const {
  const std::int64_t* began = launched_executors_.find(name);
  return began == nullptr ? 0 : *began;
}

void Engine::put_task(const TaskRecord& task) {
  TaskRow row;
  row.framework = task.framework;
  row.task = task.task;
  row.agent = task.agent;
  row.executor = task.executor;
  row.name = task.name;
  row.state = task.state;
  if (task.last_status) {
    row.source = task.last_status->source;
    row.reason = task.last_status->reason;
    row.container = root_container(*task.last_status);
  }
  row.view_epoch = snapshot_.view.epoch;
  // Outside of a snapshot, whose lists may hold one task id several times, this is the newest word of the
  // task on that agent; the row alone leaves what is alive as it is.
  const bool newest = is_terminal(task.state) && snapshot_whole_;
  changes_.emplace_back(row);
  if (newest) {
    changes_.emplace_back(TaskStateChange{row.framework, row.task, row.agent, row.state, row.source,
                                          row.reason, row.container});
  }
}

// A persistent volume on an agent's own disk is nobody's here, unless the configuration maps it.
bool Engine::concerns_us(const VolumeReference& reference) const {
  return reference.spelling != ReferenceSpelling::persistent_volume ||
         reference.driver != kPlainPersistentVolume || policy_.driver(kPlainPersistentVolume) != nullptr;
}

void Engine::see_task_claims(const TaskRecord& task, bool launched, Now now) {
  for (const VolumeReference& reference : task.volumes) {
    if (!concerns_us(reference)) continue;
    // Persistent volumes are mounted in the executor's container, also those of a pod's tasks
    // (reference 4.3).
    const bool of_executor =
        reference.spelling == ReferenceSpelling::persistent_volume && !task.executor.empty();
    Claim claim;
    claim.kind = of_executor ? ClaimKind::executor : ClaimKind::task;
    claim.agent = task.agent;
    claim.framework = task.framework;
    if (!of_executor) claim.task = task.task;
    claim.executor = task.executor;
    claim.containerizer = task.containerizer;
    claim.reference = reference;
    claim.task_state = task.state;
    if (of_executor) {
      claim.began_sequence = executor_began({task.framework, task.executor.value, task.agent});
    } else if (launched) {
      claim.began_sequence = snapshot_.sequence.value + 1;
    }
    if (task.last_status) claim.container = root_container(*task.last_status);
    // Its agent may have listed the executor that it generated for this task before the master told of the
    // task.
    std::vector<ClaimId> doubled;
    if (task.executor.empty()) {
      for (const Claim* one : snapshot_.claims_of_task(task.framework, TaskId{})) {
        if (one->kind == ClaimKind::executor && one->executor.value == task.task.value &&
            one->agent == task.agent && one->reference.driver == reference.driver &&
            one->reference.name == reference.name)
          doubled.push_back(one->id);
      }
    }
    see_claim(std::move(claim), now);
    for (ClaimId id : doubled) change(DropClaim{id});
  }
}

// Whether a claim that does not live for sure would protect anything: its volume is, or may be, where it is,
// and nothing proves that nobody there can use it; no such proof stands against who was heard of.
bool Engine::may_protect(const Claim& claim, bool heard_of) const {
  const VolumeEntry* entry = snapshot_.volume(claim.volume);
  if (entry == nullptr) return claim.unresolved != Unresolved::no_such_volume;
  const auto permits = [](const Evidence& evidence) { return permits_attach_elsewhere(evidence.kind); };
  return std::any_of(entry->attachments.begin(), entry->attachments.end(), [&](const Attachment& one) {
    return one.state != AttachmentState::detached && (one.host == claim.host || !claim.host) &&
           (heard_of || evidence_for(*entry, one, permits) == nullptr);
  });
}

const Claim* Engine::known_claim(const Claim& claim) const {
  const Claim* known = nullptr;
  for (const Claim* one : snapshot_.claims_of_task(claim.framework, claim.task)) {
    if (one->agent == claim.agent && one->kind == claim.kind && one->executor == claim.executor &&
        one->reference == claim.reference)
      known = one;
  }
  return known;
}

// A claim that Mesos says is alive, or cannot tell about: a new one, or one that came back. An agent that is
// unreachable was not heard of: its tasks' claims reopen nothing, void nothing, and are taken up only to
// protect what is attached there.
void Engine::see_claim(Claim claim, Now now) {
  const Claim* known = known_claim(claim);
  const Verdict verdict =
      judge(known == nullptr ? claim : *known, {.said = Said::task_listed, .state = claim.task_state});
  if (known == nullptr) {
    known = new_claim(std::move(claim), verdict, verdict.liveness == Liveness::live);
    if (known == nullptr) return;
  } else {
    if (known->liveness == Liveness::dead && verdict.liveness != Liveness::live) return;
    move_claim(*known, claim.task_state, verdict, claim.container, now);
  }
  snapshot_.note_claim_event(known->id, now.at);
  if (!snapshot_whole_ && subscribed_) {
    snapshot_.note_claim_listed(known->id, true);
  }
  touch(known->volume);
}

// None: it would protect nothing.
const Claim* Engine::new_claim(Claim claim, const Verdict& verdict, bool heard_of) {
  resolve(claim);
  if (const Agent* agent = snapshot_.agent(claim.agent)) claim.host = agent->host;
  if (verdict.liveness != Liveness::live && !may_protect(claim, heard_of)) return nullptr;
  claim.id = {snapshot_.counters.next_claim++};
  counters_used_ = true;
  claim.wanted = verdict.wanted;
  claim.liveness = verdict.liveness;
  claim.liveness_why = verdict.why;
  claim.first_seen_sequence = snapshot_.sequence.value + 1;
  const ClaimId id = claim.id;
  change(std::move(claim));
  const Claim* known = snapshot_.claim(id);
  if (!known->volume) return known;
  history({.kind = "claim.seen",
           .volume = known->volume,
           .host = known->host,
           .framework = known->framework,
           .task = known->task,
           .claim = id,
           .rule = "claim.seen",
           .text = fmt::format("{} {} names volume {} \"{}\"", claim_text(snapshot_, *known),
                               to_text(known->task_state), known->reference.driver, known->reference.name)});
  if (EXTVOLD_FORBIDS(evidence_voided_by_claim, known->host && heard_of))
    void_evidence(*snapshot_.volume(known->volume), known->host, /*keep_fenced=*/true,
                  "a newer claim was seen there");
  return known;
}

// A task of an executor runs in that one's container, whatever it says of its own.
bool Engine::runs_under_mesos(const Claim& claim) const {
  if (claim.containerizer != Containerizer::mesos) return false;
  return claim.executor.empty() ||
         mesos_executors_.contains({claim.framework, claim.executor.value, claim.agent});
}

void Engine::on(TaskUpdated& event, Now now) {
  const TaskStatus& status = event.status;
  if (event.state == TaskState::task_running) ++tasks_began_running_;
  const ContainerId& root = root_container(status);
  std::vector<const Claim*> claims = claims_following(event.framework, event.task, status.agent);
  if (is_terminal(event.state)) {
    // Also without a claim: a volume in DVDI variables is named by nobody but its executor, which lingers.
    const AgentId agent = status.agent.empty() && !claims.empty() ? claims.front()->agent : status.agent;
    if (!agent.empty()) ended_tasks_.insert({event.framework, event.task.value, agent});
  } else {  // that its executor lives says the agent, or nobody
    note_back(event.framework, event.task, status.agent);
    std::erase_if(claims, [](const Claim* claim) { return claim->kind == ClaimKind::executor; });
  }
  for (const Claim* claim : claims) {
    const Saying saying = saying_of(event.state, status, *claim, runs_under_mesos(*claim));
    const Verdict verdict = judge(*claim, saying, status.reason);
    snapshot_.note_claim_event(claim->id, now.at);
    const auto driver = policy_.driver(claim->reference.driver);
    if (!verdict.wanted && !verdict.evidence && status.source == StatusSource::source_executor &&
        driver != nullptr && driver->accept_executor_terminal_after) {
      assumptions_due_[claim->id] = now.at + *driver->accept_executor_terminal_after;
    }
    const ClaimId id = claim->id;
    move_claim(*claim, event.state, verdict, root, now);
    if (verdict.evidence) {
      if (const Claim* still = snapshot_.claim(id)) {
        prove_dead(
            *still, *verdict.evidence,
            fmt::format("{} by {} with {}", to_text(status.state), to_text(status.source), status.reason),
            /*assumption=*/false, now.wall, now);
      }
    }
  }
  ask_agent_about(event, claims.empty(), now);
  // No event tells of an agent that became unreachable or is gone, but the updates of its tasks do.
  if (status.unreachable_time_set || event.state == TaskState::task_unreachable ||
      event.state == TaskState::task_gone || event.state == TaskState::task_gone_by_operator)
    master_polls_[MasterCall::get_agents].wanted = true;
  TaskStateChange row;
  row.framework = std::move(event.framework);
  row.task = std::move(event.task);
  row.agent = status.agent;
  row.state = event.state;
  row.source = status.source;
  row.reason = status.reason;
  row.container = root;
  changes_.emplace_back(std::move(row));
}

// The agent's own answer is what proves an end, and where DVDI variables of a command task are named.
void Engine::ask_agent_about(const TaskUpdated& event, bool without_claim, Now now) {
  const AgentId& agent = event.status.agent;
  if (agent.empty()) return;
  if (is_terminal(event.state)) {
    bool asks = !without_claim;
    for (const Claim* claim : snapshot_.claims_of_agent(agent)) {
      asks =
          asks || (claim->kind == ClaimKind::executor && claim->framework == event.framework &&
                   (claim->executor == event.status.executor || claim->executor.value == event.task.value));
    }
    if (!asks) return;
    want_agent(agent, now.at);
  } else if (without_claim && event.state == TaskState::task_running) {
    want_agent_soon(agent, now);
  }
}

void Engine::on(ExecutorSeen& event, Now now) {
  const ExecutorRecord& executor = event.executor;
  const NameOnAgent name{executor.framework, executor.executor.value, executor.agent};
  know_executor(name, now);
  if (gone_executors_.contains(name)) return;
  see_executor_claims(executor, now);
}

void Engine::see_executor_claims(const ExecutorRecord& executor, Now now) {
  // It may be listed for a while yet when it is on its way out: its command task is over, or its framework
  // was removed. It brings nothing back, and stands for itself where the volume is attached.
  const auto framework = snapshot_.frameworks().find(executor.framework);
  const NameOnAgent name{executor.framework, executor.executor.value, executor.agent};
  if (executor.containerizer == Containerizer::mesos) {
    mesos_executors_.insert(name);
  } else {
    mesos_executors_.erase(name);
  }
  const bool leaving = (ended_tasks_.contains(name) && !asked_executors_.contains(name)) ||
                       (framework != snapshot_.frameworks().end() && framework->second.removed);
  for (const VolumeReference& reference : executor.volumes) {
    if (!concerns_us(reference)) continue;
    // A command task's generated executor repeats the task's own volumes.
    const std::vector<const Claim*> same_name =
        snapshot_.claims_of_task(executor.framework, TaskId(executor.executor.value));
    const bool repeated = std::any_of(same_name.begin(), same_name.end(), [&](const Claim* claim) {
      return claim->agent == executor.agent && claim->reference.driver == reference.driver &&
             claim->reference.name == reference.name;
    });
    if (repeated) continue;
    Claim claim;
    claim.kind = ClaimKind::executor;
    claim.agent = executor.agent;
    claim.framework = executor.framework;
    claim.executor = executor.executor;
    claim.containerizer = executor.containerizer;
    claim.reference = reference;
    claim.task_state = TaskState::task_running;
    claim.began_sequence = executor_began(name);
    if (!leaving) {
      see_claim(std::move(claim), now);
    } else if (known_claim(claim) == nullptr) {
      const Verdict verdict = judge(claim, {.said = Said::executor_listed});
      if (const Claim* seen = new_claim(std::move(claim), verdict, /*heard_of=*/true))
        snapshot_.note_claim_event(seen->id, now.at);
    }
  }
  for (const Claim* claim : snapshot_.claims_of_task(executor.framework, TaskId{})) {
    if (claim->kind == ClaimKind::executor && claim->executor == executor.executor &&
        claim->agent == executor.agent) {
      executors_of_poll_.insert(claim->id);
    }
  }
}

void Engine::resolve(Claim& claim) const {
  claim.volume = {};
  const VolumeReference& reference = claim.reference;
  if (reference.name.empty() || reference.driver.empty()) {
    claim.unresolved = Unresolved::not_understood;
    return;
  }
  const DriverMapping* driver = policy_.driver(reference.driver);
  if (driver == nullptr) {
    // A name without a driver goes to Docker's own, but only after every plugin was asked for it: if it is
    // one of ours, it may be ours.
    const bool any_plugins = reference.spelling == ReferenceSpelling::docker_parameter &&
                             reference.driver == kDockerDefaultDriver &&
                             snapshot_.volume_by_name(reference.name) != nullptr;
    claim.unresolved = any_plugins ? Unresolved::not_understood : Unresolved::unmapped_driver;
    return;
  }
  const VolumeEntry* entry = named_by(snapshot_, *driver, reference.name);
  if (entry == nullptr || entry->volume.pool.provider != driver->provider ||
      entry->volume.state == VolumeState::removing || entry->volume.state == VolumeState::removed) {
    claim.unresolved = Unresolved::no_such_volume;
    return;
  }
  claim.unresolved = Unresolved::none;
  claim.volume = entry->volume.id;
}

// A volume got this name, or what names mean changed (no name: all of them): claims that waited for it are
// resolved anew.
void Engine::resolve_again(std::string_view name, Now now) {
  std::vector<Claim> found;
  for (const Claim* claim : snapshot_.unresolved_claims()) {
    if (!name.empty() && claim->reference.name != name) continue;
    Claim again = *claim;
    resolve(again);
    if (again.volume && again.liveness == Liveness::dead) reopen(again);
    if (again.volume || again.unresolved != claim->unresolved) found.push_back(std::move(again));
  }
  for (Claim& claim : found) {
    touch(claim.volume);
    if (claim.volume) {
      history({.kind = "claim.resolved",
               .volume = claim.volume,
               .host = claim.host,
               .framework = claim.framework,
               .task = claim.task,
               .claim = claim.id,
               .rule = "resolve",
               .text = fmt::format("{} is resolved to it", claim_text(snapshot_, claim))});
    }
    const Instant heard = claim.last_event_at.value;
    const ClaimId id = claim.id;
    change(std::move(claim));
    snapshot_.note_claim_event(id, std::max(heard, now.at));
  }
}

// The volume is gone: what Mesos wants waits for another one of that name, and nothing else names it any
// more.
void Engine::unresolve_claims(const VolumeEntry& entry) {
  std::vector<Claim> claims;
  for (const Claim* claim : entry.claims) claims.push_back(*claim);
  for (Claim& claim : claims) {
    if (!is_of_mesos(claim.kind) || !claim.wanted) {
      change(DropClaim{claim.id});
      continue;
    }
    const Instant heard = claim.last_event_at.value;
    const ClaimId id = claim.id;
    resolve(claim);
    change(std::move(claim));
    snapshot_.note_claim_event(id, heard);
  }
}

}  // namespace extvold::reconcilers
