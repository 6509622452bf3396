#include "tests/sim/oracle.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {

void Oracle::fail(std::string rule, std::string what) {
  if (failed()) return;
  world_.note("VIOLATION", rule, what);
  rule_ = std::move(rule);
  what_ = std::move(what);
}

// ---- what is written

void Oracle::access_changed(Disk& disk) {
  if (!is_single_writer(disk.access)) return;
  const Session* writer = nullptr;
  for (const Session& one : disk.sessions) {  // in the order in which they were opened
    if (world_.hosts.at(one.host).state != MachineState::up) continue;
    if (!world_.storage.lets_through(disk, one.host)) continue;
    if (writer != nullptr && writer->host != one.host) {
      fail("two_writers", fmt::format("{} is written by {} on {} and by {} on {} at the same time", disk.name,
                                      writer->container, world_.hosts.at(writer->host).name, one.container,
                                      world_.hosts.at(one.host).name));
      return;
    }
    writer = &one;
    if (disk.last_host != one.host && disk.last_session > one.id) {
      fail("older_writer",
           fmt::format("{} on {} writes to {} again, after a newer one on {} has", one.container,
                       world_.hosts.at(one.host).name, disk.name, world_.hosts.at(disk.last_host).name));
      return;
    }
    if (disk.last_host != one.host && disk.last_host >= 0) world_.probes.hit(Probe::writer_moved_host);
    disk.last_host = one.host;
    disk.last_session = std::max(disk.last_session, one.id);
    for (const auto& daemon : world_.daemons) {
      const VolumeEntry* entry = daemon->committed().volume_by_key(disk.key);
      if (entry == nullptr) continue;
      for (const Evidence* evidence : entry->evidence) {
        const Host* host = daemon->committed().host(evidence->host);
        const auto grant = disk.grants.find(one.host);
        if (evidence->kind != EvidenceKind::fenced || host == nullptr || grant == disk.grants.end()) continue;
        // Somebody may switch it on before a look tells: then it was detached there before another had it.
        const Fence* fence = daemon->committed().fence(evidence->fence);
        if (fence != nullptr && fence->rung == FenceRung::power) continue;
        if (host->name == world_.hosts.at(one.host).name &&
            evidence->attachment_generation == grant->second.generation)
          fail("write_after_fence", fmt::format("{} on {} writes to {} after its fence was called proven",
                                                one.container, host->name, disk.name));
      }
    }
  }
}

void Oracle::host_changed(int host) {
  world_.storage.for_each([&](Disk& disk) {
    if (disk.open_on(host)) access_changed(disk);
  });
}

void Oracle::granted(const Disk& disk, int host, bool by_hand) {
  if (by_hand || !is_single_writer(disk.access)) return;
  for (const Session& one : disk.sessions) {
    const Machine& machine = world_.hosts.at(one.host);
    if (one.host == host || machine.state == MachineState::off) continue;
    if (!world_.storage.lets_through(disk, one.host)) continue;
    fail("granted_to_second",
         fmt::format("{} is made available to {} while {} on {} ({}) may still write", disk.name,
                     world_.hosts.at(host).name, one.container, machine.name, to_text(machine.state)));
    return;
  }
}

// ---- what is called

namespace {

// Written anew from DESIGN.md section 4, so that the engine is not judged by its own code.
bool stands_in_the_way(const Snapshot& committed, const VolumeEntry& entry, const Attachment& other,
                       const Capabilities& can, const FencePolicy& policy) {
  bool covered = false;
  bool unmounted = false;
  for (const Evidence* one : entry.evidence) {
    if (one->host != other.host || one->attachment_generation != other.generation) continue;
    if (one->grade == EvidenceGrade::cooperative && !policy.accept_cooperative) continue;
    const Fence* fence = one->kind == EvidenceKind::fenced ? committed.fence(one->fence) : nullptr;
    const bool cut_off = fence != nullptr && fence->state == FenceState::held;
    // One that is only switched off comes back with whatever it had.
    covered = covered || one->kind == EvidenceKind::operator_ || (cut_off && fence->rung != FenceRung::power);
    unmounted = unmounted || one->kind == EvidenceKind::host_unmounted ||
                one->kind == EvidenceKind::host_rebooted || cut_off;
  }
  if (covered) return false;
  if (other.state != AttachmentState::detached || !other.read_back) return true;
  return !can.detach_enforced && !unmounted;
}

}  // namespace

void Oracle::call_started(int daemon, const OperationCall& call, const Snapshot& committed) {
  const VolumeEntry* entry = committed.volume(call.operation.volume);
  const std::string name =
      fmt::format("{} {} {}", to_text(call.operation.kind), call.volume.name, call.host_name);
  if (entry == nullptr || entry->open_operation == nullptr || entry->open_operation->id != call.operation.id)
    return fail("call_without_intent", name + ": the ledger holds no such intent");
  check_held(name, committed, world_.daemons[static_cast<std::size_t>(daemon)]->engine()->snapshot(),
             entry->volume.id, call.operation.host);
  const Disk* disk = world_.storage.find(call.volume.pool.provider, call.volume.key);
  const bool ours = disk == nullptr || disk->adopted || disk->ledger_id == call.ledger_id;
  if (!ours && call.operation.kind != OperationKind::create)
    return fail("call_on_foreign", name + ": the volume does not carry this ledger's tag");
  if (call.operation.kind != OperationKind::create && call.operation.kind != OperationKind::format)
    check_looked(name, memory_[daemon], call, committed);
  switch (call.operation.kind) {
    case OperationKind::create:
      return world_.probes.hit(Probe::create_called);
    case OperationKind::format:
      world_.probes.hit(Probe::format_called);
      // What its call does begins with a look at the device, so that it may come again after a crash; but
      // only for what the ledger says was made here and never formatted.
      if (entry->volume.format != FormatState::intended || entry->volume.origin != VolumeOrigin::created)
        fail("format_not_wanted", fmt::format("{}: it is {}, {}", name, to_text(entry->volume.origin),
                                              to_text(entry->volume.format)));
      // A person may have it probed again, whatever the ledger forgot when it was restored. What only another
      // ledger has formatted, the probe finds.
      if (const Claim* claim = committed.claim(call.operation.claim);
          formatted_.contains({daemon, entry->volume.key}) && (claim == nullptr || claim->user_uid < 0))
        fail("formatted_again", name + ": it was formatted before");
      return;
    case OperationKind::detach:
      world_.probes.hit(Probe::detach_called);
      return check_detach(name, call, *entry, committed);
    case OperationKind::remove:
      world_.probes.hit(Probe::remove_called);
      if (disk != nullptr && !disk->sessions.empty()) fail("remove_of_used", name + ": it is open somewhere");
      if (disk != nullptr && std::any_of(disk->grants.begin(), disk->grants.end(),
                                         [](const auto& one) { return !one.second.by_hand; }))
        fail("remove_of_attached", name + ": it is attached somewhere");
      return;
    case OperationKind::resize:
      world_.probes.hit(Probe::resize_called);
      return check_resize(name, call, *entry);
    case OperationKind::attach:
      break;
  }
  world_.probes.hit(Probe::attach_called);
  if (const Host* host = committed.host(call.operation.host); host != nullptr && host->quarantined)
    return fail("attach_to_quarantined", name + ": " + host->quarantine_reason);
  const Claim* claim = committed.claim(call.operation.claim);
  const bool to_be_formatted = entry->volume.format != FormatState::formatted &&  // else a provider lied
                               entry->volume.format != FormatState::not_wanted;   // else somebody adopted it
  if (claim != nullptr && is_of_mesos(claim->kind) && disk != nullptr && disk->to_be_formatted &&
      disk->blank && to_be_formatted)
    return fail("attach_unformatted", name + ": for a task, and there is no filesystem on it");
  if (!is_single_writer(call.volume.access)) return;
  const ProviderInfo* provider = world_.policy.provider(call.volume.pool.provider);
  for (const Attachment& other : entry->attachments) {
    if (other.host == call.operation.host) continue;
    if (stands_in_the_way(committed, *entry, other, provider->capabilities, world_.config.fence))
      return fail(
          "attach_not_released",
          fmt::format("{} while it is {} at host {} and nothing that counts says that it cannot write", name,
                      to_text(other.state), other.host.value));
  }
}

void Oracle::ledger_copied(int from, int to) {
  std::vector<std::string> keys;
  for (const auto& [daemon, key] : formatted_) {
    if (daemon == from) keys.push_back(key);
  }
  for (const std::string& key : keys) formatted_.insert({to, key});
  memory_[to].fencing_released = memory_[from].fencing_released;  // the ledger says so, a copy too
}

void Oracle::host_lost(int host) { lost_at_.try_emplace(host, world_.time.now()); }

void Oracle::fence_started(const FenceCall& call, const Snapshot& committed, const Snapshot& known,
                           bool view_complete) {
  const Host* host = committed.host(call.fence.host);
  if (host == nullptr) return fail("fence_without_host", "a fence of a host that the ledger does not know");
  const Fence* fence = committed.fence(call.fence.id);
  if (fence == nullptr || fence->target != call.fence.target)
    return fail("call_without_intent", "a fence of " + host->name + ": the ledger holds no such intent");
  const int machine = world_.hosts.named(host->name);
  if (call.act == FenceAct::set && machine >= 0 && machine == world_.config.unfenced)
    fail("fenced_what_never_is", host->name + " must never be fenced");
  if (call.act == FenceAct::check) return;
  check_held("a fence of " + host->name, committed, committed, {}, host->id);
  // What held once is set again or renewed, and that it holds may have been read back just before.
  const Fence* newest = known.fence(call.fence.id);
  const bool first =
      call.act == FenceAct::set && fence->held_at.ns == 0 && (newest == nullptr || newest->held_at.ns == 0);
  if (first && (committed.fence_stop || host->fence_held))
    fail("fenced_though_stopped", host->name + ": it was ordered, or the guard said, that it is not fenced");
  if (first && !view_complete) fail("call_without_view", "a fence of " + host->name);
  if (first && !host->quarantined) fail("fence_without_quarantine", host->name + " is fenced");
  // Later it may have come back, and have been lost again; never less than the policy's time after the first.
  const auto lost = lost_at_.find(machine);
  const bool early = lost == lost_at_.end() || world_.time.now() < lost->second + world_.config.fence.after;
  if (call.act == FenceAct::set && machine >= 0 && early)
    fail("fenced_too_soon", host->name + " has not been unreachable or gone for as long as the policy says");
}

// ---- what is recorded

void Oracle::check_evidence(const Evidence& evidence, const Memory& memory, const Snapshot& committed) {
  const Host* host = committed.host(evidence.host);
  const VolumeEntry* entry = committed.volume(evidence.volume);
  const int machine = host == nullptr ? -1 : world_.hosts.named(host->name);
  if (machine < 0 || entry == nullptr) return;
  if (evidence.kind == EvidenceKind::operator_ && !host->quarantined)
    fail("confirmed_without_quarantine", host->name + " was confirmed dead, and may have volumes");
  if (evidence.kind == EvidenceKind::agent_clean || evidence.kind == EvidenceKind::agent_gone) {
    const Claim* claim = committed.claim(evidence.claim);
    if (claim == nullptr || evidence.grade == EvidenceGrade::assumed) return;
    const std::string& executor = claim->executor.empty() ? claim->task.value : claim->executor.value;
    for (const Container& one : world_.hosts.at(machine).containers) {
      // One that was started again under that name since is not the one of which it speaks.
      const bool this_one = claim->container.empty()
                                ? one.executor.value != "e-" + one.volume || has_been_known(one.started_at)
                                : one.id == claim->container;
      if (one.framework == claim->framework && one.executor.value == executor && this_one)
        fail("false_evidence", fmt::format("{} of {} on {}: its container {} runs", to_text(evidence.kind),
                                           executor, host->name, one.id.value));
    }
  }
  if (evidence.kind == EvidenceKind::host_unmounted || evidence.kind == EvidenceKind::host_rebooted)
    check_host_evidence(evidence, *entry, machine);
  if (evidence.kind == EvidenceKind::fenced) check_fenced(evidence, *entry, machine, memory, committed);
}

namespace {

void probe_evidence(const Evidence& one, Probes& probes) {
  if (!one.void_reason.empty()) return probes.hit(Probe::evidence_voided);
  switch (one.kind) {
    case EvidenceKind::fenced:
      return probes.hit(Probe::evidence_fenced);
    case EvidenceKind::host_unmounted:
      return probes.hit(Probe::evidence_host_unmounted);
    case EvidenceKind::host_rebooted:
      return probes.hit(Probe::evidence_host_rebooted);
    case EvidenceKind::agent_clean:
      return probes.hit(Probe::evidence_agent_clean);
    case EvidenceKind::agent_gone:
      return probes.hit(Probe::evidence_agent_gone);
    case EvidenceKind::operator_:
      return probes.hit(Probe::evidence_operator);
  }
}

void probe_fence(const Fence& one, Probes& probes) {
  if (one.state == FenceState::held) probes.hit(Probe::fence_held);
  if (one.state == FenceState::failed) probes.hit(Probe::fence_failed);
  if (one.state != FenceState::uncertain) return;
  probes.hit(one.held_at.ns == 0 ? Probe::fence_uncertain : Probe::fence_lost);
}

void probe_change(const Change& change, Probes& probes) {
  if (const auto* operation = std::get_if<Operation>(&change)) {
    if (operation->state == OperationState::uncertain) probes.hit(Probe::operation_uncertain);
    if (operation->state == OperationState::failed) probes.hit(Probe::operation_failed);
    if (operation->rule == "detach.settles_attach") probes.hit(Probe::attach_settled_by_detach);
  } else if (const auto* claim = std::get_if<Claim>(&change)) {
    if (claim->kind == ClaimKind::synthetic) probes.hit(Probe::synthetic_claim);
  } else if (const auto* moved = std::get_if<ClaimStateChange>(&change)) {
    if (moved->liveness == Liveness::unknown) probes.hit(Probe::claim_became_unknown);
  } else if (const auto* attachment = std::get_if<Attachment>(&change)) {
    if (attachment->origin == AttachmentOrigin::found) probes.hit(Probe::volume_found_attached);
  } else if (const auto* blocked = std::get_if<BlockedRow>(&change)) {
    if (blocked->owner == Owner::operator_) probes.hit(Probe::blocked_for_operator);
  } else if (const auto* fence = std::get_if<Fence>(&change)) {
    probe_fence(*fence, probes);
  } else if (const auto* stop = std::get_if<SetFenceStop>(&change)) {
    if (stop->stopped) probes.hit(Probe::fence_storm);
  } else if (const auto* storm = std::get_if<SetDetachStorm>(&change)) {
    if (storm->stopped) probes.hit(Probe::detach_storm);
  } else if (const auto* host = std::get_if<Host>(&change)) {
    if (host->quarantined) probes.hit(Probe::quarantine);
  } else if (const auto* volume = std::get_if<Volume>(&change)) {
    if (volume->state == VolumeState::lost) probes.hit(Probe::volume_lost);
  } else if (const auto* entry = std::get_if<HistoryEntry>(&change)) {
    if (entry->kind == "view.authorisation") probes.hit(Probe::view_incomplete_by_permission);
  }
}

}  // namespace

void Oracle::committed(int daemon, const Batch& batch, const Snapshot& committed) {
  Memory& memory = memory_[daemon];
  for (const Change& change : batch.changes) {
    probe_change(change, world_.probes);
    if (const auto* operation = std::get_if<Operation>(&change)) {
      if (operation->kind == OperationKind::detach && operation->state == OperationState::recorded)
        count_detach(memory, *operation, committed);
    } else if (const auto* fence = std::get_if<Fence>(&change)) {
      if (fence->state == FenceState::recorded) count_fence(memory, *fence, committed);
      check_fence(*fence, committed);
    } else if (const auto* stop = std::get_if<SetFenceStop>(&change)) {
      if (!stop->stopped) memory.fencing_released = world_.time.now();
    } else if (const auto* mode = std::get_if<SetMode>(&change)) {
      if (mode->mode == Mode::active) memory.detaches.clear();  // a person said that so many are right
    } else if (const auto* claim = std::get_if<Claim>(&change)) {
      memory.claims.try_emplace(claim->id, world_.time.now());
    } else if (const auto* volume = std::get_if<Volume>(&change)) {
      if (volume->format == FormatState::formatted) formatted_.insert({daemon, volume->key});
    }
    const auto* evidence = std::get_if<Evidence>(&change);
    if (evidence == nullptr) continue;
    probe_evidence(*evidence, world_.probes);
    if (evidence->void_reason.empty()) check_evidence(*evidence, memory, committed);
  }
}

}  // namespace extvold::sim
