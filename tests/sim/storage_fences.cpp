// Fences: how a provider, or the power of a machine, takes a host's access away, and all the ways in which
// that does less than it says.
#include <fmt/format.h>

#include <memory>

#include "tests/sim/storage.h"
#include "tests/sim/world.h"

namespace extvold::sim {

void Storage::set_fence(Provider& at, const FenceCall& call) {
  const int host = world_.hosts.named(call.fence.target);
  if (host < 0) return;
  world_.note("fence.set", to_text(call.fence.rung), call.fence.target, call.volume.name);
  world_.probes.hit(Probe::fence_set);
  if (call.fence.rung == FenceRung::host) {
    const Duration lasts = at.personality.fences_last;
    if (at.cut_off.contains(host)) world_.probes.hit(Probe::fence_set_again);
    at.cut_off[host].expires_at = lasts.ns == 0 ? WallTime{} : WallTime{world_.time.wall().ns + lasts.ns};
    if (lasts.ns != 0) {
      world_.time.after(lasts, [this, host] {
        world_.probes.hit(Probe::fence_expired);
        world_.oracle.host_changed(host);
      });
    }
    for (auto& [key, disk] : at.disks) world_.oracle.access_changed(disk);
    return;
  }
  const auto found = at.disks.find(call.volume.key);
  if (found == at.disks.end()) return;
  if (at.personality.info.capabilities.fence_bars_late_calls) found->second.barred.insert(host);
  found->second.lingering.erase(host);
  shut_out(found->second, host, true);
}

void Storage::lift_fence(Provider& at, const FenceCall& call) {
  const int host = world_.hosts.named(call.fence.target);
  world_.note("fence.lifted", to_text(call.fence.rung), call.fence.target, call.volume.name);
  world_.probes.hit(Probe::fence_lifted);
  if (call.fence.rung == FenceRung::host) {
    at.cut_off.erase(host);
    for (auto& [key, disk] : at.disks) world_.oracle.access_changed(disk);
    return;
  }
  const auto found = at.disks.find(call.volume.key);
  if (found != at.disks.end()) found->second.barred.erase(host);
}

bool Storage::bars(const ProviderName& name, const std::string& key, int host) const {
  const Provider& at = provider(name);
  if (key.empty()) return cutting_off(at, host) != nullptr;
  const auto found = at.disks.find(key);
  return found != at.disks.end() && found->second.barred.contains(host);
}

FenceResult Storage::look_at_fence(const Provider& at, const FenceCall& call) const {
  FenceResult out;
  out.state = FenceCallState::done;
  if (!at.personality.info.capabilities.fence_verifiable) return out;
  const int host = world_.hosts.named(call.fence.target);
  bool held = false;
  if (call.fence.rung == FenceRung::host) {
    const HostFence* cut = cutting_off(at, host);
    held = cut != nullptr;
    if (held) out.expires_at = cut->expires_at;
  } else {
    const auto found = at.disks.find(call.volume.key);
    const bool bars = at.personality.info.capabilities.fence_bars_late_calls;
    held = found == at.disks.end() ||
           (!found->second.grants.contains(host) && !found->second.lingering.contains(host) &&
            (!bars || found->second.barred.contains(host)));
  }
  out.held = held ? TriState::yes : TriState::no;
  out.seen = held ? "it has no access" : "it still has access";
  return out;
}

FenceResult Storage::change_power(const FenceCall& call) {
  FenceResult out;
  out.state = FenceCallState::done;
  const int host = world_.hosts.named(call.fence.target);
  if (host < 0) {
    out.state = FenceCallState::failed;
    out.error = {Errc::not_found, "no such plug"};
    return out;
  }
  Machine& machine = world_.hosts.at(host);
  switch (call.act) {
    case FenceAct::set:
      world_.note("fence.power_off", machine.name);
      world_.probes.hit(Probe::power_fenced);
      world_.hosts.power_off(host);
      machine.kept_off = true;  // whoever would start it sees that it is fenced
      break;
    case FenceAct::check:
      out.held = machine.state == MachineState::off && machine.kept_off ? TriState::yes : TriState::no;
      out.seen = out.held == TriState::yes ? "its power is off" : "its power is on";
      break;
    case FenceAct::lift:
      machine.kept_off = false;
      world_.hosts.boot(host);
      break;
  }
  return out;
}

void Storage::change_fence(FenceCall call, Fenced done) {
  const bool power = call.fence.rung == FenceRung::power;
  const bool bent = world_.strikes(Fault::fence_misbehaves, fences_);
  // Of what is bent: refused, lost before, lost after, a lie.
  const std::int64_t how = bent ? fences_.below(4) : 4;
  const Instant sent = world_.time.now();
  const Duration takes = how == 1 || how == 2 ? call.deadline : fences_.between(milliseconds(5), seconds(3));
  const auto held = std::make_shared<FenceCall>(std::move(call));
  world_.note("fence", to_text(held->act), to_text(held->fence.rung), held->fence.target);
  world_.time.after(takes, [this, held, power, how, sent, done = std::move(done)] {
    FenceResult out;
    out.state = FenceCallState::done;
    const bool needs_host = !power && held->fence.cooperative && held->fence.rung != FenceRung::power;
    const int host = world_.hosts.named(held->fence.target);
    const bool reached =
        host >= 0 && world_.hosts.at(host).state == MachineState::up && world_.hosts.at(host).daemon_reaches;
    if (how == 0 || (needs_host && !reached)) {
      out.state = FenceCallState::failed;
      out.error = {Errc::unavailable, "the fence device refused"};
    } else if (how == 1 || how == 3) {
      world_.probes.hit(Probe::fence_did_nothing);
    } else if (power) {
      out = change_power(*held);
    } else if (Provider& at = provider(held->fence.provider); held->act == FenceAct::check) {
      out = look_at_fence(at, *held);
    } else if (held->act == FenceAct::set) {
      set_fence(at, *held);
    } else {
      lift_fence(at, *held);
    }
    if (how == 1 || how == 2) {
      out.state = FenceCallState::uncertain;
      out.held = TriState::unknown;
      out.error = {Errc::uncertain, "no answer in time"};
    }
    out.id = held->fence.id;
    out.act = held->act;
    out.sent_at = sent;
    out.ended_at = world_.time.now();
    done(std::move(out));
  });
}

}  // namespace extvold::sim
