// [providers.NAME] with type = "csi" of the configuration.
//
// Plain functions, called while a configuration is read; what they find goes to the ConfigProblems of the
// table that they are given.
#pragma once

#include <string>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

void read_csi(const std::string& name, ConfigTable section, Config& config);

}  // namespace extvold::daemon
