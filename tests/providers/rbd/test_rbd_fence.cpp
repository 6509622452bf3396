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
#include "tests/providers/rbd/mapped.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

namespace {

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

// Of Mapped::exit_of_write(), which is done under a mounted filesystem: that has nothing there.
constexpr std::size_t kBlockAt = 60U << 20U;
constexpr std::size_t kBlockSize = 4096;

// The client that had the image may go on trying for ever; one that is made anew is told.
void check_fails_to_write(RbdSubject& subject, Mapped& host) {
  CHECK(host.exit_of_write() != 0);
  const CephCluster& ceph = subject.ceph;
  const ProcessResult anew = CephCluster::run(
      ceph.on_host(1, {"/usr/bin/rbd", "--conf", ceph.conf, "--id", "extvold", "--keyring", ceph.keyring,
                       "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "4K", "p1/xv-moved"}));
  CHECK(anew.exit_status == ESHUTDOWN);
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
  check_held(subject, target);  // also while the writer has not noticed yet
  const std::int64_t last = writer.await_end();
  CHECK(last >= 5);
  const WallTime expired_at = check_fence(subject, target).expires_at;
  ::sleep(1);
  set_fence(subject, target);  // once more renews it
  check_held(subject, target);
  CHECK(check_fence(subject, target).expires_at.ns >= expired_at.ns + 1'000'000'000);
  CHECK(inspect(subject, wanted).attachments.empty());

  // Whatever the first one tries now, nothing of it arrives.
  const std::string before = bytes_of(subject, "p1/xv-moved");
  check_fails_to_write(subject, first);
  CHECK(exit_of_new_client(subject, 1) == ESHUTDOWN);
  CHECK((bytes_of(subject, "p1/xv-moved") == before));

  std::string owned;
  {
    Mapped second(subject, 2, "xv-moved");
    second.mount();
    CHECK(number_in(second.folder + "/count") >= last);
    CHECK(number_in(second.folder + "/count") <= last + 1);  // the one that was not said any more
    Writer taken_over(second.folder + "/count");
    taken_over.await(5);
    taken_over.stop();
    // The very block that the first one writes to is the second's now, and the second is made to write
    // nothing more: whatever changed now would be the first one's. (A mounted ext4 writes by itself, too: it
    // fills its tables of inodes with zeroes long after it was made.)
    CHECK(second.exit_of_write() == 0);
    second.freeze();
    owned = bytes_of(subject, "p1/xv-moved");
    CHECK((owned.substr(kBlockAt, kBlockSize) != before.substr(kBlockAt, kBlockSize)));
    check_fails_to_write(subject, first);
    CHECK((bytes_of(subject, "p1/xv-moved") == owned));
    second.thaw();
    Writer goes_on(second.folder + "/count");
    goes_on.await(5);
    const ObservedVolume moved = inspect(subject, wanted);
    REQUIRE(moved.attachments.size() == 1);
    CHECK(moved.attachments.front().host_identity == "10.99.2.0/24");
    goes_on.stop();
    second.unmap();
  }

  owned = bytes_of(subject, "p1/xv-moved");
  lift_fence(subject, target);
  lift_fence(subject, target);  // what does not stand is lifted
  CHECK(exit_of_new_client(subject, 1) == 0);
  // What the first one could not write it does not write now either.
  ::sleep(2);
  CHECK((bytes_of(subject, "p1/xv-moved") == owned));
}
