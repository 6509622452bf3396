// EngineWorld's storage: what it shows, and what comes of a call.
#include <algorithm>
#include <utility>

#include "tests/reconcilers/engine_world.h"

namespace extvold::testing {

ObservedVolume EngineWorld::observed(const std::string& key, const FakeVolume& volume) const {
  ObservedVolume out;
  out.key = key;
  out.provider_ref = "ref-" + key;
  if (policy_.providers[0].capabilities.keeps_tags) out.ledger_id = volume.ledger_id;
  out.pool = "p1";
  out.size_mb = sizes_untold ? 0 : volume.made.size_mb;
  out.call_running = running_calls.contains(key) ? TriState::yes : TriState::no;
  for (const std::string& host : volume.hosts) {
    if (attachments_untold) break;
    ObservedAttachment one;
    const auto identity = volume.identities.find(host);
    one.host_identity =
        identity == volume.identities.end() ? identity_of(policy_.providers[0], host) : identity->second;
    one.device = "/dev/loop-" + key;
    if (const auto at = fence_addresses.find(host); at != fence_addresses.end())
      one.fence_addresses = at->second;
    if (const auto boot = volume.boots.find(host); boot != volume.boots.end()) one.boot_id = boot->second;
    const bool busy = volume.busy_hosts.contains(host);
    if (!mute_hosts.contains(host)) {
      one.mounted = one.open = busy ? TriState::yes : TriState::no;
      if (busy) one.mount_paths.push_back("/mnt/" + host);
    }
    out.attachments.push_back(one);
  }
  return out;
}

bool EngineWorld::throttles() {
  asked.push_back(at_);
  std::erase_if(served_, [&](Instant then) { return then + seconds(1) <= at_; });
  if (serves_per_second == 0 || served_.size() < static_cast<std::size_t>(serves_per_second)) {
    served_.push_back(at_);
    return false;
  }
  throttled_at.push_back(at_);
  return true;
}

void EngineWorld::answer_observation(const reconcilers::ObserveProvider& wish) {
  ProviderObservation out;
  out.provider = wish.provider;
  out.volume_key = wish.volume_key;
  out.sent_at = at_;
  out.ended_at = at_;
  if (throttles()) {
    out.throttled = true;
    out.retry_after = retry_after;
    out.why_incomplete = "slow down";
    queue_.emplace_back(reconcilers::ObservationArrived{std::move(out)});
    return;
  }
  const bool list = wish.volume_key.empty();
  out.complete = !provider_silent && (list || !inspects_fail);
  if (!out.complete) out.why_incomplete = "no answer";
  for (const auto& [key, volume] : truth) {
    if (list && list_omits.contains(key)) continue;
    const VolumeEntry* known = engine_->snapshot().volume_by_key(wish.provider, key);
    const bool id_known = known != nullptr && !known->volume.provider_ref.empty();
    if (!policy_.providers[0].capabilities.shows_created && !id_known) continue;
    if (out.complete && !list_empty && (wish.volume_key.empty() || wish.volume_key == key))
      out.volumes.push_back(observed(key, volume));
    if (list && list_repeats == key && !out.volumes.empty()) out.volumes.push_back(out.volumes.back());
  }
  for (const auto& [host, boot] : boot_ids) {
    if (mute_hosts.contains(host)) continue;
    const bool used = still_open.contains(host) ||
                      std::any_of(truth.begin(), truth.end(), [&, &host = host](const auto& one) {
                        return (list || wish.volume_key == one.first) && one.second.busy_hosts.contains(host);
                      });
    out.hosts.push_back({identity_of(policy_.providers[0], host), boot, used ? TriState::yes : TriState::no});
  }
  queue_.emplace_back(reconcilers::ObservationArrived{std::move(out)});
}

void EngineWorld::finish_hung() {
  for (const OperationCall& call : std::exchange(hung_, {})) {
    OperationResult result;
    result.id = call.operation.id;
    take_effect(call, result);
    result.ended_at = at_;
    queue_.emplace_back(reconcilers::OperationEnded{std::move(result)});
  }
  settle();
}

void EngineWorld::take_effect(const OperationCall& call, OperationResult& result) {
  const std::string& key = call.volume.key;
  result.state = OperationState::done;
  result.outcome = Outcome::changed;
  const auto refuse = [&](std::string why) {
    result.state = OperationState::failed;
    result.error = {Errc::conflict, std::move(why)};
  };
  if (call.operation.kind != OperationKind::create && !truth.contains(key)) return refuse("no such volume");
  switch (call.operation.kind) {
    case OperationKind::create:
      if (!truth.try_emplace(key, FakeVolume{call.volume, call.ledger_id, {}, {}, {}}).second)
        result.outcome = Outcome::unchanged;
      result.provider_ref = "ref-" + key;
      result.granted_size_mb = call.volume.size_mb;
      return;
    case OperationKind::format:
      truth.at(key).blank = false;
      return;
    case OperationKind::attach:
      if (fenced_volumes.contains({key, call.host_name})) return refuse("it is fenced");
      if (policy_.providers[0].capabilities.exclusive_attach && is_single_writer(call.volume.access)) {
        for (const std::string& host : truth.at(key).hosts) {
          if (host != call.host_name) return refuse("it is attached to " + host);
        }
      }
      truth.at(key).hosts.insert(call.host_name);
      result.host_identity = identity_of(policy_.providers[0], call.host_name);
      truth.at(key).identities[call.host_name] = result.host_identity;
      result.device = "/dev/loop-" + key;
      if (fence_addresses.contains(call.host_name))
        result.fence_addresses = fence_addresses.at(call.host_name);
      if (boot_ids.contains(call.host_name)) result.boot_id = boot_ids.at(call.host_name);
      truth.at(key).boots[call.host_name] = result.boot_id;
      return;
    case OperationKind::detach:
      if (truth.at(key).busy_hosts.contains(call.host_name)) return refuse("it is mounted");
      if (truth.at(key).held_hosts.contains(call.host_name)) return refuse("something holds it");
      truth.at(key).hosts.erase(call.host_name);
      truth.at(key).identities.erase(call.host_name);
      return;
    case OperationKind::remove:
      truth.erase(key);
      return;
    case OperationKind::resize:
      truth.at(key).made.size_mb = std::max(truth.at(key).made.size_mb, call.volume.wanted_size_mb);
      return;
  }
}

void EngineWorld::answer_call(const OperationCall& call) {
  before_call(call);
  if (call.operation.kind == OperationKind::create && call.volume.source)
    source_refs.push_back(call.source_ref);
  calls.push_back(std::string(to_text(call.operation.kind)) + " " + call.volume.name +
                  (call.host_name.empty() ? "" : " " + call.host_name));
  OperationResult result;
  result.id = call.operation.id;
  if (throttles()) {
    result.state = OperationState::failed;
    result.error = {Errc::throttled, "slow down", retry_after};
    result.ended_at = at_;
    queue_.emplace_back(reconcilers::OperationEnded{std::move(result)});
    return;
  }
  const auto found = mishap.find(call.operation.kind);
  switch (found == mishap.end() ? Mishap::none : found->second) {
    case Mishap::none:
      take_effect(call, result);
      break;
    case Mishap::fail_before:
      result.state = OperationState::failed;
      result.error = {Errc::unavailable, "the provider refused"};
      break;
    case Mishap::lose_reply_after:
      take_effect(call, result);
      result = {};
      result.id = call.operation.id;
      result.error = {Errc::uncertain, "no answer in time"};
      break;
    case Mishap::lose_reply_before:
      result.error = {Errc::uncertain, "no answer in time"};
      break;
    case Mishap::lie:
      result.state = OperationState::done;
      result.outcome = Outcome::changed;
      break;
    case Mishap::hang:
      hung_.push_back(call);
      return;
  }
  result.ended_at = at_;
  queue_.emplace_back(reconcilers::OperationEnded{std::move(result)});
}

}  // namespace extvold::testing
