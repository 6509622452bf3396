#include "providers/rbd/site.h"

#include <algorithm>

namespace extvold::providers::rbd {

std::string identity_of_client(const ProviderInfo& info, const AddressRange& address) {
  for (const HostIdentity& one : info.host_identities) {
    const auto range = address_range_from_text(one.identity);
    if (range && contains(*range, address)) return one.identity;
  }
  return to_text(address);
}

std::vector<std::string> identities_of(const ProviderInfo& info, const std::vector<ClientAddress>& clients) {
  std::vector<std::string> identities;
  for (const ClientAddress& client : clients) identities.push_back(identity_of_client(info, client.address));
  std::sort(identities.begin(), identities.end());
  identities.erase(std::unique(identities.begin(), identities.end()), identities.end());
  return identities;
}

}  // namespace extvold::providers::rbd
