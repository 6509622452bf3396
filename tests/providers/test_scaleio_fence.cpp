// The fence of the scaleio provider: it names the recorded SDC and nothing else, and holds only if three
// things show it.
#include <catch2/catch.hpp>

#include "tests/providers/only_answer.h"
#include "tests/providers/scaleio_world.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

struct FenceWorld : ScaleioWorld {
  FenceWorld() {
    GatewayDouble::Volume& there = gateway.add("xv-one");
    there.mappings = {{gateway.sdcs.at(0).id}};
    volume.name = "pg";
    volume.key = "xv-one";
    volume.provider_ref = there.id;
  }

  GatewayDouble::Volume& there() { return *gateway.by_name("xv-one"); }

  FenceResult fence(FenceAct act, FenceState state = FenceState::issued) {
    FenceCall call;
    call.act = act;
    call.fence.id = {3};
    call.fence.rung = FenceRung::volume;
    call.fence.state = state;
    call.fence.target = kGuidA1;
    call.volume = volume;
    call.host_name = "a1";
    const auto got = only_answer<FenceResult>(
        [&](auto done) { provider->change_fence(call, std::move(done)); }, [&] { http.drain(); });
    CHECK(got.id == call.fence.id);
    CHECK(got.act == act);
    CHECK(got.sent_at <= got.ended_at);
    return got;
  }

  Volume volume;
};

}  // namespace

TEST_CASE("scaleio fence: the recorded SDC is unmapped, nobody else, and a look shows it") {
  FenceWorld world;
  world.there().mappings.push_back({world.gateway.sdcs.at(1).id});
  CHECK(world.fence(FenceAct::check).held == TriState::no);
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  REQUIRE(world.there().mappings.size() == 1);
  CHECK(world.there().mappings.at(0).sdc_id == world.gateway.sdcs.at(1).id);
  // Whose writes are whose, nobody can tell before it has held; then the other's say nothing.
  CHECK(world.fence(FenceAct::check).held == TriState::unknown);
  CHECK(world.fence(FenceAct::check, FenceState::held).held == TriState::yes);
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  CHECK(world.there().mappings.size() == 1);
}

TEST_CASE("scaleio fence: it holds once nobody is mapped and the newest sample counts no write") {
  FenceWorld world;
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  world.there().writes = 12;
  const FenceResult writing = world.fence(FenceAct::check);
  CHECK(writing.held == TriState::unknown);
  CHECK(writing.seen.find("12 writes") != std::string::npos);
  world.there().writes = 0;
  world.gateway.tells_writes = false;
  CHECK(world.fence(FenceAct::check).held == TriState::unknown);
  world.gateway.tells_writes = true;
  const FenceResult held = world.fence(FenceAct::check);
  CHECK(held.held == TriState::yes);
  CHECK(held.seen.find(kGuidA1) != std::string::npos);
  CHECK(held.seen.find("of 5 s") != std::string::npos);
  CHECK(held.seen.find("to the MDM: Connected") != std::string::npos);
  CHECK(held.expires_at.ns == 0);
}

TEST_CASE("scaleio fence: who reaches the volume some other way is not fenced by an unmapping") {
  FenceWorld world;
  SECTION("every SDC") {
    world.there().to_all = true;
    const FenceResult refused = world.fence(FenceAct::set);
    CHECK(refused.state == FenceCallState::failed);
    CHECK(refused.error.code == Errc::conflict);
  }
  SECTION("SCSI") {
    world.there().to_scsi = true;
    CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  }
  CHECK(world.fence(FenceAct::check).held == TriState::no);
}

TEST_CASE("scaleio fence: an SDC that the gateway does not name is no proof in either direction") {
  FenceWorld world;
  world.gateway.sdcs.at(0).guid.clear();
  CHECK(world.fence(FenceAct::check).held == TriState::unknown);
  CHECK(world.fence(FenceAct::set).state == FenceCallState::failed);
  CHECK(world.there().mappings.size() == 1);
}

TEST_CASE("scaleio fence: an unmapping that was said to be done and was not is seen") {
  FenceWorld world;
  world.gateway.unmaps = false;
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  CHECK(world.fence(FenceAct::check).held == TriState::no);
}

TEST_CASE("scaleio fence: what may have happened is uncertain, what cannot be read proves nothing") {
  FenceWorld world;
  using Fault = HttpDouble::Fault;
  const Fault fault = GENERATE(Fault::hang, Fault::late, Fault::lost_answer, Fault::garbage, Fault::oversize);
  world.http.arm(HttpDouble::Stage::change, fault);
  CHECK(world.fence(FenceAct::set).state == FenceCallState::uncertain);
  world.http.arm(HttpDouble::Stage::look, fault);
  CHECK(world.fence(FenceAct::check).held == TriState::unknown);
  CHECK(world.fence(FenceAct::set).state == FenceCallState::failed);
  world.http.disarm();
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  CHECK(world.fence(FenceAct::check).held == TriState::yes);
}

TEST_CASE("scaleio fence: a volume that is gone or has another name is not fenced, nor said to be") {
  FenceWorld world;
  world.there().name = "somebody-s";
  CHECK(world.fence(FenceAct::set).state == FenceCallState::failed);
  CHECK(world.fence(FenceAct::check).held == TriState::unknown);
  CHECK(world.gateway.volumes.at(0).mappings.size() == 1);
  world.gateway.volumes.clear();
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  CHECK(world.fence(FenceAct::check).held == TriState::unknown);
}

TEST_CASE("scaleio fence: nothing stands that a lift could take back") {
  FenceWorld world;
  CHECK(world.fence(FenceAct::set).state == FenceCallState::done);
  world.http.sent.clear();
  CHECK(world.fence(FenceAct::lift).state == FenceCallState::done);
  CHECK(world.http.sent.empty());
  CHECK_FALSE(world.provider->info().capabilities.fence_bars_late_calls);
}
