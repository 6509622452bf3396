// Shrink: a failing run made small: fewer kinds of faults, hosts and volumes, less time, as long as the same
// rule is broken. What is left fits in one command line.
#pragma once

#include <string>

#include "tests/sim/config.h"

namespace extvold::sim {

// What reproduces it; `tried` runs were made.
Overrides shrink(std::uint64_t seed, const Overrides& overrides, const std::string& rule, int runs_max);

// "extvold-sim --seed 7 --minutes 12 --without a,b": the arguments that ask for this run.
std::string command_line(std::uint64_t seed, const Overrides& overrides);

}  // namespace extvold::sim
