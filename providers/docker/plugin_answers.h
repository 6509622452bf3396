// What a Docker volume plugin answers, read strictly. Pure functions of foreign bytes, any thread; nothing
// here throws.
//
// Two forms of an error: older plugins answer 200 with a text in "Err", those made with the Go kit answer 500
// with it. A request that they cannot read is 400 with a plain text, an unknown path 404. Errors are free
// text: only "there is none" is read from it, and never believed alone.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "providers/docker/docker_config.h"
#include "providers/json_answer.h"

namespace extvold::providers::docker {

struct PluginVolume {
  std::string name;
  std::string mountpoint;    // empty: none is shown
  std::int64_t size_mb = 0;  // 0: none is shown
  bool operator==(const PluginVolume&) const = default;
};

// The body of an answer that is no error: an object, or null. Errors: not_found (its text says that there is
// no such thing), conflict (the plugin refused, in its own words), invalid (400, 404: it does not know the
// call), permission, busy, uncertain (anything else: it may have happened).
Result<nlohmann::json> answer_body(const JsonAnswer& answer, std::string_view method);

// Of Path, about a volume that is there. "Not found" is said of the mount then, as recorded; no other words
// are taken for that, as nothing confirms them.
bool is_not_mounted(const Error& error);
// What Path answers; empty: nowhere. Everything that makes no sense is `uncertain`.
Result<std::string> mountpoint_in(const nlohmann::json& answer);

// The plugin's own refusal speaks of time or of a connection: what it asked of its storage may go on.
bool may_go_on(const Error& error);

bool is_volume_driver(const nlohmann::json& activated);

// Anything but "global" is "local".
bool is_global_scope(const nlohmann::json& capabilities);

// Error not_found: none. Everything that makes no sense is `uncertain`.
Result<PluginVolume> volume_in(const nlohmann::json& got, std::string_view name, const DockerConfig& config);
Result<std::vector<PluginVolume>> volumes_in(const nlohmann::json& listed, const DockerConfig& config);

std::int64_t unit_bytes(SizeUnit unit);

}  // namespace extvold::providers::docker
