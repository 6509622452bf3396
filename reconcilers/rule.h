// Rules: the conditions that keep a second writer away, each under a name, so that it can be removed from a
// build. A rule whose removal no test notices is a missing test: `./dev mutants` removes one at a time and
// has the simulator look for a run that goes wrong (docs/simulator.md, Mutants).
//
//   if (EXTVOLD_FORBIDS(attach_quarantine, host->quarantined)) return refuse(...);   removed: false
//   return EXTVOLD_PERMITS(evidence_generation, one.generation == attachment.generation);   removed: true
//
// In every build but the mutants' (-DEXTVOLD_MUTANTS=ON) this is the condition and nothing else: no call, no
// symbol, no switch that somebody could turn. A condition that stands in two places is one rule, and is
// removed in both.
#pragma once

#ifdef EXTVOLD_MUTANTS

#include "model/enum_text.h"

namespace extvold::reconcilers {

EXTVOLD_ENUM(Rule,
             // Attach: what may go where
             attach_formatted, attach_quarantine, attach_open_from_before, attach_call_running,
             attach_former_calls, takes_over_waits, attach_others_acted, attach_view_complete,
             attach_fresh_look, attach_look_after_claim, attach_live_claim, attach_holder_keeps,
             attach_unlisted, attach_released, attach_superseded, attach_shown_elsewhere,
             // What releases a volume on another host
             released_detached, released_read_back, released_enforced, released_asked_again,
             power_needs_detach, strong_evidence,
             // Evidence
             evidence_generation, evidence_voided_by_view, evidence_voided_by_claim, evidence_voided_by_life,
             evidence_voided_by_attach, void_reopens_claims, evidence_spent, claim_kept_open,
             clean_same_state, clean_of_its_agent, clean_mesos, clean_normal_message, clean_source,
             gone_listed, gone_completed, gone_asked_later, gone_mesos, gone_no_destroy_errors, gone_itself,
             gone_of_this_view, gone_trusted, host_boot_known, host_unused, host_in_use, host_view_complete,
             host_takes_back, host_word_stands, view_self_check, view_had_holes, view_same_master,
             // Detach
             detach_wanted, detach_unclaimed, detach_not_dead, detach_evidence, detach_view_complete,
             detach_host_view, detach_read_since_launch, detach_lost_agent, detach_unresolved, detach_plugin,
             detach_fresh_look, detach_storm, synthetic_claim, synthetic_older, synthetic_of_agent,
             // What a look settles
             look_sent_later, settle_running, settle_list_absence, settle_time, settle_attach_over,
             settle_attach_untold, settle_detach_untold, settling_detach_time, settling_detach_there,
             settling_detach_direct, detach_used_there, view_watched, found_is_new, found_other_identity,
             former_identity, vanished_direct, absence_told, list_complete, list_plausible,
             // The engine
             intent_committed, call_budget, start_uncertain, start_deadline, guard_doubts_looks,
             permitted_at_start, one_open_operation, fence_holds_volume, order_guard, order_held, order_mode,
             order_committed,
             // Fences
             fence_held, fence_checked, fence_margin, fence_power_later, power_late_attach, fence_accepted,
             fence_read_back, fence_run_out, fence_look_later, fence_settle_time, fence_work_under_way,
             fence_storm, fence_quarantines, fence_loss_voids, fence_lost_quarantine, fence_never,
             fence_clock, fence_stopped, fence_host_lost, fence_view_complete, fence_verifiable,
             fence_attach_may_come, fence_covers_older, fence_shared_identity, fence_recorded_addresses,
             lift_looked_later, lift_clean, lift_read_back, clean_by_report,
             // People
             confirm_live, confirm_attach_under_way, confirm_quarantines, release_clean, release_remembers,
             remove_in_use,
             // Volumes
             create_ours, create_source_made, create_not_there, format_of_created, format_again_refused,
             remove_detached, remove_untold, remove_restored, remove_fresh_look)

bool is_removed(Rule rule);
void remove_rule(Rule rule);
void restore_rules();

}  // namespace extvold::reconcilers

#define EXTVOLD_PERMITS(name, ...) \
  (::extvold::reconcilers::is_removed(::extvold::reconcilers::Rule::name) || (__VA_ARGS__))
#define EXTVOLD_FORBIDS(name, ...) \
  (!::extvold::reconcilers::is_removed(::extvold::reconcilers::Rule::name) && (__VA_ARGS__))

#else

#define EXTVOLD_PERMITS(name, ...) (__VA_ARGS__)
#define EXTVOLD_FORBIDS(name, ...) (__VA_ARGS__)

#endif
