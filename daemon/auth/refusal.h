// refusal_text: what a master's or agent's status other than 200 means to an operator. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "daemon/auth/authenticator.h"

namespace extvold::daemon {

// "answered 403: Forbidden. (the master's ACLs do not allow …)". `who`: "master", "agent". `explanation`: the
// body, as far as it was read; what was sent to the server is taken out of it. `auth` may be null.
std::string refusal_text(std::string_view who, int status, std::string_view explanation,
                         const Authenticator* auth, Recipient to);

}  // namespace extvold::daemon
