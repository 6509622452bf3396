// The volumes as files: find, create, clone, grow, remove. Runs in the helper.
#pragma once

#include <optional>

#include "host/fd.h"
#include "host/files.h"
#include "host/loop.h"
#include "providers/local/helper_messages.h"
#include "providers/local/layout.h"

namespace extvold::providers::local {

struct VolumeFile {
  VolumeRef ref;
  std::string image;               // path
  std::optional<Sidecar> sidecar;  // none: not made by any extvold
};

// The volume that the request names, if it exists and the request may touch it: it carries the request's
// ledger_id, or it was adopted. nullopt: no image and no sidecar. Errors: invalid, conflict (another
// ledger's, or it lies in another pool).
Result<std::optional<VolumeFile>> find_volume(const Site& site, const HelperRequest& request);

// find_volume(), and it must be there and whole.
Result<VolumeFile> require_volume(const Site& site, const HelperRequest& request);

struct OpenImage {
  host::UniqueFd fd;
  std::string path;
  host::FileIdentity identity;
  std::int64_t size_bytes = 0;
  bool locked = false;  // flock(LOCK_EX). The loop device keeps this very descriptor, and so the lock, as
                        // long as it exists
};
// Regular files only, no symlinks.
Result<OpenImage> open_image(const std::string& path, bool writable);

// The loop devices on this file, but for those that were cut off. Errors: permission, if a device could not
// be asked what it is on; busy, if the file is locked although it has no loop device: another program is
// about to use it.
Result<std::vector<host::LoopDevice>> loops_on(const Site& site, OpenImage& image);

// "host a1 (/dev/loop3)", for messages. A device without a tag of ours has no host.
std::string holder_text(const Site& site, const host::LoopDevice& loop, const VolumeRef& ref);

// The folders of hosts_dir, sorted.
Result<std::vector<std::string>> list_hosts(const Site& site);

Result<OperationAnswer> create_volume(const Site& site, const HelperRequest& request);
Result<OperationAnswer> remove_volume(const Site& site, const HelperRequest& request);

// Makes the image as large as the request says, and lets the loop devices on it reach the new end. One that
// is as large already, or larger, stays as it is. What is on it is not touched, and its filesystem not grown.
Result<OperationAnswer> resize_volume(const Site& site, const HelperRequest& request);

// exhausted: the pool has a capacity, and this size of the volume goes beyond it.
Status check_capacity(const Site& site, const HelperRequest& request, const VolumeRef& ref);
// Makes the image that long, with its space reserved, so that a task never meets a full disk below its own
// filesystem. After an error it may be longer than it was.
Status reserve_space(int fd, std::int64_t size_mb, const std::string& path);

// After something was changed: whatever went wrong then, the caller must look again.
tl::unexpected<Error> fail_uncertain(const Error& error);

}  // namespace extvold::providers::local
