#include "providers/local/volume_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "host/crash_point.h"
#include "providers/local/site_loops.h"

namespace extvold::providers::local {
namespace {

constexpr int kLockLooks =
    25;  // 25 x 20 ms: a loop device that has just gone gives its lock back a little later

bool is_folder(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

bool is_there(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0;
}

// A volume that somebody moved by hand is not gone.
Status check_no_other_pool(const Site& site, const VolumeRef& ref) {
  for (const LocalPool& pool : site.pools) {
    if (pool.name == ref.pool || key_of(ref).empty()) continue;
    const VolumeRef other{pool.name, ref.file};
    if (is_there(site.sidecar_path(other))) {
      return fail(Errc::conflict, "volume {}: lies in pool {} (move {} and its .json back)", to_text(ref),
                  pool.name, site.image_path(other));
    }
  }
  return {};
}

Status check_tag(const VolumeFile& volume, const HelperRequest& request) {
  if (request.origin == VolumeOrigin::adopted) return {};
  if (volume.sidecar && volume.sidecar->ledger_id == request.ledger_id) return {};
  return fail(
      Errc::conflict, "volume {}: {}; it is not this ledger's ({}) and was not adopted", to_text(volume.ref),
      volume.sidecar ? "tagged by ledger " + volume.sidecar->ledger_id : "has no tag", request.ledger_id);
}

}  // namespace

tl::unexpected<Error> fail_uncertain(const Error& error) {
  return tl::make_unexpected(Error{Errc::uncertain, error.message});
}

Result<std::optional<VolumeFile>> find_volume(const Site& site, const HelperRequest& request) {
  const std::optional<VolumeRef> ref = volume_ref_from_text(request.ref);
  if (!ref) return fail(Errc::invalid, "\"{}\": not a volume of the local provider (pool/file)", request.ref);
  const std::string folder = site.root + "/" + ref->pool;
  if (!is_folder(folder)) {
    return fail(Errc::not_found, "pool {}: no folder {} (make it, or mount its disk there)", ref->pool,
                folder);
  }
  VolumeFile volume{*ref, site.image_path(*ref), std::nullopt};
  ASSIGN(volume.sidecar, read_sidecar(site, *ref));
  if (!volume.sidecar && !is_there(volume.image)) {
    TRY(check_no_other_pool(site, *ref));
    return std::optional<VolumeFile>();
  }
  TRY(check_tag(volume, request));
  return std::optional<VolumeFile>(std::move(volume));
}

Result<VolumeFile> require_volume(const Site& site, const HelperRequest& request) {
  ASSIGN(std::optional<VolumeFile> volume, find_volume(site, request));
  if (!volume) return fail(Errc::not_found, "volume {}: no such file below {}", request.ref, site.root);
  if (volume->sidecar && volume->sidecar->state != SidecarState::available) {
    return fail(Errc::conflict, "volume {}: is {}", request.ref, to_text(volume->sidecar->state));
  }
  return *std::move(volume);
}

Result<OpenImage> open_image(const std::string& path, bool writable) {
  OpenImage image;
  image.path = path;
  image.fd.reset(::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!image.fd) return host::fail_errno(fmt::format("open {}", path));
  struct stat st {};
  if (::fstat(image.fd.get(), &st) != 0) return host::fail_errno(fmt::format("stat {}", path));
  if (!S_ISREG(st.st_mode)) return fail(Errc::conflict, "{}: not a regular file", path);
  image.identity = host::FileIdentity{st.st_dev, st.st_ino};
  image.size_bytes = st.st_size;
  const Status locked = host::lock_exclusively(image.fd.get(), path);
  if (!locked && locked.error().code != Errc::busy) return tl::make_unexpected(locked.error());
  image.locked = locked.has_value();
  return image;
}

Result<std::vector<host::LoopDevice>> loops_on(const Site& site, OpenImage& image) {
  for (int look = 0; look < kLockLooks || image.locked; ++look) {
    ASSIGN(const std::vector<host::LoopDevice> all, list_loops(site));
    std::vector<host::LoopDevice> found;
    bool left_over = false;  // it reaches nothing, but keeps the lock
    for (const host::LoopDevice& loop : all) {
      const bool on_it = loop.backing == image.identity;
      left_over = left_over || (on_it && loop.cut_off);
      if (on_it && !loop.cut_off) found.push_back(loop);
    }
    if (!found.empty() || left_over || image.locked) return found;
    image.locked = host::lock_exclusively(image.fd.get(), image.path).has_value();  // then look again
    const timespec pause{0, 20'000'000};
    if (!image.locked) ::nanosleep(&pause, nullptr);  // tidy: allow sleep (no event tells that it ended)
  }
  return fail(Errc::busy, "{}: locked by another process (see: lslocks)", image.path);
}

Status check_capacity(const Site& site, const HelperRequest& request, const VolumeRef& ref) {
  std::int64_t capacity_mb = 0;
  for (const LocalPool& pool : site.pools) {
    if (pool.name == ref.pool) capacity_mb = pool.capacity_mb;
  }
  if (capacity_mb == 0) return {};
  std::int64_t used_mb = 0;
  ASSIGN(const std::vector<std::string> names, host::list_folder(site.root + "/" + ref.pool));
  for (const std::string& name : names) {
    const VolumeRef one{ref.pool, name};
    if (key_of(one).empty() || one.file == ref.file) continue;
    ASSIGN(const std::optional<Sidecar> sidecar, read_sidecar(site, one));
    if (sidecar) used_mb += sidecar->size_mb;
  }
  if (used_mb + request.size_mb <= capacity_mb) return {};
  return fail(Errc::exhausted, "pool {}: {} of {} MB are in use, {} MB do not fit", ref.pool, used_mb,
              capacity_mb, request.size_mb);
}

Status reserve_space(int fd, std::int64_t size_mb, const std::string& path) {
  int rc = 0;
  do {
    rc = ::fallocate(fd, 0, 0, size_mb << 20U);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0 && errno == EOPNOTSUPP) {
    return fail(Errc::invalid,
                "{}: the filesystem there cannot reserve space; put the pool on ext4, xfs, btrfs or tmpfs",
                path);
  }
  if (rc != 0)
    return host::fail_errno(fmt::format("reserve {} MB for {}", size_mb, path),
                            errno == EFBIG ? ENOSPC : errno);
  if (::fsync(fd) != 0) return host::fail_errno(fmt::format("fsync {}", path));
  return {};
}

std::string holder_text(const Site& site, const host::LoopDevice& loop, const VolumeRef& ref) {
  if (const Result<std::vector<std::string>> hosts = list_hosts(site)) {
    for (const std::string& host : *hosts) {
      if (loop.tag == site.tag(host, ref)) return fmt::format("host {} ({})", host, loop.path);
    }
  }
  return fmt::format("{}, which no host of {} made", loop.path, site.hosts_dir);
}

Result<std::vector<std::string>> list_hosts(const Site& site) {
  ASSIGN(std::vector<std::string> names, host::list_folder(site.hosts_dir));
  std::erase_if(names, [&](const std::string& name) {
    return !host::is_plain_name(name) || !is_folder(site.host_path(name));
  });
  return names;
}

Result<OperationAnswer> remove_volume(const Site& site, const HelperRequest& request) {
  ASSIGN(std::optional<VolumeFile> volume, find_volume(site, request));
  const std::optional<VolumeRef> ref = volume_ref_from_text(request.ref);
  OperationAnswer answer;
  if (!volume) {
    ::unlink(site.lock_path(*ref).c_str());
    return answer;
  }
  if (is_there(volume->image)) {
    ASSIGN(OpenImage image, open_image(volume->image, false));
    ASSIGN(const std::vector<host::LoopDevice> loops, loops_on(site, image));
    if (!loops.empty()) {
      return fail(Errc::conflict, "volume {}: is attached to {}", request.ref,
                  holder_text(site, loops.front(), *ref));
    }
  }
  if (volume->sidecar) {
    volume->sidecar->state = SidecarState::removing;
    TRY(host::write_durably(site.sidecar_path(*ref), sidecar_text(*volume->sidecar)));
  }
  host::crash_point("remove.after_intent");
  if (Result<bool> gone = host::unlink_durably(volume->image); !gone) return fail_uncertain(gone.error());
  ::unlink(
      fmt::format("{}/{}/.{}.new", site.root, ref->pool, ref->file).c_str());  // of a create that never ended
  host::crash_point("remove.after_image");
  if (volume->sidecar) {
    if (Result<bool> gone = host::unlink_durably(site.sidecar_path(*ref)); !gone)
      return fail_uncertain(gone.error());
  }
  host::crash_point("remove.after_sidecar");
  // Records without a loop device are stale. That nobody can take the lock again is fine: a key never comes
  // back.
  if (const Result<std::vector<std::string>> hosts = list_hosts(site)) {
    for (const std::string& host : *hosts) ::unlink(site.record_path(host, *ref).c_str());
  }
  ::unlink(site.marks_path(*ref).c_str());
  ::unlink(site.lock_path(*ref).c_str());
  answer.changed = true;
  return answer;
}

}  // namespace extvold::providers::local
