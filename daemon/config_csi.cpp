#include "daemon/config_csi.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/config_fence.h"
#include "daemon/config_providers.h"

namespace extvold::daemon {
namespace {

using providers::csi::CsiConfig;
using providers::csi::CsiPool;
using providers::csi::Texts;

Texts read_texts(ConfigTable section) {
  Texts texts;
  for (const std::string& key : section.keys()) {
    if (std::optional<std::string> value = section.text(key)) texts[key] = *std::move(value);
  }
  return texts;
}

std::vector<CsiPool> read_pools(ConfigTable& section) {
  std::vector<CsiPool> pools;
  for (ConfigTable& one : section.list_of_tables("pools")) {
    CsiPool pool;
    if (auto name = one.text("name"))
      pool.name = *std::move(name);
    else if (!one.has("name"))
      one.missing("name", "give the pool a name: a driver knows its parameters only");
    pool.parameters = read_texts(one.table("parameters"));
    pool.topology = read_texts(one.table("topology"));
    pool.iops = one.integer("iops", 0, 1'000'000'000).value_or(0);
    pool.capacity_mb = one.size_mb("capacity").value_or(0);
    one.finish();
    pools.push_back(std::move(pool));
  }
  return pools;
}

void read_hosts(ConfigTable& section, CsiConfig& config) {
  for (auto& [host, node] : read_texts(section.table("hosts")))
    config.host_identities.push_back({host, node});
  config.hosts_attribute = section.text("hosts_attribute").value_or("");
  config.hosts_by_name = section.boolean("hosts_by_name").value_or(false);
  config.reach_all = read_reach_all(section);
}

void read_addons(ConfigTable& section, CsiConfig& config) {
  config.addons_endpoint = section.text("addons_endpoint").value_or("");
  if (auto path = section.absolute_path("fence_secrets_file")) config.fence_secrets_file = *std::move(path);
  config.fence_parameters = read_texts(section.table("fence_parameters"));
  ConfigTable addresses = section.table("fence_addresses");
  for (const std::string& node : addresses.keys())
    config.fence_addresses[node] = addresses.texts(node).value_or(std::vector<std::string>{});
}

}  // namespace

void read_csi(const std::string& name, ConfigTable section, Config& config) {
  CsiConfig csi;
  csi.name = ProviderName("csi~" + name);
  section.known("type");
  csi.endpoint = section.text("endpoint").value_or("");
  if (!section.has("endpoint"))
    section.missing("endpoint",
                    "write where the driver's controller service listens, as \"unix:/run/csi.sock\"");
  csi.driver = section.text("driver").value_or("");
  csi.pools = read_pools(section);
  csi.create = section.boolean("create").value_or(true);
  csi.attach = section.boolean("attach").value_or(true);
  csi.list_attachments = section.boolean("list_attachments").value_or(csi.attach);
  csi.clone = section.boolean("clone").value_or(false);
  csi.resize = section.boolean("resize").value_or(false);
  csi.resize_attached = section.boolean("resize_attached").value_or(false);
  if (auto path = section.absolute_path("create_secrets_file")) csi.create_secrets_file = *std::move(path);
  if (auto path = section.absolute_path("publish_secrets_file")) csi.publish_secrets_file = *std::move(path);
  read_hosts(section, csi);
  read_addons(section, csi);
  if (const auto time = section.duration("settle_time", seconds(1), minutes(60))) csi.settle_time = *time;
  if (const auto deadline = section.duration("observe_deadline", seconds(1), minutes(10)))
    csi.observe_deadline = *deadline;
  read_call_limits(section, csi);
  if (const Status status = check_csi_config(csi); !status && section.has("endpoint"))
    section.error("", status.error().message, "see docs/provider-csi.md");
  read_provider_fence(section.table("fence"), csi.name, config);
  section.finish();
  config.providers.emplace_back(std::move(csi));
}

}  // namespace extvold::daemon
