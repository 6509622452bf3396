// local.attach. The order that a crash may cut anywhere:
//   record "attaching" → loop device (with our tag, in one ioctl) → record "attached" → record with mount
//   point → mount
// A loop device with our tag and no whole record is an attachment all the same; the tag says of which host.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "host/crash_point.h"
#include "host/mkfs.h"
#include "host/probe.h"
#include "providers/local/attachment_state.h"
#include "providers/local/site_loops.h"
#include "providers/local/verbs.h"

namespace extvold::providers::local {
namespace {

struct Attaching {
  const Site& site;
  const HelperRequest& request;
  VolumeFile volume;
  AttachmentRecord record;
  bool changed = false;
};

Status write_record(const Attaching& work) {
  return host::write_durably(work.site.record_path(work.request.host, work.volume.ref),
                             record_text(work.record));
}

bool may_share(const HelperRequest& request, const host::LoopDevice& other) {
  return request.access == AccessMode::ro && request.read_only && other.read_only;
}

// Every loop device on the image but our own is an attachment elsewhere. Records of other hosts without one
// are stale: a reboot.
Status clear_of_others(const Attaching& work, OpenImage& image) {
  const std::string tag = work.site.tag(work.request.host, work.volume.ref);
  ASSIGN(const std::vector<host::LoopDevice> loops, loops_on(work.site, image));
  for (const host::LoopDevice& loop : loops) {
    if (loop.tag == tag || may_share(work.request, loop)) continue;
    return fail(Errc::conflict, "volume {}: is attached to {}", work.request.ref,
                holder_text(work.site, loop, work.volume.ref));
  }
  ASSIGN(const std::vector<std::string> hosts, list_hosts(work.site));
  for (const std::string& host : hosts) {
    if (host == work.request.host) continue;
    ASSIGN(const std::optional<host::LoopDevice> loop, own_loop(work.site, host, work.volume.ref));
    if (loop && !may_share(work.request, *loop)) {
      return fail(Errc::conflict, "volume {}: is attached to host {} ({})", work.request.ref, host,
                  loop->path);
    }
    const std::string path = work.site.record_path(host, work.volume.ref);
    struct stat st {};
    if (!loop && ::lstat(path.c_str(), &st) == 0) TRY(host::unlink_durably(path));
  }
  return {};
}

Status check_size(const Attaching& work, const OpenImage& image) {
  // Larger: a resize that was cut off, which the next one ends.
  if (!work.volume.sidecar || image.size_bytes >= work.volume.sidecar->size_mb << 20U) return {};
  return fail(Errc::conflict, "{}: has {} bytes, its sidecar says {} MB", work.volume.image, image.size_bytes,
              work.volume.sidecar->size_mb);
}

// The loop device that is there already must be what is asked for.
Status check_existing(const Attaching& work, const OpenImage& image, const host::LoopDevice& loop) {
  if (!(loop.backing == image.identity) || !loop.whole_file) {
    return fail(Errc::conflict, "{}: {} was replaced while it is attached to host {}; detach it first",
                loop.path, work.volume.image, work.request.host);
  }
  if (loop.read_only != work.request.read_only) {
    return fail(Errc::conflict, "volume {}: is attached to host {} {}; detach it first", work.request.ref,
                work.request.host, loop.read_only ? "read-only" : "writable");
  }
  const Result<host::UniqueFd> lasting = host::hold_loop(loop);
  return lasting ? Status() : tl::make_unexpected(lasting.error());
}

Status make_record_folder(const Attaching& work) {
  const std::string folder = work.site.records_folder(work.request.host);
  if (::mkdir(folder.c_str(), 0755) == 0) return host::sync_folder(work.site.host_path(work.request.host));
  return errno == EEXIST ? Status() : host::fail_errno(fmt::format("create folder {}", folder));
}

Result<host::LoopDevice> make_loop(Attaching& work, const OpenImage& image) {
  const host::LoopRequest wish{image.fd.get(), work.volume.image,
                               work.site.tag(work.request.host, work.volume.ref), work.request.read_only};
  TRY(make_record_folder(work));
  Result<host::LoopDevice> loop = host::attach_loop(wish, [&](const std::string& device) -> Status {
    work.record.state = RecordState::attaching;
    work.record.device = device;
    TRY(write_record(work));
    host::crash_point("attach.after_intent");
    return {};
  });
  if (!loop) {
    const Result<bool> gone = host::unlink_durably(work.site.record_path(work.request.host, work.volume.ref));
    if (!gone) return fail_uncertain(loop.error());
    return loop;
  }
  host::crash_point("attach.after_loop");
  work.changed = true;
  return loop;
}

// The device must hold the filesystem that the ledger says, and of a volume that we formatted, that very one.
Status check_filesystem(const Attaching& work, const host::LoopDevice& loop) {
  const host::UniqueFd fd(::open(loop.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return host::fail_errno(fmt::format("open {}", loop.path));
  ASSIGN(const std::optional<host::Signature> found, host::identify(fd.get(), loop.path));
  const std::string want(to_text(work.request.filesystem));
  if (!found)
    return fail(Errc::conflict, "volume {}: holds no {} yet, so it cannot be mounted", work.request.ref,
                want);
  if (found->type != want || found->partition_table) {
    return fail(Errc::conflict, "volume {}: holds {}, not {}", work.request.ref, found->type, want);
  }
  const std::string key = key_of(work.volume.ref);
  const bool made_here = work.request.origin == VolumeOrigin::created && work.volume.sidecar &&
                         work.volume.sidecar->source.empty();
  if (made_here && found->uuid != host::filesystem_uuid(key)) {
    return fail(Errc::conflict, "volume {}: its {} has UUID {}, ours has {}; it is not what extvold made",
                work.request.ref, want, found->uuid, host::filesystem_uuid(key));
  }
  return {};
}

Status mount_loop(Attaching& work, const host::LoopDevice& loop) {
  const std::string anchor = work.site.mount_anchor(work.request.host);
  const std::string target = anchor + work.request.mount_point;
  ASSIGN(const DeviceMounts mounts, sort_mounts(loop, target));
  if (!mounts.foreign.empty()) {
    return fail(Errc::conflict, "volume {}: {} is mounted at {}", work.request.ref, loop.path,
                place_text(mounts.foreign.front()));
  }
  work.record.mount_point = work.request.mount_point;
  if (mounts.own && mounts.own->read_only != work.request.read_only) {
    return fail(Errc::conflict, "{}: is mounted {}; detach it first", target,
                mounts.own->read_only ? "read-only" : "writable");
  }
  if (mounts.own) return {};
  TRY(check_filesystem(work, loop));
  if (::mkdir(anchor.c_str(), 0755) != 0 && errno != EEXIST)
    return host::fail_errno(fmt::format("create folder {}", anchor));
  TRY(write_record(work));
  host::crash_point("attach.before_mount");
  // A fenced filesystem lives on in the kernel, with this one's UUID, until its last file is closed.
  ASSIGN(const std::vector<host::LoopDevice> loops, list_loops(work.site));
  const bool left_over = std::any_of(loops.begin(), loops.end(), [&](const host::LoopDevice& other) {
    return other.cut_off && other.backing == loop.backing;
  });
  const bool clone = left_over || work.request.origin != VolumeOrigin::created ||
                     (work.volume.sidecar && !work.volume.sidecar->source.empty());
  TRY(host::mount_device(
      {loop.path, anchor, work.request.mount_point, work.request.filesystem, work.request.read_only, clone}));
  host::crash_point("attach.after_mount");
  work.changed = true;
  ASSIGN(const DeviceMounts now, sort_mounts(loop, target));
  if (!now.own)
    return fail(Errc::uncertain, "{}: does not show {} after it was mounted there", target, loop.path);
  return {};
}

// The mount failed: what this call made goes again, so that `failed` means that nothing happened.
tl::unexpected<Error> undo(const Attaching& work, const host::LoopDevice& loop, const Error& error) {
  if (error.code == Errc::uncertain || !work.changed) return tl::make_unexpected(error);
  const Status gone = host::detach_loop(loop);
  if (!gone)
    return fail_uncertain(Error{Errc::uncertain, error.message + "; and then: " + gone.error().message});
  const Result<bool> unlinked =
      host::unlink_durably(work.site.record_path(work.request.host, work.volume.ref));
  if (!unlinked) return fail_uncertain(unlinked.error());
  return tl::make_unexpected(error);
}

}  // namespace

Result<OperationAnswer> attach_volume(const Site& site, const HelperRequest& request) {
  TRY(require_host(site, request.host));
  TRY(check_mount_point(request.mount_point));
  if (!request.mount_point.empty() && request.filesystem == Filesystem::none) {
    return fail(Errc::invalid, "volume {}: has no filesystem, so it cannot be mounted at {}", request.ref,
                request.mount_point);
  }
  ASSIGN(VolumeFile volume, require_volume(site, request));
  TRY(check_not_fenced(site, request.host, volume.ref));
  Attaching work{site, request, std::move(volume), {}, false};
  ASSIGN(OpenImage image, open_image(work.volume.image, !request.read_only));
  TRY(check_size(work, image));
  TRY(clear_of_others(work, image));
  ASSIGN(const std::string boot_id, read_boot_id(site, request.host));
  ASSIGN(std::optional<host::LoopDevice> loop, own_loop(site, request.host, work.volume.ref));
  if (loop) TRY(check_existing(work, image, *loop));

  // An unreadable record is only replaced: the loop device says what is attached, and a mount without a
  // record is shown as not ours.
  const auto old = read_record(site, request.host, work.volume.ref);
  const AttachmentRecord before = old && *old ? **old : AttachmentRecord{};
  work.record.volume = to_text(work.volume.ref);
  work.record.image_device = image.identity.device;
  work.record.image_inode = image.identity.inode;
  work.record.generation = request.generation;
  work.record.read_only = request.read_only;
  work.record.mount_point = loop ? before.mount_point : "";
  work.record.boot_id = boot_id;
  work.record.machine_boot_id = machine_boot_id();
  if (!loop) {
    ASSIGN(loop, make_loop(work, image));
  }
  work.record.device = loop->path;
  work.record.state = RecordState::attached;
  if (!(work.record == before)) {
    if (const Status written = make_record_folder(work); !written) return undo(work, *loop, written.error());
    if (const Status written = write_record(work); !written) return undo(work, *loop, written.error());
  }
  host::crash_point("attach.after_record");
  if (!request.mount_point.empty()) {
    if (const Status mounted = mount_loop(work, *loop); !mounted) return undo(work, *loop, mounted.error());
  }
  OperationAnswer answer;
  answer.changed = work.changed;
  answer.device = loop->path;
  answer.boot_id = boot_id;
  answer.mounted = !request.mount_point.empty();
  return answer;
}

}  // namespace extvold::providers::local
