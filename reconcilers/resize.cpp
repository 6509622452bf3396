// Resize: an operator ordered a volume to be larger. Its data stay where they are and nobody loses it, so
// that no evidence is needed. Where no host has it, it grows before the next one gets it; where one has,
// everything else comes first: a call that hangs must not keep a volume on a host that is lost. The
// filesystem on it is grown by whoever has it mounted (docs/decisions/0042).
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {
namespace {

// True: it is ready.
bool plan_resize(const VolumeLook& look, VolumePlan& out) {
  PlannedOperation planned;
  planned.operation.kind = OperationKind::resize;
  planned.operation.volume = look.volume().id;
  planned.operation.rule = "resize.ordered";
  planned.operation.cause = "an operator asked for it";
  planned.waits_for = order_or_pause(look, OperationKind::resize, HostId{}, out);
  if (planned.waits_for.empty() && !look.freshly_observed()) {
    out.wish_volume(look.volume().id);
    planned.waits_for = fmt::format("a complete observation by {}", look.provider.name.value);
  }
  out.operations.push_back(std::move(planned));
  return out.operations.back().waits_for.empty();
}

}  // namespace

bool reconcile_resize_of_detached(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  if (volume.wanted_size_mb == 0) return false;
  if (!look.provider.capabilities.resize) {
    out.block(volume.id, {}, "cannot_resize", Owner::operator_,
              fmt::format("provider {} cannot make volume {} larger: `extvold volume resize {} --size {}MB` "
                          "takes the order back",
                          look.provider.name.value, volume.name, volume.name, volume.size_mb));
    return false;
  }
  return first_holder(look.entry) == nullptr && plan_resize(look, out);
}

void reconcile_resize_of_attached(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  const Attachment* holder = first_holder(look.entry);
  if (volume.wanted_size_mb == 0 || !look.provider.capabilities.resize || holder == nullptr) return;
  if (!look.provider.capabilities.resize_attached) {
    out.block(
        volume.id, holder->host, "resize_waits", Owner::operator_,
        fmt::format("volume {} is made larger when no host has it: provider {} cannot do so before, and "
                    "it is {} at {}",
                    volume.name, look.provider.name.value, to_text(holder->state),
                    host_name(look.look.snapshot, holder->host)));
    return;
  }
  const auto ready = [](const PlannedOperation& one) { return one.waits_for.empty(); };
  if (out.fences.empty() && std::none_of(out.operations.begin(), out.operations.end(), ready))
    plan_resize(look, out);
}

}  // namespace extvold::reconcilers
