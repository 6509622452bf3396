// Look: what a CSI driver shows of its volumes, by the best of the three ways that it offers:
// ControllerGetVolume, ListVolumes, or only whether a volume is there, by ValidateVolumeCapabilities, which
// every driver has.
//
// Loop thread only; `driver` must outlive the call. Errors (never Errc::uncertain): nothing was changed, and
// what could not be read is not taken for something that is not there.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "providers/csi/csi_driver.h"
#include "providers/csi/seen_volumes.h"

namespace extvold::providers::csi {

struct VolumeList {
  SeenVolumes volumes;
  // It came on one page. Of several the specification promises no consistent view: what is on none of them
  // may be there.
  bool one_view = true;
};

// Whole, or an error. REQUIRES: the driver has LIST_VOLUMES.
void list_volumes(CsiDriver& driver, const DriverCapabilities& can, Instant until,
                  std::function<void(Result<VolumeList>)> done);

// By its id, which the driver itself told: of any other text some say that they have it, and others that they
// are broken.
void look_at(CsiDriver& driver, const DriverCapabilities& can, const std::string& id, Instant until,
             std::function<void(Result<std::optional<SeenVolume>>)> done);

}  // namespace extvold::providers::csi
