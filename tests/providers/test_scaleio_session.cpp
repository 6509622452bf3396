// The session of the scaleio provider: logins, tokens that end, the version that is named in requests.
#include <catch2/catch.hpp>

#include "tests/providers/only_answer.h"
#include "tests/providers/scaleio_world.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

Volume volume_one() {
  Volume volume;
  volume.id = {7};
  volume.name = "pg";
  volume.key = "xv-one";
  volume.pool = {ProviderName("scaleio~row8"), "pool-hdd"};
  volume.size_mb = 8192;
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

ProviderObservation observe(ScaleioWorld& world) {
  return only_answer<ProviderObservation>([&](auto done) { world.provider->observe("", std::move(done)); },
                                          [&] { world.http.drain(); });
}

Volume created(ScaleioWorld& world) {
  Volume volume = volume_one();
  const OperationResult made = execute(world, call_of(OperationKind::create, volume));
  INFO(made.error.message);
  REQUIRE(made.state == OperationState::done);
  volume.provider_ref = made.provider_ref;
  return volume;
}

int count_sent(const ScaleioWorld& world, std::string_view ending) {
  int count = 0;
  for (const HttpRequest& one : world.http.sent) count += one.url.ends_with(ending) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("scaleio: of the version that the gateway says, it is told two numbers") {
  ScaleioWorld world;
  world.gateway.version = "2.0.1";
  const ProviderObservation seen = observe(world);
  INFO(seen.why_incomplete);
  CHECK(seen.complete);
  CHECK(world.http.sent.back().headers.at(1).second == "application/json;version=2.0");
}

TEST_CASE("scaleio: a gateway that does not take its own version is asked without") {
  ScaleioWorld world;
  world.gateway.takes_versions = false;
  world.gateway.version_refusal = GENERATE(404, 406);
  CHECK(observe(world).complete);
  CHECK(count_sent(world, "/api/types/System/instances") == 2);
  created(world);
  CHECK(count_sent(world, "/api/types/System/instances") == 2);
}

TEST_CASE("scaleio: however the end of a session is told, one new login follows") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.gateway.ended_session_status = GENERATE(401, 403, 302, 200);
  world.gateway.token = "of somebody else";
  CHECK(observe(world).complete);
  CHECK(world.gateway.logins == 2);
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  CHECK(world.gateway.logins == 2);
}

TEST_CASE("scaleio: what is not allowed is tried twice and no more") {
  ScaleioWorld world;
  const Volume volume = created(world);
  world.http.sent.clear();
  world.gateway.forbids = "/addMappedSdc";
  const OperationResult result = execute(world, call_of(OperationKind::attach, volume, "a1"));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::permission);
  CHECK(count_sent(world, "/addMappedSdc") == 2);
}
