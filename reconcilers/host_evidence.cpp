// What hosts say of themselves by their node side: where a volume is mounted, and that nothing uses it there
// (DESIGN.md section 4, host_unmounted and host_rebooted).
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

const ObservedHost* host_of(const ProviderObservation& observation, const Attachment& attachment) {
  const auto found =
      std::find_if(observation.hosts.begin(), observation.hosts.end(),
                   [&](const ObservedHost& one) { return one.host_identity == attachment.host_identity; });
  return found == observation.hosts.end() ? nullptr : &*found;
}

bool is_wanted_elsewhere(const VolumeEntry& entry, HostId host) {
  return std::any_of(entry.claims.begin(), entry.claims.end(),
                     [&](const Claim* claim) { return claim->host != host && claim->wanted; });
}

}  // namespace

// Where this host, by its own word, has the volume mounted.
void Engine::note_mounts(const VolumeEntry& entry, HostId host, const std::vector<std::string>& paths) {
  std::vector<std::string> gone;
  for (const Mount& one : entry.mounts) {
    if (one.host == host && std::find(paths.begin(), paths.end(), one.path) == paths.end())
      gone.push_back(one.path);
  }
  for (std::string& path : gone) change(DropMount{entry.volume.id, host, std::move(path)});
  for (const std::string& path : paths) {
    const Mount row{entry.volume.id, host, path};
    if (std::find(entry.mounts.begin(), entry.mounts.end(), row) == entry.mounts.end()) change(row);
  }
}

// A host that is silent has not taken back what it said. What it says of somebody who is proven gone, or may
// yet be, is not news.
void Engine::note_unexplained_use(const VolumeEntry& entry, const ObservedVolume& seen,
                                  const ProviderObservation& observation) {
  std::vector<Attachment> news;
  for (const Attachment& row : entry.attachments) {
    const ObservedAttachment* there = observed_on(&seen, snapshot_, provider_of(entry), entry, row.host);
    if (row.state != AttachmentState::attached || there == nullptr) continue;
    const TriState used = use_of(there->mounted, there->open);
    const bool explained =
        row.mounted || std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
          const bool over = is_withdrawn(*claim) || (claim->liveness == Liveness::dead &&
                                                     claim->last_event_at.value < observation.sent_at);
          return claim->host == row.host && !over;
        });
    const bool unexplained = used == TriState::yes ? row.unexplained_use || !explained
                                                   : used != TriState::no && row.unexplained_use;
    if (unexplained == row.unexplained_use) continue;
    news.push_back(row);
    news.back().unexplained_use = unexplained;
  }
  for (Attachment& row : news) change(std::move(row));
}

// host_unmounted and host_rebooted: only from a host whose node side tells its boot id, and only against one
// that was recorded. What the host uses again it does not leave alone any more, whatever it said before.
void Engine::host_evidence(const VolumeEntry& entry, const ObservedVolume& seen,
                           const ProviderObservation& observation, Now now) {
  const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
  if (!provider->capabilities.host_reports) return;
  std::vector<Evidence> refuted;
  std::vector<std::pair<Attachment, const LivenessRow*>> proven;
  for (const Attachment& row : entry.attachments) {
    const ObservedAttachment* there = observed_on(&seen, snapshot_, provider_of(entry), entry, row.host);
    if (row.state != AttachmentState::attached || there == nullptr) continue;
    const TriState used = use_of(there->mounted, there->open);
    for (const Evidence* one : entry.evidence) {
      if (EXTVOLD_FORBIDS(host_takes_back,
                          used == TriState::yes && is_word_of_host(one->kind) && one->host == row.host))
        refuted.push_back(*one);
    }
    if (EXTVOLD_FORBIDS(host_view_complete, !observed_.view_complete)) continue;
    const ObservedHost* host = host_of(observation, row);
    if (host == nullptr) continue;
    Saying saying{.said = Said::host_reported};
    saying.facts.put(Fact::boot_known,
                     EXTVOLD_PERMITS(host_boot_known, !row.boot_id.empty() && !host->boot_id.empty()));
    saying.facts.put(Fact::unused, EXTVOLD_PERMITS(host_unused, used == TriState::no));
    saying.facts.put(Fact::same_boot, host->boot_id == row.boot_id);
    const LivenessRow& rule = liveness_row(saying);
    if (!rule.evidence) continue;
    const bool known = std::any_of(entry.evidence.begin(), entry.evidence.end(), [&](const Evidence* one) {
      return one->host == row.host && one->attachment_generation == row.generation &&
             one->kind == *rule.evidence;
    });
    const bool question = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
      return claim->host == row.host && claim->liveness != Liveness::dead && !claim->wanted &&
             !is_withdrawn(*claim);
    });
    // It speaks of all who may use it there, or of nobody: whoever was heard of after it was asked may have
    // come after it looked.
    const bool in_use = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
      const bool newer = claim->liveness != Liveness::dead && !is_withdrawn(*claim) &&
                         claim->last_event_at.value >= observation.sent_at;
      return claim->host == row.host && (claim->wanted || newer);
    });
    if (!known && question && !EXTVOLD_FORBIDS(host_in_use, in_use)) proven.emplace_back(row, &rule);
  }
  for (Evidence& one : refuted) end_evidence(std::move(one), "its host has it mounted or open again");
  for (const auto& [row, rule] : proven) {
    std::vector<Claim> ended;
    for (const Claim* claim : entry.claims) {
      if (claim->host == row.host && claim->liveness != Liveness::dead && !is_withdrawn(*claim))
        ended.push_back(*claim);
    }
    const WallTime sent = now.wall_of(observation.sent_at);
    for (const Claim& claim : ended) {
      prove_dead(claim, *rule->evidence, std::string(rule->text), /*assumption=*/false, sent, now);
    }
  }
}

// Where a detach takes nothing from whoever has the volume open, what the host said before it is old: between
// its word and the detach somebody may have come (docs/decisions/0030). It is asked again.
void Engine::host_evidence_after_detach(const VolumeEntry& entry, const ProviderObservation& observation,
                                        Now now) {
  const Capabilities& can = policy_.provider(entry.volume.pool.provider)->capabilities;
  if (!can.host_reports || can.detach_enforced || !observed_.view_complete) return;
  for (const Attachment& row : entry.attachments) {
    const ObservedHost* host = host_of(observation, row);
    if (row.state != AttachmentState::detached || row.boot_id.empty() || host == nullptr) continue;
    const auto said = [&](const Evidence& one) {
      return is_word_of_host(one.kind) && is_after_detach(one, row);
    };
    if (host->boot_id.empty() || evidence_for(entry, row, said) != nullptr) continue;
    if (host->in_use != TriState::no) {
      // Of this volume only a direct look tells.
      if (!observation.volume_key.empty() || !is_wanted_elsewhere(entry, row.host)) continue;
      inspect_not_before_.try_emplace(entry.volume.id, now.at);
      continue;
    }
    const WallTime sent = now.wall_of(observation.sent_at);
    const bool same_boot = host->boot_id == row.boot_id;
    Evidence evidence =
        new_evidence(same_boot ? EvidenceKind::host_unmounted : EvidenceKind::host_rebooted, row, sent);
    evidence.detail =
        fmt::format("{} itself says, asked after the detach: nothing there has it mounted or open",
                    host_name(snapshot_, row.host));
    history({.kind = "evidence.recorded",
             .volume = entry.volume.id,
             .host = row.host,
             .evidence = evidence.id,
             .rule = std::string(to_text(evidence.kind)),
             .text = evidence.detail});
    change(std::move(evidence));
    touch(entry.volume.id);
  }
}

}  // namespace extvold::reconcilers
