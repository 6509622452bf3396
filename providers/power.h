// PowerFence: the rung of the fence ladder that belongs to no provider: a host is switched off.
//
// The contract is that of Provider::change_fence() (providers/provider.h): loop thread only, exactly one
// callback, never from inside the call; `set` ends with the host ordered off, `check` asks its power and says
// held = yes only if it is off, `lift` switches it on again.
#pragma once

#include <functional>
#include <string_view>

#include "model/fence.h"

namespace extvold::providers {

class PowerFence {
 public:
  virtual ~PowerFence() = default;

  // Whether the configuration says how to switch this host off.
  virtual bool covers(std::string_view host) const = 0;

  virtual void change_fence(FenceCall call, std::function<void(FenceResult)> done) = 0;
};

}  // namespace extvold::providers
