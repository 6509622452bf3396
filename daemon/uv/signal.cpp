#include "daemon/uv/signal.h"

namespace extvold::daemon::uv {

Signal::Signal(Loop& loop, int signal_number, std::function<void()> callback)
    : callback_(std::move(callback)),
      handle_(make_handle<uv_signal_t>(this, [&](uv_signal_t* h) { return uv_signal_init(loop.raw(), h); })) {
  EXTVOLD_CHECK(uv_signal_start(handle_.get(), on_signal, signal_number) == 0);
}

void Signal::on_signal(uv_signal_t* handle, int) noexcept {
  if (handle->data == nullptr) return;
  // Outside of the object while it runs, so that it may destroy the object; back afterwards if it did not.
  auto callback = std::move(static_cast<Signal*>(handle->data)->callback_);
  callback();
  if (handle->data != nullptr) static_cast<Signal*>(handle->data)->callback_ = std::move(callback);
}

}  // namespace extvold::daemon::uv
