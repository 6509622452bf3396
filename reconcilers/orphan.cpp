// Orphan: what nothing explains is reported, never touched.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {

void reconcile_orphan(const VolumeLook& look, VolumePlan& out) {
  for (const Attachment& attachment : look.entry.attachments) {
    if (attachment.state == AttachmentState::detached) continue;
    const bool explained = std::any_of(look.entry.claims.begin(), look.entry.claims.end(),
                                       [&](const Claim* claim) { return claim->host == attachment.host; });
    if (!explained) {
      out.block(look.volume().id, attachment.host, "orphan_attachment", Owner::operator_,
                fmt::format("volume {} is {} at {} and no claim, not even an unknown one, stands for it",
                            look.volume().name, to_text(attachment.state),
                            host_name(look.look.snapshot, attachment.host)));
    }
  }
}

}  // namespace extvold::reconcilers
