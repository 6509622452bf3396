// Machine: the real world behind the ports: the loop, the clock, HTTP, child processes, the configured
// providers. What `serve` and the one-shot runs are built on. Main thread; members are torn down in the
// reverse of their order.
#pragma once

#include <memory>
#include <vector>

#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/driver.h"
#include "daemon/http_client.h"
#include "daemon/log.h"
#include "daemon/loop_mailbox.h"
#include "daemon/process_runner.h"
#include "daemon/providers_setup.h"
#include "daemon/random.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/loop.h"

namespace extvold::daemon {

struct Machine {
  SystemClock clock;
  SystemRandom random;
  uv::Loop loop;
  CurlHttpClient http{loop, clock};
  UvProcessRunner processes{loop, clock};
  uv::Deferred deferred{loop};
  LoopMailbox mailbox{loop};

  ProviderPorts provider_ports() { return {processes, http, mailbox, deferred, loop, clock}; }

  // The driver of this configuration, not started. `log` must outlive it, and this Machine too.
  Result<std::unique_ptr<Driver>> make_driver(const Config& config, bool dry_run, Log& log);
};

DriverOptions driver_options(const Config& config);

}  // namespace extvold::daemon
