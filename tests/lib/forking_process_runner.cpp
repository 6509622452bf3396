#include "tests/lib/forking_process_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "model/check.h"

namespace extvold::tests {

namespace {

int memory_file(std::string_view content) {
  const int fd = ::memfd_create("child", MFD_CLOEXEC);
  EXTVOLD_CHECK(fd >= 0);
  EXTVOLD_CHECK(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string content_of(int fd, std::size_t bytes_max, bool& truncated) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  std::string text(std::min(static_cast<std::size_t>(size), bytes_max), '\0');
  truncated = truncated || static_cast<std::size_t>(size) > bytes_max;
  EXTVOLD_CHECK(::pread(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  ::close(fd);
  return text;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

[[noreturn]] void become(const ProcessRequest& request, int in, int out, int err) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no children
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  std::vector<std::string> environment = request.env;
  environment.emplace_back("LC_ALL=C");
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
    if (const char* value = ::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  std::vector<std::string> arguments = request.argv;
  ::execve(arguments[0].c_str(), pointers(arguments).data(), pointers(environment).data());
  ::_exit(127);
}

}  // namespace

Instant boot_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant{std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

ForkingProcessRunner::~ForkingProcessRunner() { forget(false); }

Result<ForkingProcessRunner::Running> ForkingProcessRunner::start(const ProcessRequest& request) {
  if (::access(request.argv.at(0).c_str(), X_OK) != 0) {
    return fail(Errc::not_found, "{}: cannot be started: {}", request.argv[0], std::strerror(errno));
  }
  int lock = -1;
  if (!request.lock_file.empty()) {
    lock = ::open(request.lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return fail(Errc::not_found, "{}: {}", request.lock_file, std::strerror(errno));
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
      ::close(lock);
      return fail(Errc::busy, "{}: locked", request.lock_file);
    }
  }
  Running child;
  const int in = memory_file(request.standard_input);
  child.out = memory_file("");
  child.err = memory_file("");
  child.started_at = boot_clock();
  child.deadline_at = child.started_at + request.deadline;
  child.output_bytes_max = request.output_bytes_max;
  child.pid = ::fork();
  EXTVOLD_CHECK(child.pid >= 0);
  if (child.pid == 0) {
    if (lock >= 0) ::fcntl(lock, F_SETFD, 0);
    become(request, in, child.out, child.err);
  }
  ::setpgid(child.pid, child.pid);  // both do, so that the group is there whoever comes first
  ::close(in);
  if (lock >= 0) ::close(lock);  // the child has it now
  child.pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0));
  EXTVOLD_CHECK(child.pidfd >= 0);
  ++started;
  return child;
}

void ForkingProcessRunner::run(ProcessRequest request, std::function<void(Result<ProcessResult>)> done) {
  Result<Running> child = start(request);
  if (!child) {
    refused_.emplace_back(std::move(done), child.error());
    return;
  }
  child->done = std::move(done);
  running_.push_back(*std::move(child));
}

Result<ProcessResult> ForkingProcessRunner::wait_for(const Running& child) {
  ProcessResult result;
  pollfd ended{child.pidfd, POLLIN, 0};
  const std::int64_t left_ms = (child.deadline_at - boot_clock()).ns / 1'000'000;
  const bool late = ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left_ms, 0))) == 0;
  if (late) ::kill(-child.pid, SIGKILL);
  int status = 0;
  EXTVOLD_CHECK(::waitpid(child.pid, &status, 0) == child.pid);
  ::close(child.pidfd);
  result.standard_output = content_of(child.out, child.output_bytes_max, result.truncated);
  result.standard_error = content_of(child.err, child.output_bytes_max, result.truncated);
  result.started_at = child.started_at;
  result.ended_at = boot_clock();
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (late) return fail(Errc::uncertain, "killed at its deadline");
  return result;
}

void ForkingProcessRunner::drain() {
  while (!running_.empty() || !refused_.empty()) {
    const auto refused = std::exchange(refused_, {});
    for (const auto& [done, error] : refused) done(tl::make_unexpected(error));
    const std::vector<Running> running = std::exchange(running_, {});
    for (const Running& child : running) child.done(wait_for(child));
  }
}

std::vector<pid_t> ForkingProcessRunner::forget(bool children_live) {
  std::vector<pid_t> living;
  for (const Running& child : running_) {
    if (children_live) living.push_back(child.pid);
    if (!children_live) {
      ::kill(-child.pid, SIGKILL);
      ::waitpid(child.pid, nullptr, 0);
    }
    for (const int fd : {child.pidfd, child.out, child.err}) ::close(fd);
  }
  running_.clear();
  refused_.clear();
  return living;
}

}  // namespace extvold::tests
