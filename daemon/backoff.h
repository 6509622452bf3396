// Backoff: how long to wait before the next try. A value; no clock, no timer.
//
// The n-th wait is uniform in [c/2, c] with c = 2^(n+1) × min, bounded by max: never less than min (for a max
// of at least 2 × min), never more than max, and two daemons that lost the same master do not come back
// together.
#pragma once

#include <algorithm>

#include "daemon/random.h"
#include "model/instant.h"

namespace extvold::daemon {

class Backoff {
 public:
  Backoff(Duration min, Duration max) : min_(min), max_(max) { reset(); }

  Duration next(Random& random) {
    const std::int64_t ceiling = std::min(ceiling_.ns, max_.ns);
    ceiling_ = std::min(ceiling_ * 2, max_);
    const auto half = static_cast<std::uint64_t>(ceiling / 2);
    return {ceiling - static_cast<std::int64_t>(random.next() % (half + 1))};
  }
  void reset() { ceiling_ = min_ * 2; }

 private:
  Duration min_;
  Duration max_;
  Duration ceiling_;
};

}  // namespace extvold::daemon
