#include "tests/providers/csi_world.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <utility>

namespace extvold::tests {

void QueuePost::post(std::function<void()> closure) {
  const std::lock_guard hold(lock_);
  queue_.push_back(std::move(closure));
  came_.notify_one();
}

bool QueuePost::run_one() {
  std::function<void()> closure;
  {
    std::unique_lock hold(lock_);
    if (!came_.wait_for(hold, std::chrono::seconds(30), [&] { return !queue_.empty(); })) return false;
    closure = std::move(queue_.front());
    queue_.pop_front();
  }
  closure();
  return true;
}

void LedgerProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  ++under_way;
  std::vector<providers::KnownVolume> known;
  for (const auto& [key, one] : ledger_) known.push_back(one);
  inner->know_volumes(std::move(known));
  inner->observe(std::move(volume_key), [this, done = std::move(done)](ProviderObservation seen) {
    --under_way;
    done(std::move(seen));
  });
}

void LedgerProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  ++under_way;
  const Volume volume = call.volume;
  const bool creates = call.operation.kind == OperationKind::create;
  inner->execute(std::move(call), [this, volume, creates, done = std::move(done)](OperationResult result) {
    --under_way;
    if (creates && result.state == OperationState::done) {
      ledger_[volume.key] = {volume.key, result.provider_ref, volume.pool.pool, result.granted_size_mb};
    }
    done(std::move(result));
  });
}

void LedgerProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  ++under_way;
  inner->change_fence(std::move(call), [this, done = std::move(done)](FenceResult result) {
    --under_way;
    done(std::move(result));
  });
}

CsiWorld::CsiWorld(CsiDoubleOptions options) : driver(options) {
  // What is posted after this world is gone must not end on a thread of gRPC's (loop_post.h).
  static auto* const kept = new std::vector<std::shared_ptr<QueuePost>>;
  kept->push_back(loop_);
  config.name = ProviderName("csi~test");
  config.endpoint = driver.endpoint();
  providers::csi::CsiPool pool;
  pool.name = "fast";
  pool.parameters = {{"kind", "fast"}};
  pool.iops = 1000;
  config.pools = {pool};
  config.clone = true;
  config.resize = true;
  config.resize_attached = options.grows_published;
  if (options.as_recorded) {
    config.host_identities = {{"a1", "n1"}};
    config.list_attachments = false;
    config.resize = false;
  } else {
    config.host_identities = {{"a1", "node-a1"}, {"a2", "node-a2"}};
  }
  restart();
}

void CsiWorld::restart() {
  REQUIRE(providers::csi::check_csi_config(config));
  provider = std::make_unique<LedgerProvider>(ledger);
  providers::csi::CsiPorts ports;
  ports.post = loop_;
  ports.read_secret = [this](const std::string& path) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Errc::not_found, "{}: no such file", path);
    return found->second;
  };
  ports.clock = [] { return Instant{std::chrono::steady_clock::now().time_since_epoch().count()}; };
  provider->inner = std::make_unique<providers::csi::CsiProvider>(config, std::move(ports));
}

void CsiWorld::drain() {
  while (provider->under_way > 0) REQUIRE(loop_->run_one());
}

OperationResult CsiWorld::execute(const OperationCall& call) {
  OperationResult got;
  provider->execute(call, [&](OperationResult result) { got = std::move(result); });
  drain();
  return got;
}

ProviderObservation CsiWorld::observe(const std::string& key) {
  ProviderObservation got;
  provider->observe(key, [&](ProviderObservation seen) { got = std::move(seen); });
  drain();
  return got;
}

FenceResult CsiWorld::fence(FenceAct act, const std::string& node) {
  return fence(act, node, fence_addresses_of(config, node));
}

FenceResult CsiWorld::fence(FenceAct act, const std::string& node, const std::string& addresses) {
  return fence(act, node, addresses, FenceState::issued);
}

FenceResult CsiWorld::check_lifting(const std::string& node) {
  return fence(FenceAct::check, node, fence_addresses_of(config, node), FenceState::lifting);
}

FenceResult CsiWorld::fence(FenceAct act, const std::string& node, const std::string& addresses,
                            FenceState state) {
  FenceCall call;
  call.act = act;
  call.fence.state = state;
  call.fence.id = {1};
  call.fence.key = OperationId("fence-1");
  call.fence.rung = FenceRung::host;
  call.fence.target = node;
  call.fence.fence_addresses = addresses;
  call.host_name = "a1";
  FenceResult got;
  provider->change_fence(call, [&](FenceResult result) { got = std::move(result); });
  drain();
  return got;
}

Volume CsiWorld::volume(const std::string& key, std::int64_t size_mb) const {
  Volume volume;
  volume.id = {7};
  volume.name = key;
  volume.key = key;
  volume.pool = {config.name, "fast"};
  volume.size_mb = size_mb;
  volume.filesystem = Filesystem::ext4;
  volume.created_generation = {1, 1};
  return volume;
}

OperationCall CsiWorld::call(OperationKind kind, const Volume& volume, const std::string& host) const {
  OperationCall call;
  call.operation.id = OperationId("op-1");
  call.operation.kind = kind;
  call.operation.volume = volume.id;
  call.operation.generation = {1, 2};
  call.ledger_id = "ledger-1";
  call.volume = volume;
  call.host_name = host;
  return call;
}

Volume CsiWorld::created(const std::string& key) {
  Volume made = volume(key);
  const OperationResult result = execute(call(OperationKind::create, made));
  INFO(result.error.message);
  REQUIRE(result.state == OperationState::done);
  made.provider_ref = result.provider_ref;
  return made;
}

}  // namespace extvold::tests
