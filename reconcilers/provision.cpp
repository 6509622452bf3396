// Creation and removal at the provider. A volume is created under a key that derives from its id alone; it is
// never created implicitly and never deleted by a reconciler's own decision: `removing` is an operator's
// order (DESIGN.md section 7).
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

void add(VolumePlan& out, const VolumeLook& look, OperationKind kind, std::string_view rule,
         std::string cause) {
  PlannedOperation planned;
  planned.operation.kind = kind;
  planned.operation.volume = look.volume().id;
  planned.operation.rule = rule;
  planned.operation.cause = std::move(cause);
  planned.waits_for = order_or_pause(look, kind, HostId{}, out);
  out.operations.push_back(std::move(planned));
}

void plan_removal(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  for (const Attachment& one : look.entry.attachments) {
    if (EXTVOLD_PERMITS(remove_detached, one.state == AttachmentState::detached)) continue;
    out.block(volume.id, {}, "still_attached", Owner::operator_,
              fmt::format("volume {} is not removed: it is {} at {}", volume.name, to_text(one.state),
                          host_name(look.look.snapshot, one.host)));
    return;
  }
  if (EXTVOLD_FORBIDS(remove_fresh_look, !look.freshly_observed())) {
    out.wish_volume(volume.id);
    out.block(volume.id, {}, "not_observed", Owner::provider,
              fmt::format("volume {} is not removed before {} was asked about it", volume.name,
                          look.provider.name.value));
    return;
  }
  add(out, look, OperationKind::remove, "remove.ordered", "an operator ordered its removal");
}

// A copy of what is not there would be an empty volume.
bool waits_for_source(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  if (!volume.source ||
      EXTVOLD_PERMITS(create_source_made, made_source(look.look.snapshot, volume) != nullptr))
    return false;
  const VolumeEntry* source = look.look.snapshot.volume(volume.source);
  const bool to_come = source != nullptr && source->volume.state == VolumeState::planned;
  out.block(volume.id, {}, "waits_for_source", to_come ? Owner::extvold : Owner::operator_,
            fmt::format("volume {} is to be a copy of {}, which is {}", volume.name,
                        source == nullptr ? "a volume that the ledger does not have" : source->volume.name,
                        source == nullptr ? "not there" : to_text(source->volume.state)));
  return true;
}

void plan_creation(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  if (!look.provider.capabilities.create) {
    return out.block(volume.id, {}, "cannot_create", Owner::operator_,
                     fmt::format("provider {} cannot create volumes: create {} there and adopt it",
                                 look.provider.name.value, volume.name));
  }
  if (volume.source && !look.provider.capabilities.clone) {
    return out.block(
        volume.id, {}, "cannot_clone", Owner::operator_,
        fmt::format("provider {} makes no volume from another one: remove {}, create an empty one "
                    "and copy",
                    look.provider.name.value, volume.name));
  }
  if (waits_for_source(look, out)) return;
  add(out, look, OperationKind::create, "provision.planned", "an operator asked for it");
}

}  // namespace

bool reconcile_provision(const VolumeLook& look, VolumePlan& out) {
  const Volume& volume = look.volume();
  switch (volume.state) {
    case VolumeState::available:
      break;
    case VolumeState::planned:
      plan_creation(look, out);
      return true;
    case VolumeState::removing:
      plan_removal(look, out);
      return true;
    case VolumeState::lost:
      out.block(volume.id, {}, "lost", Owner::operator_,
                fmt::format(
                    "{} at {} carries this ledger's tag, but no row explains it: adopt it or remove it there",
                    volume.key, look.provider.name.value));
      return true;
    case VolumeState::trashed:
      for (const Claim* claim : look.entry.claims) {
        if (!claim->wanted) continue;
        out.block(volume.id, claim->host, "in_the_trash", Owner::operator_,
                  fmt::format("{} waits: volume {} is in the trash; `extvold volume restore {}`",
                              claim_text(look.look.snapshot, *claim), volume.name, volume.name));
      }
      return true;
    case VolumeState::removed:
      return true;
  }
  if (look.freshly_observed() && !look.view->present) {
    out.block(volume.id, {}, "missing_at_provider", Owner::operator_,
              fmt::format("provider {} does not have volume {} ({}) any more; it is not made again: find it "
                          "there, or `extvold volume remove {}`",
                          look.provider.name.value, volume.name, volume.key, volume.name));
    return true;
  }
  return false;
}

}  // namespace extvold::reconcilers
