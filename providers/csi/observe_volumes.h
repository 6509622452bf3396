// Observe: a look of a CSI driver as an observation. A driver knows ids and no names: whom the ledger has
// under which id is told (Provider::know_volumes). Private to providers/csi.
//
// Loop thread only; the driver outlives what it calls back.
#pragma once

#include <functional>
#include <string>

#include "providers/csi/look.h"
#include "providers/provider.h"

namespace extvold::providers::csi {

// `seen` has provider, volume_key and sent_at.
void observe_volumes(CsiDriver& driver, const std::vector<KnownVolume>& known, ProviderObservation seen,
                     std::function<void(ProviderObservation)> done);

}  // namespace extvold::providers::csi
