#include "model/snapshot.h"

#include <algorithm>
#include <tuple>

#include "model/check.h"

namespace extvold {
namespace {

// One for each alternative of Change that memory does not hold.
template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

template <typename Map, typename Key>
auto* find_value(Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

template <typename T>
void insert_by_id(std::vector<const T*>& list, const T* item) {
  const auto at =
      std::lower_bound(list.begin(), list.end(), item, [](const T* a, const T* b) { return a->id < b->id; });
  if (at == list.end() || *at != item) list.insert(at, item);
}

// Ids are handed out in order, so that an insertion is nearly always at the end.
void insert_id(std::vector<ClaimId>& list, ClaimId id) {
  const auto at = std::lower_bound(list.begin(), list.end(), id);
  if (at == list.end() || *at != id) list.insert(at, id);
}

void erase_id(std::vector<ClaimId>& list, ClaimId id) {
  const auto at = std::lower_bound(list.begin(), list.end(), id);
  if (at != list.end() && *at == id) list.erase(at);
}

template <typename T>
void erase_item(std::vector<const T*>& list, const T* item) {
  list.erase(std::remove(list.begin(), list.end(), item), list.end());
}

}  // namespace

const Attachment* VolumeEntry::attachment(HostId host) const {
  for (const Attachment& one : attachments) {
    if (one.host == host) return &one;
  }
  return nullptr;
}

Snapshot::TaskOrder::Key Snapshot::TaskOrder::key(const Claim* claim) {
  return {claim->framework.value.view(), claim->task.value, claim->id.value};
}

bool Snapshot::TaskOrder::less(const Key& a, const Key& b) {
  // Task ids differ early and most often; frameworks are few.
  if (const int by_task = a.task.compare(b.task); by_task != 0) return by_task < 0;
  if (const int by_framework = a.framework.compare(b.framework); by_framework != 0) return by_framework < 0;
  return a.id < b.id;
}

void Snapshot::apply(const Batch& batch) {
  EXTVOLD_CHECK(batch.sequence.value == sequence.value + 1);
  for (const Change& change : batch.changes) apply(change);
  sequence = batch.sequence;
}

void Snapshot::apply(const Change& change) {
  std::visit(Overloaded{
                 [](const TaskRow&) {},
                 [](const TaskStateChange&) {},
                 [](const EndTasksOfView&) {},
                 [](const HistoryEntry&) {},
                 [this](const Claim& row) { put(row); },
                 [this](const ClaimStateChange& row) { this->change(row); },
                 [this](const DropClaim& row) { drop(row.id); },
                 [this](const Host& row) { put(row); },
                 [this](const Agent& row) { put(row); },
                 [this](const DropAgent& row) { drop(row); },
                 [this](const Framework& row) { frameworks_[row.id] = row; },
                 [this](const DropFramework& row) { frameworks_.erase(row.id); },
                 [this](const ReservationRecord& row) { put(row); },
                 [this](const DropReservations& row) { reservations_.erase(row.agent); },
                 [this](const Pool& row) { pools_[row.name] = row; },
                 [this](const Volume& row) { put(row); },
                 [this](const Attachment& row) { put(row); },
                 [this](const DropAttachment& row) { drop(row); },
                 [this](const Mount& row) { put(row); },
                 [this](const DropMount& row) { drop(row); },
                 [this](const Operation& row) { put(row); },
                 [this](const MesosOperation& row) { put(row); },
                 [this](const Fence& row) { put(row); },
                 [this](const Evidence& row) { put(row); },
                 [this](const BlockedRow& row) { put(row); },
                 [this](const DropBlocked& row) { drop(row); },
                 [this](const MesosView& row) { view = row; },
                 [this](const SetMode& row) { mode = row.mode; },
                 [this](const SetDetachStorm& row) { detach_storm = row.stopped; },
                 [this](const SetFenceStop& row) {
                   fence_stop = row.stopped;
                   fence_released_at = row.released_at;
                 },
                 [this](const Counters& row) { counters = row; },
             },
             change);
}

void Snapshot::put(const Claim& claim) {
  const auto [it, fresh] = claims_.try_emplace(claim.id);
  if (!fresh) unindex(it->second);
  it->second = claim;
  share_ids(it->second);
  if (is_of_mesos(claim.kind)) {
    // Where the agent runs; claims may precede their agent.
    const Agent* its_agent = agent(claim.agent);
    it->second.host = its_agent == nullptr ? HostId{} : its_agent->host;
  }
  index(it->second);
}

// Its ids are those of the agent's and the framework's rows, which saves their text in every claim.
void Snapshot::share_ids(Claim& claim) const {
  if (const auto it = agents_.find(claim.agent); it != agents_.end()) {
    claim.agent = it->first;
  } else if (const auto of = claims_by_agent_.find(claim.agent); of != claims_by_agent_.end()) {
    claim.agent = of->first;
  }
  if (const auto it = frameworks_.find(claim.framework); it != frameworks_.end()) {
    claim.framework = it->first;
  } else if (!claims_by_task_.empty()) {
    const FrameworkId& near = (*claims_by_task_.rbegin())->framework;
    if (near == claim.framework) claim.framework = near;
  }
}

void Snapshot::put(const Agent& agent) {
  Agent& row = agents_[agent.id];
  const bool moved = row.host != agent.host;
  if (moved) agents_by_host_.erase({row.host, agent.id});
  agents_by_host_.emplace(agent.host, agent.id);
  row = agent;
  if (!moved) return;
  if (const auto* ids = find_value(claims_by_agent_, agent.id)) {
    for (ClaimId id : *ids) {
      Claim& claim = claims_.at(id);
      if (is_of_mesos(claim.kind)) claim.host = agent.host;
    }
  }
}

// A claim of it is nowhere that is known, as one that precedes its agent.
void Snapshot::drop(const DropAgent& row) {
  if (const auto it = agents_.find(row.id); it != agents_.end()) {
    agents_by_host_.erase({it->second.host, row.id});
    agents_.erase(it);
  }
  if (const auto* ids = find_value(claims_by_agent_, row.id)) {
    for (ClaimId id : *ids) {
      Claim& claim = claims_.at(id);
      if (is_of_mesos(claim.kind)) claim.host = {};
    }
  }
}

void Snapshot::put(const BlockedRow& blocked) {
  VolumeEntry* entry = find_value(volumes_, blocked.volume);
  EXTVOLD_CHECK(entry != nullptr);
  const auto at = std::lower_bound(entry->blocked.begin(), entry->blocked.end(), blocked.host,
                                   [](const BlockedRow& one, HostId host) { return one.host < host; });
  if (at != entry->blocked.end() && at->host == blocked.host) {
    *at = blocked;
  } else {
    entry->blocked.insert(at, blocked);
  }
}

void Snapshot::drop(const DropBlocked& row) {
  VolumeEntry* entry = find_value(volumes_, row.volume);
  EXTVOLD_CHECK(entry != nullptr);
  std::erase_if(entry->blocked, [&](const BlockedRow& one) { return one.host == row.host; });
}

void Snapshot::index(const Claim& claim) {
  if (claim.volume) {
    VolumeEntry* entry = find_value(volumes_, claim.volume);
    EXTVOLD_CHECK(entry != nullptr);
    insert_by_id(entry->claims, &claim);
  } else {
    insert_id(unresolved_, claim.id);
  }
  claims_by_task_.insert(&claim);
  if (!claim.agent.empty()) insert_id(claims_by_agent_[claim.agent], claim.id);
}

void Snapshot::unindex(const Claim& claim) {
  if (claim.volume) {
    if (VolumeEntry* entry = find_value(volumes_, claim.volume)) erase_item(entry->claims, &claim);
  } else {
    erase_id(unresolved_, claim.id);
  }
  claims_by_task_.erase(&claim);
  const auto by_agent = claims_by_agent_.find(claim.agent);
  if (by_agent != claims_by_agent_.end()) {
    erase_id(by_agent->second, claim.id);
    if (by_agent->second.empty()) claims_by_agent_.erase(by_agent);
  }
}

void Snapshot::change(const ClaimStateChange& row) {
  Claim* claim = find_value(claims_, row.id);
  EXTVOLD_CHECK(claim != nullptr);
  claim->task_state = row.task_state;
  claim->wanted = row.wanted;
  claim->liveness = row.liveness;
  claim->liveness_why = row.liveness_why;
  claim->evidence = row.evidence;
  claim->container = row.container;
}

void Snapshot::drop(ClaimId id) {
  const auto it = claims_.find(id);
  if (it == claims_.end()) return;
  unindex(it->second);
  claims_.erase(it);
}

void Snapshot::put(const Host& host) {
  const auto it = hosts_.find(host.id);
  if (it != hosts_.end()) hosts_by_name_.erase(it->second.name);
  hosts_[host.id] = host;
  hosts_by_name_[host.name] = host.id;
}

void Snapshot::put(const ReservationRecord& reservation) {
  reservations_[reservation.agent].push_back(reservation);
}

void Snapshot::put(const Volume& volume) {
  const auto [it, fresh] = volumes_.try_emplace(volume.id);
  Volume& row = it->second.volume;
  if (!fresh) {
    const auto by_name = volumes_by_name_.find(&row);
    if (by_name != volumes_by_name_.end() && *by_name == &row) volumes_by_name_.erase(by_name);
    volumes_by_key_.erase(&row);
  }
  row = volume;
  if (row.state != VolumeState::removed) EXTVOLD_CHECK(volumes_by_name_.insert(&row).second);
  EXTVOLD_CHECK(volumes_by_key_.insert(&row).second);
}

bool Snapshot::load(const Volume& volume) {
  const auto [it, fresh] = volumes_.try_emplace(volume.id);
  if (!fresh) return false;
  Volume& row = it->second.volume;
  row = volume;
  if (row.state != VolumeState::removed && !volumes_by_name_.insert(&row).second) return false;
  return volumes_by_key_.insert(&row).second;
}

void Snapshot::put(const Attachment& attachment) {
  VolumeEntry* entry = find_value(volumes_, attachment.volume);
  EXTVOLD_CHECK(entry != nullptr);
  auto& list = entry->attachments;
  const auto at = std::lower_bound(list.begin(), list.end(), attachment.host,
                                   [](const Attachment& one, HostId host) { return one.host < host; });
  if (at != list.end() && at->host == attachment.host) {
    *at = attachment;
  } else {
    list.insert(at, attachment);
  }
}

void Snapshot::drop(const DropAttachment& row) {
  VolumeEntry* entry = find_value(volumes_, row.volume);
  EXTVOLD_CHECK(entry != nullptr);
  std::erase_if(entry->attachments, [&](const Attachment& one) { return one.host == row.host; });
}

void Snapshot::put(const Mount& mount) {
  VolumeEntry* entry = find_value(volumes_, mount.volume);
  EXTVOLD_CHECK(entry != nullptr);
  if (std::find(entry->mounts.begin(), entry->mounts.end(), mount) == entry->mounts.end())
    entry->mounts.push_back(mount);
  std::sort(entry->mounts.begin(), entry->mounts.end(), [](const Mount& a, const Mount& b) {
    return std::tie(a.host, a.path) < std::tie(b.host, b.path);
  });
}

void Snapshot::drop(const DropMount& row) {
  VolumeEntry* entry = find_value(volumes_, row.volume);
  EXTVOLD_CHECK(entry != nullptr);
  std::erase_if(entry->mounts,
                [&](const Mount& one) { return one.host == row.host && one.path == row.path; });
}

void Snapshot::put(const Operation& operation) {
  VolumeEntry* entry = find_value(volumes_, operation.volume);
  EXTVOLD_CHECK(entry != nullptr);
  if (is_open(operation.state)) {
    // At most one open operation per subject.
    EXTVOLD_CHECK(entry->open_operation == nullptr || entry->open_operation->id == operation.id);
    if (entry->open_operation != nullptr) {
      EXTVOLD_CHECK(operation_may_move(entry->open_operation->state, operation.state));
      *entry->open_operation = operation;
    } else {
      EXTVOLD_CHECK(operation.state == OperationState::recorded ||
                    sequence.value == 0);  // a load may begin with any open state
      entry->open_operation = std::make_unique<Operation>(operation);
    }
    return;
  }
  if (entry->open_operation != nullptr && entry->open_operation->id == operation.id)
    entry->open_operation.reset();
  if (operation.state == OperationState::done) {
    entry->last_operation.reset();
  } else {
    entry->last_operation = std::make_unique<Operation>(operation);
  }
}

void Snapshot::put(const MesosOperation& operation) {
  const MesosOperation* open = find_value(mesos_operations_, operation.agent);
  if (!is_open(operation.state)) {
    if (open != nullptr && open->id == operation.id) mesos_operations_.erase(operation.agent);
    return;
  }
  EXTVOLD_CHECK(open == nullptr || open->id == operation.id);  // at most one open operation per subject
  EXTVOLD_CHECK(open == nullptr ? operation.state == OperationState::recorded || sequence.value == 0
                                : operation_may_move(open->state, operation.state));
  mesos_operations_[operation.agent] = operation;
}

void Snapshot::put(const Fence& fence) {
  Fence* known = find_value(fences_, fence.id);
  EXTVOLD_CHECK(known == nullptr ? fence.state == FenceState::recorded || sequence.value == 0
                                 : known->state == fence.state || fence_may_move(known->state, fence.state));
  if (fence.state == FenceState::failed || fence.state == FenceState::lifted) {
    fences_.erase(fence.id);
    return;
  }
  if (is_under_way(fence.state)) {  // at most one of a host
    for (const auto& [id, other] : fences_)
      EXTVOLD_CHECK(id == fence.id || other.host != fence.host || !is_under_way(other.state));
  }
  fences_[fence.id] = fence;
}

void Snapshot::put(const Evidence& evidence) {
  VolumeEntry* entry = find_value(volumes_, evidence.volume);
  EXTVOLD_CHECK(entry != nullptr);
  const auto it = evidence_.find(evidence.id);
  if (!evidence.void_reason.empty()) {
    if (it == evidence_.end()) return;
    erase_item(entry->evidence, static_cast<const Evidence*>(&it->second));
    evidence_.erase(it);
    return;
  }
  const Evidence& kept = evidence_.insert_or_assign(evidence.id, evidence).first->second;
  insert_by_id(entry->evidence, &kept);
}

const VolumeEntry* Snapshot::volume(VolumeId id) const { return find_value(volumes_, id); }

const VolumeEntry* Snapshot::volume_by_name(std::string_view name) const {
  const auto it = volumes_by_name_.find(name);
  return it == volumes_by_name_.end() ? nullptr : volume((*it)->id);
}

const VolumeEntry* Snapshot::volume_by_key(const ProviderName& provider, std::string_view key) const {
  const auto it = volumes_by_key_.find(KeyOrder::Key{key, provider.value});
  return it == volumes_by_key_.end() ? nullptr : volume((*it)->id);
}

const VolumeEntry* Snapshot::volume_by_key(std::string_view key) const {
  const auto it = volumes_by_key_.lower_bound(KeyOrder::Key{key, {}});
  return it == volumes_by_key_.end() || (*it)->key != key ? nullptr : volume((*it)->id);
}

const Host* Snapshot::host(HostId id) const { return find_value(hosts_, id); }

const Host* Snapshot::host_by_name(std::string_view name) const {
  const auto it = hosts_by_name_.find(name);
  return it == hosts_by_name_.end() ? nullptr : host(it->second);
}

const Agent* Snapshot::agent(const AgentId& id) const { return find_value(agents_, id); }
std::vector<const Agent*> Snapshot::agents_of_host(HostId host) const {
  std::vector<const Agent*> out;
  for (auto it = agents_by_host_.lower_bound({host, AgentId{}});
       it != agents_by_host_.end() && it->first == host; ++it) {
    out.push_back(agent(it->second));
  }
  return out;
}

const Claim* Snapshot::claim(ClaimId id) const { return find_value(claims_, id); }
const Evidence* Snapshot::evidence(EvidenceId id) const { return find_value(evidence_, id); }
const Fence* Snapshot::fence(FenceId id) const { return find_value(fences_, id); }

std::vector<const Fence*> Snapshot::fences_of_host(HostId host) const {
  std::vector<const Fence*> out;
  for (const auto& [id, fence] : fences_) {
    if (fence.host == host) out.push_back(&fence);
  }
  return out;
}

std::vector<const Claim*> Snapshot::claims_of_task(const FrameworkId& framework, const TaskId& task) const {
  std::vector<const Claim*> out;
  for (auto it = claims_by_task_.lower_bound(TaskOrder::Key{framework.value, task.value, 0});
       it != claims_by_task_.end(); ++it) {
    if ((*it)->task != task || (*it)->framework != framework) break;
    out.push_back(*it);
  }
  return out;
}

std::vector<const Claim*> Snapshot::claims_of_agent(const AgentId& agent) const {
  std::vector<const Claim*> out;
  if (const auto* ids = find_value(claims_by_agent_, agent)) {
    for (ClaimId id : *ids) out.push_back(claim(id));
  }
  return out;
}

std::vector<const Claim*> Snapshot::unresolved_claims() const {
  std::vector<const Claim*> out;
  for (ClaimId id : unresolved_) out.push_back(claim(id));
  return out;
}

void Snapshot::note_claim_event(ClaimId id, Instant at) {
  if (Claim* claim = find_value(claims_, id)) claim->last_event_at = at;
}

void Snapshot::note_claim_listed(ClaimId id, bool alive) {
  Claim* claim = find_value(claims_, id);
  if (claim == nullptr) return;
  const bool before = claim->listed_in_view.value == view.epoch && claim->listed_alive.value;
  claim->listed_in_view = view.epoch;
  claim->listed_alive = before || alive;
}

void Snapshot::note_call_ended(VolumeId volume, Instant at) {
  VolumeEntry* entry = find_value(volumes_, volume);
  if (entry != nullptr && entry->open_operation != nullptr) entry->open_operation->call_ended_at = at;
}

void Snapshot::note_mesos_call_ended(const AgentId& agent, Instant at) {
  if (MesosOperation* open = find_value(mesos_operations_, agent)) open->call_ended_at = at;
}

namespace {

bool same(const std::unique_ptr<Operation>& a, const std::unique_ptr<Operation>& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || *a == *b);
}

bool same(const VolumeEntry& a, const VolumeEntry& b) {
  return a.volume == b.volume && a.attachments == b.attachments && a.mounts == b.mounts &&
         a.blocked == b.blocked && same(a.open_operation, b.open_operation) &&
         same(a.last_operation, b.last_operation);
}

}  // namespace

bool Snapshot::operator==(const Snapshot& other) const {
  return sequence == other.sequence && ledger == other.ledger && mode == other.mode &&
         detach_storm == other.detach_storm && fence_stop == other.fence_stop &&
         fence_released_at == other.fence_released_at && view == other.view && counters == other.counters &&
         hosts_ == other.hosts_ && agents_ == other.agents_ && frameworks_ == other.frameworks_ &&
         claims_ == other.claims_ && evidence_ == other.evidence_ && pools_ == other.pools_ &&
         reservations_ == other.reservations_ && mesos_operations_ == other.mesos_operations_ &&
         fences_ == other.fences_ &&
         std::equal(
             volumes_.begin(), volumes_.end(), other.volumes_.begin(), other.volumes_.end(),
             [](const auto& a, const auto& b) { return a.first == b.first && same(a.second, b.second); });
}

}  // namespace extvold
