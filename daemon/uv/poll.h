// Poll: says when a descriptor can be read or written (level-triggered). Loop thread only.
//
// The descriptor is not owned and must stay open until the Poll is destroyed; it may be closed right after.
// It is made non-blocking. Only one Poll per descriptor. The callback may destroy its own Poll.
#pragma once

#include <functional>

#include "daemon/uv/handle.h"
#include "daemon/uv/loop.h"

namespace extvold::daemon::uv {

class Poll {
 public:
  // `status` is 0 or a negative libuv code (an error on the descriptor: polling has ended); `events` is a
  // mask of UV_READABLE, UV_WRITABLE, UV_DISCONNECT.
  using Callback = std::function<void(int status, int events)>;

  Poll(Loop& loop, int fd, Callback callback);
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  void start(int events);
  void stop();
  void unref() { uv::unref(handle_); }

 private:
  static void on_poll(uv_poll_t* handle, int status, int events) noexcept;

  Callback callback_;
  HandlePtr<uv_poll_t> handle_;
};

}  // namespace extvold::daemon::uv
