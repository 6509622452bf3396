// Which image a call is about, and whether what a look shows is that one and may be touched: by pool, name
// and id, tagged by this ledger or adopted. `rbd` itself knows names only. Pure functions, any thread.
#pragma once

#include "model/call.h"
#include "providers/rbd/image_looks.h"
#include "providers/rbd/rbd_config.h"

namespace extvold::providers::rbd {

// An adopted volume has a provider_ref; one of ours is named by its key. Errors: invalid.
Result<ImageRef> target_image(const RbdConfig& config, const Volume& volume);

// conflict: another image of that name, or another ledger's.
Status check_target(const KnownImage& image, const ImageRef& target, const OperationCall& call);

}  // namespace extvold::providers::rbd
