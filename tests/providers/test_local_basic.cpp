// The local provider with real loop devices, filesystems and mounts: what an operator sees on a good day.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

void check_done(const OperationResult& result, Outcome outcome) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::done);
  CHECK(result.outcome == outcome);
}

// Block groups whose inode table mkfs left to the kernel to zero, which punches holes into the image (ext4
// with blocks of 1 KiB and descriptors of 64 bytes; bg_flags at 0x12, EXT4_BG_INODE_ZEROED 4).
int lazy_groups(const std::string& image) {
  constexpr std::int64_t kBlockGroup = 8 * 1024 * 1024;
  const std::string bytes = read_text(image);
  const auto groups = (static_cast<std::int64_t>(bytes.size()) + kBlockGroup - 1) / kBlockGroup;
  int out = 0;
  for (std::int64_t group = 0; group < groups; ++group)
    out += (bytes.at(static_cast<std::size_t>(2048 + group * 64 + 0x12)) & 4) == 0 ? 1 : 0;
  return out;
}

void check_failed(const OperationResult& result, Errc code, const std::string& part) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::failed);
  CHECK(to_text(result.error.code) == to_text(code));
  CHECK(result.error.message.find(part) != std::string::npos);
}

TriState in_use(LocalWorld& world, const std::string& host) {
  for (const ObservedHost& one : world.observe().hosts) {
    if (one.host_identity == host) return one.in_use;
  }
  return TriState::unknown;
}

}  // namespace

TEST_CASE("local: create reserves the space, is idempotent, and remove removes everything") {
  LocalWorld world;
  const Volume volume = world.volume("xv-one");
  const OperationCall create = world.call(OperationKind::create, volume);
  const OperationResult made = world.execute(create);
  check_done(made, Outcome::changed);
  CHECK(made.provider_ref == "hdd/xv-one.img");
  CHECK(made.granted_size_mb == 16);
  struct stat st {};
  REQUIRE(::stat(world.image(volume).c_str(), &st) == 0);
  CHECK(st.st_size == 16 << 20);
  CHECK(st.st_blocks * 512 >= 16 << 20);
  CHECK((st.st_mode & 0777U) == 0600U);
  check_done(world.execute(create), Outcome::unchanged);

  Volume other = volume;
  other.size_mb = 32;
  check_failed(world.execute(world.call(OperationKind::create, other)), Errc::conflict, "exists with 16 MB");
  OperationCall foreign = create;
  foreign.ledger_id = "ledger-2";
  check_failed(world.execute(foreign), Errc::conflict, "tagged by ledger ledger-1");

  foreign.operation.kind = OperationKind::remove;
  check_failed(world.execute(foreign), Errc::conflict, "not this ledger's");
  const OperationCall remove = world.call(OperationKind::remove, volume);
  check_done(world.execute(remove), Outcome::changed);
  check_done(world.execute(remove), Outcome::unchanged);
  CHECK_FALSE(exists(world.image(volume)));
  CHECK_FALSE(exists(world.sidecar(volume)));
  CHECK_FALSE(exists(world.lock(volume)));
}

TEST_CASE("local: attach, format, mount, detach, on another host again", "[root]") {
  if (lacks_root("loop devices")) return;
  const auto [filesystem, size_mb] =
      GENERATE(std::pair{Filesystem::ext4, 16}, std::pair{Filesystem::xfs, 300});
  LocalWorld world;
  write_text(world.dir + "/hosts/a1/boot_id", "boot-one\n");
  Volume volume = world.volume("xv-abcdefghijklmnopqrstuvwxyz", size_mb, filesystem);
  volume.mount_point = "/var/lib/pg";
  check_done(world.execute(world.call(OperationKind::create, volume)), Outcome::changed);

  // On the format host it is attached, but not mounted: there is nothing to mount yet.
  const OperationCall attach = world.call(OperationKind::attach, volume, "a1");
  const OperationResult attached = world.execute(attach);
  check_done(attached, Outcome::changed);
  CHECK(attached.device.rfind("/dev/loop", 0) == 0);
  CHECK(attached.host_identity == "a1");
  CHECK(attached.boot_id == "boot-one");
  CHECK_FALSE(attached.mounted);
  check_done(world.execute(attach), Outcome::unchanged);
  CHECK(world.loops() == 1);

  OperationCall format = world.call(OperationKind::format, volume, "a1");
  format.device = attached.device;
  const OperationResult made = world.execute(format);
  check_done(made, Outcome::changed);
  CHECK(made.boot_id == "boot-one");
  check_done(world.execute(format), Outcome::unchanged);

  volume.format = FormatState::formatted;
  const OperationResult mounted = world.execute(world.call(OperationKind::attach, volume, "a1"));
  check_done(mounted, Outcome::changed);
  CHECK(mounted.mounted);
  check_done(world.execute(world.call(OperationKind::attach, volume, "a1")), Outcome::unchanged);
  write_text(world.dir + "/hosts/a1/mnt/var/lib/pg/row", "committed");

  ObservedVolume seen = world.inspect(volume);
  CHECK(seen.key == volume.key);
  CHECK(seen.ledger_id == "ledger-1");
  CHECK(seen.size_mb == size_mb);
  CHECK(seen.call_running == TriState::no);
  REQUIRE(seen.attachments.size() == 1);
  CHECK(seen.attachments[0].host_identity == "a1");
  CHECK(seen.attachments[0].device == attached.device);
  CHECK(seen.attachments[0].boot_id == "boot-one");
  CHECK(seen.attachments[0].mounted == TriState::yes);
  CHECK(seen.attachments[0].open == TriState::no);
  CHECK(seen.attachments[0].mount_paths == std::vector<std::string>{world.dir + "/hosts/a1/mnt/var/lib/pg"});
  CHECK(in_use(world, "a1") == TriState::yes);
  CHECK(in_use(world, "a2") == TriState::no);

  check_failed(world.execute(world.call(OperationKind::attach, volume, "a2")), Errc::conflict,
               "attached to host a1");
  check_failed(world.execute(world.call(OperationKind::remove, volume)), Errc::conflict,
               "attached to host a1");

  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::changed);
  check_done(world.execute(world.call(OperationKind::detach, volume, "a1")), Outcome::unchanged);
  CHECK(world.loops() == 0);
  CHECK_FALSE(exists(world.record(volume, "a1")));
  CHECK_FALSE(exists(world.dir + "/hosts/a1/mnt/var"));
  CHECK(world.inspect(volume).attachments.empty());
  CHECK(in_use(world, "a1") == TriState::no);

  check_done(world.execute(world.call(OperationKind::attach, volume, "a2")), Outcome::changed);
  CHECK(read_text(world.dir + "/hosts/a2/mnt/var/lib/pg/row") == "committed");
  struct stat st {};
  REQUIRE(::stat(world.image(volume).c_str(), &st) == 0);
  CHECK(st.st_blocks * 512 >= st.st_size);  // mkfs discarded nothing of the reserved space
  if (filesystem == Filesystem::ext4) CHECK(lazy_groups(world.image(volume)) == 0);
  check_done(world.execute(world.call(OperationKind::detach, volume, "a2")), Outcome::changed);
}
