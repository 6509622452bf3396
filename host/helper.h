// The helper: what blocks (ioctls, mount, mkfs, fsync) runs in a child process, so that a hung disk hangs
// nothing but its volume. The child is this same program with the hidden subcommand `host-helper`: one JSON
// request on standard input, one JSON answer on standard output, then it ends. One thread.
//
//   {"protocol":2,"verb":"local.attach", ...}
//   {"ok":true, ...}   or   {"ok":false,"code":"conflict","message":"..."}
//
// The caller's rules: no answer, or one that does not parse, or a deadline, means that it may have happened
// (Errc::uncertain). A lock that the caller passed by an inherited descriptor is held until the helper, and
// whatever it started, has ended.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "model/result.h"

namespace extvold::host {

// Raised whenever a request or an answer changes its meaning: an upgraded program may be started by a
// daemon of the old version.
inline constexpr int kHelperProtocol = 2;

struct HelperVerb {
  std::string_view name;
  // The answer's fields, an object; `ok` is added. The code uncertain if it may have happened or may still
  // happen.
  std::function<Result<nlohmann::json>(const nlohmann::json& request)> run;
};

// For main(): reads the request from `in`, runs the verb, writes the answer to `out`. Returns the exit
// status: 0 if a whole answer was written, whatever it says. Sets the umask; closes nothing.
int helper_main(int in, int out, std::span<const HelperVerb> verbs);

}  // namespace extvold::host
