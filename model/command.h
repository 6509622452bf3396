// Command: an operator's order, as the query API hands it to the engine. Each is answered once, after what it
// changed is committed.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "model/ids.h"
#include "model/mesos_operation.h"
#include "model/storage.h"

namespace extvold {

struct CreateVolume {
  std::string name;
  PoolName pool;
  std::int64_t size_mb = 0;              // 0, with `from`: as that has
  std::optional<Filesystem> filesystem;  // none: none, and with `from` as that has
  AccessMode access = AccessMode::rw;
  std::int64_t iops = 0;
  std::string from;         // name of the volume to clone; empty: blank
  std::string mount_point;  // absolute; empty: only attached
  std::string profile;      // [profiles.NAME]; empty: none
};
struct RemoveVolume {
  std::string name;
  std::string typed_name;  // the operator typed the name once more; must be equal
};
struct RestoreVolume {
  std::string name;
};
struct PurgeVolume {
  std::string name;
  std::string typed_name;
  bool now = false;  // before the trash's days are over
};
struct AttachVolume {
  std::string name;
  std::string host;
};
struct DetachVolume {
  std::string name;
  std::string host;
};
// A volume that exists at the provider and is not ours yet: by its own name there.
struct AdoptVolume {
  std::string name;
  PoolName pool;
  std::string provider_key;
  Filesystem filesystem = Filesystem::none;
  AccessMode access = AccessMode::rw;
};
// Larger; never smaller. The size that it has takes back what was ordered and not done yet.
struct ResizeVolume {
  std::string name;
  std::int64_t size_mb = 0;
};
struct ForceFormat {  // sets a refused format back to wanted; the probe is made again all the same
  std::string name;
  std::string typed_name;
  std::string reason;
};
struct Hold {
  std::string target;
};  // host or volume; empty: everything
struct Release {
  std::string target;
};  // host or volume; empty: everything
struct FenceConfirm {
  std::string host;
  std::string typed_host;
  std::string reason;
};
// The host is clean: lifts its fences, ends its quarantine. Of one that is only held it ends the hold; empty:
// what `FenceHold` of all, or the storm guard, began.
struct FenceRelease {
  std::string host;
  std::string reason;
  bool only_hold = false;  // says nothing of that: ends what `FenceHold` of this host began
  bool forget = false;     // ends the fences that a release could not take back, without asking for it
};
struct FenceHold {  // no fence of this host without a person; empty: of none
  std::string host;
  std::string reason;
};
// Has the Mesos master asked for one change.
struct AskMesos {
  MesosOperationKind kind = MesosOperationKind::deactivate_agent;
  std::string agent;   // its id, or the hostname of exactly one that the master lists
  std::string typed;   // what cannot be taken back: the agent, or the persistent volume's id, typed once more
  std::string reason;  // may be empty, but not for what cannot be taken back
  MesosRequest request;
  bool dry_run = false;  // says what it would do, and does not
};
struct ReconcileNow {};  // looks at everything at once; forgets backoffs

using Order = std::variant<CreateVolume, RemoveVolume, RestoreVolume, PurgeVolume, AttachVolume, DetachVolume,
                           AdoptVolume, ResizeVolume, ForceFormat, Hold, Release, FenceConfirm, FenceRelease,
                           FenceHold, AskMesos, ReconcileNow>;

struct Command {
  std::int64_t request = 0;    // names the answer
  std::int64_t user_uid = -1;  // the socket peer's
  Order order;
};

}  // namespace extvold
