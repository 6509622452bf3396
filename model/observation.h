// Observations: what a provider (and, through it, a host's node side) says, when it was asked, of what scope,
// and whether the answer is whole. Plain values. From what is not complete nothing destructive follows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/instant.h"
#include "model/storage.h"

namespace extvold {

EXTVOLD_ENUM(TriState, no, yes, unknown)

// Whether somebody uses it: who has it mounted need not have the device open, and the other way round.
constexpr TriState use_of(TriState mounted, TriState open) {
  if (mounted == TriState::yes || open == TriState::yes) return TriState::yes;
  return mounted == TriState::no && open == TriState::no ? TriState::no : TriState::unknown;
}

struct ObservedAttachment {
  std::string host_identity;  // as the provider names the host; empty: attached, and nobody can say where
  std::string device;
  bool read_only = false;
  TriState mounted = TriState::unknown;  // only from a node side
  TriState open = TriState::unknown;     // device opened by anybody on that host; only from a node side
  std::vector<std::string> mount_paths;
  std::string boot_id;          // of the host when it was attached; empty: not known
  std::string fence_addresses;  // from which it reaches the storage now; empty: a fence names the identity
  bool operator==(const ObservedAttachment&) const = default;
};

struct ObservedVolume {
  std::string key;  // our name for it ("xv-..."), or the provider's name of a foreign one
  std::string provider_ref;
  std::string ledger_id;  // the tag: which ledger made it; empty: none, not ours
  std::string pool;
  std::int64_t size_mb = 0;
  TriState call_running =
      TriState::unknown;  // a call of ours for this volume is still at work (capability shows_running_calls)
  std::vector<ObservedAttachment> attachments;
  bool operator==(const ObservedVolume&) const = default;
};

struct ObservedHost {  // from a node side
  std::string host_identity;
  std::string boot_id;  // empty: this host does not tell
  // Something there has a volume of this provider (a direct inspect: that volume) mounted or open and could
  // write to it, if only the storage let it: also one that is not attached there any more.
  TriState in_use = TriState::unknown;
  bool operator==(const ObservedHost&) const = default;
};

struct ProviderObservation {
  ProviderName provider;
  std::string volume_key;  // empty: everything of the provider; else a direct inspect of this one
  bool complete = false;
  std::string why_incomplete;
  bool throttled = false;  // it is asked too often, and says so (Errc::throttled)
  Duration retry_after;    // then: how long it asks to wait; 0: it does not say
  Instant sent_at;         // before the first request left
  Instant ended_at;
  std::vector<ObservedVolume>
      volumes;  // ordered by key. A direct inspect that finds nothing: empty and complete
  std::vector<ObservedHost> hosts;
  std::vector<Pool> pools;
};

}  // namespace extvold
