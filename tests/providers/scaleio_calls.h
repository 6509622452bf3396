// Calls of the scaleio provider's tests, each run to its one answer.
#pragma once

#include <string>
#include <string_view>

#include "tests/providers/http_calls.h"
#include "tests/providers/scaleio_world.h"

namespace extvold::tests {

// In pool-hdd, not made yet.
Volume scaleio_volume(const std::string& key = "xv-one", std::int64_t size_mb = 8192);
Volume created(ScaleioWorld& world, const std::string& key = "xv-one");

// How many requests were sent to URLs that end so.
int count_sent(const ScaleioWorld& world, std::string_view ending);

}  // namespace extvold::tests
