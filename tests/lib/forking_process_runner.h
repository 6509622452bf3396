// ForkingProcessRunner: a ProcessRunner for tests that really starts processes. run() starts the child at
// once; drain() waits for all that run (killing those past their deadline) and only then calls back, until
// nothing is left. As in the daemon, the lock file is locked before the child starts and stays locked as long
// as anything that inherited it lives. Main thread only.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "model/ports.h"

namespace extvold::tests {

Instant boot_clock();

class ForkingProcessRunner final : public ProcessRunner {
 public:
  ~ForkingProcessRunner() override;

  void run(ProcessRequest request, std::function<void(Result<ProcessResult>)> done) override;
  void drain();

  // Forgets the children and their callbacks, as a kill -9 of the daemon does. They are killed, or live on;
  // then the caller has to kill their process groups and wait for them.
  std::vector<pid_t> forget(bool children_live);

  int started = 0;  // children so far

 private:
  struct Running {
    pid_t pid = 0;
    int pidfd = -1;
    int out = -1;
    int err = -1;
    Instant started_at;
    Instant deadline_at;
    std::size_t output_bytes_max = 0;
    std::function<void(Result<ProcessResult>)> done;
  };
  Result<Running> start(const ProcessRequest& request);
  static Result<ProcessResult> wait_for(const Running& child);

  std::vector<Running> running_;
  std::vector<std::pair<std::function<void(Result<ProcessResult>)>, Error>> refused_;
};

}  // namespace extvold::tests
