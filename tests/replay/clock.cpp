#include "tests/replay/clock.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/check.h"

namespace extvold::replay {

ReplayClock::ReplayClock(double speed, std::vector<Millis> holds) : speed_(speed), holds_(std::move(holds)) {
  EXTVOLD_CHECK(speed_ > 0);
  std::sort(holds_.begin(), holds_.end());
}

void ReplayClock::start(Millis recorded, Instant now) {
  EXTVOLD_CHECK(!started_);
  started_ = true;
  base_recorded_ = recorded;
  base_real_ = now;
}

Moment ReplayClock::at(Instant now) const {
  if (!started_) return std::nullopt;
  // Half a microsecond over: when() rounds up, and what it promised must be reached at that instant.
  const double passed_ms = (static_cast<double>((now - base_real_).ns) * speed_ + 500.0) / 1e6;
  const Millis recorded = base_recorded_ + static_cast<Millis>(std::floor(passed_ms));
  return holds_.empty() ? recorded : std::min(recorded, std::max(holds_.front(), base_recorded_));
}

std::optional<Instant> ReplayClock::when(Millis recorded) const {
  if (!started_) return std::nullopt;
  if (!holds_.empty() && recorded > std::max(holds_.front(), base_recorded_)) return std::nullopt;
  const double wait_ns = static_cast<double>(recorded - base_recorded_) * 1e6 / speed_;
  return base_real_ + Duration{static_cast<std::int64_t>(std::ceil(wait_ns))};
}

bool ReplayClock::held(Instant now) const {
  const Moment at_now = at(now);
  return at_now && !holds_.empty() && *at_now >= holds_.front();
}

void ReplayClock::release(Instant now) {
  if (!held(now)) return;
  base_recorded_ = *at(now);
  base_real_ = now;
  while (!holds_.empty() && holds_.front() <= base_recorded_) holds_.erase(holds_.begin());
}

}  // namespace extvold::replay
