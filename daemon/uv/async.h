// Async: wakes the loop from another thread. Made and destroyed on the loop thread; send() from any thread,
// as long as the Async exists (join the other thread first). Several send() may become one callback. The
// callback runs on the loop thread and may destroy its own Async.
#pragma once

#include <functional>

#include "daemon/uv/handle.h"
#include "daemon/uv/loop.h"

namespace extvold::daemon::uv {

class Async {
 public:
  Async(Loop& loop, std::function<void()> callback);
  Async(const Async&) = delete;
  Async& operator=(const Async&) = delete;

  void send();
  void unref() { uv::unref(handle_); }

 private:
  static void on_async(uv_async_t* handle) noexcept;

  std::function<void()> callback_;
  HandlePtr<uv_async_t> handle_;
};

}  // namespace extvold::daemon::uv
