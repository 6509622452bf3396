// LocalSubject: the local provider on this machine's loop devices (tests/providers/local_world.h).
#pragma once

#include "tests/providers/conformance/subject.h"
#include "tests/providers/local_world.h"

namespace extvold::tests::conformance {

class LocalSubject final : public Subject {
 public:
  LocalSubject();

  providers::Provider& provider() override { return *world_.provider; }
  void restart() override;
  void drain() override { world_.runner.drain(); }
  bool can(Stage stage, Fault fault) const override;
  void arm(Stage stage, Fault fault) override;
  void disarm() override;
  void let_late_calls_work() override;
  std::string pool() const override { return "hdd"; }
  std::int64_t size_mb() const override { return 16; }
  bool attaching_needs_root() const override { return true; }
  Duration short_deadline() const override { return milliseconds(300); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;

 private:
  LocalWorld world_;
  const std::string helper_;
  std::vector<pid_t> left_;  // children of ours that restart() left behind
};

}  // namespace extvold::tests::conformance
