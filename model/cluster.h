// Hosts, agents, frameworks, claims, evidence: who uses a volume, and what proves that nobody does. One row
// of the ledger each.
#pragma once

#include <string>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/mesos.h"
#include "model/storage.h"

namespace extvold {

// A machine. Attachments belong to hosts; one host can have had many agent ids.
struct Host {
  HostId id;
  std::string name;
  std::string boot_id;  // newest known; empty: no node side tells
  HoldState hold = HoldState::inherit;
  bool quarantined = false;  // nothing is attached there
  std::string quarantine_reason;
  FenceId quarantine_fence;  // that began it, and ends it if it never held; none: a person did
  bool fence_held = false;   // a person said: no fence of it without a person
  bool operator==(const Host&) const = default;
};

// registered: in the master's list of this epoch. disconnected: in it too, but the agent's process is away
// while its tasks run on. recovered: known to the master from its registry, not back yet. unreachable, gone:
// the registry says so. absent: was known, is in no list of the present view, and the registry has not said
// why. removed: AGENT_REMOVED was seen. None of them says that a process has ended.
EXTVOLD_ENUM(AgentState, registered, disconnected, recovered, unreachable, gone, absent, removed)

// In the master's own list of agents.
constexpr bool is_listed(AgentState state) {
  return state == AgentState::registered || state == AgentState::disconnected;
}

// Who said something of an agent.
EXTVOLD_ENUM(AgentSource, none, snapshot, event, get_agents, registry, get_maintenance_schedule,
             get_maintenance_status)

// By whom, and since when: when it was first seen so. Only the registry says itself since when.
struct AgentFact {
  AgentSource source = AgentSource::none;
  WallTime since;
  bool operator==(const AgentFact&) const = default;
};

struct Agent {
  AgentId id;
  HostId host;
  std::string hostname;
  std::string address;
  std::string version;
  AgentState state = AgentState::absent;
  bool active = true;
  bool deactivated = false;
  std::string drain_state;
  std::uint64_t resources_hash = 0;
  std::string attributes;  // "name:value" joined by newlines
  Maintenance maintenance = Maintenance::none;
  WallTime maintenance_start;  // of its window; 0: not said
  AgentFact state_fact;
  AgentFact drain_fact;
  AgentFact deactivated_fact;
  AgentFact maintenance_fact;
  bool operator==(const Agent&) const = default;
};

struct Framework {
  FrameworkId id;
  std::string name;
  std::string principal;
  bool active = true;
  bool connected = true;
  bool checkpoint = false;
  bool removed = false;
  bool operator==(const Framework&) const = default;
};

// task, executor: Mesos. operator_: `volume attach V HOST`. format: extvold's own, while a format host holds
// the volume. synthetic: an attachment that nothing explains; somebody may be using it.
EXTVOLD_ENUM(ClaimKind, task, executor, operator_, format, synthetic)
constexpr bool is_of_mesos(ClaimKind kind) { return kind == ClaimKind::task || kind == ClaimKind::executor; }
EXTVOLD_ENUM(Liveness, live, unknown, dead)
// Why a claim names no volume of ours; `none`: it does.
EXTVOLD_ENUM(Unresolved, none, unmapped_driver, no_such_volume, not_understood)

// The wish derived from one task, executor or order: this volume, on this host. Follows the root container of
// its framework and executor, not the task, where these differ.
struct Claim {
  ClaimId id;
  VolumeId volume;  // none while unresolved
  HostId host;  // of a Mesos claim: its agent's, filled in by the Snapshot, none until the agent is known;
                // not a column of it
  AgentId agent;
  FrameworkId framework;
  TaskId task;            // kind operator_: empty
  ExecutorId executor;    // empty: same text as `task` (what the agent uses for command and docker tasks)
  ContainerId container;  // root container; empty: never seen
  VolumeReference reference;
  std::string liveness_why;  // one sentence for people, with the rule's name
  EvidenceId evidence;       // what made it dead
  std::int64_t first_seen_sequence = 0;
  // Of a Mesos claim, the commit that told of it as newly launched: nothing of it ran before. 0: only a list
  // told of it, or it is of a restored ledger, and it may be of any age.
  std::int64_t began_sequence = 0;
  std::int64_t user_uid = -1;  // kind operator_: who ordered it
  // In memory only: when its newest event was taken in. A poll is evidence only if sent later.
  MemoryOnly<Instant> last_event_at;
  // In memory only: the view whose snapshot listed it, and whether as one that is not over.
  MemoryOnly<std::int64_t> listed_in_view;
  MemoryOnly<bool> listed_alive;
  ClaimKind kind = ClaimKind::task;
  Unresolved unresolved = Unresolved::none;
  Containerizer containerizer = Containerizer::mesos;
  TaskState task_state = TaskState::task_other;
  bool wanted = false;                    // Mesos' latest word
  Liveness liveness = Liveness::unknown;  // live: runs or may run. unknown: nobody can tell. dead: evidence
                                          // exists, or the order was withdrawn
  bool operator==(const Claim&) const = default;
};

// Recorded proof that a host cannot use a volume any more; DESIGN.md section 4. operator_ is spelled
// "operator".
EXTVOLD_ENUM(EvidenceKind, fenced, host_unmounted, host_rebooted, agent_clean, agent_gone, operator_)

// How much it is worth. cooperative: it rests on the help of the host that it speaks of. assumed: an
// operator's policy accepts weaker grounds.
EXTVOLD_ENUM(EvidenceGrade, proven, cooperative, assumed)

struct Evidence {
  EvidenceId id;
  EvidenceKind kind = EvidenceKind::agent_gone;
  VolumeId volume;
  HostId host;
  Generation attachment_generation;  // of the attachment it speaks of
  AgentId agent;
  ClaimId claim;  // none: all claims on (volume, host)
  ContainerId container;
  std::int64_t view_epoch = 0;         // the Mesos view it was taken in
  std::int64_t recorded_sequence = 0;  // the commit that brought it
  WallTime request_sent_at;
  std::int64_t user_uid = -1;  // operator: the socket peer's uid
  std::string detail;          // what was seen, for people
  EvidenceGrade grade = EvidenceGrade::proven;
  FenceId fence;            // fenced: it counts as long as this one holds
  std::string void_reason;  // empty: still counts
  bool operator==(const Evidence&) const = default;
};

// observe: plans and explains, changes nothing. active: acts, where no hold says otherwise.
EXTVOLD_ENUM(Mode, observe, active)

struct LedgerIdentity {
  std::string id;  // random, made with the ledger
  std::int64_t incarnation = 1;
  WallTime began_at{};  // this incarnation
  bool operator==(const LedgerIdentity&) const = default;
};

// The Mesos view; only `epoch` and the master's identity are kept in the ledger, a start begins with an
// incomplete view.
struct MesosView {
  std::int64_t epoch = 0;  // counts subscriptions of this ledger; a new SUBSCRIBED is a new epoch
  std::string master_id;
  std::string elected_time;
  std::string master_version;
  bool operator==(const MesosView&) const = default;
};

}  // namespace extvold
