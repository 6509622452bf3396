// RbdSubject: the rbd provider on a real Ceph (ceph_cluster.h), its programs behind scripts that misbehave on
// demand.
#pragma once

#include <deque>
#include <memory>

#include "providers/rbd/rbd_provider.h"
#include "tests/providers/conformance/subject.h"
#include "tests/providers/rbd/ceph_cluster.h"

namespace extvold::tests::conformance {

class RbdSubject final : public Subject {
 public:
  RbdSubject();

  providers::Provider& provider() override { return *provider_; }
  void restart() override;
  void drain() override;
  bool can(Stage stage, Fault fault) const override;
  void arm(Stage stage, Fault fault) override;
  void disarm() override;
  void let_late_calls_work() override;
  std::string pool() const override { return "p1"; }
  std::int64_t size_mb() const override { return 4; }
  Duration short_deadline() const override { return milliseconds(1500); }

  int copies_of(const Volume& volume) override;
  std::vector<std::string> holders_of(const Volume& volume) override;
  std::string make_foreign() override;
  std::string state_of_foreign(const std::string& key) override;
  bool make_twin(const Volume& volume) override;

  // Until disarm(), what has this word among its own is killed: after its work, or instead of it.
  void kill_at(const std::string& word, bool after_work);
  // Until disarm(), every image has this watcher besides.
  void pretend_watcher(const std::string& address);

  // Until disarm(), a program that has this word among its own runs these of a shell instead.
  void answer_word(const std::string& word, const std::string& instead, const std::string& other_word = "",
                   const std::string& instead_of_other = "");
  void answer_ceph_word(const std::string& word, const std::string& instead);

  providers::rbd::RbdConfig config;
  CephCluster& ceph;

 private:
  void make_provider();
  void answer_words_of(const std::string& program,
                       const std::vector<std::pair<std::string, std::string>>& words);
  void write_script(const std::string& program, Stage stage, const std::string& wrong);

  ForkingProcessRunner runner_;
  std::deque<std::function<void()>> deferred_;
  std::vector<pid_t> left_;  // children of ours that restart() left behind
  std::unique_ptr<providers::rbd::RbdProvider> provider_;
};

std::string header_of(const Volume& volume);

}  // namespace extvold::tests::conformance
