#include "tests/small_world/setting.h"

namespace extvold::small_world {
namespace {

// What is asked again and again for its own sake is not looked at here: that often, never.
constexpr Duration kSeldom = seconds(10'000'000);

Setting base(std::string name, std::string about) {
  Setting out;
  out.name = std::move(name);
  out.about = std::move(about);
  out.can.create = true;
  out.can.attach_to_named_host = true;
  out.can.list_attachments = true;
  out.can.fence_verifiable = true;
  out.can.fence_bars_late_calls = true;
  return out;
}

Setting enforced() {
  Setting out =
      base("enforced", "a detach cuts the host off, a second host is refused, calls at work are shown");
  out.can.detach_enforced = out.can.exclusive_attach = out.can.shows_running_calls = true;
  return out;
}

Setting silent() {
  Setting out =
      base("silent", "a detach cuts the host off; a second host is not refused, calls are not shown");
  out.can.detach_enforced = true;
  return out;
}

Setting volume_fence() {
  Setting out = base("volume-fence", "a detach leaves mounts alone; one volume can be taken from one host");
  out.can.fence_volume = true;
  out.begin = Begin::lost;
  return out;
}

Setting host_fence() {
  Setting out = base("host-fence", "a detach leaves mounts alone; a host can be cut off from everything");
  out.can.fence_host = true;
  out.begin = Begin::lost;
  out.second = Second::moves;
  out.depth = 10;
  return out;
}

Setting node_side() {
  Setting out = base("node-side", "hosts report their mounts, and refuse a detach of what is mounted");
  out.can.host_reports = true;
  out.detach_refused_in_use = out.listed_often = true;
  out.depth = 10;
  out.begin = Begin::wanted;
  return out;
}

}  // namespace

Policy Setting::policy() const {
  Policy out;
  ProviderInfo provider;
  provider.name = ProviderName("local~lab");
  provider.capabilities = can;
  provider.pools = {"p"};
  provider.reach_all = true;
  provider.settle_time = kSettleTime;
  out.providers = {provider};
  out.drivers = {{"extvold", provider.name, AttachBy::extvold, {}}};
  out.agents_use_linux_launcher = true;
  out.agents_api_unfiltered = true;
  out.detach_linger = {};
  out.agent_poll_min = out.agent_poll_max = {};
  out.master_poll = kSeldom;
  out.master_poll_min = {};
  out.provider_list = listed_often ? seconds(60) : kSeldom;
  out.observation_age_max = kSeldom;
  out.audit = kSeldom;
  out.fence_check = kSeldom;
  out.retry_min = out.retry_max = seconds(60);
  out.fence_retry = seconds(60);
  out.operation_deadline = kDeadline;
  out.detach_storm_max = 1000;
  out.fence_storm_max = 1000;
  out.fence_storm_percent = 100;
  if (can.fence_volume || can.fence_host) {
    FenceRule rule;
    rule.policy.when = FenceWhen::after;
    rule.policy.after = seconds(60);
    rule.policy.ladder = {FenceRung::volume, FenceRung::host, FenceRung::operator_};
    out.fences.push_back(rule);
  }
  return out;
}

std::vector<Setting> honest_settings() {
  Setting unsure = silent();
  unsure.name = "unsure";
  unsure.about = "as silent, and an attach was given up before that may still take effect";
  unsure.begin = Begin::unsure;
  unsure.depth = 10;
  Setting lost = enforced();
  lost.name = "lost";
  lost.about = "as enforced, under a framework that knows nothing of partitions; the stream breaks";
  lost.begin = Begin::wanted;
  lost.lost_task_is_terminal = true;
  lost.stream_breaks = 1;
  // A longer way, and no crash on it.
  Setting far = host_fence();
  far.name = "host-fence-far";
  far.about = "as host-fence, to where the volume has moved, without a crash";
  far.second = Second::rests;
  far.crashes = 0;
  far.depth = 14;
  // The same storage once more, with answers that are lost and looks that are slow.
  Setting flaky = silent();
  flaky.name = "flaky";
  flaky.about = "as silent, wanted on host 1 from the start; a call fails, an answer is lost, a look is slow";
  flaky.begin = Begin::wanted;
  flaky.lost_answers = flaky.slow_looks = flaky.refusals = 1;
  flaky.depth = 9;
  Setting flaky_fence = volume_fence();
  flaky_fence.name = "flaky-fence";
  flaky_fence.about = "as volume-fence; a call fails, an answer is lost, a look is slow";
  flaky_fence.lost_answers = flaky_fence.slow_looks = flaky_fence.refusals = 1;
  flaky_fence.depth = 9;
  return {enforced(),   silent(), unsure,      lost,  volume_fence(),
          host_fence(), far,      node_side(), flaky, flaky_fence};
}

std::vector<Setting> lying_settings() {
  Setting detach = enforced();
  detach.name = "lies-detach";
  detach.about = "says that a detach cuts the host off, and leaves mounts alone";
  detach.can.exclusive_attach = false;
  detach.depth = 12;
  detach.lie = Lie::detach_not_enforced;
  Setting agent = enforced();
  agent.name = "lies-agent";
  agent.about = "an agent calls an executor completed whose container runs";
  agent.lie = Lie::agent_hides_tasks;
  Setting fence = host_fence();
  fence.name = "lies-fence";
  fence.about = "a look says that a fence holds that lets everything through";
  fence.lie = Lie::fence_not_held;
  Setting late = silent();
  late.name = "lies-late";
  late.about = "a call takes effect after the time for which calls are said to linger";
  late.begin = Begin::unsure;
  late.lie = Lie::late_beyond_promise;
  late.crashes = 0;  // it takes long enough without
  late.depth = 16;
  return {detach, agent, fence, late};
}

}  // namespace extvold::small_world
