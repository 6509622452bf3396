// As what the agents of this machine may be known.
#pragma once

#include <string>
#include <vector>

namespace extvold::daemon {

// Of this machine's interfaces; not the loopback's, which every machine has. Empty: the kernel does not say.
// Does not block. Any thread.
std::vector<std::string> own_addresses();

}  // namespace extvold::daemon
