// Fence: an act that takes a host's access to storage away, written to the ledger before it is tried, and
// what it left standing.
//
//   recorded ──issued──▶ issued ──read back──▶ held ──lifting──▶ lifted
//                 │         │                    │ a later look does not show it: it is set again
//                 │         └──▶ uncertain ──────┘
//                 └──────────────────┴──▶ failed   it did not happen, or a look shows that it does not hold
//
// A plain value. What a `set` said is no proof: a fence is `held`, and evidence is recorded, once a look that
// was sent after the call ended shows it. One that may stand (issued, uncertain, held, lifting) is lifted
// entry by entry, each verified, before its host gets anything again. At most one of a host is under way
// (recorded, issued); one that is `uncertain` holds up neither the next rung nor its own next look.
#pragma once

#include <string>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/observation.h"
#include "model/result.h"
#include "model/storage.h"

namespace extvold {

// The ladder. volume: this volume is taken from this host. host: the host is cut off from this provider.
// power: it is switched off. operator_: a person is asked; never a Fence.
EXTVOLD_ENUM(FenceRung, volume, host, power, operator_)
EXTVOLD_ENUM(FenceState, recorded, issued, uncertain, held, failed, lifting, lifted)

bool fence_may_move(FenceState from, FenceState to);

// Nothing else of its host may begin.
constexpr bool is_under_way(FenceState state) {
  return state == FenceState::recorded || state == FenceState::issued;
}

struct Fence {
  FenceId id;
  OperationId key;  // the idempotency key: of the host, the rung and the generation
  FenceRung rung = FenceRung::volume;
  FenceState state = FenceState::recorded;
  HostId host;
  ProviderName provider;  // power: none
  VolumeId volume;        // rung volume: this one; else none
  // What it names: the identity that was recorded when attaching, never one that was looked up since. power:
  // the host's name, as in [power.NAME] hosts.
  std::string target;
  std::string fence_addresses;       // the same, of what was recorded beside the identity; empty: nothing
  Generation generation;             // of this fence
  bool cooperative = false;          // it needed the host's help, and proves as much as that host's word
  ClaimId claim;                     // that waits for it; none: nobody does any more
  std::string cause;                 // one sentence for people
  std::string seen;                  // by the newest look, for people
  Errc error_code = Errc::internal;  // meaning only with an error
  std::string error;                 // of the newest call or look; empty: none
  std::int64_t user_uid = -1;        // who ordered its end
  WallTime recorded_at;
  WallTime held_at;     // first read back; 0: never
  WallTime ended_at;    // failed or lifted; 0: not yet
  WallTime expires_at;  // as it was read back; 0: never

  bool operator==(const Fence&) const = default;
};

// One call about a fence. set: makes it hold, and renews one that expires. check: looks, changes nothing.
// lift: takes this one entry back.
EXTVOLD_ENUM(FenceAct, set, check, lift)

struct FenceCall {
  FenceAct act = FenceAct::check;
  Fence fence;
  std::string ledger_id;
  std::string host_name;
  // Rung volume: as recorded when attaching.
  Volume volume;
  Generation attachment_generation;
  Duration deadline = seconds(120);
};

// What came of it. `state`: done, failed (nothing happened and nothing will any more) or uncertain. Of a
// check: `held` says what the authority shows; unknown is never proof in either direction.
EXTVOLD_ENUM(FenceCallState, done, failed, uncertain)

struct FenceResult {
  FenceId id;
  FenceAct act = FenceAct::check;
  FenceCallState state = FenceCallState::uncertain;
  TriState held = TriState::unknown;
  std::string seen;     // check: what was seen, one sentence for people
  WallTime expires_at;  // check: of what holds; 0: never
  Error error;          // with failed and uncertain: the provider's own code and text, bounded
  Instant sent_at;
  Instant ended_at;  // reply or deadline
};

OperationId fence_key(std::string_view ledger_id, FenceRung rung, HostId host, Generation generation);

}  // namespace extvold
