#include "daemon/uv/poll.h"

namespace extvold::daemon::uv {

Poll::Poll(Loop& loop, int fd, Callback callback)
    : callback_(std::move(callback)),
      handle_(make_handle<uv_poll_t>(this, [&](uv_poll_t* h) { return uv_poll_init(loop.raw(), h, fd); })) {}

void Poll::start(int events) { EXTVOLD_CHECK(uv_poll_start(handle_.get(), events, on_poll) == 0); }

void Poll::stop() { uv_poll_stop(handle_.get()); }

void Poll::on_poll(uv_poll_t* handle, int status, int events) noexcept {
  if (handle->data == nullptr) return;
  auto callback = std::move(static_cast<Poll*>(handle->data)->callback_);
  callback(status, events);
  if (handle->data != nullptr) static_cast<Poll*>(handle->data)->callback_ = std::move(callback);
}

}  // namespace extvold::daemon::uv
