// One pure reconciler per concern. Each looks at one volume and adds to its VolumePlan; none knows of the
// others but through what they added.
#pragma once

#include "reconcilers/look.h"

namespace extvold::reconcilers {

// An operation that is open: nothing else may touch the volume; says what would settle it. True: stop here.
bool reconcile_open_operation(const VolumeLook& look, VolumePlan& out);
// Its call is over, and for long no look has told what came of it: nobody can tell.
bool is_in_doubt(const VolumeLook& look, const Operation& open);

// While a host is being fenced nothing begins with what it has. True: stop here.
bool waits_for_fence(const VolumeLook& look, VolumePlan& out);

// planned → created; removing → removed. True: stop here (the volume is not available).
bool reconcile_provision(const VolumeLook& look, VolumePlan& out);

// Attachments that nothing wants any more, once there is evidence for every claim on that host.
void reconcile_detach(const VolumeLook& look, VolumePlan& out);
// Whether nothing stands against a detach there, as the plan judges it.
bool may_detach(const VolumeLook& look, const Attachment& attachment);

// A claim that is wanted and live, on a host that may have the volume.
void reconcile_attach(const VolumeLook& look, VolumePlan& out);
// What of its own stands against its host's having it: what others have of it apart, and whoever it is that
// attaches it there. Empty: nothing.
std::string why_not_for(const VolumeLook& look, const Claim& claim);

// mkfs, at most once in a volume's life, on the format host.
void reconcile_format(const VolumeLook& look, VolumePlan& out);

// A volume that is to be larger: before the next host gets it (true: stop here), or, if one has it, when
// nothing else is to be done.
bool reconcile_resize_of_detached(const VolumeLook& look, VolumePlan& out);
void reconcile_resize_of_attached(const VolumeLook& look, VolumePlan& out);

// Where a wanted claim waits for a host that may still write: the next rung of the ladder if policy and clock
// say so, else who must act.
void reconcile_fence(const VolumeLook& look, VolumePlan& out);
// Why that host is not to be fenced for this claim any more, as the plan judges it. Empty: it is.
std::string why_not_fenced(const VolumeLook& look, const Claim& claim, const Attachment& held);

// Attachments and volumes that nothing explains. Reports only.
void reconcile_orphan(const VolumeLook& look, VolumePlan& out);

// Claims that name no volume of ours, as rows without a volume; ordered by claim.
void report_unresolved(const Look& look, std::vector<BlockedRow>& out);

// All of the above that are about one volume, in order.
void plan_volume(const Look& look, const VolumeEntry& entry, VolumePlan& out);

}  // namespace extvold::reconcilers
