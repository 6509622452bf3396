// The local provider where something is in use, in the way, or left behind: the traps of loop devices and
// mounts.
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "host/fd.h"
#include "host/loop.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;
using host::UniqueFd;

namespace {

void check_done(const OperationResult& result, Outcome outcome) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::done);
  CHECK(result.outcome == outcome);
}

void check_failed(const OperationResult& result, Errc code, const std::string& part) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::failed);
  CHECK(to_text(result.error.code) == to_text(code));
  CHECK(result.error.message.find(part) != std::string::npos);
}

bool is_autoclear(const std::string& path) {
  const UniqueFd loop(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  loop_info64 info{};
  REQUIRE(::ioctl(loop.get(), LOOP_GET_STATUS64, &info) == 0);
  return (info.lo_flags & LO_FLAGS_AUTOCLEAR) != 0;
}

}  // namespace

TEST_CASE("local: a detach is refused while the device is open, and nothing has changed", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-open");
  volume.mount_point = "/data";
  const OperationResult attached = world.execute(world.call(OperationKind::attach, volume, "a1"));
  check_done(attached, Outcome::changed);
  const std::string folder = world.dir + "/hosts/a1/mnt/data";

  SECTION("a file on the mount") {
    write_text(folder + "/file", "x");
    const UniqueFd file(::open((folder + "/file").c_str(), O_RDONLY | O_CLOEXEC));
    check_failed(world.execute(world.call(OperationKind::detach, volume, "a1")), Errc::busy, folder);
    CHECK(read_text(folder + "/file") == "x");
  }
  SECTION("the device itself, not claimed") {
    const UniqueFd device(::open(attached.device.c_str(), O_RDONLY | O_CLOEXEC));
    check_failed(world.execute(world.call(OperationKind::detach, volume, "a1")), Errc::busy, "in use by");
    CHECK(world.inspect(volume).attachments.at(0).open == TriState::yes);
    CHECK(world.inspect(volume).attachments.at(0).mounted == TriState::yes);  // mounted again
    CHECK_FALSE(is_autoclear(attached.device));
  }
  SECTION("a bind mount elsewhere") {
    std::filesystem::create_directory(world.dir + "/elsewhere");
    REQUIRE(::mount(folder.c_str(), (world.dir + "/elsewhere").c_str(), nullptr, MS_BIND, nullptr) == 0);
    check_failed(world.execute(world.call(OperationKind::detach, volume, "a1")), Errc::busy,
                 world.dir + "/elsewhere");
    CHECK(world.inspect(volume).attachments.at(0).mount_paths.size() == 2);
    ::umount2((world.dir + "/elsewhere").c_str(), 0);
  }
  SECTION("another mount namespace that keeps its copy") {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        ::_exit(1);
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    check_failed(world.execute(world.call(OperationKind::detach, volume, "a1")), Errc::busy,
                 "mount namespace of pid");
    CHECK(world.inspect(volume).attachments.at(0).mounted == TriState::yes);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    for (const int fd : ready) ::close(fd);
  }
  CHECK(world.loops() == 1);
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  CHECK(world.loops() == 0);
}

TEST_CASE("host: LOOP_CLR_FD on an open device is noticed and taken back", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-clr");
  world.execute(world.call(OperationKind::create, volume));
  const std::string device = world.execute(world.call(OperationKind::attach, volume, "a1")).device;
  const Result<std::vector<host::LoopDevice>> loops = host::list_loops();
  REQUIRE(loops);
  for (const host::LoopDevice& loop : *loops) {
    if (loop.path != device) continue;
    const UniqueFd holder(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    const Status refused = host::detach_loop(loop);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::busy);
    CHECK_FALSE(is_autoclear(device));
  }
  CHECK(world.inspect(volume).attachments.size() == 1);  // the holder's close did not take it down
}

TEST_CASE("local: an image that has a loop device already", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-double");
  check_done(world.execute(world.call(OperationKind::create, volume)), Outcome::changed);

  SECTION("of somebody else: shown without a host, never doubled, never taken down") {
    const std::string other = losetup(world.image(volume));
    const OperationCall attach = world.call(OperationKind::attach, volume, "a1");
    check_failed(world.execute(attach), Errc::conflict, other);
    check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::unchanged);
    check_failed(world.execute(world.call(OperationKind::remove, volume)), Errc::conflict, other);
    const ObservedVolume seen = world.inspect(volume);
    REQUIRE(seen.attachments.size() == 1);
    CHECK(seen.attachments[0].host_identity.empty());
    CHECK(seen.attachments[0].device == other);
    clear_loop(other);
  }
  SECTION("of ours, whose record was lost: attributed by its tag, and adopted again") {
    const OperationResult first = world.execute(world.call(OperationKind::attach, volume, "a1"));
    REQUIRE(::unlink(world.record(volume, "a1").c_str()) == 0);
    CHECK(world.inspect(volume).attachments.at(0).host_identity == "a1");
    check_failed(world.execute(world.call(OperationKind::attach, volume, "a2")), Errc::conflict, "host a1");
    const OperationResult again = world.execute(world.call(OperationKind::attach, volume, "a1"));
    check_done(again, Outcome::unchanged);
    CHECK(again.device == first.device);
    CHECK(exists(world.record(volume, "a1")));
    CHECK(world.loops() == 1);
  }
  SECTION("of ours, with a garbled record") {
    world.execute(world.call(OperationKind::attach, volume, "a1"));
    write_text(world.record(volume, "a1"), "{\"layout\":");
    CHECK(world.inspect(volume).attachments.at(0).host_identity == "a1");
    check_done(world.execute(world.call(OperationKind::attach, volume, "a1")), Outcome::unchanged);
    check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  }
  SECTION("of ours, but the image was replaced under it") {
    world.execute(world.call(OperationKind::attach, volume, "a1"));
    REQUIRE(::rename(world.image(volume).c_str(), (world.dir + "/kept").c_str()) == 0);
    std::filesystem::copy_file(world.dir + "/kept", world.image(volume));
    check_failed(world.execute(world.call(OperationKind::attach, volume, "a1")), Errc::conflict, "replaced");
    check_failed(world.execute(world.call(OperationKind::attach, volume, "a2")), Errc::conflict, "host a1");
    check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  }
}

TEST_CASE("local: the write-protection of a loop number's former life is reset", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-sticky");
  check_done(world.execute(world.call(OperationKind::create, volume)), Outcome::changed);
  const OperationResult first = world.execute(world.call(OperationKind::attach, volume, "a1"));
  {
    const UniqueFd device(::open(first.device.c_str(), O_RDONLY | O_CLOEXEC));
    const int one = 1;
    REQUIRE(::ioctl(device.get(), BLKROSET, &one) == 0);
  }
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  const OperationResult second = world.execute(world.call(OperationKind::attach, volume, "a1"));
  check_done(second, Outcome::changed);
  if (second.device != first.device) WARN("another process took " << first.device << ": shows less");
  CHECK_FALSE(world.inspect(volume).attachments.at(0).read_only);
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);

  OperationCall attach = world.call(OperationKind::attach, volume, "a1");
  attach.read_only = true;
  check_done(world.execute(attach), Outcome::changed);
  CHECK(world.inspect(volume).attachments.at(0).read_only);
  attach.read_only = false;
  check_failed(world.execute(attach), Errc::conflict, "read-only");  // never becomes writable by itself
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  check_done(world.execute(attach), Outcome::changed);
  CHECK_FALSE(world.inspect(volume).attachments.at(0).read_only);
}

TEST_CASE("local: a volume that is read-only for everybody goes to several hosts", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-many");
  volume.access = AccessMode::ro;
  volume.mount_point = "/ro";
  OperationCall one = world.call(OperationKind::attach, volume, "a1");
  OperationCall two = world.call(OperationKind::attach, volume, "a2");
  one.read_only = two.read_only = true;
  check_done(world.execute(one), Outcome::changed);
  check_done(world.execute(two), Outcome::changed);
  check_done(world.execute(two), Outcome::unchanged);
  CHECK(world.inspect(volume).attachments.size() == 2);
  two.volume.access = AccessMode::rw;
  check_failed(world.execute(two), Errc::conflict, "host a1");
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  CHECK(world.inspect(volume).attachments.at(0).host_identity == "a2");
  CHECK(exists(world.dir + "/hosts/a2/mnt/ro/lost+found"));
}

TEST_CASE("local: a mount goes only where it should, and only the right filesystem", "[root]") {
  if (lacks_root("mounts")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-mount");
  volume.mount_point = "/data";
  const std::string folder = world.dir + "/hosts/a1/mnt/data";
  const OperationCall attach = world.call(OperationKind::attach, volume, "a1");

  SECTION("something else is mounted there") {
    std::filesystem::create_directories(folder);
    REQUIRE(::mount("tmpfs", folder.c_str(), "tmpfs", 0, nullptr) == 0);
    check_failed(world.execute(attach), Errc::conflict, "something else is mounted");
    REQUIRE(::umount2(folder.c_str(), 0) == 0);
  }
  SECTION("the way leads through a symlink") {
    std::filesystem::create_directories(world.dir + "/hosts/a1/mnt");
    std::filesystem::create_directory_symlink("/tmp", folder);
    const OperationResult result = world.execute(attach);
    CHECK(result.state == OperationState::failed);
  }
  SECTION("the host's mnt, or its whole folder, is a symlink") {
    std::filesystem::create_directory(world.dir + "/elsewhere");
    std::filesystem::remove_all(world.dir + "/hosts/a1/mnt");
    std::filesystem::create_directory_symlink(world.dir + "/elsewhere", world.dir + "/hosts/a1/mnt");
    check_failed(world.execute(attach), Errc::conflict, "mount --bind");
    std::filesystem::rename(world.dir + "/hosts/a1", world.dir + "/hosts/.a1");
    std::filesystem::create_directory_symlink(world.dir + "/hosts/.a1", world.dir + "/hosts/a1");
    check_failed(world.execute(attach), Errc::conflict, "mount --bind");
    CHECK(std::filesystem::is_empty(world.dir + "/elsewhere"));
  }
  SECTION("another filesystem stands on it") {
    const std::string device =
        world.execute(world.call(OperationKind::attach, world.volume("xv-mount"), "a1")).device;
    REQUIRE(run_program({"/usr/sbin/mkfs.ext4", "-q", device}) == 0);
    check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
    check_failed(world.execute(attach), Errc::conflict, "not what extvold made");
  }
  SECTION("no filesystem stands on it") {
    std::filesystem::resize_file(world.image(volume), 0);
    std::filesystem::resize_file(world.image(volume), 16 << 20);
    check_failed(world.execute(attach), Errc::conflict, "holds no ext4");
  }
  SECTION("a superblock that does not mount") {
    const UniqueFd image(::open(world.image(volume).c_str(), O_RDWR | O_CLOEXEC));
    const std::string noise(4096, '\x5a');
    REQUIRE(::pwrite(image.get(), noise.data(), noise.size(), 1024 + 104 + 32) > 0);  // behind UUID and label
    const OperationResult result = world.execute(attach);
    CHECK(result.state == OperationState::failed);
  }
  SECTION("mount points that lead out") {
    for (const char* bad : {"data", "/", "/../x", "/a/../../x", "/a//b", "/a/", "/a b", "/."}) {
      volume.mount_point = bad;
      check_failed(world.execute(world.call(OperationKind::attach, volume, "a1")), Errc::invalid,
                   "mount point");
    }
  }
  CHECK(world.loops() == 0);  // a refused attach leaves nothing
  CHECK_FALSE(exists(world.record(volume, "a1")));
}

TEST_CASE("local: unknown hosts and missing folders say what to do") {
  LocalWorld world;
  const Volume volume = world.volume("xv-x");
  check_done(world.execute(world.call(OperationKind::create, volume)), Outcome::changed);
  check_failed(world.execute(world.call(OperationKind::attach, volume, "a9")), Errc::conflict,
               "mkdir " + world.dir + "/hosts/a9");
  check_failed(world.execute(world.call(OperationKind::attach, volume, "../hosts/a1")), Errc::invalid,
               "not a name");
  check_failed(world.execute(world.call(OperationKind::attach, world.volume("xv-none"), "a1")),
               Errc::not_found, "xv-none");
  Volume lost = world.volume("xv-y");
  lost.pool.pool = "nvme";
  check_failed(world.execute(world.call(OperationKind::create, lost)), Errc::not_found, "nvme");
  lost.pool.pool = "../x";
  check_failed(world.execute(world.call(OperationKind::create, lost)), Errc::invalid, "");
  std::filesystem::remove_all(world.dir + "/root");
  const OperationResult result = world.execute(world.call(OperationKind::create, volume));
  CHECK(result.state == OperationState::failed);
  const ProviderObservation seen = world.observe();
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("mkdir -p " + world.dir + "/root") != std::string::npos);
}

TEST_CASE("local: no space") {
  LocalWorld world;
  SECTION("below the pool's own limit") {
    world.config.pools[0].capacity_mb = 40;
    world.restart();
    check_done(world.execute(world.call(OperationKind::create, world.volume("xv-1", 30))), Outcome::changed);
    check_failed(world.execute(world.call(OperationKind::create, world.volume("xv-2", 30))), Errc::exhausted,
                 "30 of 40 MB");
    CHECK(world.observe().pools.at(0).free_mb == 10);
  }
  SECTION("on the disk: the half-made file is gone") {
    if (lacks_root("a small tmpfs")) return;
    REQUIRE(::mount("tmpfs", (world.dir + "/root/hdd").c_str(), "tmpfs", 0, "size=20m") == 0);
    check_failed(world.execute(world.call(OperationKind::create, world.volume("xv-1", 30))), Errc::exhausted,
                 "No space left");
    CHECK(std::filesystem::is_empty(world.dir + "/root/hdd"));
    check_done(world.execute(world.call(OperationKind::create, world.volume("xv-2", 10))), Outcome::changed);
  }
  SECTION("too small for its filesystem") {
    check_failed(world.execute(world.call(OperationKind::create, world.volume("xv-1", 299, Filesystem::xfs))),
                 Errc::invalid, "xfs needs 300 MB");
  }
}

TEST_CASE("local: clones share or copy, only while the source is detached", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume source = world.formatted("xv-source", 300, Filesystem::xfs);
  source.mount_point = "/s";
  check_done(world.execute(world.call(OperationKind::attach, source, "a1")), Outcome::changed);
  write_text(world.dir + "/hosts/a1/mnt/s/file", "original");
  Volume clone = world.volume("xv-clone", 310, Filesystem::xfs);
  clone.origin = VolumeOrigin::cloned;
  clone.format = FormatState::not_wanted;
  clone.mount_point = "/c";
  OperationCall create = world.call(OperationKind::create, clone);
  create.source_ref = source.provider_ref;
  check_failed(world.execute(create), Errc::conflict, "host a1");
  CHECK_FALSE(exists(world.sidecar(clone)));
  check_done(world.execute(world.call(OperationKind::detach, source, "a1")), Outcome::changed);
  check_done(world.execute(create), Outcome::changed);
  check_done(world.execute(create), Outcome::unchanged);

  // Both at once: xfs itself refuses two mounts of one UUID.
  check_done(world.execute(world.call(OperationKind::attach, source, "a1")), Outcome::changed);
  check_done(world.execute(world.call(OperationKind::attach, clone, "a1")), Outcome::changed);
  CHECK(read_text(world.dir + "/hosts/a1/mnt/c/file") == "original");
  const OperationResult refused = world.execute(world.call(OperationKind::format, clone, "a1"));
  CHECK(refused.format_refused);
  check_done(world.execute(world.call(OperationKind::detach, clone, "a1")), Outcome::changed);
  check_done(world.execute(world.call(OperationKind::detach, source, "a1")), Outcome::changed);
}

TEST_CASE("local: a loop device of another root is not ours, whatever its names", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld one;
  LocalWorld other;
  for (LocalWorld* world : {&one, &other})
    write_text(world->dir + "/root/hdd/data.img", std::string(1 << 20, 'd'));
  Volume volume = one.volume("hdd/data.img", 1, Filesystem::none);
  volume.provider_ref = "hdd/data.img";
  volume.origin = VolumeOrigin::adopted;
  check_done(one.execute(one.call(OperationKind::attach, volume, "a1")), Outcome::changed);
  check_done(other.execute(other.call(OperationKind::detach, volume, "a1")), Outcome::unchanged);
  CHECK(one.inspect(volume).attachments.at(0).host_identity == "a1");
  CHECK(other.inspect(volume).attachments.empty());
  check_done(other.execute(other.call(OperationKind::attach, volume, "a1")), Outcome::changed);
  CHECK(other.loops() == 1);
  check_done(one.execute(one.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  CHECK(other.loops() == 1);
}

TEST_CASE("local: an attached volume is never missing in silence", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume(derived_name("xv-", "some volume"));
  check_done(world.execute(world.call(OperationKind::create, volume)), Outcome::changed);
  check_done(world.execute(world.call(OperationKind::create, world.volume("xv-other"))), Outcome::changed);
  const std::string device = world.execute(world.call(OperationKind::attach, volume, "a1")).device;
  const std::string pool = world.config.root + "/hdd";
  const auto check_missed = [&](const std::string& part) {
    for (const std::string& key : {volume.key, std::string()}) {
      const ProviderObservation seen = world.observe(key);
      INFO(key << ": " << seen.why_incomplete);
      CHECK_FALSE(seen.complete);
      CHECK(seen.why_incomplete.find(part) != std::string::npos);
    }
  };
  SECTION("its sidecar is gone") {
    REQUIRE(::rename(world.sidecar(volume).c_str(), (world.dir + "/kept").c_str()) == 0);
    check_missed(world.sidecar(volume) + " is missing");
    CHECK(world.observe("xv-other").complete);
    REQUIRE(::rename((world.dir + "/kept").c_str(), world.sidecar(volume).c_str()) == 0);
  }
  SECTION("its image too, moved out of the root, and the host's folder") {
    REQUIRE(::rename(world.sidecar(volume).c_str(), (world.dir + "/kept.json").c_str()) == 0);
    REQUIRE(::rename(world.image(volume).c_str(), (world.dir + "/kept.img").c_str()) == 0);
    REQUIRE(::rename((world.dir + "/hosts/a1").c_str(), (world.dir + "/hosts/.a1").c_str()) == 0);
    check_missed(device);
    CHECK(world.observe("xv-other").complete);
    REQUIRE(::rename((world.dir + "/kept.json").c_str(), world.sidecar(volume).c_str()) == 0);
    REQUIRE(::rename((world.dir + "/kept.img").c_str(), world.image(volume).c_str()) == 0);
    CHECK(world.inspect(volume).attachments.at(0).host_identity.empty());
    REQUIRE(::rename((world.dir + "/hosts/.a1").c_str(), (world.dir + "/hosts/a1").c_str()) == 0);
  }
  SECTION("another filesystem is mounted over the pool") {
    REQUIRE(::mount("tmpfs", pool.c_str(), "tmpfs", 0, "size=1m") == 0);
    check_missed(device);
    REQUIRE(::umount2(pool.c_str(), 0) == 0);
  }
  CHECK(world.inspect(volume).attachments.at(0).host_identity == "a1");
}

TEST_CASE("local: an AUTOCLEAR that somebody else set is taken back", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-auto");
  volume.mount_point = "/data";
  const OperationCall attach = world.call(OperationKind::attach, volume, "a1");
  const std::string device = world.execute(attach).device;
  clear_loop(device);  // as `losetup -d` does: answered 0, and the device stays, as it is mounted
  REQUIRE(is_autoclear(device));
  SECTION("by the next attach") {
    check_done(world.execute(attach), Outcome::unchanged);
    CHECK_FALSE(is_autoclear(device));
  }
  SECTION("by a detach, before it unmounts") {
    world.config.helper_environment = {"EXTVOLD_HELPER_CRASH_AT=detach.after_umount"};
    world.restart();
    CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).state == OperationState::uncertain);
    world.config.helper_environment = {};
    world.restart();
    CHECK(world.inspect(volume).attachments.size() == 1);
  }
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  CHECK(world.loops() == 0);
}

TEST_CASE("host: a device is held only while it is the same attachment", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-held");
  world.execute(world.call(OperationKind::create, volume));
  const std::string device = world.execute(world.call(OperationKind::attach, volume, "a1")).device;
  const Result<std::vector<host::LoopDevice>> loops = host::list_loops();
  REQUIRE(loops);
  for (host::LoopDevice loop : *loops) {
    if (loop.path != device) continue;
    CHECK(host::hold_loop(loop));
    loop.tag += "x";
    CHECK(host::hold_loop(loop).error().code == Errc::not_found);
    loop.tag.pop_back();
    check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
    CHECK(host::hold_loop(loop).error().code == Errc::not_found);
  }
}

TEST_CASE("local: foreign and adopted volumes", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  write_text(world.dir + "/root/hdd/backup.img", std::string(16 << 20, 'b'));
  write_text(world.dir + "/root/hdd/backup.img.sha256", "x");
  const ProviderObservation seen = world.observe();
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 2);
  CHECK(seen.volumes[0].key == "hdd/backup.img");
  CHECK(seen.volumes[0].ledger_id.empty());
  CHECK(seen.volumes[0].size_mb == 16);

  Volume volume = world.volume("hdd/backup.img", 16, Filesystem::none);
  volume.provider_ref = "hdd/backup.img";
  check_failed(world.execute(world.call(OperationKind::attach, volume, "a1")), Errc::conflict, "has no tag");
  check_failed(world.execute(world.call(OperationKind::remove, volume)), Errc::conflict, "has no tag");
  volume.origin = VolumeOrigin::adopted;
  check_done(world.execute(world.call(OperationKind::attach, volume, "a1")), Outcome::changed);
  CHECK(world.inspect(volume).attachments.at(0).host_identity == "a1");
  volume.filesystem = Filesystem::ext4;
  CHECK(world.execute(world.call(OperationKind::format, volume, "a1")).format_refused);
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  CHECK(read_text(world.dir + "/root/hdd/backup.img") == std::string(16 << 20, 'b'));
}
