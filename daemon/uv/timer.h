// Timer: calls back once, after a while. Loop thread only. The callback may restart, stop or destroy its own
// timer.
//
// libuv counts CLOCK_MONOTONIC in milliseconds; a duration is rounded up, so a timer is never early.
#pragma once

#include <functional>

#include "daemon/uv/handle.h"
#include "daemon/uv/loop.h"
#include "model/instant.h"

namespace extvold::daemon::uv {

class Timer {
 public:
  explicit Timer(Loop& loop);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was set before. A negative duration is none; also then the callback comes from the loop.
  void start(Duration after, std::function<void()> callback);
  void stop();
  bool active() const;
  // A loop that has nothing but unreferenced handles left ends its run().
  void unref() { uv::unref(handle_); }

 private:
  static void on_timer(uv_timer_t* handle) noexcept;

  std::function<void()> callback_;
  HandlePtr<uv_timer_t> handle_;
};

}  // namespace extvold::daemon::uv
