// Format: at creation, on the format host, at most once in a volume's life, only what this ledger created
// itself (DESIGN.md section 9). The device's own proof of being blank is the host's part (host/), each time
// anew; a clone or an adopted volume never gets here.
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

void reconcile_format(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  if (volume.format == FormatState::refused) {
    out.block(volume.id, {}, "format_refused", Owner::operator_,
              fmt::format("volume {} was not proven blank and is not formatted: {}", volume.name,
                          look.entry.last_operation == nullptr ? std::string("see `extvold history`")
                                                               : look.entry.last_operation->error));
    return;
  }
  if (volume.format != FormatState::wanted && volume.format != FormatState::intended) return;
  if (EXTVOLD_FORBIDS(format_of_created, volume.origin != VolumeOrigin::created)) {
    out.block(volume.id, {}, "never_formatted", Owner::operator_,
              fmt::format("volume {} was not created by this ledger ({}) and is never formatted", volume.name,
                          to_text(volume.origin)));
    return;
  }
  if (look.provider.format_host.empty()) {
    out.block(
        volume.id, {}, "no_format_host", Owner::operator_,
        fmt::format("volume {} waits to be formatted: provider {} has no format_host in the configuration",
                    volume.name, look.provider.name.value));
    return;
  }
  for (const Claim* claim : look.entry.claims) {
    if (claim->kind != ClaimKind::format || !claim->wanted) continue;
    const Attachment* attachment = look.entry.attachment(claim->host);
    if (attachment == nullptr || attachment->state != AttachmentState::attached)
      return;  // reconcile_attach brings it there
    PlannedOperation planned;
    planned.operation.kind = OperationKind::format;
    planned.operation.volume = volume.id;
    planned.operation.host = claim->host;
    planned.operation.claim = claim->id;
    planned.operation.rule = "format.created_blank";
    planned.operation.cause =
        fmt::format("created here, never formatted, to become {}", to_text(volume.filesystem));
    planned.waits_for = order_or_pause(look, OperationKind::format, claim->host, out);
    out.operations.push_back(std::move(planned));
    return;
  }
  // Its claim ended with a fence of that host, and is made again when the host is let back in.
  const Host* host = look.look.snapshot.host_by_name(look.provider.format_host);
  if (host != nullptr && host->quarantined) {
    out.block(volume.id, host->id, "host_quarantined", Owner::operator_,
              fmt::format("volume {} waits to be formatted: host {} is quarantined ({}); `extvold fence "
                          "release {}` when its leftovers are gone",
                          volume.name, host->name, host->quarantine_reason, host->name));
  }
}

}  // namespace extvold::reconcilers
