#include "model/policy.h"

#include <algorithm>

namespace extvold {

const FencePolicy& Policy::fence_policy(const Volume& volume) const {
  static const FencePolicy none;
  const FencePolicy* found = &none;
  int most = -1;
  for (const FenceRule& rule : fences) {
    const bool fits = (rule.provider.empty() || rule.provider == volume.pool.provider) &&
                      (rule.profile.empty() || rule.profile == volume.profile);
    const int names = (rule.profile.empty() ? 0 : 2) + (rule.provider.empty() ? 0 : 1);
    if (!fits || names <= most) continue;
    most = names;
    found = &rule.policy;
  }
  return *found;
}

Duration Policy::call_takes_at_most() const {
  Duration longest{};
  for (const ProviderInfo& one : providers) longest = std::max(longest, one.settle_time);
  return operation_deadline + longest;
}

const ProviderInfo* Policy::provider(const ProviderName& name) const {
  for (const ProviderInfo& one : providers) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

const DriverMapping* Policy::driver(std::string_view name) const {
  for (const DriverMapping& one : drivers) {
    if (one.driver == name) return &one;
  }
  return nullptr;
}

}  // namespace extvold
