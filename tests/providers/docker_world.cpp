#include "tests/providers/docker_world.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "model/check.h"

namespace extvold::tests {

DockerWorld::DockerWorld()
    : http({[this](const HttpRequest& request) { return plugin.answer(request); }, is_docker_change,
            docker_refusal}) {
  std::string pattern = std::filesystem::temp_directory_path() / "extvold-docker-XXXXXX";
  EXTVOLD_CHECK(::mkdtemp(pattern.data()) != nullptr);
  dir = pattern;
  std::ofstream(dir + "/rexray.spec") << "unix://" << dir << "/rexray.sock\n";
  config.name = ProviderName("docker~row8");
  config.plugin = "rexray";
  config.sockets_folder = dir;
  config.specs_folders = {dir};
  config.size_option = "size";
  config.size_status = "size";
  restart();
}

DockerWorld::~DockerWorld() { std::filesystem::remove_all(dir); }

void DockerWorld::restart() {
  http.forget();
  EXTVOLD_CHECK(providers::docker::check_docker_config(config));
  provider = std::make_unique<providers::docker::DockerProvider>(
      config, providers::docker::DockerPorts{
                  http, [this](std::function<void()> closure) { http.defer(std::move(closure)); },
                  [this] { return http.now(); }});
}

}  // namespace extvold::tests
