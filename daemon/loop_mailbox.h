// LoopMailbox: where threads of others (gRPC's) hand closures to the loop; implements
// providers/csi/loop_post.h.
//
// A member of the Machine: made and destroyed on the loop thread, after the loop and before it. What it gives
// out by post() may be kept longer, by calls whose provider is gone: closures that come then are kept to the
// program's end, as they must not end on the thread that brings them.
#pragma once

#include <memory>

#include "daemon/uv/loop.h"
#include "providers/csi/loop_post.h"

namespace extvold::daemon {

class LoopMailbox {
 public:
  explicit LoopMailbox(uv::Loop& loop);
  ~LoopMailbox();
  LoopMailbox(const LoopMailbox&) = delete;
  LoopMailbox& operator=(const LoopMailbox&) = delete;

  // From the first one on the loop does not end by itself.
  std::shared_ptr<providers::csi::LoopPost> post();

 private:
  class Box;

  uv::Loop& loop_;
  std::shared_ptr<Box> box_;  // null: nobody has asked yet
};

}  // namespace extvold::daemon
