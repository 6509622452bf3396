// Change: one committed change of recorded state, as data. The engine makes changes, the Snapshot (memory)
// and the ledger (SQLite) apply the same ones; that the two agree is tested after every batch.
//
// Put<X> replaces the whole row of X's key. The narrow forms exist only on the hot path (task updates). A
// Batch is one transaction.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "model/cluster.h"
#include "model/fence.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/mesos_operation.h"
#include "model/operation.h"
#include "model/storage.h"

namespace extvold {

EXTVOLD_ENUM(Owner, extvold, provider, host, operator_)  // who must act

// What the ledger keeps of a task. Not held in memory: tasks without volumes leave nothing but this row, and
// no history.
struct TaskRow {
  FrameworkId framework;
  TaskId task;
  AgentId agent;
  ExecutorId executor;
  std::string name;
  TaskState state = TaskState::task_other;
  StatusSource source = StatusSource::source_none;
  std::string reason;
  ContainerId container;
  std::int64_t view_epoch = 0;  // newest view in which it was seen
  bool operator==(const TaskRow&) const = default;
};

struct TaskStateChange {  // of a task that may not be in the ledger: then nothing changes and the commit's
                          // answer counts it
  FrameworkId framework;
  TaskId task;
  AgentId agent;  // empty: of whatever agent
  TaskState state = TaskState::task_other;
  StatusSource source = StatusSource::source_none;
  std::string reason;
  ContainerId container;  // empty: keeps what is there
};

struct ClaimStateChange {
  ClaimId id;
  TaskState task_state = TaskState::task_other;
  bool wanted = false;
  Liveness liveness = Liveness::unknown;
  std::string liveness_why;
  EvidenceId evidence;
  ContainerId container;
};

// A volume that is not as desired and not in the plan: why, who must act, when it is looked at again. One row
// per (volume, host).
struct BlockedRow {
  VolumeId volume;
  HostId host;         // the host whose wish or attachment is stuck; none: the volume itself
  std::string reason;  // stable word for programs: "waits_for_unknown_claim", "attached_elsewhere", ...
  Owner owner = Owner::operator_;
  std::string text;  // one sentence for people: the thing, why, and the remedy
  WallTime since;
  WallTime next_look;  // when it was written; 0: when something changes
  bool operator==(const BlockedRow&) const = default;
};
struct DropBlocked {
  VolumeId volume;
  HostId host;
};

struct DropClaim {
  ClaimId id;
};
struct DropAttachment {
  VolumeId volume;
  HostId host;
};
struct DropMount {
  VolumeId volume;
  HostId host;
  std::string path;
};
struct DropReservations {
  AgentId agent;
};  // before the agent's newest ones are put
struct DropAgent {
  AgentId id;
};
struct DropFramework {
  FrameworkId id;
};
struct EndTasksOfView {
  std::int64_t view_epoch = 0;
};  // the snapshot of this view is whole: tasks not seen in it are dropped
struct SetMode {
  Mode mode = Mode::observe;
};

struct SetFenceStop {  // no host is fenced until a person says so: the guard has tripped, or it was ordered
  bool stopped = false;
  WallTime released_at;  // when a person last did; 0: never
};

struct SetDetachStorm {
  bool stopped = false;  // the guard has tripped: nothing is detached until a person says so
};

// Numbers that are handed out once; written with every batch that used one.
struct Counters {
  std::int64_t next_host = 1;
  std::int64_t next_volume = 1;
  std::int64_t next_claim = 1;
  std::int64_t next_evidence = 1;
  std::int64_t next_generation = 1;
  std::int64_t next_fence = 1;
  bool operator==(const Counters&) const = default;
};

// One line of history: what changed, what caused it, which rule, which operation, which evidence.
// Append-only.
struct HistoryEntry {
  std::string kind{};  // "attachment.attached", "claim.dead", "operation.recorded", ...: subject.verb
  VolumeId volume{};
  HostId host{};
  FrameworkId framework{};
  TaskId task{};
  OperationId operation{};
  EvidenceId evidence{};
  ClaimId claim{};
  std::string rule{};
  std::string text{};          // one sentence for people
  std::int64_t user_uid = -1;  // who asked, where a person did
  bool operator==(const HistoryEntry&) const = default;
};

using Change = std::variant<TaskRow, TaskStateChange, EndTasksOfView, Claim, ClaimStateChange, DropClaim,
                            Host, Agent, DropAgent, Framework, DropFramework, ReservationRecord,
                            DropReservations, Pool, Volume, Attachment, DropAttachment, Mount, DropMount,
                            Operation, MesosOperation, Fence, Evidence, BlockedRow, DropBlocked, MesosView,
                            SetMode, SetDetachStorm, SetFenceStop, Counters, HistoryEntry>;

// One transaction. `sequence` is the newest committed one plus one; the ledger refuses any other (somebody
// else wrote).
struct Batch {
  Sequence sequence;
  WallTime at;
  std::vector<Change> changes;
};

}  // namespace extvold
