#include "ledger/row_reader.h"

#include <algorithm>

namespace extvold::ledger {
namespace {

// Reads every row of one embedded SELECT. `read_row` fills the row from the query, `take` gets it. One row
// serves for all, so that its texts find their memory there.
template <typename Row, typename ReadRow, typename Take>
Status for_each_row(Database& db, std::string_view name, ReadRow read_row, Take take) {
  ASSIGN(Statement statement, db.prepare(name));
  Query query(statement);
  Row row;
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) return {};
    TRY(read_row(query, row));
    TRY(take(row));
  }
}

// What a row needs to be there before it; Snapshot::apply checks the same and takes a miss for a bug. Here it
// is a damaged file, or one in which somebody deleted rows (foreign keys are off in `sqlite3`). Empty: sound.
std::string missing_volume(const Snapshot& snapshot, VolumeId id) {
  if (snapshot.volume(id) != nullptr) return {};
  return fmt::format("volume {}, which does not exist", id.value);
}

std::string missing_host(const Snapshot& snapshot, HostId id) {
  if (!id || snapshot.host(id) != nullptr) return {};
  return fmt::format("host {}, which does not exist", id.value);
}

template <typename Row>
std::string missing(const Snapshot& snapshot, const Row& row) {
  if constexpr (requires { row.volume; }) {
    if (auto what = missing_volume(snapshot, row.volume); !what.empty()) return what;
  }
  if constexpr (requires { row.host; }) return missing_host(snapshot, row.host);
  return {};
}

std::string missing(const Snapshot& snapshot, const Claim& row) {
  if (row.volume) {
    if (auto what = missing_volume(snapshot, row.volume); !what.empty()) return what;
  }
  return missing_host(snapshot, row.host);
}

std::string missing(const Snapshot& snapshot, const MesosOperation& row) {
  if (!snapshot.mesos_operations().contains(row.agent)) return {};
  return fmt::format("agent {}, which has another open operation", row.agent.value);
}

std::string missing(const Snapshot& snapshot, const Fence& row) {
  if (snapshot.host(row.host) == nullptr) return fmt::format("host {}, which does not exist", row.host.value);
  return row.volume ? missing_volume(snapshot, row.volume) : std::string();
}

std::string missing(const Snapshot& snapshot, const Operation& row) {
  const VolumeEntry* const entry = snapshot.volume(row.volume);
  if (entry == nullptr) return missing_volume(snapshot, row.volume);
  if (entry->open_operation != nullptr)
    return fmt::format("volume {}, which has another open operation", row.volume.value);
  return missing_host(snapshot, row.host);
}

// Puts the row into the snapshot. Not empty: what cannot be so.
template <typename Row>
std::string put_row(Snapshot& snapshot, const Row& row) {
  if (std::string what = missing(snapshot, row); !what.empty()) return what;
  if constexpr (requires { snapshot.load(row); }) {
    snapshot.load(row);
  } else {
    snapshot.apply(Change(row));
  }
  return {};
}

std::string put_row(Snapshot& snapshot, const Volume& row) {
  if (snapshot.load(row)) return {};
  return fmt::format("volume {}, whose name or key is that of another one", row.id.value);
}

template <typename Row, typename ReadRow>
Status put_rows(Database& db, Snapshot& snapshot, std::string_view name, ReadRow read_row) {
  return for_each_row<Row>(db, name, read_row, [&](const Row& row) -> Status {
    if (const std::string what = put_row(snapshot, row); !what.empty()) {
      return fail(Errc::corrupt,
                  "ledger {}: {}: a row names {}; `extvold ledger check` lists all of them; restore a backup "
                  "with `extvold ledger restore FILE`",
                  sqlite3_db_filename(db.handle(), "main"), name, what);
    }
    return {};
  });
}

Status read_host(Query& q, Host& r) {
  return q.read(r.id, r.name, r.boot_id, r.hold, r.quarantined, r.quarantine_reason, r.quarantine_fence,
                r.fence_held);
}

Status read_agent(Query& q, Agent& r) {
  return q.read(r.id, r.host, r.hostname, r.address, r.version, r.state, r.active, r.deactivated,
                r.drain_state, r.resources_hash, r.attributes, r.maintenance, r.maintenance_start,
                r.state_fact.source, r.state_fact.since, r.drain_fact.source, r.drain_fact.since,
                r.deactivated_fact.source, r.deactivated_fact.since, r.maintenance_fact.source,
                r.maintenance_fact.since);
}

Status read_framework(Query& q, Framework& r) {
  return q.read(r.id, r.name, r.principal, r.active, r.connected, r.checkpoint, r.removed);
}

Status read_pool(Query& q, Pool& r) {
  return q.read(r.name.provider, r.name.pool, r.capacity_mb, r.free_mb, r.iops, r.observed_at);
}

Status read_volume(Query& q, Volume& r) {
  return q.read(r.id, r.name, r.key, r.provider_ref, r.pool.provider, r.pool.pool, r.size_mb,
                r.wanted_size_mb, r.iops, r.filesystem, r.access, r.mount_point, r.profile, r.origin, r.state,
                r.format, r.hold, r.source, r.created_generation.incarnation, r.created_generation.counter,
                r.created_at, r.purge_after);
}

Status read_attachment(Query& q, Attachment& r) {
  return q.read(r.volume, r.host, r.state, r.origin, r.generation.incarnation, r.generation.counter,
                r.read_only, r.mounted, r.device, r.host_identity, r.fence_addresses, r.boot_id, r.read_back,
                r.changed_at, r.detached_sequence, r.unexplained_use);
}

Status read_mount(Query& q, Mount& r) { return q.read(r.volume, r.host, r.path); }

Status read_fence(Query& q, Fence& r) {
  return q.read(r.id, r.key, r.rung, r.state, r.host, r.provider, r.volume, r.target, r.fence_addresses,
                r.generation.incarnation, r.generation.counter, r.cooperative, r.claim, r.cause, r.seen,
                r.error_code, r.error, r.user_uid, r.recorded_at, r.held_at, r.ended_at, r.expires_at);
}

Status read_evidence(Query& q, Evidence& r) {
  return q.read(r.id, r.kind, r.volume, r.host, r.attachment_generation.incarnation,
                r.attachment_generation.counter, r.agent, r.claim, r.container, r.view_epoch,
                r.recorded_sequence, r.request_sent_at, r.user_uid, r.detail, r.grade, r.fence,
                r.void_reason);
}

Status read_claim(Query& q, Claim& r) {
  return q.read(r.id, r.kind, r.volume, r.unresolved, r.host, r.agent, r.framework, r.task, r.executor,
                r.container, r.containerizer, r.reference.spelling, r.reference.driver, r.reference.name,
                r.reference.container_path, r.reference.read_only, r.task_state, r.wanted, r.liveness,
                r.liveness_why, r.evidence, r.first_seen_sequence, r.began_sequence, r.user_uid);
}

Status read_operation(Query& q, Operation& r) {
  return q.read(r.id, r.kind, r.state, r.outcome, r.volume, r.host, r.generation.incarnation,
                r.generation.counter, r.attempt, r.claim, r.evidence, r.rule, r.cause, r.error_code, r.error,
                r.recorded_at, r.ended_at);
}

// "key=value" a line, as they are written; a key has no '=', neither has a line end.
std::vector<std::pair<std::string, std::string>> labels_of(std::string_view lines) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    const std::size_t sign = line.find('=');
    if (sign != std::string_view::npos) out.emplace_back(line.substr(0, sign), line.substr(sign + 1));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  return out;
}

Status read_mesos_operation(Query& q, MesosOperation& r) {
  std::string labels;
  MesosRequest& to = r.request;
  TRY(q.read(r.id, r.kind, r.state, r.outcome, r.agent, r.generation.incarnation, r.generation.counter,
             to.role, to.resource, to.amount_milli, to.principal, labels, to.persistence_id,
             to.container_path, to.grace_seconds, to.mark_gone, to.before_milli, r.user_uid, r.reason,
             r.error_code, r.error, r.recorded_at, r.ended_at));
  to.labels = labels_of(labels);
  return {};
}

Status read_block(Query& q, BlockedRow& r) {
  return q.read(r.volume, r.host, r.reason, r.owner, r.text, r.since, r.next_look);
}

Status put_reservations(Database& db, Snapshot& snapshot) {
  struct Row {
    std::int64_t number = 0;
    ReservationRecord record;
  };
  ASSIGN(Statement labels, db.prepare("queries/list_reservation_labels", {"reservation"}));
  const auto read_row = [](Query& q, Row& r) {
    return q.read(r.number, r.record.agent, r.record.role, r.record.resource, r.record.persistence_id,
                  r.record.container_path, r.record.disk_source, r.record.amount_milli);
  };
  return for_each_row<Row>(db, "queries/list_reservations", read_row, [&](Row row) -> Status {
    Query query(labels, row.number);
    for (;;) {
      ASSIGN(const bool more, query.next());
      if (!more) break;
      auto& [key, value] = row.record.labels.emplace_back();
      TRY(query.read(key, value));
    }
    snapshot.apply(Change(std::move(row.record)));
    return {};
  });
}

}  // namespace

Result<Meta> read_meta(Database& db) {
  ASSIGN(Statement statement, db.prepare("queries/get_meta"));
  Query query(statement);
  ASSIGN(const bool found, query.next());
  if (!found) {
    return fail(Errc::corrupt,
                "ledger {}: it does not say who it is (ledger_meta is empty); restore a backup with "
                "`extvold ledger restore FILE`",
                sqlite3_db_filename(db.handle(), "main"));
  }
  Meta m;
  TRY(query.read(m.ledger.id, m.ledger.incarnation, m.ledger.began_at, m.mode, m.detach_storm, m.fence_stop,
                 m.fence_released_at, m.sequence, m.counters.next_host, m.counters.next_volume,
                 m.counters.next_claim, m.counters.next_evidence, m.counters.next_generation,
                 m.counters.next_fence, m.view.epoch, m.view.master_id, m.view.elected_time,
                 m.view.master_version, m.history_last, m.operation_ends));
  return m;
}

// Parents first: Snapshot::apply wants the volume of a row to be there. Ended operations before open ones,
// because an end closes the open one of its id.
Result<Snapshot> read_snapshot(Database& db) {
  Snapshot snapshot;
  TRY(put_rows<Host>(db, snapshot, "queries/list_hosts", read_host));
  TRY(put_rows<Agent>(db, snapshot, "queries/list_agents", read_agent));
  TRY(put_rows<Framework>(db, snapshot, "queries/list_frameworks", read_framework));
  TRY(put_reservations(db, snapshot));
  TRY(put_rows<Pool>(db, snapshot, "queries/list_pools", read_pool));
  TRY(put_rows<Volume>(db, snapshot, "queries/list_volumes", read_volume));
  TRY(put_rows<Attachment>(db, snapshot, "queries/list_attachments", read_attachment));
  TRY(put_rows<Mount>(db, snapshot, "queries/list_mounts", read_mount));
  TRY(put_rows<Fence>(db, snapshot, "queries/list_fences", read_fence));
  TRY(put_rows<Evidence>(db, snapshot, "queries/list_evidence", read_evidence));
  TRY(put_rows<Claim>(db, snapshot, "queries/list_claims", read_claim));
  TRY(put_rows<Operation>(db, snapshot, "queries/list_failed_operations", read_operation));
  TRY(put_rows<Operation>(db, snapshot, "queries/list_open_operations", read_operation));
  TRY(put_rows<MesosOperation>(db, snapshot, "queries/list_open_mesos_operations", read_mesos_operation));
  TRY(put_rows<BlockedRow>(db, snapshot, "queries/list_blocks", read_block));
  ASSIGN(const Meta meta, read_meta(db));
  snapshot.ledger = meta.ledger;
  snapshot.mode = meta.mode;
  snapshot.detach_storm = meta.detach_storm;
  snapshot.fence_stop = meta.fence_stop;
  snapshot.fence_released_at = meta.fence_released_at;
  snapshot.view = meta.view;
  snapshot.counters = meta.counters;
  snapshot.sequence = meta.sequence;
  return snapshot;
}

Result<std::vector<HistoryRow>> read_history(Database& db, const HistoryFilter& filter) {
  std::string_view name = "queries/list_history";
  if (filter.host) name = "queries/list_history_of_host";
  if (filter.volume) name = "queries/list_history_of_volume";
  if (!filter.task.value.empty()) name = "queries/list_history_of_task";
  ASSIGN(Statement statement,
         db.prepare(name, {"volume", "host", "framework", "task", "since", "before", "limit"}));
  Query query(statement, filter.volume, filter.host, NullIfEmpty{filter.framework.value},
              NullIfEmpty{filter.task.value}, filter.since, filter.before, filter.limit);
  std::vector<HistoryRow> out;
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) break;
    HistoryRow row;
    HistoryEntry& e = row.entry;
    TRY(query.read(row.number, row.sequence, row.at, e.kind, e.volume, e.host, e.framework, e.task,
                   e.operation, e.evidence, e.claim, e.rule, e.text, e.user_uid));
    out.push_back(std::move(row));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

Result<std::vector<FenceStatusRow>> read_fence_status(Database& db, const std::string& host,
                                                      std::int64_t limit) {
  ASSIGN(Statement statement, db.prepare("queries/list_fence_status_of_host", {"host", "limit"}));
  Query query(statement, host, limit);
  std::vector<FenceStatusRow> out;
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) return out;
    FenceStatusRow r;
    TRY(query.read(r.id, r.rung, r.state, r.provider, r.volume, r.target, r.grade, r.proves, r.cause, r.seen,
                   r.error, r.recorded_at, r.held_at, r.ended_at, r.expires_at));
    out.push_back(std::move(r));
  }
}

}  // namespace extvold::ledger
