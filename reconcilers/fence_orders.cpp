// What a person orders about fences: that a host is dead, that its leftovers are gone, that it is not to be
// fenced.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

// Not detached; or detached at a provider where that keeps nobody from writing, and nothing else proves it.
bool Engine::stands_against_others(const VolumeEntry& entry, const Attachment& attachment, Now now) const {
  if (attachment.state != AttachmentState::detached) return true;
  const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
  EvidenceId evidence;
  return provider == nullptr ||
         !is_released({snapshot_, observed_, policy_, now.at}, entry, *provider, attachment, evidence);
}

// An attach to the host that may take effect after a person has looked: nobody can answer for that. Empty:
// none.
std::string Engine::attach_under_way(const VolumeEntry& entry, HostId host, Now now) const {
  const Operation* open = entry.open_operation.get();
  const bool may_attach = open != nullptr && open->host == host &&
                          (open->kind == OperationKind::attach || open->rule == kSettlesAttach);
  if (!may_attach || open->state == OperationState::recorded) return {};
  if (open->call_ended_at.value.ns == 0)
    return fmt::format("{} is under way; repeat this when it has ended", describe(*open, snapshot_));
  const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
  const Instant over = open->call_ended_at.value + (provider == nullptr ? Duration{} : provider->settle_time);
  const VolumeView* view = observed_.volume(entry.volume.id);
  if (view != nullptr && view->call_running == TriState::yes)
    return fmt::format("{} is still at work at its provider; repeat this when it has ended",
                       describe(*open, snapshot_));
  if (now.at >= over) return {};
  return fmt::format("{} may still take effect ({}); repeat this in {} s", describe(*open, snapshot_),
                     open->error, (over - now.at).ns / 1'000'000'000 + 1);
}

// A person answers for it: covers exactly the attachments that are open on the host at this moment.
Result<std::string> Engine::obey(const FenceConfirm& order, const Command& command, Now now) {
  const Host* found = snapshot_.host_by_name(order.host);
  if (found == nullptr) return fail(Errc::not_found, "no host {}", order.host);
  if (order.typed_host != order.host)
    return fail(Errc::invalid, "host {} is not confirmed: its name was not typed again", order.host);
  if (order.reason.empty())
    return fail(Errc::invalid, "host {} is not confirmed: a reason is needed (--reason)", order.host);
  Host host = *found;
  for (const auto& [id, claim] : snapshot_.claims()) {
    if (EXTVOLD_FORBIDS(confirm_live,
                        claim.host == host.id && claim.wanted && claim.liveness == Liveness::live)) {
      return fail(Errc::conflict, "host {} is not confirmed: {} is live there ({})", order.host,
                  claim_text(snapshot_, claim), to_text(claim.task_state));
    }
  }
  for (const auto& [id, entry] : snapshot_.volumes()) {
    if (const std::string attach = attach_under_way(entry, host.id, now);
        EXTVOLD_FORBIDS(confirm_attach_under_way, !attach.empty()))
      return fail(Errc::conflict, "host {} is not confirmed: {}", order.host, attach);
  }
  int covered = 0;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Attachment* attachment = entry.attachment(host.id);
    if (attachment == nullptr || !stands_against_others(entry, *attachment, now)) continue;
    Evidence evidence =
        new_evidence(*liveness_row({.said = Said::person_confirmed}).evidence, *attachment, now.wall);
    evidence.user_uid = command.user_uid;
    evidence.detail = fmt::format("uid {} confirmed: {}", command.user_uid, order.reason);
    history({.kind = "evidence.recorded",
             .volume = id,
             .host = host.id,
             .evidence = evidence.id,
             .rule = "operator",
             .text = evidence.detail,
             .user_uid = command.user_uid});
    change(evidence);
    end_claims(evidence, now);
    touch(id);
    ++covered;
  }
  host.quarantined = EXTVOLD_FORBIDS(confirm_quarantines, true);
  host.quarantine_reason = fmt::format("confirmed dead: {}", order.reason);
  host.quarantine_fence = {};  // no fence ends what a person began
  history({.kind = "host.quarantined",
           .host = host.id,
           .rule = "operator",
           .text = host.quarantine_reason,
           .user_uid = command.user_uid});
  change(host);
  touch_all();  // who might have had something open there is answered for
  return fmt::format(
      "host {} is confirmed: {} attachments are covered; nothing is attached there until `extvold fence "
      "release {} --reason ...`{}",
      order.host, covered, order.host,
      observed_.view_complete
          ? std::string()
          : fmt::format(". It was not asked what runs there: the Mesos view is incomplete ({})",
                        observed_.view_incomplete_why));
}

Result<std::string> Engine::obey(const FenceRelease& order, const Command& command, Now now) {
  if (order.host.empty() && (order.forget || order.only_hold))
    return fail(Errc::invalid, "say of which host: only fencing as a whole is released without one");
  if (order.forget && order.only_hold)
    return fail(Errc::invalid, "host {}: either its hold is ended, or its fences are forgotten", order.host);
  if (order.host.empty()) return resume_fencing(order, command, now);
  const Host* found = snapshot_.host_by_name(order.host);
  if (found == nullptr) return fail(Errc::not_found, "no host {}", order.host);
  const bool standing = !snapshot_.fences_of_host(found->id).empty();
  if (!found->fence_held && (order.only_hold || (!found->quarantined && !standing)))
    return fmt::format("host {} is {}held", order.host,
                       order.only_hold ? "not " : "neither quarantined nor ");
  if (order.reason.empty())
    return fail(Errc::invalid, "host {} is not released: a reason is needed (--reason)", order.host);
  if (order.forget) return forget_fences(found->id, order, command, now);
  if (order.only_hold || (!found->quarantined && !standing))
    return let_be_fenced(*found, order.reason, command.user_uid);
  // Whoever only wants it to be fenced again does not say that nothing of it is left.
  if (found->fence_held)
    return fail(Errc::conflict,
                "host {0} is not released: it is quarantined ({1}), and a person said that it is not to be "
                "fenced. To let it be fenced again: `extvold fence release {0} --only-hold --reason ...`; "
                "after that, if "
                "nothing of it is left, `extvold fence release {0} --reason ...`",
                order.host, found->quarantine_reason);
  if (const std::string why = why_not_clean(found->id); EXTVOLD_FORBIDS(release_clean, !why.empty()))
    return fail(Errc::conflict, "host {} is not released: {}", order.host, why);
  Host row = *found;
  if (standing) {
    row.quarantine_fence = snapshot_.fences_of_host(row.id).back()->id;  // it ends with the last of them
  } else {
    row.quarantined = false;
    row.quarantine_reason.clear();
    row.quarantine_fence = {};
  }
  history({.kind = standing ? "host.releasing" : "host.released",
           .host = row.id,
           .rule = "operator",
           .text = order.reason,
           .user_uid = command.user_uid});
  const HostId id = row.id;
  change(std::move(row));
  drop_answered_attachments(id);
  lift_fences(id, fmt::format("uid {} released the host: {}", command.user_uid, order.reason),
              command.user_uid, now);
  touch_all();
  return standing ? fmt::format(
                        "the fences of host {} are lifted, one by one; it may have volumes again when "
                        "each is read back (`extvold fence show {}`)",
                        order.host, order.host)
                  : fmt::format("host {} may have volumes again", order.host);
}

void Engine::drop_answered_attachments(HostId host) {
  std::vector<VolumeId> clean;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Attachment* attachment = entry.attachment(host);
    if (attachment != nullptr && is_forgotten_at_release(entry, *attachment)) clean.push_back(id);
  }
  for (const VolumeId volume : clean) {
    change(DropAttachment{volume, host});
    touch(volume);
  }
}

// What was read back as detached stands in everybody's way where a detach keeps nobody from writing, and is
// no question any more when a person, or the host itself, says that nothing of it is left. Elsewhere it
// stands in nobody's way, and when it was taken is remembered: who came back with the host may have the old
// device open (open_from_before). So it is where somebody may run there.
bool Engine::is_forgotten_at_release(const VolumeEntry& entry, const Attachment& attachment) const {
  const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
  const bool may_run = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
    return claim->host == attachment.host && claim->liveness != Liveness::dead;
  });
  return attachment.state == AttachmentState::detached && attachment.read_back && provider != nullptr &&
         !EXTVOLD_FORBIDS(release_remembers, provider->capabilities.detach_enforced || may_run);
}

// What made them is gone for good (a power switch, a storage), so that nobody can take them back: a person
// says that they stand nowhere. One that does after all keeps the host out; nobody else gets in by that.
Result<std::string> Engine::forget_fences(HostId host, const FenceRelease& order, const Command& command,
                                          Now now) {
  std::vector<Fence> rows;
  for (const Fence* fence : snapshot_.fences_of_host(host)) {
    if (fence->state != FenceState::lifting)
      return fail(
          Errc::conflict,
          "fence {0} of host {1} is {2} and not forgotten: `extvold fence release {1}` takes it back; "
          "only what cannot be taken back is forgotten",
          fence->id.value, order.host, to_text(fence->state));
    const auto work = fence_work_.find(fence->id);
    if (work != fence_work_.end() && (work->second.calling || now.at < work->second.may_lift_until))
      return fail(
          Errc::conflict,
          "fence {} of host {} is not forgotten: a call that takes it back may still take effect; repeat "
          "this in {} s",
          fence->id.value, order.host, settle_time_of(*fence).ns / 1'000'000'000 + 1);
    rows.push_back(*fence);
  }
  if (rows.empty()) return fail(Errc::conflict, "host {} has no fence that is being taken back", order.host);
  for (Fence& row : rows) {
    row.user_uid = command.user_uid;
    history(row, "forgotten", order.reason);
    end_fence(std::move(row), FenceState::lifted, {}, now);
  }
  return fmt::format("{} fences of host {} are forgotten; nobody asked whether they stand", rows.size(),
                     order.host);
}

std::string Engine::let_be_fenced(Host host, const std::string& reason, std::int64_t user_uid) {
  history(
      {.kind = "fence.resumed", .host = host.id, .rule = "operator", .text = reason, .user_uid = user_uid});
  host.fence_held = false;
  const std::string done =
      fmt::format("host {} may be fenced again{}", host.name,
                  snapshot_.fence_stop ? ", once fencing as a whole goes on (`extvold fence release --all "
                                         "--reason ...`)"
                                       : "");
  change(std::move(host));
  touch_all();
  return done;
}

// What a person or the guard stopped goes on. Where the guard would stop it, it lets those through that it
// counts now, for as long as its window; others are counted anew.
Result<std::string> Engine::resume_fencing(const FenceRelease& order, const Command& command, Now now) {
  if (order.reason.empty())
    return fail(Errc::invalid, "fencing is not released: a reason is needed (--reason)");
  std::set<HostId> hosts = hosts_of_storm(now);
  const bool is_storm = static_cast<std::int64_t>(hosts.size()) > fence_storm_limit();
  // Where nothing is seen nobody counts: then the person's word stands for all.
  const bool counts = observed_.view_complete;
  if (is_storm || !counts) {
    fence_guard_off_until_ = now.at + policy_.fence_storm_window;
    fence_guard_allows_ = counts ? std::optional(std::move(hosts)) : std::nullopt;
  }
  history({.kind = "fence.resumed", .rule = "operator", .text = order.reason, .user_uid = command.user_uid});
  change(SetFenceStop{false, is_storm || !counts ? now.wall : snapshot_.fence_released_at});
  touch_all();
  return std::string("hosts may be fenced again, save those that are held by name");
}

Result<std::string> Engine::obey(const FenceHold& order, const Command& command, Now) {
  const Host* found = order.host.empty() ? nullptr : snapshot_.host_by_name(order.host);
  if (found == nullptr && !order.host.empty()) return fail(Errc::not_found, "no host {}", order.host);
  history({.kind = "fence.stopped",
           .host = found == nullptr ? HostId{} : found->id,
           .rule = "operator",
           .text = order.reason.empty() ? "a person ordered it" : order.reason,
           .user_uid = command.user_uid});
  touch_all();
  if (found == nullptr) {
    change(SetFenceStop{true, snapshot_.fence_released_at});
    return std::string("no host is fenced until `extvold fence release --all --reason ...`");
  }
  Host row = *found;
  row.fence_held = true;
  change(std::move(row));
  return fmt::format("host {} is not fenced until `extvold fence release {} --only-hold --reason ...`",
                     order.host, order.host);
}

}  // namespace extvold::reconcilers
