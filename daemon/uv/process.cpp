#include "daemon/uv/process.h"

#include <sys/wait.h>

#include <csignal>

namespace extvold::daemon::uv {
namespace {

// execve's own shape: pointers into `texts`, null at the end. libuv does not write to them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

int Process::spawn(Loop& loop, const SpawnOptions& options) {
  EXTVOLD_CHECK(handle_ == nullptr && !options.argv.empty());
  auto argv = pointers_to(options.argv);
  auto env = pointers_to(options.env);
  std::vector<uv_stdio_container_t> stdio(options.fds.size());
  for (std::size_t i = 0; i < stdio.size(); ++i) {
    stdio[i].flags = UV_INHERIT_FD;
    stdio[i].data.fd = options.fds[i];
  }
  uv_process_options_t raw{};
  raw.exit_cb = on_exit;
  raw.file = options.argv.front().c_str();
  raw.args = argv.data();
  raw.env = env.data();
  raw.cwd = options.working_directory.c_str();
  raw.flags = UV_PROCESS_DETACHED;  // setsid: the group is then the child and what it leaves behind
  raw.stdio_count = static_cast<int>(stdio.size());
  raw.stdio = stdio.data();

  int code = 0;
  handle_ = make_handle<uv_process_t>(this, [&](uv_process_t* h) {
    code = uv_spawn(loop.raw(), h, &raw);
    return 0;  // also a failed spawn leaves an initialised handle that wants uv_close
  });
  return code;
}

int Process::pid() const { return uv_process_get_pid(handle_.get()); }

void Process::kill_group(int signal_number) {
  if (pid() > 1) ::kill(-pid(), signal_number);
}

bool Process::has_ended() const {
  siginfo_t info{};
  const int rc = ::waitid(P_PID, static_cast<id_t>(pid()), &info, WEXITED | WNOHANG | WNOWAIT);
  return rc == 0 && info.si_pid == pid();
}

void Process::on_exit(uv_process_t* handle, std::int64_t exit_status, int signal_number) noexcept {
  auto* process = static_cast<Process*>(handle->data);
  if (process == nullptr) return;
  const auto callback = std::move(process->on_exit_);
  callback(static_cast<int>(exit_status), signal_number);
}

}  // namespace extvold::daemon::uv
