// The helper's verbs of the `local` provider: local.create, local.remove, local.resize, local.attach,
// local.detach, local.format, local.fence, local.check_fence, local.unfence, local.observe. Each looks at the
// disk and the kernel, does the least that is missing, reads it back, and may be killed anywhere: run again,
// it goes on. The caller holds the volume's lock (Site::lock_path) through the inherited descriptor.
#pragma once

#include <span>

#include "host/helper.h"
#include "providers/local/helper_messages.h"

namespace extvold::providers::local {

// For host::helper_main() in the daemon's main().
std::span<const host::HelperVerb> helper_verbs();

// Loop device on the image, then, if `mount_point` is set, the mount at
// <hosts_dir>/<host>/mnt<mount_point>. Refuses (conflict) while another host has the volume, unless the
// volume is `ro` for everybody and all its attachments are read-only.
Result<OperationAnswer> attach_volume(const Site& site, const HelperRequest& request);

// Unmounts what attach_volume mounted and nothing else, takes the loop device down, proves it gone. busy:
// in use.
Result<OperationAnswer> detach_volume(const Site& site, const HelperRequest& request);

// Guarded by host/mkfs.h. The volume must be attached, writable, to the request's host.
Result<OperationAnswer> format_volume(const Site& site, const HelperRequest& request);

// Bars the request's host from the volume, then takes away what it has of it: the filesystem is stopped, its
// mounts in the host's folder go lazily, the loop device is cut off. Only up to the request's generation:
// conflict, and nothing was changed, if the host has a newer attachment. An error after the host was barred
// is uncertain; it names who has the device open.
Result<OperationAnswer> fence_volume(const Site& site, const HelperRequest& request);

// Looks, without the volume's lock. held: the request's key bars the host, and no loop device of that host
// reaches the image.
Result<FenceAnswer> check_fence(const Site& site, const HelperRequest& request);

// Takes this one key back. What was cut off stays so.
Result<OperationAnswer> unfence_volume(const Site& site, const HelperRequest& request);

// All volumes, or one (`ref`). Changes nothing.
ObserveAnswer observe_volumes(const HelperRequest& request);

}  // namespace extvold::providers::local
