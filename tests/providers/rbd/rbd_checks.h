// What several files of the tests on a real Ceph ask of an answer. Main thread only.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "tests/providers/conformance/calls.h"

namespace extvold::tests {

// The volume of this key in a look; null: it is not there.
inline const ObservedVolume* listed(const ProviderObservation& seen, const std::string& key) {
  const auto found = std::find_if(seen.volumes.begin(), seen.volumes.end(),
                                  [&](const ObservedVolume& one) { return one.key == key; });
  return found == seen.volumes.end() ? nullptr : &*found;
}

inline void check_conflict(const OperationResult& result, const std::string& what) {
  conformance::check_not_done(result);
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::conflict);
  CHECK_THAT(result.error.message, Catch::Contains(what));
}

}  // namespace extvold::tests
