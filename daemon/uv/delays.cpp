#include "daemon/uv/delays.h"

#include <utility>

namespace extvold::daemon::uv {

void Delays::after(Duration delay, std::function<void()> closure) {
  const std::uint64_t id = next_id_++;
  auto timer = std::make_unique<Timer>(loop_);
  Timer& started = *timer;
  timers_.emplace(id, std::move(timer));
  started.start(delay, [this, id, closure = std::move(closure)] {
    timers_.erase(id);  // first: the closure, which outlives its timer, may destroy this
    closure();
  });
}

}  // namespace extvold::daemon::uv
