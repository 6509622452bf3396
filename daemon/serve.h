// `extvold serve`: the daemon in the foreground. Blocks until it is told to stop (SIGTERM, SIGINT) or cannot
// go on.
#pragma once

#include <string>

namespace extvold::daemon {

// The exit status: 0 stopped as told, 1 could not start or go on (the log says why), 2 the configuration is
// bad.
int serve(const std::string& config_file);

}  // namespace extvold::daemon
