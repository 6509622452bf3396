#include "daemon/api/views.h"

#include <algorithm>

#include "daemon/api/fences.h"
#include "reconcilers/look.h"

namespace extvold::daemon::api {
namespace {

using reconcilers::claim_text;

template <typename E>
std::string word(E value) {
  return std::string(to_text(value));
}

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

Json host_or_null(const Snapshot& snapshot, HostId host) {
  return host ? Json(host_name(snapshot, host)) : Json(nullptr);
}

Json volume_or_null(const Snapshot& snapshot, VolumeId volume) {
  const VolumeEntry* entry = snapshot.volume(volume);
  return entry == nullptr ? Json(nullptr) : Json(entry->volume.name);
}

Json source_or_null(AgentSource source) {
  return source == AgentSource::none ? Json(nullptr) : Json(word(source));
}

Json uid_or_null(std::int64_t uid) { return uid < 0 ? Json(nullptr) : Json(uid); }

Json evidence_view(const Evidence& evidence) {
  return {{"kind", word(evidence.kind)},
          {"detail", evidence.detail},
          {"grade", to_text(evidence.grade)},
          {"fence", evidence.fence ? Json(evidence.fence.value) : Json(nullptr)},
          {"permits_attach_elsewhere", reconcilers::permits_attach_elsewhere(evidence.kind)},
          {"taken_at", time_or_null(evidence.request_sent_at)},
          {"view_epoch", evidence.view_epoch},
          {"user_uid", uid_or_null(evidence.user_uid)},
          {"id", evidence.id.value}};
}

Json attachment_view(const World& world, const VolumeEntry& entry, const Attachment& attachment) {
  Json mounts = Json::array();
  for (const Mount& one : entry.mounts) {
    if (one.host == attachment.host) mounts.push_back(one.path);
  }
  Json evidence = Json::array();
  for (const Evidence* one : entry.evidence) {
    if (one->host == attachment.host && one->attachment_generation == attachment.generation)
      evidence.push_back(evidence_view(*one));
  }
  const VolumeView* view = world.observed.volume(entry.volume.id);
  const AttachmentView* seen = view == nullptr ? nullptr : view->attachment(attachment.host);
  return {{"volume", entry.volume.name},
          {"host", host_name(world.snapshot, attachment.host)},
          {"state", word(attachment.state)},
          {"origin", word(attachment.origin)},
          {"generation", extvold::to_text(attachment.generation)},
          {"read_only", attachment.read_only},
          {"mounted", attachment.mounted},
          {"mounts", std::move(mounts)},
          {"mounted_seen", seen == nullptr ? "unknown" : word(seen->mounted)},
          {"open_seen", seen == nullptr ? "unknown" : word(seen->open)},
          {"device", text_or_null(attachment.device)},
          {"host_identity", text_or_null(attachment.host_identity)},
          {"fence_addresses", text_or_null(attachment.fence_addresses)},
          {"boot_id", text_or_null(attachment.boot_id)},
          {"read_back", attachment.read_back},
          {"unexplained_use", attachment.unexplained_use},
          {"evidence", std::move(evidence)},
          {"changed_at", time_or_null(attachment.changed_at)}};
}

Json claim_view(const World& world, const Claim& claim) {
  const Snapshot& snapshot = world.snapshot;
  const Evidence* evidence = snapshot.evidence(claim.evidence);
  return {{"id", claim.id.value},
          {"kind", word(claim.kind)},
          {"who", claim_text(snapshot, claim)},
          {"volume", volume_or_null(snapshot, claim.volume)},
          {"host", host_or_null(snapshot, claim.host)},
          {"wanted", claim.wanted},
          {"liveness", word(claim.liveness)},
          {"why", claim.liveness_why},
          {"task_state", is_of_mesos(claim.kind) ? Json(word(claim.task_state)) : Json(nullptr)},
          {"task", text_or_null(claim.task.value)},
          {"executor", text_or_null(claim.executor.value)},
          {"framework", text_or_null(claim.framework.value)},
          {"agent", text_or_null(claim.agent.value)},
          {"container", text_or_null(claim.container.value)},
          {"containerizer", is_of_mesos(claim.kind) ? Json(word(claim.containerizer)) : Json(nullptr)},
          {"unresolved", claim.unresolved == Unresolved::none ? Json(nullptr) : Json(word(claim.unresolved))},
          {"reference",
           {{"spelling", word(claim.reference.spelling)},
            {"driver", text_or_null(claim.reference.driver)},
            {"name", text_or_null(claim.reference.name)},
            {"container_path", text_or_null(claim.reference.container_path)},
            {"read_only", claim.reference.read_only}}},
          {"evidence", evidence == nullptr ? Json(nullptr) : evidence_view(*evidence)},
          {"first_seen_sequence", claim.first_seen_sequence},
          {"began_sequence", claim.began_sequence == 0 ? Json(nullptr) : Json(claim.began_sequence)},
          {"user_uid", uid_or_null(claim.user_uid)}};
}

}  // namespace

Json time_or_null(WallTime time) { return time.ns == 0 ? Json(nullptr) : Json(record::to_text(time)); }

Json instant_or_null(Now now, Instant at) {
  if (at.ns == 0 || at == kNever) return nullptr;
  // To the millisecond: two clocks were read one after the other.
  const std::int64_t ns = now.wall.ns - (now.at - at).ns;
  return record::to_text(WallTime{ns - ns % 1'000'000});
}

Json operation_view(const Snapshot& snapshot, const Operation& operation) {
  const bool failed =
      operation.state == OperationState::failed || operation.state == OperationState::uncertain;
  const Claim* claim = snapshot.claim(operation.claim);
  const Evidence* evidence = snapshot.evidence(operation.evidence);
  return {{"id", operation.id.value},
          {"kind", word(operation.kind)},
          {"text", describe(operation, snapshot)},
          {"volume", volume_or_null(snapshot, operation.volume)},
          {"host", host_or_null(snapshot, operation.host)},
          {"state", word(operation.state)},
          {"outcome", operation.outcome == Outcome::none ? Json(nullptr) : Json(word(operation.outcome))},
          {"generation", extvold::to_text(operation.generation)},
          {"attempt", operation.attempt},
          {"rule", operation.rule},
          {"cause", operation.cause},
          {"claim", claim == nullptr ? Json(nullptr) : Json(claim_text(snapshot, *claim))},
          {"evidence", evidence == nullptr ? Json(nullptr) : Json(word(evidence->kind))},
          {"error_code", failed ? Json(word(operation.error_code)) : Json(nullptr)},
          {"error", failed ? Json(operation.error) : Json(nullptr)},
          {"recorded_at", time_or_null(operation.recorded_at)},
          {"ended_at", time_or_null(operation.ended_at)}};
}

Json blocked_view(const Snapshot& snapshot, const BlockedRow& row) {
  return {{"volume", volume_or_null(snapshot, row.volume)},
          {"host", host_or_null(snapshot, row.host)},
          {"reason", row.reason},
          {"owner", word(row.owner)},
          {"text", row.text},
          {"since", time_or_null(row.since)},
          {"next_look", time_or_null(row.next_look)}};
}

Json volume_summary(const World& world, const VolumeEntry& entry) {
  const Volume& volume = entry.volume;
  Json attached = Json::array();
  for (const Attachment& one : entry.attachments) {
    if (one.state == AttachmentState::attached) attached.push_back(host_name(world.snapshot, one.host));
  }
  const auto count = [&](auto matches) {
    return std::count_if(entry.claims.begin(), entry.claims.end(),
                         [&](const Claim* claim) { return matches(*claim); });
  };
  Json blocked = Json::array();
  for (const BlockedRow& row : entry.blocked) blocked.push_back(blocked_view(world.snapshot, row));
  const Operation* open = entry.open_operation.get();
  return {
      {"name", volume.name},
      {"id", volume.id.value},
      {"state", word(volume.state)},
      {"pool", to_text(volume.pool)},
      {"size_mb", volume.size_mb},
      {"wanted_size_mb", volume.wanted_size_mb == 0 ? Json(nullptr) : Json(volume.wanted_size_mb)},
      {"iops", volume.iops == 0 ? Json(nullptr) : Json(volume.iops)},
      {"filesystem", volume.filesystem == Filesystem::none ? Json(nullptr) : Json(word(volume.filesystem))},
      {"format", word(volume.format)},
      {"access", word(volume.access)},
      {"mount_point", text_or_null(volume.mount_point)},
      {"profile", text_or_null(volume.profile)},
      {"origin", word(volume.origin)},
      {"from", volume_or_null(world.snapshot, volume.source)},
      {"hold", word(volume.hold)},
      {"key", volume.key},
      {"provider_ref", text_or_null(volume.provider_ref)},
      {"created_at", time_or_null(volume.created_at)},
      {"purge_after",
       volume.state == VolumeState::trashed ? time_or_null(volume.purge_after) : Json(nullptr)},
      {"attached_to", std::move(attached)},
      {"claims_wanted", count([](const Claim& claim) { return claim.wanted; })},
      {"claims_unknown", count([](const Claim& claim) { return claim.liveness == Liveness::unknown; })},
      {"operation", open == nullptr ? Json(nullptr) : operation_view(world.snapshot, *open)},
      {"blocked", std::move(blocked)}};
}

Json volume_detail(const World& world, const VolumeEntry& entry) {
  Json out = volume_summary(world, entry);
  Json& attachments = out["attachments"] = Json::array();
  for (const Attachment& one : entry.attachments) attachments.push_back(attachment_view(world, entry, one));
  Json& claims = out["claims"] = Json::array();
  for (const Claim* one : entry.claims) claims.push_back(claim_view(world, *one));
  out["last_failure"] =
      entry.last_operation == nullptr ? Json(nullptr) : operation_view(world.snapshot, *entry.last_operation);
  const VolumeView* view = world.observed.volume(entry.volume.id);
  int failures = 0;
  Instant retry_at;
  if (view != nullptr) {
    for (const RetryView& one : view->retries) {
      failures = std::max(failures, one.failures);
      retry_at = std::max(retry_at, one.at);
    }
  }
  out["observed"] = view == nullptr || view->sent_at.ns == 0
                        ? Json(nullptr)
                        : Json{{"at", instant_or_null(world.now, view->sent_at)},
                               {"present", view->present},
                               {"call_running", word(view->call_running)},
                               {"failures_in_a_row", failures},
                               {"retry_at", instant_or_null(world.now, retry_at)}};
  return out;
}

Json volumes_view(const World& world, const Page& page, bool removed_too) {
  Json out = Json::array();
  Json next = nullptr;
  const auto& all = world.snapshot.volumes();
  for (auto it = all.upper_bound(VolumeId{page.after}); it != all.end(); ++it) {
    if (it->second.volume.state == VolumeState::removed && !removed_too) continue;
    if (static_cast<std::int64_t>(out.size()) >= page.limit) {
      next = out.back()["id"];
      break;
    }
    out.push_back(volume_summary(world, it->second));
  }
  return {{"volumes", std::move(out)}, {"next", std::move(next)}};
}

Json attachments_view(const World& world, const Page& page) {
  Json out = Json::array();
  const auto& all = world.snapshot.volumes();
  auto it = all.upper_bound(VolumeId{page.after});
  VolumeId last;
  for (; it != all.end() && static_cast<std::int64_t>(out.size()) < page.limit; ++it) {
    for (const Attachment& one : it->second.attachments)
      out.push_back(attachment_view(world, it->second, one));
    last = it->first;
  }
  return {{"attachments", std::move(out)}, {"next", it == all.end() ? Json(nullptr) : Json(last.value)}};
}

Json claims_view(const World& world, const Page& page) {
  Json out = Json::array();
  Json next = nullptr;
  const auto& all = world.snapshot.claims();
  for (auto it = all.upper_bound(ClaimId{page.after}); it != all.end(); ++it) {
    if (static_cast<std::int64_t>(out.size()) >= page.limit) {
      next = out.back()["id"];
      break;
    }
    out.push_back(claim_view(world, it->second));
  }
  return {{"claims", std::move(out)}, {"next", std::move(next)}};
}

Json operations_view(const World& world) {
  Json open = Json::array();
  Json failed = Json::array();
  for (const auto& [id, entry] : world.snapshot.volumes()) {
    if (entry.open_operation != nullptr)
      open.push_back(operation_view(world.snapshot, *entry.open_operation));
    if (entry.last_operation != nullptr)
      failed.push_back(operation_view(world.snapshot, *entry.last_operation));
  }
  return {{"open", std::move(open)}, {"failed", std::move(failed)}};
}

namespace {

Json agent_view(const World& world, const Agent& agent) {
  const AgentView* view = world.observed.agent(agent.id);
  return {
      {"id", agent.id.value},
      {"state", word(agent.state)},
      {"state_since", time_or_null(agent.state_fact.since)},
      {"state_source", source_or_null(agent.state_fact.source)},
      {"address", text_or_null(agent.address)},
      {"version", text_or_null(agent.version)},
      {"deactivated", agent.deactivated},
      {"deactivated_since", time_or_null(agent.deactivated_fact.since)},
      {"drain_state", text_or_null(agent.drain_state)},
      {"drain_since", time_or_null(agent.drain_fact.since)},
      {"maintenance", word(agent.maintenance)},
      {"maintenance_start", time_or_null(agent.maintenance_start)},
      {"maintenance_since", time_or_null(agent.maintenance_fact.since)},
      {"view_complete", view != nullptr && view->complete()},
      {"api_read_at", view == nullptr ? Json(nullptr) : instant_or_null(world.now, view->api_read_sent_at)},
      {"api_error", view == nullptr ? Json(nullptr) : text_or_null(view->api_error)}};
}

Json labels_view(const std::vector<std::pair<std::string, std::string>>& labels) {
  Json out = Json::array();  // a key may be there twice
  for (const auto& [key, value] : labels) out.push_back({{"key", key}, {"value", value}});
  return out;
}

Json amount_view(std::int64_t milli) {
  return milli % 1000 == 0 ? Json(milli / 1000) : Json(static_cast<double>(milli) / 1000.0);
}

}  // namespace

Json agents_list(const World& world) {
  Json out = Json::array();
  for (const auto& [id, agent] : world.snapshot.agents()) {
    Json row = agent_view(world, agent);
    row["host"] = host_or_null(world.snapshot, agent.host);
    row["hostname"] = text_or_null(agent.hostname);
    const auto open = world.snapshot.mesos_operations().find(id);
    row["operation"] = open == world.snapshot.mesos_operations().end()
                           ? Json(nullptr)
                           : mesos_operation_view(world.snapshot, open->second);
    out.push_back(std::move(row));
  }
  return {{"agents", std::move(out)}};
}

Json reservations_view(const World& world) {
  Json out = Json::array();
  for (const auto& [id, list] : world.snapshot.reservations()) {
    const Agent* agent = world.snapshot.agent(id);
    for (const ReservationRecord& one : list) {
      out.push_back({{"agent", id.value},
                     {"hostname", agent == nullptr ? Json(nullptr) : text_or_null(agent->hostname)},
                     {"role", one.role},
                     {"resource", one.resource},
                     {"amount", amount_view(one.amount_milli)},
                     {"persistence_id", text_or_null(one.persistence_id)},
                     {"container_path", text_or_null(one.container_path)},
                     {"disk_source", text_or_null(one.disk_source)},
                     {"labels", labels_view(one.labels)}});
    }
  }
  return {{"reservations", std::move(out)}};
}

Json mesos_operation_view(const Snapshot& snapshot, const MesosOperation& operation) {
  const MesosRequest& request = operation.request;
  Json out = {{"id", operation.id.value},
              {"kind", word(operation.kind)},
              {"agent", operation.agent.value},
              {"state", word(operation.state)},
              {"text", describe(operation, snapshot)},
              {"reason", text_or_null(operation.reason)},
              {"user_uid", uid_or_null(operation.user_uid)},
              {"error", text_or_null(operation.error)},
              {"recorded_at", time_or_null(operation.recorded_at)}};
  if (is_of_resources(operation.kind)) {
    out["role"] = request.role;
    out["resource"] = request.resource;
    out["amount"] = amount_view(request.amount_milli);
    out["persistence_id"] = text_or_null(request.persistence_id);
    out["labels"] = labels_view(request.labels);
  }
  return out;
}

Json mesos_operations_view(const World& world) {
  Json open = Json::array();
  for (const auto& [agent, operation] : world.snapshot.mesos_operations())
    open.push_back(mesos_operation_view(world.snapshot, operation));
  return {{"open", std::move(open)}};
}

Json hosts_view(const World& world) {
  std::map<HostId, Json> agents;
  for (const auto& [id, agent] : world.snapshot.agents()) {
    agents.try_emplace(agent.host, Json::array()).first->second.push_back(agent_view(world, agent));
  }
  std::map<HostId, Json> volumes;
  for (const auto& [id, entry] : world.snapshot.volumes()) {
    for (const Attachment& one : entry.attachments) {
      if (one.state == AttachmentState::detached) continue;
      volumes.try_emplace(one.host, Json::array())
          .first->second.push_back({{"volume", entry.volume.name}, {"state", word(one.state)}});
    }
  }
  const auto of = [](std::map<HostId, Json>& lists, HostId host) {
    return lists.try_emplace(host, Json::array()).first->second;
  };
  Json out = Json::array();
  for (const auto& [id, host] : world.snapshot.hosts()) {
    out.push_back(
        {{"name", host.name},
         {"id", id.value},
         {"hold", word(host.hold)},
         {"quarantined", host.quarantined},
         {"quarantine_reason", text_or_null(host.quarantine_reason)},
         {"quarantine_fence", host.quarantine_fence ? Json(host.quarantine_fence.value) : Json(nullptr)},
         {"fence_held", host.fence_held},
         {"boot_id", text_or_null(host.boot_id)},
         {"agents", of(agents, id)},
         {"volumes", of(volumes, id)}});
  }
  return {{"hosts", std::move(out)}};
}

Json pools_view(const World& world) {
  struct Sum {
    std::int64_t volumes = 0;
    std::int64_t size_mb = 0;
    std::int64_t iops = 0;
  };
  std::map<PoolName, Sum> sums;
  for (const ProviderInfo& provider : world.policy.providers) {
    for (const std::string& pool : provider.pools) sums[{provider.name, pool}];
  }
  for (const auto& [name, pool] : world.snapshot.pools()) sums[name];
  for (const auto& [id, entry] : world.snapshot.volumes()) {
    if (entry.volume.state == VolumeState::removed) continue;
    Sum& sum = sums[entry.volume.pool];
    ++sum.volumes;
    sum.size_mb += std::max(entry.volume.size_mb, entry.volume.wanted_size_mb);
    sum.iops += entry.volume.iops;
  }
  Json out = Json::array();
  for (const auto& [name, sum] : sums) {
    const auto pool = world.snapshot.pools().find(name);
    const bool is_listed = pool != world.snapshot.pools().end();
    const bool told = is_listed && pool->second.capacity_mb > 0;
    const bool free_told = is_listed && pool->second.free_mb >= 0;
    out.push_back(
        {{"name", to_text(name)},
         {"volumes", sum.volumes},
         {"allocated_mb", sum.size_mb},
         {"allocated_iops", sum.iops},
         {"capacity_mb", told ? Json(pool->second.capacity_mb) : Json(nullptr)},
         {"free_mb", free_told ? Json(pool->second.free_mb) : Json(nullptr)},
         {"observed_at", told || free_told ? time_or_null(pool->second.observed_at) : Json(nullptr)}});
  }
  return {{"pools", std::move(out)}};
}

Json foreign_view(const ForeignVolumes& foreign, const Page& page) {
  Json out = Json::array();
  std::int64_t row = 0;
  Json next = nullptr;
  for (const auto& [name, seen] : foreign) {
    if (++row <= page.after) continue;
    if (static_cast<std::int64_t>(out.size()) == page.limit) {
      next = row - 1;
      break;
    }
    Json attached = Json::array();
    for (const ObservedAttachment& one : seen.attachments) attached.push_back(one.host_identity);
    out.push_back(
        {{"provider", name.first.value},
         {"pool", seen.pool.empty() ? Json(nullptr) : Json(to_text(PoolName{name.first, seen.pool}))},
         {"key", name.second},
         {"provider_ref", text_or_null(seen.provider_ref)},
         {"size_mb", seen.size_mb == 0 ? Json(nullptr) : Json(seen.size_mb)},
         {"attached_to", std::move(attached)}});
  }
  return {{"volumes", std::move(out)}, {"next", std::move(next)}};
}

Json plan_view(const Snapshot& snapshot, const Plan& plan, Now now) {
  Json operations = Json::array();
  for (const PlannedOperation& one : plan.operations) {
    Json row = operation_view(snapshot, one.operation);
    row["number"] = operations.size() + 1;
    Json& after = row["after"] = Json::array();
    for (std::size_t index : one.after) after.push_back(index + 1);
    row["waits_for"] = text_or_null(one.waits_for);
    operations.push_back(std::move(row));
  }
  Json blocked = Json::array();
  for (const BlockedRow& row : plan.blocked) blocked.push_back(blocked_view(snapshot, row));
  Json mesos_operations = Json::array();
  for (const MesosOperation& one : plan.mesos_operations)
    mesos_operations.push_back(mesos_operation_view(snapshot, one));
  Json fences = Json::array();
  for (const Fence& one : plan.fences) fences.push_back(fence_view(snapshot, one));
  Json observe = Json::array();
  for (const ObserveWish& wish : plan.observe) {
    if (wish.volume) {
      observe.push_back({{"volume", volume_or_null(snapshot, wish.volume)}});
    } else {
      observe.push_back({{"agent", wish.agent.value}});
    }
  }
  return {{"based_on", plan.based_on.value},
          {"operations", std::move(operations)},
          {"fences", std::move(fences)},
          {"mesos_operations", std::move(mesos_operations)},
          {"blocked", std::move(blocked)},
          {"observe", std::move(observe)},
          {"next_look", instant_or_null(now, plan.next_look)},
          {"text", to_text(plan, snapshot, now.at)}};
}

Json history_view(const Snapshot& snapshot, std::span<const ledger::HistoryRow> rows) {
  Json out = Json::array();
  for (const ledger::HistoryRow& row : rows) {
    const HistoryEntry& entry = row.entry;
    out.push_back({{"number", row.number},
                   {"sequence", row.sequence.value},
                   {"at", time_or_null(row.at)},
                   {"kind", entry.kind},
                   {"volume", volume_or_null(snapshot, entry.volume)},
                   {"host", host_or_null(snapshot, entry.host)},
                   {"text", entry.text},
                   {"rule", text_or_null(entry.rule)},
                   {"framework", text_or_null(entry.framework.value)},
                   {"task", text_or_null(entry.task.value)},
                   {"operation", text_or_null(entry.operation.value)},
                   {"evidence", entry.evidence ? Json(entry.evidence.value) : Json(nullptr)},
                   {"claim", entry.claim ? Json(entry.claim.value) : Json(nullptr)},
                   {"user_uid", uid_or_null(entry.user_uid)}});
  }
  return {{"history", std::move(out)}};
}

}  // namespace extvold::daemon::api
