// RexrayRestSubject: the rexray provider in mode rest, at a double of a libStorage server.
#pragma once

#include <memory>

#include "providers/rexray/rexray_provider.h"
#include "tests/providers/conformance/subject.h"
#include "tests/providers/libstorage_double.h"
#include "tests/providers/rexray_loop.h"

namespace extvold::tests::conformance {

class RexrayRestSubject final : public Subject {
 public:
  RexrayRestSubject();

  providers::Provider& provider() override { return *provider_; }
  void restart() override;
  void drain() override { loop_.drain(); }
  bool can(Stage stage, Fault fault) const override;
  void arm(Stage stage, Fault fault) override { server_.arm(stage, fault); }
  void disarm() override { server_.disarm(); }
  void let_late_calls_work() override { server_.let_late_calls_work(); }
  std::string pool() const override { return "disks"; }
  std::int64_t size_mb() const override { return 1024; }
  Duration short_deadline() const override { return seconds(5); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override { return server_.add("pgdata", 2).name; }
  std::string state_of_foreign(const std::string& key) override;
  bool make_twin(const Volume& volume) override;

  LibstorageDouble& server() { return server_; }
  providers::rexray::RexrayConfig config;

 private:
  RexrayLoop loop_;
  LibstorageDouble server_{loop_};
  std::unique_ptr<ProcessRunner> no_programs_;
  std::unique_ptr<providers::rexray::RexrayProvider> provider_;
};

}  // namespace extvold::tests::conformance
