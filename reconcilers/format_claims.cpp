// The claim of a volume that is to be formatted: the format host wants it, until it is.
#include "reconcilers/engine.h"

namespace extvold::reconcilers {

// The format host's attachment is a claim like any other.
void Engine::want_format(const Volume& volume, std::string why, std::int64_t user_uid) {
  const ProviderInfo* provider = policy_.provider(volume.pool.provider);
  if (provider == nullptr || provider->format_host.empty()) return;  // reconcile_format says so
  Claim claim;
  claim.host = host_named(provider->format_host);
  claim.id = {snapshot_.counters.next_claim++};
  counters_used_ = true;
  claim.kind = ClaimKind::format;
  claim.volume = volume.id;
  claim.wanted = true;
  claim.liveness = Liveness::live;
  claim.liveness_why = std::move(why);
  claim.first_seen_sequence = snapshot_.sequence.value + 1;
  claim.user_uid = user_uid;
  change(std::move(claim));
}

bool Engine::is_format_host_quarantined(const VolumeEntry& entry) const {
  const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
  const Host* host = provider == nullptr ? nullptr : snapshot_.host_by_name(provider->format_host);
  return host != nullptr && host->quarantined;
}

// A format_host may have come with a new configuration; its claim may have ended with a fence of that host;
// and a restored ledger formats nothing, so that its format claims stand for nobody: whatever is attached
// there is somebody unknown's.
void Engine::settle_format_claim(const VolumeEntry& entry) {
  const bool to_format =
      entry.volume.state == VolumeState::available &&
      (entry.volume.format == FormatState::wanted || entry.volume.format == FormatState::intended);
  std::vector<ClaimId> claims;
  for (const Claim* claim : entry.claims) {
    if (claim->kind == ClaimKind::format && claim->wanted) claims.push_back(claim->id);
  }
  if (to_format && claims.empty() && !is_format_host_quarantined(entry))
    want_format(Volume(entry.volume), "it is to be formatted", -1);
  if (to_format) return;
  for (ClaimId id : claims) change(DropClaim{id});
}

void Engine::withdraw_format_claim(const VolumeEntry& entry, std::string why, Now now) {
  std::vector<ClaimStateChange> rows;
  for (const Claim* claim : entry.claims) {
    if (claim->kind == ClaimKind::format && claim->wanted)
      rows.push_back({claim->id, claim->task_state, false, Liveness::dead, why, {}, {}});
  }
  for (ClaimStateChange& row : rows) change(std::move(row));
  observed_.volumes[entry.volume.id].idle_since = now.at;
}

}  // namespace extvold::reconcilers
