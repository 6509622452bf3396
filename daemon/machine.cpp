#include "daemon/machine.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace extvold::daemon {

DriverOptions driver_options(const Config& config) {
  DriverOptions options;
  options.ledger_path = config.ledger_path;
  options.masters = config.masters;
  if (options.masters.zookeeper) options.masters.zookeeper->identity.pid = getpid();
  options.subscription = config.subscription;
  options.master_auth = config.master_auth;
  options.agents_auth = config.agents_auth;
  options.reader.agents_https = config.agents_https;
  options.reader.agents_verify_hostname = config.agents_verify_hostname;
  options.history_kept = config.history_kept;
  options.reader.master_deadline = config.master_deadline;
  options.reader.agent_deadline = config.agent_deadline;
  options.reader.agent_answer_bytes_max = static_cast<std::size_t>(config.agent_answer_max_mb) << 20U;
  // A twentieth of the interval spreads several daemons and agents; bounded, because an answer may be waited
  // for.
  options.reader.master_jitter_max = std::min(Duration{config.policy.master_poll.ns / 20}, seconds(2));
  options.reader.agent_jitter_max =
      std::min(Duration{config.policy.agent_poll_min.ns / 20}, milliseconds(50));
  return options;
}

Result<std::unique_ptr<Driver>> Machine::make_driver(const Config& config, bool dry_run, Log& log) {
  ASSIGN(const std::string program, own_program());
  ASSIGN(auto providers, make_providers(config, program, provider_ports()));
  Policy policy = policy_of(config, providers);
  DriverOptions options = driver_options(config);
  options.dry_run = dry_run;
  if (dry_run) policy.observe_only = "this is a dry run";
  auto driver = std::make_unique<Driver>(DriverParts{loop, clock, random, http, http, log},
                                         std::move(options), std::move(policy), std::move(providers));
  driver->set_power(make_power(config, processes, deferred, clock));
  return driver;
}

}  // namespace extvold::daemon
