// What attach, detach and format find before they do anything: the loop devices of a (host, volume), and
// their mounts. Runs in the helper.
#pragma once

#include <optional>
#include <vector>

#include "host/loop.h"
#include "host/mounts.h"
#include "providers/local/volume_files.h"

namespace extvold::providers::local {

// The host's folder must exist: the operator makes hosts, we do not. It and its mnt/, if there is one, must
// be folders, not symlinks: mounts are found by their path, and the kernel's table has symlinks resolved.
Status require_host(const Site& site, const std::string& host);

// What this host's attachments left of loop devices, by tag; also those that were cut off.
Result<std::vector<host::LoopDevice>> tagged_loops(const Site& site, const std::string& host,
                                                   const VolumeRef& ref);

// The loop device that this host's attachment made, by tag: none or one. One that was cut off is no
// attachment any more. Two: conflict.
Result<std::optional<host::LoopDevice>> own_loop(const Site& site, const std::string& host,
                                                 const VolumeRef& ref);

// conflict: this host is barred from this volume by a fence.
Status check_not_fenced(const Site& site, const std::string& host, const VolumeRef& ref);

// Mounts of one loop device, sorted out by whose they are.
struct DeviceMounts {
  std::optional<host::MountEntry> own;    // in our namespace, at the path that we mount at
  std::vector<host::MountEntry> foreign;  // everywhere else, but for copies of `own` that go when it goes
};
// `target`: where we mount or mounted; empty: nowhere. conflict: something else lies on top of our mount,
// or it is there twice.
Result<DeviceMounts> sort_mounts(const host::LoopDevice& loop, const std::string& target);

// "/srv/x" or "/srv/x (in the mount namespace of pid 17)"
std::string place_text(const host::MountEntry& entry);

// The mount point of a request, checked: absolute, plain, no "..". Empty stays empty.
Status check_mount_point(const std::string& mount_point);

}  // namespace extvold::providers::local
