#include "tests/sim/config.h"

#include <fmt/format.h>

#include "tests/sim/random.h"

namespace extvold::sim {
namespace {

constexpr std::int64_t kDay = 24LL * 3600;

Personality draw_personality(Random& random, int number) {
  Personality out;
  ProviderInfo& info = out.info;
  info.name = ProviderName(fmt::format("local~p{}", number));
  info.pools = {"a"};
  info.reach_all = true;
  Capabilities& can = info.capabilities;
  can.create = true;
  can.attach_to_named_host = true;
  can.list_attachments = true;
  can.detach_enforced = random.chance(70);
  can.exclusive_attach = random.chance(40);
  can.shows_running_calls = random.chance(50);
  can.host_reports = random.chance(40);
  can.fence_volume = random.chance(50);
  can.fence_host = random.chance(40);
  can.fence_verifiable = random.chance(80);
  can.fence_cooperative = random.chance(15);
  can.fence_bars_late_calls = random.chance(50);
  out.refuses_busy = random.chance(50);
  out.needs_host = can.host_reports && random.chance(60);
  // Too short to be of use, in need of renewal, long enough.
  if (random.chance(50))
    out.fences_last =
        random.pick(std::vector<Duration>{minutes(10), seconds(61 * kDay), seconds(400 * kDay)});
  out.latency_max = random.chance(20) ? seconds(30) : seconds(3);
  info.settle_time = random.chance(50) ? seconds(60) : seconds(300);
  info.calls_max = static_cast<int>(random.between(1, 4));
  if (random.chance(50)) info.format_host = host_name_of(0);
  return out;
}

// Which rungs there are, in the order of their reach; what a person would rather have left out is.
void draw_fence(Random& random, Config& config) {
  FencePolicy& fence = config.fence;
  if (!random.chance(70)) return;
  fence.when = FenceWhen::after;
  fence.after = random.between(seconds(20), minutes(12));
  fence.ladder.clear();
  for (const FenceRung rung : {FenceRung::volume, FenceRung::host, FenceRung::power, FenceRung::operator_}) {
    if (random.chance(rung == FenceRung::operator_ ? 70 : 55)) fence.ladder.push_back(rung);
  }
  if (fence.ladder.empty()) fence.ladder.push_back(FenceRung::operator_);
  fence.accept_cooperative = random.chance(50);
  fence.tell_mesos = random.pick(
      std::vector<TellMesos>{TellMesos::nothing, TellMesos::deactivate_agent, TellMesos::mark_agent_gone});
  config.fence_storm_max = static_cast<int>(random.between(1, 5));
  if (random.chance(20)) config.unfenced = static_cast<int>(random.below(config.hosts));
}

void draw_faults(Random& random, Config& config) {
  // One run in twelve is calm; the others have between a few kinds of faults and most of them.
  if (random.chance(8)) return;
  const int share = static_cast<int>(random.between(10, 70));
  for (std::size_t i = 0; i < static_cast<std::size_t>(Fault::escapes); ++i) {
    if (random.chance(share)) config.faults.put(static_cast<Fault>(i));
  }
  Random later(config.seed, "later faults");
  for (const Fault one : {Fault::escapes, Fault::holds, Fault::mistakes, Fault::executor_again})
    config.faults.put(one, later.chance(share / 2));
  // What makes a run about little else is rarer.
  for (const Fault rare : {Fault::ledger_lost, Fault::ledger_restored, Fault::second_daemon,
                           Fault::first_start, Fault::framework_removed, Fault::clock_jump}) {
    if (!random.chance(30)) config.faults.put(rare, false);
  }
}

}  // namespace

std::string host_name_of(int host) { return fmt::format("h{}", host); }
std::string volume_name_of(int volume) { return fmt::format("v{}", volume); }

Config draw_config(std::uint64_t seed, const Overrides& overrides) {
  Random random(seed, "config");
  Config out;
  out.seed = seed;
  const bool large = random.chance(10);
  out.hosts = static_cast<int>(large ? random.between(8, 20) : random.between(2, 6));
  out.volumes = static_cast<int>(large ? random.between(15, 50) : random.between(1, 8));
  out.fault_every = random.between(minutes(1), minutes(15));
  out.mishaps_percent = static_cast<int>(random.between(1, 40));
  out.move_every = random.between(minutes(3), minutes(30));
  out.agents_trusted = random.chance(80);
  out.patient = random.chance(30);
  out.power = random.chance(40);
  draw_faults(random, out);
  const int providers = random.chance(25) ? 2 : 1;
  for (int n = 0; n < providers; ++n) out.providers.push_back(draw_personality(random, n));
  draw_fence(random, out);
  Random budgets(seed, "budgets");
  for (Personality& one : out.providers)
    if (budgets.chance(20)) one.info.calls_per_second = static_cast<int>(budgets.between(1, 10));
  Random growth(seed, "growth");
  out.faults.put(Fault::resizes, !out.faults.empty() && growth.chance(15));
  for (Personality& one : out.providers) {
    one.info.capabilities.resize = growth.chance(80);
    one.info.capabilities.resize_attached = one.info.capabilities.resize && growth.chance(70);
  }
  if (overrides.hosts) out.hosts = *overrides.hosts;
  if (overrides.volumes) out.volumes = *overrides.volumes;
  if (overrides.safety) out.safety = *overrides.safety;
  if (overrides.calm) out.faults = {};
  for (std::size_t i = 0; i < Fault_texts.size(); ++i) {
    if (overrides.without.has(static_cast<Fault>(i))) out.faults.put(static_cast<Fault>(i), false);
  }
  return out;
}

Policy policy_of(const Config& config) {
  Policy out;
  for (const Personality& one : config.providers) {
    out.providers.push_back(one.info);
    const std::string driver = fmt::format("driver{}", out.providers.size() - 1);
    out.drivers.push_back({driver, one.info.name, AttachBy::extvold, {}});
  }
  out.agents_use_linux_launcher = config.agents_trusted;
  out.agents_api_unfiltered = config.agents_trusted;
  out.fences.push_back({{}, {}, config.fence});
  out.fence_storm_max = config.fence_storm_max;
  for (int n = 0; n < config.hosts && config.power; ++n) out.power_hosts.push_back(host_name_of(n));
  if (config.unfenced >= 0) out.never_fence.push_back(host_name_of(config.unfenced));
  return out;
}

}  // namespace extvold::sim
