// Delays: runs closures, each after a while of its own. Loop thread only; outlived by the loop.
//
// Never from inside after(), and never early (daemon/uv/timer.h). Destroying the Delays drops what has not
// run, also from inside one of its closures.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "daemon/uv/loop.h"
#include "daemon/uv/timer.h"
#include "model/instant.h"

namespace extvold::daemon::uv {

class Delays {
 public:
  explicit Delays(Loop& loop) : loop_(loop) {}
  Delays(const Delays&) = delete;
  Delays& operator=(const Delays&) = delete;

  void after(Duration delay, std::function<void()> closure);

 private:
  Loop& loop_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Timer>> timers_;
};

}  // namespace extvold::daemon::uv
