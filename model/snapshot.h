// Snapshot: all recorded state that decisions need, as one value in memory: the image of the ledger that the
// planner reads.
//
// Loop thread only. Changed only by apply(), with the very changes that the ledger commits; Ledger::load()
// builds an equal one. Tasks and history are not in it. Move-only (it has inner indexes); iteration order of
// everything is defined. Cost: see bench_planning.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/change.h"

namespace extvold {

// Everything about one volume, together, so that a look at it touches one place.
struct VolumeEntry {
  Volume volume;
  std::vector<Attachment> attachments;  // ordered by host
  std::vector<Mount> mounts;
  std::vector<const Claim*> claims;           // ordered by id; owned by the Snapshot
  std::vector<const Evidence*> evidence;      // not void ones, ordered by id; owned by the Snapshot
  std::vector<BlockedRow> blocked;            // ordered by host
  std::unique_ptr<Operation> open_operation;  // at most one
  std::unique_ptr<Operation>
      last_operation;  // newest that ended otherwise than done: backoff and explain need it

  const Attachment* attachment(HostId host) const;
};

class Snapshot {
 public:
  Snapshot() = default;
  Snapshot(Snapshot&&) = default;
  Snapshot& operator=(Snapshot&&) = default;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  void apply(const Change& change);
  void apply(const Batch& batch);  // CHECKs that it is the next one
  // The same for rows of which a ledger has as many as it has volumes, without the detour of a Change. False:
  // another volume has this id, name or key, and the snapshot is of no use any more.
  bool load(const Volume& volume);
  void load(const Attachment& attachment) { put(attachment); }
  void load(const Claim& claim) { put(claim); }

  Sequence sequence;
  LedgerIdentity ledger;
  Mode mode = Mode::observe;
  bool detach_storm = false;   // the guard has tripped; a person must release it
  bool fence_stop = false;     // no host is fenced by itself until a person says so
  WallTime fence_released_at;  // when one last did; 0: never
  MesosView view;
  Counters counters;

  const std::map<VolumeId, VolumeEntry>& volumes() const { return volumes_; }
  const std::map<HostId, Host>& hosts() const { return hosts_; }
  const std::map<AgentId, Agent>& agents() const { return agents_; }
  const std::map<FrameworkId, Framework>& frameworks() const { return frameworks_; }
  const std::map<ClaimId, Claim>& claims() const { return claims_; }
  const std::map<EvidenceId, Evidence>& evidence() const { return evidence_; }  // not void ones
  const std::map<PoolName, Pool>& pools() const { return pools_; }
  const std::map<AgentId, std::vector<ReservationRecord>>& reservations() const { return reservations_; }
  const std::map<AgentId, MesosOperation>& mesos_operations() const {
    return mesos_operations_;
  }                                                                   // open ones
  const std::map<FenceId, Fence>& fences() const { return fences_; }  // neither failed nor lifted

  const VolumeEntry* volume(VolumeId id) const;
  const VolumeEntry* volume_by_name(std::string_view name) const;  // of volumes that are not removed
  const VolumeEntry* volume_by_key(const ProviderName& provider, std::string_view key) const;
  const VolumeEntry* volume_by_key(std::string_view key) const;  // at whichever provider
  const Host* host(HostId id) const;
  const Host* host_by_name(std::string_view name) const;
  const Agent* agent(const AgentId& id) const;
  const Claim* claim(ClaimId id) const;
  const Evidence* evidence(EvidenceId id) const;
  const Fence* fence(FenceId id) const;
  std::vector<const Fence*> fences_of_host(HostId host) const;  // ordered by id
  std::vector<const Claim*> claims_of_task(const FrameworkId& framework,
                                           const TaskId& task) const;     // ordered by id
  std::vector<const Claim*> claims_of_agent(const AgentId& agent) const;  // ordered by id
  std::vector<const Claim*> unresolved_claims() const;                    // ordered by id
  std::vector<const Agent*> agents_of_host(HostId host) const;            // ordered by id

  // Memory-only fields of a claim that no row holds.
  void note_claim_event(ClaimId id, Instant at);
  void note_claim_listed(ClaimId id, bool alive);  // in the snapshot of the present view
  void note_call_ended(VolumeId volume, Instant at);
  void note_mesos_call_ended(const AgentId& agent, Instant at);

  bool operator==(
      const Snapshot& other) const;  // memory-only fields count only as far as operator== of the rows does

 private:
  struct TaskOrder {
    using is_transparent = void;
    struct Key {
      std::string_view framework;
      std::string_view task;
      std::int64_t id = 0;
    };
    static Key key(const Claim* claim);
    static bool less(const Key& a, const Key& b);
    bool operator()(const Claim* a, const Claim* b) const { return less(key(a), key(b)); }
    bool operator()(const Claim* a, const Key& b) const { return less(key(a), b); }
    bool operator()(const Key& a, const Claim* b) const { return less(a, key(b)); }
  };

  struct NameOrder {
    using is_transparent = void;
    bool operator()(const Volume* a, const Volume* b) const { return a->name < b->name; }
    bool operator()(const Volume* a, std::string_view b) const { return a->name < b; }
    bool operator()(std::string_view a, const Volume* b) const { return a < b->name; }
  };
  // A storage's own names, which another storage may give as well.
  struct KeyOrder {
    using is_transparent = void;
    using Key = std::pair<std::string_view, std::string_view>;
    static Key key(const Volume* one) { return {one->key, one->pool.provider.value}; }
    bool operator()(const Volume* a, const Volume* b) const { return key(a) < key(b); }
    bool operator()(const Volume* a, const Key& b) const { return key(a) < b; }
    bool operator()(const Key& a, const Volume* b) const { return a < key(b); }
  };

  void put(const Claim& claim);
  void put(const Attachment& attachment);
  void put(const Operation& operation);
  void put(const MesosOperation& operation);
  void put(const Fence& fence);
  void put(const Evidence& evidence);
  void put(const Volume& volume);
  void put(const Host& host);
  void put(const Agent& agent);
  void put(const BlockedRow& blocked);
  void put(const ReservationRecord& reservation);
  void drop(ClaimId id);
  void drop(const DropAgent& row);
  void drop(const DropAttachment& drop);
  void drop(const DropMount& drop);
  void drop(const DropBlocked& drop);
  void put(const Mount& mount);
  void change(const ClaimStateChange& change);
  void share_ids(Claim& claim) const;
  void index(const Claim& claim);
  void unindex(const Claim& claim);

  std::map<VolumeId, VolumeEntry> volumes_;
  std::set<const Volume*, NameOrder> volumes_by_name_;  // not the removed ones
  std::set<const Volume*, KeyOrder> volumes_by_key_;
  std::map<HostId, Host> hosts_;
  std::map<std::string, HostId, std::less<>> hosts_by_name_;
  std::map<AgentId, Agent> agents_;
  std::set<std::pair<HostId, AgentId>> agents_by_host_;
  std::map<FrameworkId, Framework> frameworks_;
  std::map<ClaimId, Claim> claims_;
  std::set<const Claim*, TaskOrder> claims_by_task_;
  std::map<AgentId, std::vector<ClaimId>> claims_by_agent_;  // ordered
  std::vector<ClaimId> unresolved_;                          // ordered
  std::map<EvidenceId, Evidence> evidence_;
  std::map<PoolName, Pool> pools_;
  std::map<AgentId, std::vector<ReservationRecord>> reservations_;
  std::map<AgentId, MesosOperation> mesos_operations_;
  std::map<FenceId, Fence> fences_;
};

}  // namespace extvold
