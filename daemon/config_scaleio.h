// [providers.NAME] with type = "scaleio": a gateway of ScaleIO or PowerFlex. docs/provider-scaleio.md
// describes every key.
#pragma once

#include <string>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

// What is wrong goes to the problems of `section`; its [fence] to `config`.
void read_scaleio(const std::string& name, ConfigTable section, Config& config);

}  // namespace extvold::daemon
