#include "tests/sim/mischief.h"

#include <fmt/format.h>

#include "tests/sim/world.h"

namespace extvold::sim {

const Mischief::Kind Mischief::kKinds[] = {
    {Fault::stream_cut, &Mischief::cut_stream},
    {Fault::master_failover, &Mischief::fail_master_over},
    {Fault::permissions, &Mischief::hide_tasks},
    {Fault::agent_restart, &Mischief::restart_agent},
    {Fault::agent_new_id, &Mischief::renew_agent},
    {Fault::agent_leaves, &Mischief::unregister_agent},
    {Fault::marked_gone, &Mischief::mark_agent_gone},
    {Fault::framework_removed, &Mischief::remove_framework, 6},
    {Fault::partition, &Mischief::cut_off_host},
    {Fault::host_freeze, &Mischief::freeze_host},
    {Fault::host_death, &Mischief::kill_host},
    {Fault::host_reboot, &Mischief::reboot_host},
    {Fault::provider_silent, &Mischief::silence_provider},
    {Fault::foreign_volumes, &Mischief::make_foreign_volume},
    {Fault::operators, &Mischief::act_by_hand},
    {Fault::daemon_crash, &Mischief::kill_daemon},
    {Fault::power_cut, &Mischief::cut_power},
    {Fault::daemon_paused, &Mischief::pause_daemon},
    {Fault::guard_lost, &Mischief::take_guard},
    {Fault::ledger_restored, &Mischief::restore_ledger, 3},
    {Fault::ledger_lost, &Mischief::lose_ledger, 6},
    {Fault::second_daemon, &Mischief::change_daemons, 4},
    {Fault::clock_jump, &Mischief::set_clock},
};

Mischief::Mischief(World& world) : world_(world), random_(world.config.seed, "mischief") {}

void Mischief::start() {
  for (const Kind& kind : kKinds) {
    if (world_.config.faults.has(kind.fault)) again(kind);
  }
}

void Mischief::again(const Kind& kind) {
  world_.time.after(random_.about(world_.config.fault_every * kind.rarer), [this, &kind] {
    if (!world_.faults_on) return;
    world_.note("fault", to_text(kind.fault));
    (this->*kind.act)();
    again(kind);
  });
}

int Mischief::some_host() { return static_cast<int>(random_.below(world_.hosts.count())); }
Daemon& Mischief::some_daemon() { return *random_.pick(world_.daemons); }
Duration Mischief::a_while() {
  return random_.chance(50) ? random_.between(seconds(5), minutes(2))
                            : random_.between(minutes(2), minutes(20));
}

// ---- Mesos

void Mischief::cut_stream() { world_.master.cut_streams("the connection broke"); }
void Mischief::fail_master_over() { world_.master.fail_over(random_.between(seconds(3), seconds(60))); }
void Mischief::hide_tasks() {
  world_.master.hide_tasks(true);
  world_.time.after(random_.between(seconds(30), minutes(10)), [this] { world_.master.hide_tasks(false); });
}
void Mischief::restart_agent() { world_.agents.restart(some_host(), /*new_id=*/false); }
void Mischief::renew_agent() { world_.agents.restart(some_host(), /*new_id=*/true); }
void Mischief::unregister_agent() { world_.agents.leave(some_host()); }
void Mischief::mark_agent_gone() { world_.master.mark_gone(world_.agents.id_at(some_host())); }

void Mischief::remove_framework() {
  const std::string old = fmt::format("F{}", frameworks_);
  const std::string next = fmt::format("F{}", ++frameworks_);
  world_.master.add_framework(FrameworkId(next));
  for (Service& one : world_.workload.services()) one.framework = next;
  world_.master.remove_framework(FrameworkId(old));
}

// ---- hosts

void Mischief::cut_off_host() {
  const int host = some_host();
  Machine& machine = world_.hosts.at(host);
  const bool both = random_.chance(60);
  const bool masters = both || random_.chance(50);
  if (masters) machine.master_reaches = false;
  if (both || !masters) machine.daemon_reaches = false;
  world_.note("host.partitioned", machine.name, masters, both || !masters);
  world_.agents.link_changed(host);
  world_.time.after(a_while(), [this, host] {
    Machine& there = world_.hosts.at(host);
    there.master_reaches = there.daemon_reaches = true;
    world_.note("host.connected", there.name);
    world_.agents.link_changed(host);
  });
}

void Mischief::freeze_host() {
  const int host = some_host();
  if (world_.hosts.at(host).state != MachineState::up) return;
  world_.probes.hit(Probe::host_froze);
  world_.hosts.freeze(host);
  world_.time.after(a_while(), [this, host] { world_.hosts.thaw(host); });
}

void Mischief::kill_host() {
  const int host = some_host();
  if (world_.hosts.at(host).state == MachineState::off) return;
  world_.probes.hit(Probe::host_died);
  world_.hosts.power_off(host);
  world_.time.after(a_while(), [this, host] { world_.hosts.boot(host); });
}

void Mischief::reboot_host() {
  const int host = some_host();
  if (world_.hosts.at(host).state == MachineState::off) return;
  world_.probes.hit(Probe::host_rebooted);
  world_.hosts.power_off(host);
  world_.time.after(random_.between(seconds(2), seconds(50)), [this, host] { world_.hosts.boot(host); });
}

// ---- storage and people

void Mischief::silence_provider() {
  const auto count = static_cast<std::int64_t>(world_.config.providers.size());
  world_.storage.silence(static_cast<int>(random_.below(count)), random_.between(seconds(20), minutes(6)));
}

void Mischief::make_foreign_volume() {
  world_.storage.make_foreign(0, fmt::format("foreign-{}", random_.below(5)), "nobody's");
}

void Mischief::act_by_hand() {
  world_.people.switch_on();
  if (random_.chance(50)) {
    world_.people.map_by_hand();
  } else {
    world_.people.use_by_hand();
  }
}

// ---- daemons

void Mischief::kill_daemon() { some_daemon().kill(random_.between(milliseconds(200), minutes(3))); }
void Mischief::cut_power() { some_daemon().cut_power(random_.between(seconds(5), minutes(4))); }
void Mischief::pause_daemon() { some_daemon().pause(random_.between(seconds(1), minutes(8))); }
void Mischief::lose_ledger() { some_daemon().lose_ledger(); }

void Mischief::take_guard() {
  Daemon& daemon = some_daemon();
  if (!daemon.holds_guard()) return;
  world_.probes.hit(Probe::guard_was_lost);
  daemon.set_guard("the guard in ZooKeeper was lost");
  world_.time.after(random_.between(milliseconds(50), minutes(2)), [this, n = daemon.number()] {
    if (nobody_holds_the_guard()) world_.daemons[static_cast<std::size_t>(n)]->set_guard({});
  });
}

void Mischief::restore_ledger() {
  Daemon& daemon = some_daemon();
  if (daemon.has_backup() && random_.chance(60)) {
    daemon.restore();
  } else {
    daemon.back_up();
  }
}

// Another one, with a copy of the ledger as it is now, takes the guard; the first lives on without it.
void Mischief::change_daemons() {
  Daemon* from = world_.acting();
  if (from == nullptr) return;
  Daemon& to = *world_.daemons[from->number() == 0 ? 1 : 0];
  world_.probes.hit(Probe::second_daemon_took_over);
  from->set_guard("another extvold holds the guard");
  to.take_ledger_of(*from);
  world_.time.after(random_.between(milliseconds(100), minutes(1)), [this, &to] {
    if (nobody_holds_the_guard()) to.set_guard({});
    to.start();
  });
}

void Mischief::set_clock() {
  world_.probes.hit(Probe::clock_jumped);
  const Duration day = minutes(26LL * 60);
  world_.time.set_wall_ahead(random_.between(Duration{-day.ns}, day));
}

bool Mischief::nobody_holds_the_guard() const {
  for (const auto& one : world_.daemons) {
    if (one->holds_guard()) return false;
  }
  return true;
}

void Mischief::stop() {
  world_.faults_on = false;
  world_.note("faults.stop");
  world_.master.hide_tasks(false);
  world_.storage.heal();
  for (int n = 0; n < world_.hosts.count(); ++n) {
    Machine& machine = world_.hosts.at(n);
    machine.master_reaches = machine.daemon_reaches = true;
    world_.hosts.thaw(n);
    world_.agents.link_changed(n);
  }
  if (nobody_holds_the_guard()) world_.daemons.front()->set_guard({});
  for (const auto& daemon : world_.daemons) daemon->start();
  world_.workload.steady();
}

}  // namespace extvold::sim
