// `extvold reconcile` without a daemon: one look at everything, and either the plan (--dry-run) or carrying
// it out once.
//
// Each function runs a loop of its own and blocks until it ends; main thread, nothing else runs. Both use the
// daemon's own Driver; a dry run commits to memory and starts nothing (DESIGN.md section 6).
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"
#include "model/observed.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace extvold::daemon {

struct OnceOptions {
  Duration wait_max = seconds(30);  // for a complete view, and for what is ready to be done
};

struct OnceResult {
  // Everything that plan() was computed from: `plan == reconcilers::plan(snapshot, observed, planned_at,
  // policy)`.
  Snapshot snapshot;
  Observed observed;
  Policy policy;
  Instant planned_at;
  Plan plan;

  WallTime as_of;                       // of the view and the observations
  bool complete = false;                // nothing that could be known is missing
  std::vector<std::string> incomplete;  // why not, one sentence each
  std::vector<HistoryEntry> done;       // not a dry run: what was recorded meanwhile, in order
};

// What of it all is not seen whole, one sentence each.
std::vector<std::string> not_seen(const Observed& observed, bool has_master);

// --dry-run: reads the ledger without its lock (a daemon may run), observes the providers, subscribes and
// waits for a complete view. Changes nothing anywhere. not_found: there is no ledger yet.
Result<OnceResult> reconcile_dry_run(const Config& config, const OnceOptions& options);

// Takes the ledger and does what is ready until nothing is any more, or the time is up. busy: a daemon holds
// the ledger; ask it (POST /v1/reconcile).
Result<OnceResult> reconcile_and_act(const Config& config, const OnceOptions& options);

}  // namespace extvold::daemon
