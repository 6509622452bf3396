// The recordings that the tests judge by, loaded once per test case.
#pragma once

#include <catch2/catch.hpp>

#include <array>
#include <string>

#include "tests/replay/recording.h"

namespace extvold::replay {

inline constexpr std::array<const char*, 8> kScenarios = {
    "agent_restart", "authenticated", "basic", "failover", "move", "partition", "pods", "reservations"};

inline std::string recording_folder(const std::string& name) {
  return std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/mesos/" + name;
}

inline Recording load(const std::string& name) {
  auto recording = load_recording(recording_folder(name));
  if (!recording) FAIL(recording.error().message);
  return std::move(*recording);
}

}  // namespace extvold::replay
