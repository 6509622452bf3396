// Hosts: the machines of the cluster and the processes on them. A container that wants a volume opens it when
// the storage lets its host through, and keeps it open until its process ends: a detach, a fence or a frozen
// machine does not end a process, only its own end, a reboot or the power does.
#pragma once

#include <string>
#include <vector>

#include "model/mesos.h"
#include "tests/sim/random.h"
#include "tests/sim/storage.h"

namespace extvold::sim {

class World;

EXTVOLD_ENUM(MachineState, up, frozen, off)

struct Container {
  ContainerId id;
  FrameworkId framework;
  TaskId task;
  ExecutorId executor;  // as its agent names it
  Containerizer containerizer = Containerizer::mesos;
  std::string volume;                       // what it really uses, whatever it is called in the task
  std::vector<VolumeReference> references;  // what its agent lists for its executor
  AgentId agent;                            // that started it; another one knows no executor of it
  bool listed = true;                       // by its agent; a leaked one is not
  bool escaped = false;                     // ... and it does not know that it could not end it
  bool leaving = false;                     // its executor said that it ended
  bool by_hand = false;                     // a person's own use, of which Mesos knows nothing
  Instant started_at;
};

struct Machine {
  std::string name;
  std::string address;
  int boots = 1;
  Instant booted_at;  // until then it was off
  MachineState state = MachineState::up;
  bool master_reaches = true;  // the network between it and the masters
  bool daemon_reaches = true;  // ... and the daemons, the providers' node side included
  bool kept_off = false;       // fenced by its power
  bool confirmed = false;      // a person told extvold that it is dead, and keeps it so until it is cleaned
  std::vector<Container> containers;

  std::string boot_id() const;
  Container* container(std::string_view id);
};

class Hosts {
 public:
  explicit Hosts(World& world);

  int count() const { return static_cast<int>(machines_.size()); }
  Machine& at(int host) { return machines_[static_cast<std::size_t>(host)]; }
  const Machine& at(int host) const { return machines_[static_cast<std::size_t>(host)]; }
  int named(std::string_view name) const;               // -1: nobody's
  bool has_executor(const ExecutorId& executor) const;  // one of this name runs somewhere

  void start(int host, Container container);
  void end(int host, const ContainerId& container);  // the process is gone, its files are closed
  // Who waits for this disk on that host opens it in a moment.
  void let_open(const Disk& disk, int host);

  void power_off(int host);
  void boot(int host);  // of one that is off
  void freeze(int host);
  void thaw(int host);

 private:
  void try_open(int host, const ContainerId& container, const ProviderName& provider, const std::string& key);

  World& world_;
  Random random_;
  std::vector<Machine> machines_;
};

}  // namespace extvold::sim
