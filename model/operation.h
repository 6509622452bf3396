// Operation: one intended change, written to the ledger before it is tried.
//
//   recorded ──issued──▶ issued ──▶ done (changed | unchanged)
//                          │──────▶ failed      nothing happened, or the provider refused
//                          └──────▶ uncertain   it may have happened ──settled by an observation──▶ done |
//                          failed
//
// A plain value. State moves are checked against operation_may_move() wherever a row changes, and once more
// by sql/checks. `issued` lasts until a read-back that was sent after the call ended shows what the call
// said. `issued` is noted while the call starts, so at start-up every `recorded` and every `issued` becomes
// `uncertain`. At most one open operation per subject (a unique index and a CHECK).
#pragma once

#include <string>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/result.h"

namespace extvold {

EXTVOLD_ENUM(OperationKind, create, format, attach, detach, remove, resize)
EXTVOLD_ENUM(OperationState, recorded, issued, done, failed, uncertain)
EXTVOLD_ENUM(Outcome, none, changed, unchanged)

bool operation_may_move(OperationState from, OperationState to);
constexpr bool is_open(OperationState state) {
  return state == OperationState::recorded || state == OperationState::issued ||
         state == OperationState::uncertain;
}

struct Operation {
  OperationId id;
  OperationKind kind = OperationKind::create;
  OperationState state = OperationState::recorded;
  Outcome outcome = Outcome::none;
  VolumeId volume;        // the subject
  HostId host;            // of attach, detach, format; else none
  Generation generation;  // of the attachment for attach, detach, format; its own for create, remove, resize
  int attempt = 1;        // calls made under this id (a retry of `uncertain` keeps the id)
  ClaimId claim;          // attach: the claim that wants it
  EvidenceId evidence;  // detach: what permits it; attach: what permits it where another host had the volume.
                        // None where none is needed
  std::string rule;     // the planner's rule that asked for it, e.g. "attach.wanted_claim"
  std::string cause;    // one sentence for people
  Errc error_code = Errc::internal;  // meaning only in failed and uncertain
  std::string error;
  WallTime recorded_at;
  WallTime ended_at;  // 0: still open
  // In memory only, meaningless after a restart (then: 0, "before this run").
  MemoryOnly<Instant> call_ended_at;  // reply or deadline of the newest call; an observation settles only if
                                      // it was sent later

  bool operator==(const Operation&) const = default;
};

// Text "op-" + 26 characters of base32, derived from ledger id, subject kind, subject, kind and generation;
// equal input, equal id.
OperationId operation_id(std::string_view ledger_id, OperationKind kind, VolumeId volume, HostId host,
                         Generation generation);

}  // namespace extvold
