#include "tests/providers/conformance/subject_rexray_rest.h"

#include <algorithm>

#include "tests/lib/forking_process_runner.h"

namespace extvold::tests::conformance {

RexrayRestSubject::RexrayRestSubject() : no_programs_(std::make_unique<ForkingProcessRunner>()) {
  config.name = ProviderName("rexray~row8");
  config.url = "http://ls:7979";
  config.service = "vfs";
  config.driver = "vfs";
  config.pools.resize(1);
  config.pools.front().name = "disks";
  restart();
}

void RexrayRestSubject::restart() {
  loop_.forget();
  provider_ = std::make_unique<providers::rexray::RexrayProvider>(
      config,
      providers::rexray::RexrayPorts{
          server_, *no_programs_, [](const std::string& place) { return "secret of " + place; },
          [this](Duration delay, std::function<void()> closure) { loop_.after(delay, std::move(closure)); },
          [this] { return loop_.now(); }});
}

// A list has no bound that a test would reach, but the client's own: then the answer is an error.
bool RexrayRestSubject::can(Stage stage, Fault fault) const {
  return stage == Stage::change || fault != Fault::late;
}

int RexrayRestSubject::copies_of(const Volume& volume) {
  return static_cast<int>(std::count_if(server_.volumes.begin(), server_.volumes.end(),
                                        [&](const auto& one) { return one.name == volume.key; }));
}

std::vector<std::string> RexrayRestSubject::holders_of(const Volume& volume) {
  std::vector<std::string> holders;
  for (const LibstorageVolume& one : server_.volumes) {
    if (one.name != volume.key) continue;
    for (const auto& [host, device] : one.attachments) holders.push_back(host);
  }
  return holders;
}

std::string RexrayRestSubject::state_of_foreign(const std::string& key) {
  std::string state;
  for (const LibstorageVolume& one : server_.volumes) {
    if (one.name == key) state += fmt::format("{} {} {};", one.id, one.size, one.attachments.size());
  }
  return state;
}

bool RexrayRestSubject::make_twin(const Volume& volume) {
  server_.add(volume.key, 1);
  return true;
}

}  // namespace extvold::tests::conformance
