// The command line with another person at the other end: for tests.
#pragma once

#include "daemon/cli/context.h"

namespace extvold::daemon::cli {

int run(int argc, const char* const* argv, Io& io);

}  // namespace extvold::daemon::cli
