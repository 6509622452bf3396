// The addresses of this machine, as storage addresses. Does not block. Any thread.
#pragma once

#include <vector>

#include "model/result.h"
#include "providers/rbd/storage_address.h"

namespace extvold::providers::rbd {

// Of all its interfaces. Errors: unavailable.
Result<std::vector<AddressRange>> own_storage_addresses();

}  // namespace extvold::providers::rbd
