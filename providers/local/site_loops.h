// The loop devices that may be of a local provider's volumes.
//
// Blocking; in the helper process only. A device of somebody else's, whose file is on a network or FUSE
// filesystem, is not asked about: a server that is gone there would keep the helper, and no volume of ours
// would be seen any more.
#pragma once

#include <vector>

#include "host/loop.h"
#include "providers/local/layout.h"

namespace extvold::providers::local {

// By number, each with its identity. All of ours are among them, wherever their pool is mounted by now: what
// is on a filesystem of the pools is asked about, and what one of our attachments names. Errors: one of these
// could not be asked.
Result<std::vector<host::LoopDevice>> list_loops(const Site& site);

}  // namespace extvold::providers::local
