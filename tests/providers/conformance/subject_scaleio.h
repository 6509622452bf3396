// ScaleioSubject: the scaleio provider over a double of a gateway (gateway_double.h).
#pragma once

#include "tests/providers/conformance/subject.h"
#include "tests/providers/scaleio_world.h"

namespace extvold::tests::conformance {

class ScaleioSubject : public Subject {
 public:
  providers::Provider& provider() override { return *world_.provider; }
  void restart() override { world_.restart(); }
  void drain() override { world_.http.drain(); }
  bool can(Stage, Fault) const override { return true; }
  void arm(Stage stage, Fault fault) override { world_.http.arm(stage, fault); }
  // A rejected login is not tried again before some time has passed.
  void disarm() override {
    world_.http.disarm();
    world_.passed = world_.passed + seconds(31);
  }
  void let_late_calls_work() override { world_.http.let_late_calls_work(); }
  std::string pool() const override { return "pool-hdd"; }
  std::int64_t size_mb() const override { return 8192; }
  Duration short_deadline() const override { return seconds(5); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;

 protected:
  ScaleioWorld world_;
};

// The same of PowerFlex 4, with the login of its manager and tokens that end.
class PowerflexSubject final : public ScaleioSubject {
 public:
  PowerflexSubject() {
    world_.gateway.version = "4.5";
    world_.gateway.logins.kind = LoginKind::both;
  }
};

}  // namespace extvold::tests::conformance
