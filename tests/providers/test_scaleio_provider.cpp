// The scaleio provider where the gateway is strict or odd: numbers as texts, names that are cut, clones,
// pools; who has a volume is in test_scaleio_mappings.cpp.
#include <catch2/catch.hpp>

#include "providers/scaleio/scaleio_plan.h"
#include "tests/providers/scaleio_calls.h"

using namespace extvold;
using namespace extvold::tests;

TEST_CASE("scaleio: what is granted is read back in steps of 8 GiB") {
  ScaleioWorld world;
  const OperationResult made = execute(world, call_of(OperationKind::create, scaleio_volume("xv-one", 8193)));
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
  const OperationResult result = execute(world, call_of(OperationKind::create, scaleio_volume("xv-one")));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::unavailable);
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
  Volume volume = scaleio_volume(id);
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
  Volume clone = scaleio_volume("xv-two", 16384);
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
  call.volume = scaleio_volume("xv-four", 8192);
  world.gateway.by_name("xv-one")->size_kb *= 2;
  CHECK(execute(world, call).error.code == Errc::invalid);
  call.source_ref = "2f93fa77000000ff";
  CHECK(execute(world, call).error.code == Errc::not_found);
  call.source_ref.clear();
  call.volume = scaleio_volume("xv-two", 16384);
  CHECK(execute(world, call).error.code == Errc::conflict);  // that one is a clone
}

TEST_CASE("scaleio: a clone that was made read-only is made writable, another volume is refused in words") {
  ScaleioWorld world;
  const Volume source = created(world);
  world.gateway.snapshots_are_read_only = true;
  OperationCall call = call_of(OperationKind::create, scaleio_volume("xv-two", 16384));
  call.volume.origin = VolumeOrigin::cloned;
  call.source_ref = source.provider_ref;
  REQUIRE(execute(world, call).state == OperationState::done);
  CHECK_FALSE(world.gateway.by_name("xv-two")->read_only);
  CHECK(world.gateway.by_name("xv-two")->size_kb == 16 << 20);
  world.gateway.by_name("xv-one")->read_only = true;
  const OperationResult refused = execute(world, call_of(OperationKind::attach, source, "a1"));
  CHECK(refused.error.code == Errc::conflict);
  CHECK(refused.error.message.find("accessModeLimit") != std::string::npos);
  OperationCall reading = call_of(OperationKind::attach, source, "a1");
  reading.read_only = true;
  CHECK(execute(world, reading).state == OperationState::done);
}

TEST_CASE("scaleio: a clone whose source is gone tells no source any more and is still the clone") {
  ScaleioWorld world;
  const Volume source = created(world);
  OperationCall call = call_of(OperationKind::create, scaleio_volume("xv-two"));
  call.volume.origin = VolumeOrigin::cloned;
  call.source_ref = source.provider_ref;
  REQUIRE(execute(world, call).state == OperationState::done);
  world.gateway.by_name("xv-two")->ancestor_id = "0000000000000000";
  CHECK(execute(world, call).error.code == Errc::conflict);  // the source is there, and it is not of it
  std::erase_if(world.gateway.volumes, [](const auto& one) { return one.name == "xv-one"; });
  CHECK(execute(world, call).outcome == Outcome::unchanged);
}

TEST_CASE("scaleio: errors that come as pages are no answers") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.errors_as_pages = true;
  CHECK_FALSE(observe(world, "xv-none").complete);
  world.gateway.change_error = "The volume is already mapped to this SDC";
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::uncertain);
}

TEST_CASE("scaleio: a configured pool that is not there as it says is missed by each look") {
  ScaleioWorld world;
  std::string named;
  SECTION("not there") {
    world.config.pools.push_back({"pool-x", 0});
    world.restart();
    named = "pool-x";
  }
  SECTION("erasure coded") {
    world.gateway.pools_are_erasure_coded = true;
    named = "pool-hdd";
    const OperationResult made = execute(world, call_of(OperationKind::create, scaleio_volume("xv-one")));
    CHECK(made.error.code == Errc::invalid);
    CHECK(made.error.message.find("erasure coded") != std::string::npos);
  }
  const ProviderObservation seen = observe(world);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find(named) != std::string::npos);
  CHECK(seen.pools.size() == (named == "pool-x" ? 2 : 0));
}

TEST_CASE("scaleio: an error that is not known to mean that nothing happened is uncertain") {
  ScaleioWorld world;
  const auto try_create = [&](int number, const std::string& message) {
    world.gateway.change_error = message;
    world.gateway.change_error_number = number;
    return execute(world, call_of(OperationKind::create, scaleio_volume("xv-one")));
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
  CHECK(execute(world, call_of(OperationKind::create, scaleio_volume("xv-one"))).error.code == Errc::invalid);
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
