// The local provider's resize: the image, the loop device under its mount, and what is on it.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

OperationCall resize_call(const LocalWorld& world, Volume volume, std::int64_t size_mb) {
  volume.wanted_size_mb = size_mb;
  return world.call(OperationKind::resize, volume);
}

std::int64_t device_mb(const std::string& device) {
  const int fd = ::open(device.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  std::uint64_t size = 0;
  CHECK(::ioctl(fd, BLKGETSIZE64, &size) == 0);
  ::close(fd);
  return static_cast<std::int64_t>(size >> 20U);
}

std::int64_t room_mb(const std::string& mounted_at) {
  struct statvfs st {};
  REQUIRE(::statvfs(mounted_at.c_str(), &st) == 0);
  return static_cast<std::int64_t>(st.f_blocks * st.f_frsize >> 20U);
}

std::int64_t image_bytes(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_size;
}

}  // namespace

TEST_CASE("local: a volume grows under its mount, and its filesystem can be grown there", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-grow", 300, Filesystem::xfs);
  volume.mount_point = "/data";
  const OperationResult attached = world.execute(world.call(OperationKind::attach, volume, "a1"));
  REQUIRE(attached.mounted);
  const std::string row = world.dir + "/hosts/a1/mnt/data/row";
  write_text(row, "committed");
  const OperationResult grown = world.execute(resize_call(world, volume, 400));
  INFO(grown.error.message);
  REQUIRE(grown.state == OperationState::done);
  CHECK(grown.outcome == Outcome::changed);
  CHECK(world.inspect(volume).size_mb == 400);
  CHECK(device_mb(attached.device) == 400);
  const std::string mounted_at = world.dir + "/hosts/a1/mnt/data";
  const std::int64_t before = room_mb(mounted_at);
  CHECK(run_program({"/usr/sbin/xfs_growfs", mounted_at}) == 0);
  CHECK(room_mb(mounted_at) > before + 80);
  CHECK(read_text(row) == "committed");
}

TEST_CASE("local: an image that cannot grow keeps its size", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  world.config.pools.at(0).capacity_mb = 40;
  world.restart();
  const Volume volume = world.formatted("xv-grow", 16);
  const OperationResult full = world.execute(resize_call(world, volume, 41));
  CHECK(full.state == OperationState::failed);
  CHECK(full.error.code == Errc::exhausted);
  CHECK(image_bytes(world.image(volume)) == 16 << 20);
  CHECK(world.execute(resize_call(world, volume, 40)).state == OperationState::done);
  CHECK(world.inspect(volume).size_mb == 40);
}

TEST_CASE("local: a disk without room for a larger image leaves it as it was", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.formatted("xv-grow", 16);
  const OperationResult full = world.execute(resize_call(world, volume, 1 << 30));
  INFO(full.error.message);
  CHECK(full.state == OperationState::failed);
  CHECK(full.error.code == Errc::exhausted);
  CHECK(image_bytes(world.image(volume)) == 16 << 20);
  CHECK(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
}
