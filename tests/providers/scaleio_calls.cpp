#include "tests/providers/scaleio_calls.h"

#include <catch2/catch.hpp>

namespace extvold::tests {

Volume scaleio_volume(const std::string& key, std::int64_t size_mb) {
  Volume volume;
  volume.id = {7};
  volume.name = "pg";
  volume.key = key;
  volume.pool = {ProviderName("scaleio~row8"), "pool-hdd"};
  volume.size_mb = size_mb;
  return volume;
}

Volume created(ScaleioWorld& world, const std::string& key) {
  Volume volume = scaleio_volume(key);
  const OperationResult made = execute(world, call_of(OperationKind::create, volume));
  INFO(made.error.message);
  REQUIRE(made.state == OperationState::done);
  volume.provider_ref = made.provider_ref;
  volume.size_mb = made.granted_size_mb;
  return volume;
}

int count_sent(const ScaleioWorld& world, std::string_view ending) {
  int count = 0;
  for (const HttpRequest& one : world.http.sent) count += one.url.ends_with(ending) ? 1 : 0;
  return count;
}

}  // namespace extvold::tests
