// mkfs runs only on what is proven blank: every refusal, on real devices.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "host/fd.h"
#include "host/mkfs.h"
#include "host/probe.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;
using host::UniqueFd;

namespace {

void poke(const std::string& path, off_t offset, std::string_view bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), offset) == static_cast<ssize_t>(bytes.size()));
  REQUIRE(::fsync(fd.get()) == 0);
}

struct Attached {
  LocalWorld world;
  Volume volume;
  OperationResult attach;

  explicit Attached(std::int64_t size_mb = 64, Filesystem filesystem = Filesystem::ext4)
      : volume(world.volume("xv-format", size_mb, filesystem)) {
    REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
    attach = world.execute(world.call(OperationKind::attach, volume, "a1"));
    REQUIRE(attach.state == OperationState::done);
  }

  OperationResult format() {
    OperationCall call = world.call(OperationKind::format, volume, "a1");
    call.device = attach.device;
    return world.execute(call);
  }

  void check_refused(const std::string& part) {
    const std::string before = checksum();
    const OperationResult result = format();
    INFO(result.error.message);
    CHECK(result.state == OperationState::failed);
    CHECK(result.format_refused);
    CHECK(result.error.message.find(part) != std::string::npos);
    CHECK(checksum() == before);
  }

  std::string checksum() const {
    return std::to_string(std::hash<std::string>{}(read_text(world.image(volume))));
  }
};

}  // namespace

TEST_CASE("local format: refuses whatever is not blank, and writes nothing", "[root]") {
  if (lacks_root("loop devices")) return;
  SECTION("another ext4") {
    Attached on;
    REQUIRE(run_program({"/usr/sbin/mkfs.ext4", "-q", on.attach.device}) == 0);
    on.check_refused("ext4");
  }
  SECTION("ext4 whose first MiB was wiped: the backup superblocks stay") {
    Attached on(160);
    REQUIRE(run_program({"/usr/sbin/mkfs.ext4", "-q", "-b", "4096", on.attach.device}) == 0);
    poke(on.attach.device, 0, std::string(1 << 20, '\0'));
    poke(on.attach.device, (160 << 20) - (1 << 20), std::string(1 << 20, '\0'));
    on.check_refused("holds data");
  }
  SECTION("an xfs") {
    Attached on(310);
    REQUIRE(run_program({"/usr/sbin/mkfs.xfs", "-q", on.attach.device}) == 0);
    on.check_refused("xfs");
  }
  SECTION("an MBR partition table") {
    Attached on;
    std::string sector(512, '\0');
    sector.replace(446, 16,
                   std::string("\x00\x00\x02\x00\x83\x00\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00", 16));
    sector.replace(510, 2, "\x55\xaa");
    poke(on.attach.device, 0, sector);
    on.check_refused("partition table");
  }
  SECTION("a LUKS header") {
    Attached on;
    std::string header(512, '\0');
    header.replace(0, 8, std::string("LUKS\xba\xbe\x00\x01", 8));
    poke(on.attach.device, 0, header);
    on.check_refused("");
  }
  SECTION("one byte that nobody knows, in the middle") {
    Attached on;
    poke(on.attach.device, 33'333'333, "x");
    on.check_refused("holds data");
  }
  SECTION("one byte in the last sector") {
    Attached on;
    poke(on.attach.device, (64 << 20) - 1, "x");
    on.check_refused("holds data");
  }
  SECTION("a filesystem of ours whose making was cut off") {
    Attached on;
    REQUIRE(on.format().outcome == Outcome::changed);
    poke(on.attach.device, 1024 + 58, std::string(2, '\0'));  // the superblock is not marked valid yet
    std::string sidecar = read_text(on.world.sidecar(on.volume));
    sidecar.replace(sidecar.find("finished"), 8, "intended");
    write_text(on.world.sidecar(on.volume), sidecar);
    on.check_refused("cut off");
  }
  SECTION("a volume that was formatted once and is blank now") {
    Attached on;
    REQUIRE(on.format().outcome == Outcome::changed);
    poke(on.attach.device, 0, std::string(64 << 20, '\0'));
    on.check_refused("formatted before");
  }
}

TEST_CASE("local format: refuses the wrong device, size, origin", "[root]") {
  if (lacks_root("loop devices")) return;
  Attached on;
  SECTION("another size in the ledger") {
    on.volume.size_mb = 65;
    on.check_refused("the ledger says 65 MB");
  }
  SECTION("the image grew") {
    std::filesystem::resize_file(on.world.image(on.volume), 65 << 20);
    OperationCall detach = on.world.call(OperationKind::detach, on.volume, "a1");
    REQUIRE(on.world.execute(detach).state == OperationState::done);
    on.attach = on.world.execute(on.world.call(OperationKind::attach, on.volume, "a1"));
    REQUIRE(on.attach.state == OperationState::done);  // as a resize that was cut off leaves it
    on.check_refused("bytes");
  }
  SECTION("the image shrank") {
    OperationCall detach = on.world.call(OperationKind::detach, on.volume, "a1");
    REQUIRE(on.world.execute(detach).state == OperationState::done);
    std::filesystem::resize_file(on.world.image(on.volume), 63 << 20);
    const OperationResult attach = on.world.execute(on.world.call(OperationKind::attach, on.volume, "a1"));
    CHECK(attach.state == OperationState::failed);
    CHECK(attach.error.message.find("its sidecar says 64 MB") != std::string::npos);
  }
  SECTION("a clone, an adopted one") {
    on.volume.origin = VolumeOrigin::cloned;
    on.check_refused("never formatted");
    on.volume.origin = VolumeOrigin::adopted;
    on.check_refused("never formatted");
  }
  SECTION("another device than recorded: not now, but not for ever") {
    on.attach.device = "/dev/loop4711";
    const OperationResult result = on.format();
    CHECK(result.state == OperationState::failed);
    CHECK_FALSE(result.format_refused);
  }
  SECTION("not attached there") {
    OperationCall call = on.world.call(OperationKind::format, on.volume, "a2");
    CHECK(on.world.execute(call).error.code == Errc::conflict);
  }
  SECTION("claimed by another") {
    const UniqueFd claim(::open(on.attach.device.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    const OperationResult result = on.format();
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::busy);
    CHECK_FALSE(result.format_refused);
  }
  SECTION("another ledger's") {
    OperationCall call = on.world.call(OperationKind::format, on.volume, "a1");
    call.ledger_id = "ledger-2";
    CHECK(on.world.execute(call).error.code == Errc::conflict);
  }
}

TEST_CASE("host probe: on files, without root") {
  LocalWorld world;
  const std::string path = world.dir + "/file";
  write_text(path, "");
  std::filesystem::resize_file(path, 32 << 20);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  CHECK(host::check_blank(fd.get(), path, 32 << 20));
  CHECK(host::check_blank_image(fd.get(), path, 32 << 20));

  SECTION("shorter than it should be: not blank but unknown") {
    const Status blank = host::check_blank(fd.get(), path, 33 << 20);
    REQUIRE_FALSE(blank);
    CHECK(blank.error().code != Errc::conflict);
  }
  SECTION("not readable") {
    fd.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    CHECK_FALSE(host::check_blank(fd.get(), path, 32 << 20));
    CHECK_FALSE(host::identify(fd.get(), path));
    poke(path, 0, "x");
    CHECK_FALSE(host::check_blank_image(fd.get(), path, 32 << 20));
  }
  SECTION("an ext4 and its marks") {
    if (run_program({"/usr/sbin/mkfs.ext4", "-q", "-F", "-L", "label", path}) != 0) return;
    auto found = host::identify(fd.get(), path);
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->type == "ext4");
    CHECK((*found)->label == "label");
    CHECK((*found)->finished);
    poke(path, 1024 + 58, std::string(2, '\0'));
    found = host::identify(fd.get(), path);
    REQUIRE((found && *found));
    CHECK_FALSE((*found)->finished);
    poke(path, 1024 + 0x3fc, "abcd");  // its checksum: a damaged filesystem is a filesystem
    found = host::identify(fd.get(), path);
    CHECK((found && *found));
    CHECK_FALSE(host::check_blank(fd.get(), path, 32 << 20));
  }
  SECTION("the same key gives the same names, another key others") {
    CHECK(host::filesystem_uuid("xv-1") == host::filesystem_uuid("xv-1"));
    CHECK(host::filesystem_uuid("xv-1") != host::filesystem_uuid("xv-2"));
    CHECK(host::filesystem_uuid("xv-1").size() == 36);
    CHECK(host::filesystem_uuid("xv-1")[14] == '8');
    CHECK(host::filesystem_label("xv-abcdefghijklmnop", Filesystem::xfs) == "xv-abcdefghi");
  }
}
