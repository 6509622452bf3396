#include "host/mkfs.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "host/crash_point.h"
#include "host/fd.h"
#include "host/files.h"
#include "host/hash.h"
#include "host/openers.h"
#include "host/probe.h"
#include "model/check.h"

namespace extvold::host {
namespace {

FormatVerdict refused(std::string reason) { return FormatVerdict{FormatOutcome::refused, std::move(reason)}; }

// Discard is off: on a loop device it would punch the reserved space out of the image. So would the kernel,
// seconds after the first mount, zeroing what a lazy mkfs.ext4 leaves to it; mkfs zeroes in a way that keeps
// it.
constexpr const char* kKeepReserved = "nodiscard,lazy_itable_init=0,lazy_journal_init=0";

// No force anywhere. ext4 keeps nothing back for root: a volume is a task's, and its size is what was paid
// for.
std::vector<std::string> mkfs_arguments(const std::string& tool, const FormatRequest& request) {
  const std::string uuid = filesystem_uuid(request.key);
  const std::string label = filesystem_label(request.key, request.filesystem);
  switch (request.filesystem) {
    case Filesystem::ext4:
      return {tool, "-q", "-m", "0", "-E", kKeepReserved, "-U", uuid, "-L", label, request.device};
    case Filesystem::xfs:
      return {tool, "-q", "-K", "-m", "uuid=" + uuid, "-L", label, request.device};
    case Filesystem::none:
      break;
  }
  EXTVOLD_UNREACHABLE();
}

std::string tail_of(int fd) {
  char buffer[512];
  const off_t size = ::lseek(fd, 0, SEEK_END);
  const off_t begin = size > static_cast<off_t>(sizeof buffer) ? size - static_cast<off_t>(sizeof buffer) : 0;
  const ssize_t n = ::pread(fd, buffer, sizeof buffer, begin);
  std::string text(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The child is not killed if we die, and has a session of its own, so that a deadline which kills us and
// our process group does not leave half a filesystem. It holds the volume's lock (inherited) until it ends.
Status run_mkfs(const std::vector<std::string>& arguments) {
  const UniqueFd output(::memfd_create("mkfs-output", MFD_CLOEXEC));
  if (!output) return fail_errno("memfd_create");
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::array<char*, 2> environment = {const_cast<char*>("LC_ALL=C"), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, output.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno(fmt::format("start {}", arguments[0]), error);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return fail(Errc::uncertain, "wait for {}: {}", arguments[0], std::strerror(errno));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string how = WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                                            : fmt::format("signal {}", WTERMSIG(status));
  return fail(Errc::uncertain, "{}: {}: {}", arguments[0], how, tail_of(output.get()));
}

bool is_ours(const Signature& found, const FormatRequest& request) {
  return !found.partition_table && found.type == to_text(request.filesystem) &&
         found.uuid == filesystem_uuid(request.key);
}

// nullopt: blank, go on. The device is held with O_EXCL while it is read.
Result<std::optional<FormatVerdict>> judge(const FormatRequest& request) {
  const UniqueFd fd(::open(request.device.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (!fd && errno == EBUSY)
    return fail(Errc::busy, "{}: mounted, or claimed by another driver", request.device);
  if (!fd) return fail_errno(fmt::format("open {}", request.device));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail_errno(fmt::format("stat {}", request.device));
  std::uint64_t size = 0;
  if (!S_ISBLK(st.st_mode) || ::ioctl(fd.get(), BLKGETSIZE64, &size) != 0) {
    return std::optional(refused(fmt::format("{}: not a block device", request.device)));
  }
  if (size != request.size_bytes) {
    return std::optional(refused(
        fmt::format("{}: has {} bytes, the volume has {}", request.device, size, request.size_bytes)));
  }
  TRY(wait_unopened(request.device, st.st_rdev));
  const Result<std::optional<Signature>> found = identify(fd.get(), request.device);
  if (!found) return std::optional(refused(found.error().message));
  if (*found && is_ours(**found, request) && (request.formatted_before || (*found)->finished)) {
    return std::optional(FormatVerdict{FormatOutcome::already, ""});
  }
  if (request.formatted_before) {
    return std::optional(refused(
        fmt::format("{}: was formatted before, and its filesystem is not there any more", request.device)));
  }
  if (const Status blank = check_blank(fd.get(), request.device, size); !blank)
    return std::optional(refused(blank.error().message));
  if (request.image >= 0) {
    const Status blank =
        check_blank_image(request.image, fmt::format("the image behind {}", request.device), size);
    if (!blank) return std::optional(refused(blank.error().message));
  }
  return std::optional<FormatVerdict>();
}

Status verify_made(const FormatRequest& request) {
  const UniqueFd fd(::open(request.device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0)
    return fail(Errc::uncertain, "{}: cannot be read back: {}", request.device, std::strerror(errno));
  const Result<std::optional<Signature>> found = identify(fd.get(), request.device);
  if (found && *found && is_ours(**found, request) && (*found)->finished) return {};
  return fail(Errc::uncertain, "{}: mkfs reported success, but {}", request.device,
              found ? "its filesystem does not read back" : found.error().message);
}

}  // namespace

std::string filesystem_uuid(std::string_view key) { return uuid_text(hash128({"extvold filesystem", key})); }

std::string filesystem_label(std::string_view key, Filesystem filesystem) {
  return std::string(key.substr(0, filesystem == Filesystem::xfs ? 12 : 16));
}

std::int64_t filesystem_min_mb(Filesystem filesystem) {
  switch (filesystem) {
    case Filesystem::none:
      return 1;
    case Filesystem::ext4:
      return 8;
    case Filesystem::xfs:
      return 300;
  }
  EXTVOLD_UNREACHABLE();
}

Result<std::string> find_mkfs(Filesystem filesystem) {
  const std::string name = fmt::format("mkfs.{}", to_text(filesystem));
  for (const char* folder : {"/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"}) {
    std::string path = fmt::format("{}/{}", folder, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(Errc::not_found, "{}: not installed (Debian: apt install {})", name,
              filesystem == Filesystem::xfs ? "xfsprogs" : "e2fsprogs");
}

Result<FormatVerdict> format_device(const FormatRequest& request) {
  EXTVOLD_CHECK(request.filesystem != Filesystem::none);
  ASSIGN(const std::string tool, find_mkfs(request.filesystem));
  ASSIGN(std::optional<FormatVerdict> verdict, judge(request));
  if (verdict) return *std::move(verdict);
  crash_point("format.after_probe");
  TRY(request.before_mkfs());
  crash_point("format.after_intent");
  TRY(run_mkfs(mkfs_arguments(tool, request)));  // mkfs itself opens the device with O_EXCL
  crash_point("format.after_mkfs");
  TRY(verify_made(request));
  return FormatVerdict{FormatOutcome::formatted, ""};
}

}  // namespace extvold::host
