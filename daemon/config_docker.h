// [providers.NAME] with type = "docker": a Docker volume plugin. docs/provider-docker.md describes every key.
#pragma once

#include <string>

#include "daemon/config.h"
#include "daemon/config_table.h"
#include "providers/docker/docker_config.h"

namespace extvold::daemon {

// What is wrong goes to the problems of `section`; its [fence] to `config`.
providers::docker::DockerConfig read_docker(const std::string& name, ConfigTable section, Config& config);

}  // namespace extvold::daemon
