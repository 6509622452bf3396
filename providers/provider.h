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

  // False: the storage knows its own ids only (CSI). Then the ledger's volumes of this provider are told by
  // know_volumes() before each look: what has their provider_ref is shown under their key, and an
  // observation of a key whose provider_ref nobody knows may find nothing.
  virtual bool keeps_our_keys() const { return true; }
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
