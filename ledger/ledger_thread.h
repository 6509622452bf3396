// LedgerThread: the one thread that owns the writing Ledger. Only values cross: batches in, results out.
//
// submit() and run() may be called from one other thread (the loop). Callbacks run on the ledger thread; the
// daemon's post their argument to the loop and do nothing else. All batches that wait when the thread comes
// round are committed in one transaction (group commit); jobs are done in their turn between batches. The
// queue is bounded: submit() says no, and the caller stops reading its own input until a completion comes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "ledger/ledger.h"

namespace extvold::ledger {

// What became of one group of batches. All of them or none of them are in the ledger.
struct CommitReport {
  Sequence first;
  Sequence last;
  Result<std::vector<CommitInfo>> result;
};

class LedgerThread {
 public:
  struct Options {
    std::size_t batches_max = 256;  // waiting
    std::size_t changes_max =
        16'384;  // waiting; a batch that is larger than this is taken when nothing else waits
    std::size_t group_changes_max = 8'192;  // of one transaction
  };
  using OnCommitted = std::function<void(CommitReport)>;
  using Job = std::function<void(Ledger&)>;

  LedgerThread(std::unique_ptr<Ledger> ledger, Options options, OnCommitted on_committed);
  ~LedgerThread();  // as stop()
  LedgerThread(const LedgerThread&) = delete;
  LedgerThread& operator=(const LedgerThread&) = delete;

  // False: the queue is full, `batch` is untouched; try again after a completion.
  [[nodiscard]] bool submit(Batch&& batch);
  // Reading, checks, backups, retention: called on the ledger thread after everything that was submitted
  // before it. Jobs are few and not counted.
  void run(Job job);

  // Finishes what waits, ends the thread and gives the ledger back. Nothing may be submitted after it.
  std::unique_ptr<Ledger> stop();

 private:
  using Item = std::variant<Batch, Job>;
  void work();
  std::vector<Batch> take_group();  // with the lock held; empty: the front is a job

  std::unique_ptr<Ledger> ledger_;  // the ledger thread's until it has ended
  const Options options_;
  const OnCommitted on_committed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;  // guarded by mutex_, as all below
  std::size_t batches_ = 0;
  std::size_t changes_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace extvold::ledger
