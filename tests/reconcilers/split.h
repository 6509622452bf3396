// Split: the world in which fences are asked for, a host that nobody hears of and another that waits.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/reconcilers/held.h"

namespace extvold::testing {

inline constexpr Duration kAfter = minutes(10);

// A storage that cuts hosts off by itself, and tells nobody of its hosts' mounts.
inline Policy fencing(std::vector<FenceRung> ladder = {FenceRung::volume, FenceRung::host, FenceRung::power,
                                                       FenceRung::operator_}) {
  Policy policy = EngineWorld::default_policy();
  Capabilities& can = policy.providers[0].capabilities;
  can.host_reports = false;
  can.exclusive_attach = false;
  can.shows_running_calls = false;
  can.fence_volume = can.fence_host = can.fence_verifiable = true;
  policy.power_hosts = {"a1"};
  policy.fences = {{{}, {}, {.when = FenceWhen::after, .after = kAfter, .ladder = std::move(ladder)}}};
  return policy;
}

// Nor does a detach keep anybody from writing: only the fence does.
inline Policy only_fences(std::vector<FenceRung> ladder) {
  Policy policy = fencing(std::move(ladder));
  policy.providers[0].capabilities.detach_enforced = false;
  return policy;
}

// pg.1 has pgdata on a1, whose agent is unreachable; pg.2 waits for it on a2.
class Split : public Held {
 public:
  explicit Split(Policy policy = fencing()) : Held(std::move(policy)) {
    silent_agents.insert("A1");
    task_updated("pg.1", "A1", TaskState::task_unreachable, StatusSource::source_master,
                 "REASON_AGENT_REMOVED");
    run_task("pg.2", "A2", "pgdata");
    advance(seconds(10));
  }
  // The master's next snapshot: A2 with pg.2. A1 is where the registry says.
  void rejoin() {
    subscribe();
    agent_added("A2", "a2");
    TaskRecord record = task("pg.2", "A2", "pgdata", TaskState::task_running);
    task_added(record);
  }
  // The answer of a call that was made before.
  void answer(const Fence& fence, FenceAct act, FenceCallState state) {
    FenceResult result;
    result.id = fence.id;
    result.act = act;
    result.state = state;
    result.error = {Errc::uncertain, "no answer in time"};
    result.sent_at = result.ended_at = now().at;
    post(reconcilers::FenceCallEnded{std::move(result)});
    settle();
  }
  std::vector<std::string> sets() const {
    std::vector<std::string> out;
    for (const std::string& call : fence_calls) {
      if (call.starts_with("set")) out.push_back(call);
    }
    return out;
  }
  const Host& a1() const { return *engine().snapshot().host_by_name("a1"); }
  const Fence* fence() const {
    const auto& fences = engine().snapshot().fences();
    return fences.empty() ? nullptr : &fences.begin()->second;
  }
};

}  // namespace extvold::testing
