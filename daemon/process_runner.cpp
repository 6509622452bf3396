#include "daemon/process_runner.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "daemon/unique_fd.h"
#include "daemon/uv/poll.h"
#include "daemon/uv/timer.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

constexpr std::size_t kReadBytes = 64U << 10U;

Errc errc_from_errno(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return Errc::permission;
    case ENOSPC:
    case EDQUOT:
      return Errc::exhausted;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return Errc::unavailable;
    case E2BIG:
    case ENOEXEC:
    case ENAMETOOLONG:
      return Errc::invalid;
  }
  return Errc::internal;
}

tl::unexpected<Error> fail_errno(int error, std::string_view what) {
  return fail(errc_from_errno(error), "{}: {}", what, std::strerror(error));
}

Status check_request(const ProcessRequest& request) {
  if (request.argv.empty() || !request.argv.front().starts_with('/')) {
    return fail(Errc::invalid, "program \"{}\": an absolute path is needed, PATH is not searched",
                request.argv.empty() ? std::string() : request.argv.front());
  }
  const auto has_nul = [](const std::string& word) { return word.find('\0') != std::string::npos; };
  if (std::any_of(request.argv.begin(), request.argv.end(), has_nul) ||
      std::any_of(request.env.begin(), request.env.end(), has_nul)) {
    return fail(Errc::invalid, "{}: an argument or a variable has a NUL byte", request.argv.front());
  }
  return {};
}

// A file in memory instead of a pipe: nothing to write step by step, no deadlock with a child that does not
// read.
Result<UniqueFd> open_standard_input(const std::string& bytes) {
  if (bytes.empty()) {
    UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null) return fail_errno(errno, "/dev/null");
    return null;
  }
  UniqueFd file(::memfd_create("extvold-stdin", MFD_CLOEXEC));
  if (!file) return fail_errno(errno, "memfd_create");
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno != EINTR) return fail_errno(errno, "standard input of a child");
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno(errno, "standard input of a child");
  return file;
}

// The lock belongs to the open file, not to a process: the child's copy keeps it after ours is closed.
Result<UniqueFd> take_lock(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == ENOENT) {
    const std::string folder = path.substr(0, path.rfind('/'));
    return fail(Errc::not_found, "lock file {}: no folder {} (make it: mkdir -p {}, or mount its disk there)",
                path, folder, folder);
  }
  if (!file) return fail_errno(errno, fmt::format("lock file {}", path));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) {
    return fail(Errc::busy,
                "lock file {} is held: a process of an earlier operation still runs (fuser {} names it)",
                path, path);
  }
  return fail_errno(errno, fmt::format("lock file {}", path));
}

std::vector<std::string> with_c_locale(std::vector<std::string> env) {
  std::erase_if(env, [](const std::string& variable) { return variable.starts_with("LC_ALL="); });
  env.emplace_back("LC_ALL=C");
  return env;
}

// The reading end of one of the child's output streams. Keeps the first `bytes_max`, reads and drops the
// rest.
class Capture {
 public:
  Capture(uv::Loop& loop, UniqueFd fd, std::size_t bytes_max)
      : fd_(std::move(fd)), bytes_max_(bytes_max), poll_(std::in_place, loop, fd_.get(), [this](int, int) {
          read_some();
          if (at_end_) poll_->stop();
        }) {
    poll_->start(UV_READABLE);
  }

  // What is in the pipe now, and no more: a descendant may hold the other end, and write, for ever.
  void read_rest() {
    const int capacity = ::fcntl(fd_.get(), F_GETPIPE_SZ);
    for (int left = std::max(capacity, 0); left > 0; left -= static_cast<int>(kReadBytes)) {
      if (!read_some()) return;
    }
  }

  std::string take() { return std::move(bytes_); }
  bool truncated() const { return truncated_; }

 private:
  // False: nothing is there, now or (at_end_) for ever.
  bool read_some() {
    std::array<char, kReadBytes> buffer;
    const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
    if (n <= 0) {
      at_end_ = n == 0 || (errno != EAGAIN && errno != EINTR);
      return n < 0 && errno == EINTR;
    }
    const std::size_t kept = std::min(static_cast<std::size_t>(n), bytes_max_ - bytes_.size());
    bytes_.append(buffer.data(), kept);
    truncated_ = truncated_ || kept < static_cast<std::size_t>(n);
    return true;
  }

  UniqueFd fd_;
  std::size_t bytes_max_;
  std::string bytes_;
  bool truncated_ = false;
  bool at_end_ = false;
  std::optional<uv::Poll> poll_;
};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

struct UvProcessRunner::Job {
  std::uint64_t id = 0;
  std::string program;
  Duration deadline;
  std::function<void(Result<ProcessResult>)> done;
  Instant started_at;
  std::unique_ptr<uv::Process> process;
  std::optional<Capture> standard_output;
  std::optional<Capture> standard_error;
  std::optional<uv::Timer> timer;
};

UvProcessRunner::UvProcessRunner(uv::Loop& loop, const Clock& clock)
    : loop_(loop), clock_(clock), deferred_(loop) {}

UvProcessRunner::~UvProcessRunner() = default;

void UvProcessRunner::run(ProcessRequest request, std::function<void(Result<ProcessResult>)> done) {
  auto job = std::make_unique<Job>();
  job->id = next_id_++;
  job->done = std::move(done);
  if (auto started = start(*job, request); !started) {
    deferred_.post([done = std::move(job->done), error = std::move(started).error()] {
      done(tl::make_unexpected(error));
    });
    return;
  }
  jobs_.emplace(job->id, std::move(job));
}

Status UvProcessRunner::start(Job& job, const ProcessRequest& request) {
  TRY(check_request(request));
  job.program = request.argv.front();
  job.deadline = request.deadline;
  UniqueFd lock;
  if (!request.lock_file.empty()) {
    ASSIGN(lock, take_lock(request.lock_file));
  }
  ASSIGN(const UniqueFd input, open_standard_input(request.standard_input));
  ASSIGN(Pipe output, make_pipe());
  ASSIGN(Pipe error, make_pipe());

  uv::SpawnOptions options;
  options.argv = request.argv;
  options.env = with_c_locale(request.env);
  options.fds = {input.get(), output.write_end.get(), error.write_end.get()};
  if (lock) options.fds.push_back(lock.get());
  job.process = std::make_unique<uv::Process>(
      [this, id = job.id](int exit_status, int signal_number) { on_exit(id, exit_status, signal_number); });
  job.started_at = clock_.now();
  if (const int code = job.process->spawn(loop_, options); code != 0) {
    return fail_errno(-code, fmt::format("cannot start {}", job.program));
  }
  job.standard_output.emplace(loop_, std::move(output.read_end), request.output_bytes_max);
  job.standard_error.emplace(loop_, std::move(error.read_end), request.output_bytes_max);
  job.timer.emplace(loop_);
  job.timer->start(request.deadline, [this, id = job.id] { on_deadline(id); });
  return {};
}

void UvProcessRunner::on_exit(std::uint64_t id, int exit_status, int signal_number) {
  if (abandoned_.erase(id) != 0) return;
  const auto found = jobs_.find(id);
  EXTVOLD_CHECK(found != jobs_.end());
  const auto job = std::move(found->second);
  jobs_.erase(found);
  job->standard_output->read_rest();
  job->standard_error->read_rest();

  constexpr int kShellSignalBase = 128;
  ProcessResult result;
  result.exit_status = signal_number != 0 ? kShellSignalBase + signal_number : exit_status;
  result.truncated = job->standard_output->truncated() || job->standard_error->truncated();
  result.standard_output = job->standard_output->take();
  result.standard_error = job->standard_error->take();
  result.started_at = job->started_at;
  result.ended_at = clock_.now();
  // From the next turn: libuv is in the middle of its list of children now.
  deferred_.post(
      [done = std::move(job->done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void UvProcessRunner::on_deadline(std::uint64_t id) {
  const auto found = jobs_.find(id);
  EXTVOLD_CHECK(found != jobs_.end());
  // The loop was late, not the child: its end comes in this turn.
  if (found->second->process->has_ended()) return;
  const auto job = std::move(found->second);
  jobs_.erase(found);
  job->process->kill_group(SIGKILL);
  job->process->unref();  // a child stuck in the kernel does not keep the daemon from stopping
  abandoned_.emplace(id, std::move(job->process));
  Result<ProcessResult> result = fail(
      Errc::uncertain,
      "{}: killed after its deadline of {} ms; it may have done its work, or still be at it in the kernel",
      job->program, job->deadline.ns / 1'000'000);
  deferred_.post(
      [done = std::move(job->done), result = std::move(result)]() mutable { done(std::move(result)); });
}

Result<bool> lock_is_held(const std::string& lock_file) {
  const UniqueFd file(::open(lock_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return false;
  if (!file) return fail_errno(errno, fmt::format("lock file {}", lock_file));
  if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return fail_errno(errno, fmt::format("lock file {}", lock_file));
}

}  // namespace extvold::daemon
