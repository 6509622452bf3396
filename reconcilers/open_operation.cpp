// While an operation is open nothing else touches its volume. An `uncertain` one is settled only by looking
// (DESIGN.md section 6, rule 3).
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {

bool reconcile_open_operation(const VolumeLook& look, VolumePlan& out) {
  const Operation* open = look.entry.open_operation.get();
  if (open == nullptr) return false;
  switch (open->state) {
    case OperationState::recorded:
      break;
    case OperationState::issued:
      if (open->call_ended_at.value.ns != 0) out.wish_volume(look.volume().id);  // the read-back
      break;
    case OperationState::uncertain: {
      out.wish_volume(look.volume().id);
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
