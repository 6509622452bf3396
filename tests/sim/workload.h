// Workload: a scheduler as Marathon is one. It keeps a task for each service somewhere, believes what the
// master says, starts another where one ended or was lost, and moves them around. That an old task may still
// run somewhere does not concern it: exactly that is what extvold is there for.
#pragma once

#include <string>
#include <vector>

#include "model/mesos.h"
#include "tests/sim/agents.h"
#include "tests/sim/random.h"

namespace extvold::sim {

class World;

struct Service {
  int volume = 0;
  std::string framework = "F1";
  TaskId task;         // the newest; empty: none was started yet
  bool wanted = true;  // else it was stopped for a while
  bool starting = false;
};

class Workload {
 public:
  explicit Workload(World& world);
  void start();
  void steady();  // no more moves; every service runs
  void task_changed(const TaskId& task, TaskState state);
  void place(Service& service, int host);  // at once: before there was an extvold

  std::vector<Service>& services() { return services_; }
  std::string driver_of(int volume) const;

 private:
  void begin(std::size_t service, Duration delay);
  void launch(std::size_t service);
  Launch make(const Service& service, const AgentId& agent);
  void move_something();
  std::size_t of(const TaskId& task) const;

  World& world_;
  Random random_;
  std::vector<Service> services_;
  int next_task_ = 1;
  bool steady_ = false;
};

}  // namespace extvold::sim
