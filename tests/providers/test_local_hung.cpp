// Storage of somebody else's that hangs, on the machine that holds our volumes.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "host/files.h"
#include "providers/local/site_loops.h"
#include "tests/lib/skip.h"
#include "tests/providers/local_world.h"
#include "tests/providers/silent_fuse.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::providers;

namespace {

constexpr std::uint64_t kImageBytes = 16U << 20U;

std::string folder_for_fuse(const LocalWorld& world, const std::string& name) {
  std::filesystem::create_directories(world.dir + name);
  return world.dir + name;
}

bool lists(const local::Site& site, const std::string& device) {
  const Result<std::vector<host::LoopDevice>> loops = local::list_loops(site);
  INFO((loops ? std::string() : loops.error().message));
  REQUIRE(loops);
  return std::any_of(loops->begin(), loops->end(), [&](const auto& one) { return one.path == device; });
}

}  // namespace

TEST_CASE("local: somebody else's loop device on a FUSE filesystem that hangs is not asked", "[root]") {
  if (lacks_root("loop devices and FUSE")) return;
  LocalWorld world;
  SilentFuse fuse(folder_for_fuse(world, "/theirs"), kImageBytes);
  if (!fuse.is_mounted()) return skip_test("needs /dev/fuse");
  fuse.attach_loop();
  REQUIRE(fuse.open_image());
  fuse.be_silent();

  const Volume volume = world.volume("xv-here");
  CHECK(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  CHECK(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
  const ProviderObservation seen = world.observe();
  CHECK(seen.complete);
  CHECK(seen.volumes.at(0).attachments.at(0).host_identity == "a1");
  CHECK(seen.volumes.at(0).attachments.at(0).open == TriState::no);  // our open file there held nobody up
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).state == OperationState::done);
  CHECK(world.execute(world.call(OperationKind::remove, volume)).state == OperationState::done);
  CHECK(fuse.unanswered() == 0);
}

TEST_CASE("local: which loop devices are asked about", "[root]") {
  if (lacks_root("loop devices and FUSE")) return;
  LocalWorld world;
  SilentFuse theirs(folder_for_fuse(world, "/theirs"), kImageBytes);
  SilentFuse pool(folder_for_fuse(world, "/root/net"), kImageBytes);
  if (!theirs.is_mounted() || !pool.is_mounted()) return skip_test("needs /dev/fuse");
  const std::string on_theirs = theirs.attach_loop();
  const std::string on_pool = pool.attach_loop();
  const auto open = [&](std::vector<local::LocalPool> pools) {
    Result<local::Site> site = local::open_site(world.dir + "/root", world.dir + "/hosts", std::move(pools));
    REQUIRE(site);
    return *site;
  };

  CHECK_FALSE(lists(open({{"hdd", 400, 0}}), on_pool));
  const local::Site site = open({{"hdd", 400, 0}, {"net", 400, 0}});
  CHECK(lists(site, on_pool));  // a pool may be on such a filesystem
  CHECK_FALSE(lists(site, on_theirs));

  // An attachment of ours, whose pool was mounted elsewhere since.
  local::AttachmentRecord record;
  record.volume = "net/xv-moved.img";
  record.device = on_theirs;
  record.state = local::RecordState::attached;
  std::filesystem::create_directories(site.records_folder("a1"));
  const std::string file = site.records_folder("a1") + "/net~xv-moved.img";
  write_text(file, local::record_text(record));
  CHECK(lists(site, on_theirs));
  write_text(file, "{");
  CHECK(lists(site, on_theirs));  // it may have named this one

  // A device that answers an error is passed over only if it cannot be ours.
  theirs.end();
  CHECK_FALSE(local::list_loops(site));
  record.machine_boot_id = "another";
  write_text(file, local::record_text(record));
  CHECK_FALSE(lists(site, on_theirs));
  pool.end();
  CHECK_FALSE(local::list_loops(site));
}
