#include "reconcilers/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
void plan_volume(const Look& look, const VolumeEntry& entry, VolumePlan& out) {
  if (entry.volume.state == VolumeState::removed) return;
  const ProviderInfo* provider = look.policy.provider(entry.volume.pool.provider);
  if (provider == nullptr) {
    out.block(entry.volume.id, {}, "provider_not_configured", Owner::operator_,
              fmt::format("volume {} lives at {}, which the configuration does not know", entry.volume.name,
                          entry.volume.pool.provider.value));
    return;
  }
  const VolumeLook volume_look{look, entry, *provider, look.observed.volume(entry.volume.id)};
  if (EXTVOLD_FORBIDS(one_open_operation, reconcile_open_operation(volume_look, out))) {
    // What nobody can tell about the first host is no reason not to fence it; a resize is none in any state.
    const Operation& open = *entry.open_operation;
    if (open.kind == OperationKind::resize || (is_in_doubt(volume_look, open) && open.host))
      reconcile_fence(volume_look, out);
    return;
  }
  if (EXTVOLD_FORBIDS(fence_holds_volume, waits_for_fence(volume_look, out))) return;
  if (reconcile_provision(volume_look, out)) return;
  if (reconcile_resize_of_detached(volume_look, out)) return;
  reconcile_detach(volume_look, out);
  reconcile_format(volume_look, out);
  reconcile_attach(volume_look, out);
  reconcile_fence(volume_look, out);
  reconcile_orphan(volume_look, out);
  reconcile_resize_of_attached(volume_look, out);
}

Lane lane_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::create:
    case OperationKind::format:
    case OperationKind::attach:
    case OperationKind::resize:
      return Lane::attach;
    case OperationKind::detach:
    case OperationKind::remove:
      return Lane::detach;
  }
  return Lane::attach;
}

void give_identity(PlannedOperation& planned, const LedgerIdentity& ledger, std::int64_t generation_counter) {
  Operation& operation = planned.operation;
  operation.state = OperationState::recorded;
  operation.generation = {ledger.incarnation, generation_counter};
  operation.id =
      operation_id(ledger.id, operation.kind, operation.volume, operation.host, operation.generation);
}

void give_identity(Fence& fence, const LedgerIdentity& ledger, FenceId id, std::int64_t generation_counter) {
  fence.id = id;
  fence.state = FenceState::recorded;
  fence.generation = {ledger.incarnation, generation_counter};
  fence.key = fence_key(ledger.id, fence.rung, fence.host, fence.generation);
}

namespace {

// How many calls are at work per provider and lane, and what may still start: the engine's admission, played
// through once.
void apply_lanes(const Look& look, Plan& plan) {
  std::map<std::pair<ProviderName, Lane>, int> busy;
  std::map<ProviderName, int> left;  // of the budget
  for (const auto& [id, entry] : look.snapshot.volumes()) {
    const Operation* open = entry.open_operation.get();
    if (open != nullptr && open->state != OperationState::uncertain)
      ++busy[{entry.volume.pool.provider, lane_of(open->kind)}];
  }
  for (PlannedOperation& planned : plan.operations) {
    if (!planned.waits_for.empty()) continue;
    const Volume& volume = look.snapshot.volume(planned.operation.volume)->volume;
    const ProviderInfo* provider = look.policy.provider(volume.pool.provider);
    const Lane lane = lane_of(planned.operation.kind);
    int& calls = busy[{volume.pool.provider, lane}];
    if (calls >= provider->calls_max) {
      planned.waits_for = fmt::format("a free place in the {} lane of {}",
                                      lane == Lane::attach ? "attach" : "detach", provider->name.value);
      continue;
    }
    const int now = look.observed.budget(provider->name).calls_now(provider->calls_per_second, look.now);
    int& budget = left.try_emplace(provider->name, now).first->second;
    if (budget <= 0) {
      planned.waits_for = fmt::format("its turn: {} is not asked more often", provider->name.value);
    } else {
      ++calls;
      --budget;
    }
  }
}

}  // namespace

Plan plan(const Snapshot& snapshot, const Observed& observed, Instant now, const Policy& policy) {
  const Look look{snapshot, observed, policy, now};
  Plan out;
  out.based_on = snapshot.sequence;
  std::int64_t generation = snapshot.counters.next_generation;
  std::int64_t next_fence = snapshot.counters.next_fence;
  VolumePlan one;
  for (const auto& [id, entry] : snapshot.volumes()) {
    one.clear();
    plan_volume(look, entry, one);
    const std::size_t base = out.operations.size();
    for (PlannedOperation& planned : one.operations) {
      give_identity(planned, snapshot.ledger, generation++);
      for (std::size_t& index : planned.after) index += base;
      out.operations.push_back(std::move(planned));
    }
    for (Fence& fence : one.fences) {
      const bool said = std::any_of(out.fences.begin(), out.fences.end(),
                                    [&](const Fence& other) { return other.host == fence.host; });
      if (said) continue;  // one at a time
      give_identity(fence, snapshot.ledger, {next_fence++}, generation++);
      out.fences.push_back(std::move(fence));
    }
    std::sort(one.blocked.begin(), one.blocked.end(),
              [](const BlockedRow& a, const BlockedRow& b) { return a.host < b.host; });
    std::move(one.blocked.begin(), one.blocked.end(), std::back_inserter(out.blocked));
    std::move(one.observe.begin(), one.observe.end(), std::back_inserter(out.observe));
    out.next_look = std::min(out.next_look, one.next_look);
  }
  for (const auto& [agent, operation] : snapshot.mesos_operations())
    out.mesos_operations.push_back(operation);
  report_unresolved(look, out.blocked);
  apply_lanes(look, out);
  return out;
}

}  // namespace extvold::reconcilers
