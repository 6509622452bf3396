// Makes the configured providers, and what switches hosts off, ready for the driver.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/loop_mailbox.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/loop.h"
#include "model/ports.h"
#include "providers/power.h"
#include "providers/provider.h"

namespace extvold::daemon {

// What providers reach the world through; must outlive them.
struct ProviderPorts {
  ProcessRunner& processes;
  HttpClient& http;
  LoopMailbox& mailbox;
  uv::Deferred& deferred;
  uv::Loop& loop;
  const Clock& clock;
};

// `program`: the absolute path of this program, which providers start as their helper. Errors name the
// provider, the key and the remedy.
Result<std::vector<std::unique_ptr<providers::Provider>>> make_providers(const Config& config,
                                                                         const std::string& program,
                                                                         const ProviderPorts& ports);

// The hosts of all [power.NAME]; null: there is none. The ports, `clock` and `deferred` must outlive it.
std::unique_ptr<providers::PowerFence> make_power(const Config& config, ProcessRunner& processes,
                                                  uv::Deferred& deferred, const Clock& clock);

// config.policy with what these providers say of themselves and the hosts that [power.NAME] covers.
Policy policy_of(const Config& config, const std::vector<std::unique_ptr<providers::Provider>>& providers);

// Of /proc/self/exe.
Result<std::string> own_program();

}  // namespace extvold::daemon
