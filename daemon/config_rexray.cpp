#include "daemon/config_rexray.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "daemon/auth/credential_file.h"
#include "daemon/config_fence.h"
#include "daemon/config_providers.h"

namespace extvold::daemon {
namespace {

using providers::rexray::Mode;
using providers::rexray::RexrayConfig;
using providers::rexray::RexrayPool;

void read_pools(ConfigTable& section, RexrayConfig& rexray) {
  for (ConfigTable& one : section.list_of_tables("pools")) {
    RexrayPool pool;
    pool.name = one.text("name").value_or("");
    if (!one.has("name")) one.missing("name", "give the pool a name");
    pool.volume_type = one.text("volume_type").value_or("");
    pool.availability_zone = one.text("availability_zone").value_or("");
    pool.iops = one.integer("iops", 0, 1'000'000'000).value_or(0);
    pool.capacity_mb = one.size_mb("capacity").value_or(0);
    pool.send_iops = one.boolean("send_iops").value_or(false);
    one.finish();
    rexray.pools.push_back(std::move(pool));
  }
  if (!section.has("pools"))
    section.missing("pools", "write pools = [{ name = \"disks\" }], with a volume_type if there are several");
}

// hosts = { db1 = "i-0123" }
void read_hosts(ConfigTable& section, RexrayConfig& rexray) {
  ConfigTable hosts = section.table("hosts");
  for (const std::string& host : hosts.keys()) {
    if (std::optional<std::string> identity = hosts.text(host))
      rexray.host_identities.push_back({host, *std::move(identity)});
  }
  if (const auto by_name = section.boolean("hosts_by_name")) rexray.hosts_by_name = *by_name;
}

void read_text(ConfigTable& section, const char* key, std::string& into) {
  if (std::optional<std::string> given = section.text(key)) into = *std::move(given);
}

void read_path(ConfigTable& section, const char* key, std::string& into) {
  if (std::optional<std::string> given = section.absolute_path(key)) into = *std::move(given);
}

void read_rest(ConfigTable& section, RexrayConfig& rexray) {
  for (const char* const key : {"url", "service", "driver"}) {
    if (!section.has(key))
      section.missing(key,
                      "write url = \"https://10.0.0.1:7979\", service and driver as the server has them");
  }
  read_text(section, "url", rexray.url);
  read_text(section, "driver", rexray.driver);
  read_text(section, "look_identity", rexray.look_identity);
  read_path(section, "ca", rexray.tls.ca_file);
  read_path(section, "certificate", rexray.tls.certificate_file);
  rexray.tls.verify = !section.boolean("insecure_skip_verify").value_or(false);
  if (!rexray.tls.verify) {
    section.warning("insecure_skip_verify", "turns off the check of whom extvold speaks to",
                    "anybody on the way can read the token and change what is said; name the authority with "
                    "`ca` instead");
  }
  if (std::optional<std::string> place = section.text("token_file")) {
    if (is_secret_place(*place))
      rexray.token_place = *std::move(place);
    else
      section.error("token_file",
                    "is no absolute path and no systemd credential (what it says is not repeated here)",
                    "write the file's path, or systemd:NAME for a LoadCredential=NAME:PATH of the unit");
  }
  ConfigTable fields = section.table("instance_fields");
  for (const std::string& key : fields.keys()) {
    if (std::optional<std::string> value = fields.text(key))
      rexray.instance_fields.emplace(key, *std::move(value));
  }
  if (auto names = section.texts("device_names")) rexray.device_names = *std::move(names);
  const bool is_ebs = rexray.driver == "ebs" || rexray.driver == "ec2";  // its older name
  if (is_ebs && rexray.device_names.empty()) {
    section.warning(
        "device_names", "is missing",
        "the driver of EBS attaches nothing without the name of a device: write those that a host has "
        "to give, as [\"/dev/xvdf\", \"/dev/xvdg\"]");
  }
}

void read_cli(ConfigTable& section, RexrayConfig& rexray, const Config& config) {
  rexray.program = "/usr/bin/rexray";
  read_path(section, "program", rexray.program);
  read_path(section, "config_file", rexray.config_file);
  read_path(section, "environment_file", rexray.environment_file);
  read_text(section, "cli_host", rexray.cli_host);
  if (const auto dialect = section.integer("dialect", 1, 4)) rexray.dialect = static_cast<int>(*dialect);
  // Beside the ledger, as for power: a folder that is ours, and there before the first call.
  rexray.lock_folder = config.ledger_path.substr(0, config.ledger_path.rfind('/'));
  if (rexray.lock_folder.empty()) rexray.lock_folder = "/";
}

}  // namespace

void read_rexray(const std::string& name, ConfigTable section, Config& config) {
  RexrayConfig rexray;
  rexray.name = ProviderName("rexray~" + name);
  section.known("type");
  if (const auto mode = section.word<Mode>("mode")) rexray.mode = *mode;
  read_text(section, "service", rexray.service);
  read_pools(section, rexray);
  read_hosts(section, rexray);
  if (rexray.mode == Mode::rest)
    read_rest(section, rexray);
  else
    read_cli(section, rexray, config);
  rexray.reach_all = read_reach_all(section);
  if (const auto enforced = section.boolean("detach_enforced")) rexray.detach_enforced = *enforced;
  if (const auto settle = section.duration("settle_time", seconds(1), minutes(60)))
    rexray.settle_time = *settle;
  if (const auto step = section.integer("size_step_gb", 1, 1024)) rexray.size_step_gb = *step;
  read_call_limits(section, rexray);
  if (const auto deadline = section.duration("observe_deadline", seconds(1), minutes(10)))
    rexray.observe_deadline = *deadline;
  read_provider_fence(section.table("fence"), rexray.name, config);
  section.finish();
  const bool whole =
      section.has("pools") &&
      (rexray.mode == Mode::cli || (section.has("url") && section.has("service") && section.has("driver")));
  if (whole) {
    if (const Status checked = providers::rexray::check_rexray_config(rexray); !checked)
      section.error("", checked.error().message, "see docs/configuration.md");
  }
  config.providers.emplace_back(std::move(rexray));
}

}  // namespace extvold::daemon
