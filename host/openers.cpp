#include "host/openers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <sstream>

#include "host/fd.h"
#include "host/files.h"

namespace extvold::host {
namespace {

// PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: the inode number of the first pid namespace, a
// fixed ABI.
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFCU;

// Some virtual machines hide their init even from root. It is left out: it opens devices to mount them, and
// mounts are found in other ways; and the kernel, which counts every opener, has the last word in
// detach_loop().
constexpr std::string_view kInit = "1";

constexpr int kOpenerLooks = 100;
constexpr long kOpenerLookNs = 20'000'000;

bool sees_all_processes() {
  struct stat st {};
  return ::geteuid() == 0 && ::stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == kFirstPidNamespace;
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

std::string command_of(const std::string& pid) {
  std::string name = read_file("/proc/" + pid + "/comm").value_or("?\n");
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return fmt::format("{} (pid {})", name, pid);
}

std::optional<FileIdentity> program_of(const std::string& pid) {
  struct stat st {};
  if (::stat(("/proc/" + pid + "/exe").c_str(), &st) != 0) return std::nullopt;
  return FileIdentity{st.st_dev, st.st_ino};
}

void scan_process(const std::string& pid, const std::set<dev_t>& devices, OpenersView& view) {
  const std::string path = "/proc/" + pid + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (folder == nullptr) {
    if ((errno == EACCES || errno == EPERM) && pid != kInit) view.all_seen = false;
    return;
  }
  std::set<dev_t> found;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    // Without asking the file's filesystem, which may be one that never answers (may_never_answer).
    struct statx st {};
    if (::statx(::dirfd(folder.get()), entry->d_name, AT_STATX_DONT_SYNC, STATX_TYPE, &st) != 0) {
      if ((errno == EACCES || errno == EPERM) && pid != kInit) view.all_seen = false;
      continue;
    }
    const dev_t device = makedev(st.stx_rdev_major, st.stx_rdev_minor);
    if (S_ISBLK(st.stx_mode) && devices.contains(device)) found.insert(device);
  }
  if (found.empty() || program_of(pid) == program_of("self")) return;
  for (const dev_t device : found) view.by_device[device].push_back(command_of(pid));
}

void scan_swap(const std::set<dev_t>& devices, OpenersView& view) {
  std::istringstream lines(read_file("/proc/swaps", 1U << 20U).value_or(""));
  std::string path;
  for (std::string line; std::getline(lines, line);) {
    path = line.substr(0, line.find_first_of(" \t"));
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || !S_ISBLK(st.st_mode) || !devices.contains(st.st_rdev)) continue;
    view.by_device[st.st_rdev].push_back("swap");
  }
}

}  // namespace

OpenersView find_openers(const std::set<dev_t>& devices) {
  OpenersView view;
  if (devices.empty()) return view;
  view.all_seen = sees_all_processes();
  const Result<std::vector<std::string>> processes = list_folder("/proc");
  if (!processes) view.all_seen = false;
  if (processes) {
    for (const std::string& name : *processes) {
      if (is_number(name)) scan_process(name, devices, view);
    }
  }
  scan_swap(devices, view);
  for (const dev_t device : devices) {
    const std::string holders = fmt::format("/sys/dev/block/{}:{}/holders", major(device), minor(device));
    const Result<std::vector<std::string>> names = list_folder(holders);
    if (!names) continue;  // the device went away
    for (const std::string& name : *names) view.by_device[device].push_back("holder " + name);
  }
  return view;
}

Status wait_unopened(const std::string& device, dev_t number) {
  std::string who;
  for (int look = 0; look < kOpenerLooks; ++look) {
    const OpenersView view = find_openers({number});
    const auto found = view.by_device.find(number);
    if (found == view.by_device.end()) return {};
    who = found->second.front();
    const timespec pause{0, kOpenerLookNs};
    ::nanosleep(&pause, nullptr);  // tidy: allow sleep (no event tells that a file was closed)
  }
  return fail(Errc::busy, "{}: in use by {}", device, who);
}

Status check_unclaimed(const std::string& device) {
  const UniqueFd fd(::open(device.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (fd) return {};
  if (errno == EBUSY) return fail(Errc::busy, "{}: mounted, or claimed by another driver", device);
  return fail_errno(fmt::format("open {}", device));
}

}  // namespace extvold::host
