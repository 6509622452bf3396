#include "tests/providers/conformance/subject_scaleio.h"

#include <algorithm>

#include "providers/scaleio/gateway_values.h"

namespace extvold::tests::conformance {

int ScaleioSubject::copies_of(const Volume& volume) {
  return static_cast<int>(
      std::count_if(world_.gateway.volumes.begin(), world_.gateway.volumes.end(),
                    [&](const GatewayDouble::Volume& one) { return one.name == volume.key; }));
}

std::vector<std::string> ScaleioSubject::holders_of(const Volume& volume) {
  std::vector<std::string> holders;
  const GatewayDouble::Volume* found = world_.gateway.by_name(volume.key);
  if (found == nullptr) return holders;
  for (const DoubleMapping& mapping : found->mappings) {
    for (const GatewayDouble::Sdc& sdc : world_.gateway.sdcs) {
      if (sdc.id == mapping.sdc_id) holders.push_back(providers::scaleio::upper_case(sdc.guid));
    }
  }
  return holders;
}

std::string ScaleioSubject::make_foreign() {
  world_.gateway.add("pgdata").mappings = {{world_.gateway.sdcs.at(0).id, 100, "ReadWrite"}};
  return "pgdata";
}

std::string ScaleioSubject::state_of_foreign(const std::string& key) {
  const GatewayDouble::Volume* found = world_.gateway.by_name(key);
  if (found == nullptr) return "gone";
  return fmt::format("{} {} {} {}", found->id, found->size_kb, found->mappings.size(),
                     found->mappings.empty() ? 0 : found->mappings.front().limit_iops);
}

}  // namespace extvold::tests::conformance
