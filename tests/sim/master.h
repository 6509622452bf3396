// Master: a Mesos master as its subscribers know it (1.11 operator API): what it says, what it never says,
// and what it says too early. It keeps what agents and the scheduler tell it; after a failover the next one
// knows nothing but the registry.
//
//   scheduler ──launch, kill──▶ master ──▶ agent        agent ──updates, registration──▶ master ──events──▶
//   daemons
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/mesos.h"
#include "tests/sim/random.h"

namespace extvold::sim {

class World;
class Daemon;

// Where the master has an agent; what it says of it follows.
EXTVOLD_ENUM(Standing, registered, disconnected, recovered, unreachable, gone, removed)

struct KnownAgent {
  AgentRecord record;
  int host = 0;
  Standing standing = Standing::registered;
  Instant since;
};

struct KnownTask {
  TaskRecord record;
  TaskList list = TaskList::tasks;
  bool hidden = false;  // from a principal that lost permissions
};

class Master {
 public:
  explicit Master(World& world);

  // ---- daemons
  // A stream that is open until cut; false: no master answers.
  bool subscribe(Daemon& daemon);
  void unsubscribe(const Daemon& daemon);
  std::vector<MesosEvent> answer(MasterCall call, Instant sent_at) const;
  bool up() const { return up_; }
  const std::string& id() const { return id_; }

  // ---- agents
  struct Report {  // of one that registers, or comes back
    AgentRecord agent;
    int host = 0;
    std::vector<TaskRecord> tasks;
    std::vector<ExecutorRecord> executors;
  };
  void register_agent(const Report& report);
  void agent_disconnected(const AgentId& agent);  // its socket broke
  void agent_lost(const AgentId& agent);          // no pong for too long
  void agent_unregisters(const AgentId& agent);
  void update(const TaskId& task, const AgentId& agent, const TaskStatus& status, bool silent);
  bool knows(const AgentId& agent) const;  // in its list
  bool is_gone(const AgentId& agent) const;

  // ---- the scheduler
  void launch(const TaskRecord& task, const std::optional<ExecutorRecord>& executor);
  const KnownTask* task(const TaskId& id) const;
  std::vector<AgentId> agents() const;  // that take tasks
  const KnownAgent* agent(const AgentId& id) const;
  void remove_framework(const FrameworkId& framework);
  void add_framework(const FrameworkId& framework);

  // ---- what goes wrong
  void fail_over(Duration dark);
  void mark_gone(const AgentId& agent);
  void cut_streams(const std::string& why);
  void hide_tasks(bool hide);

 private:
  struct Stream {
    Daemon* daemon = nullptr;
    std::int64_t number = 0;
    Instant last;  // when what was said last arrives
  };
  void emit(MesosEvent event);
  void deliver(Stream& stream, std::vector<MesosEvent> events, Duration delay);
  std::vector<MesosEvent> snapshot() const;
  AgentSeen seen(const KnownAgent& agent, ElementOrigin origin) const;
  bool visible(const KnownTask& task) const { return !(hiding_ && task.hidden); }
  void end_tasks_of(const AgentId& agent, TaskState state, std::string_view reason, bool unreachable_time);
  void set_state(KnownTask& task, const TaskStatus& status, bool silent);

  World& world_;
  Random random_;
  bool up_ = true;
  bool hiding_ = false;
  int elections_ = 1;
  std::string id_;
  std::map<std::string, KnownAgent> agents_;
  std::map<std::string, KnownTask> tasks_;  // by id: no two tasks of a run share one
  std::map<std::pair<std::string, std::string>, ExecutorRecord> executors_;
  std::map<std::string, FrameworkRecord> frameworks_;
  std::vector<Stream> streams_;
};

}  // namespace extvold::sim
