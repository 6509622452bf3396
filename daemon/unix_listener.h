// A listening unix socket that only its owner, or a named group, can connect to. Any thread.
#pragma once

#include <string>

#include "daemon/unique_fd.h"
#include "model/result.h"

namespace extvold::daemon {

// Binds `path` with mode 0600, or with a `group` 0660 and that group, without a moment at which it is more
// open. A socket file that nobody answers on is what a killed daemon left: it is replaced. Errors: conflict
// (somebody answers, or it is no socket), not_found (no such directory or group), permission, invalid (path
// too long for sockaddr_un: 107 bytes).
Result<UniqueFd> listen_unix(const std::string& path, const std::string& group);

}  // namespace extvold::daemon
