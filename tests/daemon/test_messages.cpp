#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <regex>
#include <set>

#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

void collect(const std::string& folder, const std::regex& pattern, std::set<std::string>& names) {
  const std::filesystem::path root = std::filesystem::path(EXTVOLD_SOURCE_DIR) / folder;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    if (entry.path().filename() == "log.h") continue;  // its example
    const std::string text = read_file(entry.path());
    for (std::sregex_iterator i(text.begin(), text.end(), pattern); i != std::sregex_iterator(); ++i) {
      std::string name = (*i)[1];
      std::replace(name.begin(), name.end(), '.', '_');
      names.insert(name);
    }
  }
}

TEST_CASE("every event of the log is explained in daemon/messages.md", "[daemon][log]") {
  std::set<std::string> used;
  collect("daemon", std::regex(R"re(log\w*(?:\.|->)(?:debug|info|warning|error)\(\s*"(\w+)")re"), used);
  REQUIRE_FALSE(used.empty());
  collect("reconcilers", std::regex(R"re(\.kind\s*=\s*"([a-z_.]+)")re"), used);
  // Those of a fence are put together: "fence." and a word; at its end the word is its state.
  const std::string fences = read_file(std::filesystem::path(EXTVOLD_SOURCE_DIR) / "reconcilers/fences.cpp");
  const std::regex of_fence(R"re(history\((?:fence|row), "(\w+)")re");
  for (std::sregex_iterator i(fences.begin(), fences.end(), of_fence); i != std::sregex_iterator(); ++i)
    used.insert("fence_" + (*i)[1].str());
  CHECK(used.contains("fence_held"));
  used.insert({"fence_failed", "fence_lifted"});
  const std::string catalogue = read_file(std::filesystem::path(EXTVOLD_SOURCE_DIR) / "daemon/messages.md");
  for (const std::string& name : used) {
    INFO(name << ": add a line to daemon/messages.md that says what an operator does about it");
    CHECK(catalogue.find("| `" + name + "` |") != std::string::npos);
  }
}

}  // namespace
}  // namespace extvold::daemon::tests
