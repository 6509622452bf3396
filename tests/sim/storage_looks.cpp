// Looks: what a provider says that it has. A direct look is true at some moment between question and answer;
// a list may be anything, as long as it says `complete` only where the provider thinks that it is.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tests/sim/storage.h"
#include "tests/sim/world.h"

namespace extvold::sim {

ObservedVolume Storage::describe(const Provider& at, const Disk& disk) const {
  const Capabilities& can = at.personality.info.capabilities;
  ObservedVolume out;
  out.key = disk.key;
  out.provider_ref = disk.ref;
  out.ledger_id = disk.ledger_id;
  out.pool = disk.pool;
  out.size_mb = disk.size_mb;
  const auto running = at.running.find(disk.key);
  const bool at_work = running != at.running.end() && running->second > 0;
  if (can.shows_running_calls) out.call_running = at_work ? TriState::yes : TriState::no;
  for (const auto& [host, grant] : disk.grants) {
    const Machine& machine = world_.hosts.at(host);
    ObservedAttachment one;
    one.host_identity = machine.name;
    one.device = grant.device;
    one.boot_id = grant.boot_id;
    // A node side that answers says what is mounted there now.
    if (can.host_reports && machine.state == MachineState::up && machine.daemon_reaches) {
      const bool used = disk.open_on(host);
      one.mounted = one.open = used ? TriState::yes : TriState::no;
      if (used) one.mount_paths.push_back("/mnt/" + disk.key);
    }
    out.attachments.push_back(std::move(one));
  }
  return out;
}

void Storage::describe_all(Provider& at, ProviderObservation& out) {
  for (const auto& [key, disk] : at.disks) {
    if (out.volume_key.empty() || out.volume_key == key) out.volumes.push_back(describe(at, disk));
  }
  if (!at.personality.info.capabilities.host_reports) return;
  for (int n = 0; n < world_.hosts.count(); ++n) {
    const Machine& machine = world_.hosts.at(n);
    if (machine.state != MachineState::up || !machine.daemon_reaches) continue;
    const bool used =
        std::any_of(at.disks.begin(), at.disks.end(), [n, &key = out.volume_key](const auto& one) {
          return (key.empty() || key == one.first) && one.second.open_on(n);
        });
    out.hosts.push_back({machine.name, machine.boot_id(), used ? TriState::yes : TriState::no});
  }
}

// A list that is behind, short or empty, and says that it is whole. What its hosts report is theirs, and of
// now.
void Storage::bend_list(Provider& at, ProviderObservation& out) {
  const bool old = world_.strikes(Fault::list_stale, looks_) && at.old_list_at.ns != 0;
  if (old) {
    world_.probes.hit(Probe::list_was_stale);
    out.volumes.clear();
    for (const auto& [key, volume] : at.old_list) out.volumes.push_back(volume);
  } else if (world_.time.now() - at.old_list_at > minutes(2)) {
    at.old_list.clear();
    at.old_list_at = world_.time.now();
    for (const ObservedVolume& one : out.volumes) {
      ObservedVolume kept = one;
      for (ObservedAttachment& there : kept.attachments) {
        there.mounted = there.open = TriState::unknown;
        there.mount_paths.clear();
      }
      kept.call_running = TriState::unknown;
      at.old_list[one.key] = std::move(kept);
    }
  }
  if (world_.strikes(Fault::list_partial, looks_)) {
    world_.probes.hit(Probe::list_was_partial);
    std::erase_if(out.volumes, [&](const ObservedVolume&) { return looks_.chance(30); });
  }
  if (world_.strikes(Fault::list_empty, looks_)) {
    world_.probes.hit(Probe::list_was_empty);
    out.volumes.clear();
  }
}

// Refused at the door.
void Storage::throttle(ProviderObservation out, Seen seen) {
  world_.probes.hit(Probe::look_was_throttled);
  out.throttled = true;
  out.retry_after = draw_retry_after();
  out.why_incomplete = "429: slow down";
  world_.time.after(milliseconds(2), [this, out = std::move(out), seen = std::move(seen)]() mutable {
    out.ended_at = world_.time.now();
    seen(std::move(out));
  });
}

void Storage::observe(const ProviderName& name, const std::string& key, Seen seen) {
  Provider& at = provider(name);
  auto out = std::make_shared<ProviderObservation>();
  out->provider = name;
  out->volume_key = key;
  out->sent_at = world_.time.now();
  if (world_.strikes(Fault::throttle, throttles_)) return throttle(std::move(*out), std::move(seen));
  const Duration latency = looks_.between(milliseconds(2), at.personality.latency_max);
  const bool silent = world_.time.now() < at.silent_until;
  const bool breaks = world_.strikes(Fault::list_broken, looks_) || silent;
  const Duration answer_after = silent ? seconds(30) : latency;
  const Duration looks_after{looks_.between(0, answer_after.ns)};
  world_.time.after(looks_after, [this, out, breaks] {
    Provider& there = provider(out->provider);
    if (!breaks) describe_all(there, *out);
    out->complete = !breaks;
    if (breaks) {
      world_.probes.hit(Probe::list_broke_off);
      out->why_incomplete = "a page could not be read";
    } else if (out->volume_key.empty()) {
      bend_list(there, *out);
    }
  });
  world_.time.after(answer_after, [this, out, seen = std::move(seen)] {
    out->ended_at = world_.time.now();
    if (!out->volume_key.empty() && !out->volumes.empty()) {
      const ObservedVolume& shown = out->volumes.front();
      const Disk* disk = find(out->provider, shown.key);
      world_.note("looked", disk == nullptr ? shown.key : disk->name, shown.attachments.size(),
                  to_text(shown.call_running));
    }
    seen(std::move(*out));
  });
}

}  // namespace extvold::sim
