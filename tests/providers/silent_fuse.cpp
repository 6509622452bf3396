// The kernel's side is its include/uapi/linux/fuse.h.
#include "tests/providers/silent_fuse.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "model/check.h"
#include "tests/providers/local_world.h"

namespace extvold::tests {
namespace {

constexpr std::uint64_t kImageNode = FUSE_ROOT_ID + 1;
constexpr std::uint32_t kWriteBytesMax = 128U << 10U;

template <typename Body>
Body body_of(const std::vector<char>& request) {
  Body body{};
  const std::size_t left = request.size() - sizeof(fuse_in_header);
  std::memcpy(&body, request.data() + sizeof(fuse_in_header), std::min(sizeof body, left));
  return body;
}

fuse_attr attributes_of(std::uint64_t node, std::uint64_t image_bytes) {
  fuse_attr attributes{};
  attributes.ino = node;
  attributes.size = node == kImageNode ? image_bytes : 0;
  attributes.mode = node == kImageNode ? S_IFREG | 0600U : S_IFDIR | 0755U;
  attributes.nlink = 1;
  attributes.blksize = 4096;
  return attributes;
}

// What the answer is made of, byte by byte.
template <typename Body>
std::vector<char> bytes_of(const Body& body) {
  std::vector<char> bytes(sizeof body);
  std::memcpy(bytes.data(), &body, sizeof body);
  return bytes;
}

std::vector<char> init_answer() {
  fuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = 31;
  out.max_write = kWriteBytesMax;
  return bytes_of(out);
}

void answer(int fuse, const std::vector<char>& request, std::uint64_t image_bytes) {
  fuse_in_header in{};
  std::memcpy(&in, request.data(), sizeof in);
  std::vector<char> out;
  int error = 0;
  switch (in.opcode) {
    case FUSE_INIT:
      out = init_answer();
      break;
    case FUSE_LOOKUP: {
      fuse_entry_out entry{};
      entry.nodeid = kImageNode;
      entry.attr = attributes_of(kImageNode, image_bytes);
      out = bytes_of(entry);
      if (std::strncmp(request.data() + sizeof in, "image", request.size() - sizeof in) != 0) error = -ENOENT;
      break;
    }
    case FUSE_GETATTR:
    case FUSE_SETATTR: {
      fuse_attr_out attributes{};  // valid for no time: each question comes here
      attributes.attr = attributes_of(in.nodeid, image_bytes);
      out = bytes_of(attributes);
      break;
    }
    case FUSE_OPEN:
    case FUSE_OPENDIR:
      out = bytes_of(fuse_open_out{});
      break;
    case FUSE_READ:
      out.resize(body_of<fuse_read_in>(request).size);
      break;
    case FUSE_WRITE:
      out = bytes_of(fuse_write_out{body_of<fuse_write_in>(request).size, 0});
      break;
    case FUSE_FLUSH:
    case FUSE_FSYNC:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
      break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return;  // nobody waits for an answer
    default:
      error = -ENOSYS;
  }
  if (error != 0) out.clear();
  fuse_out_header header{static_cast<std::uint32_t>(sizeof header + out.size()), error, in.unique};
  iovec parts[] = {{&header, sizeof header}, {out.data(), out.size()}};
  if (::writev(fuse, parts, 2) < 0) return;  // who asked was killed meanwhile
}

void serve(int fuse, std::uint64_t image_bytes, std::atomic<bool>& silent, std::atomic<int>& unanswered) {
  std::vector<char> buffer(kWriteBytesMax + 4096);
  while (true) {
    const ssize_t got = ::read(fuse, buffer.data(), buffer.size());
    if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) {
      if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      return;
    }
    fuse_in_header in{};
    std::memcpy(&in, buffer.data(), sizeof in);
    if (silent && in.opcode != FUSE_FLUSH)
      ++unanswered;
    else
      answer(fuse, {buffer.begin(), buffer.begin() + got}, image_bytes);
  }
}

}  // namespace

SilentFuse::SilentFuse(std::string folder, std::uint64_t image_bytes) : folder_(std::move(folder)) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXTVOLD_CHECK(memory != MAP_FAILED);
  shared_ = new (memory) Shared;
  const host::UniqueFd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!fuse) return;
  const std::string options =
      "fd=" + std::to_string(fuse.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  mounted_ = ::mount("extvold-test", folder_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
  if (!mounted_) return;
  server_ = ::fork();
  EXTVOLD_CHECK(server_ >= 0);
  if (server_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  serve(fuse.get(), image_bytes, shared_->silent, shared_->unanswered);
  ::_exit(0);
}

SilentFuse::~SilentFuse() {
  end();
  if (!loop_.empty()) clear_loop(loop_);
  if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  ::munmap(shared_, sizeof(Shared));
}

void SilentFuse::end() {
  if (server_ <= 0) return;
  ::kill(server_, SIGKILL);  // whoever waits gets ENOTCONN
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
}

std::string SilentFuse::attach_loop() { return loop_ = losetup(image()); }

bool SilentFuse::open_image() {
  file_.reset(::open(image().c_str(), O_RDONLY | O_CLOEXEC));
  return static_cast<bool>(file_);
}

}  // namespace extvold::tests
