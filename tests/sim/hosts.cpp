#include "tests/sim/hosts.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {

std::string Machine::boot_id() const { return fmt::format("boot-{}-{}", name, boots); }

Container* Machine::container(std::string_view id) {
  const auto found = std::find_if(containers.begin(), containers.end(),
                                  [&](const Container& one) { return one.id.value == id; });
  return found == containers.end() ? nullptr : &*found;
}

Hosts::Hosts(World& world) : world_(world), random_(world.config.seed, "hosts") {
  for (int n = 0; n < world.config.hosts; ++n) {
    Machine machine;
    machine.name = host_name_of(n);
    machine.address = fmt::format("10.0.0.{}:5051", n + 1);
    machines_.push_back(std::move(machine));
  }
}

int Hosts::named(std::string_view name) const {
  for (int n = 0; n < count(); ++n) {
    if (at(n).name == name) return n;
  }
  return -1;
}

bool Hosts::has_executor(const ExecutorId& executor) const {
  return std::any_of(machines_.begin(), machines_.end(), [&](const Machine& machine) {
    return std::any_of(machine.containers.begin(), machine.containers.end(),
                       [&](const Container& one) { return one.executor == executor; });
  });
}

void Hosts::start(int host, Container container) {
  world_.note("container.starts", at(host).name, container.id.value, container.volume);
  container.started_at = world_.time.now();
  at(host).containers.push_back(container);
  for (Disk* disk : world_.storage.disks_named(container.volume)) let_open(*disk, host);
}

void Hosts::end(int host, const ContainerId& container) {
  Machine& machine = at(host);
  if (machine.container(container.value) == nullptr) return;
  world_.note("container.ends", machine.name, container.value);
  std::erase_if(machine.containers, [&](const Container& one) { return one.id == container; });
  world_.storage.close(host, container.value);
}

void Hosts::let_open(const Disk& disk, int host) {
  for (const Container& one : at(host).containers) {
    // What leaked runs on with what it has open; nothing mounts anything into it any more.
    if (one.volume != disk.name || !one.listed) continue;
    const ProviderName provider = world_.storage.personality(disk).info.name;
    world_.time.after(
        random_.between(milliseconds(20), seconds(4)),
        [this, host, id = one.id, provider, key = disk.key] { try_open(host, id, provider, key); });
  }
}

void Hosts::try_open(int host, const ContainerId& container, const ProviderName& provider,
                     const std::string& key) {
  Disk* disk = world_.storage.find(provider, key);
  if (disk == nullptr || at(host).state != MachineState::up) return;
  const auto grant = disk->grants.find(host);
  if (at(host).container(container.value) == nullptr || grant == disk->grants.end()) return;
  if (grant->second.by_hand) return;
  // A mount that cannot read, or finds no filesystem, fails.
  if (!world_.storage.lets_through(*disk, host) || (disk->to_be_formatted && disk->blank)) return;
  const Container& who = *at(host).container(container.value);
  const KnownTask* task = world_.master.task(who.task);
  const bool over = !who.by_hand && (task == nullptr || is_terminal(task->record.state));
  world_.storage.open(*disk, host, container.value, over);
}

void Hosts::power_off(int host) {
  Machine& machine = at(host);
  if (machine.state == MachineState::off) return;
  world_.note("host.off", machine.name);
  machine.state = MachineState::off;
  while (!machine.containers.empty()) end(host, ContainerId(machine.containers.back().id));
  world_.agents.machine_stopped(host);
  world_.oracle.host_changed(host);
}

void Hosts::boot(int host) {
  Machine& machine = at(host);
  if (machine.state != MachineState::off || machine.kept_off || machine.confirmed) return;
  ++machine.boots;
  machine.booted_at = world_.time.now();
  machine.state = MachineState::up;
  world_.note("host.boots", machine.name, machine.boots);
  world_.agents.machine_booted(host);
  world_.oracle.host_changed(host);
}

void Hosts::freeze(int host) {
  if (at(host).state != MachineState::up) return;
  world_.note("host.freezes", at(host).name);
  at(host).state = MachineState::frozen;
  world_.agents.link_changed(host);
}

// What was written before it froze, and did not get out, goes out now: whoever has a disk open writes.
void Hosts::thaw(int host) {
  if (at(host).state != MachineState::frozen) return;
  world_.note("host.thaws", at(host).name);
  at(host).state = MachineState::up;
  bool writes = false;
  world_.storage.for_each([&](Disk& disk) {
    if (disk.grants.contains(host)) let_open(disk, host);
    writes = writes || (disk.open_on(host) && world_.storage.lets_through(disk, host));
  });
  if (writes) world_.probes.hit(Probe::frozen_writer_resumed);
  world_.agents.link_changed(host);
  world_.oracle.host_changed(host);
}

}  // namespace extvold::sim
