// Probes: rare paths that a campaign should reach. Each run says which it reached; a campaign lists those
// that no run did, because a simulator that never gets somewhere proves nothing about it.
#pragma once

#include <array>
#include <cstdint>

#include "model/enum_text.h"

namespace extvold::sim {

EXTVOLD_ENUM(Probe,
             // Writers
             writer_moved_host, frozen_writer_resumed, write_refused_by_storage, leaked_writer,
             escaped_writer, detach_refused_busy,
             // Mesos
             stream_was_cut, snapshot_was_thin, tasks_were_hidden, poll_came_late, poll_failed,
             agent_became_unreachable, agent_returned_from_unreachable, agent_changed_its_id,
             agent_was_removed, agent_marked_gone_alive, task_ended_unseen, framework_torn_down,
             agent_read_failed,
             // Hosts
             host_died, host_rebooted, host_froze,
             // Providers
             call_failed_before, reply_lost_before, reply_lost_after, effect_was_late, effect_after_restart,
             call_hung, provider_lied, effect_was_doubled, was_throttled, look_was_throttled, list_was_stale,
             list_was_partial, list_was_empty, list_broke_off, attach_refused_exclusive, nameless_attachment,
             // Fences
             fence_set, fence_set_again, fence_held, fence_uncertain, fence_failed, fence_lost,
             fence_did_nothing, fence_lifted, fence_undone_by_late_attach, fence_barred_late_attach,
             fence_expired, power_fenced, powered_on_by_hand, fence_storm,
             // The daemon
             crash_before_commit, crash_after_commit, crash_before_call, crash_after_call, crash_before_look,
             power_was_cut, commit_failed, disk_was_full, ledger_reopened, guard_was_lost,
             call_refused_by_guard, ledger_was_restored, ledger_was_lost, second_daemon_took_over,
             daemon_was_paused, clock_jumped,
             // What the engine decided
             attach_called, detach_called, format_called, create_called, remove_called, resize_called,
             operation_uncertain, operation_failed, attach_settled_by_detach, evidence_agent_clean,
             evidence_agent_gone, evidence_host_unmounted, evidence_host_rebooted, evidence_operator,
             evidence_fenced, evidence_voided, claim_became_unknown, synthetic_claim, volume_found_attached,
             volume_lost, blocked_for_operator, kept_from_old_process, detach_storm,
             view_incomplete_by_permission, quarantine,
             // People
             operator_confirmed_host, forgotten_fence_lifted, operator_released, operator_released_host,
             operator_released_fencing, operator_held_fencing, operator_ordered_attach,
             operator_moved_by_hand, operator_held_by_name, operator_erred)

class Probes {
 public:
  void hit(Probe probe) { ++counts_[static_cast<std::size_t>(probe)]; }
  std::int64_t count(Probe probe) const { return counts_[static_cast<std::size_t>(probe)]; }
  void add(Probe probe, std::int64_t times) { counts_[static_cast<std::size_t>(probe)] += times; }

 private:
  std::array<std::int64_t, Probe_texts.size()> counts_{};
};

}  // namespace extvold::sim
