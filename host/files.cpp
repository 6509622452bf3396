#include "host/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "host/crash_point.h"

namespace extvold::host {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("write {}", path));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_synced(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return fail_errno(fmt::format("create {}", path));
  TRY(write_all(fd.get(), text, path));
  if (::fsync(fd.get()) != 0) return fail_errno(fmt::format("fsync {}", path));
  return {};
}

}  // namespace

Errc errc_of_errno(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
    case EROFS:
      return Errc::permission;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:  // sysfs: it went away between open and read
      return Errc::not_found;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Errc::exhausted;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
      return Errc::busy;
    case EEXIST:
    case ENOTEMPTY:
      return Errc::conflict;
    case EIO:
    case EINTR:
    case ETIMEDOUT:
      return Errc::unavailable;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return Errc::invalid;
    default:
      return Errc::internal;
  }
}

tl::unexpected<Error> fail_errno(std::string_view what, int error) {
  const char* remedy = "";
  if (error == EPERM || error == EACCES)
    remedy = " (run as root, or with CAP_SYS_ADMIN and access to that path)";
  if (error == EROFS) remedy = " (remount it read-write)";
  if (error == ENOSPC || error == EDQUOT) remedy = " (free space there, or use another pool)";
  return fail(errc_of_errno(error), "{}: {}{}", what, std::strerror(error), remedy);
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return fail_errno(fmt::format("open {}", path));
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("read {}", path));
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > bytes_max) return fail(Errc::invalid, "{}: larger than {} bytes", path, bytes_max);
  }
}

Result<std::optional<std::string>> read_file_if_there(const std::string& path, std::size_t bytes_max) {
  Result<std::string> text = read_file(path, bytes_max);
  if (text) return std::optional<std::string>(*std::move(text));
  if (text.error().code == Errc::not_found) return std::optional<std::string>();
  return tl::make_unexpected(std::move(text).error());
}

Status write_durably(const std::string& path, std::string_view text) {
  const std::string folder = folder_of(path);
  const std::string temporary = fmt::format("{}/.{}.tmp", folder, path.substr(path.rfind('/') + 1));
  if (Status written = write_synced(temporary, text); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  crash_point("write.before_rename");
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail_errno(fmt::format("rename {} to {}", temporary, path), error);
  }
  crash_point("write.after_rename");
  return sync_folder(folder);
}

Result<bool> unlink_durably(const std::string& path) {
  bool was_there = true;
  if (::unlink(path.c_str()) != 0) {
    if (errno != ENOENT) return fail_errno(fmt::format("unlink {}", path));
    was_there = false;
  }
  TRY(sync_folder(folder_of(path)));
  return was_there;
}

Status sync_folder(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(fmt::format("open {}", path));
  if (::fsync(fd.get()) != 0) return fail_errno(fmt::format("fsync {}", path));
  return {};
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (folder == nullptr) return fail_errno(fmt::format("open {}", path));
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr && errno != 0) return fail_errno(fmt::format("list {}", path));
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<FileIdentity> identity_of(int fd, std::string_view path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return fail_errno(fmt::format("stat {}", path));
  return FileIdentity{st.st_dev, st.st_ino};
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > 200 || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c < '\x7f' && c != '/' && c != '\\'; });
}

std::string printable_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= ' ' && c < '\x7f' && c != '\\') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Status lock_exclusively(int fd, std::string_view path) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return fail(Errc::busy, "{}: locked by another process (see lslocks)", path);
    return fail_errno(fmt::format("flock {}", path));
  }
  return {};
}

Status read_exactly(int fd, char* buffer, std::size_t size, off_t offset, std::string_view path) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, buffer, size, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("read {} at byte {}", path, offset));
    if (n == 0) return fail(Errc::unavailable, "read {}: it ends at byte {}", path, offset);
    buffer += n;
    size -= static_cast<std::size_t>(n);
    offset += n;
  }
  return {};
}

}  // namespace extvold::host
