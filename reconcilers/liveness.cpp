#include "reconcilers/liveness.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "model/check.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

using enum Fact;

// ---- What Mesos' updates say. Reference 3, the first eleven rows, in the order in which they are told
// apart.
constexpr LivenessRow kUpdates[] = {
    {.name = "task_alive",
     .said = Said::task_updated,
     .state = StateClass::alive,
     .wanted = Wanted::yes,
     .liveness = Liveness::live,
     .text = "",
     .origin = "reference 3, STAGING to KILLING"},
    {.name = "task_unreachable",
     .said = Said::task_updated,
     .state = StateClass::unreachable,
     .wanted = Wanted::yes,
     .liveness = Liveness::unknown,
     .text = "{state}: nobody can tell whether it still runs",
     .origin = "reference 3, TASK_UNREACHABLE"},
    {.name = "task_untold",
     .said = Said::task_updated,
     .state = StateClass::untold,
     .wanted = Wanted::yes,
     .liveness = Liveness::unknown,
     .text = "{state}: nobody can tell whether it still runs",
     .origin = "reference 9, items 6 and 7"},
    {.name = "status_of_another_state",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .without = {same_state},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state}, told with the status of another state, does not say how it ended",
     .origin = "reference 2.4; DESIGN 4, agent_clean"},
    {.name = "agent_clean",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .reason = ReasonClass::cleaned_up,
     .with = {same_state, of_its_agent, mesos_containerizer, normal_message},
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::agent_clean,
     .text = "{state} by the agent with {reason}: it waited for the container, killed it and cleaned up",
     .origin = "reference 3, SOURCE_AGENT; DESIGN 4, agent_clean"},
    {.name = "agent_unnamed",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .reason = ReasonClass::cleaned_up,
     .without = {of_its_agent},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} with {reason}, by an agent that is not named: another one may have a task of that id",
     .origin = "DESIGN 4, scope of evidence; reference 9, item 8"},
    {.name = "agent_abnormal",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .reason = ReasonClass::cleaned_up,
     .without = {normal_message},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} by the agent with {reason}, and it could not destroy the container",
     .origin = "reference 3, Abnormal executor termination"},
    {.name = "agent_not_mesos_containerizer",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .reason = ReasonClass::cleaned_up,
     .without = {mesos_containerizer},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} by the agent with {reason}: of what it did not run itself it does not know the mounts",
     .origin = "DESIGN 4, agent_clean"},
    {.name = "agent_draining",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .reason = ReasonClass::draining,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state}: its agent was drained, and wrote that over how the container ended",
     .origin = "reference 3, REASON_AGENT_DRAINING; not on DESIGN 4's closed list"},
    {.name = "agent_dropped",
     .said = Said::task_updated,
     .state = StateClass::dropped,
     .source = StatusSource::source_agent,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text =
         "{state} by the agent ({reason}): it did not launch it, which says nothing of what was there before",
     .origin = "reference 3, TASK_DROPPED; not on DESIGN 4's closed list"},
    {.name = "agent_never_ran",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .reason = ReasonClass::never_ran,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} by the agent with {reason}: it does not know the task, or does not any more",
     .origin = "reference 3, task unknown to the agent; not on DESIGN 4's closed list"},
    {.name = "agent_other",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_agent,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} by the agent with {reason} does not say that everything was cleaned up",
     .origin = "DESIGN 4, agent_clean"},
    {.name = "executor_word",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_executor,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} is the executor's word; its container and mount still exist",
     .origin = "reference 3, SOURCE_EXECUTOR; DESIGN 4, never evidence"},
    {.name = "master_lost_sight",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_master,
     .with = {unreachable_time},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state}: the master lost sight of its agent, which may still run it",
     .origin = "reference 3, TASK_LOST with unreachable_time"},
    {.name = "master_gone_by_operator",
     .said = Said::task_updated,
     .state = StateClass::gone_by_operator,
     .source = StatusSource::source_master,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} is what somebody told the master ({reason}), not what its agent saw; "
             "`extvold fence confirm` is how to tell it here",
     .origin = "reference 3, TASK_GONE_BY_OPERATOR; DESIGN 4, never evidence"},
    {.name = "master_removed_framework",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_master,
     .reason = ReasonClass::framework_removed,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} is the master's bookkeeping ({reason}), which precedes the kill",
     .origin = "reference 3, REASON_FRAMEWORK_REMOVED"},
    {.name = "master_disconnected_agent",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_master,
     .reason = ReasonClass::agent_disconnected,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} is the master's bookkeeping ({reason}): the connection to its agent broke, and it may "
             "still run there",
     .origin = "reference 3, REASON_AGENT_DISCONNECTED"},
    {.name = "master_removed_agent",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_master,
     .reason = ReasonClass::agent_removed,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text =
         "{state} is the master's bookkeeping ({reason}): an agent that leaves kills its tasks afterwards, "
         "or never",
     .origin = "reference 3, REASON_AGENT_REMOVED without unreachable_time"},
    {.name = "master_other",
     .said = Said::task_updated,
     .state = StateClass::terminal,
     .source = StatusSource::source_master,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} is the master's bookkeeping ({reason}), not the container's end",
     .origin = "DESIGN 4, never evidence"},
    {.name = "no_source",
     .said = Said::task_updated,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} came without a source",
     .origin = "DESIGN 4, never evidence"},
};

// ---- What lists say, and what is not in them. Nothing follows from a list but what is wanted.
constexpr LivenessRow kLists[] = {
    {.name = "listed_completed",
     .said = Said::task_listed,
     .with = {among_completed},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} stands in a list, which proves nothing about its container",
     .origin = "reference 2.1, completed_tasks"},
    {.name = "listed_terminal",
     .said = Said::task_listed,
     .state = StateClass::terminal,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "{state} stands in a list, which proves nothing about its container",
     .origin = "DESIGN 4, never evidence; reference 2.4, hidden terminal transition"},
    {.name = "listed_alive",
     .said = Said::task_listed,
     .state = StateClass::alive,
     .wanted = Wanted::yes,
     .liveness = Liveness::live,
     .text = "",
     .origin = "reference 3, STAGING to KILLING"},
    {.name = "listed_unreachable",
     .said = Said::task_listed,
     .wanted = Wanted::yes,
     .liveness = Liveness::unknown,
     .text = "{state}: nobody can tell whether it still runs",
     .origin = "reference 3, TASK_UNREACHABLE"},
    {.name = "not_in_snapshot",
     .said = Said::snapshot_ended,
     .liveness = Liveness::unknown,
     .text = "it is not in the master's snapshot, which proves nothing",
     .origin = "reference 0, item 5; DESIGN 4, never evidence"},
    {.name = "task_in_no_list",
     .said = Said::tasks_polled,
     .liveness = Liveness::unknown,
     .text = "it is in no list of the master any more, and nothing said that it ended",
     .origin = "reference 0, item 5; DESIGN 4, never evidence"},
    {.name = "framework_removed",
     .said = Said::framework_removed,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "its framework was removed, which precedes the kill of its executors",
     .origin = "reference 2.7"},
    {.name = "executor_in_no_list",
     .said = Said::executors_polled,
     .liveness = Liveness::unknown,
     .text = "its executor is in no list of the master",
     .origin = "reference 4.1; DESIGN 4, never evidence"},
    {.name = "executor_leaves",
     .said = Said::executor_listed,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "its executor is still listed, on its way out",
     .origin = "reference 3, SOURCE_EXECUTOR and REASON_FRAMEWORK_REMOVED"},
};

// ---- What the master says of an agent is nothing about what runs there.
constexpr LivenessRow kAgents[] = {
    {.name = "agent_absent",
     .said = Said::agent_listed,
     .with = {absent},
     .text = "its agent is in no list: unreachable or gone, and may still run it",
     .origin = "reference 3, agent vanished from `agents`"},
    {.name = "agent_recovered",
     .said = Said::agent_listed,
     .with = {recovered},
     .text = "its agent has not come back to this master",
     .origin = "reference 3, agent in `recovered_agents`"},
    {.name = "agent_disconnected",
     .said = Said::agent_listed,
     .with = {disconnected},
     .text = "its agent is not connected, its tasks run on",
     .origin = "reference 3, `active:false`"},
    {.name = "agent_drained",
     .said = Said::agent_listed,
     .with = {drained},
     .text = "its agent was drained, which each task's own end says better",
     .origin = "reference 3, DRAINED"},
    {.name = "agent_registered",
     .said = Said::agent_listed,
     .text = "its agent is here, and is asked itself",
     .origin = "reference 3, agent back without our task"},
    {.name = "agent_removed",
     .said = Said::agent_removed,
     .text = "its agent was removed: it unregisters before it kills its executors",
     .origin = "reference 0, item 4; DESIGN 4, never evidence"},
};

// ---- What an agent says itself: agent_gone.
constexpr LivenessRow kAgentsWord[] = {
    {.name = "agent_lists_it",
     .said = Said::agent_read,
     .with = {listed},
     .text = "its agent lists it",
     .origin = "DESIGN 4, agent_gone"},
    {.name = "agent_lost_executor",
     .said = Said::agent_read,
     .with = {of_executor, asked_later},
     .without = {completed},
     .liveness = Liveness::unknown,
     .text =
         "its agent, asked later, neither lists it nor counts it as completed: it was never started there, "
         "or the agent forgot it",
     .origin = "reference 3, agent back without our task; reference 4.1, ExitedExecutorMessage"},
    {.name = "agent_does_not_know",
     .said = Said::agent_read,
     .without = {completed},
     .text = "its agent neither lists its executor nor counts it as completed",
     .origin = "DESIGN 4, agent_gone; reference 3, agent back without our task"},
    {.name = "agent_asked_before",
     .said = Said::agent_read,
     .without = {asked_later},
     .text = "its agent was asked before the last that was heard of it",
     .origin = "DESIGN 4, agent_gone"},
    {.name = "agent_before_mesos",
     .said = Said::agent_read,
     .without = {open_question},
     .text = "its agent counts its executor as completed, and Mesos still says that it lives",
     .origin = "DESIGN 4, wanted is Mesos' latest word"},
    {.name = "agent_gone",
     .said = Said::agent_read,
     .with = {completed, asked_later, open_question, mesos_containerizer, linux_launcher, unfiltered,
              no_destroy_errors},
     .without = {listed},
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::agent_gone,
     .text = "its agent does not list it, and counts its executor as completed",
     .origin = "DESIGN 4, agent_gone; reference 3, agent back without our task"},
    {.name = "agent_ran_docker",
     .said = Said::agent_read,
     .without = {mesos_containerizer},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "its agent counts its executor as completed, which proves nothing: it ran under the Docker "
             "containerizer",
     .origin = "DESIGN 4, agent_gone"},
    {.name = "agent_launcher_untold",
     .said = Said::agent_read,
     .without = {linux_launcher},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text =
         "its agent counts its executor as completed, which proves nothing: nobody said that the agents use "
         "the linux launcher",
     .origin = "DESIGN 4, agent_gone"},
    {.name = "agent_may_filter",
     .said = Said::agent_read,
     .without = {unfiltered},
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text =
         "its agent counts its executor as completed, which proves nothing: nobody said that the agents' API "
         "shows every container",
     .origin = "DESIGN 4, agent_gone"},
    {.name = "agent_could_not_destroy",
     .said = Said::agent_read,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "its agent counts its executor as completed, which proves nothing: it also counts containers "
             "that it "
             "could not destroy",
     .origin = "DESIGN 4, agent_gone"},
};

// ---- What hosts, providers and people say.
constexpr LivenessRow kOthers[] = {
    {.name = "host_boot_unknown",
     .said = Said::host_reported,
     .without = {boot_known},
     .text = "no boot id was recorded when it was attached, or none is told now",
     .origin = "DESIGN 4, host_rebooted"},
    {.name = "host_uses_it",
     .said = Said::host_reported,
     .without = {unused},
     .text = "the host has it mounted or open, or cannot tell",
     .origin = "DESIGN 4, host_unmounted"},
    {.name = "host_unmounted",
     .said = Said::host_reported,
     .with = {boot_known, unused, same_boot},
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::host_unmounted,
     .text = "the host itself says: not mounted, not open, in the boot in which it was attached",
     .origin = "DESIGN 4, host_unmounted"},
    {.name = "host_rebooted",
     .said = Said::host_reported,
     .with = {boot_known, unused},
     .without = {same_boot},
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::host_rebooted,
     .text =
         "the host runs another boot than the one in which it was attached, and has it neither mounted nor "
         "open",
     .origin = "DESIGN 4, host_rebooted; reference 3, host reboot"},
    {.name = "found_attached",
     .said = Said::attachment_found,
     .wanted = Wanted::no,
     .liveness = Liveness::unknown,
     .text = "the volume was found attached there and nothing says who uses it",
     .origin = "DESIGN 4, attached without a claim"},
    {.name = "executor_word_accepted",
     .said = Said::ground_accepted,
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::agent_clean,
     .assumption = true,
     .text = "its executor said that it ended, and the configuration accepts that after a while",
     .origin = "DESIGN 4, weaker grounds"},
    {.name = "fenced",
     .said = Said::fence_held,
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::fenced,
     .text = "its host was cut off from the volume, and a look shows it",
     .origin = "DESIGN 4, fenced"},
    {.name = "operator_confirmed",
     .said = Said::person_confirmed,
     .wanted = Wanted::no,
     .liveness = Liveness::dead,
     .evidence = EvidenceKind::operator_,
     .text = "a person confirmed that its host is dead",
     .origin = "DESIGN 4, operator"},
};

constexpr auto kTable = [] {
  std::array<LivenessRow, std::size(kUpdates) + std::size(kLists) + std::size(kAgents) +
                              std::size(kAgentsWord) + std::size(kOthers)>
      out{};
  auto at = out.begin();
  at = std::copy(std::begin(kUpdates), std::end(kUpdates), at);
  at = std::copy(std::begin(kLists), std::end(kLists), at);
  at = std::copy(std::begin(kAgents), std::end(kAgents), at);
  at = std::copy(std::begin(kAgentsWord), std::end(kAgentsWord), at);
  std::copy(std::begin(kOthers), std::end(kOthers), at);
  return out;
}();

// The closed list of agent_clean: reasons with which an agent reports a terminal state after the
// containerizer's wait returned, processes killed, isolators cleaned up (Mesos 1.11, reference 3). The other
// classes only choose the sentence. An agent was a slave once, and some masters still say so.
constexpr std::pair<std::string_view, ReasonClass> kReasons[] = {
    {"REASON_EXECUTOR_TERMINATED", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_LIMITATION", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_LIMITATION_DISK", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_LIMITATION_MEMORY", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_LIMITATION_NETWORK", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_LIMITATION_TASK", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_LIMITATION_CPU", ReasonClass::cleaned_up},
    {"REASON_CONTAINER_PREEMPTED", ReasonClass::cleaned_up},
    {"REASON_EXECUTOR_REREGISTRATION_TIMEOUT", ReasonClass::cleaned_up},
    {"REASON_RECONCILIATION", ReasonClass::never_ran},
    {"REASON_RESOURCES_UNKNOWN", ReasonClass::never_ran},
    {"REASON_AGENT_RESTARTED", ReasonClass::never_ran},
    {"REASON_SLAVE_RESTARTED", ReasonClass::never_ran},
    {"REASON_AGENT_DRAINING", ReasonClass::draining},
    {"REASON_SLAVE_DRAINING", ReasonClass::draining},
    {"REASON_FRAMEWORK_REMOVED", ReasonClass::framework_removed},
    {"REASON_AGENT_DISCONNECTED", ReasonClass::agent_disconnected},
    {"REASON_SLAVE_DISCONNECTED", ReasonClass::agent_disconnected},
    {"REASON_AGENT_REMOVED", ReasonClass::agent_removed},
    {"REASON_SLAVE_REMOVED", ReasonClass::agent_removed},
};

// The destroy failed: processes or mounts may have been left behind.
constexpr std::string_view kAbnormal = "Abnormal executor termination:";

bool is_of(StateClass wanted, TaskState state) {
  switch (wanted) {
    case StateClass::any:
      return true;
    case StateClass::alive:
      return state == TaskState::task_staging || state == TaskState::task_starting ||
             state == TaskState::task_running || state == TaskState::task_killing;
    case StateClass::unreachable:
      return state == TaskState::task_unreachable;
    case StateClass::untold:
      return state == TaskState::task_unknown || state == TaskState::task_other;
    case StateClass::terminal:
      return is_terminal(state);
    case StateClass::dropped:
      return state == TaskState::task_dropped;
    case StateClass::gone_by_operator:
      return state == TaskState::task_gone_by_operator;
  }
  return false;
}

bool holds(const LivenessRow& row, const Saying& saying) {
  return row.said == saying.said && is_of(row.state, saying.state) &&
         EXTVOLD_PERMITS(clean_source, !row.source || *row.source == saying.source) &&
         (row.reason == ReasonClass::any || row.reason == saying.reason) && saying.facts.has_all(row.with) &&
         saying.facts.has_none(row.without);
}

// "task_updated, terminal, source_agent, cleaned_up; same_state, not normal_message"
std::string conditions(const LivenessRow& row) {
  std::string out(to_text(row.said));
  const auto also = [&](std::string_view word) { out += fmt::format(", {}", word); };
  if (row.state != StateClass::any) also(to_text(row.state));
  if (row.source) also(to_text(*row.source));
  if (row.reason != ReasonClass::any) also(to_text(row.reason));
  for (std::size_t i = 0; i < Fact_texts.size(); ++i) {
    const auto fact = static_cast<Fact>(i);
    if (row.with.has(fact)) also(to_text(fact));
    if (row.without.has(fact)) also(fmt::format("not {}", to_text(fact)));
  }
  return out;
}

}  // namespace

std::span<const LivenessRow> liveness_rows() { return kTable; }

const LivenessRow& liveness_row(const Saying& saying) {
  const auto* const found =
      std::find_if(kTable.begin(), kTable.end(), [&](const LivenessRow& row) { return holds(row, saying); });
  EXTVOLD_CHECK(found != kTable.end());
  return *found;
}

std::string explain(const LivenessRow& row, TaskState state, std::string_view reason) {
  if (row.text.empty()) return {};
  const std::string_view said = reason.empty() ? "no reason" : reason;
  return fmt::format(
      "{}: {}", row.name,
      fmt::format(fmt::runtime(row.text), fmt::arg("state", to_text(state)), fmt::arg("reason", said)));
}

ReasonClass reason_class(std::string_view reason) {
  const auto* const found = std::find_if(std::begin(kReasons), std::end(kReasons),
                                         [&](const auto& one) { return one.first == reason; });
  return found == std::end(kReasons) ? ReasonClass::other : found->second;
}

Saying saying_of(TaskState state, const TaskStatus& status, const Claim& claim, bool under_mesos) {
  Saying out{.said = Said::task_updated,
             .state = state,
             .source = status.source,
             .reason = reason_class(status.reason),
             .facts = {}};
  out.facts.put(Fact::same_state, EXTVOLD_PERMITS(clean_same_state, status.state == state));
  out.facts.put(Fact::of_its_agent, EXTVOLD_PERMITS(clean_of_its_agent, status.agent == claim.agent));
  out.facts.put(Fact::mesos_containerizer, EXTVOLD_PERMITS(clean_mesos, under_mesos));
  out.facts.put(
      Fact::normal_message,
      EXTVOLD_PERMITS(clean_normal_message, !std::string_view(status.message).starts_with(kAbnormal)));
  out.facts.put(Fact::unreachable_time, status.unreachable_time_set);
  return out;
}

std::string liveness_page() {
  std::string out =
      "| row | what was said | wanted | liveness | evidence | what an operator reads | from |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const LivenessRow& row : kTable) {
    const std::string_view wanted = row.wanted == Wanted::as_it_was ? "as it was" : to_text(row.wanted);
    out += fmt::format("| `{}` | {} | {} | {} | {}{} | {} | {} |\n", row.name, conditions(row), wanted,
                       row.liveness ? to_text(*row.liveness) : "as it was",
                       row.evidence ? to_text(*row.evidence) : "", row.assumption ? " (assumed)" : "",
                       row.text, row.origin);
  }
  return out;
}

}  // namespace extvold::reconcilers
