// Random: the only source of chance in a simulated run. splitmix64; equal seeds, equal numbers, on every
// machine and with every library (the standard's distributions promise neither).
//
// Each part of the world has a stream of its own, derived from the run's seed and the part's name, so that
// leaving one kind of fault out changes as little as possible of everything else: shrinking needs that.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/check.h"
#include "model/instant.h"

namespace extvold::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  Random(std::uint64_t seed, std::string_view part) : state_(seed) {
    for (const char c : part) state_ = next() ^ static_cast<unsigned char>(c);
  }

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  std::int64_t below(std::int64_t n) {
    EXTVOLD_CHECK(n > 0);
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n));
  }
  std::int64_t between(std::int64_t low, std::int64_t high) { return low + below(high - low + 1); }
  Duration between(Duration low, Duration high) { return {between(low.ns, high.ns)}; }
  bool chance(int percent) { return below(100) < percent; }
  bool per_mille(int parts) { return below(1000) < parts; }
  // Small values often, large ones seldom: half a mean to many of them.
  Duration about(Duration mean) {
    const std::int64_t low = mean.ns / 8 + 1;
    return {chance(20) ? between(mean.ns, mean.ns * 4 + 1) : between(low, mean.ns * 3 / 2 + 1)};
  }
  template <typename T>
  const T& pick(const std::vector<T>& of) {
    return of[static_cast<std::size_t>(below(static_cast<std::int64_t>(of.size())))];
  }

 private:
  std::uint64_t state_;
};

}  // namespace extvold::sim
