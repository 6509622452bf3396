// ScaleioSubject: the scaleio provider over a double of a gateway (gateway_double.h).
#pragma once

#include "tests/providers/conformance/subject.h"
#include "tests/providers/scaleio_world.h"

namespace extvold::tests::conformance {

class ScaleioSubject final : public Subject {
 public:
  providers::Provider& provider() override { return *world_.provider; }
  void restart() override { world_.restart(); }
  void drain() override { world_.http.drain(); }
  bool can(Stage, Fault) const override { return true; }
  void arm(Stage stage, Fault fault) override { world_.http.arm(stage, fault); }
  void disarm() override { world_.http.disarm(); }
  void let_late_calls_work() override { world_.http.let_late_calls_work(); }
  std::string pool() const override { return "pool-hdd"; }
  std::int64_t size_mb() const override { return 8192; }
  Duration short_deadline() const override { return seconds(5); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;

 private:
  ScaleioWorld world_;
};

}  // namespace extvold::tests::conformance
