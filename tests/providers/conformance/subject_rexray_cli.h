// RexrayCliSubject: the rexray provider in mode cli, at a double of the program (rexray_double_main.cpp) that
// really is started. One subclass for each dialect; that the older ones print YAML is one of its own.
#pragma once

#include <sys/types.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "providers/rexray/rexray_provider.h"
#include "tests/lib/forking_process_runner.h"
#include "tests/providers/conformance/subject.h"
#include "tests/providers/rexray_loop.h"

namespace extvold::tests::conformance {

class RexrayCliSubject : public Subject {
 public:
  // "1", "2y" (0.2.0, which has YAML only), "2", "3", "4" and "4old" (0.6.0).
  explicit RexrayCliSubject(const std::string& dialect);
  ~RexrayCliSubject() override;
  RexrayCliSubject(const RexrayCliSubject&) = delete;
  RexrayCliSubject& operator=(const RexrayCliSubject&) = delete;

  providers::Provider& provider() override { return *provider_; }
  void restart() override;
  void drain() override;
  bool can(Stage stage, Fault fault) const override;
  void arm(Stage stage, Fault fault) override;
  void disarm() override;
  void let_late_calls_work() override;
  std::string pool() const override { return "disks"; }
  std::int64_t size_mb() const override { return 1024; }
  Duration short_deadline() const override { return milliseconds(300); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;
  bool make_twin(const Volume& volume) override;

  // What the double keeps.
  nlohmann::json state() const;
  void set_state(const nlohmann::json& state) const;
  std::string dir() const { return dir_; }
  providers::rexray::RexrayConfig config;
  ForkingProcessRunner runner;

 private:
  void add(const std::string& name, std::int64_t size) const;
  void set(const char* key, const char* value) const;

  std::string dir_;
  RexrayLoop loop_;
  std::unique_ptr<HttpClient> no_http_;
  std::vector<pid_t> left_;  // children of ours that restart() left behind
  std::unique_ptr<providers::rexray::RexrayProvider> provider_;
};

struct RexrayCli1Subject : RexrayCliSubject {
  RexrayCli1Subject() : RexrayCliSubject("1") {}
};
struct RexrayCli2YamlSubject : RexrayCliSubject {
  RexrayCli2YamlSubject() : RexrayCliSubject("2y") {}
};
struct RexrayCli2Subject : RexrayCliSubject {
  RexrayCli2Subject() : RexrayCliSubject("2") {}
};
struct RexrayCli3Subject : RexrayCliSubject {
  RexrayCli3Subject() : RexrayCliSubject("3") {}
};
struct RexrayCli4Subject : RexrayCliSubject {
  RexrayCli4Subject() : RexrayCliSubject("4") {}
};

// The same, on host a1, to which it attaches.
template <typename Dialect>
struct RexrayCliHostSubject final : Dialect {
  RexrayCliHostSubject() {
    this->config.cli_host = "a1";
    this->restart();
  }
  bool attaches_to_one_host() const override { return true; }
};

}  // namespace extvold::tests::conformance
