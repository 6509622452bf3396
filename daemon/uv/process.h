// Process: one child process, in a session and process group of its own. Loop thread only.
//
// Destroying a Process does not touch the child, but then nobody reaps it before this process ends: keep it
// until `on_exit` has come. `on_exit` may destroy its own Process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/uv/handle.h"
#include "daemon/uv/loop.h"

namespace extvold::daemon::uv {

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is the path
  std::vector<std::string> env;   // the whole environment
  std::vector<int>
      fds;  // fds[i] becomes descriptor i of the child; no other is inherited if all are O_CLOEXEC
  std::string working_directory = "/";
};

class Process {
 public:
  using OnExit = std::function<void(int exit_status, int signal_number)>;

  explicit Process(OnExit on_exit) : on_exit_(std::move(on_exit)) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // 0, or a negative libuv code: then no child exists and `on_exit` will not come. At most once per object.
  int spawn(Loop& loop, const SpawnOptions& options);
  int pid() const;
  // The whole process group; errors (there is none any more) do not matter.
  void kill_group(int signal_number);
  // True if the child has ended and only waits to be reaped by the loop.
  bool has_ended() const;
  void unref() { uv::unref(handle_); }

 private:
  static void on_exit(uv_process_t* handle, std::int64_t exit_status, int signal_number) noexcept;

  OnExit on_exit_;
  HandlePtr<uv_process_t> handle_;
};

}  // namespace extvold::daemon::uv
