// A host's fence by csi-addons: the addresses of the node that was recorded are barred from the storage by
// FenceClusterNetwork, and ListClusterFence shows it. Private to providers/csi.
//
// Loop thread only; the driver (of the csi-addons endpoint) outlives what it calls back.
#pragma once

#include <functional>

#include "model/fence.h"
#include "providers/csi/csi_driver.h"

namespace extvold::providers::csi {

void change_host_fence(CsiDriver& addons, FenceCall call, std::function<void(FenceResult)> done);

}  // namespace extvold::providers::csi
