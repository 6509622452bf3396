// The daemon's hot path without its loop: bytes → ingest → engine → ledger thread, as fast as they go, with
// the driver's bounds. The reading thread waits when the ledger's queue is full, which is what pausing the
// socket does.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/ingest/record_decoder.h"
#include "ledger/ledger_thread.h"
#include "reconcilers/engine.h"

namespace extvold::bench {

// What was committed, in which transactions; for a bare loop that does the same.
struct Tap {
  std::vector<Batch> batches;
  std::vector<Sequence> groups;  // the last sequence of each transaction
};

class Pipeline {
 public:
  // Opens or makes the ledger at `path`; stops the program with a message if that fails.
  Pipeline(const std::string& path, Policy policy);
  ~Pipeline();

  void push(std::string_view bytes);  // of the SUBSCRIBE answer
  void step(reconcilers::Input input);
  void finish();  // until everything that was pushed is committed

  // From now on, until told otherwise; nullptr: nowhere. Between two calls everything must be finished.
  void tap(Tap* tap) { tap_ = tap; }

  const reconcilers::Engine& engine() const { return *engine_; }
  std::int64_t changes() const { return changes_; }

 private:
  void commit(Batch batch);
  void take_commits();

  std::unique_ptr<ledger::LedgerThread> thread_;
  std::unique_ptr<reconcilers::Engine> engine_;
  ingest::IngestCounters counters_;
  ingest::RecordDecoder decoder_;
  std::vector<MesosEvent> events_;
  std::mutex mutex_;
  std::condition_variable committed_;
  Sequence durable_;    // guarded by mutex_
  std::string failed_;  // guarded by mutex_
  Sequence submitted_;
  Sequence told_;
  std::int64_t changes_ = 0;
  Tap* tap_ = nullptr;  // its groups: guarded by mutex_
};

Policy bench_policy();

[[noreturn]] void stop(const std::string& why);
double wall_seconds();
// Peak resident memory of this process in MiB since the last reset.
double peak_mib();
void reset_peak();

}  // namespace extvold::bench
