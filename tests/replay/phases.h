// When an endpoint listened, was frozen or was dead, by the timeline first and by the watch's refusals
// second. Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/replay/history.h"

namespace extvold::replay {

std::vector<Phase> find_phases(const Recording& recording, const Endpoint& endpoint);

// The watch gave up after a second: whether that row only shows a freeze of the timeline.
bool explained_by_freeze(const Recording& recording, const Row& row);

}  // namespace extvold::replay
