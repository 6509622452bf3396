// Fence: where a wanted claim waits for a volume that another host may still write to, says who must act. It
// fences nothing yet; what makes evidence automatically (DESIGN.md section 10) gets its place here.
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {
namespace {

const Claim* user_on(const VolumeEntry& entry, HostId host) {
  const Claim* found = nullptr;
  for (const Claim* claim : entry.claims) {
    if (claim->host != host || claim->liveness == Liveness::dead) continue;
    if (found == nullptr || (claim->liveness == Liveness::unknown && found->liveness != Liveness::unknown))
      found = claim;
  }
  return found;
}

void block_waiting(const VolumeLook& look, const Claim& waiting, const Attachment& held, VolumePlan& out) {
  const Snapshot& snapshot = look.look.snapshot;
  const std::string who =
      fmt::format("{} on {}", claim_text(snapshot, waiting), host_name(snapshot, waiting.host));
  const std::string there = host_name(snapshot, held.host);
  const Claim* user = user_on(look.entry, held.host);
  if (user != nullptr && user->liveness == Liveness::unknown) {
    out.block(look.volume().id, waiting.host, "waits_for_unknown_claim", Owner::operator_,
              fmt::format("{} waits: volume {} is attached to {}, where {} may still write to it ({}); "
                          "nothing proves otherwise. "
                          "It moves by itself when its agent proves it gone; or see that {} cannot write any "
                          "more and `extvold fence "
                          "confirm {}`",
                          who, look.volume().name, there, claim_text(snapshot, *user), user->liveness_why,
                          there, there));
    return;
  }
  if (held.state == AttachmentState::detached) {
    out.block(look.volume().id, waiting.host, "detach_not_enforced", Owner::operator_,
              fmt::format("{} waits: volume {} was detached from {}, but at {} that does not keep the host "
                          "from writing; see that it cannot, "
                          "then `extvold fence confirm {}`",
                          who, look.volume().name, there, look.provider.name.value, there));
    return;
  }
  out.block(
      look.volume().id, waiting.host, "waits_for_detach", Owner::extvold,
      fmt::format("{} waits: volume {} is {} at {}", who, look.volume().name, to_text(held.state), there));
}

}  // namespace

void reconcile_fence(const VolumeLook& look, VolumePlan& out) {
  if (look.volume().access == AccessMode::shared) return;
  for (const Claim* claim : look.entry.claims) {
    if (!claim->wanted || claim->liveness != Liveness::live || !claim->host) continue;
    const Attachment* own = look.entry.attachment(claim->host);
    if (own != nullptr && own->state == AttachmentState::attached) continue;
    bool planned = false;
    for (const PlannedOperation& one : out.operations) {
      planned = planned || (one.operation.kind == OperationKind::attach && one.operation.host == claim->host);
    }
    if (planned) continue;
    for (const Attachment& held : look.entry.attachments) {
      const bool read_only = attaches_read_only(look.volume(), claim);
      EvidenceId evidence;
      if (held.host == claim->host || !excludes(look.volume().access, held.read_only, read_only) ||
          is_released(look.entry, look.provider, held, evidence))
        continue;
      block_waiting(look, *claim, held, out);
      break;
    }
  }
}

}  // namespace extvold::reconcilers
