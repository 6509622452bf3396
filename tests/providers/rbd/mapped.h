// Mapped: an image as a host has it. Main thread only.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/providers/local_world.h"
#include "tests/providers/rbd/fence_calls.h"

namespace extvold::tests::conformance {

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
    if (frozen_) CephCluster::run({"/sbin/fsfreeze", "--unfreeze", folder});
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
  // Everything is written, and its filesystem writes nothing more until it is thawed.
  void freeze() {
    CephCluster::must({"/sbin/fsfreeze", "--freeze", folder});
    frozen_ = true;
  }
  void thaw() {
    CephCluster::must({"/sbin/fsfreeze", "--unfreeze", folder});
    frozen_ = false;
  }
  // As a host does that is well: its watch ends at once, and not after half a minute.
  void unmap() const {
    CephCluster::must({"/bin/umount", folder});
    CephCluster::must({"/bin/umount", fuse_});
    CHECK(ceph_.exit_of(pid_, seconds(10)) == 0);
  }
  // How a write straight to the image, past the filesystem, to its block at 60 MiB ended; none: it did not.
  std::optional<int> exit_of_write() {
    const pid_t pid = ceph_.start({"/bin/dd", "if=/dev/urandom", "of=" + file, "bs=4096", "count=1",
                                   "seek=15360", "conv=notrunc,fsync"});
    const std::optional<int> ended = ceph_.exit_of(pid, seconds(5));
    if (!ended) tries_.push_back(pid);
    return ended;
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
  bool frozen_ = false;
  std::vector<pid_t> tries_;  // that have not ended
};

}  // namespace extvold::tests::conformance
