// What observe says, and when it says that it does not know. No loop device is needed here.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>

#include "host/fd.h"
#include "providers/local/layout.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;
namespace local = extvold::providers::local;

namespace {

std::string sidecar(const std::string& key, const std::string& ledger_id = "ledger-1") {
  local::Sidecar sidecar;
  sidecar.key = key;
  sidecar.ledger_id = ledger_id;
  sidecar.state = local::SidecarState::available;
  sidecar.size_mb = 1;
  return local::sidecar_text(sidecar);
}

void put(const LocalWorld& world, const std::string& key, const std::string& pool = "hdd") {
  const std::string base = world.config.root + "/" + pool + "/" + key;
  write_text(base + ".json", sidecar(key));
  write_text(base + ".img", "");
  std::filesystem::resize_file(base + ".img", 1 << 20);
}

void check_incomplete(LocalWorld& world, const std::string& part) {
  const ProviderObservation seen = world.observe();
  INFO(seen.why_incomplete);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("local observe: hosts, pools, volumes in order") {
  LocalWorld world;
  put(world, "xv-b");
  put(world, "xv-a", "ssd");
  write_text(world.dir + "/hosts/a2/boot_id", "some-boot\n");
  const ProviderObservation seen = world.observe();
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 2);
  CHECK(seen.volumes[0].key == "xv-a");
  CHECK(seen.volumes[0].pool == "ssd");
  CHECK(seen.volumes[0].provider_ref == "ssd/xv-a.img");
  CHECK(seen.volumes[1].key == "xv-b");
  CHECK(seen.volumes[1].size_mb == 1);
  CHECK(seen.hosts == std::vector<ObservedHost>{{"a1", "", TriState::no}, {"a2", "some-boot", TriState::no}});
  REQUIRE(seen.pools.size() == 2);
  CHECK(to_text(seen.pools[0].name) == "local~test~hdd");
  CHECK(seen.pools[0].iops == 400);
  CHECK(seen.pools[0].capacity_mb > 0);
  const ProviderObservation none = world.observe("xv-c");
  CHECK(none.complete);
  CHECK(none.volumes.empty());
  CHECK(none.hosts.size() == 2);
}

TEST_CASE("local observe: what cannot be read makes it incomplete, never shorter in silence") {
  LocalWorld world;
  put(world, "xv-good");
  SECTION("garbled sidecar") {
    put(world, "xv-bad");
    write_text(world.config.root + "/hdd/xv-bad.json", "{\"layout\":1,\"key\":\"xv-b");
    check_incomplete(world, "xv-bad.json");
    CHECK(world.observe("xv-good").complete);  // the others can still be inspected
    CHECK_FALSE(world.observe("xv-bad").complete);
  }
  SECTION("empty sidecar") {
    write_text(world.config.root + "/hdd/xv-bad.json", "");
    check_incomplete(world, "xv-bad.json");
  }
  SECTION("a sidecar of another name") {
    write_text(world.config.root + "/hdd/xv-bad.json", sidecar("xv-good"));
    check_incomplete(world, "xv-bad.json");
  }
  SECTION("a sidecar without its image") {
    write_text(world.config.root + "/hdd/xv-bad.json", sidecar("xv-bad"));
    check_incomplete(world, "xv-bad.img: missing");
    CHECK_FALSE(world.observe("xv-bad").complete);
  }
  SECTION("a pool's folder is missing: its disk is not mounted") {
    std::filesystem::remove_all(world.config.root + "/ssd");
    check_incomplete(world, "pool ssd");
    CHECK_FALSE(world.observe("xv-elsewhere").complete);
  }
  SECTION("the hosts' folder is missing") {
    std::filesystem::remove_all(world.config.hosts_dir);
    check_incomplete(world, "mkdir -p " + world.config.hosts_dir);
  }
  SECTION("one key in two pools") {
    put(world, "xv-good", "ssd");
    check_incomplete(world, "xv-good");
  }
  SECTION("a boot id that is none") {
    write_text(world.dir + "/hosts/a1/boot_id", "two words\n");
    check_incomplete(world, "boot_id");
  }
}

TEST_CASE("local observe: a call that is still at work") {
  LocalWorld world;
  const Volume volume = world.volume("xv-busy");
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  CHECK(world.inspect(volume).call_running == TriState::no);
  host::UniqueFd held(::open(world.lock(volume).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(::flock(held.get(), LOCK_EX) == 0);
  CHECK(world.inspect(volume).call_running == TriState::yes);
  const OperationResult result = world.execute(world.call(OperationKind::remove, volume));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::busy);
  CHECK(exists(world.image(volume)));
  held.reset();

  // Nothing is there yet, but somebody holds the lock: too early to say that there is nothing.
  const Volume coming = world.volume("xv-coming");
  held.reset(::open(world.lock(coming).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(::flock(held.get(), LOCK_EX) == 0);
  CHECK_FALSE(world.observe("xv-coming").complete);
  CHECK(world.observe().complete);
}

TEST_CASE("local observe: foreign names of any bytes stay apart and in order") {
  LocalWorld world;
  for (const char* name : {"a\xfe", "a\xff", R"(a\xff)", "a\xc3\xa9", "a b", "b"})
    write_text(world.config.root + "/hdd/" + name, "theirs");
  const ProviderObservation seen = world.observe();
  INFO(seen.why_incomplete);
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 6);
  CHECK(seen.volumes[0].key == "hdd/a b");
  CHECK(seen.volumes[1].key == R"(hdd/a\x5cxff)");
  CHECK(seen.volumes[4].key == R"(hdd/a\xff)");
  CHECK(seen.volumes[5].key == "hdd/b");
}

TEST_CASE("local observe: 1000 volumes") {
  LocalWorld world;
  for (int i = 0; i < 1000; ++i) put(world, "xv-" + std::to_string(10'000 + i));
  const ProviderObservation seen = world.observe();
  REQUIRE(seen.complete);
  CHECK(seen.volumes.size() == 1000);
  const std::int64_t ms = (seen.ended_at - seen.sent_at).ns / 1'000'000;
  std::printf("local observe: 1000 volumes in %lld ms\n", static_cast<long long>(ms));
  CHECK(ms < 5000);  // generous: a sanitizer on a busy machine
}

TEST_CASE("local: nothing of a foreign file is changed by anything") {
  LocalWorld world;
  const std::string path = world.config.root + "/hdd/xv-theirs.img";
  write_text(path, "theirs");
  const Volume volume = world.volume("xv-theirs");
  CHECK(world.execute(world.call(OperationKind::create, volume)).error.code == Errc::conflict);
  CHECK(world.execute(world.call(OperationKind::remove, volume)).error.code == Errc::conflict);
  CHECK(read_text(path) == "theirs");
  const ProviderObservation seen = world.observe();
  REQUIRE(seen.volumes.size() == 1);
  CHECK(seen.volumes[0].key == "hdd/xv-theirs.img");
  CHECK(seen.volumes[0].ledger_id.empty());
}
