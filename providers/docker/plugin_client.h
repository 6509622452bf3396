// PluginClient: the calls of the Docker volume plugin protocol that the provider makes, each with a deadline.
//
// Loop thread only; keeps nothing but what it was made of. `config`, `http` and `clock` must outlive it, and
// it must outlive its calls. The plugin is looked for anew by each open(): its socket comes and goes with it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/ports.h"
#include "providers/docker/plugin_answers.h"
#include "providers/docker/plugin_place.h"

namespace extvold::providers::docker {

struct DockerPorts {
  HttpClient& http;
  std::function<void(std::function<void()>)> defer;  // runs it later, from the loop
  std::function<Instant()> clock;
};

// A plugin that was found and has said that it is a volume driver, and until when it may be asked.
struct OpenPlugin {
  PluginPlace place;
  Instant until;
};

enum class Effect { reads, changes };

class PluginClient {
 public:
  PluginClient(const DockerConfig& config, DockerPorts ports) : config_(config), ports_(std::move(ports)) {}

  // Finds it and says Plugin.Activate.
  void open(Instant until, std::function<void(Result<OpenPlugin>)> done);

  // Errors: as answer_body(), and those of HttpClient; an answer too large to be read is `uncertain`.
  void call(const OpenPlugin& plugin, const std::string& method, const nlohmann::json& body, Effect effect,
            std::function<void(Result<nlohmann::json>)> done);

  void list(const OpenPlugin& plugin, std::function<void(Result<std::vector<PluginVolume>>)> done);

  // One volume, by List and Get: List tells whether a name is there twice, Get whether one that List leaves
  // out is there all the same. None: both say so. Errors: conflict: it is there twice; others as call().
  void look(const OpenPlugin& plugin, const std::string& name,
            std::function<void(Result<std::optional<PluginVolume>>)> done);

 private:
  using LookDone = std::function<void(Result<std::optional<PluginVolume>>)>;

  void send(const OpenPlugin& plugin, const std::string& path, std::string body, Effect effect,
            std::function<void(Result<nlohmann::json>)> done);
  void get(const OpenPlugin& plugin, const std::string& name, std::optional<PluginVolume> listed,
           LookDone done);
  void path(const OpenPlugin& plugin, PluginVolume volume, LookDone done);

  const DockerConfig& config_;
  DockerPorts ports_;
};

}  // namespace extvold::providers::docker
