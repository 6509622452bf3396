// A recording is read back as it was written, whatever was in it.
#include <rapidcheck.h>
#include <stdlib.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>

#include "daemon/record/record.h"
#include "reconcilers/planner.h"
#include "tests/lib/random_state.h"

namespace extvold {
namespace {

namespace record = daemon::record;

using record::Defaults;
using record::Json;

template <typename T>
void check_both_ways(const T& value) {
  for (Defaults defaults : {Defaults::left_out, Defaults::written}) {
    const Json json = record::to_json(value, defaults);
    // Through text, as a file would.
    const auto parsed = record::parse_json(json.dump());
    RC_ASSERT(parsed.has_value());
    const auto back = record::value_from_json<T>(*parsed);
    if (!back) RC_LOG() << back.error().message;
    RC_ASSERT(back.has_value());
    RC_ASSERT(record::to_json(*back, defaults) == json);
  }
}

struct TempFolder {
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "extvold-record-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string path;
};

}  // namespace

TEST_CASE("record: any snapshot is read back as it was written") {
  CHECK(rc::check([] {
    const tests::RandomState state = tests::random_state();
    const Snapshot snapshot = state.snapshot();
    const Json json = record::snapshot_to_json(snapshot);
    const auto parsed = record::parse_json(json.dump());
    RC_ASSERT(parsed.has_value());
    const auto back = record::snapshot_from_json(*parsed);
    if (!back) RC_LOG() << back.error().message << json.dump(1);
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == snapshot);
    RC_ASSERT(record::snapshot_to_json(*back) == json);  // memory-only fields too
  }));
}

TEST_CASE("record: any observation, policy and plan are read back as they were written") {
  CHECK(rc::check([] {
    const tests::RandomState state = tests::random_state();
    check_both_ways(state.observed);
    check_both_ways(state.policy);
    check_both_ways(reconcilers::plan(state.snapshot(), state.observed, state.now, state.policy));
  }));
}

TEST_CASE("record: a folder gives the plan that was made from it") {
  CHECK(rc::check([] {
    const tests::RandomState state = tests::random_state();
    const Snapshot snapshot = state.snapshot();
    const Plan plan = reconcilers::plan(snapshot, state.observed, state.now, state.policy);
    const TempFolder folder;
    RC_ASSERT(record::write_recording(folder.path, snapshot, state.observed, state.policy, state.now, plan)
                  .has_value());
    const auto back = record::read_recording(folder.path);
    RC_ASSERT(back.has_value());
    const Plan again = reconcilers::plan(back->snapshot, back->observed, back->now, back->policy);
    RC_ASSERT(again.operations == plan.operations);
    RC_ASSERT(again.blocked == plan.blocked);
    RC_ASSERT(again.observe == plan.observe);
    const auto text = record::read_file(folder.path + "/" + std::string(record::kPlanFile));
    RC_ASSERT(text.has_value());
    RC_ASSERT(to_text(again, back->snapshot, back->now) == *text);
  }));
}

TEST_CASE("record: a folder that holds something is not written into") {
  const TempFolder folder;
  REQUIRE(record::write_file(folder.path + "/something", "x"));
  const Status status =
      record::write_recording(folder.path, Snapshot(), Observed(), Policy(), Instant{}, Plan());
  REQUIRE_FALSE(status);
  CHECK(status.error().code == Errc::conflict);
  CHECK(status.error().message == folder.path + ": not empty; a recording needs a folder of its own");
}

TEST_CASE("record: what cannot be read is refused with its place") {
  const auto refusal = [](std::string_view text) {
    const auto json = record::parse_json(text);
    REQUIRE(json);
    const auto snapshot = record::snapshot_from_json(*json);
    REQUIRE_FALSE(snapshot);
    CHECK(snapshot.error().code == Errc::invalid);
    return snapshot.error().message;
  };
  CHECK(refusal(R"({"volumes": [{"id": 1, "name": "a", "key": "k"}, {"id": 2, "size_mb": "ten"}]})") ==
        "volumes[1].size_mb: a whole number is expected, not \"ten\"");
  CHECK(refusal(R"({"volumes": [{"id": 1, "colour": "red"}]})") ==
        "volumes[0].colour: this version knows no such field");
  CHECK(refusal(R"({"volumes": [{"id": 1, "access": "rwx"}]})") ==
        "volumes[0].access: one of rw, ro, shared is expected, not \"rwx\"");
  CHECK(refusal(R"({"volumes": [{"id": 1, "pool": "hdd"}]})") ==
        "volumes[0].pool: \"hdd\" is no pool: type~instance~pool");
  CHECK(refusal(R"({"volumes": [{"id": 1, "created_at": "yesterday"}]})") ==
        "volumes[0].created_at: \"yesterday\" is no time: write it as in \"2026-01-31T23:59:59Z\" (UTC)");
  CHECK(refusal(R"({"volumes": [{"id": 1, "key": "a", "name": "x"}, {"id": 1, "key": "b", "name": "y"}]})") ==
        "volumes: the id, the name or the key of \"y\" (id 1, key \"b\") is there twice");
  CHECK(refusal(R"({"attachments": [{"volume": 3, "host": 1}]})") ==
        "attachments: a row names volume 3, which is not in volumes");
  CHECK(refusal(R"({"counters": {"next_host": 1.5}})") ==
        "counters.next_host: a whole number is expected, not 1.5");
  CHECK(refusal(R"({"ledger": []})") == "ledger: an object is expected, not []");
  CHECK(refusal(R"({"volumes": [{"id": 1, "key": "k", "name": "x"}],
                    "operations": [{"volume": 1, "state": "done"}]})") ==
        "operations:  is done; only open and failed ones belong to a snapshot");

  const auto not_json = record::parse_json("{\"a\": }");
  REQUIRE_FALSE(not_json);
  CHECK(not_json.error().message.starts_with("not JSON: "));
}

TEST_CASE("record: fields that are not there keep their defaults") {
  const auto snapshot =
      record::snapshot_from_json(*record::parse_json(R"({"hosts": [{"id": 7, "name": "a1"}]})"));
  REQUIRE(snapshot);
  CHECK(snapshot->host({7})->hold == HoldState::inherit);
  CHECK(snapshot->mode == Mode::observe);
}

TEST_CASE("record: times as text are exact") {
  CHECK(record::to_text(seconds(90)) == "90s");
  CHECK(record::to_text(minutes(120)) == "2h");
  CHECK(record::to_text(Duration{}) == "0s");
  CHECK(record::to_text(Instant{seconds(7200).ns}) == "7200s");
  CHECK(record::to_text(kNever) == "never");
  CHECK(record::to_text(WallTime{}) == "1970-01-01T00:00:00Z");
  CHECK(record::to_text(WallTime{-1}) == "1969-12-31T23:59:59.999999999Z");
  CHECK(record::to_text(WallTime{1'769'903'999'500'000'000}) == "2026-01-31T23:59:59.5Z");
  CHECK(record::wall_time_from_text("2026-01-31")->ns == 1'769'817'600'000'000'000);
  CHECK(record::wall_time_from_text("2026-01-31 23:59")->ns == 1'769'903'940'000'000'000);
  for (const char* bad :
       {"", "2026-13-01", "2026-02-30", "2026-01-01T24:00Z", "2026-01-01T10:00:00+01:00", "9999-01-01"})
    CHECK_FALSE(record::wall_time_from_text(bad));
  CHECK_FALSE(record::duration_from_text("10"));
  CHECK_FALSE(record::duration_from_text("99999999999h"));
  CHECK(rc::check([](std::int64_t ns) {
    RC_ASSERT(record::wall_time_from_text(record::to_text(WallTime{ns})).value() == WallTime{ns});
    RC_ASSERT(record::duration_from_text(record::to_text(Duration{ns})).value() == Duration{ns});
    RC_ASSERT(record::instant_from_text(record::to_text(Instant{ns})).value() == Instant{ns});
  }));
}

}  // namespace extvold
