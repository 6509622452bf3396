#include "daemon/config_scaleio.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/auth/credential_file.h"
#include "daemon/config_fence.h"
#include "daemon/config_providers.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::daemon {
namespace {

using providers::scaleio::ScaleioConfig;
using providers::scaleio::ScaleioPool;

constexpr std::string_view kGateway = "write https://HOST or https://HOST:PORT, without a path";

void read_gateway(ConfigTable& section, ScaleioConfig& scaleio) {
  if (auto url = section.text("gateway")) {
    if (url->ends_with('/')) url->pop_back();
    if (!providers::scaleio::is_gateway_url(*url)) {
      // It may hold a password.
      section.error("gateway", "is no URL of a gateway (what it says is not repeated here)",
                    std::string(kGateway));
    }
    scaleio.gateway = *std::move(url);
  } else if (!section.has("gateway")) {
    section.missing("gateway", std::string(kGateway));
  }
  if (auto ca = section.absolute_path("ca")) scaleio.tls.ca_file = *std::move(ca);
  scaleio.tls.verify = !section.boolean("insecure_skip_verify").value_or(false);
  if (!scaleio.tls.verify) {
    section.warning("insecure_skip_verify", "turns off the check of whom extvold speaks to",
                    "anybody on the way can read the password; name the authority with `ca` instead");
  }
  if (scaleio.gateway.starts_with("http://")) {
    section.warning("gateway", "is reached without encryption",
                    "anybody on the way can read the password; use https where the gateway can");
  }
}

void read_login(ConfigTable& section, ScaleioConfig& scaleio) {
  if (const auto login = section.word<providers::scaleio::Login>("login")) scaleio.login = *login;
  if (auto user = section.text("user")) {
    if (user->find(':') != std::string::npos)
      section.error("user", "is no name of a user", "write the gateway's user, without ':'");
    scaleio.user = *std::move(user);
  } else if (!section.has("user")) {
    section.missing("user", "write the gateway's user");
  }
  section.known("password");
  if (section.has("password")) {
    section.error("password", "is no key: secrets do not belong in the configuration",
                  "put it into a file of mode 600 and name that with password_file");
  }
  if (auto place = section.text("password_file")) {
    if (!is_secret_place(*place)) {
      section.error("password_file",
                    "is no absolute path and no systemd credential (what it says is not repeated here)",
                    "write the file's path, or systemd:NAME for a LoadCredential=NAME:PATH of the unit");
    } else {
      scaleio.password_place = *std::move(place);
    }
  } else if (!section.has("password_file")) {
    section.missing("password_file", "name the file that holds the user's password, as its one line");
  }
}

void read_pools(ConfigTable& section, ScaleioConfig& scaleio) {
  for (ConfigTable& one : section.list_of_tables("pools")) {
    ScaleioPool pool;
    pool.name = one.text("name").value_or("");
    if (!one.has("name")) one.missing("name", "name a storage pool of the gateway");
    // It is a part of TYPE~NAME~POOL.
    if (one.has("name") && !is_plain_name(pool.name))
      one.error("name", fmt::format("\"{}\" is no name of a pool", pool.name.substr(0, 100)),
                "write up to 100 letters, digits, '.', '_' and '-'");
    const bool twice = std::any_of(scaleio.pools.begin(), scaleio.pools.end(),
                                   [&](const ScaleioPool& other) { return other.name == pool.name; });
    if (twice)
      one.error("name", fmt::format("\"{}\" is there twice", pool.name), "give each pool its own name");
    pool.iops = one.integer("iops", 0, 1'000'000'000).value_or(0);
    pool.bandwidth_mb = one.size_mb("bandwidth").value_or(0);
    one.finish();
    scaleio.pools.push_back(std::move(pool));
  }
  if (!section.has("pools") || (section.is_list("pools") && scaleio.pools.empty()))
    section.error("pools", "names no pool", "write pools = [{ name = \"pool-hdd\" }]");
}

// hosts = { db1 = "GUID" }
void read_hosts(ConfigTable& section, ScaleioConfig& scaleio) {
  ConfigTable hosts = section.table("hosts");
  for (const std::string& host : hosts.keys()) {
    const std::optional<std::string> given = hosts.text(host);
    if (!given) continue;
    const std::string guid = providers::scaleio::upper_case(*given);
    const bool twice = std::any_of(scaleio.sdcs.begin(), scaleio.sdcs.end(),
                                   [&](const HostIdentity& other) { return other.identity == guid; });
    if (twice)
      hosts.error(host, fmt::format("\"{}\" is another host's too", guid.substr(0, 64)), "leave one");
    scaleio.sdcs.push_back({host, guid});
  }
  if (scaleio.sdcs.empty()) {
    section.warning(
        "hosts", section.has("hosts") ? "names no host" : "is missing",
        "volumes are attached to hosts by the GUID of their SDC; write hosts = { HOST = \"GUID\" }");
  }
}

}  // namespace

void read_scaleio(const std::string& name, ConfigTable section, Config& config) {
  ScaleioConfig scaleio;
  scaleio.name = ProviderName("scaleio~" + name);
  section.known("type");
  read_gateway(section, scaleio);
  read_login(section, scaleio);
  scaleio.protection_domain = section.text("protection_domain").value_or("");
  read_pools(section, scaleio);
  if (const auto how = section.word<providers::scaleio::Provisioning>("provisioning"))
    scaleio.provisioning = *how;
  scaleio.reach_all = read_reach_all(section);
  read_hosts(section, scaleio);
  if (const auto deadline = section.duration("look_deadline", seconds(1), minutes(10)))
    scaleio.look_deadline = *deadline;
  if (const auto settle = section.duration("settle_time", seconds(1), minutes(60)))
    scaleio.settle_time = *settle;
  read_call_limits(section, scaleio);
  read_provider_fence(section.table("fence"), scaleio.name, config);
  section.finish();
  config.providers.emplace_back(std::move(scaleio));
}

}  // namespace extvold::daemon
