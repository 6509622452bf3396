// [providers.NAME] with type = "rexray". docs/configuration.md describes every key.
//
// A plain function, called while a configuration is read; what it finds goes to the ConfigProblems of the
// table that it is given.
#pragma once

#include <string>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

void read_rexray(const std::string& name, ConfigTable section, Config& config);

}  // namespace extvold::daemon
