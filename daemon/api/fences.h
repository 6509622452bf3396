// What the query API answers about fences: those that stand, hosts that are quarantined or held, the clocks
// that run, what a policy would do next. As views.h; docs/api.md has the shapes.
#pragma once

#include <string>
#include <vector>

#include "daemon/api/views.h"

namespace extvold::daemon::api {

using ledger::FenceStatusRow;

// What is recorded of a fence, as it is planned or as it stands.
Json fence_view(const Snapshot& snapshot, const Fence& fence);

Json fences_view(const World& world);
// `rows`: the host's, newest first.
Json fences_of_host_view(const World& world, const Host& host, const std::vector<FenceStatusRow>& rows);

// How long the conditions of a fence have held for the hosts that have this volume; ordered by host.
Json clocks_view(const World& world, const VolumeEntry& entry);
// The same for people, a sentence a clock.
std::vector<std::string> clock_texts(const World& world, const VolumeEntry& entry);

}  // namespace extvold::daemon::api
