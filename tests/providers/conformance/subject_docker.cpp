#include "tests/providers/conformance/subject_docker.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace extvold::tests::conformance {

int DockerSubject::copies_of(const Volume& volume) {
  return static_cast<int>(std::count_if(world_.plugin.volumes.begin(), world_.plugin.volumes.end(),
                                        [&](const DoubleVolume& one) { return one.name == volume.key; }));
}

std::vector<std::string> DockerSubject::holders_of(const Volume& volume) {
  const DoubleVolume* found = world_.plugin.find(volume.key);
  if (found == nullptr || found->users.empty()) return {};
  return {world_.config.host};
}

std::string DockerSubject::make_foreign() {
  world_.plugin.volumes.push_back({"pgdata", {}, {"c1"}});
  return "pgdata";
}

std::string DockerSubject::state_of_foreign(const std::string& key) {
  const DoubleVolume* found = world_.plugin.find(key);
  return found == nullptr ? "gone" : nlohmann::json({found->options, found->users}).dump();
}

bool DockerSubject::make_twin(const Volume& volume) {
  world_.plugin.volumes.push_back(*world_.plugin.find(volume.key));
  return true;
}

}  // namespace extvold::tests::conformance
