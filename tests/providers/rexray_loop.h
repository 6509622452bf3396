// RexrayLoop: a clock that jumps to whatever is due next, for tests of the `rexray` provider without threads
// and without waiting. Main thread only.
#pragma once

#include <functional>
#include <map>
#include <utility>

#include "model/instant.h"

namespace extvold::tests {

class RexrayLoop {
 public:
  Instant now() const { return now_; }

  void after(Duration delay, std::function<void()> closure) {
    queue_.emplace(now_ + delay, std::move(closure));
  }

  // True: there was one.
  bool step() {
    if (queue_.empty()) return false;
    auto first = queue_.begin();
    if (first->first > now_) now_ = first->first;
    const std::function<void()> closure = std::move(first->second);
    queue_.erase(first);
    closure();
    return true;
  }

  void drain() {
    while (step()) {
    }
  }

  // As a daemon that is killed forgets.
  void forget() { queue_.clear(); }

 private:
  Instant now_{1'000'000'000};
  std::multimap<Instant, std::function<void()>> queue_;
};

}  // namespace extvold::tests
