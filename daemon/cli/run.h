// The command line with another person at the other end: for tests.
#pragma once

#include <string>
#include <vector>

#include "daemon/cli/context.h"

namespace extvold::daemon::cli {

int run(int argc, const char* const* argv, Io& io);

// What there is: "volume create" and its options of its own ("--pool"), for the tests of what documents it.
struct CommandName {
  std::string path;
  std::vector<std::string> options;
};
std::vector<CommandName> command_names();

}  // namespace extvold::daemon::cli
