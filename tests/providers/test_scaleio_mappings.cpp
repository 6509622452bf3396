// Who has a volume of the scaleio provider: mapped to one SDC, with the limits that end with a mapping, and
// several who reach it otherwise.
#include <catch2/catch.hpp>

#include "tests/providers/scaleio_calls.h"

using namespace extvold;
using namespace extvold::tests;

TEST_CASE("scaleio: each map is followed by its limit of IOPS") {
  ScaleioWorld world;
  Volume volume = created(world);
  volume.iops = GENERATE(500, 3);
  const std::int64_t limit = volume.iops == 3 ? 11 : 500;
  const OperationResult first = execute(world, call_of(OperationKind::attach, volume, "a1"));
  REQUIRE(first.state == OperationState::done);
  CHECK(first.host_identity == kGuidA1);
  CHECK(first.device == "/dev/disk/by-id/emc-vol-4267f11a3b9d8194-" + volume.provider_ref);
  CHECK(world.gateway.by_name("xv-one")->mappings.at(0).limit_iops == limit);
  // Somebody changed it.
  world.gateway.by_name("xv-one")->mappings.at(0).limit_iops = 0;
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).outcome == Outcome::changed);
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).outcome == Outcome::unchanged);
  CHECK(world.gateway.by_name("xv-one")->mappings.at(0).limit_iops == limit);
  REQUIRE(execute(world, call_of(OperationKind::detach, volume, "a1")).state == OperationState::done);
  REQUIRE(execute(world, call_of(OperationKind::attach, volume, "a2")).state == OperationState::done);
  CHECK(world.gateway.by_name("xv-one")->mappings.at(0).limit_iops == limit);
}

TEST_CASE("scaleio: a mapping whose answer was lost has its limits all the same") {
  ScaleioWorld world;
  Volume volume = created(world);
  volume.iops = 500;
  world.gateway.page_after = "/action/addMappedSdc";
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::uncertain);
  REQUIRE(world.gateway.by_name("xv-one")->mappings.size() == 1);
  CHECK(world.gateway.by_name("xv-one")->mappings.at(0).limit_iops == 500);
}

TEST_CASE("scaleio: a mapping whose answer was lost is uncertain, whoever is mapped then") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.page_after = "/action/addMappedSdc";
  bool lost = false;
  world.gateway.before = [&](const std::string& path) {
    if (lost) world.gateway.by_name("xv-one")->mappings = {{world.gateway.sdcs.at(1).id}};
    lost = lost || path.ends_with("/action/addMappedSdc");
  };
  const OperationResult result = execute(world, call_of(OperationKind::attach, volume, "a1"));
  CHECK(lost);
  CHECK(result.state == OperationState::uncertain);
}

TEST_CASE(
    "scaleio: a volume that somebody renamed is shown as the ledger's, and another of its name is not") {
  ScaleioWorld world;
  const Volume volume = created(world);
  REQUIRE(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  world.provider->know_volumes({{volume.key, volume.provider_ref, "pool-hdd", 8192}});
  world.gateway.by_name("xv-one")->name = "renamed";
  const GatewayDouble::Volume other = world.gateway.add("xv-one");
  const ProviderObservation direct = observe(world, "xv-one");
  REQUIRE(direct.volumes.size() == 1);
  CHECK(direct.volumes.at(0).provider_ref == volume.provider_ref);
  CHECK(direct.volumes.at(0).attachments.size() == 1);
  const ProviderObservation list = observe(world);
  REQUIRE(list.volumes.size() == 2);
  CHECK(list.volumes.at(0).key == other.id);
  CHECK(list.volumes.at(1).key == "xv-one");
  CHECK(list.volumes.at(1).provider_ref == volume.provider_ref);
}

TEST_CASE("scaleio: mapped, and then its limit refused: something happened") {
  ScaleioWorld world;
  Volume volume = created(world);
  volume.iops = 500;
  world.gateway.change_error = "You do not have permission to perform this operation.";
  world.gateway.change_error_action = "setMappedSdcLimits";
  const OperationResult result = execute(world, call_of(OperationKind::attach, volume, "a1"));
  CHECK(result.state == OperationState::uncertain);
  CHECK(result.error.message.find("permission") != std::string::npos);
  CHECK(world.gateway.by_name("xv-one")->mappings.size() == 1);
  world.gateway.change_error_action.clear();
  const OperationResult again = execute(world, call_of(OperationKind::attach, volume, "a1"));
  CHECK(again.state == OperationState::uncertain);  // it changed nothing, and the mapping stands
  CHECK(again.error.message.find("permission") != std::string::npos);
}

TEST_CASE("scaleio: both limits of a mapping are as wished, and so is none") {
  ScaleioWorld world;
  world.config.pools.at(0).bandwidth_mb = 100;
  world.restart();
  Volume volume = created(world);
  volume.iops = GENERATE(0, 500);
  world.http.sent.clear();
  REQUIRE(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  DoubleMapping& mapping = world.gateway.by_name("xv-one")->mappings.at(0);
  CHECK(mapping.limit_iops == volume.iops);
  CHECK(mapping.limit_mb == 100);
  CHECK(count_sent(world, "/setMappedSdcLimits") == 1);
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).outcome == Outcome::unchanged);
  // Wished no more: what is there of before is taken off.
  world.config.pools.at(0).bandwidth_mb = 0;
  world.restart();
  volume.iops = 0;
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).outcome == Outcome::changed);
  CHECK(mapping.limit_iops == 0);
  CHECK(mapping.limit_mb == 0);
}

TEST_CASE("scaleio: a mapping that an earlier call made meanwhile gets its limits") {
  ScaleioWorld world;
  Volume volume = created(world);
  volume.iops = 500;
  world.gateway.before = [&](const std::string& path) {
    GatewayDouble::Volume& there = *world.gateway.by_name("xv-one");
    if (path.ends_with("/addMappedSdc") && there.mappings.empty())
      there.mappings = {{world.gateway.sdcs.at(0).id}};
  };
  const OperationResult result = execute(world, call_of(OperationKind::attach, volume, "a1"));
  INFO(result.error.message);
  CHECK(result.outcome == Outcome::changed);
  CHECK(world.gateway.by_name("xv-one")->mappings.at(0).limit_iops == 500);
}

TEST_CASE("scaleio: an unmapping that was said to be done and is not is uncertain") {
  ScaleioWorld world;
  const Volume volume = created(world);
  REQUIRE(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  world.gateway.unmaps = false;
  CHECK(execute(world, call_of(OperationKind::detach, volume, "a1")).state == OperationState::uncertain);
}

TEST_CASE("scaleio: what reaches a volume some other way stands against an attach and a remove") {
  ScaleioWorld world;
  const Volume volume = created(world);
  GatewayDouble::Volume& there = *world.gateway.by_name("xv-one");
  std::string who;
  SECTION("every SDC") {
    there.to_all = true;
    who = "every SDC";
  }
  SECTION("SCSI") {
    there.to_scsi = true;
    who = "SCSI initiators";
  }
  SECTION("an SDC that no host of ours is") {
    world.gateway.sdcs.push_back({"3c7a7c8d00000002", "00000000-0000-0000-0000-000000000003"});
    there.mappings = {{"3c7a7c8d00000002"}};
    who = "00000000-0000-0000-0000-000000000003";
  }
  SECTION("an SDC that the gateway does not list") {
    there.mappings = {{"3c7a7cff00000009"}};
    who = "3c7a7cff00000009";
  }
  for (const OperationKind kind : {OperationKind::attach, OperationKind::remove}) {
    const OperationResult result = execute(world, call_of(kind, volume, "a1"));
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::conflict);
    CHECK(result.error.message.find(who) != std::string::npos);
  }
  CHECK(observe(world, "xv-one").volumes.at(0).attachments.size() == 1);
  // Whoever is one of all is not told that he has it no more.
  const OperationResult detached = execute(world, call_of(OperationKind::detach, volume, "a1"));
  CHECK((detached.state == OperationState::failed) == (who == "every SDC" || who == "3c7a7cff00000009"));
}

TEST_CASE("scaleio: a mapping whose SDC nobody can name is not taken for another host's") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.by_name("xv-one")->mappings = {{"3c7a7cff00000009"}};
  CHECK(observe(world, "xv-one").volumes.at(0).attachments.at(0).host_identity.empty());
  const OperationResult result = execute(world, call_of(OperationKind::detach, volume, "a1"));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::unavailable);
}

TEST_CASE("scaleio: a host is known by its GUID, whatever its case, or not at all") {
  ScaleioWorld world;
  const Volume volume = created(world);
  const OperationResult unknown = execute(world, call_of(OperationKind::attach, volume, "a9"));
  CHECK(unknown.state == OperationState::failed);
  CHECK(unknown.error.code == Errc::not_found);
  CHECK(unknown.error.message.find("hosts of the configuration") != std::string::npos);
  world.gateway.sdcs.pop_back();
  const OperationResult gone = execute(world, call_of(OperationKind::attach, volume, "a2"));
  CHECK(gone.error.code == Errc::not_found);
  OperationCall recorded = call_of(OperationKind::attach, volume, "whoever");
  recorded.host_identity = "b0e3bfb8-c20b-43bf-93c8-13339e85aa50";
  CHECK(execute(world, recorded).host_identity == kGuidA1);
  world.gateway.sdcs.at(0).approved = false;
  REQUIRE(execute(world, call_of(OperationKind::detach, volume, "a1")).state == OperationState::done);
  const OperationResult refused = execute(world, call_of(OperationKind::attach, volume, "a1"));
  CHECK(refused.state == OperationState::failed);
  CHECK(refused.error.message.find("not approved") != std::string::npos);
}

TEST_CASE("scaleio: read-only is mapped so, and never changed under its user") {
  ScaleioWorld world;
  const Volume volume = created(world);
  OperationCall attach = call_of(OperationKind::attach, volume, "a1");
  attach.read_only = true;
  REQUIRE(execute(world, attach).state == OperationState::done);
  CHECK(observe(world, "xv-one").volumes.at(0).attachments.at(0).read_only);
  attach.read_only = false;
  CHECK(execute(world, attach).error.code == Errc::conflict);
}

TEST_CASE("scaleio: a mapping without access is neither writable nor read-only") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.by_name("xv-one")->mappings = {{world.gateway.sdcs.at(0).id, 0, "NoAccess"}};
  OperationCall call = call_of(OperationKind::attach, volume, "a1");
  call.read_only = GENERATE(true, false);
  const OperationResult refused = execute(world, call);
  CHECK(refused.error.code == Errc::conflict);
  CHECK(refused.error.message.find("without access") != std::string::npos);
  CHECK_FALSE(observe(world).volumes.at(0).attachments.at(0).read_only);  // that can be changed at any time
}

TEST_CASE("scaleio: a volume that does not say who has it is not read as nobody's") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.tells_mappings = false;
  CHECK_FALSE(observe(world).complete);
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::failed);
}
