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

#include "daemon/record/record.h"
#include "reconcilers/planner.h"

using namespace extvold::daemon;
namespace extvold {
namespace {

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

}  // namespace extvold
