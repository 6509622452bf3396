#include "tests/sim/run.h"

#include "tests/sim/convergence.h"
#include "tests/sim/world.h"

namespace extvold::sim {
namespace {

void note_config(World& world) {
  for (const Personality& one : world.config.providers) {
    const Capabilities& can = one.info.capabilities;
    world.note("provider", one.info.name.value, "detach_enforced", can.detach_enforced, "exclusive_attach",
               can.exclusive_attach, "shows_running_calls", can.shows_running_calls, "host_reports",
               can.host_reports, "refuses_busy", one.refuses_busy, "needs_host", one.needs_host, "settle_s",
               one.info.settle_time.ns / 1'000'000'000);
  }
  const FencePolicy& fence = world.config.fence;
  if (fence.when != FenceWhen::never) {
    world.note("fences", "after_s", fence.after.ns / 1'000'000'000, "cooperative", fence.accept_cooperative,
               "power", world.config.power);
    for (const FenceRung rung : fence.ladder) world.note("rung", to_text(rung));
  }
  for (std::size_t i = 0; i < Fault_texts.size(); ++i) {
    if (world.config.faults.has(static_cast<Fault>(i))) world.note("has", Fault_texts[i]);
  }
}

// A cluster that ran for long before there was an extvold: volumes without our tag, in use.
void grow_old(World& world) {
  for (Service& one : world.workload.services()) {
    if (one.volume % 2 != 0 || !one.task.value.empty()) continue;
    const auto provider =
        static_cast<int>(static_cast<std::size_t>(one.volume) % world.config.providers.size());
    const std::string name = volume_name_of(one.volume);
    if (!world.storage.disks_named(name).empty()) continue;
    world.storage.make_foreign(provider, "old-" + name, name);
    const int host = one.volume % world.hosts.count();
    world.storage.grant_to_task(*world.storage.disks_named(name).front(), host);
    world.workload.place(one, host);
  }
}

void settle(World& world, Instant from) {
  const auto stop = [&] { return world.oracle.failed(); };
  world.mischief.stop();
  const Instant bound = from + world.config.settling;
  std::string missing = "it was not looked at";
  std::int64_t calls = -1;
  std::string last_missing;
  Instant quiet_since = world.time.now();
  while (!world.oracle.failed()) {
    world.time.run_until(world.time.now() + seconds(30), stop);
    missing = what_is_missing(world);
    std::int64_t made = 0;
    for (const auto& daemon : world.daemons) made += daemon->calls_made();
    if (!missing.empty() || made != calls) quiet_since = world.time.now();
    calls = made;
    if (!missing.empty()) last_missing = missing;
    if (world.time.now() - quiet_since >= world.config.steady) return;  // as it should be, and it stays so
    if (world.time.now() < bound) continue;
    world.oracle.fail(missing.empty() ? "flaps" : "does_not_converge",
                      missing.empty() ? "now and then: " + last_missing : missing);
  }
}

}  // namespace

RunResult run(const Config& config, Trace::Keep keep) {
  World world(config, keep);
  const auto stop = [&] { return world.oracle.failed(); };
  const Instant began = world.time.now();
  note_config(world);
  world.agents.start();
  if (config.faults.has(Fault::first_start)) grow_old(world);
  world.time.run_until(world.time.now() + seconds(30), stop);
  for (std::size_t n = 1; n < world.daemons.size(); ++n)
    world.daemons[n]->set_guard("another extvold holds the guard");
  world.daemons.front()->start();
  world.workload.start();
  world.people.start();
  world.mischief.start();
  world.time.run_until(began + config.safety, stop);
  if (!world.oracle.failed()) settle(world, world.time.now());
  for (const auto& daemon : world.daemons) {
    if (!world.oracle.failed()) daemon->check_deeply();
  }
  RunResult out;
  out.rule = world.oracle.rule();
  out.what = world.oracle.what();
  out.hash = world.trace.hash();
  out.ended_at = world.time.now();
  out.simulated = world.time.now() - began;
  for (const auto& daemon : world.daemons) {
    out.steps += daemon->steps();
    out.calls += daemon->calls_made();
  }
  out.probes = world.probes;
  out.trace.assign(world.trace.recent().begin(), world.trace.recent().end());
  return out;
}

}  // namespace extvold::sim
