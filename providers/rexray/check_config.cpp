#include <algorithm>
#include <set>
#include <string_view>

#include "providers/rexray/names.h"
#include "providers/rexray/rexray_config.h"

namespace extvold::providers::rexray {
namespace {

constexpr std::int64_t kCapacityMbMax = std::int64_t{1} << 40;

bool is_absolute(const std::string& path) { return !path.empty() && path.front() == '/'; }

Status check_pools(const RexrayConfig& config) {
  if (config.pools.empty()) return fail(Errc::invalid, "provider {}: has no pools", config.name.value);
  std::set<std::string> names;
  std::set<std::pair<std::string, std::string>> kinds;
  for (const RexrayPool& pool : config.pools) {
    if (pool.name.empty() || pool.name.find('~') != std::string::npos)
      return fail(Errc::invalid, "provider {}: pool \"{}\": is no name of a pool", config.name.value,
                  pool.name);
    if (pool.iops < 0 || pool.capacity_mb < 0 || pool.capacity_mb > kCapacityMbMax)
      return fail(Errc::invalid, "provider {}: pool {}: iops or capacity_mb out of range", config.name.value,
                  pool.name);
    if (!names.insert(pool.name).second)
      return fail(Errc::invalid, "provider {}: pool {}: is there twice", config.name.value, pool.name);
    if (!kinds.emplace(pool.volume_type, pool.availability_zone).second)
      return fail(Errc::invalid,
                  "provider {}: pool {}: another pool has the same volume_type and availability_zone, and "
                  "nothing else tells whose a volume is",
                  config.name.value, pool.name);
  }
  return {};
}

Status check_identities(const RexrayConfig& config) {
  std::set<std::string> hosts;
  std::set<std::string> identities;
  for (const HostIdentity& one : config.host_identities) {
    if (!is_plain_identity(one.identity))
      return fail(Errc::invalid, "provider {}: host {}: its identity has a character that no instance id has",
                  config.name.value, one.host);
    if (!hosts.insert(one.host).second || !identities.insert(one.identity).second)
      return fail(Errc::invalid, "provider {}: host {} or its identity stands twice in hosts",
                  config.name.value, one.host);
  }
  return {};
}

Status check_rest(const RexrayConfig& config) {
  const std::string& url = config.url;
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  if (!http || url.find_first_of("@?# ") != std::string::npos || url.ends_with('/'))
    return fail(Errc::invalid,
                "provider {}: url must be as \"http://10.0.0.1:7979\", without a name, a password or a "
                "slash at its end",
                config.name.value);
  if (!config.token_place.empty() && url.starts_with("http://"))
    return fail(Errc::invalid, "provider {}: a token is sent over https only: url begins with http://",
                config.name.value);
  if (!is_plain_identity(config.service) || !is_plain_identity(config.driver))
    return fail(Errc::invalid, "provider {}: service and driver must be names as `rexray adapter types` has",
                config.name.value);
  if (config.driver == "rbd")
    return fail(
        Errc::invalid,
        "provider {}: the rbd driver maps an image on the server's own host, for whichever host it was "
        "asked; use type = \"rbd\"",
        config.name.value);
  if (!config.look_identity.empty() && !is_plain_identity(config.look_identity))
    return fail(Errc::invalid, "provider {}: look_identity is no instance id", config.name.value);
  for (const auto& [key, value] : config.instance_fields) {
    if (!is_plain_identity(key) || !is_plain_identity(value))
      return fail(Errc::invalid, "provider {}: instance_fields: {}: has a character that no header takes",
                  config.name.value, key);
  }
  return {};
}

Status check_cli(const RexrayConfig& config) {
  if (!is_absolute(config.program))
    return fail(Errc::invalid, "provider {}: program = \"{}\": must be an absolute path", config.name.value,
                config.program);
  if (!is_absolute(config.lock_folder))
    return fail(Errc::invalid, "provider {}: lock_folder = \"{}\": must be an absolute path",
                config.name.value, config.lock_folder);
  if (!config.helper.empty() && !is_absolute(config.helper))
    return fail(Errc::invalid, "provider {}: helper = \"{}\": must be an absolute path", config.name.value,
                config.helper);
  if (!config.config_file.empty() && !is_absolute(config.config_file))
    return fail(Errc::invalid, "provider {}: config_file = \"{}\": must be an absolute path",
                config.name.value, config.config_file);
  if (!config.environment_file.empty() && !is_absolute(config.environment_file))
    return fail(Errc::invalid, "provider {}: environment_file = \"{}\": must be an absolute path",
                config.name.value, config.environment_file);
  if (!config.config_file.empty() && config.dialect == 1)
    return fail(Errc::invalid,
                "provider {}: config_file: the commands of rexray 0.1 read none; what it needs goes into "
                "environment_file",
                config.name.value);
  if (config.dialect < 0 || config.dialect > 4)
    return fail(Errc::invalid, "provider {}: dialect must be 1, 2, 3 or 4", config.name.value);
  return {};
}

}  // namespace

Status check_rexray_config(const RexrayConfig& config) {
  TRY(check_pools(config));
  TRY(check_identities(config));
  if (config.size_step_gb < 1 || config.size_step_gb > 1024)
    return fail(Errc::invalid, "provider {}: size_step_gb out of range", config.name.value);
  return config.mode == Mode::rest ? check_rest(config) : check_cli(config);
}

}  // namespace extvold::providers::rexray
