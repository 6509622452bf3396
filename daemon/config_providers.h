// [providers.NAME] of the configuration: one reader for each type of provider.
//
// Plain functions, called while a configuration is read; what they find goes to the ConfigProblems of the
// table that they are given.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

// `reach` of a provider: whether every host reaches its pools; else the agents' attributes say which do.
bool read_reach_all(ConfigTable& section);

// How much is asked of a provider, at once and in all.
template <typename ProviderConfigT>
void read_call_limits(ConfigTable& section, ProviderConfigT& provider) {
  if (const auto calls = section.integer("calls_max", 1, 64)) provider.calls_max = static_cast<int>(*calls);
  if (const auto calls = section.integer("calls_per_second", 0, 10'000))
    provider.calls_per_second = static_cast<int>(*calls);
}

// The names of those that are no provider: who refers to them need not be told again.
std::vector<std::string> read_providers(ConfigTable& top, Config& config);

}  // namespace extvold::daemon
