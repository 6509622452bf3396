// Observed: what is known of the outer world in this run, beside the ledger: how complete the Mesos view is,
// what each provider last said of each volume, and since when. Memory only: a start begins with nothing
// observed, and nothing destructive follows from that.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/budget.h"
#include "model/fence.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/mesos.h"
#include "model/observation.h"
#include "model/operation.h"

namespace extvold {

// One agent in the present view of the master.
struct AgentView {
  bool registered = false;   // in this epoch
  Instant added_at;          // newest AGENT_ADDED or listing that said so, or AGENT_REMOVED
  Instant launched_at;       // newest TASK_ADDED of it: what that names only the agent may show
  Instant api_read_sent_at;  // newest good round of its own API; 0: none in this run
  std::string api_error;     // of the newest round, if it failed
  // When the registry was asked that named it as unreachable or gone; 0: it has not in this epoch, or it has
  // come back since. What its row says may be of an epoch before.
  Instant registry_asked_at;
  std::int64_t destroy_errors =
      0;  // containers that it could not destroy since it was started, as it last said
  bool operator==(const AgentView&) const = default;

  // Its own API was read after the last AGENT_ADDED.
  bool complete() const { return registered && api_read_sent_at > added_at; }
};

struct AttachmentView {
  HostId host;
  TriState mounted = TriState::unknown;
  TriState open = TriState::unknown;
  bool operator==(const AttachmentView&) const = default;
};

// What providers have that is no volume of the ledger's, as their newest lists show it: for adoption. By
// provider and the storage's own name for it.
using ForeignVolumes = std::map<std::pair<ProviderName, std::string>, ObservedVolume>;

// A kind of call at one host (none: at the provider) that failed: not again before `at`.
struct RetryView {
  OperationKind kind = OperationKind::create;
  HostId host;
  Instant at;
  int failures = 0;  // in a row
  bool operator==(const RetryView&) const = default;
};

// How long the conditions of a fence have held for one host of a volume (DESIGN.md section 10).
struct FenceClock {
  HostId host;
  Duration ran;   // up to `since`
  Instant since;  // it has run from then on; 0: it stands
  bool operator==(const FenceClock&) const = default;

  Duration elapsed(Instant now) const { return since.ns == 0 ? ran : ran + (now - since); }
};

// What a look at a fence said in this run.
struct FenceView {
  Instant checked_at;  // when the newest look was sent that showed it; 0: none did
  Instant good_until;  // it may run out then, the margin taken off; kNever: it does not
  std::string error;   // of the newest call or look; empty: none
  bool operator==(const FenceView&) const = default;
};

// A rung that failed for a host: not again before `at`.
struct FenceTry {
  HostId host;
  FenceRung rung = FenceRung::volume;
  ProviderName provider;
  VolumeId volume;
  Instant at;
  int failures = 0;
  std::string why;
  bool operator==(const FenceTry&) const = default;
};

// What its provider last said of one volume, and what the engine remembers about it.
struct VolumeView {
  Instant sent_at;      // of the newest complete observation of it; 0: none in this run
  Instant acted_at;     // end of the newest call of ours; older observations say nothing
  bool direct = false;  // the newest was a direct inspect, not a list
  Instant idle_since;   // since when nothing wants it where it is attached; 0: wanted, or not attached
  bool present = false;
  TriState call_running = TriState::unknown;
  std::vector<AttachmentView> attachments;  // ordered by host
  std::vector<RetryView> retries;           // what failed since the last success or news
  std::vector<FenceClock> clocks;           // ordered by host
  bool operator==(const VolumeView&) const = default;

  const AttachmentView* attachment(HostId host) const {
    for (const AttachmentView& one : attachments) {
      if (one.host == host) return &one;
    }
    return nullptr;
  }
  const FenceClock* clock(HostId host) const {
    for (const FenceClock& one : clocks) {
      if (one.host == host) return &one;
    }
    return nullptr;
  }
  const RetryView* retry(OperationKind kind, HostId host) const {
    for (const RetryView& one : retries) {
      if (one.kind == kind && one.host == host) return &one;
    }
    return nullptr;
  }
};

struct ProviderView {
  Instant listed_at;           // sent_at of the newest complete list; 0: none in this run
  std::string why_incomplete;  // of the newest list; empty: it was complete
  int volumes_listed = 0;
  Budget budget;  // how often it may be asked
  bool operator==(const ProviderView&) const = default;
};

// How the master answers one of the calls that it is asked again and again.
struct MasterCallView {
  Instant answered_at;  // newest whole answer; 0: none in this epoch
  Instant failed_at;    // newest failure; 0: none in this epoch
  int failures = 0;     // in a row
  std::string error;    // of the newest attempt; empty: it was answered
  bool operator==(const MasterCallView&) const = default;
};

struct Observed {
  bool view_complete = false;  // subscribed, snapshot whole, authorisation self-check not failed
  std::string view_incomplete_why = "not subscribed yet";
  std::map<MasterCall, MasterCallView> master_calls;
  std::map<AgentId, AgentView> agents;
  std::map<VolumeId, VolumeView> volumes;
  std::map<ProviderName, ProviderView> providers;
  Budget budget(const ProviderName& name) const {
    const auto found = providers.find(name);
    return found == providers.end() ? Budget{} : found->second.budget;
  }
  std::map<FenceId, FenceView> fences;
  std::vector<FenceTry> fence_tries;
  std::string leader_host;  // of the master that is subscribed to; empty: none
  // Until then a call may still take effect of which this ledger knows nothing: made before it began.
  Instant former_calls_until;
  bool operator==(const Observed&) const = default;

  const AgentView* agent(const AgentId& id) const {
    const auto it = agents.find(id);
    return it == agents.end() ? nullptr : &it->second;
  }
  const FenceView* fence(FenceId id) const {
    const auto it = fences.find(id);
    return it == fences.end() ? nullptr : &it->second;
  }
  const VolumeView* volume(VolumeId id) const {
    const auto it = volumes.find(id);
    return it == volumes.end() ? nullptr : &it->second;
  }
};

}  // namespace extvold
