// What every reconciler reads (Look) and what the reconcilers of one volume produce together (VolumePlan).
//
// Pure values. A reconciler never receives an event and never acts: it compares what is recorded and observed
// with what is wanted, and adds operations, blocked rows and wishes to look. The volume's reconcilers run in
// a fixed order: see plan_volume().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/observed.h"
#include "model/plan.h"
#include "model/policy.h"
#include "model/snapshot.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

struct Look {
  const Snapshot& snapshot;
  const Observed& observed;
  const Policy& policy;
  Instant now;
};

// Whether the conditions of a fence hold now for a host that has the volume. A host that none of these names:
// its clock begins anew.
struct ClockWish {
  HostId host;
  bool runs = false;  // else it stands, and goes on from there
};

struct VolumePlan {
  std::vector<PlannedOperation> operations;  // generation and id are given when the plan is put together
  std::vector<Fence> fences;                 // the same; due now
  std::vector<ClockWish> clocks;
  std::vector<BlockedRow> blocked;
  std::vector<ObserveWish> observe;
  Instant next_look = kNever;

  void clear();
  void block(VolumeId volume, HostId host, std::string_view reason, Owner owner, std::string text);
  void wish_volume(VolumeId volume);
  void wish_agent(const AgentId& agent);
  void wake(Instant at);
  const PlannedOperation* detach_of(HostId host) const;
};

// One volume, with what every reconciler of it needs to have looked up once.
struct VolumeLook {
  const Look& look;
  const VolumeEntry& entry;
  const ProviderInfo& provider;
  const VolumeView* view = nullptr;  // none: never observed in this run

  const Volume& volume() const { return entry.volume; }
  // A complete observation that was sent after our newest call ended, and is not too old.
  bool freshly_observed() const;
};

// Why nothing may be done to a host, or to (volume, host), by order of a person: mode observe, a hold. Empty:
// it may.
std::string standing_order(const Look& look, HostId host);
std::string standing_order(const Look& look, const Volume& volume, HostId host);
// Nothing is attached or formatted while another daemon's calls may still take effect (policy.takes_over).
bool waits_for_former(const Policy& policy, OperationKind kind);
// The same for one kind of call there; or the pause after its failure, which it says as blocked. What failed
// waits before it is tried again, and holds up nothing else; the engine ends the pause when there is news.
std::string order_or_pause(const VolumeLook& look, OperationKind kind, HostId host, VolumePlan& out);

// Of "10.0.0.1:5051" or "[::1]:5051"; empty of an empty one.
std::string_view ip_of(std::string_view address);

// Letters, digits, '.', '_' and '-': fit for a command line, too.
bool is_good_volume_name(std::string_view name);

// "task pg.1 of marathon", "the format host", "an operator's order", ...
std::string claim_text(const Snapshot& snapshot, const Claim& claim);

// The first that `accept(const Evidence&)` takes: not void, of the attachment's present generation.
template <typename Accept>
const Evidence* evidence_for(const VolumeEntry& entry, const Attachment& attachment, Accept accept) {
  for (const Evidence* one : entry.evidence) {
    const bool of_this =
        EXTVOLD_PERMITS(evidence_generation, one->attachment_generation == attachment.generation);
    if (one->host == attachment.host && of_this && accept(*one)) return one;
  }
  return nullptr;
}
// The kinds that permit an attach elsewhere once the detach was read back (fenced and operator: even
// without).
bool permits_attach_elsewhere(EvidenceKind kind);
bool is_word_of_host(EvidenceKind kind);
// Recorded when the detach had been read back, or later.
bool is_after_detach(const Evidence& evidence, const Attachment& attachment);

// Every claim on it there was our own format: nobody else had to do with it.
bool was_only_formatted(const VolumeEntry& entry, HostId host);
// How this claim's host attaches the volume. Somebody has to write the filesystem of one that all others only
// read.
bool attaches_read_only(const Volume& volume, const Claim* claim);
// Whether an attachment stands against one on another host: a single writer's always, a read-only volume's if
// one of the two can write.
bool excludes(AccessMode access, bool read_only, bool other_read_only);
// Another host was given the volume since, on proof that this one could not write any more: what this one
// still has of it is a leftover, whoever wants the volume there, and whatever became of that proof. What was
// made before a restore of the ledger says nothing of who came later.
bool is_superseded(const Snapshot& snapshot, const VolumeEntry& entry, const Attachment& attachment);
// The first attachment that is not detached; null: nobody has the volume.
const Attachment* first_holder(const VolumeEntry& entry);
// The first host, other than this one, at which the newest look shows the volume and no row says so: it was
// seen while an operation was open. None: nobody.
HostId shown_unrecorded(const VolumeLook& look, HostId host);
// The rule of a detach that is made only because nobody can tell whether an attach happened.
inline constexpr std::string_view kSettlesAttach = "detach.settles_attach";
// What a look shows of its attachment to that host: to whom it was recorded as, else to whom is called so
// now. Null: none.
const ObservedAttachment* observed_on(const ObservedVolume* seen, const Snapshot& snapshot,
                                      const ProviderInfo& provider, const VolumeEntry& entry, HostId host);
// What a reference names at the provider of its driver: a volume by extvold's name; where the agents' plugin
// attaches by itself, by the storage's own, which is all that the plugin knows.
const VolumeEntry* named_by(const Snapshot& snapshot, const DriverMapping& driver, std::string_view name);
// What a volume is a copy of, once that can be copied; null: not yet, or it is no copy.
const VolumeEntry* made_source(const Snapshot& snapshot, const Volume& volume);
// The attachment that was recorded with this identity of its host: of several, which an identity that moved
// to another host leaves, that of the host that has it now, else one that is not detached. One that is
// detached only if nobody is called so now. Null: none.
const Attachment* recorded_as(const Snapshot& snapshot, const ProviderInfo& provider,
                              const VolumeEntry& entry, std::string_view identity);
// Whether the provider shows it attached there, or at somebody of whom nobody recorded which host that is,
// and whose name no agent's host bears.
bool may_be_attached_there(const Snapshot& snapshot, const VolumeEntry& entry, const VolumeView& view,
                           HostId host);
// Whether looking settles an attach that may have happened: the provider shows that its task ended, or
// refuses a second host by itself.
constexpr bool shows_attach_not_made(const Capabilities& can) {
  return can.shows_running_calls || can.exclusive_attach;
}

// An agent of that host of which this view does not know enough to take a volume away there: not registered
// again, or its own API not read since. None: the host's part of the view is whole, or what is proven of the
// attachment does not rest on it.
const AgentId* unread_agent_on(const Look& look, const VolumeEntry& entry, const Attachment& attachment);
// Whether it counts now. Of `fenced` only while a look of this run showed that the fence holds, it does not
// run out soon, and the policy takes a fence that rests on the host's help.
bool in_force(const Look& look, const Evidence& evidence);
// What permits an attach elsewhere, and is in force.
const Evidence* strong_evidence(const Look& look, const VolumeEntry& entry, const Attachment& attachment);
// Fenced by its provider, or covered by an operator's word, which needs no detach beside it. A host that was
// switched off comes back with whatever is still attached to it: that needs one.
bool is_released_by_itself(const Look& look, const VolumeEntry& entry, const Attachment& attachment,
                           EvidenceId& evidence);
// Nothing about this attachment stands against another host any more: DESIGN.md section 4, (i) to (iv).
// `evidence`: what says so, if it takes any.
bool is_released(const Look& look, const VolumeEntry& entry, const ProviderInfo& provider,
                 const Attachment& attachment, EvidenceId& evidence);
// A person, or the storm guard, said that this host is not fenced.
bool is_fencing_stopped(const Snapshot& snapshot, HostId host);
// What failed is of this rung of that host, whichever fence it was.
bool same_rung(const FenceTry& one, const Fence& fence);
// The fence of that host that is under way: nothing else of what it has there may begin. None: there is none.
const Fence* fence_under_way(const Snapshot& snapshot, HostId host);
// Whether a fence takes the host's access through this attachment away.
bool covers(const Fence& fence, const VolumeEntry& entry, const Attachment& attachment);

// A claim that its own holder gave up: our format, an operator's order. A restored ledger doubts that too.
constexpr bool is_withdrawn(const Claim& claim) {
  return (claim.kind == ClaimKind::format || claim.kind == ClaimKind::operator_) && !claim.wanted &&
         claim.liveness == Liveness::dead;
}

}  // namespace extvold::reconcilers
