// Signal: calls back on the loop each time the process gets a signal. Loop thread only. The callback may
// destroy its own Signal. While one exists for a signal number, that signal does not do its default action.
#pragma once

#include <functional>

#include "daemon/uv/handle.h"
#include "daemon/uv/loop.h"

namespace extvold::daemon::uv {

class Signal {
 public:
  Signal(Loop& loop, int signal_number, std::function<void()> callback);
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void unref() { uv::unref(handle_); }

 private:
  static void on_signal(uv_signal_t* handle, int signal_number) noexcept;

  std::function<void()> callback_;
  HandlePtr<uv_signal_t> handle_;
};

}  // namespace extvold::daemon::uv
