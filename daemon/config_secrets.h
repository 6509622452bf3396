// The files that hold the secrets of the configuration, looked at before they are needed.
//
// Plain functions; they read the files and keep nothing of them.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"

namespace extvold::daemon {

// What only this machine can tell: for `config check`, the start and a reload.
struct SectionProblem {
  std::string section;  // "power.rack1"
  std::string what;     // with the remedy; never what a file holds
};

// A secret of one line at this place cannot be used, or others can read it.
void note_secret(const std::string& section, const std::string& place, std::vector<SectionProblem>& out);

// Of [providers.NAME]: passwords, tokens, keyrings and files of secrets.
std::vector<SectionProblem> provider_secret_problems(const Config& config);

}  // namespace extvold::daemon
