// Their life: registration, links, restarts, what they run.
#include "tests/sim/agents.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {
namespace {

constexpr std::size_t kCompletedKept = 100;

std::string executor_of(const Launch& launch) {
  return launch.task.executor.empty() ? launch.task.task.value : launch.task.executor.value;
}

}  // namespace

Agents::Agents(World& world) : world_(world), random_(world.config.seed, "agents") {
  for (int n = 0; n < world.config.hosts; ++n) {
    Agent agent;
    agent.host = n;
    agent.id = AgentId(fmt::format("A{}.1", n));
    agents_.push_back(std::move(agent));
  }
}

void Agents::start() {
  for (Agent& one : agents_) do_register(one);
}

Agents::Agent* Agents::with(const AgentId& id) {
  const auto found =
      std::find_if(agents_.begin(), agents_.end(), [&](const Agent& one) { return one.id == id; });
  return found == agents_.end() ? nullptr : &*found;
}

Agents::Run* Agents::run_of(const TaskId& task, Agent** agent) {
  for (Agent& one : agents_) {
    const auto found = one.runs.find(task.value);
    if (found == one.runs.end()) continue;
    if (agent != nullptr) *agent = &one;
    return &found->second;
  }
  return nullptr;
}

bool Agents::runs(const TaskId& task, int host) const {
  const auto found = at(host).runs.find(task.value);
  return found != at(host).runs.end() && !found->second.ended;
}

// ---- the link to the master

bool Agents::linked(int host) const {
  const Machine& machine = world_.hosts.at(host);
  return machine.state == MachineState::up && machine.master_reaches && at(host).running &&
         world_.master.up();
}

void Agents::link_changed(int host) {
  Agent& agent = at(host);
  const std::int64_t link = ++agent.link;
  if (linked(host)) return try_register(host, random_.between(milliseconds(500), seconds(8)));
  agent.registered = false;
  if (!agent.running) world_.master.agent_disconnected(agent.id);
  // Pings, or the time that the master leaves to one whose socket broke.
  const Duration patience = agent.running ? seconds(75) : random_.between(seconds(75), minutes(10));
  world_.time.after(patience, [this, host, link, id = agent.id] {
    // One that took another id never comes back; the master removes it when the new one registers, if it
    // does.
    const bool lost = at(host).id != id || (at(host).link == link && !linked(host));
    if (lost) world_.master.agent_lost(id);
  });
}

void Agents::try_register(int host, Duration delay) {
  const std::int64_t link = at(host).link;
  world_.time.after(delay, [this, host, link] {
    if (at(host).link == link && linked(host)) do_register(at(host));
  });
}

void Agents::do_register(Agent& agent) {
  if (world_.master.is_gone(agent.id)) return shut_down(agent.host);
  const Machine& machine = world_.hosts.at(agent.host);
  Master::Report report;
  report.host = agent.host;
  report.agent.agent = agent.id;
  report.agent.hostname = machine.name;
  report.agent.address = machine.address;
  report.agent.version = "1.11.0";
  for (auto& [name, run] : agent.runs) {
    if (removed_.contains(run.launch.task.framework)) continue;
    TaskRecord record = run.launch.task;
    record.state = run.state;
    record.last_status = run.status;
    report.tasks.push_back(std::move(record));
    if (run.launch.executor && !is_terminal(run.state)) report.executors.push_back(*run.launch.executor);
  }
  agent.registered = true;
  world_.master.register_agent(report);
  for (const FrameworkId& framework : removed_) framework_removed(framework);
}

void Agents::master_changed() {
  for (Agent& one : agents_) {
    ++one.link;
    one.registered = false;
    try_register(one.host, random_.chance(70) ? random_.between(seconds(1), seconds(30))
                                              : random_.between(seconds(30), minutes(9)));
  }
}

// ---- machines and processes

void Agents::machine_stopped(int host) {
  Agent& agent = at(host);
  agent.running = false;
  for (auto& [name, run] : agent.runs) run.ended = true;
  link_changed(host);
}

void Agents::machine_booted(int host) {
  const bool new_id = world_.strikes(Fault::agent_new_id, random_);
  when_awake(host, random_.between(seconds(5), seconds(90)), [this, host, new_id] {
    Agent& agent = at(host);
    if (agent.running) return;
    if (new_id) {
      agent.id = AgentId(fmt::format("A{}.{}", host, ++agent.ids));
      agent.runs.clear();
      agent.completed.clear();
      world_.probes.hit(Probe::agent_changed_its_id);
    }
    agent.running = true;
    recover(agent);
    link_changed(host);
  });
}

// A frozen machine does it later, one that is off not at all.
void Agents::when_awake(int host, Duration delay, std::function<void()> act) {
  world_.time.after(delay, [this, host, act = std::move(act)] {
    const MachineState state = world_.hosts.at(host).state;
    if (state == MachineState::frozen) return when_awake(host, seconds(10), act);
    if (state == MachineState::up) act();
  });
}

// What it finds when it starts: tasks whose container is gone have ended, and it says so.
void Agents::recover(Agent& agent) {
  count_leaks(agent);
  for (auto& [name, run] : agent.runs) {
    if (world_.hosts.at(agent.host).container(run.container.value) != nullptr) continue;
    destroyed(agent, run);
    if (is_terminal(run.state)) continue;  // its executor was to end anyway
    say(agent, run, TaskState::task_lost, StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED",
        "Executor did not reregister");
  }
}

// Its containerizer finds what its last run could not destroy, tries again, fails again and counts it.
void Agents::count_leaks(Agent& agent) {
  agent.destroy_errors = 0;
  for (const Container& one : world_.hosts.at(agent.host).containers)
    agent.destroy_errors += one.listed || one.by_hand || one.escaped ? 0 : 1;
}

void Agents::restart(int host, bool new_id) {
  Agent& agent = at(host);
  if (!agent.running || world_.hosts.at(host).state != MachineState::up) return;
  world_.note("agent.stops", agent.id.value.view(), new_id);
  agent.running = false;
  link_changed(host);
  when_awake(host, random_.between(seconds(3), minutes(3)), [this, host, new_id, old = agent.id] {
    Agent& again = at(host);
    if (again.running || again.id != old) return;
    if (new_id) {
      world_.probes.hit(Probe::agent_changed_its_id);
      again.id = AgentId(fmt::format("A{}.{}", host, ++again.ids));
      again.runs.clear();
      again.completed.clear();
      // Orphans: the new one destroys them, some time later.
      for (const Container& one : world_.hosts.at(host).containers) {
        if (one.by_hand) continue;
        world_.time.after(random_.between(seconds(5), minutes(3)),
                          [this, host, id = one.id] { world_.hosts.end(host, id); });
      }
    }
    again.running = true;
    world_.note("agent.starts", again.id.value.view());
    recover(again);
    link_changed(host);
  });
}

// It is told that it is gone, or leaves by itself: containers die, and a new agent comes later.
void Agents::shut_down(int host) {
  Agent& agent = at(host);
  const AgentId old = agent.id;
  world_.note("agent.shuts_down", old.value.view());
  for (const Container& one : world_.hosts.at(host).containers) {
    if (one.by_hand) continue;
    world_.time.after(random_.between(seconds(1), seconds(20)),
                      [this, host, id = one.id] { world_.hosts.end(host, id); });
  }
  agent.running = false;
  agent.registered = false;
  ++agent.link;
  when_awake(host, random_.between(seconds(30), minutes(4)), [this, host, old] {
    Agent& again = at(host);
    if (again.running || again.id != old) return;
    again.id = AgentId(fmt::format("A{}.{}", host, ++again.ids));
    again.runs.clear();
    again.completed.clear();
    again.running = true;
    count_leaks(again);
    world_.probes.hit(Probe::agent_changed_its_id);
    link_changed(host);
  });
}

void Agents::leave(int host) {
  Agent& agent = at(host);
  if (!linked(host) || !agent.registered) return;
  world_.master.agent_unregisters(agent.id);
  shut_down(host);
}

void Agents::marked_gone(const AgentId& id) {
  Agent* agent = with(id);
  if (agent == nullptr || !linked(agent->host)) return;
  world_.time.after(random_.between(milliseconds(10), seconds(5)), [this, id] {
    Agent* there = with(id);
    if (there != nullptr && there->running && linked(there->host)) shut_down(there->host);
  });
}

void Agents::framework_removed(const FrameworkId& framework) {
  removed_.insert(framework);
  for (Agent& agent : agents_) {
    if (!linked(agent.host)) continue;
    for (auto& [name, run] : agent.runs) {
      if (run.launch.task.framework != framework || run.ended) continue;
      world_.time.after(random_.between(seconds(1), seconds(30)), [this, task = TaskId(name)] {
        Agent* there = nullptr;
        Run* run_there = run_of(task, &there);
        if (run_there == nullptr || run_there->ended) return;
        destroyed(*there, *run_there);
        there->runs.erase(task.value);  // no status for a framework that is gone
      });
    }
  }
}

// ---- tasks

void Agents::launch(Launch launch) {
  const AgentId id = launch.task.agent;
  world_.time.after(random_.between(milliseconds(5), milliseconds(600)), [this, id, launch] {
    Agent* agent = with(id);
    if (agent == nullptr || !linked(agent->host) || !agent->registered) return;  // lost on the way
    Run& run = agent->runs[launch.task.task.value];
    run.launch = launch;
    begin(*agent, launch.task.task.value);
  });
}

void Agents::begin(Agent& agent, const std::string& task) {
  Run& run = agent.runs.at(task);
  Container container;
  container.id = ContainerId("c-" + task);
  container.framework = run.launch.task.framework;
  container.task = run.launch.task.task;
  container.executor = ExecutorId(executor_of(run.launch));
  container.containerizer = run.launch.task.containerizer;
  container.agent = agent.id;
  container.volume = run.launch.volume;
  container.references = run.launch.executor ? run.launch.executor->volumes : run.launch.task.volumes;
  for (const VolumeReference& one : run.launch.hidden) container.references.push_back(one);
  run.container = container.id;
  world_.hosts.start(agent.host, std::move(container));
  world_.time.after(random_.between(milliseconds(200), seconds(6)), [this, id = agent.id, task] {
    Agent* there = with(id);
    if (there == nullptr || !there->runs.contains(task)) return;
    Run& started = there->runs.at(task);
    if (started.state == TaskState::task_staging && !started.ended)
      say(*there, started, TaskState::task_running, StatusSource::source_executor, {}, {});
  });
}

void Agents::say(Agent& agent, Run& run, TaskState state, StatusSource source, std::string_view reason,
                 std::string_view message) {
  run.state = state;
  run.status = {};
  run.status.state = state;
  run.status.source = source;
  run.status.reason = reason;
  run.status.message = message;
  run.status.agent = agent.id;
  run.status.executor = ExecutorId(executor_of(run.launch));
  run.status.container = run.container;
  run.status.uuid = "uuid";
  if (!agent.registered || !linked(agent.host)) return;            // it will be part of its report
  const bool silent = world_.strikes(Fault::poll_delay, random_);  // the scheduler is away: not acknowledged
  world_.time.after(random_.between(milliseconds(2), milliseconds(300)),
                    [this, id = agent.id, task = run.launch.task.task, status = run.status, silent] {
                      Agent* there = with(id);
                      if (there != nullptr && linked(there->host))
                        world_.master.update(task, id, status, silent);
                    });
}

void Agents::kill(const TaskId& task) {
  world_.time.after(random_.between(milliseconds(5), milliseconds(300)), [this, task] {
    Agent* agent = nullptr;
    if (run_of(task, &agent) == nullptr || !linked(agent->host)) return;
    finish(*agent, task.value, TaskState::task_killed);
  });
}

// The executor says so first; its container is destroyed later, by the agent, if it can.
void Agents::finish(Agent& agent, const std::string& task, TaskState state) {
  Run& run = agent.runs.at(task);
  if (is_terminal(run.state) || run.ended) return;
  if (Container* there = world_.hosts.at(agent.host).container(run.container.value)) there->leaving = true;
  say(agent, run, state, StatusSource::source_executor, word_of_executor(run), {});
  const bool leaks = world_.strikes(Fault::container_leak, random_);
  const Duration after = run.launch.lingers ? random_.between(seconds(30), minutes(10))
                                            : random_.between(milliseconds(500), seconds(60));
  world_.time.after(after, [this, id = agent.id, container = run.container, task, leaks] {
    Agent* there = with(id);
    if (there == nullptr || world_.hosts.at(there->host).state != MachineState::up) return;
    const auto found = there->runs.find(task);
    if (found == there->runs.end()) return;
    if (leaks) return leak(*there, found->second);
    if (escapes(found->second)) return escape(*there, found->second);
    destroyed(*there, found->second);
    if (is_terminal(found->second.state)) there->runs.erase(found);
  });
}

void Agents::fail_executor(const ExecutorId& executor) {
  for (Agent& agent : agents_) {
    for (auto& [task, run] : agent.runs) {
      if (run.ended || ExecutorId(executor_of(run.launch)) != executor) continue;
      return is_terminal(run.state) ? end_by_hand(agent.host, run.container) : fail(TaskId(task));
    }
  }
}

void Agents::fail(const TaskId& task) {
  Agent* agent = nullptr;
  Run* run = run_of(task, &agent);
  if (run == nullptr || run->ended || is_terminal(run->state)) return;
  if (world_.hosts.at(agent->host).state != MachineState::up || !agent->running) return;
  if (world_.strikes(Fault::container_leak, random_)) {
    leak(*agent, *run);
    return say(*agent, *run, TaskState::task_failed, StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED",
               "Abnormal executor termination: Failed to kill all processes in the container");
  }
  if (run->launch.task.containerizer == Containerizer::docker && escapes(*run)) {
    escape(*agent, *run);
  } else {
    destroyed(*agent, *run);
  }
  say(*agent, *run, TaskState::task_failed, StatusSource::source_agent, "REASON_EXECUTOR_TERMINATED", "");
}

void Agents::end_by_hand(int host, const ContainerId& container) {
  Agent& agent = at(host);
  if (world_.hosts.at(host).state != MachineState::up || !agent.running) return;
  for (auto& [task, run] : agent.runs) {
    if (run.ended || run.container != container) continue;
    if (!is_terminal(run.state)) return fail(TaskId(task));
    return destroyed(agent, run);
  }
  world_.hosts.end(host, container);  // which leaked, or is of an agent before
}

void Agents::destroyed(Agent& agent, Run& run) {
  if (run.ended && run.container.empty()) return;
  run.ended = true;
  world_.hosts.end(agent.host, ContainerId(run.container));
  ExecutorRecord record;
  record.framework = run.launch.task.framework;
  record.executor = ExecutorId(executor_of(run.launch));
  record.agent = agent.id;
  record.containerizer = run.launch.task.containerizer;
  agent.completed.push_back(std::move(record));
  if (agent.completed.size() > kCompletedKept) agent.completed.erase(agent.completed.begin());
}

// An executor may say anything of why its task ended, also what only an agent can know.
std::string_view Agents::word_of_executor(const Run& run) {
  const bool boasts = world_.config.faults.has(Fault::escapes) && run.launch.executor && random_.chance(50);
  return boasts ? "REASON_CONTAINER_LIMITATION_MEMORY" : "";
}

// A process that is not in a cgroup of its container's lives on when that is over: of Docker's containers and
// without the linux launcher no agent can tell.
bool Agents::escapes(const Run& run) {
  if (!world_.config.faults.has(Fault::escapes)) return false;
  const bool unseen = run.launch.task.containerizer == Containerizer::docker || !world_.config.agents_trusted;
  return unseen && world_.strikes(Fault::escapes, random_);
}

void Agents::escape(Agent& agent, Run& run) {
  Container* there = world_.hosts.at(agent.host).container(run.container.value);
  if (there == nullptr) return;
  world_.probes.hit(Probe::escaped_writer);
  there->escaped = true;
  give_up(agent, run, *there);
}

// Its agent gives it up: no list shows it, and it runs on.
void Agents::leak(Agent& agent, Run& run) {
  Container* there = world_.hosts.at(agent.host).container(run.container.value);
  if (there == nullptr) return;
  world_.probes.hit(Probe::leaked_writer);
  ++agent.destroy_errors;
  give_up(agent, run, *there);
}

void Agents::give_up(Agent& agent, Run& run, Container& container) {
  container.listed = false;
  run.ended = true;
  ExecutorRecord record;
  record.framework = run.launch.task.framework;
  record.executor = ExecutorId(executor_of(run.launch));
  record.agent = agent.id;
  record.containerizer = run.launch.task.containerizer;
  agent.completed.push_back(std::move(record));
  world_.note("container.leaks", container.id.value);
}

void Agents::acknowledged(const TaskRecord& task) {
  Agent* agent = nullptr;
  const Run* run = run_of(task.task, &agent);
  const bool its_own = run != nullptr && is_terminal(run->state);  // not the master's guess
  if (!its_own || agent->id != task.agent || !run->ended || !linked(agent->host)) return;
  agent->runs.erase(task.task.value);
}

}  // namespace extvold::sim
