#include "daemon/uv/async.h"

namespace extvold::daemon::uv {

Async::Async(Loop& loop, std::function<void()> callback)
    : callback_(std::move(callback)), handle_(make_handle<uv_async_t>(this, [&](uv_async_t* h) {
        return uv_async_init(loop.raw(), h, on_async);
      })) {}

void Async::send() { EXTVOLD_CHECK(uv_async_send(handle_.get()) == 0); }

void Async::on_async(uv_async_t* handle) noexcept {
  if (handle->data == nullptr) return;
  auto callback = std::move(static_cast<Async*>(handle->data)->callback_);
  callback();
  if (handle->data != nullptr) static_cast<Async*>(handle->data)->callback_ = std::move(callback);
}

}  // namespace extvold::daemon::uv
