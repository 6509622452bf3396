#include "daemon/providers_setup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "providers/local/local_provider.h"

namespace extvold::daemon {

Result<std::vector<std::unique_ptr<providers::Provider>>> make_providers(const Config& config,
                                                                         const std::string& program,
                                                                         ProcessRunner& processes,
                                                                         const Clock& clock) {
  std::vector<std::unique_ptr<providers::Provider>> out;
  for (providers::local::LocalConfig local : config.local_providers) {
    local.program = program;
    TRY(providers::local::check_local_config(local));
    out.push_back(std::make_unique<providers::local::LocalProvider>(std::move(local), processes,
                                                                    [&clock] { return clock.now(); }));
  }
  return out;
}

Policy policy_of(const Config& config, const std::vector<std::unique_ptr<providers::Provider>>& providers) {
  Policy policy = config.policy;
  for (const auto& provider : providers) policy.providers.push_back(provider->info());
  return policy;
}

Result<std::string> own_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return fail(Errc::internal, "/proc/self/exe cannot be read: is /proc mounted?");
  return std::string(path.data(), static_cast<std::size_t>(length));
}

}  // namespace extvold::daemon
