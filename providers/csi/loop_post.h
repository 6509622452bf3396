// LoopPost: how a thread that is not ours hands a result to the loop. gRPC answers on threads of its own;
// what it calls there does nothing but post. daemon/ implements it (uv_async), tests by a queue.
//
// post() from any thread; the closures run on the loop thread, in the order posted, never from inside post().
// Shared: a call that is still under way when its provider is gone keeps its LoopPost, which then may drop
// what is posted.
#pragma once

#include <functional>

namespace extvold::providers::csi {

class LoopPost {
 public:
  virtual ~LoopPost() = default;
  virtual void post(std::function<void()> closure) = 0;
};

}  // namespace extvold::providers::csi
