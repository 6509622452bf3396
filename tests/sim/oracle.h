// Oracle: the judge. It knows nothing of plans: it looks at what is written to the volumes, at what the
// storage grants, and at what the ledger says was proven, and holds these against the one promise and the
// invariants that follow from it. The first thing that is wrong ends the run.
//
// Writers are not simulated write by write. Whoever has a volume open on a running host that the storage lets
// through writes all the time; so two such sessions on two hosts are two writers interleaved, and a session
// that gets through again after a newer one of another host has written is an older writer coming back.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "model/call.h"
#include "model/change.h"
#include "model/observation.h"
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
  // The master calls an agent of this host unreachable or gone.
  void ledger_copied(int from, int to);
  void host_lost(int host);
  // A daemon is about to have this done.
  void call_started(int daemon, const OperationCall& call, const Snapshot& committed);
  // `known`: what the daemon knows, and its ledger perhaps not yet.
  void fence_started(const FenceCall& call, const Snapshot& committed, const Snapshot& known,
                     bool view_complete);
  // ... by what it calls a whole view of Mesos, or not: nothing destructive follows from what is incomplete.
  void check_view(const OperationCall& call, const Snapshot& committed, bool view_complete);
  // A daemon's ledger says so for good.
  void committed(int daemon, const Batch& batch, const Snapshot& committed);
  // A daemon has decided this, and its ledger does not hold it yet.
  void decided(int daemon, const Batch& batch);
  // A daemon gets the answer of a look, and of a call.
  void looked(int daemon, const ProviderObservation& seen);
  void looked_at_fence(int daemon, const FenceResult& seen);
  // A daemon asks a provider for anything but a fence; and is told that it does so too often.
  void asked(int daemon, const ProviderInfo& provider);
  void throttled(int daemon, const ProviderName& provider, Duration retry_after);
  void call_ended(int daemon, const VolumeId& volume);
  // A daemon was started with this ledger: what it memory in memory it counts anew.
  void started(int daemon, const Snapshot& committed);

 private:
  // What a daemon may have done so often in a window, by what its ledger recorded as intended; and what it
  // could know.
  struct Memory {
    std::map<std::pair<VolumeId, HostId>, Instant> detaches;
    std::map<HostId, Instant> fences;
    Instant fencing_released = Instant{-1};  // by a person; -1: never
    // When the newest whole looks were asked for, when calls ended, when claims were recorded; of this life.
    std::map<std::string, Instant> looks;  // by the volume's key, or its provider
    std::map<VolumeId, Instant> ended;
    std::map<ClaimId, Instant> claims;
    // When the look was asked for that was the newest of a fence, if it showed that it holds; and the one by
    // which an evidence was decided.
    std::map<FenceId, Instant> held;
    std::map<EvidenceId, Instant> proven_by;
    // When a provider was asked, in the last seconds; and when it said that it is left alone until when.
    std::map<ProviderName, std::deque<Instant>> asked;
    struct Quiet {
      Instant said = Instant{-1};
      Instant until;
    };
    std::map<ProviderName, Quiet> quiet;
  };

  bool has_been_known(Instant since) const;  // for as long as news take
  // Who has it open there, and has had it for as long. nullptr: nobody.
  const Session* known_user(const Disk& disk, int machine) const;
  bool could_be_told(const Session& session, const Snapshot& committed) const;
  void check_evidence(const Evidence& evidence, const Memory& memory, const Snapshot& committed);
  void check_fenced(const Evidence& evidence, const VolumeEntry& entry, int machine, const Memory& memory,
                    const Snapshot& committed);
  void check_host_evidence(const Evidence& evidence, const VolumeEntry& entry, int machine);
  void check_held(const std::string& what, const Snapshot& committed, const Snapshot& known, VolumeId volume,
                  HostId host);
  void check_resize(const std::string& what, const OperationCall& call, const VolumeEntry& entry);
  void check_detach(const std::string& what, const OperationCall& call, const VolumeEntry& entry,
                    const Snapshot& committed);
  void check_looked(const std::string& what, const Memory& memory, const OperationCall& call,
                    const Snapshot& committed);
  void count_detach(Memory& memory, const Operation& detach, const Snapshot& committed);
  void count_fence(Memory& memory, const Fence& fence, const Snapshot& committed);
  void check_fence(const Fence& fence, const Snapshot& committed);

  World& world_;
  std::map<int, Instant> lost_at_;                   // by host: the first time
  std::map<int, Memory> memory_;                     // by daemon
  std::set<std::pair<int, std::string>> formatted_;  // by daemon: keys of volumes that its ledger called so
  std::string rule_;
  std::string what_;
};

}  // namespace extvold::sim
