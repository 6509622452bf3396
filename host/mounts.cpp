#include "host/mounts.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "host/files.h"

namespace extvold::host {
namespace {

struct UnrefTable {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
};
struct FreeIter {
  void operator()(libmnt_iter* iter) const { mnt_free_iter(iter); }
};
using Table = std::unique_ptr<libmnt_table, UnrefTable>;

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

// "shared:7 master:3" of the optional fields, nothing else.
std::string propagation_of(libmnt_fs* fs) { return text_or_empty(mnt_fs_get_optional_fields(fs)); }

MountEntry entry_of(libmnt_fs* fs, pid_t pid) {
  MountEntry entry;
  entry.source = text_or_empty(mnt_fs_get_source(fs));
  entry.target = text_or_empty(mnt_fs_get_target(fs));
  entry.type = text_or_empty(mnt_fs_get_fstype(fs));
  entry.device = mnt_fs_get_devno(fs);
  entry.pid = pid;
  entry.id = mnt_fs_get_id(fs);
  entry.read_only = mnt_fs_match_options(fs, "ro") != 0;
  return entry;
}

// Calls `each` for every mount of the file, with the propagation of the mount below it.
template <typename Each>
Status walk_table(const std::string& path, pid_t pid, const Each& each) {
  const Table table(mnt_new_table());
  const std::unique_ptr<libmnt_iter, FreeIter> iter(mnt_new_iter(MNT_ITER_FORWARD));
  if (table == nullptr || iter == nullptr) return fail(Errc::exhausted, "no memory to read {}", path);
  errno = 0;
  if (const int rc = mnt_table_parse_file(table.get(), path.c_str()); rc != 0) {
    return fail_errno(fmt::format("read {}", path), rc < 0 ? -rc : errno);
  }
  std::map<int, std::string> propagation;
  libmnt_fs* fs = nullptr;
  while (mnt_table_next_fs(table.get(), iter.get(), &fs) == 0)
    propagation[mnt_fs_get_id(fs)] = propagation_of(fs);
  mnt_reset_iter(iter.get(), MNT_ITER_FORWARD);
  while (mnt_table_next_fs(table.get(), iter.get(), &fs) == 0) {
    MountEntry entry = entry_of(fs, pid);
    const auto below = propagation.find(mnt_fs_get_parent_id(fs));
    if (below != propagation.end()) entry.parent_propagation = below->second;
    each(std::move(entry));
  }
  return {};
}

std::string link_text(const std::string& path) {
  char buffer[256];
  const ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
  return n <= 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(n));
}

// "shared:7" -> "7"
std::string peer_group(const std::string& propagation, std::string_view kind) {
  const std::size_t at = propagation.find(kind);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + kind.size();
  return propagation.substr(begin, propagation.find(' ', begin) - begin);
}

// One folder by its name in `at`, never through a symlink.
Result<UniqueFd> open_folder(int at, const std::string& name, std::string_view what) {
  UniqueFd fd(::openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno(fmt::format("open folder {}", what));
  return fd;
}

// mkdir -p below the anchor, name by name, each relative to the folder before: so nothing leads away, and no
// openat2() is needed, which systemd's RestrictSUIDSGID= makes ENOSYS.
Result<UniqueFd> make_folders(const std::string& anchor, const std::string& below) {
  ASSIGN(UniqueFd at, open_folder(AT_FDCWD, anchor, anchor));
  std::string made = anchor;
  std::size_t begin = 0;
  while (begin < below.size()) {
    const std::size_t slash = std::min(below.find('/', begin), below.size());
    const std::string part = below.substr(begin, slash - begin);
    begin = slash + 1;
    if (part.empty()) continue;
    made += "/" + part;
    if (part == "." || part == "..")
      return fail(Errc::invalid, "mount point {}: leads out of {}", made, anchor);
    if (::mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail_errno(fmt::format("create folder {}", made));
    }
    ASSIGN(at, open_folder(at.get(), part, made));
  }
  if (made == anchor) return fail(Errc::invalid, "mount point \"{}\": it must name a folder", below);
  return at;
}

std::string mount_options(const MountRequest& request) {
  return request.filesystem == Filesystem::xfs && request.may_share_uuid ? "nouuid" : "";
}

}  // namespace

Result<MountView> find_mounts(const std::set<dev_t>& devices, const std::set<std::string>& paths) {
  MountView view;
  std::set<int> ids;
  const auto keep = [&](MountEntry entry) {
    if (!devices.contains(entry.device) && !paths.contains(entry.source)) return;
    if (ids.insert(entry.id).second) view.entries.push_back(std::move(entry));
  };
  TRY(walk_table("/proc/self/mountinfo", 0, keep));
  std::set<std::string> seen = {link_text("/proc/self/ns/mnt")};
  ASSIGN(const std::vector<std::string> processes, list_folder("/proc"));
  for (const std::string& name : processes) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // Which namespace a process lives in only saves reading its table twice: what cannot be told is read.
    const std::string space = link_text(fmt::format("/proc/{}/ns/mnt", name));
    if (!space.empty() && !seen.insert(space).second) continue;
    const auto pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    const Status walked = walk_table(fmt::format("/proc/{}/mountinfo", name), pid, keep);
    if (walked) continue;
    if (walked.error().code == Errc::permission) view.all_seen = false;
    seen.erase(space);  // it ended, or hides: another process may tell
  }
  return view;
}

Result<std::vector<MountEntry>> own_mounts() {
  std::vector<MountEntry> found;
  TRY(walk_table("/proc/self/mountinfo", 0, [&](MountEntry entry) { found.push_back(std::move(entry)); }));
  return found;
}

Result<std::vector<MountEntry>> mounts_at(const std::string& target) {
  ASSIGN(std::vector<MountEntry> found, own_mounts());
  std::erase_if(found, [&](const MountEntry& entry) { return entry.target != target; });
  return found;
}

const MountEntry* mount_of(const std::vector<MountEntry>& mounts, const std::string& path) {
  const MountEntry* found = nullptr;
  for (const MountEntry& entry : mounts) {
    const std::string& at = entry.target;
    const bool above =
        at == "/" || (path.starts_with(at) && (path.size() == at.size() || path[at.size()] == '/'));
    if (above && (found == nullptr || at.size() >= found->target.size())) found = &entry;
  }
  return found;
}

bool may_never_answer(const MountEntry& entry) {
  static constexpr std::array kTypes = {"nfs",    "nfs4",      "cifs",   "smb3",  "smbfs", "9p",
                                        "ceph",   "glusterfs", "lustre", "afs",   "coda",  "orangefs",
                                        "beegfs", "virtiofs",  "pvfs2",  "ncpfs", "gpfs"};
  const std::string_view type = entry.type;
  return type == "fuse" || type.starts_with("fuse.") ||
         std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool goes_with(const MountEntry& other, const MountEntry& own) {
  if (other.target != own.target || other.device != own.device) return false;
  const std::string group = peer_group(own.parent_propagation, "shared:");
  if (group.empty()) return false;
  return peer_group(other.parent_propagation, "shared:") == group ||
         peer_group(other.parent_propagation, "master:") == group;
}

Status mount_device(const MountRequest& request) {
  ASSIGN(const UniqueFd folder, make_folders(request.anchor, request.below));
  const std::string target = fmt::format("/proc/self/fd/{}", folder.get());
  const std::string type(to_text(request.filesystem));
  unsigned long flags = MS_NODEV | MS_NOSUID;
  if (request.read_only) flags |= MS_RDONLY;
  if (::mount(request.device.c_str(), target.c_str(), type.c_str(), flags, mount_options(request).c_str()) ==
      0)
    return {};
  const int error = errno;
  const std::string what = fmt::format("mount {} at {}{}", request.device, request.anchor, request.below);
  if (error == EINVAL || error == EUCLEAN || error == ENODATA) {
    return fail(Errc::conflict, "{}: no intact {} there ({}); check the device with fsck, and dmesg for why",
                what, type, std::strerror(error));
  }
  if (error == ENODEV)
    return fail(Errc::not_found, "{}: this kernel has no {} (modprobe {})", what, type, type);
  return fail_errno(what, error);
}

namespace {

void remove_empty_folders(const std::string& anchor, std::string folder) {
  while (folder.size() > anchor.size() && folder.starts_with(anchor + "/")) {
    if (::rmdir(folder.c_str()) != 0) return;  // not empty, or still a mount point: it stays
    folder.resize(folder.rfind('/'));
  }
}

}  // namespace

Status shut_down_filesystem(const MountEntry& entry) {
  // XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN are one number, and no header of ours has both.
  constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
  constexpr std::uint32_t kNoLogFlush = 2;
  if (entry.type != "ext4" && entry.type != "xfs")
    return fail(Errc::not_found, "{}: {} cannot be shut down", entry.target, entry.type);
  const std::string path =
      entry.pid == 0 ? entry.target : fmt::format("/proc/{}/root{}", entry.pid, entry.target);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno(fmt::format("open {}", path));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail_errno(fmt::format("stat {}", path));
  if (st.st_dev != entry.device) return fail(Errc::not_found, "{}: something else is mounted over it", path);
  std::uint32_t flags = kNoLogFlush;
  if (::ioctl(fd.get(), kShutdown, &flags) != 0) return fail_errno(fmt::format("{}: shutdown", path));
  return {};
}

Status unmount_lazily(const std::string& anchor, const MountEntry& entry) {
  ASSIGN(const std::vector<MountEntry> there, mounts_at(entry.target));
  if (there.empty() || there.back().id != entry.id) return {};
  if (::umount2(entry.target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL &&
      errno != ENOENT)
    return fail_errno(fmt::format("unmount {}", entry.target));
  remove_empty_folders(anchor, entry.target);
  return {};
}

Status unmount(const std::string& anchor, const std::string& below) {
  const std::string target = anchor + below;
  if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    if (errno == EBUSY)
      return fail(Errc::busy, "{}: files are open there (see: fuser -vm {})", target, target);
    return fail_errno(fmt::format("unmount {}", target));
  }
  remove_empty_folders(anchor, target);
  return {};
}

}  // namespace extvold::host
