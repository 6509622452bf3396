#include "daemon/uv/deferred.h"

namespace extvold::daemon::uv {

Deferred::Deferred(Loop& loop)
    : handle_(make_handle<uv_idle_t>(this, [&](uv_idle_t* h) { return uv_idle_init(loop.raw(), h); })) {}

void Deferred::post(std::function<void()> closure) {
  queue_.push_back(std::move(closure));
  EXTVOLD_CHECK(uv_idle_start(handle_.get(), on_idle) == 0);
}

void Deferred::on_idle(uv_idle_t* handle) noexcept {
  auto* deferred = static_cast<Deferred*>(handle->data);
  if (deferred == nullptr) return;
  uv_idle_stop(handle);
  auto closures = std::exchange(deferred->queue_, {});
  const Lifeline::Watch alive(deferred->lifeline_);
  for (auto& closure : closures) {
    std::exchange(closure, nullptr)();
    if (alive.cut()) return;
  }
}

}  // namespace extvold::daemon::uv
