// The recorded cluster on the network: one port for each recorded endpoint, one clock, one loop. Loop thread
// only.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/result.h"
#include "tests/replay/addresses.h"
#include "tests/replay/answers.h"
#include "tests/replay/clock.h"
#include "tests/replay/http_port.h"

namespace extvold::replay {

class Server : public HttpHandler {
 public:
  // The references outlive the server. `verbose`: a line on stderr for each request.
  Server(const History& history, const Addresses& addresses, const Answers& answers, ReplayClock clock,
         bool verbose);
  ~Server() override;

  void add(const Endpoint& endpoint, Listener listener);
  // Opens what answers before the clock starts. Errors: conflict.
  Status open();
  // Until SIGTERM or SIGINT is read from `signal_fd`; SIGUSR1 releases a hold. Errors: internal.
  Status run(int signal_fd);

  Reply answer(const Ask& ask, Instant now) override;
  StreamSession subscribe(const Reply& reply, Instant now) override;

 private:
  Status apply_phases(Instant now);
  Instant next_look(Instant now) const;
  void log(const Ask& ask, const Reply& reply, Instant now);

  const History& history_;
  const Addresses& addresses_;
  const Answers& answers_;
  ReplayClock clock_;
  bool verbose_;
  std::vector<std::unique_ptr<HttpPort>> ports_;
  std::set<std::string> noted_;
};

}  // namespace extvold::replay
