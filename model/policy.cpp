#include "model/policy.h"

namespace extvold {

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
