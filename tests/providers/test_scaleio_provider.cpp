// The scaleio provider where the gateway is strict or odd: sessions that end, numbers as texts, limits that
// end with a mapping, names that are cut, several who reach one volume.
#include <catch2/catch.hpp>

#include "providers/scaleio/scaleio_plan.h"
#include "tests/providers/only_answer.h"
#include "tests/providers/scaleio_world.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

Volume volume_of(const std::string& key, std::int64_t size_mb = 8192) {
  Volume volume;
  volume.id = {7};
  volume.name = "pg";
  volume.key = key;
  volume.pool = {ProviderName("scaleio~row8"), "pool-hdd"};
  volume.size_mb = size_mb;
  return volume;
}

OperationCall call_of(OperationKind kind, const Volume& volume, const std::string& host = "") {
  OperationCall call;
  call.operation.id = OperationId("op-1");
  call.operation.kind = kind;
  call.operation.generation = {1, 2};
  call.ledger_id = "ledger-1";
  call.volume = volume;
  call.host_name = host;
  return call;
}

OperationResult execute(ScaleioWorld& world, const OperationCall& call) {
  return only_answer<OperationResult>([&](auto done) { world.provider->execute(call, std::move(done)); },
                                      [&] { world.http.drain(); });
}

ProviderObservation observe(ScaleioWorld& world, const std::string& key = "") {
  return only_answer<ProviderObservation>([&](auto done) { world.provider->observe(key, std::move(done)); },
                                          [&] { world.http.drain(); });
}

Volume created(ScaleioWorld& world, const std::string& key = "xv-one") {
  Volume volume = volume_of(key);
  const OperationResult made = execute(world, call_of(OperationKind::create, volume));
  INFO(made.error.message);
  REQUIRE(made.state == OperationState::done);
  volume.provider_ref = made.provider_ref;
  volume.size_mb = made.granted_size_mb;
  return volume;
}

int count_sent(const ScaleioWorld& world, std::string_view ending) {
  int count = 0;
  for (const HttpRequest& one : world.http.sent) count += one.url.ends_with(ending) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("scaleio: what is granted is read back in steps of 8 GiB") {
  ScaleioWorld world;
  const OperationResult made = execute(world, call_of(OperationKind::create, volume_of("xv-one", 8193)));
  REQUIRE(made.state == OperationState::done);
  CHECK(made.granted_size_mb == 16384);
  CHECK(world.provider->info().size_step_mb == 8192);
  CHECK(world.gateway.by_name("xv-one")->pool_id == "92fd353300000000");  // that of the domain
}

TEST_CASE("scaleio: one login serves many calls, and one more when the gateway has forgotten it") {
  ScaleioWorld world;
  const Volume volume = created(world);
  CHECK(observe(world).complete);
  CHECK(world.gateway.logins.logins == 1);
  world.gateway.logins.token = "of somebody else";
  CHECK(observe(world).complete);
  CHECK(world.gateway.logins.logins == 2);
  world.gateway.logins.token.clear();
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  CHECK(world.gateway.logins.logins == 3);
  world.gateway.logins.password = "another one";
  world.gateway.logins.token.clear();
  const ProviderObservation seen = observe(world);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("login as admin") != std::string::npos);
  CHECK(seen.why_incomplete.find("secret") == std::string::npos);
  world.gateway.logins.password = "secret:1";
  world.passed = seconds(31);
  CHECK(observe(world).complete);
}

TEST_CASE("scaleio: a change that meets an ended session is repeated once, after a new login") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.http.sent.clear();
  world.http.arm(HttpDouble::Stage::change, HttpDouble::Fault::wrong_credentials);
  const OperationResult result = execute(world, call_of(OperationKind::attach, volume, "a1"));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::permission);
  CHECK(count_sent(world, "/addMappedSdc") == 2);
  CHECK(world.gateway.logins.logins == 2);
}

TEST_CASE("scaleio: a gateway that answers in HTML is not understood, and says so") {
  ScaleioWorld world;
  world.gateway.html = true;
  const ProviderObservation seen = observe(world, "xv-one");
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("text/html") != std::string::npos);
  const OperationResult result = execute(world, call_of(OperationKind::create, volume_of("xv-one")));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::unavailable);
}

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
  CHECK(again.state == OperationState::failed);  // this one changed nothing
  CHECK(again.error.code == Errc::permission);
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

TEST_CASE("scaleio: an id whose volume has another name by now is not touched") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.by_name("xv-one")->name = "somebody-s";
  for (const OperationKind kind : {OperationKind::attach, OperationKind::detach, OperationKind::remove}) {
    const OperationResult result = execute(world, call_of(kind, volume, "a1"));
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::conflict);
  }
  CHECK(world.gateway.volumes.size() == 1);
}

TEST_CASE("scaleio: adopted volumes are acted on by their id, with or without a name") {
  ScaleioWorld world;
  GatewayDouble::Volume& there = world.gateway.add("");
  const std::string id = there.id;
  REQUIRE(observe(world).volumes.at(0).key == id);
  REQUIRE(observe(world, id).volumes.size() == 1);
  Volume volume = volume_of(id);
  volume.origin = VolumeOrigin::adopted;
  volume.provider_ref = id;
  REQUIRE(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  REQUIRE(execute(world, call_of(OperationKind::detach, volume, "a1")).state == OperationState::done);
  CHECK(execute(world, call_of(OperationKind::create, volume)).state == OperationState::failed);
  // An id is no key of a volume that has a name.
  world.gateway.volumes.at(0).name = "named";
  CHECK(observe(world, id).complete);
  CHECK(observe(world, id).volumes.empty());
}

TEST_CASE("scaleio: a clone is a snapshot in its source's pool, grown where it is to be larger") {
  ScaleioWorld world;
  const Volume source = created(world);
  Volume clone = volume_of("xv-two", 16384);
  clone.origin = VolumeOrigin::cloned;
  OperationCall call = call_of(OperationKind::create, clone);
  call.source_ref = source.provider_ref;
  const OperationResult made = execute(world, call);
  INFO(made.error.message);
  REQUIRE(made.state == OperationState::done);
  CHECK(made.granted_size_mb == 16384);
  CHECK(world.gateway.by_name("xv-two")->ancestor_id == source.provider_ref);
  CHECK(execute(world, call).outcome == Outcome::unchanged);
  call.volume.pool.pool = "pool-ssd";
  call.volume.key = "xv-three";
  CHECK(execute(world, call).error.code == Errc::invalid);
  call.volume = volume_of("xv-four", 8192);
  world.gateway.by_name("xv-one")->size_kb *= 2;
  CHECK(execute(world, call).error.code == Errc::invalid);
  call.source_ref = "2f93fa77000000ff";
  CHECK(execute(world, call).error.code == Errc::not_found);
  call.source_ref.clear();
  call.volume = volume_of("xv-two", 16384);
  CHECK(execute(world, call).error.code == Errc::conflict);  // that one is a clone
}

TEST_CASE("scaleio: an error that is not known to mean that nothing happened is uncertain") {
  ScaleioWorld world;
  const auto try_create = [&](int number, const std::string& message) {
    world.gateway.change_error = message;
    world.gateway.change_error_number = number;
    return execute(world, call_of(OperationKind::create, volume_of("xv-one")));
  };
  CHECK(try_create(0, "A timeout occurred").state == OperationState::uncertain);
  CHECK(try_create(0, "Something that nobody has seen yet").state == OperationState::uncertain);
  CHECK(try_create(0, "A volume removal operation is currently in progress").state ==
        OperationState::uncertain);
  const OperationResult full = try_create(0, "Requested volume size exceeds the volume allocation limit");
  CHECK(full.state == OperationState::failed);
  CHECK(full.error.code == Errc::exhausted);
  CHECK(full.error.message.find("allocation limit") != std::string::npos);
  CHECK(try_create(0, "Permission denied. Role of user").error.code == Errc::permission);
  CHECK(try_create(717, "x").error.code == Errc::busy);
}

TEST_CASE("scaleio: pools are counted as their API version tells, in the configured protection domain") {
  ScaleioWorld world;
  world.gateway.version = GENERATE("3.6", "2.0", "10.1");
  if (world.gateway.version == "10.1") world.gateway.logins.kind = LoginKind::both;
  const ProviderObservation seen = observe(world);
  INFO(seen.why_incomplete);
  REQUIRE(seen.complete);
  REQUIRE(seen.pools.size() == 2);
  CHECK(to_text(seen.pools.at(0).name) == "scaleio~row8~pool-hdd");
  CHECK(seen.pools.at(0).iops == 1000);
  CHECK(seen.pools.at(0).capacity_mb == (world.gateway.version == "2.0" ? 45 * 8192 : 200 * 8192));
  CHECK(seen.pools.at(0).free_mb == 100 * 8192);
  world.gateway.add("elsewhere").pool_id = "92fd353500000002";
  CHECK(observe(world).volumes.at(0).pool == "pool-hdd@ed5448c200000001");
  world.config.protection_domain.clear();
  world.restart();
  CHECK(execute(world, call_of(OperationKind::create, volume_of("xv-one"))).error.code == Errc::invalid);
}

TEST_CASE("scaleio: names of ours fit into what the MDM keeps of a name") {
  using providers::scaleio::is_own_name;
  CHECK(is_own_name(derived_name("xv-", "any")));
  CHECK_FALSE(is_own_name("xv-" + std::string(29, 'a')));
  CHECK_FALSE(is_own_name("xv-"));
  CHECK_FALSE(is_own_name("xv-A"));
  CHECK_FALSE(is_own_name("pgdata"));
}

TEST_CASE("scaleio: what a configuration must not say") {
  ScaleioWorld world;
  providers::scaleio::ScaleioConfig config = world.config;
  CHECK(check_scaleio_config(config));
  for (const char* gateway :
       {"", "10.0.0.1", "https://", "https://h/api", "https://user:secret@h", "ftp://h"}) {
    config.gateway = gateway;
    const Status status = check_scaleio_config(config);
    REQUIRE_FALSE(status);
    CHECK(status.error().message.find("secret") == std::string::npos);
  }
  config = world.config;
  config.sdcs.push_back({"a3", kGuidA1});
  CHECK_FALSE(check_scaleio_config(config));
  config = world.config;
  config.sdcs = {{"a1", "b0e3bfb8"}};
  CHECK_FALSE(check_scaleio_config(config));
  config = world.config;
  config.pools.push_back({"pool-hdd", 0});
  CHECK_FALSE(check_scaleio_config(config));
  config = world.config;
  config.user = "a:b";
  CHECK_FALSE(check_scaleio_config(config));
}
