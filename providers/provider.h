// Provider: one configured storage instance behind one interface. The contract, which every provider's tests
// hold it to:
//
// - Loop thread only. A call ends in exactly one callback, never from inside the call. The provider owns no
//   state that matters: after a restart it must be able to go on from what the storage says. Callbacks may
//   outlive a request's caller, never the provider.
// - observe() changes nothing. It says when it was sent and whether it is complete; an error, a failed page,
//   an unreadable entry make it incomplete with a reason, never shorter. Volumes that are not ours are listed
//   with their own name and no ledger_id.
// - execute() is idempotent by operation id and by effect: what is already as wanted ends `done (unchanged)`.
//   It acts by provider_ref or key, never by the operators' name. It touches nothing that does not carry this
//   ledger's tag, save adopted volumes.
// - Results: `failed` only if nothing happened and nothing will any more; whatever may have happened, or may
//   still happen, is `uncertain`: a deadline, a broken connection, a killed child, an answer that cannot be
//   parsed. The provider's own code and text are kept.
// - After a change it looks whether that is so, where it can be asked, before it says done; the engine
//   looks once more, by a look that was sent later, before it builds on it.
// - A call that was given up may still take effect for settle_time, and no longer. Whoever cannot promise
//   that makes it longer: no other host gets the volume before.
// - Sizes are asked for in MiB and rounded up (size_step_mb, size_min_mb), never down; what was granted is
//   told and recorded. A create that finds its volume smaller than asked for, or made of another source, has
//   not made it.
// - Names are ours and short: a key of the ledger's id. An operator's name never reaches a storage. What is
//   there twice under one name is acted on by neither.
// - Hosts are named by the storage's own names of them (HostIdentity). What was recorded when attaching is
//   what a detach and a fence name, whatever the configuration says by then.
// - A capability is claimed only if the storage itself keeps it:
//   detach_enforced    the host's I/O ends with the detach, or the detach is refused while it is used. A
//                      record that is deleted (libStorage's vfs) ends nothing
//   exclusive_attach   a second host is refused in the same step in which it asks, not by a look before
//   fence_verifiable   a look at the storage shows that the fence holds, and what it says is of after the
//                      call (fence_settle_time)
//   Why each provider has them or not stands at the head of its own header.
// - That it is asked too often it says (Errc::throttled, with how long it asks to wait), also for a look: the
//   engine asks less then (model/budget.h).
// - A provider says what it cannot do (Capabilities); the planner then answers with the owner `operator`
//   instead of pretending.
#pragma once

#include <functional>

#include "model/call.h"
#include "model/fence.h"
#include "model/observation.h"
#include "model/provider_info.h"

namespace extvold::providers {

// A volume of the ledger's, for a storage that keeps no key of ours.
struct KnownVolume {
  std::string key;
  std::string provider_ref;  // empty: not known yet
  std::string pool;
  std::int64_t size_mb = 0;
};

class Provider {
 public:
  virtual ~Provider() = default;

  virtual const ProviderInfo& info() const = 0;

  // True: the storage knows its own ids only (CSI), or somebody may name a volume otherwise there (ScaleIO).
  // Then the ledger's volumes of this provider are told by know_volumes() before each look: what has their
  // provider_ref is shown under their key, and where no key is kept, an observation of one whose provider_ref
  // nobody knows may find nothing.
  virtual bool wants_known_volumes() const { return false; }
  virtual void know_volumes(std::vector<KnownVolume>) {}

  // The attribute of an agent that says as whom this provider knows its host ("csi_node" of csi_node:i-0abc);
  // empty: none does. Then whom the agents name is told before each look, and stands in info() after what the
  // configuration says.
  virtual std::string hosts_attribute() const { return {}; }
  virtual void know_hosts(std::vector<HostIdentity>) {}

  // `volume_key` empty: list everything. Else inspect this volume directly.
  virtual void observe(std::string volume_key, std::function<void(ProviderObservation)> done) = 0;

  virtual void execute(OperationCall call, std::function<void(OperationResult)> done) = 0;

  // Sets, checks or lifts a fence of a rung that its capabilities name (model/fence.h). `set` names
  // fence.target and nothing else, is idempotent by fence.key, and ends `done` whatever a look will show.
  // `check` changes nothing and says `unknown` for whatever it could not read. `lift` takes back this entry
  // alone; one that does not stand is `done`.
  virtual void change_fence(FenceCall call, std::function<void(FenceResult)> done) = 0;
};

}  // namespace extvold::providers
