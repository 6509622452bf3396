// What the oracle holds against single calls and rows, beside the one promise: what people said, what stands
// in the ledger, what is open in truth.
#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/oracle.h"
#include "tests/sim/world.h"

namespace extvold::sim {
namespace {

// For as long a process may have a volume open, or be over, without anybody's having been able to hear of it:
// news that come late, a look that takes long, a slow commit.
constexpr Duration kNewsTakes = minutes(3);
// Between an intent and its commit.
constexpr Duration kCommitTakes = seconds(60);

}  // namespace

// A daemon that stands still, for eight minutes at most, hears of nobody who comes meanwhile.
bool Oracle::has_been_known(Instant since) const {
  const Duration stood = world_.config.faults.has(Fault::daemon_paused) ? minutes(8) : Duration{};
  return since + kNewsTakes + stood < world_.time.now();
}

const Session* Oracle::known_user(const Disk& disk, int machine) const {
  for (const Session& one : disk.sessions) {
    if (one.host == machine && has_been_known(one.opened_at)) return &one;
  }
  return nullptr;
}

// ---- what people said

// Nothing is done in observe mode, or to what is held, save what a person released by name. What was held and
// released again between an intent and its call is not held: the daemon knows, its ledger perhaps not yet.
void Oracle::check_held(const std::string& what, const Snapshot& committed, const Snapshot& known,
                        VolumeId volume, HostId host) {
  const auto of = [&](const Snapshot& one) {
    const Host* at = one.host(host);
    const VolumeEntry* entry = volume ? one.volume(volume) : nullptr;
    return std::pair(at == nullptr ? HoldState::inherit : at->hold,
                     entry == nullptr ? HoldState::inherit : entry->volume.hold);
  };
  const auto held = [&](const Snapshot& one) {
    return of(one).first == HoldState::held || of(one).second == HoldState::held;
  };
  if (held(committed) && held(known)) return fail("call_on_held", what + ": a person holds it by name");
  const auto [of_host, of_volume] = of(committed);
  const bool released = of_host == HoldState::released || of_volume == HoldState::released;
  if (committed.mode == Mode::observe && !released) fail("call_in_observe_mode", what);
}

void Oracle::check_view(const OperationCall& call, const Snapshot& committed, bool view_complete) {
  if (view_complete) return;
  const Claim* claim = committed.claim(call.operation.claim);
  const bool for_a_task =
      call.operation.kind == OperationKind::attach && claim != nullptr && is_of_mesos(claim->kind);
  if (for_a_task || call.operation.kind == OperationKind::detach)
    fail("call_without_view", fmt::format("{} {} {}: its Mesos view is incomplete",
                                          to_text(call.operation.kind), call.volume.name, call.host_name));
}

// ---- what was looked at

void Oracle::looked(int daemon, const ProviderObservation& seen) {
  if (!seen.complete) return;
  Instant& newest = memory_[daemon].looks[seen.volume_key.empty() ? seen.provider.value : seen.volume_key];
  newest = std::max(newest, seen.sent_at);
}

void Oracle::looked_at_fence(int daemon, const FenceResult& seen) {
  if (seen.act != FenceAct::check) return;
  std::map<FenceId, Instant>& held = memory_[daemon].held;
  if (seen.held == TriState::yes) {
    held[seen.id] = seen.sent_at;
  } else {
    held.erase(seen.id);
  }
}

// A fence is asked about once at a time: its newest look is the one by which this was decided. Another look,
// and what follows from it, may come before the commit.
void Oracle::decided(int daemon, const Batch& batch) {
  Memory& memory = memory_[daemon];
  for (const Change& change : batch.changes) {
    const auto* evidence = std::get_if<Evidence>(&change);
    if (evidence == nullptr || evidence->kind != EvidenceKind::fenced || !evidence->void_reason.empty())
      continue;
    memory.proven_by.erase(evidence->id);
    const auto held = memory.held.find(evidence->fence);
    if (held != memory.held.end()) memory.proven_by[evidence->id] = held->second;
  }
}

// Never more often than its configuration says, and not while it wants to be left alone, but for what was
// recorded as intended before that.
void Oracle::asked(int daemon, const ProviderInfo& provider) {
  constexpr Duration kWindow = seconds(10);
  Memory& memory = memory_[daemon];
  const Instant now = world_.time.now();
  const FaultSet& faults = world_.config.faults;
  const bool late = faults.has(Fault::daemon_paused) || faults.has(Fault::slow_commit);
  const Memory::Quiet& quiet = memory.quiet[provider.name];
  if (!late && quiet.said + milliseconds(200) < now && now < quiet.until)
    fail("asked_while_throttled", fmt::format("{} wants to be left alone", provider.name.value));
  if (provider.calls_per_second == 0) return;
  std::deque<Instant>& asked = memory.asked[provider.name];
  asked.push_back(now);
  while (asked.front() + kWindow < now) asked.pop_front();
  const auto most = static_cast<std::size_t>(provider.calls_per_second) * 10 + 2;
  if (!late && asked.size() > most)
    fail("asked_too_often", fmt::format("{}: {} calls in 10 s, and {} a second are configured",
                                        provider.name.value, asked.size(), provider.calls_per_second));
}

void Oracle::throttled(int daemon, const ProviderName& provider, Duration retry_after) {
  Memory::Quiet& quiet = memory_[daemon].quiet[provider];
  const Instant now = world_.time.now();
  const bool first = quiet.said.ns < 0 || quiet.said + minutes(2) < now;  // else it may have left before that
  quiet.said = now;
  quiet.until = std::max(quiet.until, now + std::max(retry_after, first ? seconds(1) : Duration{}));
}

void Oracle::call_ended(int daemon, const VolumeId& volume) {
  memory_[daemon].ended[volume] = world_.time.now();
}

// Where it is, a whole look of this life has shown, which was asked for after the last call for it had ended
// and is not old; where nobody else keeps a second host away, also after the wish had come up.
void Oracle::check_looked(const std::string& what, const Memory& memory, const OperationCall& call,
                          const Snapshot& committed) {
  const auto at = [](const auto& map, const auto& key) {
    const auto found = map.find(key);
    return found == map.end() ? Instant{-1} : found->second;
  };
  const Instant look =
      std::max(at(memory.looks, call.volume.key), at(memory.looks, call.volume.pool.provider.value));
  if (look.ns < 0 || look <= at(memory.ended, call.operation.volume))
    return fail("call_without_look", what + ": nobody has looked since the last call for it");
  const FaultSet& faults = world_.config.faults;
  if (faults.has(Fault::daemon_paused) || faults.has(Fault::slow_commit)) return;
  if (look + world_.policy.observation_age_max + kCommitTakes < world_.time.now())
    return fail("call_without_look", what + ": the last look is old");
  // Of orders and formats nobody but extvold itself tells when they came up.
  const Claim* claim = committed.claim(call.operation.claim);
  if (claim == nullptr || !is_of_mesos(claim->kind)) return;
  const Instant claimed = at(memory.claims, claim->id);
  const ProviderInfo* provider = world_.policy.provider(call.volume.pool.provider);
  if (call.operation.kind == OperationKind::attach && !provider->capabilities.exclusive_attach &&
      look + seconds(2) < claimed)
    fail("call_without_look", what + ": nobody has looked since it is wanted there");
}

// ---- what is open in truth

// The host's own word that nobody there has it open: not while somebody has had it open all along.
void Oracle::check_host_evidence(const Evidence& evidence, const VolumeEntry& entry, int machine) {
  const Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key);
  if (disk == nullptr || world_.hosts.at(machine).state == MachineState::off) return;
  if (const Session* user = known_user(*disk, machine))
    fail("false_evidence", fmt::format("{} of {} on {}: {} has it open", to_text(evidence.kind),
                                       entry.volume.name, world_.hosts.at(machine).name, user->container));
}

// Whoever is called fenced does not get through. A host that is off may be switched on by somebody before
// what a look showed is recorded, and no ledger can know: it has been off since the look was asked for, at
// least for a moment. That permits a detach, and not yet another host: for that it is seen off after the
// detach.
void Oracle::check_fenced(const Evidence& evidence, const VolumeEntry& entry, int machine,
                          const Memory& memory, const Snapshot& committed) {
  const Machine& host = world_.hosts.at(machine);
  const Disk* disk = world_.storage.find(entry.volume.pool.provider, entry.volume.key);
  if (disk == nullptr || host.state == MachineState::off || !world_.storage.lets_through(*disk, machine))
    return;
  const Fence* fence = committed.fence(evidence.fence);
  const auto look = memory.proven_by.find(evidence.id);
  if (fence != nullptr && fence->rung == FenceRung::power && look != memory.proven_by.end() &&
      host.booted_at >= look->second)
    return;
  fail("false_fence",
       fmt::format("{} on {} is called fenced and gets through", entry.volume.name, host.name));
}

// Of a container that its agent lists no more, or whose agent came back under another id, and of which this
// ledger (a new one, perhaps, or one from which the master hid it) never heard, nobody can tell; and who
// opens it although he was told to be over does so by what is attached there for another.
bool Oracle::could_be_told(const Session& session, const Snapshot& committed) const {
  const Container* one = world_.hosts.at(session.host).container(session.container);
  if (session.over || one == nullptr) return false;
  if (one->by_hand) {  // by a person's order, if it came through
    return std::any_of(committed.claims().begin(), committed.claims().end(), [&](const auto& claim) {
      return claim.second.kind == ClaimKind::operator_ && claim.second.wanted &&
             host_name_of(session.host) == committed.host(claim.second.host)->name;
    });
  }
  if (one->listed && one->agent == world_.agents.id_at(session.host)) return true;
  return std::any_of(committed.claims().begin(), committed.claims().end(), [&](const auto& claim) {
    const bool of_task = claim.second.task == one->task && claim.second.agent == one->agent;
    return of_task || claim.second.container.value == session.container;
  });
}

// What the ledger does not know of, its provider refuses.
void Oracle::check_resize(const std::string& what, const OperationCall& call, const VolumeEntry& entry) {
  const bool orders = entry.volume.wanted_size_mb > entry.volume.size_mb &&
                      call.volume.wanted_size_mb == entry.volume.wanted_size_mb;
  if (!orders) return fail("resize_not_ordered", what + ": the ledger wants it no larger than it is");
  const Capabilities& can = world_.policy.provider(call.volume.pool.provider)->capabilities;
  const bool held = std::any_of(entry.attachments.begin(), entry.attachments.end(),
                                [](const Attachment& one) { return one.state != AttachmentState::detached; });
  if (!can.resize || (!can.resize_attached && held))
    fail("resize_not_possible", what + ": its provider cannot do that now");
}

// Nothing is taken from a process that has used it for long enough to be known of, save from one that is cut
// off anyhow or that a person answers for; and never without anything proven, where Mesos had to do with it.
void Oracle::check_detach(const std::string& what, const OperationCall& call, const VolumeEntry& entry,
                          const Snapshot& committed) {
  const Attachment* attachment = entry.attachment(call.operation.host);
  const int machine = world_.hosts.named(call.host_name);
  if (attachment == nullptr || machine < 0) return;
  bool proven = false;
  bool answered_for = false;
  for (const Evidence* one : entry.evidence) {
    if (one->host != attachment->host || one->attachment_generation != attachment->generation) continue;
    proven = true;
    answered_for = answered_for || one->kind == EvidenceKind::fenced || one->kind == EvidenceKind::operator_;
  }
  const bool of_mesos = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
    return claim->host == attachment->host && is_of_mesos(claim->kind);
  });
  if (of_mesos && !proven && call.operation.rule != "detach.settles_attach")
    return fail("detach_without_evidence", what + ": nothing proves that it is not used there");
  const Disk* disk = world_.storage.find(call.volume.pool.provider, call.volume.key);
  if (disk == nullptr || answered_for || world_.hosts.at(machine).state == MachineState::off) return;
  if (!world_.storage.lets_through(*disk, machine)) return;  // an older call has taken it away
  // Where a detach enforces nothing, who had it open before writes on: one that only settles an attach, of
  // which nothing came, takes nothing from him.
  if (call.operation.rule == "detach.settles_attach" && !disk->grants.contains(machine)) return;
  for (const Session& one : disk->sessions) {
    if (one.host == machine && has_been_known(one.opened_at) && could_be_told(one, committed))
      return fail("detach_of_used", what + ": " + one.container + " has it open");
  }
}

// A fence that is called lifted does not bar its host any more; and by a report alone it is taken back only
// from a host where nothing of that time has a volume open.
void Oracle::check_fence(const Fence& fence, const Snapshot& committed) {
  if (fence.state == FenceState::lifting && fence.user_uid < 0) {
    const Host* host = committed.host(fence.host);
    const int machine = host == nullptr ? -1 : world_.hosts.named(host->name);
    world_.storage.for_each([&](const Disk& disk) {
      if (world_.storage.personality(disk).info.name != fence.provider) return;
      if (const Session* user = known_user(disk, machine))
        fail("false_clean", fmt::format("fence {} of {} is lifted, and {} has {} open", fence.id.value,
                                        host->name, user->container, disk.name));
    });
  }
  if (fence.state != FenceState::lifted || fence.rung == FenceRung::power) return;
  const VolumeEntry* entry = committed.volume(fence.volume);
  const Host* host = committed.host(fence.host);
  const int machine = host == nullptr ? -1 : world_.hosts.named(host->name);
  if (machine < 0) return;
  if (world_.storage.bars(fence.provider, entry == nullptr ? std::string() : entry->volume.key, machine))
    fail("false_lift",
         fmt::format("fence {} of {} is called lifted, and bars it", fence.id.value, host->name));
}

// ---- how much at once

// Not counted is what only extvold itself had to do with.
void Oracle::count_detach(Memory& memory, const Operation& detach, const Snapshot& committed) {
  const VolumeEntry* entry = committed.volume(detach.volume);
  if (entry == nullptr || detach.rule == "detach.settles_attach") return;
  const bool of_mesos = std::any_of(entry->claims.begin(), entry->claims.end(), [&](const Claim* claim) {
    return claim->host == detach.host && is_of_mesos(claim->kind);
  });
  if (!of_mesos) return;
  const Instant now = world_.time.now();
  const Duration window{world_.policy.detach_storm_window.ns - kCommitTakes.ns};
  std::erase_if(memory.detaches, [&](const auto& one) { return one.second + window <= now; });
  memory.detaches[{detach.volume, detach.host}] = now;
  const auto share =
      static_cast<std::int64_t>(committed.volumes().size()) * world_.policy.detach_storm_percent / 100;
  const std::int64_t limit = std::max<std::int64_t>(world_.policy.detach_storm_max, share + 1);
  if (static_cast<std::int64_t>(memory.detaches.size()) > limit)
    fail("too_many_detached",
         fmt::format("{} attachments in a window of which {} are allowed", memory.detaches.size(), limit));
}

void Oracle::count_fence(Memory& memory, const Fence& fence, const Snapshot& committed) {
  const Instant now = world_.time.now();
  const Duration window{world_.policy.fence_storm_window.ns - kCommitTakes.ns};
  // Who said that so many are right is not asked again for as long.
  const Duration quiet{world_.policy.fence_storm_window.ns + kCommitTakes.ns};
  if (memory.fencing_released.ns >= 0 && now < memory.fencing_released + quiet) return memory.fences.clear();
  std::erase_if(memory.fences, [&](const auto& one) { return one.second + window <= now; });
  memory.fences[fence.host] = now;
  const auto share =
      static_cast<std::int64_t>(committed.hosts().size()) * world_.policy.fence_storm_percent / 100;
  const std::int64_t limit =
      std::max<std::int64_t>(1, std::min<std::int64_t>(world_.policy.fence_storm_max, share + 1));
  if (static_cast<std::int64_t>(memory.fences.size()) > limit)
    fail("too_many_fenced",
         fmt::format("{} hosts in a window in which {} are allowed", memory.fences.size(), limit));
}

// Of the fences before it knows what stands, by the times that were recorded; of the detaches nothing.
void Oracle::started(int daemon, const Snapshot& committed) {
  Memory& memory = memory_[daemon];
  memory.detaches.clear();
  memory.looks.clear();
  memory.ended.clear();
  memory.claims.clear();
  memory.held.clear();
  memory.proven_by.clear();
  memory.asked.clear();
  memory.quiet.clear();
  if (world_.config.faults.has(Fault::clock_jump)) return memory.fences.clear();
  std::erase_if(memory.fences, [&](const auto& one) {
    return std::none_of(committed.fences().begin(), committed.fences().end(),
                        [&](const auto& fence) { return fence.second.host == one.first; });
  });
}

}  // namespace extvold::sim
