// The orders' fields: the bodies of POST and DELETE, for the API that reads them and the client that writes
// them.
#pragma once

#include "daemon/record/codec.h"
#include "model/command.h"

namespace extvold::daemon::record {

EXTVOLD_FIELDS(CreateVolume, name, pool, size_mb, filesystem, access, iops, from, mount_point, profile);
EXTVOLD_FIELDS(RemoveVolume, name, typed_name);
EXTVOLD_FIELDS(RestoreVolume, name);
EXTVOLD_FIELDS(PurgeVolume, name, typed_name, now);
EXTVOLD_FIELDS(AttachVolume, name, host);
EXTVOLD_FIELDS(DetachVolume, name, host);
EXTVOLD_FIELDS(AdoptVolume, name, pool, provider_key, filesystem, access);
EXTVOLD_FIELDS(ResizeVolume, name, size_mb);
EXTVOLD_FIELDS(ForceFormat, name, typed_name, reason);
EXTVOLD_FIELDS(Hold, target);
EXTVOLD_FIELDS(Release, target);
EXTVOLD_FIELDS(FenceConfirm, host, typed_host, reason);
EXTVOLD_FIELDS(FenceRelease, host, reason, only_hold, forget);
EXTVOLD_FIELDS(FenceHold, host, reason);
EXTVOLD_FIELDS(AskMesos, kind, agent, typed, reason, request, dry_run);

}  // namespace extvold::daemon::record
