// LedgerSession: where batches become durable, and who says so on the loop.
//
// Loop thread only; outlived by the loop. One session lasts from an opening of the ledger to its first
// failure: after a failed commit nothing more is taken, and the owner makes a new one from what the file
// holds. Two kinds: the ledger thread behind a file, and memory only (`reconcile --dry-run`: another executor
// of the same code).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/uv/loop.h"
#include "ledger/ledger.h"
#include "model/change.h"

namespace extvold::daemon {

struct CommitOutcome {
  Sequence upto;               // newest of the group
  bool unknown_tasks = false;  // an update spoke of a task that the ledger does not have
  Status status;               // failed: nothing of the group is in the ledger
};

class LedgerSession {
 public:
  using Committed = std::function<void(const CommitOutcome&)>;

  virtual ~LedgerSession() = default;  // waits for what was submitted; no callback comes any more

  // In order of their sequences. `committed` comes later, from the loop, for each group.
  virtual void commit(Batch batch) = 0;
  // `job` on the ledger thread, after what was submitted before; then `done` from the loop.
  virtual void run(std::function<void(ledger::Ledger&)> job, std::function<void()> done) = 0;
};

struct OpenedLedger {
  std::unique_ptr<LedgerSession> session;
  ledger::OpenReport report;
  Snapshot snapshot;
};

struct LedgerSessionOptions {
  std::string path;
  bool create = true;
  bool in_memory = false;  // read the file once (no lock), commit nowhere
  WallTime now;
};

// Blocks while the file is read. Errors: those of Ledger::open() and load().
Result<OpenedLedger> open_ledger(uv::Loop& loop, const LedgerSessionOptions& options,
                                 LedgerSession::Committed committed);

}  // namespace extvold::daemon
