// Config: what the operator wrote in extvold.toml, checked and as values. docs/configuration.md describes
// every key.
//
// A plain value, any thread. Strict: an unknown key, a wrong type, a value that makes no sense is an error
// with the place, the key, what is wrong and the remedy; all errors are reported, not only the first. Nothing
// is looked up but this host's name: whether a folder exists is found out by who uses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/auth/authenticator.h"
#include "daemon/log.h"
#include "daemon/masters.h"
#include "daemon/subscription.h"
#include "model/policy.h"
#include "providers/csi/csi_config.h"
#include "providers/docker/docker_config.h"
#include "providers/fence_agent/fence_agents.h"
#include "providers/local/local_config.h"
#include "providers/rbd/rbd_config.h"
#include "providers/rexray/rexray_config.h"
#include "providers/scaleio/scaleio_config.h"

namespace extvold::daemon {

struct ConfigProblem {
  std::string file;
  std::uint32_t line = 0;  // from 1; 0: the file as a whole
  std::uint32_t column = 0;
  std::string key;  // "mesos.master"; empty: none
  std::string what;
  std::string remedy;
  bool operator==(const ConfigProblem&) const = default;
};
std::string to_text(const ConfigProblem& problem);  // "file:line:col: key: what: remedy"

// One for each type of provider; each has a `name`.
using ProviderConfig = std::variant<providers::local::LocalConfig, providers::csi::CsiConfig,
                                    providers::docker::DockerConfig, providers::rbd::RbdConfig,
                                    providers::rexray::RexrayConfig, providers::scaleio::ScaleioConfig>;
const ProviderName& name_of(const ProviderConfig& config);

struct Config {
  std::string file;

  // [daemon]. Not a mode: an `active` host acts as far as the ledger's mode and the holds allow. Elsewhere
  // the daemon observes whatever the ledger says (DESIGN.md section 14), and policy.observe_only says why.
  bool active = false;  // with ZooKeeper: that it asks for the guard, and acts while it holds it

  // [mesos]
  Masters masters;  // none(): no master, only operators' orders
  SubscriptionConfig subscription;
  Duration agent_deadline = seconds(5);    // of each call to an agent
  std::int64_t agent_answer_max_mb = 8;    // of each answer of an agent
  Duration master_deadline = seconds(60);  // of each poll of the master, from its sending to its last byte
  // How we prove ourselves, and whom we trust: places, no secrets. Agents get nothing of the masters'.
  AuthConfig master_auth;
  AuthConfig agents_auth;
  bool agents_https = false;           // default: as the masters
  bool agents_verify_hostname = true;  // else the address that it is dialled at

  // [ledger]
  std::string ledger_path = "/var/lib/extvold/ledger.db";
  Duration history_kept = seconds(90 * 24 * 3600);

  // [api]
  std::string socket_path = "/run/extvold/extvold.sock";
  std::string socket_group;  // empty: only root and the daemon's own user

  // [log]
  LogLevel log_level = LogLevel::info;

  // [providers.NAME]: no secrets, only where they are. policy.providers is filled when they are made
  // (providers_setup.h).
  std::vector<ProviderConfig> providers;

  // [power.NAME]: no secrets, only where they are.
  std::vector<providers::fence_agent::FenceAgentConfig> power;

  // [drivers.NAME], [policy], [mesos.agents], the intervals of [mesos].
  Policy policy;
};

struct ConfigResult {
  std::optional<Config> config;         // none if there are errors
  std::vector<ConfigProblem> errors;    // in the order of the file
  std::vector<ConfigProblem> warnings;  // it works, but perhaps not as meant
};

// `file` is only for messages. `host` is this machine's name, for [daemon] active = "NAME".
ConfigResult parse_config(std::string_view text, std::string_view file, std::string_view host);
// Reads the file. One that cannot be read is an error without a line.
ConfigResult load_config(const std::string& file);

// What a running daemon would have to be restarted for, as key names in the order of docs/configuration.md;
// empty: the new configuration can be taken over as it is.
std::vector<std::string> needs_restart(const Config& running, const Config& changed);

}  // namespace extvold::daemon
