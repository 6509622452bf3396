// Reads the rows of a ledger back into values: the whole state as a Snapshot, or parts of the history.
//
// Functions on a Database that the caller owns and keeps in one read transaction; `corrupt` where a row holds
// what this program does not know.
#pragma once

#include <vector>

#include "ledger/sqlite.h"
#include "model/snapshot.h"

namespace extvold::ledger {

// The one row of ledger_meta.
struct Meta {
  LedgerIdentity ledger;
  Mode mode = Mode::observe;
  bool detach_storm = false;
  bool fence_stop = false;
  WallTime fence_released_at;
  Sequence sequence;
  Counters counters;
  MesosView view;
  std::int64_t history_last = 0;
  std::int64_t operation_ends = 0;
};
Result<Meta> read_meta(Database& db);

// All state that decisions need. Equal to the Snapshot to which the same batches were applied.
Result<Snapshot> read_snapshot(Database& db);

// What of the history is asked for; an empty field asks for all.
struct HistoryFilter {
  VolumeId volume{};
  HostId host{};
  FrameworkId framework{};
  TaskId task{};
  WallTime since{};
  std::int64_t before = INT64_MAX;  // number of the oldest row already seen: to page back
  std::int64_t limit = 1000;        // the newest so many
};
struct HistoryRow {
  std::int64_t number = 0;
  Sequence sequence;
  WallTime at;
  HistoryEntry entry;
};
Result<std::vector<HistoryRow>> read_history(Database& db, const HistoryFilter& filter);  // oldest first

// A row of the view fence_status: also of a fence that ended. Texts as the view has them; empty: null.
struct FenceStatusRow {
  std::int64_t id = 0;
  std::string rung, state, provider, volume, target, grade, proves, cause, seen, error;
  std::string recorded_at, held_at, ended_at, expires_at;
};
// Of the host of that name, newest first.
Result<std::vector<FenceStatusRow>> read_fence_status(Database& db, const std::string& host,
                                                      std::int64_t limit);

}  // namespace extvold::ledger
