// Clock: where time comes from. Given to the parts of the edge that need it; the core is handed instants
// instead.
#pragma once

#include "model/instant.h"

namespace extvold::daemon {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;
};

// CLOCK_BOOTTIME (counts through a suspend, is shared by all processes of this boot) and CLOCK_REALTIME. Any
// thread.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  WallTime wall() const override;
};

}  // namespace extvold::daemon
