// Quarantine: how long a host that was fenced, or confirmed dead, gets nothing, and the way back: who says
// that nothing of it is left, and its fences taken back (DESIGN.md section 10).
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

// Its volumes were taken while a fence held, and then that was lost: processes of that time may still run on
// it. What was switched off runs none of them.
void Engine::keep_quarantine(HostId id) {
  Host host = *snapshot_.host(id);
  if (!host.quarantined || !host.quarantine_fence || !snapshot_.fences_of_host(id).empty()) return;
  host.quarantine_fence = {};  // no fence ends it any more
  host.quarantine_reason += "; it held, and was lost";
  history({.kind = "host.quarantined", .host = id, .rule = "fence", .text = host.quarantine_reason});
  change(std::move(host));
}

// A quarantine that a fence began ends with the last that may stand; a person's, when a person says so.
void Engine::end_quarantine(HostId id, const std::string& why) {
  Host host = *snapshot_.host(id);
  if (!host.quarantined || !host.quarantine_fence || !snapshot_.fences_of_host(id).empty()) return;
  host.quarantined = false;
  host.quarantine_reason.clear();
  host.quarantine_fence = {};
  history({.kind = "host.released", .host = id, .rule = "fence", .text = why});
  change(std::move(host));
  touch_all();
}

// What would still be there if its fences were lifted: a volume that was taken from it, and that its provider
// still shows there.
std::string Engine::why_not_clean(HostId host) const {
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Attachment* attachment = entry.attachment(host);
    if (attachment == nullptr || attachment->state == AttachmentState::detached) continue;
    const bool taken = std::any_of(entry.evidence.begin(), entry.evidence.end(), [&](const Evidence* one) {
      return one->host == host && (one->kind == EvidenceKind::fenced || one->kind == EvidenceKind::operator_);
    });
    if (taken || is_superseded(snapshot_, entry, *attachment))
      return fmt::format("volume {} is still {} there", entry.volume.name, to_text(attachment->state));
  }
  return {};
}

// The host is clean: what was taken from it is no attachment of it any more, and its fences are lifted one by
// one, each read back.
void Engine::lift_fences(HostId host, std::string why, std::int64_t user_uid, Now now) {
  std::vector<Fence> rows;
  for (const Fence* fence : snapshot_.fences_of_host(host)) rows.push_back(*fence);
  for (Fence& row : rows) {
    drop_clean_attachments(row, /*another_boot=*/false);
    void_fence_evidence(row, fmt::format("its fence is taken back: {}", why));
    if (row.state == FenceState::lifting) continue;
    if (row.state == FenceState::recorded) {  // nothing of it was asked yet
      end_fence(std::move(row), FenceState::failed,
                {Errc::conflict, fmt::format("superseded before it was started: {}", why)}, now);
      continue;
    }
    row.user_uid = user_uid;
    if (row.state == FenceState::issued) {
      row.state = FenceState::uncertain;
      change(row);
    }
    row.state = FenceState::lifting;
    history(row, "lifting", why);
    FenceWork& work = fence_work_[row.id];
    work.lifted = work.set_again = false;
    work.backoff = {};
    work.due = now.at;
    change(std::move(row));
  }
  touch_host(host);
}

// A node side's word ends a quarantine that a fence began: another boot than the one in which anything was
// attached there, or nothing in use of what was. That nothing is attached there is no such word: that much
// the fence did.
void Engine::lift_where_clean(const ProviderInfo& provider, const ProviderObservation& observation, Now now) {
  if (snapshot_.fences().empty() || !policy_.observe_only.empty()) return;
  std::vector<std::pair<HostId, std::string>> clean;
  for (const ObservedHost& seen : observation.hosts) {
    const Host* host = snapshot_.host_by_name(host_of(provider, seen.host_identity));
    if (host == nullptr || !host->quarantine_fence || seen.boot_id.empty()) continue;
    bool another_boot = false;
    bool same_boot = false;
    bool sent_later = true;
    for (const Fence* fence : snapshot_.fences_of_host(host->id)) {
      const FenceView* view = observed_.fence(fence->id);
      sent_later = sent_later && fence->state == FenceState::held && view != nullptr &&
                   EXTVOLD_PERMITS(lift_looked_later, observation.sent_at > view->checked_at) &&
                   fence->provider == observation.provider;
    }
    for (const auto& [id, entry] : snapshot_.volumes()) {
      const Attachment* attachment = entry.attachment(host->id);
      if (attachment == nullptr) continue;
      const bool other = !attachment->boot_id.empty() && attachment->boot_id != seen.boot_id;
      (other ? another_boot : same_boot) = true;
    }
    another_boot = another_boot && !same_boot;
    const bool unused = seen.in_use == TriState::no;
    if (!sent_later || EXTVOLD_FORBIDS(clean_by_report, !(another_boot || unused))) continue;
    if (EXTVOLD_FORBIDS(lift_clean, !why_not_clean(host->id).empty())) continue;
    clean.emplace_back(host->id, another_boot ? fmt::format("it runs another boot ({})", seen.boot_id)
                                              : "it says that nothing of what it had is in use");
  }
  for (auto& [host, why] : clean) lift_fences(host, std::move(why), -1, now);
}

}  // namespace extvold::reconcilers
