// DockerWorld: a docker provider, a plugin double and the files that say where the plugin is.
#pragma once

#include <memory>
#include <string>

#include "providers/docker/docker_provider.h"
#include "tests/providers/docker_plugin_double.h"
#include "tests/providers/http_double.h"

namespace extvold::tests {

struct DockerWorld {
  DockerWorld();
  ~DockerWorld();
  DockerWorld(const DockerWorld&) = delete;
  DockerWorld& operator=(const DockerWorld&) = delete;

  // A new provider of `config`, with no memory; what was under way goes on and is told to nobody.
  void restart();

  std::string dir;  // of specifications and sockets; gone with this
  DockerPluginDouble plugin;
  HttpDouble http;
  providers::docker::DockerConfig config;
  std::unique_ptr<providers::docker::DockerProvider> provider;
};

}  // namespace extvold::tests
