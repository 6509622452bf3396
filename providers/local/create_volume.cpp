// Creating and cloning. The order that a crash may cut anywhere:
//   sidecar "creating" → .FILE.new filled and synced → renamed to FILE → sidecar "available"
// Only "available" is a volume. A create that finds "creating" begins again from the start; nobody can have
// used it.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstring>

#include "host/crash_point.h"
#include "host/mkfs.h"
#include "providers/local/volume_files.h"

namespace extvold::providers::local {
namespace {

Status check_wish(const Site& site, const HelperRequest& request, const VolumeRef& ref) {
  bool known = false;
  for (const LocalPool& pool : site.pools) known = known || pool.name == ref.pool;
  if (!known) return fail(Errc::not_found, "pool {}: not in the configuration of this provider", ref.pool);
  if (key_of(ref).empty() || request.origin == VolumeOrigin::adopted) {
    return fail(Errc::invalid, "volume {}: only volumes named KEY.img are created", request.ref);
  }
  const std::int64_t min_mb = host::filesystem_min_mb(request.filesystem);
  if (request.size_mb < min_mb) {
    return fail(Errc::invalid, "volume {}: {} MB is too small, {} needs {} MB", request.ref, request.size_mb,
                to_text(request.filesystem), min_mb);
  }
  return {};
}

// The same create again: whatever was granted must fit what is asked.
Result<OperationAnswer> answer_existing(const Sidecar& have, const Sidecar& wish,
                                        const HelperRequest& request) {
  if (have.size_mb != wish.size_mb || have.filesystem != wish.filesystem || have.source != wish.source) {
    return fail(Errc::conflict, "volume {}: exists with {} MB, {}{}; asked for: {} MB, {}{}", request.ref,
                have.size_mb, to_text(have.filesystem),
                have.source.empty() ? "" : ", cloned from " + have.source, wish.size_mb,
                to_text(wish.filesystem), wish.source.empty() ? "" : ", cloned from " + wish.source);
  }
  OperationAnswer answer;
  answer.ref = request.ref;
  answer.size_mb = have.size_mb;
  return answer;
}

struct Source {
  OpenImage image;
  Sidecar sidecar;
};

Result<Source> open_source(const Site& site, const HelperRequest& request) {
  HelperRequest look = request;
  look.ref = request.source_ref;
  ASSIGN(const VolumeFile volume, require_volume(site, look));
  if (!volume.sidecar)
    return fail(Errc::invalid, "volume {}: only volumes that extvold made are cloned", request.source_ref);
  Source source;
  source.sidecar = *volume.sidecar;
  ASSIGN(source.image, open_image(volume.image, false));
  ASSIGN(const std::vector<host::LoopDevice> loops, loops_on(site, source.image));
  if (!loops.empty()) {
    return fail(Errc::conflict, "volume {}: is attached to {}; detach it before it is cloned",
                request.source_ref, holder_text(site, loops.front(), volume.ref));
  }
  if (source.sidecar.filesystem != request.filesystem || source.sidecar.size_mb > request.size_mb) {
    return fail(Errc::invalid,
                "volume {}: has {} MB and {}; a clone has the same filesystem and at least its size",
                request.source_ref, source.sidecar.size_mb, to_text(source.sidecar.filesystem));
  }
  return source;
}

// Shares the blocks where the filesystem below can (xfs, btrfs), else copies what the source ever wrote;
// holes stay holes.
Status copy_image(const Source& source, int to, const std::string& path) {
  if (::ioctl(to, FICLONE, source.image.fd.get()) == 0) return {};
  const int from = source.image.fd.get();
  off_t at = 0;
  while (at < source.image.size_bytes) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return host::fail_errno(fmt::format("{}: SEEK_DATA in the source", path));
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return host::fail_errno(fmt::format("{}: SEEK_HOLE in the source", path));
    off_t in = data;
    off_t out = data;
    while (in < hole) {
      const ssize_t n = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(hole - in), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0)
        return host::fail_errno(fmt::format("{}: copy from the source", path), n == 0 ? EIO : errno);
    }
    at = hole;
  }
  return {};
}

Status fill_image(const HelperRequest& request, const std::optional<Source>& source,
                  const std::string& path) {
  const host::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return host::fail_errno(fmt::format("create {}", path));
  host::crash_point("create.image_half");
  if (source) TRY(copy_image(*source, fd.get(), path));
  return reserve_space(fd.get(), request.size_mb, path);
}

}  // namespace

Result<OperationAnswer> create_volume(const Site& site, const HelperRequest& request) {
  ASSIGN(const std::optional<VolumeFile> existing, find_volume(site, request));
  const VolumeRef ref = *volume_ref_from_text(request.ref);
  TRY(check_wish(site, request, ref));
  Sidecar sidecar{key_of(ref),  request.ledger_id,  SidecarState::creating, request.size_mb,
                  request.iops, request.filesystem, SidecarFormat::never,   request.source_ref};
  if (existing && !existing->sidecar)
    return fail(Errc::conflict, "{}: is in the way, and not ours", existing->image);
  if (existing && existing->sidecar->state == SidecarState::removing) {
    return fail(Errc::conflict, "volume {}: is being removed", request.ref);
  }
  if (existing && existing->sidecar->state == SidecarState::available) {
    return answer_existing(*existing->sidecar, sidecar, request);
  }
  TRY(check_capacity(site, request, ref));
  std::optional<Source> source;
  if (!request.source_ref.empty()) {
    ASSIGN(source, open_source(site, request));
    sidecar.format = source->sidecar.format;
  }
  const std::string path = site.image_path(ref);
  const std::string fresh = fmt::format("{}/{}/.{}.new", site.root, ref.pool, ref.file);
  const auto make = [&]() -> Status {
    TRY(host::write_durably(site.sidecar_path(ref), sidecar_text(sidecar)));
    host::crash_point("create.after_intent");
    ::unlink(fresh.c_str());
    ::unlink(path.c_str());
    TRY(fill_image(request, source, fresh));
    host::crash_point("create.before_rename");
    if (::rename(fresh.c_str(), path.c_str()) != 0)
      return host::fail_errno(fmt::format("rename {} to {}", fresh, path));
    host::crash_point("create.after_rename");
    sidecar.state = SidecarState::available;
    return host::write_durably(site.sidecar_path(ref), sidecar_text(sidecar));
  };
  if (Status made = make(); !made) {
    ::unlink(fresh.c_str());
    ::unlink(path.c_str());
    const Result<bool> gone = host::unlink_durably(site.sidecar_path(ref));
    if (!gone) return fail_uncertain(made.error());
    return tl::make_unexpected(made.error());
  }
  host::crash_point("create.after_commit");
  OperationAnswer answer;
  answer.changed = true;
  answer.ref = request.ref;
  answer.size_mb = request.size_mb;
  return answer;
}

}  // namespace extvold::providers::local
