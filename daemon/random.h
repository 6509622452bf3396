// Random: where jitter comes from. Injected, so that tests choose it. Never used for a decision, nor for a
// secret.
#pragma once

#include <cstdint>

namespace extvold::daemon {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;  // uniform over all values
};

// The kernel's. Any thread.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

}  // namespace extvold::daemon
