// DockerSubject: the docker provider over a double of a real volume plugin (docker_plugin_double.h).
#pragma once

#include <memory>

#include "providers/docker/docker_provider.h"
#include "tests/providers/docker_plugin_double.h"
#include "tests/providers/docker_world.h"

namespace extvold::tests::conformance {

class DockerSubject : public Subject {
 public:
  providers::Provider& provider() override { return *world_.provider; }
  void restart() override { world_.restart(); }
  void drain() override { world_.http.drain(); }
  bool can(Stage, Fault) const override { return true; }
  void arm(Stage stage, Fault fault) override { world_.http.arm(stage, fault); }
  void disarm() override { world_.http.disarm(); }
  void let_late_calls_work() override { world_.http.let_late_calls_work(); }
  std::string pool() const override { return "default"; }
  std::int64_t size_mb() const override { return 1024; }
  Duration short_deadline() const override { return seconds(5); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;
  bool make_twin(const Volume& volume) override;

 protected:
  DockerWorld& world() { return world_; }

 private:
  DockerWorld world_;
};

// A plugin that runs on host a1, and shows what it has mounted there.
class DockerHostSubject final : public DockerSubject {
 public:
  DockerHostSubject() {
    world().config.host = "a1";
    world().config.shows_mounts = true;
    world().restart();
  }
  bool attaches_to_one_host() const override { return true; }
};

}  // namespace extvold::tests::conformance
