#include "tests/providers/conformance/subject_csi.h"

namespace extvold::tests::conformance {

void CsiSubject::arm(Stage stage, Fault fault) {
  world_.config.observe_deadline = short_deadline();
  if (fault == Fault::not_reached)
    world_.config.endpoint = "unix:" + world_.driver.dir() + "/nobody.sock";
  else
    world_.driver.arm(stage, fault);
  world_.restart();
}

void CsiSubject::disarm() {
  world_.config.observe_deadline = seconds(60);
  world_.config.endpoint = world_.driver.endpoint();
  world_.driver.disarm();
  world_.restart();
}

int CsiSubject::copies_of(const Volume& volume) {
  int copies = 0;
  for (const CsiDoubleVolume& one : world_.driver.volumes()) copies += one.name == volume.key ? 1 : 0;
  return copies;
}

std::vector<std::string> CsiSubject::holders_of(const Volume& volume) {
  std::vector<std::string> holders;
  for (const CsiDoubleVolume& one : world_.driver.volumes()) {
    if (one.name != volume.key) continue;
    for (const auto& [node, read_only] : one.nodes) holders.push_back(node);
  }
  return holders;
}

std::string CsiSubject::make_foreign() {
  CsiDoubleVolume volume;
  volume.id = "somebodys-id";
  volume.name = "somebodys";
  volume.bytes = std::int64_t{32} << 20;
  world_.driver.put(volume);
  return volume.id;
}

std::string CsiSubject::state_of_foreign(const std::string& key) {
  std::string state;
  for (const CsiDoubleVolume& one : world_.driver.volumes()) {
    if (one.id != key) continue;
    state += one.name + " " + std::to_string(one.bytes);
    for (const auto& [node, read_only] : one.nodes) state += " " + node;
  }
  return state.empty() ? "gone" : state;
}

}  // namespace extvold::tests::conformance
