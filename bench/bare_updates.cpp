#include "bench/bare_updates.h"

#include "bench/pipeline.h"

namespace extvold::bench {
namespace {

void text(sqlite3_stmt* statement, int index, std::string_view value) {
  sqlite3_bind_text(statement, index, value.data() == nullptr ? "" : value.data(),
                    static_cast<int>(value.size()), SQLITE_STATIC);
}

}  // namespace

BareUpdates::BareUpdates(const std::string& path, bool tuned) {
  if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) stop("cannot open " + path);
  execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  if (tuned) execute("PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=8192;");
  execute(
      "CREATE TABLE tasks (task TEXT, framework TEXT, agent TEXT, executor TEXT, name TEXT, state TEXT,"
      " source TEXT, reason TEXT, container TEXT, view_epoch INTEGER, PRIMARY KEY (task, framework)) "
      "WITHOUT ROWID;"
      "CREATE TABLE claims (id INTEGER PRIMARY KEY, kind TEXT, volume INTEGER, unresolved TEXT, host "
      "INTEGER,"
      " agent TEXT, framework TEXT, task TEXT, executor TEXT, container TEXT, containerizer TEXT, spelling "
      "TEXT,"
      " driver TEXT, name TEXT, container_path TEXT, read_only INTEGER, task_state TEXT, wanted INTEGER,"
      " liveness TEXT, liveness_why TEXT, evidence INTEGER, first_seen_sequence INTEGER, "
      "began_sequence INTEGER, user_uid INTEGER);");
  begin_ = prepare("BEGIN IMMEDIATE");
  commit_ = prepare("COMMIT");
  task_ = prepare("INSERT INTO tasks VALUES (?,?,?,?,?,?,?,?,?,?)");
  claim_ = prepare("INSERT INTO claims VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  task_state_ =
      prepare("UPDATE tasks SET state=?, source=?, reason=?, container=? WHERE task=? AND framework=?");
  claim_state_ = prepare(
      "UPDATE claims SET task_state=?, wanted=?, liveness=?, liveness_why=?, evidence=?, container=? WHERE "
      "id=?");
}

BareUpdates::~BareUpdates() {
  for (sqlite3_stmt* s : {begin_, commit_, task_, claim_, task_state_, claim_state_}) sqlite3_finalize(s);
  sqlite3_close(db_);
}

void BareUpdates::write(std::span<const Batch> batches) {
  run(begin_);
  for (const Batch& batch : batches) {
    for (const Change& change : batch.changes) {
      if (const auto* update = std::get_if<TaskStateChange>(&change)) {
        write(*update);
      } else if (const auto* claim_update = std::get_if<ClaimStateChange>(&change)) {
        write(*claim_update);
      } else if (const auto* task = std::get_if<TaskRow>(&change)) {
        write(*task);
      } else if (const auto* claim = std::get_if<Claim>(&change)) {
        write(*claim);
      }
    }
  }
  run(commit_);
}

void BareUpdates::write(const TaskStateChange& r) {
  text(task_state_, 1, to_text(r.state));
  text(task_state_, 2, to_text(r.source));
  text(task_state_, 3, r.reason);
  text(task_state_, 4, r.container.value);
  text(task_state_, 5, r.task.value);
  text(task_state_, 6, r.framework.value);
  run(task_state_);
}

void BareUpdates::write(const ClaimStateChange& r) {
  text(claim_state_, 1, to_text(r.task_state));
  sqlite3_bind_int64(claim_state_, 2, r.wanted ? 1 : 0);
  text(claim_state_, 3, to_text(r.liveness));
  text(claim_state_, 4, r.liveness_why);
  sqlite3_bind_null(claim_state_, 5);
  text(claim_state_, 6, r.container.value);
  sqlite3_bind_int64(claim_state_, 7, r.id.value);
  run(claim_state_);
}

void BareUpdates::write(const TaskRow& r) {
  text(task_, 1, r.task.value);
  text(task_, 2, r.framework.value);
  text(task_, 3, r.agent.value);
  text(task_, 4, r.executor.value);
  text(task_, 5, r.name);
  text(task_, 6, to_text(r.state));
  text(task_, 7, to_text(r.source));
  text(task_, 8, r.reason);
  text(task_, 9, r.container.value);
  sqlite3_bind_int64(task_, 10, r.view_epoch);
  run(task_);
}

void BareUpdates::write(const Claim& r) {
  sqlite3_bind_int64(claim_, 1, r.id.value);
  text(claim_, 2, to_text(r.kind));
  sqlite3_bind_int64(claim_, 3, r.volume.value);
  text(claim_, 4, to_text(r.unresolved));
  sqlite3_bind_int64(claim_, 5, r.host.value);
  text(claim_, 6, r.agent.value);
  text(claim_, 7, r.framework.value);
  text(claim_, 8, r.task.value);
  text(claim_, 9, r.executor.value);
  text(claim_, 10, r.container.value);
  text(claim_, 11, to_text(r.containerizer));
  text(claim_, 12, to_text(r.reference.spelling));
  text(claim_, 13, r.reference.driver);
  text(claim_, 14, r.reference.name);
  text(claim_, 15, r.reference.container_path);
  sqlite3_bind_int64(claim_, 16, r.reference.read_only ? 1 : 0);
  text(claim_, 17, to_text(r.task_state));
  sqlite3_bind_int64(claim_, 18, r.wanted ? 1 : 0);
  text(claim_, 19, to_text(r.liveness));
  text(claim_, 20, r.liveness_why);
  sqlite3_bind_null(claim_, 21);
  sqlite3_bind_int64(claim_, 22, r.first_seen_sequence);
  sqlite3_bind_int64(claim_, 23, r.began_sequence);
  sqlite3_bind_int64(claim_, 24, r.user_uid);
  run(claim_);
}

void BareUpdates::run(sqlite3_stmt* statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) stop(sqlite3_errmsg(db_));
  sqlite3_reset(statement);
}

void BareUpdates::execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) stop(sqlite3_errmsg(db_));
}

sqlite3_stmt* BareUpdates::prepare(const char* sql) {
  sqlite3_stmt* out = nullptr;
  if (sqlite3_prepare_v2(db_, sql, -1, &out, nullptr) != SQLITE_OK) stop(sqlite3_errmsg(db_));
  return out;
}

}  // namespace extvold::bench
