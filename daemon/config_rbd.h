// [providers.NAME] with type = "rbd". docs/configuration.md describes every key.
//
// Plain function, called while a configuration is read; what it finds goes to the ConfigProblems of the table
// that it is given.
#pragma once

#include <string>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

void read_rbd(const std::string& name, ConfigTable section, Config& config);

}  // namespace extvold::daemon
