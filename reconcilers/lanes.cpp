// Lanes: how many calls are at work at a provider at once, and who is next.
#include "reconcilers/engine.h"

namespace extvold::reconcilers {

bool Engine::take_lane(const ProviderInfo& provider, Lane lane, VolumeId volume, HostId host) {
  LaneState& state = lanes_[{provider.name, lane}];
  const auto known = state.waits_at.find(volume);
  if (state.calls < provider.calls_max) {
    ++state.calls;
    if (known != state.waits_at.end()) state.forget(known);
    return true;
  }
  if (known != state.waits_at.end()) {
    if (known->second == host) return false;
    state.forget(known);
  }
  state.waiting[host].push_back(volume);
  state.waits_at[volume] = host;
  return false;
}

void Engine::LaneState::forget(std::map<VolumeId, HostId>::iterator known) {
  const auto queue = waiting.find(known->second);
  std::erase(queue->second, known->first);
  if (queue->second.empty()) waiting.erase(queue);
  waits_at.erase(known);
}

void Engine::leave_lane(const ProviderName& provider, Lane lane) {
  LaneState& state = lanes_[{provider, lane}];
  if (state.calls > 0) --state.calls;
}

// Where places are free, the oldest that waits of the next hosts is looked at again; who does not want its
// place any more leaves it to the one after.
bool Engine::call_waiting() {
  bool any = false;
  for (auto& [of, state] : lanes_) {
    const ProviderInfo* provider = policy_.provider(of.first);
    for (int free = provider == nullptr ? 0 : provider->calls_max - state.calls; free > 0; --free) {
      if (state.waiting.empty()) break;
      auto next = state.waiting.upper_bound(state.last_host);
      if (next == state.waiting.end()) next = state.waiting.begin();
      state.last_host = next->first;
      const VolumeId volume = next->second.front();
      touch(volume);
      state.forget(state.waits_at.find(volume));
      any = true;
    }
  }
  return any;
}

}  // namespace extvold::reconcilers
