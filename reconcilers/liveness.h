// What becomes of a claim by what was said about it, or by whose silence: one table, read from the top; the
// first row that holds decides.
//
// DESIGN.md section 4 decides what the rows say; the table of the operator API's reference (section 3) says
// what Mesos means by its words. Rows after which nothing changes are here too, so that nobody adds what they
// refuse. docs/liveness.md is written out of this table and a test compares the two; another one has a case
// for each row.
//
// What the table does not hold: how evidence ends (Engine::void_evidence), and what it permits (look.h).
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/cluster.h"
#include "model/enum_text.h"
#include "model/mesos.h"

namespace extvold::reconcilers {

// Who said it, and how.
EXTVOLD_ENUM(Said,
             task_updated,       // TASK_UPDATED
             task_listed,        // TASK_ADDED, a snapshot or GET_TASKS
             snapshot_ended,     // a whole snapshot, by what is not in it
             tasks_polled,       // GET_TASKS, by what is not in it
             framework_removed,  // FRAMEWORK_REMOVED, about an executor
             executors_polled,   // GET_EXECUTORS, by what is not in it
             executor_listed,    // a list of executors, about one that is on its way out
             agent_listed,       // AGENT_ADDED, a snapshot or GET_AGENTS, about its tasks' claims
             agent_removed,      // AGENT_REMOVED, about the same
             agent_read,         // an agent's own API, about a claim there
             host_reported,      // a host, through its provider, about an attachment there
             attachment_found,   // a provider shows an attachment that no claim explains
             ground_accepted,    // the configuration's `accept`, after its time
             fence_held,         // a look shows that a fence of its host holds
             person_confirmed)   // `extvold fence confirm HOST`

EXTVOLD_ENUM(StateClass, any, alive, unreachable, untold, terminal, dropped, gone_by_operator)

EXTVOLD_ENUM(ReasonClass, any, cleaned_up, never_ran, draining, framework_removed, agent_disconnected,
             agent_removed, other)

EXTVOLD_ENUM(Fact,
             same_state,           // status.state is the task's state: the status speaks of this state
             of_its_agent,         // the status names the claim's agent
             mesos_containerizer,  // by all that is known of what ran it
             normal_message,       // does not begin with "Abnormal executor termination:"
             unreachable_time,     // the status has an unreachable_time
             among_completed,      // in a list of completed tasks
             disconnected,         // active:false: the agent is not connected
             recovered,            // in recovered_agents
             absent,               // in no list of agents
             drained,              // drain_info.state is DRAINED
             asked_later,          // the agent was asked after the claim's last event
             listed,               // the agent lists the container, one of the executor's, or the executor
             completed,            // the agent counts the executor as completed
             open_question,        // not wanted, or unknown, or the claim of an executor
             of_executor,          // the claim of an executor, of whose end nothing else tells
             linux_launcher,       // the operator said so of the agents
             unfiltered,           // the operator said that the agents' API shows every container
             no_destroy_errors,    // zero, or it could not be read
             boot_known,           // of the attachment and of the host now
             same_boot,            // in which it was attached
             unused)               // neither mounted nor open, by the host's word

class FactSet {
 public:
  constexpr FactSet() = default;
  constexpr FactSet(std::initializer_list<Fact> facts) {
    for (const Fact fact : facts) put(fact);
  }
  constexpr void put(Fact fact, bool holds = true) {
    if (holds) bits_ |= 1U << static_cast<unsigned>(fact);
  }
  constexpr bool has(Fact fact) const { return (bits_ >> static_cast<unsigned>(fact) & 1U) != 0; }
  constexpr bool has_all(FactSet others) const { return (bits_ & others.bits_) == others.bits_; }
  constexpr bool has_none(FactSet others) const { return (bits_ & others.bits_) == 0; }
  constexpr bool operator==(const FactSet&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

// What was said, as the table reads it.
struct Saying {
  Said said = Said::task_updated;
  TaskState state = TaskState::task_other;
  StatusSource source = StatusSource::source_none;
  ReasonClass reason = ReasonClass::other;
  FactSet facts{};
};

EXTVOLD_ENUM(Wanted, yes, no, as_it_was)

struct LivenessRow {
  std::string_view name;  // the rule's name in history and in claims
  // What must hold. Evidence demands each of its facts; that none of the rows above holds is not enough.
  Said said = Said::task_updated;
  StateClass state = StateClass::any;
  std::optional<StatusSource> source{};  // none: any
  ReasonClass reason = ReasonClass::any;
  FactSet with{};
  FactSet without{};
  // What follows.
  Wanted wanted = Wanted::as_it_was;
  std::optional<Liveness> liveness{};      // none: as it was; dead: with this evidence
  std::optional<EvidenceKind> evidence{};  // recorded for what is attached there
  bool assumption = false;                 // its grounds are weaker, an operator accepted them
  std::string_view text{};                 // for people; {state} and {reason} are filled in
  std::string_view origin{};               // where the row comes from
};

std::span<const LivenessRow> liveness_rows();

// The first row that holds. One always does: each `said` has a last row without conditions.
const LivenessRow& liveness_row(const Saying& saying);

// As written in a claim: the row's name and its text. Empty where there is nothing to explain.
std::string explain(const LivenessRow& row, TaskState state, std::string_view reason = {});

ReasonClass reason_class(std::string_view reason);

// `under_mesos`: what ran it is known to be of the MESOS containerizer.
Saying saying_of(TaskState state, const TaskStatus& status, const Claim& claim, bool under_mesos);

// The rows as the table of docs/liveness.md.
std::string liveness_page();

}  // namespace extvold::reconcilers
