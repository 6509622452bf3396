// Deferred: runs closures in the next turn of the loop, in the order posted. Loop thread only.
//
// It is how a function that starts work keeps the promise not to call back from inside itself. A closure
// posted by a closure waits for the turn after, so that descriptors and timers get theirs. Destroying the
// Deferred drops what has not run, also from inside one of its closures.
#pragma once

#include <functional>
#include <vector>

#include "daemon/uv/handle.h"
#include "daemon/uv/lifeline.h"
#include "daemon/uv/loop.h"

namespace extvold::daemon::uv {

class Deferred {
 public:
  explicit Deferred(Loop& loop);
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  void post(std::function<void()> closure);

 private:
  static void on_idle(uv_idle_t* handle) noexcept;

  std::vector<std::function<void()>> queue_;
  // Not a timer of zero: libuv 1.44 runs one that is started by a timer's callback in the same turn.
  HandlePtr<uv_idle_t> handle_;
  Lifeline lifeline_;
};

}  // namespace extvold::daemon::uv
