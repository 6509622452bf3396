// Orphan: what nothing explains is reported, never touched.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {
namespace {

// Proven to have no user there any more, and mounted all the same: somebody else's mount, which also refuses
// the detach. Our own goes with the detach.
void report_mount(const VolumeLook& look, const Attachment& attachment, VolumePlan& out) {
  const auto alive = [&](const Claim* claim) {
    return claim->host == attachment.host && claim->liveness != Liveness::dead;
  };
  if (attachment.mounted || std::any_of(look.entry.claims.begin(), look.entry.claims.end(), alive)) return;
  if (look.entry.mounts.empty() || look.view == nullptr) return;
  if (look.view->sent_at <= look.view->idle_since)
    return out.wish_volume(look.volume().id);  // as it was before
  for (const Mount& mount : look.entry.mounts) {
    if (mount.host != attachment.host) continue;
    out.block(
        look.volume().id, attachment.host, "orphan_mount", Owner::operator_,
        fmt::format("volume {} is mounted at {} on {}, and nothing that may use it runs there; find out who "
                    "mounted it and unmount it",
                    look.volume().name, mount.path, host_name(look.look.snapshot, attachment.host)));
    return;
  }
}

}  // namespace

void reconcile_orphan(const VolumeLook& look, VolumePlan& out) {
  for (const Attachment& attachment : look.entry.attachments) {
    if (attachment.state == AttachmentState::detached) continue;
    const bool explained = std::any_of(look.entry.claims.begin(), look.entry.claims.end(),
                                       [&](const Claim* claim) { return claim->host == attachment.host; });
    report_mount(look, attachment, out);
    if (!explained) {
      out.block(look.volume().id, attachment.host, "orphan_attachment", Owner::operator_,
                fmt::format("volume {} is {} at {} and no claim, not even an unknown one, stands for it",
                            look.volume().name, to_text(attachment.state),
                            host_name(look.look.snapshot, attachment.host)));
    }
  }
}

}  // namespace extvold::reconcilers
