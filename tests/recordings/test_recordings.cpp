// Every recording of a real master, to its expected end state and claim timeline: at recorded speed, twenty
// times as fast, and with the connection cut after each record of the stream.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/recordings/recorded_world.h"
#include "tests/replay/recordings_for_test.h"

using extvold::testing::PlayOptions;
using extvold::testing::RecordedWorld;

namespace {

// Which volumes there must be: those that the recording's tasks name.
std::set<std::string> volumes_of(const extvold::replay::Recording& recording, const PlayOptions& options) {
  RecordedWorld scout(recording, options);
  scout.play();
  return scout.missing_volumes();
}

std::string text_of(const RecordedWorld& world) {
  std::string out = "claims\n";
  for (const std::string& line : world.timeline()) out += "  " + line + "\n";
  out += "end\n";
  for (const std::string& line : world.end_state()) out += "  " + line + "\n";
  // By whose word, and when only the registry knows.
  out += "agents\n";
  for (const auto& [id, agent] : world.engine().snapshot().agents()) {
    const auto& [source, since] = agent.state_fact;
    out += fmt::format("  {} at {}: {} by {}", agent.hostname, agent.address, to_text(agent.state),
                       to_text(source));
    out += source == extvold::AgentSource::registry ? fmt::format(" at {} ns\n", since.ns) : "\n";
  }
  return out;
}

// EXTVOLD_UPDATE_GOLDEN=1 writes it anew; the difference is for a person to read.
std::string expected(const std::string& name, const std::string& now) {
  const std::string path = std::string(EXTVOLD_SOURCE_DIR) + "/tests/recordings/expected/" + name + ".txt";
  if (std::getenv("EXTVOLD_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now;
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

PlayOptions options_of(const std::string& name, const extvold::replay::Recording& recording) {
  PlayOptions options;
  if (name == "authenticated") {
    options.authorization = "Basic " + extvold::replay::base64("extvold:extvold");
    options.view = 1;
  }
  options.volumes = volumes_of(recording, options);
  return options;
}

}  // namespace

TEST_CASE("each recording to its claim timeline and end state") {
  const std::string name = GENERATE(from_range(extvold::replay::kScenarios));
  const auto recording = extvold::replay::load(name);
  PlayOptions options = options_of(name, recording);
  RecordedWorld world(recording, options);
  world.play();
  INFO(name);
  const std::string text = text_of(world);
  CHECK(text == expected(name, text));
}

TEST_CASE("twenty times as fast, the end is the same") {
  const std::string name = GENERATE(from_range(extvold::replay::kScenarios));
  const auto recording = extvold::replay::load(name);
  PlayOptions options = options_of(name, recording);
  RecordedWorld slow(recording, options);
  slow.play();
  options.speed = 20;
  RecordedWorld fast(recording, options);
  fast.play();
  INFO(name);
  CHECK(fast.end_state() == slow.end_state());
}

TEST_CASE("cut after each record of the stream, the end is the same") {
  const std::string name = GENERATE(from_range(extvold::replay::kScenarios));
  const auto recording = extvold::replay::load(name);
  PlayOptions options = options_of(name, recording);
  RecordedWorld whole(recording, options);
  whole.play();
  for (std::size_t after = 1; after <= whole.records(); after += EXTVOLD_CUTS_EVERY) {
    options.cut_after = after;
    RecordedWorld cut(recording, options);
    cut.play();
    INFO(name << ", cut after record " << after);
    CHECK(cut.end_state() == whole.end_state());
  }
}
