// Agents: the Mesos agent of each machine: its id, what it runs, what it tells the master, and what its own
// API answers. An agent is a process: it may be away while its containers run on, come back under another id,
// or lose sight of what it could not destroy.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/mesos.h"
#include "tests/sim/hosts.h"
#include "tests/sim/random.h"

namespace extvold::sim {

class World;

// What a scheduler asks for.
struct Launch {
  TaskRecord task;
  std::optional<ExecutorRecord> executor;  // its own, which the master lists
  std::vector<VolumeReference> hidden;     // DVDI variables: only the agent's list of executors has them
  std::string volume;                      // what the container will really use
  bool lingers = false;                    // its executor outlives the task by far
};

class Agents {
 public:
  explicit Agents(World& world);
  void start();  // all register

  // ---- from the scheduler, by way of the master
  void launch(Launch launch);
  void kill(const TaskId& task);  // lost if the agent is not reached
  void fail(const TaskId& task);  // its executor dies
  void fail_executor(const ExecutorId& executor);
  void end_by_hand(int host, const ContainerId& container);  // a person kills its processes

  // ---- from the machines
  void link_changed(int host);
  void machine_stopped(int host);
  void machine_booted(int host);

  // ---- from the master
  void master_changed();
  void acknowledged(const TaskRecord& task);
  void marked_gone(const AgentId& agent);
  void framework_removed(const FrameworkId& framework);

  // ---- what goes wrong
  void restart(int host, bool new_id);
  void leave(int host);  // SIGUSR1: unregisters, and kills afterwards

  // A round of the API at this address; `answered` comes once.
  void read(const AgentId& expected, const std::string& address, std::function<void(MesosEvent)> answered);
  const AgentId& id_at(int host) const { return at(host).id; }
  bool runs(const TaskId& task, int host) const;

 private:
  struct Run {  // a task that it knows and the master has not acknowledged
    Launch launch;
    TaskState state = TaskState::task_staging;
    TaskStatus status;
    ContainerId container;
    bool ended = false;  // its container was destroyed, or so the agent thinks
  };
  struct Agent {
    AgentId id;
    int host = 0;
    int ids = 1;
    bool running = true;
    bool registered = false;  // with the master that leads
    std::int64_t link = 0;    // counts changes, so that what waited for an older one is void
    std::int64_t destroy_errors = 0;
    std::map<std::string, Run> runs;
    std::vector<ExecutorRecord> completed;
  };

  Agent& at(int host) { return agents_[static_cast<std::size_t>(host)]; }
  const Agent& at(int host) const { return agents_[static_cast<std::size_t>(host)]; }
  Agent* with(const AgentId& id);
  Run* run_of(const TaskId& task, Agent** agent = nullptr);
  bool linked(int host) const;
  void try_register(int host, Duration delay);
  void do_register(Agent& agent);
  void begin(Agent& agent, const std::string& task);
  void say(Agent& agent, Run& run, TaskState state, StatusSource source, std::string_view reason,
           std::string_view message);
  void finish(Agent& agent, const std::string& task, TaskState state);
  void destroyed(Agent& agent, Run& run);
  void leak(Agent& agent, Run& run);
  std::string_view word_of_executor(const Run& run);
  bool escapes(const Run& run);
  void escape(Agent& agent, Run& run);
  void give_up(Agent& agent, Run& run, Container& container);
  void shut_down(int host);
  void when_awake(int host, Duration delay, std::function<void()> act);
  void recover(Agent& agent);
  void count_leaks(Agent& agent);
  AgentApiRead describe(const Agent& agent, const AgentId& expected, const std::string& address) const;

  World& world_;
  Random random_;
  std::vector<Agent> agents_;
  std::set<FrameworkId> removed_;
};

}  // namespace extvold::sim
