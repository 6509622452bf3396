// The session of the scaleio provider: logins, tokens that end, the version that is named in requests.
#include <catch2/catch.hpp>

#include "tests/providers/scaleio_calls.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

ScaleioWorld& as_powerflex(ScaleioWorld& world, LoginKind kind) {
  world.gateway.version = "4.5";
  world.gateway.logins.kind = kind;
  return world;
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
  world.gateway.logins.ended_status = GENERATE(401, 403, 302, 200);
  world.gateway.logins.token = "of somebody else";
  CHECK(observe(world).complete);
  CHECK(world.gateway.logins.logins == 2);
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  CHECK(world.gateway.logins.logins == 2);
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

TEST_CASE("scaleio: each kind of login is found out, once, and works") {
  ScaleioWorld world;
  const LoginKind kind = GENERATE(LoginKind::gateway, LoginKind::gateway_bearer, LoginKind::both,
                                  LoginKind::manager_page, LoginKind::manager_404);
  world.gateway.logins.kind = kind;
  world.gateway.version = kind == LoginKind::gateway ? "3.6" : "4.5";
  world.gateway.logins.seconds_as_text = GENERATE(true, false);
  const Volume volume = created(world);
  CHECK(observe(world).complete);
  CHECK(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  CHECK(world.gateway.logins.logins == 1);
  CHECK(count_sent(world, "/api/login") == 1);
  CHECK(count_sent(world, "/rest/auth/login") == (kind == LoginKind::gateway ? 0 : 1));
}

TEST_CASE("scaleio: a login that the configuration names is the only one that is tried") {
  ScaleioWorld world;
  using providers::scaleio::Login;
  SECTION("the manager's") {
    as_powerflex(world, LoginKind::both);
    world.config.login = Login::manager;
    world.restart();
    CHECK(observe(world).complete);
    CHECK(count_sent(world, "/api/login") == 0);
  }
  SECTION("the gateway's") {
    as_powerflex(world, LoginKind::gateway_bearer);
    world.config.login = Login::gateway;
    world.restart();
    CHECK(observe(world).complete);
    CHECK(count_sent(world, "/rest/auth/login") == 0);
  }
  SECTION("the gateway's, where there is none") {
    as_powerflex(world, LoginKind::manager_page);
    world.config.login = Login::gateway;
    world.restart();
    CHECK_FALSE(observe(world).complete);
    CHECK(count_sent(world, "/rest/auth/login") == 0);
  }
}

TEST_CASE("scaleio: a token that is about to end is renewed before the next call, without a login") {
  ScaleioWorld world;
  as_powerflex(world, GENERATE(LoginKind::both, LoginKind::manager_404));
  CHECK(observe(world).complete);
  world.passed = seconds(280);  // of 300
  CHECK(observe(world).complete);
  CHECK(observe(world).complete);
  CHECK(world.gateway.logins.renewals == 1);
  CHECK(world.gateway.logins.logins == 1);
  // What renews it has ended too.
  world.passed = world.passed + seconds(2000);
  CHECK(observe(world).complete);
  CHECK(world.gateway.logins.renewals == 1);
  CHECK(world.gateway.logins.logins == 2);
}

TEST_CASE("scaleio: where a token cannot be renewed, one login follows") {
  ScaleioWorld world;
  as_powerflex(world, LoginKind::manager_404);
  CHECK(observe(world).complete);
  world.gateway.logins.forget();
  world.passed = seconds(280);
  CHECK(observe(world).complete);
  CHECK(count_sent(world, "/rest/auth/update-token") == 1);
  CHECK(world.gateway.logins.renewals == 0);
  CHECK(world.gateway.logins.logins == 2);
}

TEST_CASE("scaleio: a change that meets the end of its token goes out once, and takes effect once") {
  ScaleioWorld world;
  as_powerflex(world, LoginKind::both);
  const Volume volume = created(world);
  world.http.sent.clear();
  SECTION("by the clock, between the look and the change") {
    world.gateway.logins.access_for = seconds(300);
    world.gateway.before = [&](const std::string& path) {
      if (path == "/api/types/ProtectionDomain/instances") world.passed = seconds(290);
    };
  }
  SECTION("the manager has forgotten it") {
    world.gateway.before = [&](const std::string& path) {
      if (path == "/api/types/ProtectionDomain/instances" && world.gateway.logins.logins == 1)
        world.gateway.logins.forget();
    };
  }
  OperationCall call = call_of(OperationKind::attach, volume, "a1");
  call.deadline = seconds(600);
  CHECK(execute(world, call).outcome == Outcome::changed);
  CHECK(world.gateway.done == 2);  // the create, the mapping
  CHECK(world.gateway.logins.logins + world.gateway.logins.renewals == 2);
}

TEST_CASE("scaleio: many calls at once make one login") {
  ScaleioWorld world;
  as_powerflex(world, GENERATE(LoginKind::both, LoginKind::manager_page));
  int complete = 0;
  for (int i = 0; i < 20; ++i) {
    world.provider->observe("", [&](const ProviderObservation& seen) { complete += seen.complete ? 1 : 0; });
  }
  world.http.drain();
  CHECK(complete == 20);
  CHECK(world.gateway.logins.logins == 1);
  world.passed = seconds(290);
  for (int i = 0; i < 20; ++i) world.provider->observe("xv-one", [](const ProviderObservation&) {});
  world.http.drain();
  CHECK(world.gateway.logins.logins == 1);
  CHECK(world.gateway.logins.renewals == 1);
}

TEST_CASE("scaleio: a rejected password is sent once, shown nowhere, and tried again after a while") {
  ScaleioWorld world;
  const LoginKind kind = GENERATE(LoginKind::gateway, LoginKind::both, LoginKind::manager_404);
  world.gateway.logins.kind = kind;
  world.gateway.version = kind == LoginKind::gateway ? "3.6" : "4.5";
  world.gateway.logins.password = "another one";
  for (int i = 0; i < 3; ++i) {
    const ProviderObservation seen = observe(world);
    CHECK_FALSE(seen.complete);
    CHECK(seen.why_incomplete.find("login as admin") != std::string::npos);
    CHECK(seen.why_incomplete.find(kind == LoginKind::manager_404
                                       ? "login = \"gateway\""
                                       : "login = \"manager\"") != std::string::npos);
    CHECK(seen.why_incomplete.find("secret") == std::string::npos);
    CHECK(seen.why_incomplete.find("YWRt") == std::string::npos);
  }
  CHECK(count_sent(world, "/login") == (kind == LoginKind::manager_404 ? 2 : 1));
  const OperationResult result = execute(world, call_of(OperationKind::create, scaleio_volume()));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::permission);
  // A new password counts at once.
  world.password = "another one";
  CHECK(observe(world).complete);
  world.password = "secret:1";
  world.gateway.logins.forget();
  CHECK_FALSE(observe(world).complete);
  world.gateway.logins.password = "secret:1";
  CHECK_FALSE(observe(world).complete);
  world.passed = seconds(31);
  CHECK(observe(world).complete);
}

TEST_CASE("scaleio: a login that fails otherwise says that nothing happened, and no secret") {
  ScaleioWorld world;
  as_powerflex(world, LoginKind::manager_404);
  world.gateway.logins.login_status = 500;
  const OperationResult result = execute(world, call_of(OperationKind::create, scaleio_volume()));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::unavailable);
  world.gateway.logins.login_status = 0;
  for (const auto fault : {HttpDouble::Fault::cut_short, HttpDouble::Fault::garbage}) {
    world.restart();
    world.http.arm(HttpDouble::Stage::look, fault);
    const OperationResult cut = execute(world, call_of(OperationKind::create, scaleio_volume()));
    CHECK(cut.error.code == Errc::unavailable);
    CHECK(cut.error.message.find("access-") == std::string::npos);
  }
}

TEST_CASE("scaleio: a password that is no UTF-8 is refused in words where it must be one") {
  ScaleioWorld world;
  as_powerflex(world, LoginKind::manager_404);
  world.password = "\xffsecret";
  const ProviderObservation seen = observe(world);
  CHECK(seen.why_incomplete.find("UTF-8") != std::string::npos);
  CHECK(seen.why_incomplete.find("secret") == std::string::npos);
  CHECK(count_sent(world, "/rest/auth/login") == 0);
}

TEST_CASE("scaleio: a page in answer to a change leaves open what became of it") {
  ScaleioWorld world;
  as_powerflex(world, LoginKind::both);
  const Volume volume = created(world);
  REQUIRE(execute(world, call_of(OperationKind::attach, volume, "a1")).state == OperationState::done);
  world.gateway.page_after = "/removeMappedSdc";
  const OperationResult result = execute(world, call_of(OperationKind::detach, volume, "a1"));
  CHECK(result.state == OperationState::uncertain);
  CHECK(count_sent(world, "/removeMappedSdc") == 1);
}

TEST_CASE("scaleio: who waits for a login with less time does not take it from the others") {
  ScaleioWorld world;
  OperationCall hurried = call_of(OperationKind::create, scaleio_volume());
  hurried.deadline = seconds(2);
  OperationState short_of_time = OperationState::done;
  OperationState patient = OperationState::uncertain;
  world.provider->execute(hurried, [&](const OperationResult& result) { short_of_time = result.state; });
  world.provider->execute(call_of(OperationKind::create, scaleio_volume()),
                          [&](const OperationResult& result) { patient = result.state; });
  world.gateway.before = [&](const std::string& path) {
    if (path == "/api/login" && world.gateway.logins.logins == 0) world.passed = seconds(3);
  };
  world.http.drain();
  CHECK(short_of_time == OperationState::failed);
  CHECK(patient == OperationState::done);
}
