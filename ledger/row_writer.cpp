#include "ledger/row_writer.h"

#include <variant>

namespace extvold::ledger {
namespace {

std::string label_lines(const std::vector<std::pair<std::string, std::string>>& labels) {
  std::string out;
  for (const auto& [key, value] : labels) out += fmt::format("{}={}\n", key, value);
  return out;
}

}  // namespace

Result<RowWriter> RowWriter::prepare(Database& db) {
  RowWriter writer;
  writer.db_ = &db;
  ASSIGN(writer.hot_, prepare_hot(db));
  ASSIGN(writer.cluster_, prepare_cluster(db));
  ASSIGN(writer.storage_, prepare_storage(db));
  ASSIGN(writer.meta_, prepare_meta(db));
  return writer;
}

Result<RowWriter::Hot> RowWriter::prepare_hot(Database& db) {
  Hot hot;
  ASSIGN(hot.put_task,
         db.prepare("queries/put_task", {"task", "framework", "agent", "executor", "name", "state", "source",
                                         "reason", "container", "view_epoch", "changed_at"}));
  ASSIGN(hot.update_task_state,
         db.prepare("queries/update_task_state",
                    {"state", "source", "reason", "container", "changed_at", "task", "framework", "agent"}));
  ASSIGN(hot.put_claim, db.prepare("queries/put_claim", {"id",
                                                         "kind",
                                                         "volume",
                                                         "unresolved",
                                                         "host",
                                                         "agent",
                                                         "framework",
                                                         "task",
                                                         "executor",
                                                         "container",
                                                         "containerizer",
                                                         "spelling",
                                                         "driver",
                                                         "name",
                                                         "container_path",
                                                         "read_only",
                                                         "task_state",
                                                         "wanted",
                                                         "liveness",
                                                         "liveness_why",
                                                         "evidence",
                                                         "first_seen_sequence",
                                                         "began_sequence",
                                                         "user_uid"}));
  ASSIGN(hot.update_claim_state,
         db.prepare("queries/update_claim_state",
                    {"task_state", "wanted", "liveness", "liveness_why", "evidence", "container", "id"}));
  ASSIGN(hot.insert_history,
         db.prepare("queries/insert_history",
                    {"number", "sequence", "at", "kind", "volume", "host", "framework", "task", "operation",
                     "evidence", "claim", "rule", "text", "user_uid"}));
  ASSIGN(hot.update_sequence, db.prepare("queries/update_sequence",
                                         {"sequence", "committed_at", "history_last", "operation_ends"}));
  return hot;
}

Result<RowWriter::Cluster> RowWriter::prepare_cluster(Database& db) {
  Cluster out;
  ASSIGN(out.put_host,
         db.prepare("queries/put_host", {"id", "name", "boot_id", "hold", "quarantined", "quarantine_reason",
                                         "quarantine_fence", "fence_held"}));
  ASSIGN(out.put_agent, db.prepare("queries/put_agent", {"id",
                                                         "host",
                                                         "hostname",
                                                         "address",
                                                         "version",
                                                         "state",
                                                         "active",
                                                         "deactivated",
                                                         "drain_state",
                                                         "resources_hash",
                                                         "attributes",
                                                         "maintenance",
                                                         "maintenance_start",
                                                         "state_source",
                                                         "state_since",
                                                         "drain_source",
                                                         "drain_since",
                                                         "deactivated_source",
                                                         "deactivated_since",
                                                         "maintenance_source",
                                                         "maintenance_since"}));
  ASSIGN(out.put_framework, db.prepare("queries/put_framework", {"id", "name", "principal", "active",
                                                                 "connected", "checkpoint", "removed"}));
  ASSIGN(out.delete_agent, db.prepare("queries/delete_agent", {"id"}));
  ASSIGN(out.delete_framework, db.prepare("queries/delete_framework", {"id"}));
  ASSIGN(out.delete_claim, db.prepare("queries/delete_claim", {"id"}));
  ASSIGN(out.delete_tasks, db.prepare("queries/delete_tasks_of_older_views", {"view_epoch"}));
  ASSIGN(out.put_evidence,
         db.prepare("queries/put_evidence",
                    {"id", "kind", "volume", "host", "incarnation", "counter", "agent", "claim", "container",
                     "view_epoch", "recorded_sequence", "request_sent_at", "user_uid", "detail", "grade",
                     "fence", "void_reason", "sequence"}));
  ASSIGN(out.put_fence, db.prepare("queries/put_fence",
                                   {"id",         "key",         "rung",     "state",           "host",
                                    "provider",   "volume",      "target",   "fence_addresses", "incarnation",
                                    "counter",    "cooperative", "claim",    "cause",           "seen",
                                    "error_code", "error",       "user_uid", "recorded_at",     "held_at",
                                    "ended_at",   "expires_at"}));
  ASSIGN(out.insert_reservation,
         db.prepare("queries/insert_reservation", {"agent", "role", "resource", "persistence_id",
                                                   "container_path", "disk_source", "amount_milli"}));
  ASSIGN(out.insert_label,
         db.prepare("queries/insert_reservation_label", {"reservation", "position", "key", "value"}));
  ASSIGN(out.delete_reservations, db.prepare("queries/delete_reservations", {"agent"}));
  return out;
}

Result<RowWriter::Storage> RowWriter::prepare_storage(Database& db) {
  Storage out;
  ASSIGN(out.put_pool, db.prepare("queries/put_pool",
                                  {"provider", "pool", "capacity_mb", "free_mb", "iops", "observed_at"}));
  ASSIGN(out.put_volume, db.prepare("queries/put_volume", {"id",
                                                           "name",
                                                           "key",
                                                           "provider_ref",
                                                           "provider",
                                                           "pool",
                                                           "size_mb",
                                                           "wanted_size_mb",
                                                           "iops",
                                                           "filesystem",
                                                           "access",
                                                           "mount_point",
                                                           "profile",
                                                           "origin",
                                                           "state",
                                                           "format",
                                                           "hold",
                                                           "source",
                                                           "created_incarnation",
                                                           "created_counter",
                                                           "created_at",
                                                           "purge_after"}));
  ASSIGN(out.put_attachment,
         db.prepare("queries/put_attachment",
                    {"volume", "host", "state", "origin", "incarnation", "counter", "read_only", "mounted",
                     "device", "host_identity", "fence_addresses", "boot_id", "read_back", "changed_at",
                     "detached_sequence", "unexplained_use"}));
  ASSIGN(out.delete_attachment, db.prepare("queries/delete_attachment", {"volume", "host"}));
  ASSIGN(out.put_mount, db.prepare("queries/put_mount", {"volume", "host", "path"}));
  ASSIGN(out.delete_mount, db.prepare("queries/delete_mount", {"volume", "host", "path"}));
  ASSIGN(out.put_block, db.prepare("queries/put_block",
                                   {"volume", "host", "reason", "owner", "text", "since", "next_look"}));
  ASSIGN(out.delete_block, db.prepare("queries/delete_block", {"volume", "host"}));
  std::vector<std::string_view> names = {"id",          "kind",        "state",      "outcome",    "volume",
                                         "host",        "incarnation", "counter",    "attempt",    "claim",
                                         "evidence",    "rule",        "cause",      "error_code", "error",
                                         "recorded_at", "ended_at",    "ended_order"};
  ASSIGN(out.update_open_operation, db.prepare("queries/update_open_operation", names));
  ASSIGN(out.update_ended_operation, db.prepare("queries/update_ended_operation", names));
  names.emplace_back("sequence");
  ASSIGN(out.insert_operation, db.prepare("queries/insert_operation", names));
  ASSIGN(out.update_mesos_operation,
         db.prepare("queries/update_mesos_operation",
                    {"state", "outcome", "error_code", "error", "ended_at", "agent", "id"}));
  ASSIGN(out.insert_mesos_operation,
         db.prepare("queries/insert_mesos_operation",
                    {"id",          "kind",         "state",          "outcome",        "agent",
                     "incarnation", "counter",      "role",           "resource",       "amount_milli",
                     "principal",   "labels",       "persistence_id", "container_path", "grace_seconds",
                     "mark_gone",   "before_milli", "user_uid",       "reason",         "error_code",
                     "error",       "recorded_at",  "ended_at"}));
  return out;
}

Result<RowWriter::Meta> RowWriter::prepare_meta(Database& db) {
  Meta out;
  ASSIGN(out.update_view,
         db.prepare("queries/update_view", {"view_epoch", "master_id", "elected_time", "master_version"}));
  ASSIGN(out.update_mode, db.prepare("queries/update_mode", {"mode"}));
  ASSIGN(out.update_detach_storm, db.prepare("queries/update_detach_storm", {"stopped"}));
  ASSIGN(out.update_fence_stop, db.prepare("queries/update_fence_stop", {"stopped", "released_at"}));
  ASSIGN(out.update_counters,
         db.prepare("queries/update_counters", {"next_host", "next_volume", "next_claim", "next_evidence",
                                                "next_generation", "next_fence"}));
  return out;
}

Status RowWriter::apply(const Change& change, WriteContext& context) {
  return std::visit([&](const auto& row) { return write(row, context); }, change);
}

Status RowWriter::finish(const WriteContext& context) {
  return hot_.update_sequence.run(context.sequence, context.at, context.history_last, context.operation_ends);
}

Status RowWriter::write(const TaskRow& row, WriteContext& context) {
  return hot_.put_task.run(row.task, row.framework, row.agent, row.executor, row.name, row.state, row.source,
                           row.reason, row.container, row.view_epoch, context.at);
}

Status RowWriter::write(const TaskStateChange& row, WriteContext& context) {
  TRY(hot_.update_task_state.run(row.state, row.source, row.reason, NullIfEmpty{row.container.value},
                                 context.at, row.task, row.framework, NullIfEmpty{row.agent.value}));
  if (hot_.update_task_state.rows_changed() == 0) ++context.tasks_not_found;
  return {};
}

Status RowWriter::write(const EndTasksOfView& row, WriteContext&) {
  return cluster_.delete_tasks.run(row.view_epoch);
}

Status RowWriter::write(const Claim& row, WriteContext&) {
  return hot_.put_claim.run(row.id, row.kind, row.volume, row.unresolved, row.host, row.agent, row.framework,
                            row.task, row.executor, row.container, row.containerizer, row.reference.spelling,
                            row.reference.driver, row.reference.name, row.reference.container_path,
                            row.reference.read_only, row.task_state, row.wanted, row.liveness,
                            row.liveness_why, row.evidence, row.first_seen_sequence, row.began_sequence,
                            row.user_uid);
}

Status RowWriter::write(const ClaimStateChange& row, WriteContext&) {
  TRY(hot_.update_claim_state.run(row.task_state, row.wanted, row.liveness, row.liveness_why, row.evidence,
                                  row.container, row.id));
  if (hot_.update_claim_state.rows_changed() == 1) return {};
  return fail(Errc::internal, "ledger {}: claim {} is to change but is not there",
              sqlite3_db_filename(db_->handle(), "main"), row.id.value);
}

Status RowWriter::write(const DropClaim& row, WriteContext&) { return cluster_.delete_claim.run(row.id); }

Status RowWriter::write(const Host& row, WriteContext&) {
  return cluster_.put_host.run(row.id, row.name, row.boot_id, row.hold, row.quarantined,
                               row.quarantine_reason, row.quarantine_fence, row.fence_held);
}

Status RowWriter::write(const Agent& row, WriteContext&) {
  return cluster_.put_agent.run(
      row.id, row.host, row.hostname, row.address, row.version, row.state, row.active, row.deactivated,
      row.drain_state, static_cast<std::int64_t>(row.resources_hash), row.attributes, row.maintenance,
      row.maintenance_start, row.state_fact.source, row.state_fact.since, row.drain_fact.source,
      row.drain_fact.since, row.deactivated_fact.source, row.deactivated_fact.since,
      row.maintenance_fact.source, row.maintenance_fact.since);
}

Status RowWriter::write(const Framework& row, WriteContext&) {
  return cluster_.put_framework.run(row.id, row.name, row.principal, row.active, row.connected,
                                    row.checkpoint, row.removed);
}

Status RowWriter::write(const DropAgent& row, WriteContext&) { return cluster_.delete_agent.run(row.id); }

Status RowWriter::write(const DropFramework& row, WriteContext&) {
  return cluster_.delete_framework.run(row.id);
}

Status RowWriter::write(const ReservationRecord& row, WriteContext&) {
  TRY(cluster_.insert_reservation.run(row.agent, row.role, row.resource, row.persistence_id,
                                      row.container_path, row.disk_source, row.amount_milli));
  const std::int64_t number = sqlite3_last_insert_rowid(db_->handle());
  int position = 0;
  for (const auto& [key, value] : row.labels) TRY(cluster_.insert_label.run(number, position++, key, value));
  return {};
}

Status RowWriter::write(const DropReservations& row, WriteContext&) {
  return cluster_.delete_reservations.run(row.agent);
}

Status RowWriter::write(const Pool& row, WriteContext&) {
  return storage_.put_pool.run(row.name.provider, row.name.pool, row.capacity_mb, row.free_mb, row.iops,
                               row.observed_at);
}

Status RowWriter::write(const Volume& row, WriteContext&) {
  return storage_.put_volume.run(row.id, row.name, row.key, row.provider_ref, row.pool.provider,
                                 row.pool.pool, row.size_mb, row.wanted_size_mb, row.iops, row.filesystem,
                                 row.access, row.mount_point, row.profile, row.origin, row.state, row.format,
                                 row.hold, row.source, row.created_generation.incarnation,
                                 row.created_generation.counter, row.created_at, row.purge_after);
}

Status RowWriter::write(const Attachment& row, WriteContext&) {
  return storage_.put_attachment.run(row.volume, row.host, row.state, row.origin, row.generation.incarnation,
                                     row.generation.counter, row.read_only, row.mounted, row.device,
                                     row.host_identity, row.fence_addresses, row.boot_id, row.read_back,
                                     row.changed_at, row.detached_sequence, row.unexplained_use);
}

Status RowWriter::write(const DropAttachment& row, WriteContext&) {
  return storage_.delete_attachment.run(row.volume, row.host);
}

Status RowWriter::write(const Mount& row, WriteContext&) {
  return storage_.put_mount.run(row.volume, row.host, row.path);
}

Status RowWriter::write(const DropMount& row, WriteContext&) {
  return storage_.delete_mount.run(row.volume, row.host, row.path);
}

// A row is one try. The open one of its volume is updated until it ends; another try of the same id (only a
// create keeps its id over tries) is another row.
Status RowWriter::write(const Operation& row, WriteContext& context) {
  const bool open = is_open(row.state);
  const std::int64_t order = open ? 0 : ++context.operation_ends;
  const auto write_with = [&](Statement& statement, const auto&... more) {
    const auto run = [&](const auto& ended_order) {
      return statement.run(row.id, row.kind, row.state, row.outcome, row.volume, row.host,
                           row.generation.incarnation, row.generation.counter, row.attempt, row.claim,
                           row.evidence, row.rule, row.cause, row.error_code, row.error, row.recorded_at,
                           row.ended_at, ended_order, more...);
    };
    return open ? run(Null{}) : run(order);
  };
  TRY(write_with(storage_.update_open_operation));
  if (storage_.update_open_operation.rows_changed() == 1) return {};
  if (!open) {
    TRY(write_with(storage_.update_ended_operation));
    if (storage_.update_ended_operation.rows_changed() == 1) return {};
  }
  return write_with(storage_.insert_operation, context.sequence);
}

// What was asked for never changes; only what came of it does.
Status RowWriter::write(const MesosOperation& row, WriteContext&) {
  TRY(storage_.update_mesos_operation.run(row.state, row.outcome, row.error_code, row.error, row.ended_at,
                                          row.agent, row.id));
  if (storage_.update_mesos_operation.rows_changed() == 1) return {};
  const MesosRequest& request = row.request;
  return storage_.insert_mesos_operation.run(
      row.id, row.kind, row.state, row.outcome, row.agent, row.generation.incarnation, row.generation.counter,
      request.role, request.resource, request.amount_milli, request.principal, label_lines(request.labels),
      request.persistence_id, request.container_path, request.grace_seconds, request.mark_gone,
      request.before_milli, row.user_uid, row.reason, row.error_code, row.error, row.recorded_at,
      row.ended_at);
}

Status RowWriter::write(const Evidence& row, WriteContext& context) {
  return cluster_.put_evidence.run(row.id, row.kind, row.volume, row.host,
                                   row.attachment_generation.incarnation, row.attachment_generation.counter,
                                   row.agent, row.claim, row.container, row.view_epoch, row.recorded_sequence,
                                   row.request_sent_at, row.user_uid, row.detail, row.grade, row.fence,
                                   row.void_reason, context.sequence);
}

Status RowWriter::write(const Fence& row, WriteContext&) {
  return cluster_.put_fence.run(row.id, row.key, row.rung, row.state, row.host, row.provider.value,
                                row.volume, row.target, row.fence_addresses, row.generation.incarnation,
                                row.generation.counter, row.cooperative, row.claim, row.cause, row.seen,
                                row.error_code, row.error, row.user_uid, row.recorded_at, row.held_at,
                                row.ended_at, row.expires_at);
}

Status RowWriter::write(const BlockedRow& row, WriteContext&) {
  // Part of the key, so "the volume itself" is 0, not NULL.
  return storage_.put_block.run(row.volume, row.host.value, row.reason, row.owner, row.text, row.since,
                                row.next_look);
}

Status RowWriter::write(const DropBlocked& row, WriteContext&) {
  return storage_.delete_block.run(row.volume, row.host.value);
}

Status RowWriter::write(const MesosView& row, WriteContext&) {
  return meta_.update_view.run(row.epoch, row.master_id, row.elected_time, row.master_version);
}

Status RowWriter::write(const SetMode& row, WriteContext&) { return meta_.update_mode.run(row.mode); }

Status RowWriter::write(const SetDetachStorm& row, WriteContext&) {
  return meta_.update_detach_storm.run(row.stopped);
}

Status RowWriter::write(const SetFenceStop& row, WriteContext&) {
  return meta_.update_fence_stop.run(row.stopped, row.released_at);
}

Status RowWriter::write(const Counters& row, WriteContext&) {
  return meta_.update_counters.run(row.next_host, row.next_volume, row.next_claim, row.next_evidence,
                                   row.next_generation, row.next_fence);
}

Status RowWriter::write(const HistoryEntry& row, WriteContext& context) {
  return hot_.insert_history.run(++context.history_last, context.sequence, context.at, row.kind, row.volume,
                                 row.host, row.framework, row.task, row.operation, row.evidence, row.claim,
                                 row.rule, row.text, row.user_uid);
}

}  // namespace extvold::ledger
