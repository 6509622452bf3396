// Random states for property tests: everything that a plan is made from, valid (what the ledger's constraints
// keep, holds) but otherwise as unlikely as it can get: attachments that nothing explains, evidence of older
// generations, claims of agents that nobody knows.
//
// Only inside a rc::check: each choice is drawn from RapidCheck, so that failures shrink.
#pragma once

#include <vector>

#include "model/observed.h"
#include "model/policy.h"
#include "model/snapshot.h"

namespace extvold::tests {

struct RandomState {
  // One list a kind of row; the kinds in an order in which a Snapshot takes them.
  std::vector<std::vector<Change>> rows;
  Sequence sequence;
  LedgerIdentity ledger;
  Mode mode = Mode::active;
  bool detach_storm = false;
  bool fence_stop = false;
  MesosView view;
  Counters counters;
  Observed observed;
  Policy policy;
  Instant now;

  Snapshot snapshot() const;
  void shuffle();  // within each kind
};

RandomState random_state();

// Below this: 0 … n - 1.
int random_below(int n);

}  // namespace extvold::tests
