#include "host/loop.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>

#include "host/hash.h"
#include "model/check.h"

namespace extvold::host {
namespace {

constexpr int kAttachTries = 64;  // each lost race is another process that got a device
constexpr int kDetachLooks =
    150;  // 150 x 20 ms: a device probed by udev or by a listing is open for that long at most
constexpr long kDetachLookNs = 20'000'000;
constexpr int kCutTries = 25;
constexpr unsigned kBlockSize = 512;
constexpr std::size_t kTagDigits = 16;
// Where the file of a device begins that was cut off: no file has a byte there, on any filesystem.
constexpr std::uint64_t kNowhere = INT64_MAX;

void pause_between_looks() {
  const timespec pause{0, kDetachLookNs};
  ::nanosleep(&pause, nullptr);  // tidy: allow sleep (no event tells that a device was let go)
}

std::string text_of(const unsigned char (&field)[LO_NAME_SIZE]) {
  const auto* end = std::find(std::begin(field), std::end(field), '\0');
  return std::string(std::begin(field), end);
}

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  std::uint64_t size = 0;
  if (::ioctl(fd, BLKGETSIZE64, &size) != 0) return fail_errno(fmt::format("{}: BLKGETSIZE64", path));
  return size;
}

// loop7p1 of loop7: somebody asked the kernel for partitions.
Result<bool> has_partitions(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const Result<std::vector<std::string>> entries = list_folder("/sys/block/" + name);
  if (!entries) return tl::make_unexpected(entries.error());
  return std::any_of(entries->begin(), entries->end(),
                     [&](const std::string& entry) { return entry.starts_with(name + "p"); });
}

// nullopt: not set up (any more).
Result<std::optional<LoopDevice>> read_status(int fd, const std::string& path) {
  loop_info64 info{};
  if (::ioctl(fd, LOOP_GET_STATUS64, &info) != 0) {
    if (errno == ENXIO) return std::optional<LoopDevice>();
    return fail_errno(fmt::format("{}: LOOP_GET_STATUS64", path));
  }
  struct stat st {};
  if (::fstat(fd, &st) != 0) return fail_errno(fmt::format("stat {}", path));
  int read_only = 0;
  if (::ioctl(fd, BLKROGET, &read_only) != 0) return fail_errno(fmt::format("{}: BLKROGET", path));
  LoopDevice device;
  device.path = path;
  device.number = st.st_rdev;
  device.backing = FileIdentity{info.lo_device, info.lo_inode};
  device.tag = text_of(info.lo_file_name);
  device.read_only = read_only != 0;
  device.autoclear = (info.lo_flags & LO_FLAGS_AUTOCLEAR) != 0;
  device.direct_io = (info.lo_flags & LO_FLAGS_DIRECT_IO) != 0;
  device.whole_file = info.lo_offset == 0 && info.lo_sizelimit == 0;
  if (info.lo_offset == kNowhere) {
    ASSIGN(const std::uint64_t size, size_of(fd, path));
    ASSIGN(const bool partitions, has_partitions(path));
    device.cut_off = size == 0 && !partitions;
  }
  return std::optional<LoopDevice>(std::move(device));
}

Error no_permission(const std::string& path) {
  return {Errc::permission, fmt::format("open {}: permission denied (run as root)", path)};
}

LoopDevice without_identity(const std::string& sys, const std::string& path, std::string backing_path,
                            Error why) {
  LoopDevice device;
  device.path = path;
  device.backing_path = std::move(backing_path);
  device.unknown = std::move(why);
  unsigned major = 0;
  unsigned minor = 0;
  const std::string number = read_file(sys + "/dev").value_or("");
  if (std::sscanf(number.c_str(), "%u:%u", &major, &minor) == 2) device.number = makedev(major, minor);
  return device;
}

// nullopt: it is not set up, went away meanwhile, or is not to be asked about.
Result<std::optional<LoopDevice>> read_device(const std::string& name, const AsksLoop& asks = {}) {
  const std::string sys = "/sys/block/" + name;
  Result<std::string> backing = read_file(sys + "/loop/backing_file");
  if (!backing && backing.error().code == Errc::not_found)
    return std::optional<LoopDevice>();  // the folder loop/ exists only while the device is set up
  if (!backing) return tl::make_unexpected(backing.error());
  while (!backing->empty() && backing->back() == '\n') backing->pop_back();
  const std::string path = "/dev/" + name;
  std::optional<LoopDevice> device;
  if (asks && !asks(path, *backing)) return device;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENXIO) return device;
  if (!fd && errno != EACCES && errno != EPERM) {
    return fail_errno(
        fmt::format("open {} (/sys says that it is in use; a container needs the host's /dev)", path));
  }
  if (!fd) return std::optional(without_identity(sys, path, *std::move(backing), no_permission(path)));
  Result<std::optional<LoopDevice>> known = read_status(fd.get(), path);
  if (!known) return std::optional(without_identity(sys, path, *std::move(backing), known.error()));
  if (*known) (*known)->backing_path = *std::move(backing);
  return known;
}

bool same_attachment(const LoopDevice& a, const LoopDevice& b) {
  return a.backing == b.backing && a.tag == b.tag;
}

// Is `device` still what the kernel has at that number?
Result<bool> is_still_there(const LoopDevice& device) {
  ASSIGN(const std::optional<LoopDevice> now, read_device(device.path.substr(device.path.rfind('/') + 1)));
  return now && same_attachment(*now, device);
}

// The write-protection that an earlier user of this number left behind is not ours: reset it, and read back
// what holds.
Status settle_read_only(int fd, const std::string& path, bool wanted) {
  const int zero = 0;
  if (!wanted && ::ioctl(fd, BLKROSET, &zero) != 0) return fail_errno(fmt::format("{}: BLKROSET 0", path));
  int read_only = 0;
  if (::ioctl(fd, BLKROGET, &read_only) != 0) return fail_errno(fmt::format("{}: BLKROGET", path));
  if ((read_only != 0) == wanted) return {};
  return fail(Errc::internal, "{}: is {} although {} was asked for", path,
              read_only != 0 ? "read-only" : "writable", wanted ? "read-only" : "writable");
}

Result<LoopDevice> verify_attached(int fd, const std::string& path, const LoopRequest& request) {
  TRY(settle_read_only(fd, path, request.read_only));
  ASSIGN(std::optional<LoopDevice> device, read_status(fd, path));
  struct stat image {};
  if (::fstat(request.image, &image) != 0) return fail_errno(fmt::format("stat {}", request.image_path));
  if (!device || device->tag != request.tag ||
      !(device->backing == FileIdentity{image.st_dev, image.st_ino})) {
    return fail(Errc::internal, "{}: does not show {} behind it after LOOP_CONFIGURE", path,
                request.image_path);
  }
  ASSIGN(const std::uint64_t size, size_of(fd, path));
  if (size != static_cast<std::uint64_t>(image.st_size) / kBlockSize * kBlockSize) {
    return fail(Errc::internal, "{}: has {} bytes, but {} has {}", path, size, request.image_path,
                image.st_size);
  }
  device->backing_path = request.image_path;
  return *std::move(device);
}

// 0, or the errno of LOOP_CONFIGURE. Direct I/O is dropped where the kernel refuses it instead of ignoring
// it.
int configure(int fd, const LoopRequest& request) {
  loop_config config{};
  config.fd = static_cast<__u32>(request.image);
  config.block_size = kBlockSize;
  config.info.lo_flags = LO_FLAGS_DIRECT_IO;
  if (request.read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  request.tag.copy(reinterpret_cast<char*>(config.info.lo_file_name), LO_NAME_SIZE - 1);
  if (::ioctl(fd, LOOP_CONFIGURE, &config) == 0) return 0;
  if (errno != EINVAL && errno != EOPNOTSUPP) return errno;
  config.info.lo_flags &= ~static_cast<__u32>(LO_FLAGS_DIRECT_IO);
  return ::ioctl(fd, LOOP_CONFIGURE, &config) == 0 ? 0 : errno;
}

Result<int> free_number(int control) {
  const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
  if (number >= 0) return number;
  if (errno == ENOSPC || errno == ENOMEM || errno == EEXIST) {
    return fail(Errc::exhausted, "no free loop device (detach volumes, or raise the loop module's max_loop)");
  }
  return fail_errno("/dev/loop-control: LOOP_CTL_GET_FREE");
}

Result<UniqueFd> open_control() {
  UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (control) return control;
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    return fail(Errc::not_found,
                "/dev/loop-control is missing: load the driver with `modprobe loop`; a container needs that "
                "device and /dev/loop* passed in");
  }
  return fail_errno("open /dev/loop-control");
}

}  // namespace

std::string loop_tag(std::initializer_list<std::string_view> names) {
  EXTVOLD_CHECK(names.size() <= 3);
  std::string tag(kLoopTagPrefix);
  for (const std::string_view name : names) tag += hex_text(hash128({name})).substr(0, kTagDigits);
  return tag;
}

Result<std::vector<LoopDevice>> list_loops(const AsksLoop& asks) {
  ASSIGN(const std::vector<std::string> names, list_folder("/sys/block"));
  std::vector<LoopDevice> devices;
  for (const std::string& name : names) {
    if (name.rfind("loop", 0) != 0) continue;
    ASSIGN(std::optional<LoopDevice> device, read_device(name, asks));
    if (device) devices.push_back(*std::move(device));
  }
  std::sort(devices.begin(), devices.end(),
            [](const LoopDevice& a, const LoopDevice& b) { return a.number < b.number; });
  return devices;
}

Result<LoopDevice> attach_loop(const LoopRequest& request,
                               const std::function<Status(const std::string&)>& before) {
  ASSIGN(const UniqueFd control, open_control());
  for (int attempt = 0; attempt < kAttachTries; ++attempt) {
    ASSIGN(const int number, free_number(control.get()));
    const std::string path = fmt::format("/dev/loop{}", number);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd && errno == ENXIO) continue;
    if (!fd) return fail_errno(fmt::format("open {} (a container needs the host's /dev)", path));
    TRY(before(path));
    const int error = configure(fd.get(), request);
    if (error == EBUSY || error == ENXIO) continue;
    if (error != 0)
      return fail_errno(fmt::format("{}: LOOP_CONFIGURE on {}", path, request.image_path), error);
    Result<LoopDevice> device = verify_attached(fd.get(), path, request);
    if (!device) {
      ::ioctl(fd.get(), LOOP_CLR_FD);
      fd.reset();
    }
    return device;
  }
  return fail(Errc::busy, "no loop device for {}: other processes took {} free ones first",
              request.image_path, kAttachTries);
}

Status grow_loop(const LoopDevice& device, std::uint64_t size_bytes) {
  const UniqueFd fd(::open(device.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && (errno == ENXIO || errno == ENOENT)) return {};
  if (!fd) return fail_errno(fmt::format("open {}", device.path));
  ASSIGN(const std::optional<LoopDevice> now, read_status(fd.get(), device.path));
  if (!now || !same_attachment(*now, device)) return {};
  if (::ioctl(fd.get(), LOOP_SET_CAPACITY, 0) != 0)
    return fail(Errc::uncertain, "{}: LOOP_SET_CAPACITY: {}", device.path, std::strerror(errno));
  ASSIGN(const std::uint64_t size, size_of(fd.get(), device.path));
  if (size == size_bytes / kBlockSize * kBlockSize) return {};
  return fail(Errc::uncertain, "{}: has {} bytes, but its file has {}", device.path, size, size_bytes);
}

Result<UniqueFd> hold_loop(const LoopDevice& device) {
  UniqueFd fd(::open(device.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno != ENXIO && errno != ENOENT) return fail_errno(fmt::format("open {}", device.path));
  loop_info64 info{};
  if (fd && ::ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0) {
    if (errno != ENXIO) return fail_errno(fmt::format("{}: LOOP_GET_STATUS64", device.path));
    fd.reset();
  }
  if (!fd) return fail(Errc::not_found, "{}: is not set up any more", device.path);
  if (!(FileIdentity{info.lo_device, info.lo_inode} == device.backing) ||
      text_of(info.lo_file_name) != device.tag)
    return fail(Errc::not_found, "{}: is another volume's by now", device.path);
  if ((info.lo_flags & LO_FLAGS_AUTOCLEAR) == 0) return fd;
  info.lo_flags &= ~static_cast<__u32>(LO_FLAGS_AUTOCLEAR);
  if (::ioctl(fd.get(), LOOP_SET_STATUS64, &info) != 0) {
    return fail(Errc::uncertain,
                "{}: will go when its last opener closes it, and that cannot be taken back: {}", device.path,
                std::strerror(errno));
  }
  return fd;
}

namespace {

// Which part of its file the device is; nullopt: it begins where it did. Older kernels have an EAGAIN for a
// device whose pages are in use.
Status set_extent(int fd, const std::string& path, std::optional<std::uint64_t> offset, std::uint64_t limit) {
  for (int attempt = 0;; ++attempt) {
    loop_info64 info{};
    if (::ioctl(fd, LOOP_GET_STATUS64, &info) != 0)
      return fail_errno(fmt::format("{}: LOOP_GET_STATUS64", path));
    info.lo_offset = offset.value_or(info.lo_offset);
    info.lo_sizelimit = limit;
    if (::ioctl(fd, LOOP_SET_STATUS64, &info) == 0) return {};
    if (errno != EAGAIN || attempt == kCutTries)
      return fail_errno(fmt::format("{}: LOOP_SET_STATUS64", path));
    pause_between_looks();
  }
}

// In two steps, each of which the kernel takes with no write under way and after writing back what is cached.
// It moves the device's beginning before it sets the new size, so that a write in between would go to the new
// place. Shrunk to one sector first, only a write to that one can, and at INT64_MAX no file has room for it.
Status cut(int fd, const LoopDevice& now) {
  if (now.cut_off) return {};
  ASSIGN(const bool partitions, has_partitions(now.path));
  if (partitions)
    return fail(Errc::conflict, "{}: has partitions (see lsblk; partx -d removes them)", now.path);
  ASSIGN(const std::uint64_t size, size_of(fd, now.path));
  if (size > kBlockSize) TRY(set_extent(fd, now.path, std::nullopt, kBlockSize));
  return set_extent(fd, now.path, kNowhere, 0);
}

}  // namespace

Status cut_off_loop(const LoopDevice& device) {
  {
    const UniqueFd fd(::open(device.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd && (errno == ENXIO || errno == ENOENT)) return {};
    if (!fd) return fail_errno(fmt::format("open {}", device.path));
    ASSIGN(const std::optional<LoopDevice> now, read_status(fd.get(), device.path));
    if (!now || !same_attachment(*now, device)) return {};
    if (const Status done = cut(fd.get(), *now); !done) {
      if (done.error().code == Errc::conflict) return done;
      return fail(Errc::uncertain, "{}", done.error().message);
    }
    if (::ioctl(fd.get(), LOOP_CLR_FD) != 0 && errno != ENXIO)
      return fail(Errc::uncertain, "{}: LOOP_CLR_FD: {}", device.path, std::strerror(errno));
  }
  const Result<std::optional<LoopDevice>> left = read_device(device.path.substr(device.path.rfind('/') + 1));
  if (!left)
    return fail(Errc::uncertain, "{}: cannot be read after it was cut off: {}", device.path,
                left.error().message);
  if (!*left || !same_attachment(**left, device) || (*left)->cut_off) return {};
  return fail(Errc::uncertain, "{}: the kernel still shows {} behind it", device.path, (*left)->backing_path);
}

Status detach_loop(const LoopDevice& device) {
  {
    const UniqueFd fd(::open(device.path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (!fd && errno == EBUSY)
      return fail(Errc::busy, "{}: mounted, or claimed by another driver", device.path);
    if (!fd && (errno == ENXIO || errno == ENOENT)) return {};
    if (!fd) return fail_errno(fmt::format("open {}", device.path));
    ASSIGN(const std::optional<LoopDevice> now, read_status(fd.get(), device.path));
    if (!now || !same_attachment(*now, device)) return {};
    if (::ioctl(fd.get(), LOOP_CLR_FD) != 0 && errno != ENXIO) {
      return fail_errno(fmt::format("{}: LOOP_CLR_FD", device.path));
    }
  }
  for (int look = 0; look < kDetachLooks; ++look) {
    const Result<bool> there = is_still_there(device);
    if (!there)
      return fail(Errc::uncertain, "{}: cannot be read after LOOP_CLR_FD: {}", device.path,
                  there.error().message);
    if (!*there) return {};
    pause_between_looks();
  }
  // It answered 0 and the device stayed: somebody has it open. The call left AUTOCLEAR behind.
  const Result<UniqueFd> held = hold_loop(device);
  if (held) {
    return fail(Errc::busy, "{}: still open by another process, or mounted in another namespace",
                device.path);
  }
  if (held.error().code == Errc::not_found) return {};
  return fail(Errc::uncertain, "{}", held.error().message);
}

}  // namespace extvold::host
