// The mount tables of this machine, and the two calls that change one. Blocking; used in helper processes
// only.
//
// A block device can be mounted in a mount namespace that we do not live in (a container's). Such mounts
// are found by reading /proc/PID/mountinfo once for each namespace. A namespace without a process
// (bind-mounted, or kept by a descriptor) shows up nowhere: so before a device is taken away, the kernel's
// own claim is asked too (openers.h, check_unclaimed).
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "host/fd.h"
#include "model/result.h"
#include "model/storage.h"

namespace extvold::host {

struct MountEntry {
  std::string source;
  std::string target;
  std::string type;
  dev_t device = 0;
  bool read_only = false;
  pid_t pid = 0;  // 0: our own namespace; else a process that lives in the other one
  int id = 0;     // of this mount; unique over all namespaces
  // Of the mount that this one stands on: "shared:7", "master:7" or both. An unmount there comes through to
  // peers and slaves.
  std::string parent_propagation;
};

struct MountView {
  std::vector<MountEntry> entries;  // of the devices asked for; own namespace first
  bool all_seen = true;  // false: some namespace could not be read, so what is missing proves nothing
};

// Where the devices are mounted. By device number, and by source path for filesystems that have numbers of
// their own (btrfs).
Result<MountView> find_mounts(const std::set<dev_t>& devices, const std::set<std::string>& paths);

// What is mounted exactly at this path in our namespace, topmost last.
Result<std::vector<MountEntry>> mounts_at(const std::string& target);

// All mounts of our namespace, each after those that it stands on.
Result<std::vector<MountEntry>> own_mounts();

// The one that a file of this path is on; nullptr: none of them.
const MountEntry* mount_of(const std::vector<MountEntry>& mounts, const std::string& path);

// A filesystem that asks a server or a process (NFS, FUSE and their like): a question about a file there can
// wait for ever, and not even a kill ends it.
bool may_never_answer(const MountEntry& entry);

// True if an unmount of `own` also removes `other` (it stands at the same path in another namespace that
// receives from ours).
bool goes_with(const MountEntry& other, const MountEntry& own);

struct MountRequest {
  std::string device;
  std::string anchor;  // folder that must exist; nothing above it is created
  std::string below;   // "/var/lib/pg": made below the anchor as needed, never through a symlink
  Filesystem filesystem = Filesystem::ext4;
  bool read_only = false;
  bool may_share_uuid = false;  // a clone: xfs refuses a second mount of one UUID unless told (nouuid)
};

// nodev and nosuid always. Errors: conflict (something is mounted there, no such filesystem on the device),
// busy, permission.
Status mount_device(const MountRequest& request);

// Stops a filesystem (ext4, xfs) that is mounted there: all its files answer EIO from now on, in every
// namespace, and what it has not written yet is dropped. Without a flush of its log: that would be a write,
// and could wait for ever. What fsync() promised is in the log already. Errors: not_found (not to be reached
// by this path, or no such filesystem); it is stopped already: done, or an error.
Status shut_down_filesystem(const MountEntry& entry);

// MNT_DETACH of a mount of our own namespace, if it is the topmost there; else nothing. Empty folders between
// `anchor` and it are removed.
Status unmount_lazily(const std::string& anchor, const MountEntry& entry);

// Never lazy, never forced. busy: open files there. Not mounted: done. Empty folders that mount_device made
// are removed.
Status unmount(const std::string& anchor, const std::string& below);

}  // namespace extvold::host
