// What the query API and the command line show of fences.
#include <catch2/catch.hpp>

#include "daemon/api/fences.h"
#include "daemon/api/views.h"
#include "daemon/cli/render.h"
#include "tests/daemon/api_world.h"

namespace extvold {
namespace {

namespace api = daemon::api;
namespace cli = daemon::cli;
using daemon::record::Json;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Volume volume_of(std::int64_t id, const char* name) {
  Volume row;
  row.id = {id};
  row.name = name;
  row.key = std::string("xv-") + name;
  row.pool = {ProviderName("san~one"), "hdd"};
  row.state = VolumeState::available;
  return row;
}

// a1 has pgdata and logs and is fenced from pgdata; a2 is there.
struct Fenced {
  Fenced() {
    snapshot.apply(Change(Host{{1}, "a1", "", HoldState::inherit, true, "fence 4: pg.2 waits", {4}, false}));
    snapshot.apply(Change(Host{{2}, "a2", "", HoldState::inherit, false, "", {}, false}));
    snapshot.apply(Change(volume_of(1, "pgdata")));
    snapshot.apply(Change(volume_of(2, "logs")));
    fence.id = {4};
    fence.key = OperationId("op-4");
    fence.state = FenceState::held;
    fence.host = {1};
    fence.provider = ProviderName("san~one");
    fence.volume = {1};
    fence.target = "guid-1";
    fence.generation = {1, 7};
    fence.cause = "task pg.2 of marathon on a2 waits for volume pgdata";
    fence.seen = "guid-1 has no mapping of xv-pgdata";
    fence.recorded_at = fence.held_at = {clock.wall().ns - seconds(60).ns};
    put();
    Evidence proof;
    proof.id = {9};
    proof.kind = EvidenceKind::fenced;
    proof.volume = {1};
    proof.host = {1};
    proof.fence = fence.id;
    snapshot.apply(Change(proof));
    policy.fences = {{{}, {}, {.when = FenceWhen::after, .after = minutes(10)}}};
  }
  void put() { snapshot.apply(Change(fence)); }
  api::World world() const { return {snapshot, observed, policy, {clock.now(), clock.wall()}}; }
  Instant ago(std::int64_t s) const { return {clock.now().ns - seconds(s).ns}; }

  tests::FixedClock clock;
  Snapshot snapshot;
  Observed observed;
  Policy policy;
  Fence fence;
};

}  // namespace

TEST_CASE("fences: what stands says what it proves, and whether that counts") {
  Fenced at;
  Json fence = api::fences_view(at.world())["fences"][0];
  CHECK(fence["id"] == 4);
  CHECK(fence["rung"] == "volume");
  CHECK(fence["host"] == "a1");
  CHECK(fence["volume"] == "pgdata");
  CHECK(fence["grade"] == "proven");
  CHECK(fence["error_code"].is_null());
  CHECK(fence["checked_at"].is_null());
  CHECK(fence["proves"] == Json::array({{{"volume", "pgdata"}, {"evidence", 9}, {"counts", false}}}));
  CHECK(contains(cli::render_fences(api::fences_view(at.world()), {}), "pgdata (does not count now)"));

  at.observed.fences[{4}] = {at.ago(5), kNever, ""};
  fence = api::fences_view(at.world())["fences"][0];
  CHECK(fence["proves"][0]["counts"] == true);
  CHECK(fence["checked_at"] == "2025-12-31T23:59:55Z");
  CHECK(fence["counts_until"].is_null());
}

TEST_CASE("fences: hosts that are quarantined, held or fenced, and nobody else") {
  Fenced at;
  Json answer = api::fences_view(at.world());
  CHECK(answer["stopped"] == false);
  REQUIRE(answer["hosts"].size() == 1);
  CHECK(answer["hosts"][0]["name"] == "a1");
  CHECK(answer["hosts"][0]["quarantine_fence"] == 4);
  at.snapshot.apply(Change(Host{{2}, "a2", "", HoldState::inherit, false, "", {}, true}));
  at.snapshot.apply(Change(SetFenceStop{true, {}}));
  answer = api::fences_view(at.world());
  CHECK(answer["stopped"] == true);
  REQUIRE(answer["hosts"].size() == 2);
  CHECK(answer["hosts"][1]["fence_held"] == true);
  const std::string text = cli::render_fences(answer, {});
  CHECK(contains(text, "fencing is stopped: no host is fenced until `extvold fence release --all"));
  CHECK(contains(text, "not to be fenced"));
  CHECK(api::hosts_view(at.world())["hosts"][0]["quarantine_fence"] == 4);
  CHECK(api::hosts_view(at.world())["hosts"][1]["fence_held"] == true);
}

TEST_CASE("fences: a clock says how long it has run, and when the fence is due") {
  Fenced at;
  const VolumeEntry& logs = *at.snapshot.volume_by_name("logs");
  at.observed.volumes[{2}].clocks = {{{1}, minutes(2), at.ago(300)}};
  const Json clock = api::clocks_view(at.world(), logs)[0];
  CHECK(clock == Json({{"volume", "logs"},
                       {"host", "a1"},
                       {"runs", true},
                       {"ran", "7m"},
                       {"after", "10m"},
                       {"since", "2025-12-31T23:55:00Z"},
                       {"due_at", "2026-01-01T00:03:00Z"},
                       {"due", false}}));
  CHECK(api::clock_texts(at.world(), logs) ==
        std::vector<std::string>{"the clock of a fence of a1: 7m of 10m, it runs since 2025-12-31T23:55:00Z; "
                                 "due at 2026-01-01T00:03:00Z"});
  CHECK(contains(cli::render_fences(api::fences_view(at.world()), {}), "at 2026-01-01T00:03:00Z"));
  at.observed.volumes[{2}].clocks = {{{1}, minutes(7), {}}};
  CHECK(api::clocks_view(at.world(), logs)[0]["due_at"].is_null());
  CHECK(api::clock_texts(at.world(), logs) ==
        std::vector<std::string>{"the clock of a fence of a1: 7m of 10m, and it stands"});
  at.observed.volumes[{2}].clocks = {{{1}, minutes(10), at.ago(30)}};
  CHECK(api::clocks_view(at.world(), logs)[0]["due"] == true);
  CHECK(contains(api::clock_texts(at.world(), logs)[0], "due since 2025-12-31T23:59:30Z"));
}

TEST_CASE("fences: one host, with what failed and what ended") {
  Fenced at;
  at.observed.fence_tries = {{{1},
                              FenceRung::host,
                              ProviderName("san~one"),
                              {},
                              {at.clock.now().ns + seconds(60).ns},
                              2,
                              "no answer"},
                             {{2}, FenceRung::power, {}, {}, {}, 1, "of another host"}};
  std::vector<api::FenceStatusRow> rows(2);
  rows[0].id = 4;  // stands
  rows[1].id = 3;
  rows[1].rung = "volume";
  rows[1].state = "failed";
  rows[1].volume = "logs";
  rows[1].provider = "san~one";
  rows[1].error = "the gateway answered 500";
  rows[1].ended_at = "2025-12-31T23:00:00Z";
  const Json answer = api::fences_of_host_view(at.world(), *at.snapshot.host_by_name("a1"), rows);
  CHECK(answer["host"]["name"] == "a1");
  CHECK(answer["fences"].size() == 1);
  REQUIRE(answer["tries"].size() == 1);
  CHECK(answer["tries"][0]["again_at"] == "2026-01-01T00:01:00Z");
  REQUIRE(answer["ended"].size() == 1);
  CHECK(answer["ended"][0]["id"] == 3);
  const std::string text = cli::render_fences_of_host(answer, {});
  CHECK(text.starts_with("host a1: quarantined (fence 4: pg.2 waits)\n"));
  CHECK(contains(text, "4 fence a1 from volume pgdata (as guid-1 at san~one): held\n"));
  CHECK(contains(text, "seen      guid-1 has no mapping of xv-pgdata\n"));
  CHECK(contains(text, "no answer"));
  CHECK(contains(text, "the gateway answered 500"));
  CHECK_FALSE(contains(text, "of another host"));

  const Json other = api::fences_of_host_view(at.world(), *at.snapshot.host_by_name("a2"), {});
  CHECK(contains(cli::render_fences_of_host(other, {}), "host a2: neither quarantined nor held\n"));
}

TEST_CASE("fences: what is cooperative or uncertain says so") {
  Fenced at;
  at.fence.cooperative = true;
  at.fence.state = FenceState::uncertain;
  at.fence.error = "a1 does not answer";
  at.fence.error_code = Errc::uncertain;
  at.put();
  const Json answer = api::fences_of_host_view(at.world(), *at.snapshot.host_by_name("a1"), {});
  CHECK(answer["fences"][0]["grade"] == "cooperative");
  CHECK(answer["fences"][0]["error_code"] == "uncertain");
  const std::string text = cli::render_fences_of_host(answer, {});
  CHECK(contains(text, "uncertain, cooperative: the host's own help\n"));
  CHECK(contains(text, "error     a1 does not answer\n"));
}

}  // namespace extvold
