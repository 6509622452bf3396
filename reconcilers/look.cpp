#include "reconcilers/look.h"

#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

// In a row, after which it is not likely to mend itself: with the pauses between them some minutes.
constexpr int kFailuresOfItsOwn = 8;

}  // namespace

void VolumePlan::clear() {
  operations.clear();
  fences.clear();
  clocks.clear();
  blocked.clear();
  observe.clear();
  next_look = kNever;
}

void VolumePlan::block(VolumeId volume, HostId host, std::string_view reason, Owner owner, std::string text) {
  for (const BlockedRow& row : blocked) {
    if (row.host == host) return;  // the first reason found is the one to mend first
  }
  BlockedRow row;
  row.volume = volume;
  row.host = host;
  row.reason = reason;
  row.owner = owner;
  row.text = std::move(text);
  blocked.push_back(std::move(row));
}

void VolumePlan::wish_volume(VolumeId volume) {
  const ObserveWish wish{volume, {}};
  if (std::find(observe.begin(), observe.end(), wish) == observe.end()) observe.push_back(wish);
}

void VolumePlan::wish_agent(const AgentId& agent) {
  const ObserveWish wish{{}, agent};
  if (std::find(observe.begin(), observe.end(), wish) == observe.end()) observe.push_back(wish);
}

void VolumePlan::wake(Instant at) { next_look = std::min(next_look, at); }

const PlannedOperation* VolumePlan::detach_of(HostId host) const {
  for (const PlannedOperation& one : operations) {
    if (one.operation.kind == OperationKind::detach && one.operation.host == host) return &one;
  }
  return nullptr;
}

bool VolumeLook::freshly_observed() const {
  return view != nullptr && view->sent_at.ns != 0 && view->sent_at > view->acted_at &&
         look.now - view->sent_at <= look.policy.observation_age_max;
}

std::string standing_order(const Look& look, HostId host) {
  if (EXTVOLD_FORBIDS(order_guard, !look.policy.observe_only.empty())) return look.policy.observe_only;
  const Host* row = look.snapshot.host(host);
  const HoldState hold = row == nullptr ? HoldState::inherit : row->hold;
  if (EXTVOLD_FORBIDS(order_held, hold == HoldState::held))
    return fmt::format("a release: host {} is held (`extvold release {}`)", row->name, row->name);
  if (EXTVOLD_PERMITS(order_mode, look.snapshot.mode == Mode::active || hold == HoldState::released))
    return {};
  return "a release: the ledger is in observe mode (`extvold release --all`)";
}

std::string standing_order(const Look& look, const Volume& volume, HostId host) {
  if (EXTVOLD_FORBIDS(order_guard, !look.policy.observe_only.empty())) return look.policy.observe_only;
  if (EXTVOLD_FORBIDS(order_held, volume.hold == HoldState::held))
    return fmt::format("a release: volume {} is held (`extvold release {}`)", volume.name, volume.name);
  const Host* row = look.snapshot.host(host);
  const bool host_held = row != nullptr && row->hold == HoldState::held;
  if (volume.hold == HoldState::released && !host_held) return {};
  return standing_order(look, host);
}

bool waits_for_former(const Policy& policy, OperationKind kind) {
  const bool begins_use = kind == OperationKind::attach || kind == OperationKind::format;
  return begins_use && EXTVOLD_FORBIDS(takes_over_waits, policy.takes_over);
}

std::string order_or_pause(const VolumeLook& look, OperationKind kind, HostId host, VolumePlan& out) {
  if (std::string order = standing_order(look.look, look.volume(), host); !order.empty()) return order;
  if (waits_for_former(look.look.policy, kind))
    return "calls of the extvold that acted before this one, which may still take effect";
  const Instant paused_until = look.look.observed.budget(look.provider.name).paused_until;
  if (EXTVOLD_FORBIDS(call_budget, paused_until > look.look.now)) {
    out.wake(paused_until);
    out.block(look.volume().id, host, "provider_throttled", Owner::provider,
              fmt::format("{} of volume {} waits: {} said that it is asked too often", to_text(kind),
                          look.volume().name, look.provider.name.value));
    return "its provider to be ready for more calls";
  }
  const RetryView* failed = look.view == nullptr ? nullptr : look.view->retry(kind, host);
  if (failed == nullptr || failed->at <= look.look.now) return {};
  out.wake(failed->at);
  const Operation* last = look.entry.last_operation.get();
  const bool told = last != nullptr && last->kind == kind && last->host == host;
  const std::string why = told ? fmt::format(" ({}: {})", to_text(last->error_code), last->error) : "";
  const bool again_and_again = failed->failures > kFailuresOfItsOwn;
  out.block(
      look.volume().id, host, "retrying", again_and_again ? Owner::operator_ : Owner::extvold,
      fmt::format("{} of volume {} failed{} and is tried again{}", to_text(kind), look.volume().name, why,
                  again_and_again ? "; it has failed so often that somebody should look why" : ""));
  return "a pause after its failure";
}

bool is_good_volume_name(std::string_view name) {
  if (name.empty() || name.size() > 200) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string claim_text(const Snapshot& snapshot, const Claim& claim) {
  switch (claim.kind) {
    case ClaimKind::task:
    case ClaimKind::executor: {
      const auto framework = snapshot.frameworks().find(claim.framework);
      const std::string of = framework == snapshot.frameworks().end() || framework->second.name.empty()
                                 ? claim.framework.value.str()
                                 : framework->second.name;
      if (claim.kind == ClaimKind::executor)
        return fmt::format("executor {} of {}", claim.executor.value, of);
      return fmt::format("task {} of {}", claim.task.value, of);
    }
    case ClaimKind::operator_:
      return "an operator's order";
    case ClaimKind::format:
      return "its format";
    case ClaimKind::synthetic:
      return "somebody unknown";
  }
  return {};
}

std::string_view ip_of(std::string_view address) {
  std::string_view ip = address.substr(0, address.rfind(':'));
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  return ip;
}

const ObservedAttachment* observed_on(const ObservedVolume* seen, const Snapshot& snapshot,
                                      const ProviderInfo& provider, const VolumeEntry& entry, HostId host) {
  if (seen == nullptr) return nullptr;
  const ObservedAttachment* by_name = nullptr;
  for (const ObservedAttachment& one : seen->attachments) {
    const Attachment* row = recorded_as(snapshot, provider, entry, one.host_identity);
    if (row != nullptr && row->host == host) return &one;
    if (row == nullptr && host_of(provider, one.host_identity) == host_name(snapshot, host)) by_name = &one;
  }
  return by_name;
}

const VolumeEntry* named_by(const Snapshot& snapshot, const DriverMapping& driver, std::string_view name) {
  return driver.attach_by == AttachBy::plugin ? snapshot.volume_by_key(driver.provider, name)
                                              : snapshot.volume_by_name(name);
}

const VolumeEntry* made_source(const Snapshot& snapshot, const Volume& volume) {
  const VolumeEntry* source = snapshot.volume(volume.source);
  const bool made = source != nullptr && source->volume.state == VolumeState::available &&
                    !source->volume.provider_ref.empty();
  return made ? source : nullptr;
}

const Attachment* recorded_as(const Snapshot& snapshot, const ProviderInfo& provider,
                              const VolumeEntry& entry, std::string_view identity) {
  const std::string now = host_of(provider, identity);
  const Attachment* found = nullptr;
  for (const Attachment& row : entry.attachments) {
    if (row.host_identity.empty() || row.host_identity != identity) continue;
    if (host_name(snapshot, row.host) == now) return &row;
    if (row.state != AttachmentState::detached || (found == nullptr && now == identity)) found = &row;
  }
  return found;
}

bool may_be_attached_there(const Snapshot& snapshot, const VolumeEntry& entry, const VolumeView& view,
                           HostId host) {
  return std::any_of(view.attachments.begin(), view.attachments.end(), [&](const AttachmentView& one) {
    if (one.host == host) return true;
    const Attachment* row = entry.attachment(one.host);
    const bool recorded = row != nullptr && !row->host_identity.empty();
    return !recorded && snapshot.agents_of_host(one.host).empty();
  });
}

bool permits_attach_elsewhere(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::fenced:
    case EvidenceKind::host_unmounted:
    case EvidenceKind::host_rebooted:
    case EvidenceKind::operator_:
      return true;
    case EvidenceKind::agent_clean:
    case EvidenceKind::agent_gone:
      return false;
  }
  return false;
}

bool is_word_of_host(EvidenceKind kind) {
  return kind == EvidenceKind::host_unmounted || kind == EvidenceKind::host_rebooted;
}

bool is_after_detach(const Evidence& evidence, const Attachment& attachment) {
  return attachment.state == AttachmentState::detached &&
         evidence.recorded_sequence >= attachment.detached_sequence;
}

bool was_only_formatted(const VolumeEntry& entry, HostId host) {
  return std::all_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
    return claim->host != host || claim->kind == ClaimKind::format;
  });
}

bool attaches_read_only(const Volume& volume, const Claim* claim) {
  return volume.access == AccessMode::ro && (claim == nullptr || claim->kind != ClaimKind::format);
}

bool excludes(AccessMode access, bool read_only, bool other_read_only) {
  switch (access) {
    case AccessMode::rw:
      return true;
    case AccessMode::ro:
      return !read_only || !other_read_only;
    case AccessMode::shared:
      return false;
  }
  return true;
}

bool is_superseded(const Snapshot& snapshot, const VolumeEntry& entry, const Attachment& attachment) {
  if (attachment.state == AttachmentState::detached) return false;
  return std::any_of(entry.attachments.begin(), entry.attachments.end(), [&](const Attachment& other) {
    return other.host != attachment.host && other.origin == AttachmentOrigin::extvold &&
           attachment.generation < other.generation &&
           other.generation.incarnation == snapshot.ledger.incarnation &&
           excludes(entry.volume.access, attachment.read_only, other.read_only);
  });
}

const Attachment* first_holder(const VolumeEntry& entry) {
  const auto found =
      std::find_if(entry.attachments.begin(), entry.attachments.end(),
                   [](const Attachment& one) { return one.state != AttachmentState::detached; });
  return found == entry.attachments.end() ? nullptr : &*found;
}

HostId shown_unrecorded(const VolumeLook& look, HostId host) {
  if (look.view == nullptr || look.volume().access == AccessMode::shared) return {};
  for (const AttachmentView& one : look.view->attachments) {
    const Attachment* row = look.entry.attachment(one.host);
    if (one.host != host && (row == nullptr || row->state == AttachmentState::detached)) return one.host;
  }
  return {};
}

const AgentId* unread_agent_on(const Look& look, const VolumeEntry& entry, const Attachment& attachment) {
  if (!look.policy.has_master || strong_evidence(look, entry, attachment) != nullptr) return nullptr;
  const auto whole = [&](const AgentId& id) {
    const AgentView* view = look.observed.agent(id);
    return view != nullptr && view->complete() &&
           EXTVOLD_PERMITS(detach_read_since_launch, view->api_read_sent_at > view->launched_at);
  };
  for (const Claim* claim : entry.claims) {
    if (claim->host == attachment.host && is_of_mesos(claim->kind) && !whole(claim->agent))
      return &claim->agent;
  }
  const Agent* lost = nullptr;
  bool told = false;
  for (const Agent* agent : look.snapshot.agents_of_host(attachment.host)) {
    const bool runs = is_listed(agent->state) || agent->state == AgentState::recovered;
    if (runs && !whole(agent->id)) return &agent->id;
    told = told || runs;
    lost = agent;
  }
  // What runs under an agent that is lost, or marked gone, nobody tells, until another one of its host does.
  if (lost == nullptr || EXTVOLD_PERMITS(detach_lost_agent, told)) return nullptr;
  return &lost->id;
}

bool in_force(const Look& look, const Evidence& evidence) {
  if (evidence.kind != EvidenceKind::fenced) return true;
  const Fence* fence = look.snapshot.fence(evidence.fence);
  const FenceView* view = look.observed.fence(evidence.fence);
  const VolumeEntry* entry = look.snapshot.volume(evidence.volume);
  if (fence == nullptr || entry == nullptr) return false;
  if (EXTVOLD_FORBIDS(fence_held, fence->state != FenceState::held)) return false;
  if (EXTVOLD_FORBIDS(fence_checked, view == nullptr || view->checked_at.ns == 0)) return false;
  if (EXTVOLD_FORBIDS(fence_margin, view != nullptr && view->good_until <= look.now)) return false;
  // Switched on between a look and the detach it may have begun to write: what was off after the detach comes
  // back without the volume.
  const Attachment* attachment = entry->attachment(evidence.host);
  const bool gone = attachment != nullptr && attachment->state == AttachmentState::detached;
  if (EXTVOLD_FORBIDS(fence_power_later, fence->rung == FenceRung::power && gone && view != nullptr &&
                                             view->checked_at <= attachment->gone_at.value))
    return false;
  return EXTVOLD_PERMITS(fence_accepted, evidence.grade != EvidenceGrade::cooperative ||
                                             look.policy.fence_policy(entry->volume).accept_cooperative);
}

namespace {

bool is_strong(const Look& look, const Evidence& evidence) {
  return EXTVOLD_PERMITS(strong_evidence, permits_attach_elsewhere(evidence.kind)) &&
         in_force(look, evidence);
}

}  // namespace

const Evidence* strong_evidence(const Look& look, const VolumeEntry& entry, const Attachment& attachment) {
  return evidence_for(entry, attachment, [&](const Evidence& one) { return is_strong(look, one); });
}

bool is_released_by_itself(const Look& look, const VolumeEntry& entry, const Attachment& attachment,
                           EvidenceId& evidence) {
  const Evidence* proof = evidence_for(entry, attachment, [&](const Evidence& one) {
    if (one.kind == EvidenceKind::operator_) return true;
    return one.kind == EvidenceKind::fenced && in_force(look, one) &&
           EXTVOLD_PERMITS(power_needs_detach, look.snapshot.fence(one.fence)->rung != FenceRung::power);
  });
  if (proof != nullptr) evidence = proof->id;
  return proof != nullptr;
}

bool is_released(const Look& look, const VolumeEntry& entry, const ProviderInfo& provider,
                 const Attachment& attachment, EvidenceId& evidence) {
  if (is_released_by_itself(look, entry, attachment, evidence)) return true;
  if (EXTVOLD_FORBIDS(released_detached, attachment.state != AttachmentState::detached)) return false;
  if (EXTVOLD_FORBIDS(released_read_back, !attachment.read_back)) return false;
  if (EXTVOLD_PERMITS(released_enforced, provider.capabilities.detach_enforced)) return true;
  const Evidence* proof = evidence_for(entry, attachment, [&](const Evidence& one) {
    return is_strong(look, one) &&
           EXTVOLD_PERMITS(released_asked_again,
                           !is_word_of_host(one.kind) || is_after_detach(one, attachment));
  });
  if (proof != nullptr) evidence = proof->id;
  return proof != nullptr;
}

bool is_fencing_stopped(const Snapshot& snapshot, HostId host) {
  return snapshot.fence_stop || snapshot.host(host)->fence_held;
}

bool same_rung(const FenceTry& one, const Fence& fence) {
  return one.host == fence.host && one.rung == fence.rung && one.provider == fence.provider &&
         one.volume == fence.volume;
}

const Fence* fence_under_way(const Snapshot& snapshot, HostId host) {
  for (const auto& [id, fence] : snapshot.fences()) {
    if (fence.host == host && is_under_way(fence.state)) return &fence;
  }
  return nullptr;
}

// Of one volume only what was there before it: a later one is not what it took away.
bool covers(const Fence& fence, const VolumeEntry& entry, const Attachment& attachment) {
  if (attachment.host != fence.host) return false;
  const bool is_named =
      attachment.host_identity == fence.target &&
      EXTVOLD_PERMITS(fence_recorded_addresses, attachment.fence_addresses == fence.fence_addresses);
  switch (fence.rung) {
    case FenceRung::volume:
      return entry.volume.id == fence.volume && is_named &&
             EXTVOLD_PERMITS(fence_covers_older, attachment.generation < fence.generation);
    case FenceRung::host:
      return entry.volume.pool.provider == fence.provider && is_named;
    case FenceRung::power:
      return true;
    case FenceRung::operator_:
      break;
  }
  return false;
}

}  // namespace extvold::reconcilers
