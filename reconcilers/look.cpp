#include "reconcilers/look.h"

#include <fmt/format.h>

#include <algorithm>

namespace extvold::reconcilers {

void VolumePlan::clear() {
  operations.clear();
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

std::string standing_order(const Look& look, const Volume& volume, HostId host) {
  if (!look.policy.observe_only.empty()) return look.policy.observe_only;
  const Host* row = look.snapshot.host(host);
  if (volume.hold == HoldState::held)
    return fmt::format("a release: volume {} is held (`extvold release {}`)", volume.name, volume.name);
  if (row != nullptr && row->hold == HoldState::held)
    return fmt::format("a release: host {} is held (`extvold release {}`)", row->name, row->name);
  if (look.snapshot.mode == Mode::active || volume.hold == HoldState::released) return {};
  if (row != nullptr && row->hold == HoldState::released) return {};
  return "a release: the ledger is in observe mode (`extvold release --all`)";
}

std::string host_name(const Snapshot& snapshot, HostId host) {
  const Host* row = snapshot.host(host);
  return row == nullptr ? std::string("(unknown host)") : row->name;
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

const Evidence* evidence_for(const VolumeEntry& entry, const Attachment& attachment,
                             bool (*accept)(EvidenceKind)) {
  for (const Evidence* one : entry.evidence) {
    if (one->host == attachment.host && one->attachment_generation == attachment.generation &&
        accept(one->kind))
      return one;
  }
  return nullptr;
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

bool is_released(const VolumeEntry& entry, const ProviderInfo& provider, const Attachment& attachment,
                 EvidenceId& evidence) {
  const auto by_itself = [](EvidenceKind kind) {
    return kind == EvidenceKind::fenced || kind == EvidenceKind::operator_;
  };
  if (const Evidence* proof = evidence_for(entry, attachment, by_itself)) {
    evidence = proof->id;
    return true;
  }
  if (attachment.state != AttachmentState::detached || !attachment.read_back) return false;
  if (provider.capabilities.detach_enforced) return true;
  if (const Evidence* strong = evidence_for(entry, attachment, permits_attach_elsewhere)) {
    evidence = strong->id;
    return true;
  }
  return false;
}

}  // namespace extvold::reconcilers
