// What an operation asks of a Docker volume plugin, and how far what is seen is from it. Pure functions, any
// thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/call.h"
#include "model/provider_info.h"
#include "providers/docker/plugin_answers.h"

namespace extvold::providers::docker {

// "xv-" and what a key is made of: a name that extvold gives.
bool is_own_name(std::string_view name);

// The volume's name at the plugin. Errors: it is not one of ours, and nobody adopted it.
Result<std::string> name_of(const Volume& volume);

// Errors: what this provider can do for nobody.
Status check_wish(const DockerConfig& config, const ProviderInfo& info, const OperationCall& call);

// In whole units, rounded up.
std::int64_t units_of(const DockerConfig& config, std::int64_t size_mb);
std::int64_t granted_mb(const DockerConfig& config, std::int64_t size_mb);

bool is_mounted(const DockerConfig& config, const PluginVolume& volume);

// The wish of the call is so already, as far as this shows.
bool is_so(const DockerConfig& config, OperationKind kind, const std::optional<PluginVolume>& seen);

// Before anything is changed. Errors: the world is in another state than the call assumes.
Status check_seen(const DockerConfig& config, const ProviderInfo& info, const OperationCall& call,
                  const std::optional<PluginVolume>& seen);

struct PluginCall {
  std::string method;
  nlohmann::json body;
};
PluginCall call_for(const DockerConfig& config, const OperationCall& call, const std::string& name);

}  // namespace extvold::providers::docker
