// CsiSubject: the csi provider on a driver's double (tests/providers/csi_double.h) that does all that the
// specification offers.
#pragma once

#include "tests/providers/conformance/subject.h"
#include "tests/providers/csi_world.h"

namespace extvold::tests::conformance {

class CsiSubject final : public Subject {
 public:
  providers::Provider& provider() override { return *world_.provider; }
  void restart() override { world_.restart(); }
  void drain() override { world_.drain(); }
  bool can(Stage, Fault) const override { return true; }
  void arm(Stage stage, Fault fault) override;
  void disarm() override;
  void let_late_calls_work() override { world_.driver.let_late_calls_work(); }
  std::string pool() const override { return "fast"; }
  std::int64_t size_mb() const override { return 16; }
  Duration short_deadline() const override { return milliseconds(700); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;

 private:
  CsiWorld world_;
};

}  // namespace extvold::tests::conformance
