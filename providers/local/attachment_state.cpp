#include "providers/local/attachment_state.h"

#include <sys/stat.h>

#include <algorithm>

#include "providers/local/site_loops.h"

namespace extvold::providers::local {

Status require_host(const Site& site, const std::string& host) {
  if (!host::is_plain_name(host)) return fail(Errc::invalid, "host \"{}\": not a name of a folder", host);
  struct stat st {};
  const std::string path = site.host_path(host);
  for (const std::string& folder : {path, site.mount_anchor(host)}) {
    if (::lstat(folder.c_str(), &st) != 0 || S_ISDIR(st.st_mode)) continue;
    return fail(Errc::conflict,
                "host {}: {} must be a folder, not a symlink or a file (to have it elsewhere: mount --bind)",
                host, folder);
  }
  if (::lstat(path.c_str(), &st) == 0) return {};
  return fail(
      Errc::conflict,
      "host {}: unknown to this provider, as there is no folder {} (if it is to use local volumes: mkdir {})",
      host, path, path);
}

Result<std::vector<host::LoopDevice>> tagged_loops(const Site& site, const std::string& host,
                                                   const VolumeRef& ref) {
  const std::string tag = site.tag(host, ref);
  ASSIGN(std::vector<host::LoopDevice> loops, list_loops(site));
  std::erase_if(loops, [&](const host::LoopDevice& loop) { return loop.tag != tag; });
  return loops;
}

Result<std::optional<host::LoopDevice>> own_loop(const Site& site, const std::string& host,
                                                 const VolumeRef& ref) {
  ASSIGN(const std::vector<host::LoopDevice> loops, tagged_loops(site, host, ref));
  std::optional<host::LoopDevice> found;
  for (const host::LoopDevice& loop : loops) {
    if (loop.cut_off) continue;
    if (found) {
      return fail(Errc::conflict, "volume {}: attached twice to host {}, as {} and {}", to_text(ref), host,
                  found->path, loop.path);
    }
    found = loop;
  }
  return found;
}

Status check_not_fenced(const Site& site, const std::string& host, const VolumeRef& ref) {
  ASSIGN(const FenceMarks fences, read_marks(site, ref));
  for (const FenceMark& mark : fences.marks) {
    if (mark.host != host) continue;
    return fail(Errc::conflict, "volume {}: fenced from host {}, as its attachment of generation {} was ({})",
                to_text(ref), host, to_text(mark.attachment), mark.key);
  }
  return {};
}

Result<DeviceMounts> sort_mounts(const host::LoopDevice& loop, const std::string& target) {
  ASSIGN(const host::MountView view, host::find_mounts({loop.number}, {loop.path}));
  DeviceMounts mounts;
  for (const host::MountEntry& entry : view.entries) {
    if (entry.pid != 0 || target.empty() || entry.target != target) continue;
    if (mounts.own) return fail(Errc::conflict, "{}: {} is mounted there more than once", target, loop.path);
    mounts.own = entry;
  }
  for (const host::MountEntry& entry : view.entries) {
    const bool is_own = entry.pid == 0 && mounts.own && entry.target == target;
    if (!is_own && !(mounts.own && host::goes_with(entry, *mounts.own))) mounts.foreign.push_back(entry);
  }
  if (!target.empty()) {
    ASSIGN(const std::vector<host::MountEntry> there, host::mounts_at(target));
    if (there.size() != (mounts.own ? 1U : 0U)) {
      return fail(Errc::conflict, "{}: something else is mounted there ({})", target, there.back().source);
    }
  }
  return mounts;
}

std::string place_text(const host::MountEntry& entry) {
  if (entry.pid == 0) return entry.target;
  return fmt::format("{} (in the mount namespace of pid {})", entry.target, entry.pid);
}

Status check_mount_point(const std::string& mount_point) {
  if (mount_point.empty()) return {};
  const bool plain =
      std::all_of(mount_point.begin(), mount_point.end(), [](char c) { return c > ' ' && c != '\x7f'; });
  if (mount_point.front() == '/' && mount_point.size() > 1 && mount_point.back() != '/' && plain &&
      (mount_point + "/").find("/../") == std::string::npos &&
      (mount_point + "/").find("/./") == std::string::npos && mount_point.find("//") == std::string::npos) {
    return {};
  }
  return fail(
      Errc::invalid,
      "mount point \"{}\": must be an absolute path without spaces, \"..\", \"//\" or a slash at its end",
      mount_point);
}

}  // namespace extvold::providers::local
