// plan(): the decision, whole. The daemon plans volume by volume as they change (engine.h); --dry-run, the
// audit and the golden tests call this. Pure: equal input, equal plan, to the byte.
#pragma once

#include "model/plan.h"
#include "reconcilers/look.h"

namespace extvold::reconcilers {

Plan plan(const Snapshot& snapshot, const Observed& observed, Instant now, const Policy& policy);

// Gives a planned operation its generation and id: what the engine does when it records it.
void give_identity(Fence& fence, const LedgerIdentity& ledger, FenceId id, std::int64_t generation_counter);
void give_identity(PlannedOperation& planned, const LedgerIdentity& ledger, std::int64_t generation_counter);

enum class Lane : std::uint8_t { attach, detach };
// Attach-like work (create, format, attach) and detach-like work (detach, remove) never wait for each other.
Lane lane_of(OperationKind kind);

}  // namespace extvold::reconcilers
