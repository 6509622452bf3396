// Oracle: the judge. It knows nothing of plans: it looks at what is written to the volumes, at what the
// storage grants, and at what the ledger says was proven, and holds these against the one promise and the
// invariants that follow from it. The first thing that is wrong ends the run.
//
// Writers are not simulated write by write. Whoever has a volume open on a running host that the storage lets
// through writes all the time; so two such sessions on two hosts are two writers interleaved, and a session
// that gets through again after a newer one of another host has written is an older writer coming back.
#pragma once

#include <string>

#include "model/call.h"
#include "model/change.h"
#include "model/snapshot.h"
#include "tests/sim/storage.h"

namespace extvold::sim {

class World;

class Oracle {
 public:
  explicit Oracle(World& world) : world_(world) {}

  bool failed() const { return !rule_.empty(); }
  const std::string& rule() const { return rule_; }  // stable word; empty: nothing is wrong
  const std::string& what() const { return what_; }
  void fail(std::string rule, std::string what);

  // Who may write to this disk has changed: sessions, access, hosts.
  void access_changed(Disk& disk);
  void host_changed(int host);
  // The storage lets a host through from now on.
  void granted(const Disk& disk, int host, bool by_hand);
  // A daemon is about to have this done.
  void call_started(const OperationCall& call, const Snapshot& committed);
  void fence_started(const FenceCall& call, const Snapshot& committed);
  // A daemon's ledger says so for good.
  void committed(const Batch& batch, const Snapshot& committed);

 private:
  void check_evidence(const Evidence& evidence, const Snapshot& committed);

  World& world_;
  std::string rule_;
  std::string what_;
};

}  // namespace extvold::sim
