// local.detach. The order that a crash may cut anywhere:
//   unmount → loop device down, proven gone → record removed
#include <fcntl.h>
#include <sys/stat.h>

#include "host/crash_point.h"
#include "host/mkfs.h"
#include "host/openers.h"
#include "providers/local/attachment_state.h"
#include "providers/local/verbs.h"

namespace extvold::providers::local {
namespace {

// A detach is refused while anybody has the device open, claimed or not. The kernel has the last word
// (host::detach_loop).
Status check_unused(const host::LoopDevice& loop) {
  TRY(host::wait_unopened(loop.path, loop.number));
  return host::check_unclaimed(loop.path);
}

// Unmounted, but the device cannot be taken down: mount again, so that nothing has happened, and nobody
// writes to the bare folder. Only if the device is still this attachment: its number may be another volume's.
tl::unexpected<Error> mount_again(const host::LoopDevice& loop, const host::MountRequest& mount,
                                  const Error& error) {
  const Result<host::UniqueFd> held = host::hold_loop(loop);
  const Status mounted = held ? host::mount_device(mount) : tl::make_unexpected(held.error());
  if (mounted) return tl::make_unexpected(error);
  return fail(Errc::uncertain, "{}; and mounting again failed: {}", error.message, mounted.error().message);
}

Result<std::string> recorded_mount_point(const Site& site, const HelperRequest& request,
                                         const VolumeRef& ref) {
  ASSIGN(const std::optional<AttachmentRecord> record, read_record(site, request.host, ref));
  if (!record || record->mount_point.empty()) return std::string();
  TRY(check_mount_point(record->mount_point));
  return record->mount_point;
}

Status take_down(const Site& site, const HelperRequest& request, const VolumeRef& ref,
                 const host::LoopDevice& loop) {
  ASSIGN(host::UniqueFd held, host::hold_loop(loop));  // our own unmount must not be what takes it down
  const std::string anchor = site.mount_anchor(request.host);
  ASSIGN(const std::string mount_point, recorded_mount_point(site, request, ref));
  ASSIGN(const DeviceMounts mounts, sort_mounts(loop, mount_point.empty() ? "" : anchor + mount_point));
  if (!mounts.foreign.empty()) {
    return fail(Errc::busy, "volume {}: {} is mounted at {}, which is not ours to unmount", request.ref,
                loop.path, place_text(mounts.foreign.front()));
  }
  if (!mounts.own) {
    TRY(check_unused(loop));
    host::crash_point("detach.before_loop");
    held.reset();
    return host::detach_loop(loop);
  }
  const std::optional<Filesystem> filesystem = from_text<Filesystem>(mounts.own->type);
  host::MountRequest mount{
      loop.path, anchor, mount_point, filesystem.value_or(request.filesystem), mounts.own->read_only, true};
  TRY(host::unmount(anchor, mount_point));
  host::crash_point("detach.after_umount");
  const Result<DeviceMounts> now = sort_mounts(loop, anchor + mount_point);
  if (!now) return fail_uncertain(now.error());  // it is unmounted: "nothing happened" would be untrue
  if (now->own) return fail(Errc::busy, "{}: is still mounted at {}", loop.path, now->own->target);
  if (const Status unused = check_unused(loop); !unused) return mount_again(loop, mount, unused.error());
  host::crash_point("detach.before_loop");
  held.reset();
  const Status gone = host::detach_loop(loop);
  if (!gone && gone.error().code != Errc::uncertain) return mount_again(loop, mount, gone.error());
  return gone;
}

// What the tasks wrote stands in the page cache of the image now.
Status sync_image(const Site& site, const VolumeRef& ref) {
  const host::UniqueFd fd(::open(site.image_path(ref).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd && ::fsync(fd.get()) != 0) return host::fail_errno(fmt::format("fsync {}", site.image_path(ref)));
  return {};
}

}  // namespace

Result<OperationAnswer> detach_volume(const Site& site, const HelperRequest& request) {
  if (!host::is_plain_name(request.host))
    return fail(Errc::invalid, "host \"{}\": not a name of a folder", request.host);
  // A volume whose files are gone, or a host whose folder is gone, can still have its loop device.
  TRY(find_volume(site, request));
  const VolumeRef ref = *volume_ref_from_text(request.ref);
  ASSIGN(const std::optional<host::LoopDevice> loop, own_loop(site, request.host, ref));
  OperationAnswer answer;
  if (loop) {
    TRY(take_down(site, request, ref, *loop));
    host::crash_point("detach.after_loop");
    answer.changed = true;
    if (const Status synced = sync_image(site, ref); !synced) return fail_uncertain(synced.error());
  }
  const std::string path = site.record_path(request.host, ref);
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (const Result<bool> gone = host::unlink_durably(path); !gone) return fail_uncertain(gone.error());
  }
  host::crash_point("detach.after_record");
  return answer;
}

}  // namespace extvold::providers::local
