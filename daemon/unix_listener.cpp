#include "daemon/unix_listener.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace extvold::daemon {
namespace {

constexpr int kBacklog = 64;

Errc errc_from_errno(int error) {
  if (error == ENOENT || error == ENOTDIR) return Errc::not_found;
  if (error == EACCES || error == EPERM || error == EROFS) return Errc::permission;
  if (error == EADDRINUSE) return Errc::conflict;
  if (error == ENOSPC) return Errc::exhausted;
  return Errc::unavailable;
}

tl::unexpected<Error> fail_errno(int error, const std::string& path, std::string_view remedy) {
  return fail(errc_from_errno(error), "socket {}: {}{}", path, std::strerror(error), remedy);
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) {
    return fail(Errc::invalid, "socket \"{}\": the path must have 1 to {} bytes", path,
                sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

Result<UniqueFd> make_socket(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno(errno, path, "");
  return fd;
}

// Leaves no file at `path`, or says why that cannot be.
Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(errno, path, "");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(Errc::conflict, "{} exists and is not a socket: remove it, or configure another path", path);
  }
  ASSIGN(const UniqueFd probe, make_socket(path));
  // EAGAIN: somebody listens and is too busy to accept.
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return fail(Errc::conflict, "a daemon answers on {} already: stop it first, or configure another path",
                path);
  }
  if (errno != ECONNREFUSED) return fail_errno(errno, path, " (while looking for another daemon there)");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno(errno, path, " (left by another daemon)");
  return {};
}

Result<std::optional<gid_t>> find_group(const std::string& name) {
  if (name.empty()) return std::optional<gid_t>();
  std::vector<char> buffer(64U << 10U);
  group entry{};
  group* found = nullptr;
  const int error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return fail(Errc::not_found, "group {}: {}. Create it with: groupadd --system {}", name,
                error != 0 ? std::strerror(error) : "no such group", name);
  }
  return std::optional<gid_t>(entry.gr_gid);
}

Status open_to_group(const std::string& path, gid_t gid) {
  constexpr mode_t kGroupMode = 0660;
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), gid) != 0 || ::chmod(path.c_str(), kGroupMode) != 0) {
    return fail_errno(errno, path, " (giving it to the configured group)");
  }
  return {};
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, const std::string& group) {
  ASSIGN(const sockaddr_un address, address_of(path));
  ASSIGN(const std::optional<gid_t> gid, find_group(group));
  TRY(remove_stale(path, address));
  ASSIGN(UniqueFd fd, make_socket(path));
  // bind() gives the file the mode of the socket's own inode (less the umask).
  if (::fchmod(fd.get(), 0600) != 0) return fail_errno(errno, path, "");
  if (::bind(fd.get(), generic(address), sizeof address) != 0) {
    return fail_errno(errno, path,
                      errno == ENOENT ? ": create its directory, or configure another path" : "");
  }
  Status ready;
  if (gid) ready = open_to_group(path, *gid);
  if (ready && ::listen(fd.get(), kBacklog) != 0) ready = fail_errno(errno, path, "");
  if (!ready) {
    ::unlink(path.c_str());
    return tl::make_unexpected(std::move(ready).error());
  }
  return fd;
}

}  // namespace extvold::daemon
