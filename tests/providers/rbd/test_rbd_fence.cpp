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
#include <ctime>

#include "model/check.h"
#include "tests/providers/conformance/calls.h"
#include "tests/providers/local_world.h"
#include "tests/providers/rbd/subject_rbd.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

namespace {

constexpr std::int64_t kYearNs = 365LL * 24 * 3600 * 1'000'000'000;

FenceCall fence_call(FenceAct act, const std::string& target) {
  FenceCall call;
  call.act = act;
  call.fence.id = FenceId{9};
  call.fence.key = OperationId("fence-" + target);
  call.fence.rung = FenceRung::host;
  call.fence.target = target;
  call.ledger_id = "ledger-1";
  call.host_name = "a-host";
  return call;
}

void set_fence(RbdSubject& subject, const std::string& target) {
  const FenceResult set = fence(subject, fence_call(FenceAct::set, target));
  INFO(set.error.message);
  CHECK(set.state == FenceCallState::done);
  CHECK(set.held == TriState::unknown);
}

FenceResult check_fence(RbdSubject& subject, const std::string& target) {
  const FenceResult seen = fence(subject, fence_call(FenceAct::check, target));
  INFO(seen.error.message);
  CHECK(seen.state == FenceCallState::done);
  CHECK_FALSE(seen.seen.empty());
  return seen;
}

void check_held(RbdSubject& subject, const std::string& target) {
  const FenceResult seen = check_fence(subject, target);
  INFO(seen.seen);
  CHECK(seen.held == TriState::yes);
  const std::int64_t now_ns = std::int64_t{::time(nullptr)} * 1'000'000'000;
  CHECK(seen.expires_at.ns > now_ns + 4 * kYearNs);
  CHECK(seen.expires_at.ns < now_ns + 6 * kYearNs);
}

void lift_fence(RbdSubject& subject, const std::string& target) {
  const FenceResult lifted = fence(subject, fence_call(FenceAct::lift, target));
  INFO(lifted.error.message);
  CHECK(lifted.state == FenceCallState::done);
  CHECK(check_fence(subject, target).held == TriState::no);
}

bool wait_until(const std::function<bool()>& is_so) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (is_so()) return true;
    ::usleep(20'000);
  }
  return false;
}

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

// A client that is made anew on a host, with another nonce.
int exit_of_new_client(RbdSubject& subject, int host) {
  const CephCluster& ceph = subject.ceph;
  return CephCluster::run(
             ceph.on_host(host, {"/usr/bin/rbd", "--conf", ceph.conf, "--id", "extvold", "--keyring",
                                 ceph.keyring, "--rados_osd_op_timeout=20", "ls", "p1"}))
      .exit_status;
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

TEST_CASE("rbd fence: a range is fenced as one, and lifting leaves the entries of single clients", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-ranged");
  const std::string target = "10.99.2.0/24";
  subject.ceph.must_ceph({"osd", "blocklist", "add", "10.99.2.2:0/4711", "3600"});
  set_fence(subject, target);
  check_held(subject, target);
  CHECK(exit_of_new_client(subject, 2) == ESHUTDOWN);
  CHECK(exit_of_new_client(subject, 1) == 0);
  CHECK_THAT(check_fence(subject, target).seen, Catch::Contains("entries of single clients there run out"));
  // An address in the range is fenced, but not by an entry of its own.
  CHECK(check_fence(subject, "10.99.2.2").held == TriState::no);
  lift_fence(subject, target);
  CHECK(exit_of_new_client(subject, 2) == 0);
  CHECK(subject.ceph.must_ceph({"osd", "dump"}).find("10.99.2.2:0/4711") != std::string::npos);
  subject.ceph.must_ceph({"osd", "blocklist", "rm", "10.99.2.2:0/4711"});
}

TEST_CASE(
    "rbd fence: an entry that stands is no proof while the image has a watcher there, or cannot be seen",
    "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-watched");
  const std::string target = "10.99.1.2";
  set_fence(subject, target);
  subject.arm(Stage::look, Fault::hang);
  FenceCall check = fence_call(FenceAct::check, target);
  check.deadline = seconds(1);
  const FenceResult hung = fence(subject, check);
  subject.disarm();
  CHECK(hung.state == FenceCallState::failed);
  CHECK(hung.held == TriState::unknown);
  check_held(subject, target);

  // What a Ceph that is slower than this one would still show.
  subject.pretend_watcher("10.99.1.2:0/4711");
  const FenceResult watched = check_fence(subject, target);
  CHECK(watched.held == TriState::unknown);
  CHECK_THAT(watched.seen, Catch::Contains("xv-watched"));
  FenceCall of_volume = fence_call(FenceAct::check, target);
  of_volume.volume = volume;
  CHECK(fence(subject, of_volume).held == TriState::unknown);
  subject.disarm();
  CHECK(fence(subject, of_volume).held == TriState::yes);
  lift_fence(subject, target);
}

TEST_CASE("rbd fence: what is no address of a host is refused, and a key that may not is told so", "[rbd]") {
  RbdSubject subject;
  for (const char* target :
       {"", "a1", "0.0.0.0/0", "10.0.0.0/8", "10.99.1.2:0/17", "10.99.1.2 --yes", "::/0"}) {
    for (const FenceAct act : {FenceAct::set, FenceAct::check, FenceAct::lift}) {
      const FenceResult refused = fence(subject, fence_call(act, target));
      CHECK(refused.state == FenceCallState::failed);
      CHECK(refused.error.code == Errc::invalid);
    }
  }
  subject.arm(Stage::change, Fault::wrong_credentials);
  const FenceResult denied = fence(subject, fence_call(FenceAct::set, "10.99.1.2"));
  subject.disarm();
  CHECK(denied.state == FenceCallState::failed);
  CHECK(denied.error.code == Errc::permission);
  subject.arm(Stage::change, Fault::hang);
  FenceCall set = fence_call(FenceAct::set, "10.99.1.2");
  set.deadline = seconds(1);
  CHECK(fence(subject, set).state == FenceCallState::uncertain);
  subject.disarm();
  CHECK(check_fence(subject, "10.99.1.2").held == TriState::no);
}
