// UvProcessRunner: the ProcessRunner port on uv_spawn.
//
// Loop thread only; outlived by the loop and the clock. `done` never comes from inside run(), and may destroy
// the runner. A child starts in `/`, in a session of its own, with descriptors 0, 1 and 2 and, if asked for,
// the lock as 3. Its answer is complete when the child itself has ended: what its descendants write later is
// not waited for.
//
// At the deadline the whole process group gets SIGKILL and `done` comes at once with Errc::uncertain, even if
// the child is stuck in the kernel; it is reaped whenever it ends. Destroying the runner calls nobody and
// kills nobody: a child that holds a lock goes on holding it, which is how the next daemon learns of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "daemon/clock.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/process.h"
#include "model/ports.h"

namespace extvold::daemon {

class UvProcessRunner final : public ProcessRunner {
 public:
  UvProcessRunner(uv::Loop& loop, const Clock& clock);
  ~UvProcessRunner() override;
  UvProcessRunner(const UvProcessRunner&) = delete;
  UvProcessRunner& operator=(const UvProcessRunner&) = delete;

  // Also invalid: argv[0] is not an absolute path, or a word has a NUL byte. Also unavailable: no process or
  // memory to be had.
  void run(ProcessRequest request, std::function<void(Result<ProcessResult>)> done) override;

  // Children that are running, those past their deadline included.
  std::size_t children() const { return jobs_.size() + abandoned_.size(); }

 private:
  struct Job;

  Status start(Job& job, const ProcessRequest& request);
  void on_exit(std::uint64_t id, int exit_status, int signal_number);
  void on_deadline(std::uint64_t id);

  uv::Loop& loop_;
  const Clock& clock_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Job>> jobs_;
  std::map<std::uint64_t, std::unique_ptr<uv::Process>> abandoned_;  // killed, answered, not reaped yet
  uv::Deferred deferred_;
};

// True if some process holds the lock that a ProcessRequest::lock_file makes: a child of this daemon or of an
// earlier one, or what it left behind. A file that does not exist is not held. Errors: permission, internal.
// Any thread.
Result<bool> lock_is_held(const std::string& lock_file);

}  // namespace extvold::daemon
