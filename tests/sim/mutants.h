// Mutants: the production code without one of its safety rules (reconcilers/rule.h). The simulator must find
// a run that goes wrong for each: who finds nothing there proves nothing elsewhere. Only in the build of
// `./dev mutants`; every other says so.
#pragma once

#include <string>

#include "model/result.h"
#include "tests/sim/config.h"

namespace extvold::sim {

struct MutantOptions {
  std::string only;  // these rules, with commas between; empty: all
  std::int64_t seeds_max = 3000;
  bool anew = false;  // not first where they were found before, and also those that a test notices
  Duration time_max;  // for each, on a real clock; 0: as long as it takes
  int jobs = 1;
  Overrides overrides;
};

// "attach_released,permitted_at_start": from now on, in this process.
Status remove_rules(const std::string& names);
// One a line, with what it guards.
Result<std::string> describe_rules();
// A row for each as it is found, or not: whether the list says so. False: one is not as it is listed.
Result<bool> hunt_mutants(const MutantOptions& options);

}  // namespace extvold::sim
