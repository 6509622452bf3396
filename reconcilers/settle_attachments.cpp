// What a look shows of where a volume is: whom it is attached to is recorded, whoever did that, and who is
// not shown any more is read back as detached.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/look.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

// At which host it is. Who is shown under two names at once, the one that was recorded and another, is two
// hosts until one of them is gone: what is proven of the one says nothing of the other.
HostId Engine::host_shown(const VolumeEntry& entry, const ObservedVolume& seen,
                          const ObservedAttachment& one) {
  const ProviderInfo& provider = provider_of(entry);
  if (const Attachment* row = recorded_as(snapshot_, provider, entry, one.host_identity)) return row->host;
  const std::string name = host_of(provider, one.host_identity);
  const bool twice =
      std::any_of(seen.attachments.begin(), seen.attachments.end(), [&](const ObservedAttachment& other) {
        const Attachment* row = recorded_as(snapshot_, provider, entry, other.host_identity);
        return row != nullptr && host_name(snapshot_, row->host) == name;
      });
  return host_named(twice ? one.host_identity : name);
}

// Its host is named otherwise now (empty: nobody says how), and what will be proven is proven of that name
// alone. Who had it under the old one, and was not proven for good to be unable to write, stands against
// others as a host of its own. A fence is no proof for good: once it is gone, that one may write. True: one
// was kept.
bool Engine::keep_former_identity(const VolumeEntry& entry, HostId host, std::string_view identity, Now now) {
  const Attachment* known = entry.attachment(host);
  if (known == nullptr || known->host_identity.empty() || known->host_identity == identity) return false;
  const ProviderInfo& provider = provider_of(entry);
  EvidenceId evidence;
  const Look look{snapshot_, observed_, policy_, now.at};
  const bool released = is_released(look, entry, provider, *known, evidence);
  const bool by_fence = evidence && snapshot_.evidence(evidence)->kind == EvidenceKind::fenced;
  if (EXTVOLD_PERMITS(former_identity, released && !by_fence)) return false;
  Attachment row = *known;
  // No host of Mesos is called so.
  row.host = host_named(fmt::format("{}@{}", row.host_identity, provider.name.value));
  if (row.state != AttachmentState::detached) row.state = AttachmentState::attached;
  row.origin = AttachmentOrigin::found;
  row.generation = {snapshot_.ledger.incarnation, snapshot_.counters.next_generation++};
  counters_used_ = true;
  row.mounted = false;
  row.changed_at = now.wall;
  void_evidence(entry, row.host, /*keep_fenced=*/false, "it is who another host was, once more");
  history(
      {.kind = "attachment.renamed",
       .volume = row.volume,
       .host = row.host,
       .rule = "former_identity",
       .text = fmt::format("{} was {} when it had the volume and has another name now; nothing proves for "
                           "good that {} cannot write any more, so that is a host of its own",
                           host_name(snapshot_, host), row.host_identity, row.host_identity)});
  change(row);
  if (row.state == AttachmentState::attached) ensure_synthetic(row, now);
  // As it was, under the new name, it is another attachment; where none follows at once, of nobody.
  Attachment rest = *entry.attachment(host);
  rest.host_identity.clear();
  change(std::move(rest));
  return true;
}

void Engine::settle_attachments(const VolumeEntry& entry, const ObservedVolume* seen,
                                const ProviderObservation& observation, Now now) {
  const VolumeId id = entry.volume.id;
  const VolumeView& view = observed_.volumes[id];
  for (const AttachmentView& there : view.attachments) {
    const ObservedAttachment* one = observed_on(seen, snapshot_, provider_of(entry), entry, there.host);
    const Attachment* known = entry.attachment(there.host);
    // As somebody else than was recorded: its address or its id has changed, and what was proven of the one
    // says nothing of the other.
    const bool renamed = EXTVOLD_FORBIDS(
        found_other_identity, known != nullptr && one != nullptr && !known->host_identity.empty() &&
                                  one->host_identity != known->host_identity);
    if (known != nullptr && known->state == AttachmentState::attached && !renamed) {
      ensure_synthetic(Attachment(*known), now);
      continue;
    }
    Attachment row;
    if (known != nullptr) row = *known;
    // Uncertain since a restore, or a broken-off change.
    const bool returned = known != nullptr && known->state != AttachmentState::detached && !renamed;
    row.volume = id;
    row.host = there.host;
    row.state = AttachmentState::attached;
    if (EXTVOLD_FORBIDS(found_is_new, !returned)) {
      if (one != nullptr) keep_former_identity(entry, there.host, one->host_identity, now);
      row.origin = AttachmentOrigin::found;
      row.generation = {snapshot_.ledger.incarnation, snapshot_.counters.next_generation++};
      row.boot_id.clear();
      row.fence_addresses = one == nullptr ? std::string() : one->fence_addresses;
      counters_used_ = true;
      if (EXTVOLD_FORBIDS(evidence_voided_by_attach, true))
        void_evidence(entry, there.host, /*keep_fenced=*/false, "the volume was found attached there again");
      forget_who_had_it_open(entry, there.host);
      for (const Fence* fence : snapshot_.fences_of_host(there.host)) fence_work_[fence->id].due = now.at;
    }
    row.read_back = false;
    if (one != nullptr) {
      row.host_identity = one->host_identity;
      row.device = one->device;
      row.read_only = one->read_only;
    }
    row.changed_at = now.wall;
    const std::string where = host_name(snapshot_, row.host);
    std::string text = fmt::format("{} shows it attached to {}", observation.provider.value, where);
    history({.kind = "attachment.found", .volume = id, .host = row.host, .rule = "observed", .text = text});
    change(row);
    ensure_synthetic(row, now);
  }
}

void Engine::settle_vanished(const VolumeEntry& entry, const ProviderObservation& observation, Now now) {
  const VolumeId id = entry.volume.id;
  const VolumeView& view = observed_.volumes[id];
  std::vector<Attachment> vanished;
  for (const Attachment& row : entry.attachments) {
    if (row.state != AttachmentState::detached && view.attachment(row.host) == nullptr)
      vanished.push_back(row);
  }
  if (vanished.empty()) return;
  if (EXTVOLD_FORBIDS(vanished_direct, observation.volume_key.empty())) {  // a list may be stale
    inspect_not_before_.try_emplace(id, now.at);
    return;
  }
  for (Attachment& row : vanished) {
    row.state = AttachmentState::detached;
    row.read_back = true;
    row.mounted = false;
    row.changed_at = now.wall;
    row.gone_at = now.at;
    look_at_power(row.host, now);
    history({.kind = "attachment.vanished",
             .volume = id,
             .host = row.host,
             .rule = "observed",
             .text = fmt::format("{} does not show it at {} any more", observation.provider.value,
                                 host_name(snapshot_, row.host))});
    change(std::move(row));
    touch(id);
  }
}

}  // namespace extvold::reconcilers
