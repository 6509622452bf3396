// Intake: what Mesos says, taken into the snapshot. Facts and traps: Mesos 1.11 operator API, reference
// sections 2 and 3. Nothing here follows from silence: what is missing from a list becomes `unknown`, never
// gone.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

AgentSource source_of(ElementOrigin origin) {
  switch (origin) {
    case ElementOrigin::snapshot:
      return AgentSource::snapshot;
    case ElementOrigin::event:
      return AgentSource::event;
    case ElementOrigin::poll:
      return AgentSource::get_agents;
  }
  return AgentSource::none;
}

// In the list and not active, though nobody deactivated it: its connection broke (reference section 3).
AgentState state_of(const AgentSeen& seen) {
  if (seen.recovered) return AgentState::recovered;
  const bool away = !seen.agent.active && !seen.agent.deactivated;
  return away ? AgentState::disconnected : AgentState::registered;
}

}  // namespace

void Engine::on(SubscriptionOpened& event, Now now) {
  if (subscribed_) interrupt_view("another subscription took its place", now);
  subscribed_ = true;
  snapshot_whole_ = false;
  view_opened_at_ = now.at;
  observed_.leader_host = std::string(ip_of(event.master));
  MesosView view = snapshot_.view;
  ++view.epoch;
  view.master_id.clear();
  view.elected_time.clear();
  change(view);
  observed_.view_complete = false;
  observed_.view_incomplete_why = fmt::format("the snapshot of {} is not whole yet", event.master);
  agents_of_view_.clear();
  tasks_running_in_poll_ = 0;
  began_before_list_ = began_before_ask_ = tasks_began_running_;
  poll_sent_at_.clear();
  ended_tasks_.clear();
  asked_executors_.clear();
  gone_executors_.clear();
  known_executors_.clear();
  mesos_executors_.clear();
  windows_.clear();
  machines_.clear();
  for (auto& [call, poll] : master_polls_) poll = {};
  observed_.master_calls.clear();
  // Nothing in the stream says whose it is: the master is asked before its snapshot and after it.
  PollState& identity = master_polls_[MasterCall::get_master];
  identity.asked = true;
  identity.sent_at = now.at;
  effects_.emplace_back(PollMaster{MasterCall::get_master});
  history({.kind = "view.opened",
           .rule = "subscription",
           .text = fmt::format("subscribed to {}, epoch {}", event.master, view.epoch)});
}

void Engine::on(SubscriptionClosed& event, Now now) { interrupt_view(event.why, now); }

// No evidence but a fence survives an interruption of the view (DESIGN.md section 4).
void Engine::interrupt_view(const std::string& why, Now now) {
  const bool was_open = subscribed_;
  subscribed_ = false;
  snapshot_whole_ = false;
  observed_.view_complete = false;
  observed_.view_incomplete_why = fmt::format("not subscribed: {}", why);
  for (auto& [id, agent] : observed_.agents) {
    agent.registered = false;
    agent.registry_asked_at = {};
  }
  for (const auto& [id, entry] : snapshot_.volumes()) {
    if (EXTVOLD_PERMITS(evidence_voided_by_view, entry.evidence.empty() && entry.claims.empty())) continue;
    for (const Attachment& attachment : entry.attachments)
      void_evidence(entry, attachment.host, /*keep_fenced=*/true, "the Mesos view was interrupted");
    touch(id);
  }
  if (was_open) history({.kind = "view.closed", .rule = "subscription", .text = why});
  announced_wake_ = now.at;  // the next step says anew when to wake
}

void Engine::on(SnapshotBegan&, Now) {}

void Engine::on(SnapshotEnded&, Now now) {
  snapshot_whole_ = true;
  change(EndTasksOfView{snapshot_.view.epoch});
  forget_gone(/*absent_too=*/true);
  std::vector<Agent> absent;
  bool any_missing = false;
  for (const auto& [id, agent] : snapshot_.agents()) {
    if (agents_of_view_.contains(id)) continue;
    any_missing = any_missing || agent.state != AgentState::removed;
    // What the registry said before stands until it is asked again.
    if (is_listed(agent.state) || agent.state == AgentState::recovered) absent.push_back(agent);
  }
  for (Agent& agent : absent) {
    agent.state = AgentState::absent;
    agent.state_fact = {AgentSource::snapshot, now.wall};
    change(agent);
    doubt_orders_on(agent, now);
  }
  std::vector<const Claim*> missing;
  for (const auto& [id, claim] : snapshot_.claims()) {
    if (is_of_mesos(claim.kind) && claim.liveness != Liveness::dead &&
        claim.listed_in_view.value != snapshot_.view.epoch)
      missing.push_back(&claim);
  }
  for (const Claim* claim : missing) {
    if (claim->liveness == Liveness::unknown && claim->task_state == TaskState::task_unknown) continue;
    move_claim(*claim, TaskState::task_unknown, judge(*claim, {.said = Said::snapshot_ended}), {}, now);
  }
  tasks_running_seen_ = tasks_running_in_poll_;
  observed_.view_complete = authorisation_problem_.empty();
  observed_.view_incomplete_why = authorisation_problem_;
  for (MasterCall call : {MasterCall::get_master, MasterCall::metrics}) master_polls_[call].wanted = true;
  for (MasterCall call :
       {MasterCall::get_agents, MasterCall::get_tasks, MasterCall::get_executors, MasterCall::registry}) {
    master_polls_[call].not_before = next_master_poll(call, now);
  }
  master_polls_[MasterCall::registry].wanted = any_missing;
  master_polls_[MasterCall::get_maintenance_status].not_before = kNever;  // it follows the schedule
  history({.kind = "view.complete",
           .rule = "subscription",
           .text = fmt::format("snapshot of epoch {} is whole", snapshot_.view.epoch)});
  touch_all();
}

HostId Engine::host_named(const std::string& name) {
  if (const Host* host = snapshot_.host_by_name(name)) return host->id;
  Host host;
  host.id = {snapshot_.counters.next_host++};
  counters_used_ = true;
  host.name = name;
  change(host);
  return host.id;
}

void Engine::put_agent(const AgentSeen& seen, HostId host, Now now) {
  const AgentRecord& record = seen.agent;
  const AgentFact fact{source_of(seen.origin), now.wall};
  Agent row;
  row.id = record.agent;
  row.host = host;
  row.hostname = record.hostname;
  row.address = record.address;
  row.version = record.version;
  row.state = state_of(seen);
  row.active = record.active;
  row.deactivated = record.deactivated;
  row.drain_state = record.drain_state;
  row.resources_hash = record.resources_hash;
  for (const auto& [name, value] : record.attributes) row.attributes += fmt::format("{}:{}\n", name, value);
  const Agent* known = snapshot_.agent(record.agent);
  if (known == nullptr) {
    row.state_fact = fact;
    if (row.deactivated) row.deactivated_fact = fact;
    if (!row.drain_state.empty()) row.drain_fact = fact;
    set_maintenance(row, now);
  } else {
    // AgentInfo in recovered_agents has neither pid nor drain, and an event has no resources: what is not
    // said does not change.
    if (row.address.empty()) row.address = known->address;
    if (row.version.empty()) row.version = known->version;
    if (!seen.reservations) row.resources_hash = known->resources_hash;
    if (seen.recovered) {
      row.deactivated = known->deactivated;
      row.drain_state = known->drain_state;
    }
    row.state_fact = row.state == known->state ? known->state_fact : fact;
    row.deactivated_fact = row.deactivated == known->deactivated ? known->deactivated_fact : fact;
    row.drain_fact = row.drain_state == known->drain_state ? known->drain_fact : fact;
    row.maintenance = known->maintenance;
    row.maintenance_start = known->maintenance_start;
    row.maintenance_fact = known->maintenance_fact;
    if (*known == row) return;
  }
  change(std::move(row));
}

void Engine::put_reservations(const AgentId& agent, const std::vector<ReservationRecord>& reservations) {
  const auto known = snapshot_.reservations().find(agent);
  if (known == snapshot_.reservations().end() ? reservations.empty() : known->second == reservations) return;
  change(DropReservations{agent});
  for (const ReservationRecord& one : reservations) change(one);
}

void Engine::on(AgentSeen& event, Now now) {
  const AgentRecord& record = event.agent;
  if (event.origin == ElementOrigin::poll) {
    agents_of_poll_.insert(record.agent);
    const AgentView* view = observed_.agent(record.agent);
    const auto sent = poll_sent_at_.find(MasterCall::get_agents);
    if (view != nullptr && (sent == poll_sent_at_.end() || view->added_at >= sent->second ||
                            view->registry_asked_at >= sent->second))
      return;  // an event, or what the registry said, is newer than the answer
  }
  const HostId host = host_of_agent(event);
  const Agent* known = snapshot_.agent(record.agent);
  const HostId host_before = known == nullptr ? HostId{} : known->host;
  const bool host_is_new = known == nullptr || host_before != host;
  const bool came = !event.recovered && (known == nullptr || !is_listed(known->state));
  // The hash is recorded together with the reservations that it is of.
  const bool resources_known =
      known != nullptr && record.resources_hash != 0 && known->resources_hash == record.resources_hash;
  if (host_before && host_is_new) leave_host(record.agent, host_before, host, now);
  put_agent(event, host, now);
  if (event.reservations && !resources_known) put_reservations(record.agent, *event.reservations);
  AgentView& view = observed_.agents[record.agent];
  if (event.origin != ElementOrigin::poll || (!event.recovered && !view.registered)) view.added_at = now.at;
  view.registered = !event.recovered;
  view.registry_asked_at = {};
  agents_of_view_.insert(record.agent);
  if (event.origin == ElementOrigin::poll && !host_is_new && !came) return;
  if (!event.recovered) {
    want_agent(record.agent, now.at);  // completeness of its host
  }
  for (const Claim* claim : snapshot_.claims_of_agent(record.agent)) {
    if (!claim->volume) continue;
    if (EXTVOLD_FORBIDS(evidence_voided_by_claim, host_is_new && claim->liveness == Liveness::live)) {
      void_evidence(*snapshot_.volume(claim->volume), host, /*keep_fenced=*/true,
                    "a newer claim was seen there");
    }
    touch(claim->volume);
  }
  if (!came && !host_is_new) return;
  // Who waits for another agent of its host, which may be lost, waits for this one instead.
  for (const Agent* one : snapshot_.agents_of_host(host)) touch_askers(one->id);
}

// Neither this event nor its absence says anything about processes: agents unregister before they kill their
// executors.
void Engine::on(AgentRemoved& event, Now now) {
  const Agent* known = snapshot_.agent(event.agent);
  if (known != nullptr) {
    Agent row = *known;
    row.state = AgentState::removed;
    row.state_fact = {AgentSource::event, now.wall};
    change(row);
  }
  AgentView& view = observed_.agents[event.agent];
  view.registered = false;
  view.registry_asked_at = {};
  view.added_at = now.at;
  for (const Claim* claim : snapshot_.claims_of_agent(event.agent)) touch(claim->volume);
}

void Engine::on(FrameworkSeen& event, Now) {
  Framework row;
  row.id = event.framework.framework;
  row.name = event.framework.name;
  row.principal = event.framework.principal;
  row.active = event.framework.active;
  row.connected = event.framework.connected;
  row.checkpoint = event.framework.checkpoint;
  row.removed = event.completed;
  const auto known = snapshot_.frameworks().find(row.id);
  if (known == snapshot_.frameworks().end() || !(known->second == row)) change(row);
}

// The kill has not even been sent yet; its tasks' own updates came before this, and nothing ever tells of its
// executors.
void Engine::on(FrameworkRemoved& event, Now now) {
  for (const Claim* claim : snapshot_.claims_of_task(event.framework, TaskId{})) {
    if (claim->kind != ClaimKind::executor) continue;
    move_claim(*claim, claim->task_state, judge(*claim, {.said = Said::framework_removed}), {}, now);
    snapshot_.note_claim_event(claim->id, now.at);
  }
  const auto known = snapshot_.frameworks().find(event.framework);
  if (known == snapshot_.frameworks().end()) return;
  Framework row = known->second;
  row.removed = true;
  change(row);
}

void Engine::on(PollBegan& event, Now) {
  poll_sent_at_[event.call] = event.sent_at;
  if (event.call == MasterCall::get_agents) agents_of_poll_.clear();
  if (event.call == MasterCall::get_executors) executors_of_poll_.clear();
  if (event.call == MasterCall::get_tasks) {
    tasks_running_in_poll_ = 0;
    tasks_of_poll_.clear();
  }
  if (event.call == MasterCall::registry) registry_of_poll_.clear();
  if (event.call == MasterCall::get_maintenance_schedule) windows_of_poll_.clear();
  if (event.call == MasterCall::get_maintenance_status) machines_of_poll_.clear();
}

void Engine::on(PollEnded& event, Now now) {
  PollState& poll = master_polls_[event.call];
  poll.asked = false;
  poll.backoff = {};
  poll.not_before = next_master_poll(event.call, now);
  note_master_call(event.call, {}, now);
  if (event.call == MasterCall::get_agents) {
    forget_gone(/*absent_too=*/false);
    end_absent_agents(event.sent_at, now);
  }
  if (event.call == MasterCall::get_executors) end_absent_executors(event.sent_at, now);
  if (event.call == MasterCall::get_tasks) {
    tasks_running_seen_ = tasks_running_in_poll_;
    began_before_list_ = began_before_ask_;
    master_polls_[MasterCall::metrics].wanted = true;
    doubt_absent_tasks(event.sent_at, now);
  }
  if (event.call == MasterCall::registry) settle_registry(event.sent_at, now);
  if (event.call == MasterCall::get_maintenance_schedule) {
    windows_ = std::move(windows_of_poll_);
    windows_of_poll_.clear();
    master_polls_[MasterCall::get_maintenance_status].not_before = now.at;
  }
  if (event.call == MasterCall::get_maintenance_status) {
    machines_ = std::move(machines_of_poll_);
    machines_of_poll_.clear();
    poll.not_before = kNever;  // until the schedule is read again
    settle_maintenance(now);
  }
  settle_mesos_operations(event.call, event.sent_at, now);
}

void Engine::on(PollFailed& event, Now now) {
  PollState& poll = master_polls_[event.call];
  poll.asked = false;
  note_master_call(event.call, event.why, now);
  // 1 s, 2 s, 4 s, ...: to the master even a refusal may be work, and half a list is as much as a whole one.
  const int doublings = std::min(observed_.master_calls[event.call].failures - 1, 16);
  poll.backoff = std::min(seconds(1) * (std::int64_t{1} << doublings), interval_of(event.call));
  poll.not_before = now.at + poll.backoff;
  // The one is no reason not to ask for the other.
  if (event.call == MasterCall::get_maintenance_schedule)
    master_polls_[MasterCall::get_maintenance_status].not_before = now.at;
  if (event.call == MasterCall::metrics)
    judge_self_check(fmt::format("whether the principal may see everything cannot be checked: {}", event.why),
                     now);
}

// Maintenance is planned by people, and nothing follows from it here. The counts are asked for after each
// list of tasks, and by themselves if none comes.
Duration Engine::interval_of(MasterCall call) const {
  if (call == MasterCall::metrics) return policy_.master_poll + Duration{policy_.master_poll.ns / 2};
  const bool seldom =
      call == MasterCall::get_maintenance_schedule || call == MasterCall::get_maintenance_status;
  return seldom ? policy_.master_poll * 5 : policy_.master_poll;
}

// An interval from now, less up to a tenth of it, so that daemons that were started together do not go on
// asking together. The ledger's id makes them differ: the engine has no source of randomness.
Instant Engine::next_master_poll(MasterCall call, Now now) const {
  std::uint64_t mix = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&](std::string_view bytes) {
    for (const char c : bytes) mix = (mix ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  add(snapshot_.ledger.id);
  add(to_text(call));
  add(fmt::format("{}", now.at.ns));
  const std::int64_t interval = interval_of(call).ns;
  const auto spread = static_cast<std::uint64_t>(std::max<std::int64_t>(interval / 10, 1));
  return now.at + Duration{interval - static_cast<std::int64_t>(mix % spread)};
}

// A failure may pass; the second in a row is worth an operator's look.
void Engine::note_master_call(MasterCall call, const std::string& error, Now now) {
  MasterCallView& view = observed_.master_calls[call];
  constexpr int kLasting = 2;
  if (error.empty()) {
    if (view.failures >= kLasting) {
      history({.kind = "view.call_answered",
               .rule = "poll",
               .text = fmt::format("{} is answered again", to_text(call))});
    }
    view.answered_at = now.at;
    view.failures = 0;
  } else {
    view.failed_at = now.at;
    if (++view.failures == kLasting) history({.kind = "view.call_failing", .rule = "poll", .text = error});
  }
  view.error = error;
}

// Agents and frameworks that Mesos removed, once no claim needs them, and agents that were marked gone. An
// absent or unreachable agent may come back with its id; one that another whole snapshot does not list either
// is taken up anew if it does.
void Engine::forget_gone(bool absent_too) {
  std::vector<AgentId> agents;
  for (const auto& [id, agent] : snapshot_.agents()) {
    const bool missing = agent.state == AgentState::absent;  // not unreachable: the registry remembers it
    const bool gone = agent.state == AgentState::removed || agent.state == AgentState::gone;
    const bool needed = !snapshot_.claims_of_agent(id).empty() || snapshot_.mesos_operations().contains(id);
    if ((gone || (absent_too && missing)) && !needed) agents.push_back(id);
  }
  if (!agents.empty()) {
    // What a lost agent runs nobody tells: that it was there is remembered until another takes its place.
    std::set<HostId> lost;
    for (const auto& [id, entry] : snapshot_.volumes()) {
      for (const Attachment& one : entry.attachments) {
        if (one.state != AttachmentState::detached) lost.insert(one.host);
      }
    }
    for (const auto& [id, agent] : snapshot_.agents()) {
      if (is_listed(agent.state) || agent.state == AgentState::recovered) lost.erase(agent.host);
    }
    std::erase_if(agents, [&](const AgentId& id) { return lost.contains(snapshot_.agent(id)->host); });
  }
  for (const AgentId& id : agents) {
    put_reservations(id, {});
    observed_.agents.erase(id);
    known_executors_.erase(id);
    change(DropAgent{id});
  }
  std::set<FrameworkId> frameworks;
  for (const auto& [id, framework] : snapshot_.frameworks()) {
    if (framework.removed) frameworks.insert(id);
  }
  if (frameworks.empty()) return;
  for (const auto& [id, claim] : snapshot_.claims()) frameworks.erase(claim.framework);
  for (const FrameworkId& id : frameworks) change(DropFramework{id});
}

// Unreachable and gone agents vanish from the list without any event (reference section 0).
void Engine::end_absent_agents(Instant asked_at, Now now) {
  std::vector<Agent> absent;
  for (const auto& [id, agent] : snapshot_.agents()) {
    const bool listed = is_listed(agent.state) || agent.state == AgentState::recovered;
    if (!listed || agents_of_poll_.contains(id)) continue;
    if (const AgentView* view = observed_.agent(id); view != nullptr && view->added_at >= asked_at) continue;
    absent.push_back(agent);
  }
  // Why, only the registry says; one that is asked for already is asked after this list.
  PollState& registry = master_polls_[MasterCall::registry];
  if (!absent.empty() && !registry.asked) registry.wanted = true;
  for (Agent& agent : absent) {
    agent.state = AgentState::absent;
    agent.state_fact = {AgentSource::get_agents, now.wall};
    observed_.agents[agent.id].registered = false;
    for (const Claim* claim : snapshot_.claims_of_agent(agent.id)) touch(claim->volume);
    change(std::move(agent));
  }
}

void Engine::end_absent_executors(Instant asked_at, Now now) {
  std::vector<const Claim*> over;
  for (const auto& [id, claim] : snapshot_.claims()) {
    if (claim.kind != ClaimKind::executor || !claim.wanted || executors_of_poll_.contains(id)) continue;
    if (claim.last_event_at.value >= asked_at) continue;
    // The master does not list the executors that agents generate for command tasks; the agent does.
    const Agent* agent = snapshot_.agent(claim.agent);
    if (agent != nullptr && is_listed(agent->state)) continue;
    over.push_back(&claim);
  }
  for (const Claim* claim : over) {
    move_claim(*claim, claim->task_state, judge(*claim, {.said = Said::executors_polled}), {}, now);
  }
}

// What lives by the last word of it, and is in no list any more, twice in a row: its end was never told, and
// the master, which keeps only so many that ended, has forgotten it. Its agent is asked.
void Engine::doubt_absent_tasks(Instant asked_at, Now now) {
  const std::set<ClaimId> before = std::move(absent_tasks_);
  absent_tasks_.clear();
  std::vector<const Claim*> forgotten;
  for (const auto& [id, claim] : snapshot_.claims()) {
    if (claim.kind != ClaimKind::task || claim.liveness != Liveness::live ||
        claim.last_event_at.value >= asked_at || tasks_of_poll_.contains(id))
      continue;
    absent_tasks_.insert(id);
    if (before.contains(id)) forgotten.push_back(&claim);
  }
  for (const Claim* claim : forgotten) {
    move_claim(*claim, claim->task_state, judge(*claim, {.said = Said::tasks_polled}), {}, now);
    want_agent_soon(claim->agent, now);
  }
}

void Engine::on(MasterSeen& event, Now now) {
  PollState& poll = master_polls_[MasterCall::get_master];
  poll.asked = false;
  poll.backoff = {};
  poll.not_before = next_master_poll(MasterCall::get_master, now);
  note_master_call(MasterCall::get_master, {}, now);
  MesosView view = snapshot_.view;
  const bool another = !view.master_id.empty() &&
                       (view.master_id != event.master_id || view.elected_time != event.elected_time);
  if (EXTVOLD_FORBIDS(view_same_master, subscribed_ && another)) {
    const std::string why = fmt::format(
        "another master answers there ({}, elected {}) than when the stream "
        "was opened ({}, elected {})",
        event.master_id, event.elected_time, view.master_id, view.elected_time);
    interrupt_view(why, now);
    effects_.emplace_back(Resubscribe{why});
    return;
  }
  view.master_id = event.master_id;
  view.elected_time = event.elected_time;
  view.master_version = event.version;
  if (!(view == snapshot_.view)) change(view);
}

void Engine::on(MasterMetricsSeen& event, Now now) {
  PollState& poll = master_polls_[MasterCall::metrics];
  poll.asked = false;
  poll.backoff = {};
  poll.not_before = next_master_poll(MasterCall::metrics, now);
  note_master_call(MasterCall::metrics, {}, now);
  // A principal that may not see tasks gets a healthy, empty world.
  const std::int64_t told = event.tasks_running;
  // What began to run between the list and the count, the stream tells.
  const std::int64_t since = tasks_began_running_ - began_before_list_;
  const bool hidden = tasks_running_seen_ >= 0 && told > tasks_running_seen_ + since;
  std::string problem;
  if (told < 0) {
    problem =
        "whether the principal may see everything cannot be checked: the master's metrics have no count of "
        "running tasks (master/tasks_running)";
  } else if (hidden) {
    problem = fmt::format(
        "the master counts {} running tasks but shows {}: the principal may not see them all (VIEW_TASK, "
        "VIEW_FRAMEWORK)",
        told, tasks_running_seen_ + since);
  }
  judge_self_check(problem, now);
  if (authorisation_misses_ != 1) return;
  master_polls_[MasterCall::get_tasks].wanted = true;
  poll.not_before = now.at + policy_.master_poll_min + seconds(2);
}

// The stream may lag behind the count, and a call may fail: one miss is tolerated. A check that
// cannot be made has not been passed.
void Engine::judge_self_check(const std::string& problem, Now now) {
  authorisation_misses_ = problem.empty() ? 0 : authorisation_misses_ + 1;
  const std::string standing =
      EXTVOLD_PERMITS(view_self_check, authorisation_misses_ < 2) ? std::string() : problem;
  if (standing == authorisation_problem_) return;
  const bool news = standing.empty() != authorisation_problem_.empty();
  authorisation_problem_ = standing;
  observed_.view_complete = snapshot_whole_ && standing.empty();
  if (snapshot_whole_) observed_.view_incomplete_why = standing;
  if (!news) return;
  history({.kind = "view.authorisation",
           .rule = "self_check",
           .text = standing.empty() ? "the self-check is passed again" : standing});
  touch_all();
  if (!EXTVOLD_FORBIDS(view_had_holes, standing.empty() && subscribed_)) return;
  // What was launched meanwhile nobody told, and no list is asked for it.
  const std::string why = "not all of it was shown until now";
  interrupt_view(why, now);
  effects_.emplace_back(Resubscribe{why});
}

void Engine::on(AgentApiRead& event, Now now) {
  end_agent_read(event.expected, now);
  // A round of a view that is gone, or that began before this one, proves nothing in it.
  if (!subscribed_ || !snapshot_whole_) return;
  if (EXTVOLD_FORBIDS(gone_of_this_view, event.first_sent_at <= view_opened_at_)) return;
  const bool itself = EXTVOLD_PERMITS(
      gone_itself, event.first_answer == event.expected && event.second_answer == event.expected);
  AgentView& view = observed_.agents[event.expected];
  view.api_error =
      itself ? std::string()
             : fmt::format("{} answered as agent \"{}\", then as \"{}\", and not both times as \"{}\"",
                           event.address, event.first_answer.value, event.second_answer.value,
                           event.expected.value);
  if (!itself) {
    // It registered just now, or is another one: the completeness of its host waits for its own answer.
    PollState& poll = agent_polls_[event.expected];
    poll.wanted = view.registered;
    queue_agent(event.expected, poll);
  } else {
    view.api_read_sent_at = event.first_sent_at;
    view.destroy_errors = event.container_destroy_errors.value_or(0);
    forget_executors(event);
    for (ExecutorRecord executor : event.executors) {
      executor.agent = event.expected;
      const NameOnAgent name{executor.framework, executor.executor.value, executor.agent};
      know_executor(name, now);
      gone_executors_.erase(name);
      see_executor_claims(executor, now);
    }
    judge_agent_read(event, now);
    replace_synthetic(event.expected);
  }
  touch_askers(event.expected);
  for (const Claim* claim : snapshot_.claims_of_agent(event.expected)) touch(claim->volume);
}

void Engine::on(AgentApiFailed& event, Now now) {
  AgentView& view = observed_.agents[event.agent];
  PollState& poll = end_agent_read(event.agent, now);
  if (view.registered) poll.wanted = true;  // else when a claim asks for it
  queue_agent(event.agent, poll);
  if (view.api_error == event.why) return;
  view.api_error = event.why;
  touch_askers(event.agent);
  for (const Claim* claim : snapshot_.claims_of_agent(event.agent)) touch(claim->volume);
}

void Engine::on(UnknownSkipped&, Now) { ++counts_.unknown_skipped; }

}  // namespace extvold::reconcilers
