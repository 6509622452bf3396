#include "providers/csi/observe_volumes.h"

#include <algorithm>
#include <utility>

namespace extvold::providers::csi {
namespace {

constexpr std::int64_t kNotTold = -1;  // Pool::free_mb

class Observe : public std::enable_shared_from_this<Observe> {
 public:
  Observe(CsiDriver& driver, const std::vector<KnownVolume>& known, ProviderObservation seen,
          std::function<void(ProviderObservation)> done)
      : driver_(driver),
        known_(known),
        until_(seen.sent_at + driver.config().observe_deadline),
        seen_(std::move(seen)),
        done_(std::move(done)) {
    for (const KnownVolume& one : known_) {
      if (one.provider_ref.empty()) continue;
      by_key_[one.key] = &one;
      by_ref_[one.provider_ref] = &one;
    }
  }

  void start() {
    if (seen_.volume_key.empty()) driver_.forget();  // another driver may be there by now
    driver_.discover(until_, [self = shared_from_this()](Result<DriverCapabilities> can) {
      if (!can) return self->incomplete(can.error());
      self->can_ = *std::move(can);
      self->look();
    });
  }

 private:
  void look() {
    const std::string& key = seen_.volume_key;
    if (!key.empty()) {
      const KnownVolume* known = known_by(by_key_, key);
      if (known == nullptr) return look_for(key);
      return look_at_one(key, known->provider_ref, &Observe::end);
    }
    if (!can_.has(Rpc::LIST_VOLUMES)) return look_at_next();
    list_volumes(driver_, can_, until_, [self = shared_from_this()](Result<VolumeList> all) {
      if (!all) return self->incomplete(all.error());
      for (const auto& [id, one] : all->volumes) {
        const KnownVolume* known = self->known_by(self->by_ref_, id);
        self->add(one, known == nullptr ? id : known->key);
      }
      self->ask_next_pool();
    });
  }

  // Of one that was never made, or whose create was not answered, no id is known. Some drivers take the name
  // for the id, and a list shows it; a name is sent to nobody as an id. Else it is not found, and the create
  // is made again: by its name, which gives the same one.
  void look_for(const std::string& key) {
    if (!can_.has(Rpc::LIST_VOLUMES)) return end();
    list_volumes(driver_, can_, until_, [self = shared_from_this(), key](Result<VolumeList> all) {
      if (!all) return self->incomplete(all.error());
      const auto found = all->volumes.find(key);
      if (found != all->volumes.end()) self->add(found->second, key);
      self->end();
    });
  }

  // There is no list: what the ledger knows is looked at, one by one, and what is not ours stays unseen.
  void look_at_next() {
    while (next_ < known_.size() && known_[next_].provider_ref.empty()) ++next_;
    if (next_ >= known_.size()) return ask_next_pool();
    const KnownVolume& one = known_[next_++];
    look_at_one(one.key, one.provider_ref, &Observe::look_at_next);
  }

  void look_at_one(const std::string& key, const std::string& id, void (Observe::*then)()) {
    look_at(driver_, can_, id, until_,
            [self = shared_from_this(), key, then](const Result<std::optional<SeenVolume>>& one) {
              if (!one) return self->incomplete(one.error());
              if (*one) self->add(**one, key);
              ((*self).*then)();
            });
  }

  void ask_next_pool() {
    const auto& pools = driver_.config().pools;
    if (!can_.has(Rpc::GET_CAPACITY) || next_pool_ >= pools.size()) return end();
    const CsiPool& pool = pools[next_pool_++];
    pb::GetCapacityRequest request;
    request.mutable_parameters()->insert(pool.parameters.begin(), pool.parameters.end());
    if (!pool.topology.empty())
      request.mutable_accessible_topology()->mutable_segments()->insert(pool.topology.begin(),
                                                                        pool.topology.end());
    driver_.call<pb::GetCapacityResponse>(
        "/csi.v1.Controller/GetCapacity", request, until_,
        [self = shared_from_this(), &pool](const Replied<pb::GetCapacityResponse>& reply) {
          self->add_pool(pool, reply ? reply->available_capacity() : kNotTold);
          self->ask_next_pool();
        });
  }

  // All volumes were seen by then: a driver that does not say what is free keeps nobody from failing over.
  void add_pool(const CsiPool& pool, std::int64_t free_bytes) {
    Pool row;
    row.name = {driver_.config().name, pool.name};
    row.capacity_mb = pool.capacity_mb;
    row.free_mb = free_bytes < 0 ? kNotTold : free_bytes >> 20;
    row.iops = pool.iops;
    seen_.pools.push_back(std::move(row));
  }

  const KnownVolume* known_by(const std::map<std::string_view, const KnownVolume*>& by,
                              const std::string& name) const {
    const auto found = by.find(name);
    return found == by.end() ? nullptr : found->second;
  }

  // Without a tag: a driver keeps none.
  void add(const SeenVolume& one, const std::string& key) {
    ObservedVolume volume;
    volume.key = key;
    volume.provider_ref = one.id;
    volume.size_mb = one.size_mb;
    if (const KnownVolume* known = known_by(by_key_, key)) {
      volume.pool = known->pool;
      if (one.size_mb == 0) volume.size_mb = known->size_mb;
    }
    for (const std::string& node : one.nodes) {
      ObservedAttachment attachment;
      attachment.host_identity = node;
      attachment.fence_addresses = fence_addresses_of(driver_.config(), node);
      volume.attachments.push_back(std::move(attachment));
    }
    seen_.volumes.push_back(std::move(volume));
  }

  void incomplete(const Error& error) {
    seen_.why_incomplete = error.message;
    seen_.volumes.clear();
    seen_.pools.clear();
    finish();
  }

  void end() {
    seen_.complete = true;
    finish();
  }

  void finish() {
    std::sort(seen_.volumes.begin(), seen_.volumes.end(),
              [](const ObservedVolume& a, const ObservedVolume& b) { return a.key < b.key; });
    seen_.ended_at = driver_.now();
    done_(std::move(seen_));
  }

  CsiDriver& driver_;
  const std::vector<KnownVolume> known_;
  std::map<std::string_view, const KnownVolume*> by_key_;  // into known_, whose ids are known
  std::map<std::string_view, const KnownVolume*> by_ref_;
  const Instant until_;
  DriverCapabilities can_;
  ProviderObservation seen_;
  std::function<void(ProviderObservation)> done_;
  std::size_t next_ = 0;
  std::size_t next_pool_ = 0;
};

}  // namespace

void observe_volumes(CsiDriver& driver, const std::vector<KnownVolume>& known, ProviderObservation seen,
                     std::function<void(ProviderObservation)> done) {
  std::make_shared<Observe>(driver, known, std::move(seen), std::move(done))->start();
}

}  // namespace extvold::providers::csi
