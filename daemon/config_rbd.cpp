#include "daemon/config_rbd.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/config_fence.h"
#include "daemon/config_providers.h"
#include "providers/rbd/rbd_config.h"

namespace extvold::daemon {
namespace {

using providers::rbd::RbdConfig;
using providers::rbd::RbdPool;

constexpr Duration kYear = seconds(365LL * 24 * 3600);

std::vector<RbdPool> read_pools(ConfigTable& section) {
  std::vector<RbdPool> pools;
  for (ConfigTable& one : section.list_of_tables("pools")) {
    RbdPool pool;
    pool.name = one.text("name").value_or("");
    if (!one.has("name")) one.missing("name", "name the pool as Ceph does");
    pool.iops = one.integer("iops", 0, 1'000'000'000).value_or(0);
    one.finish();
    pools.push_back(std::move(pool));
  }
  if (!section.has("pools") || (section.is_list("pools") && pools.empty()))
    section.error("pools", "names no pool", "write pools = [{ name = \"volumes\" }]");
  return pools;
}

void read_places(ConfigTable& section, RbdConfig& rbd) {
  for (const auto& [key, path] :
       {std::pair{"rbd_program", &rbd.rbd_program}, std::pair{"ceph_program", &rbd.ceph_program},
        std::pair{"rados_program", &rbd.rados_program}, std::pair{"conf_file", &rbd.conf_file},
        std::pair{"keyring", &rbd.keyring}}) {
    if (auto given = section.absolute_path(key)) *path = *std::move(given);
  }
  if (!section.has("keyring"))
    section.missing("keyring",
                    "name the file with the user's key, as \"/etc/ceph/ceph.client.extvold.keyring\"");
  if (auto user = section.text("user")) rbd.user = *std::move(user);
}

// What the provider itself refuses, without its name before it: the section says that.
void check(ConfigTable& section, const RbdConfig& rbd) {
  const Status checked = providers::rbd::check_rbd_config(rbd);
  if (checked) return;
  std::string what = checked.error().message;
  const std::string prefix = fmt::format("provider {}: ", rbd.name.value);
  if (what.rfind(prefix, 0) == 0) what.erase(0, prefix.size());
  section.error("", what, "correct it as docs/configuration.md says");
}

}  // namespace

void read_rbd(const std::string& name, ConfigTable section, Config& config) {
  RbdConfig rbd;
  rbd.name = ProviderName("rbd~" + name);
  section.known("type");
  read_places(section, rbd);
  rbd.pools = read_pools(section);
  rbd.reach_all = read_reach_all(section);
  ConfigTable identities = section.table("hosts");
  for (const std::string& host : identities.keys()) {
    if (auto identity = identities.text(host)) rbd.host_identities.push_back({host, *std::move(identity)});
  }
  if (const auto given = section.duration("storage_timeout", seconds(1), minutes(5)))
    rbd.storage_timeout = *given;
  if (const auto given = section.duration("observe_deadline", seconds(1), minutes(10)))
    rbd.observe_deadline = *given;
  if (const auto given = section.duration("remove_deadline", minutes(1), minutes(7 * 24 * 60)))
    rbd.remove_deadline = *given;
  if (const auto given = section.duration("blocklist_for", kYear, kYear * 50)) rbd.blocklist_for = *given;
  if (const auto given = section.integer("looks_max", 1, 64)) rbd.looks_max = static_cast<int>(*given);
  read_call_limits(section, rbd);
  const bool named =
      std::all_of(rbd.pools.begin(), rbd.pools.end(), [](const RbdPool& pool) { return !pool.name.empty(); });
  if (!rbd.keyring.empty() && !rbd.pools.empty() && named) check(section, rbd);  // else it was said already
  read_provider_fence(section.table("fence"), rbd.name, config);
  section.finish();
  config.providers.emplace_back(std::move(rbd));
}

}  // namespace extvold::daemon
