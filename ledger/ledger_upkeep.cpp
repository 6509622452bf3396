// What a ledger needs now and then: checks, backups, a restore, retention.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "ledger/ledger.h"

namespace extvold::ledger {
namespace {

// In one call: some ten milliseconds each.
constexpr std::int64_t kPruneRows = 20'000;   // of history, looked at
constexpr std::int64_t kPruneTasks = 20'000;  // looked at
constexpr std::int64_t kPruneOperations = 2'000;
constexpr std::int64_t kPruneEvidence = 2'000;

// Findings of one PRAGMA that answers "ok" or a list of complaints.
Status read_complaints(Database& db, std::string_view query_name, std::vector<Finding>& out) {
  ASSIGN(Statement statement, db.prepare(query_name));
  Query query(statement);
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) return {};
    std::string text;
    TRY(query.read(text));
    if (text != "ok") out.push_back({"integrity", "file", text});
  }
}

Status read_foreign_keys(Database& db, std::vector<Finding>& out) {
  ASSIGN(Statement statement, db.prepare("queries/check_foreign_keys"));
  Query query(statement);
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) return {};
    std::string table;
    std::string rowid;
    std::string parent;
    std::int64_t which = 0;
    TRY(query.read(table, rowid, parent, which));
    out.push_back({"foreign_keys", table,
                   fmt::format("row {} refers to a row of {} that does not exist", rowid, parent)});
  }
}

Status read_invariant(Database& db, const SqlFile& file, std::vector<Finding>& out) {
  ASSIGN(Statement statement, db.prepare(file.name));
  Query query(statement);
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) return {};
    Finding finding;
    finding.check = file.name.substr(file.name.find('/') + 1);
    TRY(query.read(finding.subject, finding.problem));
    out.push_back(std::move(finding));
  }
}

void remove_file(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

Status rename_file(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) return fail(Errc::unavailable, "cannot rename {} to {}: {}", from, to, error.message());
  return {};
}

// VACUUM INTO does not sync by itself, and leaves a part behind where it fails.
Status copy_to(Database& db, const std::string& file) {
  auto copied = db.run("queries/vacuum_into", {"file"}, file);
  if (copied) copied = sync_file(file);
  if (copied) copied = sync_directory_of(file);
  if (!copied) remove_file(file);
  return copied;
}

// The backup as a staged file beside `into`, whole and of the present schema.
Status stage(const std::string& file, const std::string& staged) {
  if (!file_exists(file)) return fail(Errc::not_found, "there is no backup {}", file);
  ASSIGN(Database source,
         Database::open(file, {.read_only = true, .create = false, .immutable = false, .vfs = {}}));
  ASSIGN(const SchemaStanding standing, schema_standing(source, file, migrations()));
  if (standing == SchemaStanding::empty)
    return fail(Errc::conflict, "{} is empty: it is no backup of a ledger", file);
  std::vector<Finding> findings;
  TRY(read_complaints(source, "queries/check_integrity", findings));
  TRY(read_foreign_keys(source, findings));
  if (!findings.empty()) {
    return fail(Errc::corrupt, "the backup {} is damaged ({}: {}): restore an older one", file,
                findings.front().subject, findings.front().problem);
  }
  for (const char* ending : {"", "-wal", "-shm"})
    remove_file(staged + ending);  // of a restore that did not end
  return copy_to(source, staged);
}

// A second name for a file, or a copy where the filesystem has no such thing.
Status keep_as(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::create_hard_link(from, to, error);
  if (!error) return {};
  std::filesystem::copy_file(from, to, error);
  if (error) return fail(Errc::unavailable, "cannot keep {} as {}: {}", from, to, error.message());
  return sync_file(to);
}

// Keeps the ledger that is there under another name, its WAL with it, and takes the WAL away: SQLite would
// play an old WAL onto the new file. Wherever this ends, one whole pair is there: the database keeps its own
// name until the new one replaces it.
Result<std::string> keep_aside(const std::string& path) {
  const std::string wal = path + "-wal";
  if (!file_exists(path) && !file_exists(wal)) return std::string();
  std::string kept = path + ".before-restore";
  for (int n = 2; file_exists(kept) || file_exists(kept + "-wal"); ++n)
    kept = fmt::format("{}.before-restore.{}", path, n);
  if (file_exists(wal)) TRY(keep_as(wal, kept + "-wal"));
  if (file_exists(path)) TRY(keep_as(path, kept));
  TRY(sync_directory_of(path));
  for (const char* ending : {"-wal", "-shm"}) remove_file(path + ending);
  return kept;
}

}  // namespace

Result<std::vector<Finding>> Ledger::check(CheckDepth depth) {
  std::vector<Finding> out;
  // Where SQLite gives up on a page, that is a finding as well; the rest is still looked at.
  const auto run = [&out](Status status) -> Status {
    if (status || status.error().code != Errc::corrupt) return status;
    out.push_back({"integrity", "file", std::move(status).error().message});
    return {};
  };
  if (depth == CheckDepth::pages) TRY(run(read_complaints(db_, "queries/check_pages", out)));
  if (depth == CheckDepth::full) TRY(run(read_complaints(db_, "queries/check_integrity", out)));
  if (depth != CheckDepth::invariants) TRY(run(read_foreign_keys(db_, out)));
  for (const SqlFile& file : files_below("checks/")) TRY(run(read_invariant(db_, file, out)));
  for (const Finding& one : out) {
    if (one.check != "integrity" || broken_) continue;
    broken_ = Error{Errc::corrupt,
                    fmt::format("ledger {}: it is damaged ({}); nothing more is written to it: restore a "
                                "backup with `extvold ledger restore FILE`",
                                path_, one.problem)};
  }
  return out;
}

Status Ledger::backup(const std::string& file) {
  if (file_exists(file)) return fail(Errc::conflict, "{} exists: name a file that does not", file);
  return copy_to(db_, file);
}

Result<RestoreReport> Ledger::restore(const std::string& file, const std::string& into, WallTime now) {
  ASSIGN(const std::string path, resolve(into));
  ASSIGN(const UniqueFd lock, take_lock(path));
  std::optional<UniqueFd> database_lock;
  if (file_exists(path)) {
    ASSIGN(database_lock, take_database_lock(path));
  }
  std::optional<HighWaterMark> mark;
  if (auto read = HighWaterFile::read(path))
    mark = *read;  // unreadable counts as lost: the incarnation jumps further

  const std::string staged = path + ".restoring";
  TRY(stage(file, staged));
  RestoreReport report;
  {
    ASSIGN(const std::unique_ptr<Ledger> ledger,
           open(staged, {.read_only = false, .create = false, .now = now, .vfs = {}, .guarded = false}));
    TRY(ledger->begin_incarnation(next_incarnation(ledger->meta_.ledger.incarnation, mark), "ledger.restored",
                                  fmt::format("the ledger was restored from {}", file)));
    report.ledger = ledger->meta_.ledger;
    report.sequence = ledger->meta_.sequence;
  }  // closing moves everything into the file and removes its WAL
  if (file_exists(staged + "-wal")) {
    return fail(Errc::unavailable, "{}-wal remains: another program has {} open; end it and restore again",
                staged, staged);
  }
  TRY(sync_file(staged));
  ASSIGN(report.kept, keep_aside(path));
  TRY(rename_file(staged, path));
  TRY(sync_directory_of(path));
  ASSIGN(const FileIdentity identity, identify(path));
  TRY(HighWaterFile::write(path, {report.ledger.id, report.ledger.incarnation, report.sequence, identity}));
  return report;
}

Result<WalState> Ledger::wal() {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path_ + "-wal", ignored);
  return WalState{.bytes = ignored ? 0 : static_cast<std::int64_t>(size),
                  .frames = wal_frames_,
                  .frames_not_yet = wal_frames_ - wal_copied_};
}

Result<PruneReport> Ledger::prune(WallTime older_than, WallTime tasks_older_than) {
  if (broken_) return tl::make_unexpected(*broken_);
  if (!writer_) return fail(Errc::permission, "nothing can be pruned: {}", report_.read_only_reason);
  PruneReport report;
  auto done = prune_in_transaction(older_than, report);
  if (done && tasks_older_than.ns > 0) done = prune_tasks(tasks_older_than, report);
  if (!done) return tl::make_unexpected(fatal(std::move(done).error()));
  return report;
}

Status Ledger::prune_in_transaction(WallTime older_than, PruneReport& report) {
  ASSIGN(Transaction transaction, Transaction::begin(db_, transactions_));
  TRY(refuse_if_foreign_write());
  TRY(refuse_if_replaced());
  std::int64_t from = 0;
  std::int64_t last = 0;
  std::int64_t through = 0;
  {
    ASSIGN(Statement statement, db_.prepare("queries/get_history_span"));
    Query query(statement);
    ASSIGN(const bool row, query.next());
    if (row) TRY(query.read(from, last));
  }
  {
    ASSIGN(Statement statement, db_.prepare("queries/get_prune_limit", {"older_than", "from", "count"}));
    Query query(statement, older_than, from, kPruneRows);
    ASSIGN(const bool row, query.next());
    if (row) TRY(query.read(through));
  }
  std::int64_t kept_through = 0;
  {
    ASSIGN(Statement statement, db_.prepare("queries/get_end_of_kept_history", {"from", "count"}));
    Query query(statement, history_revisited_, kPruneRows);
    ASSIGN(const bool row, query.next());
    if (row) TRY(query.read(kept_through));
  }
  const auto changed = [this] { return sqlite3_changes64(db_.handle()); };
  TRY(db_.run("queries/prune_operations", {"older_than", "count"}, older_than, kPruneOperations));
  report.operations = changed();
  TRY(db_.run("queries/prune_mesos_operations", {"older_than", "count"}, older_than, kPruneOperations));
  report.operations += changed();
  TRY(db_.run("queries/prune_evidence", {"older_than", "count"}, older_than, kPruneEvidence));
  report.evidence = changed();
  TRY(db_.run("queries/prune_fences", {"older_than", "count"}, older_than, kPruneOperations));
  report.operations += changed();
  if (through > from) {
    TRY(db_.run("queries/update_history_pruned", {"through"}, through));
    TRY(db_.run("queries/prune_history", {"from", "through"}, from, through));
    report.history = changed();
  }
  // What stayed with a claim, an operation or evidence may go now, if that has gone.
  const bool all_revisited = kept_through == 0;
  if (from > history_revisited_) {
    TRY(db_.run("queries/prune_history", {"from", "through"}, history_revisited_,
                all_revisited ? from : kept_through));
    report.history += changed();
  }
  report.more = (through == from + kPruneRows && through < last) || !all_revisited ||
                report.operations >= kPruneOperations || report.evidence == kPruneEvidence;
  TRY(transaction.commit());
  history_revisited_ = kept_through;  // from the start again after the last
  return {};
}

// Goes through them in parts, in the order of their key: an index by time or state would cost every update.
Status Ledger::prune_tasks(WallTime older_than, PruneReport& report) {
  ASSIGN(Transaction transaction, Transaction::begin(db_, transactions_));
  TRY(refuse_if_foreign_write());
  std::pair<std::string, std::string> upto;
  {
    ASSIGN(Statement statement, db_.prepare("queries/get_end_of_tasks", {"task", "framework", "count"}));
    Query query(statement, tasks_pruned_.first, tasks_pruned_.second, kPruneTasks);
    ASSIGN(const bool row, query.next());
    if (row) TRY(query.read(upto.first, upto.second));
  }
  const bool last = upto.first.empty();
  TRY(db_.run("queries/prune_tasks", {"from_task", "from_framework", "to_task", "to_framework", "older_than"},
              tasks_pruned_.first, tasks_pruned_.second, NullIfEmpty{upto.first}, upto.second, older_than));
  report.tasks = sqlite3_changes64(db_.handle());
  TRY(transaction.commit());
  tasks_pruned_ = std::move(upto);  // from the start again after the last
  report.more = report.more || !last;
  return {};
}

}  // namespace extvold::ledger
