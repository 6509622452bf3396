// A run: one seed from beginning to end. Faults, then none; then everything must come to rest as it should
// be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/config.h"
#include "tests/sim/probes.h"
#include "tests/sim/trace.h"

namespace extvold::sim {

struct RunResult {
  std::string rule;  // what was broken; empty: nothing
  std::string what;
  std::uint64_t hash = 0;
  Instant ended_at;  // virtual
  Duration simulated;
  std::int64_t steps = 0;  // of engines
  std::int64_t calls = 0;
  Probes probes;
  std::vector<std::string> trace;  // the end of it, if it was kept
  bool failed() const { return !rule.empty(); }
};

RunResult run(const Config& config, Trace::Keep keep);

}  // namespace extvold::sim
