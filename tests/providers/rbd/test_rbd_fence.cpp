// The fence of a host, on a real Ceph with two hosts: one that writes through a filesystem is cut off,
// nothing of it reaches the image any more, and the other host takes over.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "model/check.h"
#include "tests/providers/conformance/calls.h"
#include "tests/providers/local_world.h"
#include "tests/providers/rbd/fence_calls.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

namespace {

// An image as a host has it: rbd-fuse in the host's network, a loop device on its file, a filesystem.
class Mapped {
 public:
  Mapped(RbdSubject& subject, int host, const std::string& image)
      : ceph_(subject.ceph),
        fuse_(ceph_.dir + "/fuse" + std::to_string(host)),
        folder(ceph_.dir + "/mount" + std::to_string(host)),
        file(fuse_ + "/" + image) {
    // rbd-fuse takes its user from the environment only.
    const std::string arguments =
        "CEPH_ARGS=--id extvold --keyring " + ceph_.keyring + " --rados_osd_op_timeout=20";
    pid_ = ceph_.start(ceph_.on_host(
        host, {"/usr/bin/env", arguments, "/usr/bin/rbd-fuse", "-c", ceph_.conf, "-p", "p1", "-f", fuse_}));
    REQUIRE(wait_until([&] { return exists(file); }));
    device_ = CephCluster::must({"/sbin/losetup", "--find", "--show", file});
    device_.pop_back();
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  // Its server first: it may be stuck, and then nobody else who has to do with its file goes on.
  ~Mapped() {
    ceph_.stop(pid_);
    for (const pid_t pid : tries_) ceph_.stop(pid);
    CephCluster::run({"/bin/umount", "--lazy", folder});
    CephCluster::run({"/sbin/losetup", "--detach", device_});
    CephCluster::run({"/bin/umount", "--lazy", fuse_});
  }

  void format() const { CephCluster::must({"/sbin/mkfs.ext4", "-q", device_}); }
  void mount() const {
    CephCluster::must({"/bin/mount", device_, folder});
    CephCluster::must({"/sbin/losetup", "--detach", device_});  // ends with the mount
  }
  // As a host does that is well: its watch ends at once, and not after half a minute.
  void unmap() const {
    CephCluster::must({"/bin/umount", folder});
    CephCluster::must({"/bin/umount", fuse_});
    CHECK(ceph_.ends_well(pid_, seconds(10)));
  }
  // Straight to the image, past the filesystem.
  bool can_write() {
    const pid_t pid = ceph_.start(
        {"/bin/dd", "if=/dev/urandom", "of=" + file, "bs=4096", "count=1", "seek=256", "conv=notrunc,fsync"});
    const bool written = ceph_.ends_well(pid, seconds(1));
    if (!written) tries_.push_back(pid);
    return written;
  }

 private:
  CephCluster& ceph_;
  const std::string fuse_;

 public:
  const std::string folder;  // where it is mounted
  const std::string file;    // the image itself

 private:
  std::string device_;
  pid_t pid_ = -1;
  std::vector<pid_t> tries_;  // that have not ended
};

// Writes 1, 2, 3, ... to a file, each durable before it is said, until that fails.
class Writer {
 public:
  explicit Writer(const std::string& path) {
    int ends[2];
    EXTVOLD_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    pid_ = ::fork();
    EXTVOLD_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      write_on(path, ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    said_ = ends[0];
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    stop();
    ::close(said_);
  }
  void stop() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }

  // Until it has said so many more.
  void await(std::int64_t more) {
    const std::int64_t goal = durable_ + more;
    while (durable_ < goal) REQUIRE(read_one());
  }
  // Until it failed; the last number that was durable.
  std::int64_t await_end() {
    while (read_one()) {
    }
    return durable_;
  }

 private:
  static void write_on(const std::string& path, int say) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (std::int64_t number = 1; fd >= 0; ++number) {
      if (::pwrite(fd, &number, sizeof number, 0) != sizeof number || ::fsync(fd) != 0) return;
      if (::write(say, &number, sizeof number) != sizeof number) return;
    }
  }
  bool read_one() { return ::read(said_, &durable_, sizeof durable_) == sizeof durable_; }

  pid_t pid_ = -1;
  int said_ = -1;
  std::int64_t durable_ = 0;
};

std::int64_t number_in(const std::string& path) {
  const std::string text = read_text(path);
  std::int64_t number = 0;
  if (text.size() == sizeof number) std::memcpy(&number, text.data(), sizeof number);
  return number;
}

// All bytes of the image, as the cluster has them.
std::string bytes_of(RbdSubject& subject, const std::string& spec) {
  const std::string path = subject.ceph.dir + "/export";
  subject.ceph.must_rbd({"export", "--no-progress", spec, path});
  std::string bytes = read_text(path);
  ::unlink(path.c_str());
  return bytes;
}

}  // namespace

TEST_CASE(
    "rbd fence: a host that writes is cut off, the other takes over, and no byte of the first comes after",
    "[rbd]") {
  RbdSubject subject;
  Volume wanted = volume_of(subject, "xv-moved", 64);
  const OperationResult made = execute(subject, call_of(OperationKind::create, wanted));
  check_done(made, Outcome::changed);
  wanted.provider_ref = made.provider_ref;

  Mapped first(subject, 1, "xv-moved");
  first.format();
  first.mount();
  Writer writer(first.folder + "/count");
  writer.await(5);
  const ObservedVolume seen = inspect(subject, wanted);
  REQUIRE(seen.attachments.size() == 1);
  const std::string target = seen.attachments.front().host_identity;
  CHECK(target == "10.99.1.2");
  CHECK(check_fence(subject, target).held == TriState::no);

  set_fence(subject, target);
  const std::int64_t last = writer.await_end();
  CHECK(last >= 5);
  check_held(subject, target);
  set_fence(subject, target);  // once more renews it
  check_held(subject, target);
  CHECK(inspect(subject, wanted).attachments.empty());

  // Whatever the first one tries now: nothing of it arrives.
  const std::string before = bytes_of(subject, "p1/xv-moved");
  CHECK_FALSE(first.can_write());
  CHECK(exit_of_new_client(subject, 1) == ESHUTDOWN);
  CHECK(bytes_of(subject, "p1/xv-moved") == before);

  {
    Mapped second(subject, 2, "xv-moved");
    second.mount();
    CHECK(number_in(second.folder + "/count") >= last);
    CHECK(number_in(second.folder + "/count") <= last + 1);  // the one that was not said any more
    Writer taken_over(second.folder + "/count");
    taken_over.await(5);
    CHECK_FALSE(first.can_write());
    taken_over.await(5);
    const ObservedVolume moved = inspect(subject, wanted);
    REQUIRE(moved.attachments.size() == 1);
    CHECK(moved.attachments.front().host_identity == "10.99.2.0/24");
    taken_over.stop();
    second.unmap();
  }

  lift_fence(subject, target);
  lift_fence(subject, target);  // what does not stand is lifted
  CHECK(exit_of_new_client(subject, 1) == 0);
}
