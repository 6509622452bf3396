// GatewayLook: one volume, or all, with the SDCs and pools that their ids mean, and how that is asked for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/observation.h"
#include "model/provider_info.h"
#include "providers/scaleio/gateway_client.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::providers::scaleio {

struct GatewayLook {
  std::string system_id;
  std::string version;
  std::vector<GatewayVolume> volumes;  // of one that is asked for: it, or none
  std::vector<GatewaySdc> sdcs;  // asked for after the volumes, so that they know each of their mappings
  std::vector<GatewayPool> pools;
  std::map<std::string, std::string> domains;  // id → name; empty: they are not asked for

  const GatewayVolume* volume() const { return volumes.empty() ? nullptr : &volumes.front(); }
  // The GUID of an SDC; empty: nobody says.
  std::string guid_of(const std::string& sdc_id) const;
  // Errors: there is none of this GUID, or two.
  Result<std::string> sdc_of(std::string_view guid) const;
  // As the configuration names it; one of another protection domain is shown with that behind it.
  std::string pool_name(const std::string& pool_id, const ScaleioConfig& config) const;
  Result<GatewayPool> pool_of(std::string_view name, const ScaleioConfig& config) const;
};

// A volume's device on the host that it is mapped to.
std::string device_of(const GatewayLook& look, const GatewayVolume& volume);

ObservedVolume observed(const GatewayLook& look, const GatewayVolume& volume, const ScaleioConfig& config);

struct LookFor {
  std::string id;    // a volume's id; else
  std::string name;  // its name; else all volumes
};

// Asks for volumes, then SDCs, then pools, then (where the configuration names one) protection domains. One
// that is not there is no error.
void look_at(GatewayClient& client, const ScaleioConfig& config, LookFor what, Instant until,
             std::function<void(Result<GatewayLook>)> done);

}  // namespace extvold::providers::scaleio
