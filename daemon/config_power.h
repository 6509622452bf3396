// [power.NAME] of the configuration: which `fence-agents` program switches which host off, and with what.
//
// Plain functions, called while a configuration is read; what they find goes to the ConfigProblems of the
// table that they are given.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/config_secrets.h"
#include "daemon/config_table.h"

namespace extvold::daemon {

void read_power(ConfigTable& top, Config& config);

// What only this machine can tell of [power.NAME]: a program that is not there, a secret that cannot be used
// or that others can read. For `config check`, the start and a reload; reads the files of the secrets.
std::vector<SectionProblem> power_problems(const Config& config);

}  // namespace extvold::daemon
