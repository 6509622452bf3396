// The recording's clock: it stands still until the first subscriber comes, then runs `speed` times as fast as
// the real one and never goes back; it stops at each hold until it is released. A value; one thread.
#pragma once

#include <optional>
#include <vector>

#include "model/instant.h"
#include "tests/replay/history.h"

namespace extvold::replay {

class ReplayClock {
 public:
  // `holds`: recorded times, in order.
  ReplayClock(double speed, std::vector<Millis> holds);

  void start(Millis recorded, Instant now);  // once
  bool started() const { return started_; }
  Moment at(Instant now) const;

  // The real time at which the clock will show `recorded`; absent: not before the present hold is released
  // (or started).
  std::optional<Instant> when(Millis recorded) const;

  bool held(Instant now) const;
  void release(Instant now);  // goes on to the next hold; without effect while nothing is held

  double speed() const { return speed_; }

 private:
  double speed_;
  std::vector<Millis> holds_;
  bool started_ = false;
  Millis base_recorded_ = 0;
  Instant base_real_;
};

}  // namespace extvold::replay
