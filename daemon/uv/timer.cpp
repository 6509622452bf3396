#include "daemon/uv/timer.h"

#include <algorithm>

namespace extvold::daemon::uv {

Timer::Timer(Loop& loop)
    : handle_(make_handle<uv_timer_t>(this, [&](uv_timer_t* h) { return uv_timer_init(loop.raw(), h); })) {}

void Timer::start(Duration after, std::function<void()> callback) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  const std::int64_t ns = std::clamp<std::int64_t>(after.ns, 0, INT64_MAX - kNsPerMs);
  callback_ = std::move(callback);
  // libuv counts from the start of the loop turn: without this a timer set after slow work would be early.
  uv_update_time(handle_->loop);
  EXTVOLD_CHECK(uv_timer_start(handle_.get(), on_timer,
                               static_cast<std::uint64_t>((ns + kNsPerMs - 1) / kNsPerMs), 0) == 0);
}

void Timer::stop() {
  uv_timer_stop(handle_.get());
  callback_ = nullptr;
}

bool Timer::active() const { return uv_is_active(reinterpret_cast<const uv_handle_t*>(handle_.get())) != 0; }

void Timer::on_timer(uv_timer_t* handle) noexcept {
  auto* timer = static_cast<Timer*>(handle->data);
  if (timer == nullptr) return;
  const auto callback = std::move(timer->callback_);
  timer->callback_ = nullptr;
  callback();
}

}  // namespace extvold::daemon::uv
