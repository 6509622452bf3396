#include "host/crash_point.h"

#include <csignal>
#include <cstdlib>

#include <algorithm>

#include "model/check.h"

namespace extvold::host {

void crash_point(std::string_view name) {
  EXTVOLD_CHECK(std::find(kCrashPoints.begin(), kCrashPoints.end(), name) != kCrashPoints.end());
  const char* crash = std::getenv("EXTVOLD_HELPER_CRASH_AT");
  if (crash != nullptr && name == crash) ::raise(SIGKILL);
  const char* stop = std::getenv("EXTVOLD_HELPER_STOP_AT");
  if (stop != nullptr && name == stop) ::raise(SIGSTOP);
}

}  // namespace extvold::host
