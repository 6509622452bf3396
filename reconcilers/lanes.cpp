// Lanes and budgets: how many calls are at work at a provider at once, how many it gets in all, and who is
// next.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

bool Engine::take_lane(const ProviderInfo& provider, Lane lane, VolumeId volume, HostId host, Now now) {
  LaneState& state = lanes_[{provider.name, lane}];
  const auto known = state.waits_at.find(volume);
  if (state.calls < provider.calls_max && calls_now(provider, now) > 0) {
    ++state.calls;
    spend_call(provider, now);
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
// place any more leaves it to the one after. Of a budget for fewer than could be called the lanes take turns.
bool Engine::call_waiting(Now now) {
  std::vector<std::pair<const ProviderInfo*, LaneState*>> turns;
  for (auto& [of, lane] : lanes_) {
    const ProviderInfo* provider = policy_.provider(of.first);
    if (provider != nullptr && !lane.waiting.empty()) turns.emplace_back(provider, &lane);
  }
  std::stable_partition(turns.begin(), turns.end(), [](const auto& one) { return !one.second->had_turn; });
  bool any = false;
  std::map<ProviderName, int> left;
  for (auto& [provider, lane] : turns) {
    int& calls = left.try_emplace(provider->name, calls_now(*provider, now)).first->second;
    lane->had_turn = calls > 0;
    for (int free = std::min(provider->calls_max - lane->calls, calls); free > 0; --free, --calls) {
      if (lane->waiting.empty()) break;
      call_next(*lane);
      any = true;
    }
  }
  return any;
}

void Engine::call_next(LaneState& lane) {
  auto next = lane.waiting.upper_bound(lane.last_host);
  if (next == lane.waiting.end()) next = lane.waiting.begin();
  lane.last_host = next->first;
  const VolumeId volume = next->second.front();
  touch(volume);
  lane.forget(lane.waits_at.find(volume));
}

// How many more calls of any kind it may be asked for at this moment.
int Engine::calls_now(const ProviderInfo& provider, Now now) const {
  const int calls = observed_.budget(provider.name).calls_now(provider.calls_per_second, now.at);
  return EXTVOLD_PERMITS(call_budget, calls > 0) ? std::max(calls, 1) : 0;
}

Instant Engine::next_call(const ProviderInfo& provider) const {
  return observed_.budget(provider.name).next_call(provider.calls_per_second);
}

void Engine::spend_call(const ProviderInfo& provider, Now now) {
  const auto known = observed_.providers.find(provider.name);
  if (provider.calls_per_second == 0 && known == observed_.providers.end()) return;  // nothing to count yet
  observed_.providers[provider.name].budget.spend(provider.calls_per_second, now.at);
}

// Whoever waits for a place there is told what for.
void Engine::note_throttled(const ProviderInfo& provider, const Error& error, Now now) {
  Budget& budget = observed_.providers[provider.name].budget;
  const Budget before = budget;
  budget.throttled(provider.calls_per_second, error.retry_after, now.at);
  if (budget.complaints == before.complaints) return;
  history({.kind = "provider.throttled",
           .rule = "budget",
           .text = fmt::format(
               "{}: {}; but for fences it is not asked for {} s, and then {:.1f} times a second",
               provider.name.value, error.message, (budget.paused_until - now.at).ns / 1'000'000'000,
               static_cast<double>(budget.learned_milli) / 1000)});
  for (auto& [of, state] : lanes_) {
    if (of.first != provider.name) continue;
    for (const auto& [volume, host] : state.waits_at) touch(volume);
  }
}

void Engine::note_served(const ProviderInfo& provider, Now now) {
  const auto known = observed_.providers.find(provider.name);
  if (known != observed_.providers.end()) known->second.budget.served(provider.calls_per_second, now.at);
}

// When the first that waits for nothing but the budget may call. Kept out: who waits for a place.
Instant Engine::next_call_of_lanes() const {
  Instant next = kNever;
  for (const auto& [of, state] : lanes_) {
    const ProviderInfo* provider = policy_.provider(of.first);
    if (provider != nullptr && !state.waiting.empty() && state.calls < provider->calls_max)
      next = std::min(next, next_call(*provider));
  }
  return next;
}

}  // namespace extvold::reconcilers
