// Snapshots and what was observed: copied, and put into a fingerprint.
#include <algorithm>

#include "tests/small_world/engine_memory.h"

namespace extvold::small_world {

using Order = Fingerprint::Order;

namespace {

// No policy of these worlds waits longer for anything that comes at all (setting.cpp).
constexpr Duration kLongest = seconds(60);

// `stored`: as from a ledger.
Snapshot copied(const Snapshot& from, bool stored) {
  Snapshot to;
  to.ledger = from.ledger;
  to.mode = from.mode;
  to.detach_storm = from.detach_storm;
  to.fence_stop = from.fence_stop;
  to.fence_released_at = from.fence_released_at;
  to.view = from.view;
  to.counters = from.counters;
  for (const auto& [id, host] : from.hosts()) to.apply(Change(host));
  for (const auto& [id, agent] : from.agents()) to.apply(Change(agent));
  for (const auto& [id, framework] : from.frameworks()) to.apply(Change(framework));
  for (const auto& [id, entry] : from.volumes()) {
    to.load(entry.volume);
    for (Attachment row : entry.attachments) {
      if (stored) row.gone_at = {};
      to.load(row);
    }
    for (const Mount& mount : entry.mounts) to.apply(Change(mount));
    for (const BlockedRow& row : entry.blocked) to.apply(Change(row));
    for (const Operation* operation : {entry.last_operation.get(), entry.open_operation.get()}) {
      if (operation == nullptr) continue;
      Operation row = *operation;
      if (stored) row.call_ended_at = {};
      to.apply(Change(std::move(row)));
    }
  }
  for (const auto& [id, claim] : from.claims()) {
    Claim row = claim;
    if (stored) {
      row.last_event_at = {};
      row.listed_in_view = {};
      row.listed_alive = {};
    }
    to.load(row);
  }
  for (const auto& [id, fence] : from.fences()) to.apply(Change(fence));
  for (const auto& [id, evidence] : from.evidence()) to.apply(Change(evidence));
  to.sequence = from.sequence;
  return to;
}

// When its calls are over for sure, and whether a look was sent later.
void put(Fingerprint& print, const Operation* operation, const VolumeView* view) {
  if (operation == nullptr) return print.number(-1);
  const std::int64_t volume = operation->volume.value;
  print.value(operation->kind);
  print.value(operation->state);
  print.value(operation->outcome);
  print.number(operation->host.value);
  print.ordered(Order::generation, volume, operation->generation.counter);
  print.ordered(Order::claim, volume, operation->claim.value);
  print.ordered(Order::evidence, volume, operation->evidence.value);
  print.text(operation->rule);
  if (view == nullptr) return;
  const Instant ended = operation->call_ended_at.value;
  print.ago(ended, kLongest);
  print.flag(view->sent_at > ended);
  print.flag(view->sent_at >= ended + kLongest);
}

void put(Fingerprint& print, const Claim& claim, const VolumeView* view) {
  const std::int64_t volume = claim.volume.value;
  print.ordered(Order::claim, volume, claim.id.value);
  print.value(claim.kind);
  print.number(claim.host.value);
  print.text(claim.agent.value);
  print.text(claim.task.value);
  print.text(claim.container.value);
  print.value(claim.task_state);
  print.flag(claim.wanted);
  print.value(claim.liveness);
  print.ordered(Order::evidence, volume, claim.evidence.value);
  print.ordered(Order::sequence, volume, claim.first_seen_sequence);
  print.ordered(Order::sequence, volume, claim.began_sequence);
  print.flag(claim.listed_in_view.value != 0);
  print.flag(view != nullptr && view->sent_at <= claim.last_event_at.value);
}

// What is in no ledger (`stored`) is lost with the daemon.
void put(Fingerprint& print, const Attachment& one, bool stored) {
  print.number(one.host.value);
  print.value(one.state);
  print.value(one.origin);
  print.ordered(Order::generation, one.volume.value, one.generation.counter);
  print.number(one.unexplained_use * 8 + one.read_only * 4 + one.mounted * 2 + one.read_back);
  print.text(one.host_identity);
  print.text(one.boot_id);
  print.ordered(Order::sequence, one.volume.value, one.detached_sequence);
  if (!stored) print.flag(one.gone_at.value.ns != 0);
}

void put(Fingerprint& print, const Evidence& evidence) {
  const std::int64_t volume = evidence.volume.value;
  print.ordered(Order::evidence, volume, evidence.id.value);
  print.value(evidence.kind);
  print.number(evidence.host.value);
  print.ordered(Order::generation, volume, evidence.attachment_generation.counter);
  print.ordered(Order::claim, volume, evidence.claim.value);
  print.ordered(Order::fence, 0, evidence.fence.value);
  print.value(evidence.grade);
}

void put(Fingerprint& print, const VolumeEntry& entry, const VolumeView* view) {
  print.number(-100 - entry.volume.id.value);
  print.value(entry.volume.state);
  print.value(entry.volume.hold);
  for (const Attachment& one : entry.attachments) put(print, one, view == nullptr);
  print.number(-1);
  for (const Mount& one : entry.mounts) print.number(one.host.value);
  print.number(-1);
  put(print, entry.open_operation.get(), view);
  for (const Claim* claim : entry.claims) put(print, *claim, view);
  print.number(-1);
  for (const Evidence* evidence : entry.evidence) put(print, *evidence);
}

void put(Fingerprint& print, const Fence& fence) {
  print.ordered(Order::fence, 0, fence.id.value);
  print.value(fence.rung);
  print.value(fence.state);
  print.number(fence.host.value);
  print.number(fence.volume.value);
  print.text(fence.target);
  print.ordered(Order::generation, fence.volume.value, fence.generation.counter);
}

void put(Fingerprint& print, const VolumeView& view) {
  print.flag(view.sent_at.ns != 0);
  print.flag(view.sent_at > view.acted_at);
  print.flag(view.direct);
  print.flag(view.sent_at <= view.idle_since);
  print.ago(view.acted_at, {});
  print.flag(view.present);
  print.value(view.call_running);
  for (const AttachmentView& one : view.attachments) {
    print.number(one.host.value);
    print.value(one.mounted);
    print.value(one.open);
  }
  print.number(-1);
  for (const RetryView& one : view.retries) {
    print.value(one.kind);
    print.number(one.host.value);
    print.number(one.failures);
    print.due(one.at);
  }
  print.number(-1);
  for (const FenceClock& one : view.clocks) {
    print.number(one.host.value);
    print.flag(one.since.ns != 0);
    print.span(one.elapsed(print.now()), kLongest);
  }
  print.number(-1);
}

}  // namespace

Snapshot copy_of(const Snapshot& from) { return copied(from, false); }
Snapshot stored_copy_of(const Snapshot& from) { return copied(from, true); }

void put(Fingerprint& print, const Snapshot& snapshot, const Observed* observed) {
  print.number(snapshot.detach_storm * 2 + snapshot.fence_stop);
  print.text(snapshot.view.master_id);
  for (const auto& [id, host] : snapshot.hosts()) {
    print.number(id.value);
    print.text(host.boot_id);
    print.flag(host.quarantined);
    print.ordered(Order::fence, 0, host.quarantine_fence.value);
  }
  for (const auto& [id, agent] : snapshot.agents()) {
    print.text(id.value);
    print.value(agent.state);
    print.flag(agent.active);
  }
  for (const auto& [id, entry] : snapshot.volumes())
    put(print, entry, observed == nullptr ? nullptr : observed->volume(id));
  for (const auto& [id, fence] : snapshot.fences()) {
    put(print, fence);
    const Claim* claim = snapshot.claim(fence.claim);
    print.number(claim == nullptr ? 0 : claim->volume.value);
    if (claim != nullptr) print.ordered(Order::claim, claim->volume.value, claim->id.value);
  }
}

void put(Fingerprint& print, const Observed& observed) {
  print.flag(observed.view_complete);
  print.due(observed.former_calls_until);
  for (const auto& [id, agent] : observed.agents) {
    print.text(id.value);
    print.flag(agent.registered);
    print.flag(agent.api_read_sent_at > agent.added_at);
    print.flag(agent.api_read_sent_at > agent.launched_at);
    print.text(agent.api_error);
    print.flag(agent.registry_asked_at.ns != 0);
  }
  for (const auto& [id, view] : observed.volumes) {
    print.number(id.value);
    put(print, view);
  }
  for (const auto& [name, view] : observed.providers) {
    print.text(view.why_incomplete);
    print.flag(view.listed_at.ns != 0);
    print.number(view.volumes_listed);
  }
  for (const auto& [id, fence] : observed.fences) {
    print.ordered(Order::fence, 0, id.value);
    print.flag(fence.checked_at.ns != 0);
    print.due(fence.good_until);
  }
  for (const FenceTry& one : observed.fence_tries) {
    print.number(one.host.value);
    print.value(one.rung);
    print.number(one.volume.value);
    print.number(one.failures);
    print.due(one.at);
  }
}

void put(Fingerprint& print, const ProviderObservation& observation) {
  for (const ObservedVolume& volume : observation.volumes) {
    print.text(volume.key);
    print.value(volume.call_running);
    for (const ObservedAttachment& one : volume.attachments) {
      print.text(one.host_identity);
      print.value(one.mounted);
      print.value(one.open);
    }
  }
  for (const ObservedHost& host : observation.hosts) {
    print.text(host.host_identity);
    print.value(host.in_use);
  }
}

}  // namespace extvold::small_world
