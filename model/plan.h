// Plan: what should be done, what waits, what is blocked and who must act, and when to look again. A value
// that can speak: the same text serves `reconcile --dry-run`, the log and the golden tests.
#pragma once

#include <string>
#include <vector>

#include "model/change.h"
#include "model/fence.h"
#include "model/operation.h"

namespace extvold {

struct PlannedOperation {
  Operation
      operation;  // state recorded; its id and generation are those that carrying out this plan would use
  std::vector<std::size_t>
      after;              // indexes of operations of this plan that must be done and read back before
  std::string waits_for;  // empty: ready now. Else what for: a lane, an operation, a time
  bool operator==(const PlannedOperation&) const = default;
};

// A look that would settle something: which volume at its provider, or which agent's own API.
struct ObserveWish {
  VolumeId volume;  // none: it is an agent
  AgentId agent;
  auto operator<=>(const ObserveWish&) const = default;
};

struct Plan {
  Sequence based_on;
  std::vector<PlannedOperation> operations;      // in order; dependencies come before
  std::vector<MesosOperation> mesos_operations;  // under way, ordered by agent
  std::vector<Fence> fences;                     // due now, state recorded; ordered by volume, then host
  std::vector<BlockedRow> blocked;  // ordered by volume, then host; last those that name no volume of ours
  std::vector<ObserveWish> observe;
  Instant next_look = kNever;
};

class Snapshot;
std::string host_name(const Snapshot& snapshot, HostId host);

// One line an operation, then one a blocked volume, then the next look. `now` only turns instants into "in 30
// s".
std::string describe(const Operation& operation, const Snapshot& snapshot);
std::string describe(const MesosOperation& operation, const Snapshot& snapshot);
std::string describe(const Fence& fence, const Snapshot& snapshot);
std::string to_text(const Plan& plan, const Snapshot& snapshot, Instant now);

}  // namespace extvold
