// Loop: the one event loop of the daemon.
//
// Everything in daemon/ that is not said to be otherwise belongs to the thread that runs it. The loop
// outlives all handles made on it; its destructor lets libuv finish their closing and then CHECKs that
// nothing is left, so that a leaked handle is a failed test and not a slow leak. A process with a Loop
// ignores SIGPIPE (children get the default back): a peer that hangs up is an error code here.
#pragma once

#include <uv.h>

namespace extvold::daemon::uv {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Returns after stop(), or when no handle is active any more.
  void run();
  // One turn: waits until there is something to do and does it. False: nothing is active any more.
  bool turn();
  // Ends run() after the present turn. From a callback only.
  void stop();

  uv_loop_t* raw() { return &loop_; }

 private:
  uv_loop_t loop_{};
};

}  // namespace extvold::daemon::uv
