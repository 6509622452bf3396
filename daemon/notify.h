// Notify: tells systemd how the service is (sd_notify(3)). Does nothing where NOTIFY_SOCKET is not set. Loop
// thread only.
//
// The watchdog ping comes from the loop itself, at half of WatchdogSec=: a loop that hangs is restarted. What
// else must work can be asked before each ping with `healthy`.
#pragma once

#include <functional>
#include <string_view>

#include "daemon/uv/timer.h"

namespace extvold::daemon {

class Notify {
 public:
  explicit Notify(uv::Loop& loop);

  void ready(std::string_view status);
  void status(std::string_view status);  // one line, shown by systemctl status
  void reloading();                      // call ready() when done
  void stopping();
  // Starts pinging if systemd asked for it. `healthy` (may be empty) false: no ping this time.
  void start_watchdog(std::function<bool()> healthy);

 private:
  void ping();

  std::function<bool()> healthy_;
  Duration ping_interval_;
  uv::Timer timer_;
};

}  // namespace extvold::daemon
