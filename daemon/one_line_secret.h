// A secret that is one line in a file of its own, as power devices and providers have
// (daemon/auth/credential_file.h has the rules of such files).
#pragma once

#include <string>

#include "model/result.h"

namespace extvold::daemon {

// `place`: a path or systemd:NAME. Blocks for a local file. A plain text, as its way leads into a child's
// standard input or a request at once. Errors name the file and never repeat what it holds.
Result<std::string> read_one_line_secret(const std::string& place);

}  // namespace extvold::daemon
