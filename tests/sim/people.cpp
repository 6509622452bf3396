#include "tests/sim/people.h"

#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/look.h"
#include "tests/sim/world.h"

namespace extvold::sim {

People::People(World& world)
    : world_(world),
      random_(world.config.seed, "people"),
      whims_(world.config.seed, "whims"),
      growth_(world.config.seed, "who grows") {}

void People::start() {
  world_.time.after(random_.between(seconds(2), seconds(20)), [this] { look(); });
}

void People::look() {
  world_.time.after(random_.between(seconds(20), seconds(100)), [this] { look(); });
  Daemon* daemon = world_.acting();
  if (daemon == nullptr || daemon->engine() == nullptr) return;
  if (!daemon->engine()->observed().view_complete) return;
  release(*daemon);
  adopt(*daemon);
  want_volumes(*daemon);
  confirm_hosts(*daemon);
  clean_hosts(*daemon);
  look_after_fencing(*daemon);
  stop_what_is_old(*daemon);
  lift_forgotten_fences(*daemon);
  hold_by_name(*daemon);
  if (world_.faults_on && world_.config.faults.has(Fault::resizes) && growth_.chance(30)) grow_one(*daemon);
  if (world_.faults_on && world_.config.faults.has(Fault::mistakes)) err(*daemon);
  if (world_.faults_on) retry_formats(*daemon);
  if (world_.faults_on && world_.config.faults.has(Fault::operators) && random_.chance(10))
    order_spare(*daemon);
}

void People::release(Daemon& daemon) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  if (snapshot.mode != Mode::observe && !snapshot.detach_storm) return;
  world_.probes.hit(Probe::operator_released);
  daemon.order(Release{});
}

void People::want_volumes(Daemon& daemon) {
  for (int n = 0; n < world_.config.volumes; ++n) {
    const std::string name = volume_name_of(n);
    if (daemon.engine()->snapshot().volume_by_name(name) != nullptr) continue;
    if (!world_.storage.disks_named(name).empty()) continue;  // it exists, and is to be adopted
    CreateVolume order;
    order.name = name;
    const auto provider = static_cast<std::size_t>(n) % world_.config.providers.size();
    const ProviderInfo& info = world_.config.providers[provider].info;
    order.pool = {info.name, "a"};
    order.size_mb = 64;
    if (!info.format_host.empty() && n % 3 == 0) order.filesystem = Filesystem::ext4;
    if (n % 7 == 6) order.access = AccessMode::shared;
    daemon.order(order);
  }
}

// What the storage has and the ledger does not know: made before there was an extvold, or before its ledger
// was lost.
void People::adopt(Daemon& daemon) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  world_.storage.for_each([&](Disk& disk) {
    const VolumeEntry* known = snapshot.volume_by_key(disk.key);
    if (known != nullptr && known->volume.state != VolumeState::lost) return;
    if (!disk.name.starts_with("v") || snapshot.volume_by_name(disk.name) != nullptr) return;
    disk.adopted = true;
    AdoptVolume order;
    order.name = disk.name;
    order.pool = {world_.storage.personality(disk).info.name, disk.pool};
    order.provider_key = disk.key;
    order.access = disk.access;
    daemon.order(order);
  });
}

bool People::cannot_write(const Daemon& daemon, int host) const {
  const Machine& machine = world_.hosts.at(host);
  if (machine.state == MachineState::off) return true;
  if (machine.state == MachineState::frozen) return false;
  bool used = false;
  const Snapshot& snapshot = daemon.engine()->snapshot();
  for (const auto& [id, entry] : snapshot.volumes()) {
    const Host* row = snapshot.host_by_name(machine.name);
    if (row == nullptr || entry.attachment(row->id) == nullptr) continue;
    const Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key);
    used = used || (disk != nullptr && disk->open_on(host));
    for (const Container& one : machine.containers) used = used || one.volume == entry.volume.name;
  }
  return !used;
}

bool People::lives_there(const Snapshot& snapshot, HostId host) {
  const auto lives = [&](const auto& one) {
    return one.second.host == host && one.second.wanted && one.second.liveness == Liveness::live;
  };
  return std::any_of(snapshot.claims().begin(), snapshot.claims().end(), lives);
}

bool People::may_confirm(const Daemon& daemon, const Host& host) const {
  const int number = world_.hosts.named(host.name);
  return number >= 0 && (!host.quarantined || host.quarantine_fence) &&
         !lives_there(daemon.engine()->snapshot(), host.id) && cannot_write(daemon, number);
}

namespace {

// Where something waits for a person because of what a host has or had: which those are.
std::set<HostId> hosts_in_the_way(const Snapshot& snapshot, const Policy& policy) {
  std::set<HostId> out;
  for (const auto& [id, entry] : snapshot.volumes()) {
    const bool waits = std::any_of(entry.blocked.begin(), entry.blocked.end(), [](const BlockedRow& row) {
      return row.owner == Owner::operator_ && row.reason != "host_quarantined";
    });
    const ProviderInfo* provider = policy.provider(entry.volume.pool.provider);
    for (const Attachment& one : entry.attachments) {
      const bool over = one.state == AttachmentState::detached && provider->capabilities.detach_enforced;
      const bool said = std::any_of(entry.evidence.begin(), entry.evidence.end(), [&](const Evidence* known) {
        return known->kind == EvidenceKind::operator_ && known->host == one.host &&
               known->attachment_generation == one.generation;
      });
      if (waits && !over && !said) out.insert(one.host);
    }
  }
  return out;
}

}  // namespace

// One that runs is cleaned at the storage first, one that is off is kept off until it is cleaned.
void People::confirm_hosts(Daemon& daemon) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  const std::set<HostId> asked = hosts_in_the_way(snapshot, world_.policy);
  for (const HostId id : asked) {
    const Host* row = snapshot.host(id);
    const int host = world_.hosts.named(row->name);
    if (!may_confirm(daemon, *row)) continue;
    Machine& machine = world_.hosts.at(host);
    if (machine.state == MachineState::off) {
      machine.confirmed = true;
    } else {
      for (const auto& [volume, entry] : snapshot.volumes()) {
        Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key);
        if (entry.attachment(id) == nullptr || disk == nullptr) continue;
        disk->lingering.erase(host);
        world_.storage.revoke_by_hand(*disk, host);
      }
    }
    world_.note("person.confirms", row->name);
    world_.probes.hit(Probe::operator_confirmed_host);
    daemon.order(FenceConfirm{row->name, row->name, "it cannot write any more"});
  }
}

// What it still has of what others were given keeps it out: taken away by hand.
void People::take_leftovers(const Daemon& daemon, int host, HostId row) {
  for (const auto& [id, entry] : daemon.engine()->snapshot().volumes()) {
    const Attachment* left = entry.attachment(row);
    if (left == nullptr || !reconcilers::is_superseded(daemon.engine()->snapshot(), entry, *left)) continue;
    if (Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key))
      world_.storage.revoke_by_hand(*disk, host);
  }
}

// Whoever was confirmed dead is unmapped everywhere, started again, and let back in.
void People::clean_hosts(Daemon& daemon) {
  for (int n = 0; n < world_.hosts.count(); ++n) {
    Machine& machine = world_.hosts.at(n);
    const Host* row = daemon.engine()->snapshot().host_by_name(machine.name);
    if (row == nullptr || !row->quarantined || !random_.chance(30)) continue;
    if (machine.state == MachineState::off && machine.confirmed) {
      world_.storage.for_each([&](Disk& disk) { world_.storage.revoke_by_hand(disk, n); });
      machine.confirmed = false;
      if (world_.faults_on) world_.hosts.boot(n);
      continue;
    }
    bool clean = machine.state == MachineState::up || machine.kept_off;
    world_.storage.for_each([&](const Disk& disk) { clean = clean && !disk.open_on(n); });
    if (!clean) continue;
    take_leftovers(daemon, n, row->id);
    world_.probes.hit(Probe::operator_released_host);
    daemon.order(FenceRelease{machine.name, "it was cleaned"});
  }
}

// Nobody can start anew what is over, or what its agent has forgotten.
bool People::has_unproven_end(const VolumeEntry& entry, HostId host) const {
  return std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* one) {
    const bool forgotten = !one->executor.empty() && !world_.hosts.has_executor(one->executor);
    return one->host == host && is_of_mesos(one->kind) && one->liveness == Liveness::unknown &&
           (!one->wanted || forgotten);
  });
}

// Has the scheduler start it anew.
void People::stop_what_is_old(Daemon& daemon) {
  for (const auto& [id, entry] : daemon.engine()->snapshot().volumes()) {
    for (const BlockedRow& row : entry.blocked) {
      // Who is over cannot be started anew.
      if (row.reason != "open_from_before" || has_unproven_end(entry, row.host)) continue;
      world_.probes.hit(Probe::kept_from_old_process);
      for (const Claim* one : entry.claims) {
        if (one->host != row.host || one->liveness == Liveness::dead) continue;
        if (one->task.value.empty()) {
          world_.agents.fail_executor(one->executor);
        } else {
          world_.agents.fail(one->task);
        }
      }
    }
  }
}

// Processes that only a fence keeps from writing, and that nothing wants there any more.
void People::end_what_is_barred(const Snapshot& snapshot, HostId row) {
  const int host = world_.hosts.named(snapshot.host(row)->name);
  std::vector<ContainerId> barred;
  for (const auto& [id, entry] : snapshot.volumes()) {
    const Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key);
    const bool wanted = std::any_of(entry.claims.begin(), entry.claims.end(),
                                    [&](const Claim* one) { return one->host == row && one->wanted; });
    if (disk == nullptr || wanted || world_.storage.lets_through(*disk, host)) continue;
    for (const Session& one : disk->sessions) {
      if (one.host == host) barred.emplace_back(one.container);
    }
  }
  for (const ContainerId& one : barred) world_.agents.end_by_hand(host, one);
}

// A fence of a ledger that was lost, or whose call took effect after it was given up: extvold says that the
// provider refuses, and a person finds at the storage why.
void People::lift_forgotten_fences(Daemon& daemon) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  for (const auto& [id, entry] : snapshot.volumes()) {
    for (const BlockedRow& row : entry.blocked) {
      const Operation* last = entry.last_operation.get();
      if (row.reason != "retrying" || last == nullptr || last->error_code != Errc::permission) continue;
      if (last->host != row.host || !snapshot.fences_of_host(row.host).empty()) continue;
      Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key);
      const int host = world_.hosts.named(snapshot.host(row.host)->name);
      end_what_is_barred(snapshot, row.host);
      bool would_write = false;  // who is barred by it now, and would not be any more
      world_.storage.for_each([&](const Disk& one) {
        would_write = would_write || (one.open_on(host) && !world_.storage.lets_through(one, host));
      });
      if (disk == nullptr || would_write) continue;
      world_.note("person.lifts", entry.volume.name, row.host.value);
      world_.probes.hit(Probe::forgotten_fence_lifted);
      world_.storage.lift_by_hand(*disk, host);
    }
  }
}

// Who stops it forgets it for a while; the storm guard's question is answered with yes.
void People::look_after_fencing(Daemon& daemon) {
  const bool stopped = daemon.engine()->snapshot().fence_stop;
  if (stopped && (!world_.faults_on || random_.chance(20))) {
    world_.probes.hit(Probe::operator_released_fencing);
    daemon.order(FenceRelease{{}, "so many are right"});
  } else if (!stopped && world_.faults_on && world_.config.faults.has(Fault::operators) &&
             random_.chance(2)) {
    world_.probes.hit(Probe::operator_held_fencing);
    daemon.order(FenceHold{{}, "a storage maintenance"});
  }
}

void People::retry_formats(Daemon& daemon) {
  for (const auto& [id, entry] : daemon.engine()->snapshot().volumes()) {
    if (entry.volume.format != FormatState::refused || !random_.chance(30)) continue;
    daemon.order(ForceFormat{entry.volume.name, entry.volume.name, "probe it again"});
  }
}

// A volume that nobody uses: made, removed, purged.
void People::order_spare(Daemon& daemon) {
  const std::string name = fmt::format("spare{}", spares_);
  const VolumeEntry* entry = daemon.engine()->snapshot().volume_by_name(name);
  if (entry == nullptr) {
    CreateVolume order;
    order.name = name;
    order.pool = {world_.config.providers.front().info.name, "a"};
    order.size_mb = 64;
    daemon.order(order);
  } else if (entry->volume.state == VolumeState::available) {
    daemon.order(RemoveVolume{name, name});
  } else if (entry->volume.state == VolumeState::trashed) {
    daemon.order(PurgeVolume{name, name, true});
    ++spares_;
  }
}

void People::grow_one(Daemon& daemon) {
  const std::string name = volume_name_of(static_cast<int>(growth_.below(world_.config.volumes)));
  const VolumeEntry* entry = daemon.engine()->snapshot().volume_by_name(name);
  if (entry == nullptr || entry->volume.state != VolumeState::available) return;
  daemon.order(ResizeVolume{name, entry->volume.size_mb + growth_.below(3) * 64});
}

// ---- by hand

void People::map_by_hand() {
  std::vector<Disk*> disks;
  world_.storage.for_each([&](Disk& disk) { disks.push_back(&disk); });
  if (disks.empty()) return;
  Disk& disk = *random_.pick(disks);
  const int host = static_cast<int>(random_.below(world_.hosts.count()));
  if (disk.grants.contains(host)) return;
  world_.probes.hit(Probe::operator_moved_by_hand);
  world_.storage.grant_by_hand(disk, host);
  const ProviderName provider = world_.storage.personality(disk).info.name;
  world_.time.after(random_.between(seconds(30), minutes(10)), [this, provider, key = disk.key, host] {
    Disk* there = world_.storage.find(provider, key);
    if (there == nullptr) return;
    const auto grant = there->grants.find(host);
    if (grant != there->grants.end() && grant->second.by_hand) world_.storage.revoke_by_hand(*there, host);
  });
}

void People::switch_on() {
  for (int n = 0; n < world_.hosts.count(); ++n) {
    Machine& machine = world_.hosts.at(n);
    if (!machine.kept_off || machine.confirmed) continue;
    world_.probes.hit(Probe::powered_on_by_hand);
    machine.kept_off = false;
    return world_.hosts.boot(n);
  }
}

// An order ahead of a launch: a person works with the volume on a host, closes it, and takes the order back.
void People::use_by_hand() {
  Daemon* daemon = world_.acting();
  if (daemon == nullptr) return;
  const int volume = static_cast<int>(random_.below(world_.config.volumes));
  const int host = static_cast<int>(random_.below(world_.hosts.count()));
  const Machine& machine = world_.hosts.at(host);
  if (machine.state != MachineState::up) return;
  world_.probes.hit(Probe::operator_ordered_attach);
  daemon->order(AttachVolume{volume_name_of(volume), machine.name});
  Container person;
  person.id = ContainerId(fmt::format("person-{}-{}", volume, host));
  person.volume = volume_name_of(volume);
  person.by_hand = true;
  world_.hosts.start(host, person);
  world_.time.after(random_.between(seconds(30), minutes(8)),
                    [this, volume, host] { end_use(volume, host); });
}

// The order is taken back until extvold says that there is none: who is not answered asks again.
void People::end_use(int volume, int host) {
  const Machine& machine = world_.hosts.at(host);
  Daemon* daemon = world_.acting();
  // A frozen machine lets nobody close anything.
  if (machine.state != MachineState::frozen) {
    world_.hosts.end(host, ContainerId(fmt::format("person-{}-{}", volume, host)));
    const auto ordered = [&] {
      const Snapshot& snapshot = daemon->engine()->snapshot();
      const VolumeEntry* entry = snapshot.volume_by_name(volume_name_of(volume));
      return entry != nullptr &&
             std::any_of(entry->claims.begin(), entry->claims.end(), [&](const Claim* one) {
               const Host* there = snapshot.host(one->host);
               return one->kind == ClaimKind::operator_ && one->wanted && there != nullptr &&
                      there->name == machine.name;
             });
    };
    if (daemon != nullptr && !ordered()) return;
    if (daemon != nullptr) daemon->order(DetachVolume{volume_name_of(volume), machine.name});
  }
  world_.time.after(seconds(30), [this, volume, host] { end_use(volume, host); });
}

}  // namespace extvold::sim
