#include "tests/sim/workload.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {

Workload::Workload(World& world) : world_(world), random_(world.config.seed, "workload") {
  for (int n = 0; n < world.config.volumes; ++n) {
    services_.push_back({n, "F1", {}, true, false});
    const bool two = world.config.faults.has(Fault::two_writers) && random_.chance(25);
    if (two) services_.push_back({n, "F1", {}, true, false});
  }
}

std::string Workload::driver_of(int volume) const {
  return fmt::format("driver{}", static_cast<std::size_t>(volume) % world_.config.providers.size());
}

void Workload::start() {
  for (std::size_t n = 0; n < services_.size(); ++n) {
    if (services_[n].task.value.empty()) begin(n, random_.between(seconds(1), minutes(3)));
  }
  move_something();
}

std::size_t Workload::of(const TaskId& task) const {
  const auto found =
      std::find_if(services_.begin(), services_.end(), [&](const Service& one) { return one.task == task; });
  return static_cast<std::size_t>(found - services_.begin());
}

void Workload::begin(std::size_t n, Duration delay) {
  if (services_[n].starting || !services_[n].wanted) return;
  services_[n].starting = true;
  world_.time.after(delay, [this, n] { launch(n); });
}

// What is understood, and what is not: DESIGN.md section 8 lists where a volume can be named.
Launch Workload::make(const Service& service, const AgentId& agent) {
  const auto odd = [&](Fault fault) { return world_.config.faults.has(fault) && random_.chance(30); };
  Launch out;
  out.volume = volume_name_of(service.volume);
  TaskRecord& task = out.task;
  task.framework = FrameworkId(service.framework);
  task.task = TaskId(fmt::format("{}.{}", out.volume, next_task_++));
  task.agent = agent;
  task.name = out.volume;
  task.state = TaskState::task_staging;
  VolumeReference reference{ReferenceSpelling::docker_volume, driver_of(service.volume), out.volume, "data",
                            false};
  out.lingers = random_.chance(10);
  if (odd(Fault::docker_tasks)) {
    task.containerizer = Containerizer::docker;
    reference.spelling = ReferenceSpelling::docker_parameter;
  }
  const std::int64_t how = random_.below(10);
  if (how < 2) {  // a custom executor, whose own container has it
    task.executor = ExecutorId("e-" + task.task.value);
    const ExecutorId again("e-" + out.volume);
    if (odd(Fault::executor_again) && !world_.hosts.has_executor(again)) task.executor = again;
    ExecutorRecord executor;
    executor.framework = task.framework;
    executor.executor = task.executor;
    executor.agent = agent;
    executor.containerizer = task.containerizer;
    executor.volumes = {reference};
    out.executor = std::move(executor);
    if (how == 0) task.volumes = {reference};
  } else if (how == 2) {  // in its environment, which only the agent shows
    reference.spelling = ReferenceSpelling::dvdi_variable;
    out.hidden = {reference};
  } else {
    task.volumes = {reference};
  }
  if (odd(Fault::odd_references) && !task.volumes.empty()) {
    if (random_.chance(50)) {
      task.volumes.front().driver.clear();
      task.volumes.front().name = "-v=" + out.volume;
    } else {
      task.volumes.front().driver = "somebody-elses";
    }
  }
  return out;
}

void Workload::launch(std::size_t n) {
  Service& service = services_[n];
  service.starting = false;
  if (!service.wanted) return;
  const std::vector<AgentId> agents = world_.master.agents();
  if (agents.empty() || !world_.master.up()) return begin(n, seconds(10));
  Launch launch = make(service, random_.pick(agents));
  service.task = launch.task.task;
  world_.master.launch(launch.task, launch.executor);
  world_.agents.launch(std::move(launch));
}

void Workload::place(Service& service, int host) {
  Launch launch = make(service, world_.agents.id_at(host));
  service.task = launch.task.task;
  world_.master.launch(launch.task, launch.executor);
  world_.agents.launch(std::move(launch));
}

void Workload::task_changed(const TaskId& task, TaskState state) {
  const std::size_t n = of(task);
  if (n == services_.size()) {
    // One that was given up and came back is one too many.
    if (state == TaskState::task_running || state == TaskState::task_starting) {
      world_.time.after(random_.between(seconds(1), seconds(30)), [this, task] { world_.agents.kill(task); });
    }
    return;
  }
  if (is_terminal(state)) return begin(n, random_.between(milliseconds(500), seconds(30)));
  if (state != TaskState::task_unreachable) return;
  const Duration patience =
      world_.config.patient ? minutes(15) : random_.between(milliseconds(100), minutes(3));
  world_.time.after(patience, [this, task, n] {
    const KnownTask* known = world_.master.task(task);
    const bool still = known == nullptr || known->record.state == TaskState::task_unreachable;
    if (services_[n].task == task && still) begin(n, milliseconds(1));
  });
}

void Workload::move_something() {
  const std::int64_t share = std::max<std::int64_t>(1, static_cast<std::int64_t>(services_.size()));
  world_.time.after(random_.about(Duration{world_.config.move_every.ns / share}), [this] {
    if (steady_) return;
    const std::size_t n =
        static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(services_.size())));
    Service& service = services_[n];
    const std::int64_t what = random_.below(10);
    if (what < 6) {
      world_.agents.kill(service.task);
    } else if (what < 8) {
      world_.agents.fail(service.task);
    } else {
      service.wanted = !service.wanted;
      if (service.wanted) {
        begin(n, milliseconds(1));
      } else {
        world_.agents.kill(service.task);
      }
    }
    move_something();
  });
}

// It asks the master now and then, as schedulers do, and starts what it does not find.
void Workload::steady() {
  steady_ = true;
  for (std::size_t n = 0; n < services_.size(); ++n) {
    Service& service = services_[n];
    const KnownTask* known = world_.master.task(service.task);
    service.wanted = true;
    const bool lost = known == nullptr || is_terminal(known->record.state) ||
                      known->record.state == TaskState::task_unreachable;
    if (lost) begin(n, seconds(1));
  }
  world_.time.after(minutes(3), [this] { steady(); });
}

}  // namespace extvold::sim
