#include "daemon/api/reasons.h"

#include <algorithm>
#include <array>

namespace extvold::daemon::api {
namespace {

constexpr std::array<Reason, 56> kReasons = {{
    {"agent_not_registered",
     "Bring the agent back, or see that its host cannot write to the volume and run `extvold fence confirm "
     "HOST`."},
    {"agent_unknown",
     "Nothing: extvold asks the master for its agents. If it stays, check that the master answers "
     "GET_AGENTS."},
    {"agents_not_trusted",
     "If all agents run the linux launcher and show extvold every container, say so in [mesos.agents]; else "
     "confirm the host."},
    {"attached_elsewhere", "Stop one of the two tasks: a single-writer volume is on one host at a time."},
    {"attached_twice",
     "Find out which of the two writes, end the other's use of it, and detach it there: what both wrote is "
     "to be checked."},
    {"attachments_not_listed",
     "See that no other host has the volume, then run `extvold volume attach NAME HOST`."},
    {"cannot_attach", "Attach the volume on that host by hand; this provider cannot attach to a named host."},
    {"cannot_clone", "Remove it, make an empty volume and copy; this provider makes none from another one."},
    {"cannot_create", "Make the volume at the provider and run `extvold volume adopt`."},
    {"cannot_resize",
     "Make a larger volume elsewhere and copy; `extvold volume resize NAME --size` with the size that it has "
     "takes the order back."},
    {"claim_unknown",
     "Bring the agent back, or stop the task; an order that a restored ledger does not trust is given "
     "again."},
    {"containers_left_behind",
     "Look on that host for what the agent could not destroy; restart the agent, or run `extvold fence "
     "confirm "
     "HOST`."},
    {"detach_not_enforced",
     "See that the old host cannot write to the volume any more, then run `extvold fence confirm HOST "
     "--reason ...`."},
    {"evidence_void",
     "Nothing: the proof is taken again. If it stays, look at the agent of that host in `extvold status`."},
    {"fence_clock",
     "Nothing: the host is fenced when the clock has run out. `extvold fence hold HOST` if that is wrong."},
    {"fence_lifting",
     "Nothing: the fence is taken back, and a look has to show it. If it stays: `extvold fence show HOST`."},
    {"fence_not_checked",
     "Nothing: the fence is looked at again. If it stays, `extvold fence show HOST` says what the looks "
     "answer."},
    {"fence_stopped",
     "If the host is really to be fenced: `extvold fence release HOST --only-hold --reason ...` (or "
     "--all, if all are stopped)."},
    {"fence_under_way",
     "Nothing: a look has to show that the fence holds. If it stays: `extvold fence show HOST`."},
    {"format_refused",
     "Look at what is on the device. If it may be overwritten: `extvold volume format NAME --reason ...`."},
    {"host_quarantined",
     "Reboot the host or clear its leftovers, then run `extvold fence release HOST --reason ...`."},
    {"host_view_incomplete",
     "Nothing while its agent is starting; else check that extvold can reach that agent's own API."},
    {"in_the_trash", "Run `extvold volume restore NAME`, or stop the task."},
    {"lost", "Run `extvold volume adopt` to take it over, or delete it at the provider."},
    {"missing_at_provider", "Find it at the provider, or give it up with `extvold volume remove NAME`."},
    {"never_fenced",
     "See that the host cannot write to the volume, then run `extvold fence confirm HOST --reason ...`."},
    {"never_formatted",
     "Nothing is formatted that this ledger did not make itself: format it by hand if it is meant to be "
     "empty."},
    {"no_evidence_possible",
     "See that the task is gone from that host, then run `extvold fence confirm HOST --reason ...`; for "
     "later tasks use "
     "the Mesos "
     "containerizer."},
    {"no_format_host", "Set format_host of the provider in the configuration and restart the daemon."},
    {"no_rung_left",
     "See that the host cannot write to the volume, then run `extvold fence confirm HOST --reason ...`; the "
     "text says what each rung lacks."},
    {"no_such_volume", "Make it with `extvold volume create`, adopt it, or stop the task."},
    {"not_connected",
     "Give the agent an attribute that names the pool, or set reach = \"all\" if every host reaches it."},
    {"not_formatted_yet", "Nothing: it is attached to the format host and formatted first."},
    {"not_observed",
     "Nothing: the provider is asked again. If it stays, see the provider's line in `extvold status`."},
    {"not_read_back",
     "Nothing: the provider is asked again. If it stays, see the provider's line in `extvold status`."},
    {"not_understood", "Write that task's volume in a way that extvold understands, or stop the task."},
    {"open_from_before", "Stop that task, or let its scheduler start it anew: the new one gets the volume."},
    {"orphan_attachment", "Find out who uses it there; detach it at the provider if nobody does."},
    {"orphan_mount", "Find out who mounted it there, and unmount it."},
    {"planned_waits",
     "Nothing, unless the text names a hold, the observe mode or the storm guard: then `extvold release`."},
    {"plugin_attaches", "Nothing: the agent's own plugin attaches it; extvold only watches."},
    {"plugin_left_it",
     "See that the host cannot write to the volume any more, then run `extvold fence confirm HOST --reason "
     "...`."},
    {"provider_not_configured", "Put the provider back into the configuration, or remove its volumes."},
    {"provider_throttled",
     "Nothing: it goes on by itself. If it stays, see who else asks that provider; `calls_per_second` sets a "
     "limit."},
    {"resize_waits",
     "Stop what uses it there: it grows when no host has it. The size that it has takes the order back."},
    {"retrying", "Read the error; `extvold reconcile` tries at once."},
    {"still_attached", "Detach it first: `extvold volume detach NAME HOST`, or stop its tasks."},
    {"uncertain_operation",
     "Nothing: it is settled by looking. If it stays, check that the provider answers."},
    {"unexplained_attachment",
     "Find out who uses it there. If nobody can any more: `extvold fence confirm HOST --reason ...`."},
    {"unresolved_reference",
     "Write that task's volume in a way that extvold understands, map its driver, or stop the task."},
    {"used_there",
     "Find out who uses it there and end that, or see that the host cannot write and confirm it."},
    {"view_incomplete",
     "Nothing while the daemon (re)subscribes; else see the Mesos lines of `extvold status`."},
    {"waits_for_agent",
     "Nothing: the agent is asked until it shows the container gone. If its API fails, mend that."},
    {"waits_for_detach", "Nothing: it follows the detach."},
    {"waits_for_source",
     "Nothing while its source is being made; see that one with `extvold explain`. Else remove it."},
    {"waits_for_unknown_claim",
     "Wait for the agent to come back; or make sure that the host cannot write (power it off, cut its "
     "storage), then run "
     "`extvold fence confirm HOST --reason ...`."},
}};

constexpr bool by_word(const Reason& a, const Reason& b) { return a.word < b.word; }
static_assert(std::is_sorted(kReasons.begin(), kReasons.end(), by_word));

}  // namespace

std::span<const Reason> reasons() { return kReasons; }

std::string_view remedy_of(std::string_view word) {
  const auto at = std::lower_bound(kReasons.begin(), kReasons.end(), Reason{word, {}}, by_word);
  return at != kReasons.end() && at->word == word ? at->remedy : std::string_view();
}

}  // namespace extvold::daemon::api
