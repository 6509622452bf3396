// Makes the configured providers, ready for the driver.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "model/ports.h"
#include "providers/provider.h"

namespace extvold::daemon {

// `program`: the absolute path of this program, which providers start as their helper. The ports and `clock`
// must outlive the providers. Errors name the provider, the key and the remedy.
Result<std::vector<std::unique_ptr<providers::Provider>>> make_providers(const Config& config,
                                                                         const std::string& program,
                                                                         ProcessRunner& processes,
                                                                         const Clock& clock);

// config.policy with what these providers say of themselves.
Policy policy_of(const Config& config, const std::vector<std::unique_ptr<providers::Provider>>& providers);

// Of /proc/self/exe.
Result<std::string> own_program();

}  // namespace extvold::daemon
