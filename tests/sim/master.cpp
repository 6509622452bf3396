#include "tests/sim/master.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {
namespace {

constexpr std::size_t kEndedTasksKept = 200;

TaskStatus by_master(const TaskRecord& task, TaskState state, std::string_view reason,
                     bool unreachable_time) {
  TaskStatus out;
  out.state = state;
  out.source = StatusSource::source_master;
  out.reason = reason;
  out.agent = task.agent;
  out.executor = task.executor.empty() ? ExecutorId(task.task.value) : task.executor;
  out.unreachable_time_set = unreachable_time;
  return out;
}

}  // namespace

Master::Master(World& world) : world_(world), random_(world.config.seed, "master"), id_("master-1") {
  add_framework(FrameworkId("F1"));
}

void Master::add_framework(const FrameworkId& framework) {
  FrameworkRecord& record = frameworks_[framework.value.str()];
  record.framework = framework;
  record.name = "marathon-" + framework.value.str();
  record.checkpoint = true;
  emit(FrameworkSeen{record, ElementOrigin::event, false});
}

// ---- events

void Master::emit(MesosEvent event) {
  for (Stream& stream : streams_) {
    std::vector<MesosEvent> events;
    events.push_back(event);
    const bool slow = world_.strikes(Fault::stream_delay, random_);
    deliver(stream, std::move(events),
            slow ? random_.between(milliseconds(100), seconds(20))
                 : random_.between(milliseconds(1), milliseconds(50)));
  }
}

// In the order in which it was said, on one connection.
void Master::deliver(Stream& stream, std::vector<MesosEvent> events, Duration delay) {
  const Instant when = std::max(stream.last + Duration{1}, world_.time.now() + delay);
  stream.last = when;
  auto held = std::make_shared<std::vector<MesosEvent>>(std::move(events));
  world_.time.at(when, [daemon = stream.daemon, number = stream.number, held] {
    daemon->stream_said(number, std::move(*held));
  });
}

bool Master::subscribe(Daemon& daemon) {
  if (!up_) return false;
  unsubscribe(daemon);
  streams_.push_back({&daemon, daemon.stream_number(), {}});
  Stream& stream = streams_.back();
  std::vector<MesosEvent> events = snapshot();
  const bool slow = world_.strikes(Fault::stream_delay, random_);
  // The second half may come later.
  std::vector<MesosEvent> rest(events.begin() + static_cast<std::ptrdiff_t>(events.size() / 2), events.end());
  events.resize(events.size() / 2);
  deliver(stream, std::move(events), random_.between(milliseconds(2), milliseconds(300)));
  deliver(stream, std::move(rest), slow ? random_.between(seconds(1), seconds(30)) : milliseconds(5));
  return true;
}

void Master::unsubscribe(const Daemon& daemon) {
  std::erase_if(streams_, [&](const Stream& one) { return one.daemon == &daemon; });
}

void Master::cut_streams(const std::string& why) {
  if (!streams_.empty()) world_.probes.hit(Probe::stream_was_cut);
  for (const Stream& stream : std::vector<Stream>(streams_)) stream.daemon->stream_closed(why);
  streams_.clear();
}

AgentSeen Master::seen(const KnownAgent& agent, ElementOrigin origin) const {
  AgentSeen out;
  out.agent = agent.record;
  out.origin = origin;
  out.agent.active = agent.standing == Standing::registered;
  if (agent.standing == Standing::recovered) {
    out.recovered = true;
    out.agent.address.clear();
    out.agent.version.clear();
  }
  return out;
}

std::vector<MesosEvent> Master::snapshot() const {
  std::vector<MesosEvent> out = {SnapshotBegan{}};
  for (const auto& [id, task] : tasks_) {
    if (visible(task)) out.emplace_back(TaskSeen{task.record, ElementOrigin::snapshot, task.list});
  }
  for (const auto& [key, executor] : executors_) {
    if (!hiding_) out.emplace_back(ExecutorSeen{executor, ElementOrigin::snapshot});
  }
  for (const auto& [id, framework] : frameworks_)
    out.emplace_back(FrameworkSeen{framework, ElementOrigin::snapshot, false});
  bool thin = false;
  for (const auto& [id, agent] : agents_) {
    thin = thin || agent.standing == Standing::recovered;
    if (agent.standing == Standing::registered || agent.standing == Standing::disconnected ||
        agent.standing == Standing::recovered)
      out.emplace_back(seen(agent, ElementOrigin::snapshot));
  }
  if (thin) world_.probes.hit(Probe::snapshot_was_thin);
  out.emplace_back(SnapshotEnded{});
  return out;
}

std::vector<MesosEvent> Master::answer(MasterCall call, Instant sent_at) const {
  std::vector<MesosEvent> out = {PollBegan{call, sent_at}};
  switch (call) {
    case MasterCall::get_master:
      return {MasterSeen{id_, fmt::format("{}", elections_), "1.11.0"}};
    case MasterCall::metrics: {
      MasterMetricsSeen metrics{0, 0};
      for (const auto& [id, task] :
           tasks_) {  // of frameworks' own lists, not of what ended or is out of reach
        const bool runs = task.record.state == TaskState::task_running && task.list == TaskList::tasks;
        metrics.tasks_running += runs ? 1 : 0;
      }
      for (const auto& [id, agent] : agents_)
        metrics.agents_active += agent.standing == Standing::registered ? 1 : 0;
      return {metrics};
    }
    case MasterCall::get_tasks:
      for (const TaskList list : {TaskList::tasks, TaskList::unreachable_tasks, TaskList::completed_tasks}) {
        for (const auto& [id, task] : tasks_) {
          if (task.list == list && visible(task))
            out.emplace_back(TaskSeen{task.record, ElementOrigin::poll, list});
        }
      }
      break;
    case MasterCall::get_agents:
      for (const auto& [id, agent] : agents_) {
        if (agent.standing == Standing::registered || agent.standing == Standing::disconnected ||
            agent.standing == Standing::recovered)
          out.emplace_back(seen(agent, ElementOrigin::poll));
      }
      break;
    case MasterCall::get_executors:
      for (const auto& [key, executor] : executors_) {
        if (!hiding_) out.emplace_back(ExecutorSeen{executor, ElementOrigin::poll});
      }
      break;
    case MasterCall::registry:
      for (const auto& [id, agent] : agents_) {
        if (agent.standing != Standing::unreachable && agent.standing != Standing::gone) continue;
        out.emplace_back(RegistryAgentSeen{
            agent.record.agent,
            agent.standing == Standing::gone ? RegistryList::gone : RegistryList::unreachable,
            {1'700'000'000'000'000'000 + agent.since.ns}});
      }
      break;
    case MasterCall::get_maintenance_schedule:
    case MasterCall::get_maintenance_status:
      break;
  }
  out.emplace_back(PollEnded{call, sent_at});
  return out;
}

// ---- agents

bool Master::knows(const AgentId& agent) const {
  const auto found = agents_.find(agent.value.str());
  return found != agents_.end() &&
         (found->second.standing == Standing::registered || found->second.standing == Standing::disconnected);
}

bool Master::is_gone(const AgentId& agent) const {
  const auto found = agents_.find(agent.value.str());
  return found != agents_.end() && found->second.standing == Standing::gone;
}

const KnownAgent* Master::agent(const AgentId& id) const {
  const auto found = agents_.find(id.value.str());
  return found == agents_.end() ? nullptr : &found->second;
}

std::vector<AgentId> Master::agents() const {
  std::vector<AgentId> out;
  for (const auto& [id, agent] : agents_) {
    if (agent.standing == Standing::registered) out.push_back(agent.record.agent);
  }
  return out;
}

// One that was still registered comes back without a word to the subscribers. Of the others, tasks come
// before their agent (reference 2.5).
void Master::register_agent(const Report& report) {
  const std::string id = report.agent.agent.value.str();
  // A new one at the address of one that is disconnected takes its place.
  for (const auto& [other, known] : std::map<std::string, KnownAgent>(agents_)) {
    if (other != id && known.standing == Standing::disconnected &&
        known.record.address == report.agent.address) {
      agent_unregisters(known.record.agent);
    }
  }
  const auto before = agents_.find(id);
  const bool was_here = knows(report.agent.agent);
  if (before != agents_.end() && before->second.standing == Standing::unreachable)
    world_.probes.hit(Probe::agent_returned_from_unreachable);
  world_.note("master.registers", id, was_here);
  agents_[id] = {report.agent, report.host, Standing::registered, world_.time.now()};
  for (const ExecutorRecord& one : report.executors) executors_[{one.executor.value, id}] = one;
  for (const TaskRecord& task : report.tasks) {
    const auto known = tasks_.find(task.task.value);
    if (was_here && known != tasks_.end()) {
      if (known->second.record.state != task.state && task.last_status)
        set_state(known->second, *task.last_status, false);
      continue;
    }
    KnownTask& row = tasks_[task.task.value];
    row.record = task;
    row.list = TaskList::tasks;
    if (!is_terminal(task.state) || random_.chance(50))
      emit(TaskSeen{task, ElementOrigin::event, TaskList::tasks});
    world_.workload.task_changed(task.task, task.state);
  }
  if (!was_here) emit(seen(agents_[id], ElementOrigin::event));
  // What the agent does not know was lost on the way.
  for (auto& [name, task] : tasks_) {
    if (task.record.agent != report.agent.agent || task.list == TaskList::completed_tasks) continue;
    const TaskId& lost = task.record.task;
    const bool reported = std::any_of(report.tasks.begin(), report.tasks.end(),
                                      [&lost](const TaskRecord& one) { return one.task == lost; });
    if (reported || is_terminal(task.record.state)) continue;
    set_state(task, by_master(task.record, TaskState::task_lost, "REASON_RECONCILIATION", false), false);
  }
}

void Master::agent_disconnected(const AgentId& agent) {
  const auto found = agents_.find(agent.value.str());
  if (found == agents_.end() || found->second.standing != Standing::registered) return;
  found->second.standing = Standing::disconnected;
  found->second.since = world_.time.now();
  world_.note("master.disconnected", agent.value.view());
}

void Master::end_tasks_of(const AgentId& agent, TaskState state, std::string_view reason,
                          bool unreachable_time) {
  for (auto& [name, task] : tasks_) {
    if (task.record.agent != agent || task.list != TaskList::tasks) continue;
    if (is_terminal(task.record.state)) continue;
    set_state(task, by_master(task.record, state, reason, unreachable_time), false);
    if (unreachable_time) task.list = TaskList::unreachable_tasks;
  }
}

// No event tells of it, but the updates of its tasks.
void Master::agent_lost(const AgentId& agent) {
  const auto found = agents_.find(agent.value.str());
  if (found == agents_.end()) return;
  KnownAgent& known = found->second;
  if (known.standing == Standing::unreachable || known.standing == Standing::gone ||
      known.standing == Standing::removed)
    return;
  world_.note("master.unreachable", agent.value.view());
  world_.probes.hit(Probe::agent_became_unreachable);
  const bool partition_aware = random_.chance(60);
  known.standing = Standing::unreachable;
  world_.oracle.host_lost(known.host);
  known.since = world_.time.now();
  std::erase_if(executors_, [&](const auto& one) { return one.second.agent == agent; });
  end_tasks_of(agent, partition_aware ? TaskState::task_unreachable : TaskState::task_lost,
               "REASON_AGENT_REMOVED", true);
}

void Master::agent_unregisters(const AgentId& agent) {
  const auto found = agents_.find(agent.value.str());
  if (found == agents_.end() || !knows(agent)) return;
  world_.note("master.removed", agent.value.view());
  world_.probes.hit(Probe::agent_was_removed);
  found->second.standing = Standing::removed;
  end_tasks_of(agent, TaskState::task_lost, "REASON_AGENT_REMOVED", false);
  std::erase_if(executors_, [&](const auto& one) { return one.second.agent == agent; });
  emit(AgentRemoved{agent});
}

void Master::mark_gone(const AgentId& agent) {
  const auto found = agents_.find(agent.value.str());
  if (found == agents_.end()) return;
  world_.note("master.gone", agent.value.view());
  world_.probes.hit(Probe::agent_marked_gone_alive);
  found->second.standing = Standing::gone;
  world_.oracle.host_lost(found->second.host);
  found->second.since = world_.time.now();
  for (auto& [name, task] : tasks_) {
    if (task.list == TaskList::unreachable_tasks && task.record.agent == agent) task.list = TaskList::tasks;
  }
  end_tasks_of(agent, TaskState::task_gone_by_operator, "REASON_AGENT_REMOVED_BY_OPERATOR", false);
  std::erase_if(executors_, [&](const auto& one) { return one.second.agent == agent; });
  world_.agents.marked_gone(agent);
}

// ---- tasks

void Master::set_state(KnownTask& task, const TaskStatus& status, bool silent) {
  if (task.record.state == status.state) return;
  if (is_terminal(task.record.state) && task.record.state != TaskState::task_lost) return;  // sticky
  task.record.state = status.state;
  task.record.last_status = status;
  if (silent && is_terminal(status.state)) world_.probes.hit(Probe::task_ended_unseen);
  world_.note("task", task.record.task.value, to_text(status.state), to_text(status.source), silent);
  if (!silent && visible(task))
    emit(TaskUpdated{task.record.framework, task.record.task, status, status.state});
  if (is_terminal(status.state)) {
    const std::string executor = status.executor.value;
    const std::string agent = task.record.agent.value.str();
    if (random_.chance(80)) executors_.erase({executor, agent});  // the message is not a reliable one
  }
  world_.workload.task_changed(task.record.task, status.state);
  if (is_terminal(task.record.state)) {  // acknowledged, after a while
    world_.time.after(random_.between(milliseconds(100), seconds(30)), [this, id = task.record.task.value] {
      const auto found = tasks_.find(id);
      if (found == tasks_.end() || !is_terminal(found->second.record.state)) return;
      if (found->second.list == TaskList::tasks) found->second.list = TaskList::completed_tasks;
      world_.agents.acknowledged(found->second.record);
      if (tasks_.size() > kEndedTasksKept) tasks_.erase(found);
    });
  }
}

void Master::update(const TaskId& id, const AgentId& agent, const TaskStatus& status, bool silent) {
  const auto found = tasks_.find(id.value);
  if (found == tasks_.end() || found->second.record.agent != agent) return;
  if (found->second.list == TaskList::unreachable_tasks) return;
  set_state(found->second, status, silent);
}

void Master::launch(const TaskRecord& task, const std::optional<ExecutorRecord>& executor) {
  KnownTask& row = tasks_[task.task.value];
  row.record = task;
  row.hidden = random_.chance(50);
  if (executor) executors_[{executor->executor.value, executor->agent.value.str()}] = *executor;
  world_.note("task.launched", task.task.value, task.agent.value.view());
  if (visible(row)) emit(TaskSeen{task, ElementOrigin::event, TaskList::tasks});
}

const KnownTask* Master::task(const TaskId& id) const {
  const auto found = tasks_.find(id.value);
  return found == tasks_.end() ? nullptr : &found->second;
}

// The kill has not even been sent when this is told, and no agent will confirm it.
void Master::remove_framework(const FrameworkId& framework) {
  world_.note("framework.removed", framework.value.view());
  world_.probes.hit(Probe::framework_torn_down);
  for (auto& [name, task] : tasks_) {
    if (task.record.framework != framework || is_terminal(task.record.state)) continue;
    set_state(task, by_master(task.record, TaskState::task_killed, "REASON_FRAMEWORK_REMOVED", false), false);
    task.list = TaskList::completed_tasks;
  }
  frameworks_.erase(framework.value.str());
  emit(FrameworkRemoved{framework});
  world_.agents.framework_removed(framework);
}

void Master::hide_tasks(bool hide) {
  if (hide) world_.probes.hit(Probe::tasks_were_hidden);
  world_.note("master.hides", hide);
  hiding_ = hide;
}

// ---- failover: what is left is the registry.
void Master::fail_over(Duration dark) {
  if (!up_) return;
  world_.note("master.fails");
  up_ = false;
  cut_streams("the connection was reset");
  world_.time.after(dark, [this] {
    up_ = true;
    ++elections_;
    id_ = fmt::format("master-{}", elections_);
    world_.note("master.elected", id_);
    tasks_.clear();
    executors_.clear();
    std::erase_if(agents_, [](const auto& one) { return one.second.standing == Standing::removed; });
    for (auto& [name, agent] : agents_) {
      if (agent.standing == Standing::unreachable || agent.standing == Standing::gone) continue;
      agent.standing = Standing::recovered;
      agent.since = world_.time.now();
    }
    world_.agents.master_changed();
    // Whoever has not come back by then goes without an event.
    world_.time.after(minutes(10), [this, elections = elections_] {
      if (elections != elections_) return;
      for (const auto& [name, agent] : std::map<std::string, KnownAgent>(agents_)) {
        if (agent.standing == Standing::recovered) agent_lost(agent.record.agent);
      }
    });
  });
}

}  // namespace extvold::sim
