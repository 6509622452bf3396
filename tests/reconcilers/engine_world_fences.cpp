// EngineWorld's fences: what the storage and the power switches do when they are asked.
#include "tests/reconcilers/engine_world.h"

namespace extvold::testing {

bool EngineWorld::is_fenced(const FenceCall& call) const {
  switch (call.fence.rung) {
    case FenceRung::volume:
      return fenced_volumes.contains({call.volume.key, call.fence.target});
    case FenceRung::host:
      return fenced_hosts.contains(call.fence.target);
    case FenceRung::power:
      return powered_off.contains(call.fence.target);
    case FenceRung::operator_:
      break;
  }
  return false;
}

void EngineWorld::set_fence(const FenceCall& call, bool stands) {
  const std::string& host = call.fence.target;
  if (stands && fence_lasts.ns != 0) fence_expires_at = {now().wall.ns + fence_lasts.ns};
  const auto put = [&](auto& set, auto value) { stands ? void(set.insert(value)) : void(set.erase(value)); };
  if (call.fence.rung == FenceRung::power) return put(powered_off, host);
  if (call.fence.rung == FenceRung::host) return put(fenced_hosts, host);
  put(fenced_volumes, std::pair(call.volume.key, host));
  if (stands && truth.contains(call.volume.key)) truth.at(call.volume.key).hosts.erase(host);
}

void EngineWorld::answer_fence(const FenceCall& call) {
  const std::string& addresses = call.fence.fence_addresses;
  fence_calls.push_back(std::string(to_text(call.act)) + " " + std::string(to_text(call.fence.rung)) + " " +
                        call.fence.target + (addresses.empty() ? "" : " by " + addresses));
  FenceResult result;
  result.id = call.fence.id;
  result.act = call.act;
  result.sent_at = result.ended_at = at_;
  result.state = FenceCallState::done;
  if (fences_throttled && call.fence.rung != FenceRung::power) {
    result.state = FenceCallState::failed;
    result.error = {Errc::throttled, "slow down", retry_after};
    return post(reconcilers::FenceCallEnded{std::move(result)});
  }
  const auto found = fence_mishap.find(call.act);
  const Mishap how = found == fence_mishap.end() ? Mishap::none : found->second;
  const bool takes_effect = how == Mishap::none || how == Mishap::lose_reply_after;
  if (call.act == FenceAct::check) {
    result.held = fences_unseen ? TriState::unknown : is_fenced(call) ? TriState::yes : TriState::no;
    result.seen = result.held == TriState::yes  ? "it is cut off"
                  : result.held == TriState::no ? "it is not cut off"
                                                : "the storage does not say";
    if (result.held == TriState::yes) result.expires_at = fence_expires_at;
  } else if (takes_effect) {
    set_fence(call, call.act == FenceAct::set);
  }
  if (how == Mishap::hang) return;
  if (how == Mishap::fail_before) result.state = FenceCallState::failed;
  if (how == Mishap::lose_reply_after || how == Mishap::lose_reply_before)
    result.state = FenceCallState::uncertain;
  if (result.state != FenceCallState::done) result.error = {Errc::unavailable, "as the test wants it"};
  if (call.act == FenceAct::check) result.sent_at = at_ + Duration{1};  // a look takes its time
  post(reconcilers::FenceCallEnded{std::move(result)});
}

}  // namespace extvold::testing
