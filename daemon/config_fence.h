// The parts of the configuration that say when and how hosts are fenced: [fence], [providers.NAME.fence],
// [profiles.NAME.fence]. docs/configuration.md describes every key.
#pragma once

#include <string>
#include <string_view>

#include "daemon/config.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

// [fence]: what holds where neither profile nor provider says otherwise, the storm guard, and who is never
// fenced: this machine (`host`, as it calls itself) and the configured masters always are among those.
void read_fence(ConfigTable section, std::string_view host, Config& config);

// Of one provider; what it leaves out is as in [fence].
void read_provider_fence(ConfigTable section, const ProviderName& provider, Config& config);

// [profiles.NAME]
void read_profiles(ConfigTable& top, Config& config);

}  // namespace extvold::daemon
