// Ledger: the one durable truth about intent, identity and history; SQLite in one file that operators may
// read at any time.
//
// Synchronous and of no thread: one thread at a time may use it (the daemon gives it to a LedgerThread). It
// neither logs nor reads a clock. What is committed here survives a power cut (WAL, synchronous=FULL). One
// writer a file: a lock beside it keeps a second one out; readers (`sqlite3 LEDGER 'select * from
// volume_status'`) never wait and never make the writer wait.
//
// Beside LEDGER lie LEDGER.lock, LEDGER.high-water (see files.h) and SQLite's LEDGER-wal and LEDGER-shm.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ledger/files.h"
#include "ledger/row_reader.h"
#include "ledger/row_writer.h"
#include "ledger/schema.h"
#include "model/change.h"
#include "model/snapshot.h"

namespace extvold::ledger {

struct OpenOptions {
  bool read_only =
      false;  // takes no lock, writes nothing, works beside a daemon and in a directory that is not writable
  bool create = true;  // make a new ledger where none is
  WallTime now{};      // for records only
  // For tests and the simulator.
  std::string vfs{};    // of SQLite; empty: the system's
  bool guarded = true;  // false: no lock and no high-water mark; for ":memory:" and files of another VFS
};

// How the ledger was found; one line of the daemon's log and of `extvold status`.
struct OpenReport {
  bool created = false;
  bool copied = false;  // a copy, or moved to another filesystem: a new incarnation that observes
  MigrationReport migration;
  std::string read_only_reason;  // not empty: nothing can be committed, and why; the remedy included
};

struct CommitInfo {
  Sequence sequence;
  std::int64_t tasks_not_found = 0;  // TaskStateChanges of tasks that are not recorded
};

struct WalState {
  std::int64_t bytes = 0;   // size of the file beside the ledger
  std::int64_t frames = 0;  // pages in it
  std::int64_t frames_not_yet =
      0;  // not yet in the database: if this stays large, a reader forgot its transaction
};

struct Finding {
  std::string check;    // name of the check: "attach_needs_release", "integrity", "foreign_keys"
  std::string subject;  // volume, claim, operation, ...
  std::string problem;
};
enum class CheckDepth {
  invariants,  // sql/checks only
  pages,       // and every page well-formed (PRAGMA quick_check), foreign keys
  full,        // and every index agrees with its table (PRAGMA integrity_check)
};

struct PruneReport {
  std::int64_t operations = 0;
  std::int64_t evidence = 0;
  std::int64_t history = 0;
  std::int64_t tasks = 0;
  bool more = false;  // call again
};

struct RestoreReport {
  LedgerIdentity ledger;
  Sequence sequence;
  std::string kept;  // where the ledger that was there before lies now; empty: there was none
};

// The incarnation that follows: above what the file and its mark know, far above where the mark is lost.
std::int64_t next_incarnation(std::int64_t own, const std::optional<HighWaterMark>& mark);

class Ledger {
 public:
  // Errors: not_found (no directory; no file and not `create`), permission, busy (another extvold holds it),
  // conflict (not a ledger, a newer one, or one that is gone while its mark remains), corrupt. Each message
  // names the file and the remedy. A ledger that is behind its high-water mark opens and reports
  // read_only_reason. Damage shows when something is read: in load(), or in check(), which looks at every
  // page and is no part of opening because it takes seconds.
  static Result<std::unique_ptr<Ledger>> open(const std::string& path, const OpenOptions& options);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  const std::string& path() const { return path_; }
  const OpenReport& report() const { return report_; }
  Sequence sequence() const { return meta_.sequence; }
  const LedgerIdentity& identity() const { return meta_.ledger; }

  // One batch, one transaction: all of it or nothing. conflict: not the next sequence, or somebody else wrote
  // to the file: load() again. exhausted: disk full, may be tried again. corrupt: after an I/O error or
  // damage nothing more is committed until the ledger is opened anew (a failed sync must not be retried as if
  // it had not been).
  Result<CommitInfo> commit(const Batch& batch);
  // Several batches of consecutive sequences in one transaction.
  Result<std::vector<CommitInfo>> commit(std::span<const Batch> group);

  // The recorded state as of the newest commit. Does not change anything: that an `issued` operation becomes
  // `uncertain` at a start is the engine's first batch.
  Result<Snapshot> load();
  Result<std::vector<HistoryRow>> history(const HistoryFilter& filter);
  // Of the host of that name, those that ended included; newest first.
  Result<std::vector<FenceStatusRow>> fences_of_host(const std::string& host, std::int64_t limit);
  // What a restored or copied file becomes, in one transaction: nothing that it says about the present is
  // relied on, and it observes. `kind`: of the history's first line.
  Status begin_incarnation(std::int64_t incarnation, const std::string& kind, const std::string& why);
  // Damaged pages also end the writing, as an I/O error does.
  Result<std::vector<Finding>> check(CheckDepth depth);

  // A copy in one file, consistent, synced; `file` must not exist. The only supported way to copy a ledger.
  Status backup(const std::string& file);
  // Puts a backup in the place of `into`: a new incarnation above the high-water mark, all evidence void,
  // attachments uncertain, claims unknown, formats refused, observing. What was there is kept beside it.
  // busy: a daemon holds `into`.
  static Result<RestoreReport> restore(const std::string& file, const std::string& into, WallTime now);

  Result<WalState> wal();
  Result<WalState> checkpoint();  // as far as readers let it; never waits for them
  // Drops what ended before `older_than`, a bounded part at a call; never what an open operation, a live
  // claim, evidence that counts or the generation of an attachment needs. Tasks have a bound of their own:
  // there are many, and one that is over only tells what a late update was about.
  Result<PruneReport> prune(WallTime older_than, WallTime tasks_older_than = {});

  Database& database() { return db_; }  // for tests and tools

 private:
  Ledger(std::string path, const OpenOptions& options) : path_(std::move(path)), options_(options) {}

  Status open_file();
  Status open_for_reading();
  Status open_for_writing();
  Status take_up(const std::optional<HighWaterMark>& mark, const FileIdentity& file);
  Status judge_against_mark(const std::optional<HighWaterMark>& mark);
  Status apply_settings();
  Status prepare_statements();
  Status commit_group(std::span<const Batch> group, WriteContext& context, std::vector<CommitInfo>& infos);
  Status refuse_if_not_next(std::span<const Batch> group);
  Status refuse_if_foreign_write();
  Status refuse_if_replaced();
  Status explain_foreign_keys(const Error& error);
  Status prune_in_transaction(WallTime older_than, PruneReport& report);
  Status prune_tasks(WallTime older_than, PruneReport& report);
  Error fatal(Error error);
  void after_commit();
  static int on_wal(void* self, sqlite3* db, const char* name, int frames);

  std::string path_;
  OpenOptions options_;
  OpenReport report_;
  UniqueFd lock_;
  std::optional<UniqueFd> database_lock_;  // before the connection: that must go first
  HighWaterFile high_water_;
  Database db_;  // before the statements: they must go first
  TransactionStatements transactions_;
  Statement data_version_;
  std::optional<RowWriter> writer_;
  Meta meta_;
  std::int64_t known_data_version_ = 0;
  std::int64_t wal_frames_ = 0;                       // in the WAL
  std::int64_t wal_copied_ = 0;                       // of them, into the database
  std::int64_t checkpoint_at_ = 0;                    // frames; 0: as usual
  std::int64_t history_revisited_ = 0;                // how far among the rows that retention left
  std::pair<std::string, std::string> tasks_pruned_;  // how far in the order of their key
  std::optional<Error> broken_;  // set by the first fatal error; answers every later commit
};

}  // namespace extvold::ledger
