#include "ledger/ledger.h"

namespace extvold::ledger {
namespace {

// A WAL of this many pages (32 MiB) is copied into the database. SQLite's own default of 1000 would copy the
// same hot pages with every large commit; a longer WAL costs a restart more, and readers a little.
constexpr std::int64_t kCheckpointFrames = 8192;

// A copy that was not taken up as a new incarnation yet must not seem to act.
void stop_acting(Snapshot& snapshot) {
  snapshot.mode = Mode::observe;
  std::vector<Change> changes;
  for (const auto& [id, host] : snapshot.hosts()) {
    if (host.hold == HoldState::released) changes.emplace_back(host);
  }
  for (const auto& [id, entry] : snapshot.volumes()) {
    if (entry.volume.hold == HoldState::released) changes.emplace_back(entry.volume);
  }
  for (Change& change : changes) {
    if (auto* host = std::get_if<Host>(&change)) host->hold = HoldState::inherit;
    if (auto* volume = std::get_if<Volume>(&change)) volume->hold = HoldState::inherit;
    snapshot.apply(change);
  }
}

}  // namespace

Result<CommitInfo> Ledger::commit(const Batch& batch) {
  ASSIGN(const std::vector<CommitInfo> infos, commit(std::span(&batch, 1)));
  return infos.front();
}

Result<std::vector<CommitInfo>> Ledger::commit(std::span<const Batch> group) {
  if (broken_) return tl::make_unexpected(*broken_);
  if (!writer_) return fail(Errc::permission, "nothing can be committed: {}", report_.read_only_reason);
  TRY(refuse_if_not_next(group));
  WriteContext context{.sequence = meta_.sequence,
                       .at = {},
                       .history_last = meta_.history_last,
                       .operation_ends = meta_.operation_ends};
  std::vector<CommitInfo> infos;
  if (auto done = commit_group(group, context, infos); !done)
    return tl::make_unexpected(fatal(std::move(done).error()));
  meta_.sequence = context.sequence;
  meta_.history_last = context.history_last;
  meta_.operation_ends = context.operation_ends;
  after_commit();
  return infos;
}

Status Ledger::refuse_if_not_next(std::span<const Batch> group) {
  Sequence expected = meta_.sequence;
  for (const Batch& batch : group) {
    ++expected.value;
    if (batch.sequence == expected) continue;
    return fail(Errc::conflict,
                "ledger {}: batch {} was made for another state, the next one is {}; load it again", path_,
                batch.sequence.value, expected.value);
  }
  return {};
}

// Inside the transaction, so that nobody can come between this and the commit.
Status Ledger::refuse_if_foreign_write() {
  Query query(data_version_);
  ASSIGN(const bool row, query.next());
  std::int64_t version = known_data_version_;
  if (row) TRY(query.read(version));
  if (version == known_data_version_) return {};
  return fail(
      Errc::conflict,
      "ledger {}: another program has written to it while extvold holds it (an operator's sqlite3?); it is "
      "loaded again before anything is decided",
      path_);
}

// Whoever removes the lock's file or puts another database in the place of this one lets a second extvold in,
// or has this one write to a file without a name.
Status Ledger::refuse_if_replaced() {
  if (!options_.guarded) return {};
  const bool locked = is_still(lock_, lock_path(path_));
  if (locked && (!database_lock_ || is_still(*database_lock_, path_))) return {};
  return fail(Errc::corrupt,
              "ledger {}: {} was removed or replaced while extvold holds it: nothing more is written through "
              "this opening; leave the ledger's files alone while extvold runs",
              path_, locked ? path_ : lock_path(path_));
}

Status Ledger::commit_group(std::span<const Batch> group, WriteContext& context,
                            std::vector<CommitInfo>& infos) {
  ASSIGN(Transaction transaction, Transaction::begin(db_, transactions_));
  TRY(refuse_if_foreign_write());
  TRY(refuse_if_replaced());
  for (const Batch& batch : group) {
    context.sequence = batch.sequence;
    context.at = batch.at;
    context.tasks_not_found = 0;
    for (const Change& change : batch.changes) TRY(writer_->apply(change, context));
    infos.push_back({batch.sequence, context.tasks_not_found});
  }
  TRY(writer_->finish(context));
  auto done = transaction.commit();
  if (!done && done.error().code == Errc::internal) return explain_foreign_keys(done.error());
  return done;
}

// A deferred foreign key fails the COMMIT without saying which row: a bug of ours, so take the time to find
// out.
Status Ledger::explain_foreign_keys(const Error& error) {
  ASSIGN(Statement statement, db_.prepare("queries/check_foreign_keys"));
  Query query(statement);
  ASSIGN(const bool row, query.next());
  if (!row) return tl::make_unexpected(error);
  std::string table;
  std::string rowid;
  std::string parent;
  std::int64_t which = 0;
  TRY(query.read(table, rowid, parent, which));
  return fail(Errc::internal, "{} (a row of {} refers to a row of {} that does not exist)", error.message,
              table, parent);
}

Error Ledger::fatal(Error error) {
  if (error.code == Errc::corrupt && !broken_) broken_ = error;
  return error;
}

void Ledger::after_commit() {
  // The commit stands. What goes wrong from here on stops the next one.
  if (auto noted = high_water_.note(meta_.sequence); !noted) {
    broken_ = Error{Errc::corrupt, noted.error().message};
    return;
  }
  if (wal_frames_ < checkpoint_at_ || wal_frames_ < kCheckpointFrames) return;
  static_cast<void>(checkpoint());  // fatal() has kept what matters
}

int Ledger::on_wal(void* self, sqlite3*, const char*, int frames) {
  auto& ledger = *static_cast<Ledger*>(self);
  if (frames < ledger.wal_frames_) {  // it began again at the start of the file
    ledger.wal_copied_ = 0;
    ledger.checkpoint_at_ = 0;
  }
  ledger.wal_frames_ = frames;
  return SQLITE_OK;
}

Result<WalState> Ledger::checkpoint() {
  int frames = 0;
  int copied = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
  if (code != SQLITE_OK) return tl::make_unexpected(fatal(sqlite_error(db_.handle(), code, "checkpoint")));
  wal_frames_ = std::max(frames, 0);  // -1: no WAL
  wal_copied_ = std::max(copied, 0);
  // What a reader holds back is not tried again with every commit.
  checkpoint_at_ = wal_copied_ < wal_frames_ ? wal_frames_ + kCheckpointFrames : 0;
  return wal();
}

Result<Snapshot> Ledger::load() {
  TRY(db_.run("queries/begin_reading"));
  // Rolls the reading back on every way out: nothing was written.
  struct End {
    Database& db;
    ~End() { static_cast<void>(db.run("queries/rollback_transaction")); }
  } const end{db_};
  auto read = read_snapshot(db_);
  if (!read) return tl::make_unexpected(fatal(std::move(read).error()));
  Snapshot snapshot = std::move(*read);
  ASSIGN(meta_, read_meta(db_));
  ASSIGN(known_data_version_, db_.number("queries/get_data_version"));
  if (report_.copied && !writer_) stop_acting(snapshot);
  return snapshot;
}

Result<std::vector<HistoryRow>> Ledger::history(const HistoryFilter& filter) {
  return read_history(db_, filter);
}

Result<std::vector<FenceStatusRow>> Ledger::fences_of_host(const std::string& host, std::int64_t limit) {
  return read_fence_status(db_, host, limit);
}

}  // namespace extvold::ledger
