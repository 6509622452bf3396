// Campaign: many seeds, on several processes. A run that ends its process (a failed CHECK, a signal) is a
// finding like any other, and the next seed goes on in a new one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/run.h"

namespace extvold::sim {

struct Finding {
  std::uint64_t seed = 0;
  std::string rule;
  std::string what;
};

struct CampaignResult {
  std::int64_t runs = 0;
  std::int64_t repeated = 0;  // every fifth, for its hash
  Duration simulated;
  std::int64_t steps = 0;
  std::int64_t calls = 0;
  Probes probes;
  std::vector<Finding> findings;  // ordered by seed
};

struct CampaignOptions {
  std::vector<std::uint64_t> seeds;
  Overrides overrides;
  int jobs = 1;
  bool keep_going = true;    // else the first finding ends it
  unsigned seconds_max = 0;  // of a run, on a real clock; 0: as long as it takes
};

CampaignResult run_campaign(const CampaignOptions& options, const std::function<void(const Finding&)>& found);

}  // namespace extvold::sim
