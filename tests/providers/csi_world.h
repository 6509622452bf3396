// CsiWorld: a csi provider on a driver's double, with a loop that is a queue and what a ledger would tell it.
// Main thread only.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "providers/csi/csi_provider.h"
#include "tests/providers/csi_double.h"

namespace extvold::tests {

// The loop: closures of all threads, run by the main thread.
class QueuePost final : public providers::csi::LoopPost {
 public:
  void post(std::function<void()> closure) override;
  // The next one, waited for; false: none came for half a minute.
  bool run_one();

 private:
  std::mutex lock_;
  std::condition_variable came_;
  std::deque<std::function<void()>> queue_;
};

// Tells the provider before each look what the ledger would know by then, and counts the calls that are under
// way.
class LedgerProvider final : public providers::Provider {
 public:
  explicit LedgerProvider(std::map<std::string, providers::KnownVolume>& ledger) : ledger_(ledger) {}

  const ProviderInfo& info() const override { return inner->info(); }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

  std::unique_ptr<providers::csi::CsiProvider> inner;
  int under_way = 0;

 private:
  std::map<std::string, providers::KnownVolume>& ledger_;
};

class CsiWorld {
 public:
  explicit CsiWorld(CsiDoubleOptions options = {});

  // The provider, new, from `config`.
  void restart();
  void drain();

  OperationResult execute(const OperationCall& call);
  ProviderObservation observe(const std::string& key = "");
  // By the addresses that an attach would record now, or by these.
  FenceResult fence(FenceAct act, const std::string& node);
  FenceResult fence(FenceAct act, const std::string& node, const std::string& addresses);
  FenceResult check_lifting(const std::string& node);  // while it is being taken back

  Volume volume(const std::string& key, std::int64_t size_mb = 16) const;
  OperationCall call(OperationKind kind, const Volume& volume, const std::string& host = "") const;
  Volume created(const std::string& key);

  CsiDouble driver;
  providers::csi::CsiConfig config;
  std::map<std::string, std::string> files;  // of secrets: path and content
  std::map<std::string, providers::KnownVolume> ledger;
  std::unique_ptr<LedgerProvider> provider;

 private:
  FenceResult fence(FenceAct act, const std::string& node, const std::string& addresses, FenceState state);

  std::shared_ptr<QueuePost> loop_ = std::make_shared<QueuePost>();
};

}  // namespace extvold::tests
