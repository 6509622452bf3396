#include "daemon/clock.h"

#include <ctime>

#include "model/check.h"

namespace extvold::daemon {
namespace {

std::int64_t read_ns(clockid_t id) {
  timespec time{};
  EXTVOLD_CHECK(clock_gettime(id, &time) == 0);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Instant SystemClock::now() const { return {read_ns(CLOCK_BOOTTIME)}; }

WallTime SystemClock::wall() const { return {read_ns(CLOCK_REALTIME)}; }

}  // namespace extvold::daemon
