// What is to be asked of the gateway next, so that an operation's wish comes true: decided anew after each
// look. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>

#include "model/call.h"
#include "providers/scaleio/gateway_look.h"

namespace extvold::providers::scaleio {

// One request that changes something, without its deadline.
struct Step {
  std::string path;
  nlohmann::json body;
  bool operator==(const Step&) const = default;
};

// "xv-" and what a key is made of, within the 31 characters that the MDM keeps of a name.
bool is_own_name(std::string_view name);

// Errors: what this provider can do for nobody.
Status check_wish(const ProviderInfo& info, const OperationCall& call);

// By the id that was recorded; one that has none yet by its key.
LookFor what_to_look_for(const Volume& volume);

// As the provider knows the host of the call: a GUID in upper case.
std::string guid_of_call(const ProviderInfo& info, const OperationCall& call);

// Nothing: it is as wished. Errors: the world is in another state than the call assumes.
// `source_is_gone`: that of a clone, which then tells nobody any more what it was made of.
Result<std::optional<Step>> next_step(const ScaleioConfig& config, const ProviderInfo& info,
                                      const OperationCall& call, const GatewayLook& look,
                                      bool source_is_gone);

// It sets limits of a mapping that is there.
bool is_limit_step(const Step& step);

Step unmap_step(const std::string& volume_id, const std::string& sdc_id);

// This volume's mapping to the SDC of that GUID. Errors: it is mapped to SDCs that nobody can name, so one
// may be meant.
Result<const SdcMapping*> mapping_of(const GatewayLook& look, const GatewayVolume& volume,
                                     std::string_view guid);

// It is ours as far as its name tells, or was adopted.
Status check_ours(const Volume& volume, const GatewayVolume& seen);

}  // namespace extvold::providers::scaleio
