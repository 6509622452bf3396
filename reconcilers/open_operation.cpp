// While an operation is open nothing else touches its volume. An `uncertain` one is settled only by looking
// (DESIGN.md section 6, rule 3).
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

// An attach that may still take effect, at a provider where no look tells that it will not: after the time
// for which its calls may linger, with nothing attached there, a detach that is read back tells (DESIGN.md
// section 6, rule 3). It takes nothing from anybody.
void plan_settling_detach(const VolumeLook& look, const Operation& open, VolumePlan& out) {
  const Instant due = open.call_ended_at.value + look.provider.settle_time;
  const bool asks = open.kind == OperationKind::attach || open.rule == kSettlesAttach;  // or one that failed
  if (!asks || shows_attach_not_made(look.provider.capabilities) ||
      !look.provider.capabilities.attach_to_named_host)
    return;
  if (EXTVOLD_FORBIDS(settling_detach_time, look.look.now < due)) return out.wake(due);
  if (!look.freshly_observed() || EXTVOLD_FORBIDS(settling_detach_time, look.view->sent_at < due) ||
      EXTVOLD_FORBIDS(settling_detach_direct, !look.view->direct) ||  // a list may be stale, or leave it out
      EXTVOLD_FORBIDS(settling_detach_there,
                      may_be_attached_there(look.look.snapshot, look.entry, *look.view, open.host)))
    return;
  PlannedOperation planned;
  planned.operation.kind = OperationKind::detach;
  planned.operation.volume = open.volume;
  planned.operation.host = open.host;
  planned.operation.rule = kSettlesAttach;
  planned.operation.cause = "its attach may still take effect; a detach that is read back settles that";
  planned.waits_for = order_or_pause(look, OperationKind::detach, open.host, out);
  if (planned.waits_for.empty() && !look.look.observed.view_complete)
    planned.waits_for = fmt::format("a complete Mesos view: {}", look.look.observed.view_incomplete_why);
  out.operations.push_back(std::move(planned));
}

// Said to be done. A look reads it back at once, or its provider does not answer.
void wait_for_read_back(const VolumeLook& look, const Operation& open, VolumePlan& out) {
  out.wish_volume(look.volume().id);
  if (!is_in_doubt(look, open))
    return out.wake(open.call_ended_at.value + look.look.policy.observation_age_max);
  out.block(look.volume().id, open.host, "not_read_back", Owner::provider,
            fmt::format("{} of volume {} was said to be done, and {} has not been seen to show it since",
                        to_text(open.kind), look.volume().name, look.provider.name.value));
}

}  // namespace

bool is_in_doubt(const VolumeLook& look, const Operation& open) {
  if (open.state == OperationState::uncertain) return true;
  return open.state == OperationState::issued && open.call_ended_at.value.ns != 0 &&
         look.look.now >= open.call_ended_at.value + look.look.policy.observation_age_max;
}

bool reconcile_open_operation(const VolumeLook& look, VolumePlan& out) {
  const Operation* open = look.entry.open_operation.get();
  if (open == nullptr) return false;
  switch (open->state) {
    case OperationState::recorded:
      break;
    case OperationState::issued:
      if (open->call_ended_at.value.ns != 0) wait_for_read_back(look, *open, out);
      break;
    case OperationState::uncertain: {
      out.wish_volume(look.volume().id);
      plan_settling_detach(look, *open, out);
      const bool running = look.view != nullptr && look.view->call_running == TriState::yes;
      out.block(look.volume().id, open->host, "uncertain_operation", Owner::provider,
                fmt::format("{} of volume {} may or may not have happened ({}); {}", to_text(open->kind),
                            look.volume().name, open->error,
                            running ? "its call is still at work"
                                    : "waiting for an observation that was sent after it ended"));
      break;
    }
    case OperationState::done:
    case OperationState::failed:
      return false;
  }
  return true;
}

}  // namespace extvold::reconcilers
