// The secret of a [power.NAME]: one line in a file of its own (daemon/auth/credential_file.h has the rules of
// such files).
#pragma once

#include <string>

#include "model/result.h"

namespace extvold::daemon {

// `place`: a path or systemd:NAME. Blocks for a local file. A plain text, as its way leads into a child's
// standard input at once. Errors name the file and never repeat what it holds.
Result<std::string> read_power_secret(const std::string& place);

}  // namespace extvold::daemon
