// MesosOperation: one change that extvold asks of the Mesos master, written to the ledger before it is asked.
//
// A plain value with the states of an Operation and the same moves between them; its subject is an agent, and
// at most one is open for each (a unique index and a CHECK). The master's answer is no result: 202 says that
// it was checked and sent on, and what the master shows at once it may take back when the agent refuses.
// `issued` lasts until a list that was asked for long enough after the answer shows what was asked for.
// Facts: Mesos 1.11 operator API, reference section 5.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/operation.h"
#include "model/result.h"

namespace extvold {

// The master's calls, as it spells them, in lower case.
EXTVOLD_ENUM(MesosOperationKind, reserve_resources, unreserve_resources, create_volumes, destroy_volumes,
             deactivate_agent, reactivate_agent, drain_agent, mark_agent_gone)

// Whether it is about what an agent offers; else about the agent itself.
constexpr bool is_of_resources(MesosOperationKind kind) {
  return kind == MesosOperationKind::reserve_resources || kind == MesosOperationKind::unreserve_resources ||
         kind == MesosOperationKind::create_volumes || kind == MesosOperationKind::destroy_volumes;
}

// What is asked for; each kind has its own of these.
struct MesosRequest {
  std::string role;
  std::string resource;           // "disk", "ext-storage-inst1"; of volumes always "disk"
  std::int64_t amount_milli = 0;  // Mesos scalars have three decimals
  std::string principal;          // of the reservation; empty: any; where one is made, who extvold is
  std::vector<std::pair<std::string, std::string>> labels;  // of the reservation
  std::string persistence_id;                               // create_volumes, destroy_volumes
  std::string container_path;                               // create_volumes
  std::int64_t grace_seconds = -1;                          // drain_agent; -1: as the tasks have it
  bool mark_gone = false;                                   // drain_agent: and MARK_AGENT_GONE at its end
  // What the view showed of it when this was recorded: the read-back of an amount is a difference.
  std::int64_t before_milli = 0;
  bool operator==(const MesosRequest&) const = default;
};

struct MesosOperation {
  OperationId id;
  MesosOperationKind kind = MesosOperationKind::reserve_resources;
  OperationState state = OperationState::recorded;
  Outcome outcome = Outcome::none;
  AgentId agent;  // the subject
  Generation generation;
  MesosRequest request;
  std::int64_t user_uid = -1;        // who ordered it
  std::string reason;                // theirs
  Errc error_code = Errc::internal;  // meaning only in failed and uncertain
  std::string error;
  WallTime recorded_at;
  WallTime ended_at;  // 0: still open
  // In memory only: reply or deadline of the call, else the start of this run. 0: it is under way.
  MemoryOnly<Instant> call_ended_at;

  bool operator==(const MesosOperation&) const = default;
};

// What came of the call. accepted: 200 or 202, to be read back. refused: the master said no, or it was never
// sent; nothing happened. unknown: sent, and no answer.
EXTVOLD_ENUM(MesosAnswer, accepted, refused, unknown)
struct MesosCallResult {
  OperationId id;
  AgentId agent;
  MesosAnswer answer = MesosAnswer::unknown;
  Error error;  // of refused and unknown
  Instant ended_at;
};

OperationId operation_id(std::string_view ledger_id, MesosOperationKind kind, const AgentId& agent,
                         Generation generation);

// "reserve 1024 of disk for role db", ...: without the agent.
std::string to_text(MesosOperationKind kind, const MesosRequest& request);
// 7500000 for 7500000000 thousandths, 0.5 for 500: as the master writes scalars.
std::string scalar_text(std::int64_t milli);

}  // namespace extvold
