// What people do besides: they hold things by name, and some err. Who errs orders what extvold must refuse by
// what it knows itself at that moment: a host is taken for dead on which Mesos says that something lives, a
// volume for unused that somebody has open.
#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/people.h"
#include "tests/sim/world.h"

namespace extvold::sim {

// For a while; who has an order lost with a killed daemon gives it again.
void People::hold_by_name(Daemon& daemon) {
  if (!world_.config.faults.has(Fault::holds)) return;
  const Snapshot& snapshot = daemon.engine()->snapshot();
  const auto let_go = [&] { return !world_.faults_on || whims_.chance(20); };
  for (const auto& [id, entry] : snapshot.volumes()) {
    if (entry.volume.hold == HoldState::held && let_go()) daemon.order(Release{entry.volume.name});
  }
  for (const auto& [id, host] : snapshot.hosts()) {
    if (host.hold == HoldState::held && let_go()) daemon.order(Release{host.name});
    if (host.fence_held && let_go()) daemon.order(FenceRelease{host.name, "it may be fenced again", true});
  }
  if (!world_.faults_on || !whims_.chance(15)) return;
  world_.probes.hit(Probe::operator_held_by_name);
  const int what = static_cast<int>(whims_.below(3));
  const std::string host = host_name_of(static_cast<int>(whims_.below(world_.config.hosts)));
  if (what == 0) daemon.order(Hold{volume_name_of(static_cast<int>(whims_.below(world_.config.volumes)))});
  if (what == 1) daemon.order(Hold{host});
  if (what == 2) daemon.order(FenceHold{host, "its network is worked on"});
}

void People::err(Daemon& daemon) {
  // What it answers by is what it knows now.
  if (!daemon.idle()) return;
  const Snapshot& snapshot = daemon.engine()->snapshot();
  if (whims_.chance(50)) {
    const Host* host =
        snapshot.host_by_name(host_name_of(static_cast<int>(whims_.below(world_.config.hosts))));
    if (host != nullptr) err_about_host(daemon, *host);
  } else {
    const VolumeEntry* entry =
        snapshot.volume_by_name(volume_name_of(static_cast<int>(whims_.below(world_.config.volumes))));
    if (entry != nullptr) err_about_volume(daemon, *entry);
  }
}

void People::err_about_host(Daemon& daemon, const Host& host) {
  const Snapshot& snapshot = daemon.engine()->snapshot();
  const bool taken = std::any_of(snapshot.volumes().begin(), snapshot.volumes().end(), [&](const auto& one) {
    const Attachment* attachment = one.second.attachment(host.id);
    return attachment != nullptr && attachment->state != AttachmentState::detached &&
           std::any_of(one.second.evidence.begin(), one.second.evidence.end(), [&](const Evidence* known) {
             return known->host == host.id &&
                    (known->kind == EvidenceKind::fenced || known->kind == EvidenceKind::operator_);
           });
  });
  if (taken) {
    world_.probes.hit(Probe::operator_erred);
    daemon.order(FenceRelease{host.name, "it looks clean"});
  } else if (lives_there(snapshot, host.id) && !host.quarantined) {
    world_.probes.hit(Probe::operator_erred);
    daemon.order(FenceConfirm{host.name, host.name, "it does not answer me"});
  }
}

void People::err_about_volume(Daemon& daemon, const VolumeEntry& entry) {
  const std::string name = entry.volume.name;
  const bool attached =
      std::any_of(entry.attachments.begin(), entry.attachments.end(),
                  [](const Attachment& one) { return one.state == AttachmentState::attached; });
  if (entry.volume.state == VolumeState::trashed) {
    if (attached) daemon.order(PurgeVolume{name, name, true});
  } else if (whims_.chance(50)) {
    // Only a format that was refused is tried again.
    if (entry.volume.format == FormatState::refused && entry.volume.origin == VolumeOrigin::created) return;
    world_.probes.hit(Probe::operator_erred);
    daemon.order(ForceFormat{name, name, "it is empty"});
  } else if (attached) {
    world_.probes.hit(Probe::operator_erred);
    daemon.order(RemoveVolume{name, name});
  }
}

}  // namespace extvold::sim
