// [providers.NAME] with type = "docker": a Docker volume plugin. docs/provider-docker.md describes every key.
#pragma once

#include <string>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

// What is wrong goes to the problems of `section`; its [fence] to `config`.
void read_docker(const std::string& name, ConfigTable section, Config& config);

}  // namespace extvold::daemon
