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
  return out;
}

Setting node_side() {
  Setting out = base("node-side", "hosts report their mounts, and refuse a detach of what is mounted");
  out.can.host_reports = true;
  out.detach_refused_in_use = true;
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
  out.provider_list = kSeldom;
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
  Setting lost = enforced();
  lost.name = "lost";
  lost.about = "as enforced, under a framework that knows nothing of partitions; the stream breaks";
  lost.begin = Begin::wanted;
  lost.lost_task_is_terminal = true;
  lost.stream_breaks = 1;
  return {enforced(), silent(), unsure, lost, volume_fence(), host_fence(), node_side()};
}

std::vector<Setting> lying_settings() {
  Setting detach = enforced();
  detach.name = "lies-detach";
  detach.about = "says that a detach cuts the host off, and leaves mounts alone";
  detach.can.exclusive_attach = false;
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
  late.crashes = late.lost_answers = late.slow_looks = 0;  // it takes long enough without
  late.depth = 16;
  return {detach, agent, fence, late};
}

}  // namespace extvold::small_world
