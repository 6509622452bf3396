// Golden plans: each folder below tests/golden/ with a snapshot.json is one case, in the form that `extvold
// reconcile --dry-run
// --record DIR` writes. The plan that comes of it must be the text of expected-plan.txt.
// EXTVOLD_UPDATE_GOLDEN=1 writes the text anew; the difference is for a person to read. about.txt says in a
// sentence what a case is about.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "daemon/api/views.h"
#include "daemon/cli/render.h"
#include "daemon/record/record.h"
#include "reconcilers/planner.h"

namespace extvold {
namespace {

namespace record = daemon::record;

std::vector<std::filesystem::path> case_folders() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(EXTVOLD_SOURCE_DIR) + "/tests/golden")) {
    if (std::filesystem::exists(entry.path() / "snapshot.json")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("golden: plans") {
  const auto folders = case_folders();
  CHECK(folders.size() >= 25);
  for (const std::filesystem::path& folder : folders) {
    DYNAMIC_SECTION(folder.filename().string()) {
      const auto recording = record::read_recording(folder.string());
      if (!recording) FAIL(recording.error().message);
      const Plan plan =
          reconcilers::plan(recording->snapshot, recording->observed, recording->now, recording->policy);
      const std::string text = to_text(plan, recording->snapshot, recording->now);
      const std::string file = (folder / record::kPlanFile).string();
      if (std::getenv("EXTVOLD_UPDATE_GOLDEN") != nullptr) REQUIRE(record::write_file(file, text));
      const auto expected = record::read_file(file);
      if (!expected) FAIL(expected.error().message);
      CHECK(text == *expected);
    }
  }
}

// The same states as a person sees them who asks the running daemon: cli/explain-CASE.txt,
// cli/status-CASE.txt.
TEST_CASE("golden: explanations") {
  const std::string root = std::string(EXTVOLD_SOURCE_DIR) + "/tests/golden/";
  const auto check = [&](const std::string& file, const std::string& text) {
    if (std::getenv("EXTVOLD_UPDATE_GOLDEN") != nullptr) REQUIRE(record::write_file(root + file, text));
    const auto expected = record::read_file(root + file);
    if (!expected) FAIL(expected.error().message);
    CHECK(text == *expected);
  };
  for (const std::string name :
       {"attach-waits-for-an-unknown-claim", "detach-then-attach", "detach-on-an-assumption",
        "operation-uncertain", "not-enforced-detach-alone-does-not-permit", "backoff", "mode-observe",
        "fence-clock-runs", "fence-due-volume-rung", "fence-not-checked-since-start",
        "fence-cooperative-accepted", "fence-no-rung-left", "fence-view-incomplete",
        "fence-stopped-by-guard"}) {
    DYNAMIC_SECTION(name) {
      const auto recording = record::read_recording(root + name);
      if (!recording) FAIL(recording.error().message);
      const daemon::api::World world{recording->snapshot,
                                     recording->observed,
                                     recording->policy,
                                     {recording->now, {1'767'225'600'000'000'000}}};
      const VolumeEntry* entry = recording->snapshot.volume_by_name("pgdata");
      REQUIRE(entry != nullptr);
      check("cli/explain-" + name + ".txt",
            daemon::cli::render_explanation(daemon::api::explanation(world, *entry, {}), {}));
    }
  }
  DYNAMIC_SECTION("status") {
    const auto recording = record::read_recording(root + "attach-waits-for-an-unknown-claim");
    if (!recording) FAIL(recording.error().message);
    const daemon::api::World world{recording->snapshot,
                                   recording->observed,
                                   recording->policy,
                                   {recording->now, {1'767'225'600'000'000'000}}};
    daemon::api::StatusFacts facts;
    facts.driver.emplace();
    facts.driver->state = daemon::DriverState::running;
    facts.driver->started_at = {1'767'222'000'000'000'000};
    facts.driver->subscription = daemon::SubscriptionState::open;
    facts.driver->subscription_since = {1'767'222'001'000'000'000};
    facts.driver->master = "http://10.0.0.9:5050/api/v1";
    facts.driver->committed = {40};
    facts.wal = ledger::WalState{4'194'304, 100, 20'000};
    facts.ledger_path = "/var/lib/extvold/ledger.db";
    check("cli/status-running.txt", daemon::cli::render_status(daemon::api::status_view(world, facts), {}));
  }
}

TEST_CASE("golden: whatever the state, it can be explained") {
  for (const std::filesystem::path& folder : case_folders()) {
    const auto recording = record::read_recording(folder.string());
    if (!recording) FAIL(recording.error().message);
    const daemon::api::World world{recording->snapshot,
                                   recording->observed,
                                   recording->policy,
                                   {recording->now, {1'767'225'600'000'000'000}}};
    for (const auto& [id, entry] : recording->snapshot.volumes()) {
      INFO(folder << " " << entry.volume.name);
      const auto why = daemon::api::explanation(world, entry, {});
      CHECK(why["summary"].get<std::string>().starts_with("volume " + entry.volume.name + " is "));
      for (const auto& row : why["blocked"]) CHECK(row["remedy"].is_string());
      CHECK_FALSE(daemon::cli::render_explanation(why, {true}).empty());
    }
  }
}

}  // namespace extvold
