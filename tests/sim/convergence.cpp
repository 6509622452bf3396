#include "tests/sim/convergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "tests/sim/world.h"

namespace extvold::sim {
namespace {

// That a person must end these is their nature: somebody else has it first, a name that nobody understands, a
// device that is not blank, a process that no agent can prove gone and that does run on.
bool is_a_persons(const BlockedRow& row) {
  static const std::set<std::string_view> reasons = {"attached_elsewhere",
                                                     "unresolved_reference",
                                                     "format_refused",
                                                     "missing_at_provider",
                                                     "waits_for_unknown_claim",
                                                     "containers_left_behind",
                                                     "unexplained_attachment",
                                                     "no_evidence_possible",
                                                     "agents_not_trusted",
                                                     "agent_not_registered",
                                                     "detach_not_enforced",
                                                     "host_quarantined",
                                                     "orphan_mount",
                                                     "used_there",
                                                     "plugin_left_it",
                                                     "lost",
                                                     "no_rung_left",
                                                     "open_from_before",
                                                     "never_fenced",
                                                     "retrying"};
  return row.owner == Owner::operator_ && reasons.contains(row.reason);
}

// What waits for a person is his only if he has a reason not to act: where it is, somebody may really still
// write, or something else lives on that host, which he would have to stop first.
bool has_a_reason(World& world, const Daemon& daemon, const VolumeEntry& entry, HostId wanted_on) {
  for (const Attachment& one : entry.attachments) {
    const Host* host = daemon.engine()->snapshot().host(one.host);
    const bool over = one.state == AttachmentState::detached &&
                      world.policy.provider(entry.volume.pool.provider)->capabilities.detach_enforced;
    if (one.host != wanted_on && !over && !world.people.may_confirm(daemon, *host)) return true;
  }
  return false;
}

// Whether what this claim stands for really runs.
bool really_runs(World& world, const Snapshot& snapshot, const Claim& claim) {
  if (!is_of_mesos(claim.kind)) return true;
  const int host = world.hosts.named(snapshot.host(claim.host)->name);
  const std::string& executor = claim.executor.empty() ? claim.task.value : claim.executor.value;
  for (const Container& one : world.hosts.at(host).containers) {
    if (one.framework == claim.framework && one.executor.value == executor) return true;
  }
  return false;
}

bool others_are_first(World& world, const Snapshot& snapshot, const VolumeEntry& entry, const Claim& claim) {
  return std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* one) {
    return one->host && one->host != claim.host && one->wanted && one->liveness == Liveness::live &&
           really_runs(world, snapshot, *one);
  });
}

// Nobody has it before it is formatted there.
bool format_host_is_dead(World& world, const Snapshot& snapshot, const VolumeEntry& entry) {
  return std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* one) {
    return one->kind == ClaimKind::format && one->wanted &&
           world.hosts.at(world.hosts.named(snapshot.host(one->host)->name)).state == MachineState::off;
  });
}

bool formats_on(const VolumeEntry& entry, HostId host) {
  return std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* one) {
    return one->kind == ClaimKind::format && one->wanted && one->host == host;
  });
}

// A person has to look why, and it goes on meanwhile.
bool is_tried_again(const VolumeEntry& entry) {
  const Operation* last = entry.last_operation.get();
  const Operation* open = entry.open_operation.get();
  return open->state == OperationState::issued && last != nullptr && last->kind == open->kind &&
         last->host == open->host;
}

bool is_his(World& world, const Daemon& daemon, const VolumeEntry& entry, const Claim& claim,
            const BlockedRow& row) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  if (row.reason == "format_refused") return true;
  if (row.reason == "open_from_before") {
    // Who runs is started anew (People). Of who ended and is not proven gone only a person's word for the
    // whole host is left, and what waits lives there, or waits until it is formatted there.
    return world.people.has_unproven_end(entry, row.host) &&
           (row.host == claim.host || formats_on(entry, row.host));
  }
  if (row.reason == "attached_elsewhere") return others_are_first(world, snapshot, entry, claim);
  // The row of a wish says what stands in its way elsewhere, that of an attachment what stands there.
  const HostId wish = row.host == claim.host ? claim.host : HostId{};
  if (row.reason != "host_quarantined") return has_a_reason(world, daemon, entry, wish);
  // Its leftovers are not gone: something is open there, or still attached because a task there wants it.
  bool used = std::any_of(snapshot.volumes().begin(), snapshot.volumes().end(), [&](const auto& one) {
    const Attachment* there = one.second.attachment(row.host);
    return there != nullptr && there->state != AttachmentState::detached;
  });
  const int host = world.hosts.named(snapshot.host(row.host)->name);
  world.storage.for_each([&](const Disk& disk) { used = used || disk.open_on(host); });
  return used;
}

std::string what_is_missing_of(World& world, const Daemon& daemon, const VolumeEntry& entry) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  const std::string& name = entry.volume.name;
  const Operation* open = entry.open_operation.get();
  if (open != nullptr && !is_tried_again(entry)) {
    return fmt::format("{}: {} is {} ({})", name, to_text(open->kind), to_text(open->state), open->error);
  }
  for (const Claim* claim : entry.claims) {
    if (!claim->wanted || claim->liveness != Liveness::live || !claim->host) continue;
    const Attachment* attachment = entry.attachment(claim->host);
    const Host* host = snapshot.host(claim->host);
    const Disk* disk = world.storage.find(entry.volume.pool.provider, entry.volume.key);
    const int number = world.hosts.named(host->name);
    const bool there = disk != nullptr && number >= 0 && disk->grants.contains(number);
    if (attachment != nullptr && attachment->state == AttachmentState::attached && there) continue;
    // By the row of the wish, or of what stands in its way.
    if (!really_runs(world, snapshot, *claim))
      return fmt::format("{}: nothing runs for {} {} on {}, and its claim lives", name, claim->task.value,
                         claim->executor.value, host->name);
    const bool his = std::any_of(entry.blocked.begin(), entry.blocked.end(), [&](const BlockedRow& row) {
      return is_a_persons(row) && is_his(world, daemon, entry, *claim, row);
    });
    if (his || format_host_is_dead(world, snapshot, entry)) continue;
    std::string why;
    for (const Claim* one : entry.claims) {
      why += fmt::format(" ({} {}{} on host {}: {}, {})", to_text(one->kind), one->task.value,
                         one->executor.value, one->host.value, one->wanted ? "wanted" : "not wanted",
                         to_text(one->liveness));
    }
    for (const BlockedRow& row : entry.blocked)
      why += fmt::format(" [{} {} host {}: {}]", to_text(row.owner), row.reason, row.host.value, row.text);
    return fmt::format("{} is wanted on {} by {} and is not there (ledger {}, truth {});{}", name, host->name,
                       claim->task.value, attachment == nullptr ? "none" : to_text(attachment->state), there,
                       why);
  }
  return {};
}

// What nobody uses any more is taken away, or a row says who has to act.
std::string what_is_left_of(const Snapshot& snapshot, const VolumeEntry& entry) {
  if (entry.open_operation != nullptr && is_tried_again(entry)) return {};
  for (const Attachment& one : entry.attachments) {
    if (one.state == AttachmentState::detached) continue;
    const bool used = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
      return (!claim->host || claim->host == one.host) && claim->liveness != Liveness::dead;
    });
    if (used || !entry.blocked.empty()) continue;
    return fmt::format("{}: nobody uses it on {} and it is {} there", entry.volume.name,
                       snapshot.host(one.host)->name, to_text(one.state));
  }
  return {};
}

// It has grown as it was ordered, or a row says who has to act.
std::string what_is_to_grow(const VolumeEntry& entry) {
  const Volume& volume = entry.volume;
  if (volume.wanted_size_mb == 0 || volume.state != VolumeState::available || !entry.blocked.empty())
    return {};
  return fmt::format("{}: has {} MB and is to have {}", volume.name, volume.size_mb, volume.wanted_size_mb);
}

// A fence ends as held, failed or lifted; nothing is left under way.
std::string what_is_left_of_fences(const Snapshot& snapshot) {
  for (const auto& [id, fence] : snapshot.fences()) {
    if (fence.state == FenceState::held) continue;
    return fmt::format("fence {} of {} ({}) is {}: {}", id.value, snapshot.host(fence.host)->name,
                       to_text(fence.rung), to_text(fence.state), fence.error);
  }
  return {};
}

}  // namespace

std::string what_is_missing(World& world) {
  const Daemon* daemon = world.acting();
  if (daemon == nullptr || daemon->engine() == nullptr) return "no daemon acts";
  const reconcilers::Engine& engine = *daemon->engine();
  if (!engine.observed().view_complete)
    return "the Mesos view is incomplete: " + engine.observed().view_incomplete_why;
  if (engine.snapshot().mode != Mode::active) return "the ledger observes only";
  for (const auto& [id, entry] : engine.snapshot().volumes()) {
    if (std::string what = what_is_missing_of(world, *daemon, entry); !what.empty()) return what;
    if (std::string what = what_is_left_of(engine.snapshot(), entry); !what.empty()) return what;
    if (std::string what = what_is_to_grow(entry); !what.empty()) return what;
  }
  if (std::string what = what_is_left_of_fences(engine.snapshot()); !what.empty()) return what;
  if (world.master.agents().empty()) return {};  // every host is dead
  for (const Service& one : world.workload.services()) {
    const KnownTask* task = world.master.task(one.task);
    if (task == nullptr || task->record.state != TaskState::task_running)
      return fmt::format("the scheduler's task {} does not run ({})", one.task.value,
                         task == nullptr ? "not known" : to_text(task->record.state));
  }
  return {};
}

}  // namespace extvold::sim
